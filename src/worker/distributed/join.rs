//! The join step. It uses only what is in the run's folder, and nothing from the state machine.

use std::path::{Path, PathBuf};

use futures::{StreamExt, TryFutureExt, TryStreamExt, stream};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{Instrument, info};

use super::super::deliver::Goods;
use super::super::{ENCODED, Job, TaskError, Worker, log_end, millis, now, stage};
use super::folder::Piece;
use super::in_place::Join;
use super::notes::{FailureNote, PieceNote, PlanNote};
use super::{Shift, done};
use crate::clamped::clamped;
use crate::engine::artifacts::{Artifact, Artifacts};
use crate::engine::make::{Lists, Made};
use crate::engine::render::{Fed, join};
use crate::engine::verify::{Check, Verified, decode_audio};
use crate::engine::workspace::{Workspace, free_bytes};
use crate::ledger::{Begun, Journal, Resumed, run_name};
use crate::object::ObjectUri;
use crate::policy::Verify;
use crate::storage::fetch::{fetch, read_whole};
use crate::storage::growing::GrowingUpload;
use crate::storage::upload::PendingUpload;
use crate::task::{ChunkCount, Entry, Stage, TaskRecord};

/// Each piece was decoded when it was rendered, so checking the join needs only its packets, and
/// decoding both sides of each seam and the audio.
pub(super) const PIECES_ARE_DECODED: Verify = Verify::Packets;
/// How many notes are read at the same time.
const PARALLEL_READS: usize = 16;
/// How many buffers may wait for the joining process.
pub(super) const BUFFERED: usize = 16;

impl Worker {
    /// Joins all pieces, checks and stores the result, and reports it.
    pub(super) async fn join_ranges(
        &self,
        shift: &Shift<'_>,
    ) -> Result<serde_json::Value, TaskError> {
        let ledger = self.ledger();
        let resumed =
            Box::pin(ledger.resume(&shift.record, &shift.of.run, shift.deadline.until)).await;
        let (journal, record) = match resumed.map_err(TaskError::Record)? {
            Resumed::Ours(journal, Begun::Work(record)) => {
                let joined = self.join_held(shift, &journal).await;
                let (before, mut record) = (*record, journal.latest());
                match joined {
                    Ok(()) => record.succeed(now()),
                    Err(error @ TaskError::Canceled) => {
                        record.fail(error.code(), error.to_string(), now());
                    }
                    // A missing piece will not appear any more: the step that should have made it
                    // has ended.
                    Err(error @ TaskError::Missing(_)) => {
                        let FailureNote { code, message } = self.why_missing(shift, &error).await?;
                        record.fail(code, message, now());
                    }
                    // Resets the record, since another try adds everything again.
                    Err(error) => {
                        self.let_go(&journal, &before, shift).await;
                        return Err(error);
                    }
                }
                (journal, record)
            }
            // An earlier try has got this far.
            Resumed::Ours(journal, Begun::Stored(record) | Begun::Untold(record)) => {
                (journal, *record)
            }
            Resumed::Over => {
                shift.folder.remove(&self.store).await;
                return Ok(done("Over"));
            }
            Resumed::Busy => return Err(TaskError::Busy),
        };
        self.end(shift, &journal, record).await
    }

    /// Writes the last record, notifies the topic, and removes the run's folder. Returns the reply
    /// for the state machine.
    pub(super) async fn end(
        &self,
        shift: &Shift<'_>,
        journal: &Journal,
        mut record: TaskRecord,
    ) -> Result<serde_json::Value, TaskError> {
        let took = now().timestamp().duration_since(record.start_time.timestamp());
        record.timings.total_ms = clamped(took.as_millis());
        record.usage.add(&self.used(shift.invocation));
        // Only the topic in the process string is used here.
        let job = Job::new("", "", record.process.clone());
        let reported = Box::pin(self.report(&job, journal, record, shift.invocation)).await;
        let record = reported.map_err(|_| TaskError::Superseded)?;
        log_end(&record, shift.invocation);
        shift.folder.remove(&self.store).await;
        Ok(done(&record.status.to_string()))
    }

