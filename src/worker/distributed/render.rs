//! The render step: makes a range of the video from the sources that it shows. Also stores pieces.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::time::Instant;
use tracing::info;

use super::super::encode::{failure, warnings};
use super::super::{TaskError, Worker, millis};
use super::folder::Piece;
use super::notes::{FailureNote, PieceNote, PlanNote};
use super::segments::{AUDIO, segments_of};
use super::share::{Brought, sources};
use super::{Shift, done};
use crate::engine::make::{Found, MakeError, Maker};
use crate::engine::media_data::{Bare, bare};
use crate::engine::verify::decoded_frames;
use crate::engine::weave::{make_audio, woven};
use crate::engine::workspace::Workspace;
use crate::media::Demuxer;
use crate::object::{ETag, ObjectUri};
use crate::plan::{AudioRange, Chunk};
use crate::storage::{FileSlice, Precondition, Problem};

/// User metadata of a piece: its number of frames.
const FRAMES: &str = "video-concat-frames";

impl Worker {
    /// Makes a piece, unless an earlier try has made it.
    pub(super) async fn make_piece(
        &self,
        shift: &Shift<'_>,
        piece: Piece,
    ) -> Result<serde_json::Value, TaskError> {
        self.check_run(shift).await?;
        let uri = shift.folder.note(piece);
        if shift.folder.read::<PieceNote>(&self.store, &uri).await?.is_some() {
            return Ok(done("Made"));
        }
        let plan = self.plan_note(shift).await?;
        if let Piece::Range(index) = piece
            && index >= plan.ranges.len()
        {
            return Err(TaskError::NoRange(index));
        }
        let workspace = Workspace::new(&self.settings.work_dir)?;
        let mut note = PieceNote::default();
        let mut file = workspace.part("piece");
        match piece {
            Piece::Range(index) if plan.segments_in_ranges => {
                self.render_range(shift, &plan, index, &workspace, &file, &mut note).await?;
                self.keep_segments(shift, &plan, index, &workspace, &file, &mut note).await?;
                return self.made(shift, piece, &note).await;
            }
            Piece::Range(index) => {
                self.render_range(shift, &plan, index, &workspace, &file, &mut note).await?;
                self.decode_range(&plan, index, &file, &mut note).await?;
                if plan.plan.joins_where_stored() {
                    self.keep_samples(shift, index, &workspace, &file, &mut note).await?;
                }
                let range = plan.ranges.get(index).ok_or(TaskError::NoRange(index))?;
                if let Some(audio) = plan.audio_of(range) {
                    let with = (index, &audio);
                    file = self.weave(shift, &plan, with, &workspace, &file, &mut note).await?;
                }
            }
            _ => self.render_sound(shift, &plan, &workspace, &file, &mut note).await?,
        }
        self.keep_piece(shift, piece, &file, &mut note).await?;
        self.made(shift, piece, &note).await
    }

    /// Checks that the task still belongs to this run after a piece has been stored, and removes
    /// the piece if not.
    async fn made(
        &self,
        shift: &Shift<'_>,
        piece: Piece,
        note: &PieceNote,
    ) -> Result<serde_json::Value, TaskError> {
        // Another run may have taken the task over during the writing.
        if let Err(error) = self.check_run(shift).await {
            let folder = &shift.folder;
            let own =
                [folder.note(piece), folder.media(piece), folder.first(), folder.first_audio()];
            for uri in own.into_iter().chain(segments_of(shift, note)) {
                self.store.delete(&uri).await.map_err(TaskError::Record)?;
            }
            return Err(error);
        }
        info!(size = note.size, frames = note.frames, "made");
        self.announce_piece(shift).await;
        Ok(done("Made"))
    }

