//! Joins outputs that are uploaded while they are muxed.
//!
//! What the muxer has written is uploaded to an object in the run's folder and removed from the disk.
//! The object is read back to be checked, and storage copies it to its target. So neither the output
//! nor the audio's samples have to fit in `/tmp`.

use std::path::PathBuf;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::info;

use super::super::deliver::Goods;
use super::super::{Job, TaskError, Worker, millis};
use super::folder::Piece;
use super::in_place::Join;
use super::join::{BUFFERED, PIECES_ARE_DECODED};
use super::notes::PieceNote;
use crate::engine::artifacts::{Artifact, Copied, Kind};
use crate::engine::make::{Lists, Made};
use crate::engine::render::join;
use crate::engine::verify::{Check, Verified, decode_audio, verify};
use crate::engine::workspace::free_bytes;
use crate::storage::Precondition;
use crate::storage::assembly::{Assembly, Bytes};
use crate::storage::fill::Filler;
use crate::storage::growing::GrowingUpload;
use crate::storage::upload::{PendingUpload, Stored, UploadError};
use crate::task::{Entry, Stage};

/// How many bytes are kept on the disk of a file that is read from start to end.
pub(super) const KEPT: u64 = 256 * 1024 * 1024;
/// Bytes of a line in the list of packets.
const LINE: u64 = 128;
/// An output is larger than its pieces by at most this and their size.
const OVERHEAD: u64 = 1 << 30;

impl Worker {
    /// Joins the pieces. Returns an upload that only has to be completed.
    pub(super) async fn join_as_stream(
        &self,
        work: &Join<'_>,
    ) -> Result<(Vec<Artifact>, Vec<PendingUpload>), TaskError> {
        let Join { note, workspace, journal, .. } = *work;
        let request =
            self.read(&Job::new(&note.main.bucket, &note.main.key, journal.latest().process))?;
        self.check_target(&request, &note.target)?;
        let started = Instant::now();
        let lists = Lists { audio: None, ..Lists::new(workspace, PIECES_ARE_DECODED) };
        let stored = Box::pin(self.mux(work, &lists)).await?;
        let join_ms = millis(started);
        info!(ms = join_ms, pieces = work.pieces.len(), size = stored.size, "join");
        journal.note(Entry::Took(Stage::Encode, join_ms));
        let chunks = note.ranges.iter().map(|range| range.frames.clone()).collect();
        self.check_stored(work, stored, Made { found: Vec::new(), chunks, lists }).await
    }

    /// Muxes the pieces while they are read, and uploads the output while it is written.
    async fn mux(&self, work: &Join<'_>, lists: &Lists) -> Result<Stored, TaskError> {
        let Join { shift, note, pieces, workspace, journal } = *work;
        let size: u64 = pieces.iter().map(|(_, piece)| piece.size).sum();
        let output = workspace.output(&note.extension);
        let (uri, description) =
            (shift.folder.joined(), shift.folder.description("application/octet-stream"));
        let growing = GrowingUpload::open(&self.store, &uri, &output, &description, size).await?;
        journal.begin_upload(growing.name().clone()).await?;
        let kept = self.kept()?;
        let sound = workspace.audio(note.plan.clips.len());
        let heard = pieces.iter().find(|(piece, _)| *piece == Piece::Sound);
        let heard = heard.map(|(piece, note)| (shift.folder.media(*piece), note.head()));
        let list = note.plan.frames().end * LINE;
        self.check_output_space(size.min(growing.most_on_disk()) + kept.min(size) + list)?;
        let objects = heard.iter().map(|(uri, head)| (uri, head, sound.as_path()));
        let (filler, waits) = Filler::new(&self.store, objects)?;
        let filler = filler.keeping(kept);
        let partial: Vec<PathBuf> = heard.iter().map(|_| sound.clone()).collect();
        let ffmpeg = self.ffmpeg().waiting(partial).writing(2 * size + OVERHEAD);
        let (feed, ranges) = mpsc::channel(BUFFERED);
        let joined = async {
            let listings = lists.as_listings();
            let log = join(&ffmpeg, &note.plan, &sound, listings, &output, ranges).await?;
            growing.end();
            Ok::<_, TaskError>(log)
        };
        let sent = async { growing.send().await.map_err(TaskError::from) };
        let reading = self.feed(shift, pieces, feed, Some(&growing));
        let all = async { tokio::try_join!(joined, reading, sent) };
        let (log, (), parts) = tokio::select! {
            all = all => all?,
            error = filler.run(waits) => return Err(error.into()),
        };
        if !log.is_empty() {
            journal.note(Entry::Warnings(vec![format!("ffmpeg reported errors: {log}")]));
        }
        let mut upload = growing.sent(parts)?;
        std::fs::remove_file(&output)?;
        if heard.is_some() {
            filler.file(0).remove()?;
        }
        let appeared = upload.appear(&Precondition::None).await;
        Ok(appeared.map_err(UploadError::from)?)
    }

    /// Reads the uploaded object back to check it, while storage copies it to its target.
    async fn check_stored(
        &self,
        work: &Join<'_>,
        Stored { etag, size }: Stored,
        made: Made,
    ) -> Result<(Vec<Artifact>, Vec<PendingUpload>), TaskError> {
        let Join { shift, note, workspace, journal, .. } = *work;
        let (uri, path) = (shift.folder.joined(), workspace.part("stored"));
        let head = PieceNote { etag: Some(etag.clone()), size, ..PieceNote::default() }.head();
        let objects = std::iter::once((&uri, &head, path.as_path()));
        let (filler, waits) = Filler::new(&self.store, objects)?;
        let filler = filler.keeping(self.kept()?);
        let run = Bytes::Stored { uri: uri.clone(), etag: etag.clone(), length: size };
        let Assembly { parts, .. } = Assembly::of(&[run]);
        // An object that is too small for parts is copied in one request.
        let copied = parts.is_empty().then_some(Copied { uri, etag, size });
        let kind = copied.map_or(Kind::Media, Kind::Stored);
        let content_type = note.plan.output.container.content_type();
        let uri = note.target.clone();
        let file = Artifact { path: path.clone(), uri, content_type, kind };
        let (files, plan) = (vec![file], &note.plan);
        let (ffmpeg, readable) = (self.ffmpeg().waiting(vec![path.clone()]), [path]);
        let check =
            Check { ffmpeg: &ffmpeg, plan, made: &made, workspace, verify: PIECES_ARE_DECODED };
        let checked = async {
            let audio = decode_audio(&check, &readable);
            let (verified, ()) = tokio::try_join!(verify(&check, &readable), audio)?;
            Ok(Verified::with_all_decoded(verified))
        };
        let goods = Goods { files: &files, assembly: &parts };
        let sent = Box::pin(self.send_checked(plan, goods, checked, journal));
        let uploads = tokio::select! {
            uploads = sent => uploads?,
            error = filler.run(waits) => return Err(error.into()),
        };
        Ok((files, uploads))
    }

    /// How many bytes this disk keeps of a file that is read from start to end.
    pub(super) fn kept(&self) -> Result<u64, TaskError> {
        Ok(KEPT.min(free_bytes(&self.settings.work_dir)? / 4))
    }
}
