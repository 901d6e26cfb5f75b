//! The audio step: works clip by clip, so that only one source has to be on the disk at a time. Of
//! a large source that can be read in part, the disk keeps only what was read last.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::time::Instant;

use super::super::encode::{failure, warnings};
use super::super::files::Share;
use super::super::{TaskError, Worker, millis};
use super::Shift;
use super::notes::{PieceNote, PlanNote};
use super::share::{Brought, sources};
use super::streamed::KEPT;
use crate::engine::make::Maker;
use crate::engine::workspace::Workspace;

impl Worker {
    /// Renders the audio of the whole timeline.
    pub(super) async fn render_sound(
        &self,
        shift: &Shift<'_>,
        note: &PlanNote,
        workspace: &Workspace,
        file: &Path,
        piece: &mut PieceNote,
    ) -> Result<(), TaskError> {
        let plan = &note.plan;
        let clips = (0..plan.clips.len()).filter(|&clip| plan.timeline.places[clip].samples > 0);
        let clips: Vec<usize> = clips.collect();
        let source = |clip: usize| note.of_clip[plan.clips[clip].clip];
        for of_one in clips.chunk_by(|&one, &next| source(one) == source(next)) {
            self.samples_of_one(shift, note, of_one, workspace, piece).await?;
        }
        let clips = (0..plan.clips.len()).map(|clip| workspace.samples(clip));
        let clips: Vec<PathBuf> = clips.filter(|file| file.exists()).collect();
        let started = Instant::now();
        let arguments =
            plan.sound_arguments(&clips, file).expect("only an output with audio has this step");
        self.ffmpeg().encode(arguments, |_| ()).await?;
        piece.timings.encode_ms += millis(started);
        Ok(())
    }

    /// Writes the samples of the clips of one source, which is on the disk only for that time.
    async fn samples_of_one(
        &self,
        shift: &Shift<'_>,
        note: &PlanNote,
        clips: &[usize],
        workspace: &Workspace,
        piece: &mut PieceNote,
    ) -> Result<(), TaskError> {
        let sources = sources(note);
        let is_read = |clip: &&usize| note.plan.clip(**clip).media.audio.is_some();
        let wanted =
            clips.iter().find(is_read).map(|&clip| note.of_clip[note.plan.clips[clip].clip]);
        let wanted: BTreeSet<usize> = wanted.into_iter().collect();
        let shares: Vec<Share> =
            clips.iter().filter_map(|clip| note.heard.get(clip).cloned()).collect();
        let ranges = shares.iter().flat_map(|share| &share.ranges);
        let is_long = ranges.map(|range| range.end - range.start).sum::<u64>() > KEPT;
        let (mut files, waits) = self.open_some(&sources, note, &wanted, workspace, shift)?;
        if is_long {
            files = files.keeping(self.kept()?);
        }
        let making = async {
            let started = Instant::now();
            let brought = self.bring_some(note, &files, &wanted, &shares).await?;
            piece.timings.fetch_ms += millis(started);
            let started = Instant::now();
            for &clip in clips {
                self.samples(note, clip, &brought, workspace, piece).await?;
            }
            piece.timings.encode_ms += millis(started);
            Ok(brought)
        };
        let brought = files.filling(waits, Box::pin(making)).await;
        piece.note_fetched(&files, &wanted);
        let brought = brought?;
        // There may be no room for two sources.
        for &index in &wanted {
            files.remove(index, brought.paths.iter().map(PathBuf::as_path))?;
        }
        Ok(())
    }

    /// Writes the samples of a clip.
    async fn samples(
        &self,
        note: &PlanNote,
        clip: usize,
        Brought { paths, ffmpeg }: &Brought,
        workspace: &Workspace,
        piece: &mut PieceNote,
    ) -> Result<(), TaskError> {
        let sources = sources(note);
        let files: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
        let plan = note.plan.audio_of(clip);
        let maker = Maker {
            ffmpeg,
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
}