    pub(super) async fn plan_note(&self, shift: &Shift<'_>) -> Result<PlanNote, TaskError> {
        let uri = shift.folder.note(Piece::Plan);
        let note: PlanNote =
            shift.folder.read(&self.store, &uri).await?.ok_or(TaskError::Missing(uri))?;
        let records = self.settings.task_bucket.as_ref().unwrap_or(&note.target.bucket);
        if *records != shift.of.bucket {
            return Err(TaskError::StrangeBucket(shift.of.bucket.clone()));
        }
        Ok(note)
    }

    async fn render_range(
        &self,
        shift: &Shift<'_>,
        note: &PlanNote,
        index: usize,
        workspace: &Workspace,
        file: &Path,
        piece: &mut PieceNote,
    ) -> Result<(), TaskError> {
        let range = note.ranges.get(index).ok_or(TaskError::NoRange(index))?;
        let sources = sources(note);
        let wanted = wanted(note, range);
        let (files, waits) = self.open_some(&sources, note, &wanted, workspace, shift)?;
        let reads = note.shown.get(index).map_or(&[][..], Vec::as_slice);
        let rendering = async {
            let started = Instant::now();
            let Brought { paths, ffmpeg } = self.bring_some(note, &files, &wanted, reads).await?;
            piece.timings.fetch_ms = millis(started);
            let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
            let started = Instant::now();
            let maker = Maker {
                ffmpeg: &ffmpeg,
                plan: &note.plan,
                sources: &paths,
                workspace,
                verify: self.settings.verify,
                events: Arc::new(|_| ()),
            };
            let video = maker.make_range(range, file);
            let made = tokio::try_join!(video, encode_audio(&maker, note, range));
            let (mut found, audio) = made.map_err(|error| failure(error, &sources))?;
            found.extend(audio);
            piece.warnings = warnings(&found, &sources).collect();
            piece.timings.encode_ms = millis(started);
            Ok(())
        };
        let rendered = files.filling(waits, Box::pin(rendering)).await;
        piece.note_fetched(&files, &wanted);
        rendered
    }

    /// Decodes a rendered range as a check.
    async fn decode_range(
        &self,
        note: &PlanNote,
        index: usize,
        file: &Path,
        piece: &mut PieceNote,
    ) -> Result<(), TaskError> {
        let range = note.ranges.get(index).ok_or(TaskError::NoRange(index))?;
        let ffmpeg = self.ffmpeg();
        let started = Instant::now();
        let planned = range.frames.end - range.frames.start;
        let demuxer = note.plan.intermediate().demuxer();
        piece.frames = decoded_frames(&ffmpeg, demuxer, file, planned).await?;
        piece.timings.verify_ms = millis(started);
        Ok(())
    }

    /// Reduces the file of a range to its samples. The beginning of the first range is stored
    /// before.
    async fn keep_samples(
        &self,
        shift: &Shift<'_>,
        index: usize,
        workspace: &Workspace,
        file: &Path,
        note: &mut PieceNote,
    ) -> Result<(), TaskError> {
        let (path, first) = (file.to_owned(), workspace.part("first"));
        let start = first.clone();
        let bare = tokio::task::spawn_blocking(move || bare(&path, &start)).await;
        let Bare { samples, header } = bare.map_err(std::io::Error::other)??;
        (note.samples, note.header) = (samples, header);
        if index == 0 {
            self.keep_first(shift, &first, &shift.folder.first()).await?;
        }
        Ok(())
    }

    /// Interleaves the audio of a range with its samples. Returns the file that contains both.
    async fn weave(
        &self,
        shift: &Shift<'_>,
        note: &PlanNote,
        (index, range): (usize, &AudioRange),
        workspace: &Workspace,
        file: &Path,
        piece: &mut PieceNote,
    ) -> Result<PathBuf, TaskError> {
        let started = Instant::now();
        let audio = workspace.part(AUDIO);
        decoded_frames(&self.ffmpeg(), Demuxer::Mov, &audio, 0).await?;
        piece.timings.verify_ms += millis(started);
        let (video, samples, target) = (file, piece.samples.clone(), workspace.part("woven"));
        let (video, encoded, range) = (video.to_owned(), audio.clone(), range.clone());
        let (rate, both) = (note.plan.timeline.frame_rate, target.clone());
        let woven = tokio::task::spawn_blocking(move || {
            woven((&video, &samples), (&encoded, &range), rate, &target)
        });
        piece.audio = woven.await.map_err(std::io::Error::other)??;
        if index == 0 {
            self.keep_first(shift, &audio, &shift.folder.first_audio()).await?;
        }
        Ok(both)
    }

