//! Fetches what a step reads of the sources: only its share if a source can be read in part.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::super::files::{Share, SourceFiles, is_large};
use super::super::sources::{Source, Sources};
use super::super::{TaskError, Worker};
use super::Shift;
use super::notes::{PieceNote, PlanNote};
use crate::engine::ffmpeg::Ffmpeg;
use crate::engine::workspace::Workspace;
use crate::storage::fill::Waits;

/// The files of a step's sources, and the ffmpeg that reads them.
pub(super) struct Brought {
    /// In the plan's order; files of sources that are not wanted don't exist.
    pub(super) paths: Vec<PathBuf>,
    pub(super) ffmpeg: Ffmpeg,
}

impl Worker {
    /// Creates the files of the wanted sources that can be read in part.
    pub(super) fn open_some<'a>(
        &'a self,
        sources: &'a Sources,
        note: &PlanNote,
        wanted: &BTreeSet<usize>,
        workspace: &Workspace,
        shift: &Shift<'_>,
    ) -> Result<(SourceFiles<'a>, Waits), TaskError> {
        let is_partial = |index: usize, source: &Source| {
            wanted.contains(&index) && note.sources[index].opening.is_some() && is_large(source)
        };
        let (work_dir, until) = (&self.settings.work_dir, shift.deadline.until);
        SourceFiles::new(sources, &self.store, workspace, work_dir, until, is_partial)
    }

    /// Fetches the wanted sources that can't be read in part, and requests these shares of the
    /// others, after the bytes that opening them reads.
    pub(super) async fn bring_some(
        &self,
        note: &PlanNote,
        files: &SourceFiles<'_>,
        wanted: &BTreeSet<usize>,
        shares: &[Share],
    ) -> Result<Brought, TaskError> {
        let (partial, whole): (Vec<usize>, Vec<usize>) =
            wanted.iter().partition(|&&index| note.sources[index].opening.is_some());
        let openings = partial.iter().filter_map(|&source| {
            let ranges = note.sources[source].opening.clone()?;
            Some(Share { source, ranges })
        });
        let foreseen: Vec<Share> = openings.chain(shares.iter().cloned()).collect();
        files.ask_for(&foreseen)?;
        files.bring(whole.into_iter()).await?;
        let paths = self.parts(note, files.paths(), wanted).await?;
        let partial = partial.into_iter().map(|index| files.paths()[index].clone());
        Ok(Brought { paths, ffmpeg: self.ffmpeg().waiting(partial.collect()) })
    }

    /// The files that the sources consist of. A source that has to be split is probed again.
    async fn parts(
        &self,
        note: &PlanNote,
        paths: &[PathBuf],
        wanted: &BTreeSet<usize>,
    ) -> Result<Vec<PathBuf>, TaskError> {
        let mut files = Vec::new();
        let all = sources(note);
        for (index, source) in note.sources.iter().enumerate() {
            let path = &paths[index];
            if source.as_it_is || !wanted.contains(&index) {
                files.extend(std::iter::repeat_n(path.clone(), source.parts));
                continue;
            }
            // The plan step has already warned about anything unusual.
            let probed = all.distinct[index].probe(&self.ffmpeg(), path).await?;
            files.extend(probed.parts.into_iter().map(|part| part.file));
        }
        Ok(files)
    }
}

impl PieceNote {
    /// Records how much of the sources was read.
    pub(super) fn note_fetched(&mut self, files: &SourceFiles<'_>, wanted: &BTreeSet<usize>) {
        self.fetched.extend(wanted.iter().map(|&index| (index, files.bytes(index))));
    }
}

/// The sources as the plan step found them.
pub(super) fn sources(note: &PlanNote) -> Sources {
    let distinct = note.sources.iter().map(|source| Source {
        uri: source.uri.clone(),
        head: source.head(),
        clip: source.clip,
    });
    Sources { distinct: distinct.collect(), of_clip: note.of_clip.clone() }
}
