//! The audio's step: clip by clip, so that no more than one source has to be there at a time.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::time::Instant;

use super::super::encode::{failure, warnings};
use super::super::{TaskError, Worker, millis};
use super::folder::{PieceNote, PlanNote};
use super::render::sources;
use crate::engine::make::Maker;
use crate::engine::workspace::Workspace;

impl Worker {
    /// Makes the audio of the whole timeline.
    pub(super) async fn render_sound(
        &self,
        note: &PlanNote,
        workspace: &Workspace,
        file: &Path,
        piece: &mut PieceNote,
    ) -> Result<(), TaskError> {
        let plan = &note.plan;
        let mut files: Vec<PathBuf> = Vec::new();
        let mut there = None;
        let heard = (0..plan.clips.len()).filter(|&clip| plan.timeline.places[clip].samples > 0);
        for clip in heard {
            let source = note.of_clip[plan.clips[clip].clip];
            let is_read = plan.clip(clip).media.audio.is_some();
            let started = Instant::now();
            if is_read && there != Some(source) {
                if let Some(before) = there.replace(source) {
                    std::fs::remove_file(workspace.source(before))?;
                }
                files = self.fetch_one(note, source, workspace).await?;
                piece.fetched.push((source, note.sources[source].size));
            }
            piece.timings.fetch_ms += millis(started);
            let started = Instant::now();
            self.samples(note, clip, &files, workspace, piece).await?;
            piece.timings.encode_ms += millis(started);
        }
        let clips = (0..plan.clips.len()).map(|clip| workspace.samples(clip));
        let clips: Vec<PathBuf> = clips.filter(|file| file.exists()).collect();
        let started = Instant::now();
        let arguments = plan.sound_arguments(&clips, file).unwrap_or_default();
        self.ffmpeg().encode(arguments, |_| ()).await?;
        piece.timings.encode_ms += millis(started);
        Ok(())
    }

    /// Writes the samples of a clip.
    async fn samples(
        &self,
        note: &PlanNote,
        clip: usize,
        files: &[PathBuf],
        workspace: &Workspace,
        piece: &mut PieceNote,
    ) -> Result<(), TaskError> {
        let sources = sources(note);
        let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
        let (ffmpeg, plan) = (self.ffmpeg(), note.plan.audio_of(clip));
        let maker = Maker {
            ffmpeg: &ffmpeg,
            plan: &plan,
            sources: &files,
            workspace,
            verify: self.settings.verify,
            events: Arc::new(|_| ()),
        };
        let made = maker.make_samples(&workspace.samples(clip)).await;
        let found = made.map_err(|error| failure(error, &sources))?;
        for warning in warnings(&found, &sources) {
            if !piece.warnings.contains(&warning) {
                piece.warnings.push(warning);
            }
        }
        Ok(())
    }

    /// The files that the plan's sources are made of, where only one of them is there.
    async fn fetch_one(
        &self,
        note: &PlanNote,
        source: usize,
        workspace: &Workspace,
    ) -> Result<Vec<PathBuf>, TaskError> {
        let wanted = BTreeSet::from([source]);
        let sources = sources(note);
        let work_dir = &self.settings.work_dir;
        let paths = sources.fetch_some(&self.store, workspace, work_dir, &wanted).await?;
        self.parts(note, &paths, &wanted).await
    }
}