    /// Stores the beginning of the first range.
    async fn keep_first(
        &self,
        shift: &Shift<'_>,
        path: &Path,
        uri: &ObjectUri,
    ) -> Result<(), TaskError> {
        self.check_run(shift).await?;
        let slice = FileSlice { path, offset: 0, length: std::fs::metadata(path)?.len() };
        let description = shift.folder.description("application/octet-stream");
        match self.store.put_file(uri, &slice, &description, &Precondition::IfAbsent).await {
            Err(error) if *error.problem() != Problem::Precondition => {
                Err(TaskError::Record(error))
            }
            _ => Ok(()),
        }
    }

    /// Stores a piece and then its note. If two tries end at the same time, the first one counts.
    async fn keep_piece(
        &self,
        shift: &Shift<'_>,
        piece: Piece,
        file: &Path,
        note: &mut PieceNote,
    ) -> Result<(), TaskError> {
        let started = Instant::now();
        let media = shift.folder.media(piece);
        note.size = std::fs::metadata(file)?.len();
        self.check_run(shift).await?;
        let mut description = shift.folder.description("application/octet-stream");
        description.metadata.insert(FRAMES.to_owned(), note.frames.to_string());
        let slice = FileSlice { path: file, offset: 0, length: note.size };
        let put = self.store.put_file(&media, &slice, &description, &Precondition::IfAbsent).await;
        let etag: ETag = match put {
            Ok(etag) => etag,
            Err(error) if *error.problem() == Problem::Precondition => {
                let there = self.store.head(&media, None).await.map_err(TaskError::Record)?;
                if there.metadata.get(FRAMES) != Some(&note.frames.to_string()) {
                    return Err(TaskError::Record(error));
                }
                note.size = there.size;
                there.etag
            }
            Err(error) => return Err(TaskError::Record(error)),
        };
        note.etag = Some(etag);
        note.timings.store_ms = millis(started);
        note.usage = self.used(shift.invocation);
        let uri = shift.folder.note(piece);
        shift.folder.write(&self.store, &uri, note).await.map_err(TaskError::Record)
    }

    /// Records why a piece failed, for the step that ends the task.
    pub(super) async fn note_failure(&self, shift: &Shift<'_>, piece: Piece, error: &TaskError) {
        // If the run is over, its folder has been removed.
        if self.check_run(shift).await.is_err() {
            return;
        }
        let note = FailureNote { code: error.code(), message: error.to_string() };
        if let Err(error) = shift.folder.write_failure(&self.store, piece, &note).await {
            tracing::warn!(%error, "the failure could not be recorded");
        }
    }
}

/// Encodes the audio of a range, if ranges make their own audio.
async fn encode_audio(
    maker: &Maker<'_>,
    note: &PlanNote,
    range: &Chunk,
) -> Result<Found, MakeError> {
    let Some(audio) = note.audio_of(range) else { return Ok(Found::new()) };
    let part = |name| maker.workspace.part(name);
    make_audio(maker, &audio, &part("samples"), &part(AUDIO)).await
}

/// The sources of a range's video, and of its audio.
fn wanted(note: &PlanNote, range: &Chunk) -> BTreeSet<usize> {
    let shown = note.plan.clips_of(range).into_iter().map(|clip| note.plan.clips[clip].clip);
    let part = note.audio_of(range).map(|audio| note.plan.audio_part(&audio).plan);
    let heard = part.iter().flat_map(|part| &part.clips).map(|clip| clip.clip);
    shown.chain(heard).map(|clip| note.of_clip[clip]).collect()
}