    async fn join_held(&self, shift: &Shift<'_>, journal: &Journal) -> Result<(), TaskError> {
        let work = async {
            let workspace = Workspace::new(&self.settings.work_dir)?;
            let make = Box::pin(self.join_into(shift, &workspace, journal));
            let (files, uploads) = shift.deadline.limit(make).await?;
            // Not canceled half-way: it would be unknown which objects have appeared.
            let span = stage("store", &journal.latest());
            let stored = self.store(&files, uploads, journal, shift.deadline);
            stored.instrument(span).await
        };
        tokio::select! {
            outcome = Box::pin(work) => outcome,
            ended = journal.keep_alive() => Err(ended.into()),
            never = self.announce_progress(journal, shift.invocation) => match never {},
        }
    }

    async fn join_into(
        &self,
        shift: &Shift<'_>,
        workspace: &Workspace,
        journal: &Journal,
    ) -> Result<(Vec<Artifact>, Vec<PendingUpload>), TaskError> {
        let note = self.plan_note(shift).await?;
        let pieces = self.piece_notes(shift, &note).await?;
        journal.note_all(add_up(&note, &pieces));
        journal.note(Entry::Progress(ENCODED));
        let work = Join { shift, note: &note, pieces: &pieces, workspace, journal };
        if note.segments_in_ranges {
            return Box::pin(self.join_segments(&work)).await;
        }
        if note.plan.joins_where_stored() {
            return Box::pin(self.join_where_stored(&work)).await;
        }
        if note.plan.joins_as_stream() && self.ffmpeg().can_wait().await? {
            return Box::pin(self.join_as_stream(&work)).await;
        }
        Box::pin(self.join_on_disk(&work)).await
    }

    /// Joins the pieces in a file.
    async fn join_on_disk(
        &self,
        work: &Join<'_>,
    ) -> Result<(Vec<Artifact>, Vec<PendingUpload>), TaskError> {
        let Join { shift, note, pieces, workspace, journal } = *work;
        self.check_output_space(pieces.iter().map(|(_, piece)| piece.size).sum())?;
        let started = Instant::now();
        let sound = self.fetch_sound(shift, note, pieces, workspace).await?;
        let output = workspace.output(&note.extension);
        let (feed, ranges) = mpsc::channel(BUFFERED);
        let ffmpeg = self.ffmpeg();
        let lists = Lists { audio: None, ..Lists::new(workspace, PIECES_ARE_DECODED) };
        let joined = async {
            let listings = lists.as_listings();
            let joined = join(&ffmpeg, &note.plan, &sound, listings, &output, ranges).await;
            joined.map_err(TaskError::from)
        };
        let (log, ()) = tokio::try_join!(joined, self.feed(shift, pieces, feed, None))?;
        if !log.is_empty() {
            journal.note(Entry::Warnings(vec![format!("ffmpeg reported errors: {log}")]));
        }
        let join_ms = millis(started);
        info!(ms = join_ms, pieces = pieces.len(), "join");
        journal.note(Entry::Took(Stage::Encode, join_ms));
        let run = run_name(journal.holder());
        let (target, numbers) = (&note.target, &note.numbers);
        let artifacts = Artifacts::of(workspace, &note.plan, target, numbers, Some(&run))?;
        let request =
            self.read(&Job::new(&note.main.bucket, &note.main.key, journal.latest().process))?;
        for artifact in &artifacts.files {
            self.check_target(&request, &artifact.uri)?;
        }
        let chunks = note.ranges.iter().map(|range| range.frames.clone()).collect();
        let made = Made { found: Vec::new(), chunks, lists };
        let (plan, verify) = (&note.plan, PIECES_ARE_DECODED);
        let check = Check { ffmpeg: &ffmpeg, plan, made: &made, workspace, verify };
        decode_audio(&check, &artifacts.readable).await?;
        let goods = Goods { files: &artifacts.files, assembly: &[] };
        let verify = artifacts.verify(&check).map_ok(Verified::with_all_decoded);
        let uploads = Box::pin(self.send_checked(plan, goods, verify, journal)).await?;
        Ok((artifacts.files, uploads))
    }

