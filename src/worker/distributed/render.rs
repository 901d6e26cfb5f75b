//! The render step: a range of the video, from the sources that it shows; and how pieces are kept.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::time::Instant;
use tracing::info;

use super::super::encode::{failure, warnings};
use super::super::{TaskError, Worker, millis};
use super::folder::{FailureNote, Piece, PieceNote, PlanNote};
use super::share::{Brought, sources};
use super::{Shift, done};
use crate::engine::make::Maker;
use crate::engine::media_data::{Bare, bare};
use crate::engine::verify::decoded_frames;
use crate::engine::workspace::Workspace;
use crate::object::ETag;
use crate::plan::Chunk;
use crate::storage::{FileSlice, Precondition, Problem};

/// The user metadata of a piece that says how many frames it has.
const FRAMES: &str = "video-concat-frames";

impl Worker {
    /// Makes a piece, unless an earlier try has.
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
        let workspace = Workspace::new(&self.settings.work_dir)?;
        let mut note = PieceNote::default();
        let file = workspace.output("piece");
        match piece {
            Piece::Range(index) => {
                self.render_range(shift, &plan, index, &workspace, &file, &mut note).await?;
                if plan.plan.joins_where_stored() {
                    self.keep_samples(shift, index, &workspace, &file, &mut note).await?;
                }
            }
            _ => self.render_sound(shift, &plan, &workspace, &file, &mut note).await?,
        }
        self.keep_piece(shift, piece, &file, &mut note).await?;
        // It may have been another's while it was being written.
        if let Err(error) = self.check_run(shift).await {
            for uri in [uri, shift.folder.media(piece), shift.folder.first()] {
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
        shift.folder.read(&self.store, &uri).await?.ok_or(TaskError::Missing(uri))
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
            let found = maker.make_range(range, file).await;
            let found = found.map_err(|error| failure(error, &sources))?;
            piece.warnings = warnings(&found, &sources).collect();
            piece.timings.encode_ms = millis(started);
            Ok(())
        };
        let rendered = files.filling(waits, Box::pin(rendering)).await;
        piece.note_fetched(&files, &wanted);
        rendered?;
        let ffmpeg = self.ffmpeg();
        let started = Instant::now();
        let planned = range.frames.end - range.frames.start;
        let demuxer = note.plan.intermediate().demuxer();
        piece.frames = decoded_frames(&ffmpeg, demuxer, file, planned).await?;
        piece.timings.verify_ms = millis(started);
        Ok(())
    }

    /// Leaves the samples of a range alone in its file. What the first one began with is stored.
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
        if index > 0 {
            return Ok(());
        }
        self.check_run(shift).await?;
        let slice = FileSlice { path: &first, offset: 0, length: std::fs::metadata(&first)?.len() };
        let description = shift.folder.description("application/octet-stream");
        let uri = shift.folder.first();
        match self.store.put_file(&uri, &slice, &description, &Precondition::IfAbsent).await {
            Err(error) if *error.problem() != Problem::Precondition => {
                Err(TaskError::Record(error))
            }
            _ => Ok(()),
        }
    }

    /// Stores a piece and then its note. Of two tries that end at the same time, the first counts.
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

    /// Stores why it failed, for the step that ends the task.
    pub(super) async fn note_failure(&self, shift: &Shift<'_>, piece: Piece, error: &TaskError) {
        // Of a run that is over, the folder has gone.
        if self.check_run(shift).await.is_err() {
            return;
        }
        let note = FailureNote { code: error.code(), message: error.to_string() };
        if let Err(error) = shift.folder.write_failure(&self.store, piece, &note).await {
            tracing::warn!(%error, "the failure could not be noted");
        }
    }
}

/// The sources that a range of the video shows.
fn wanted(note: &PlanNote, range: &Chunk) -> BTreeSet<usize> {
    let clips = note.plan.clips_of(range).into_iter();
    clips.map(|clip| note.of_clip[note.plan.clips[clip].clip]).collect()
}