    /// Checks that the disk has room for the files that joining the output needs.
    pub(super) fn check_output_space(&self, needed: u64) -> Result<(), TaskError> {
        let free = free_bytes(&self.settings.work_dir)?;
        if needed > free { Err(TaskError::OutputSpace { needed, free }) } else { Ok(()) }
    }

    /// The notes of all pieces. Together these must have all frames.
    async fn piece_notes(
        &self,
        shift: &Shift<'_>,
        note: &PlanNote,
    ) -> Result<Vec<(Piece, PieceNote)>, TaskError> {
        let ranges = (0..note.ranges.len()).map(Piece::Range);
        let sound = note.has_sound().then_some(Piece::Sound);
        let pieces: Vec<(Piece, PieceNote)> = stream::iter(ranges.chain(sound))
            .map(|piece| async move {
                let uri = shift.folder.note(piece);
                let found = shift.folder.read::<PieceNote>(&self.store, &uri).await?;
                Ok::<_, TaskError>((piece, found.ok_or(TaskError::Missing(uri))?))
            })
            .buffered(PARALLEL_READS)
            .try_collect()
            .await?;
        let frames: u64 = pieces.iter().map(|(_, piece)| piece.frames).sum();
        let planned = note.plan.frames().end;
        if frames == planned { Ok(pieces) } else { Err(TaskError::Frames { frames, planned }) }
    }

    pub(super) async fn fetch_whole(&self, uri: &ObjectUri, path: &Path) -> Result<(), TaskError> {
        let head = self.store.head(uri, None).await.map_err(TaskError::Record)?;
        fetch(&self.store, uri, &head, path).await?;
        Ok(())
    }

    /// The audio that the join needs: all of it, or that of the first range.
    pub(super) async fn fetch_sound(
        &self,
        shift: &Shift<'_>,
        note: &PlanNote,
        pieces: &[(Piece, PieceNote)],
        workspace: &Workspace,
    ) -> Result<PathBuf, TaskError> {
        let path = workspace.audio(note.plan.clips.len());
        if let Some((piece, found)) = pieces.iter().find(|(piece, _)| *piece == Piece::Sound) {
            let uri = shift.folder.media(*piece);
            fetch(&self.store, &uri, &found.head(), &path).await?;
        } else if note.audio_in_ranges {
            self.fetch_whole(&shift.folder.first_audio(), &path).await?;
        }
        Ok(path)
    }

    /// Reads the ranges in order, as fast as the output has room for them.
    pub(super) async fn feed(
        &self,
        shift: &Shift<'_>,
        pieces: &[(Piece, PieceNote)],
        feed: mpsc::Sender<Fed>,
        output: Option<&GrowingUpload>,
    ) -> Result<(), TaskError> {
        for (piece, note) in pieces.iter().filter(|(piece, _)| *piece != Piece::Sound) {
            let uri = shift.folder.media(*piece);
            let sink = |bytes: Vec<u8>| {
                let feed = &feed;
                async move {
                    if let Some(output) = output {
                        output.room().await;
                    }
                    feed.send(Fed::Bytes(bytes)).await.is_ok()
                }
            };
            read_whole(&self.store, &uri, &note.head(), sink).await?;
            feed.send(Fed::End).await.ok();
        }
        // If there is no receiver, the joining process has ended and returns the reason.
        feed.send(Fed::Last).await.ok();
        Ok(())
    }
}

/// The sums of what the steps have used, read, and found.
fn add_up(note: &PlanNote, pieces: &[(Piece, PieceNote)]) -> Vec<Entry> {
    let total = note.ranges.len();
    let mut entries = vec![Entry::Chunks(ChunkCount { total, done: total })];
    for (_, piece) in pieces {
        let fetched = piece.fetched.iter();
        entries.extend(fetched.map(|&(index, bytes)| {
            let clip = note.sources[index].clip;
            Entry::Fetched { clip, bytes }
        }));
        let timings = &piece.timings;
        entries.extend([
            Entry::Used(piece.usage),
            Entry::Warnings(piece.warnings.clone()),
            Entry::Took(Stage::Fetch, timings.fetch_ms),
            Entry::Took(Stage::Encode, timings.encode_ms),
            Entry::Took(Stage::Verify, timings.verify_ms),
            Entry::Took(Stage::Store, timings.store_ms),
        ]);
    }
    entries
}
