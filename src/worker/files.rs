//! The files of a task's sources: fetched whole, or filled as far as they are needed.
//!
//! A large MP4 file is read by its index, and a large Matroska file by its cues. A process that
//! needs other bytes than expected waits until they have been read, so a wrong forecast only costs
//! time. A file without a usable index is fetched whole.

use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio::try_join;

use super::sources::{Source, Sources};
use super::{TaskError, budget};
use crate::clamped::clamped;
use crate::engine::ffmpeg::Ffmpeg;
use crate::engine::probe::{PARALLEL_PROBES, Probed, probe_cues, probe_index};
use crate::engine::workspace::{Workspace, free_bytes};
use crate::media::Places;
use crate::media::elements::Cues;
use crate::media::places::joined;
use crate::plan::{Chunk, Plan, Read};
use crate::policy::CopyPolicy;
use crate::process::Request;
use crate::storage::ObjectStore;
use crate::storage::fetch::fetch;
use crate::storage::fill::{Filler, Waits};
use crate::task::Entry;

mod index;

/// How many sources are fetched at the same time, each with parallel ranges.
const PARALLEL_FETCHES: usize = 3;
/// Sizes of objects that may be read in part. Smaller ones are read whole in less time; larger ones
/// don't fit on the disk.
const LOOKED_INTO: Range<u64> = 4 * 1024 * 1024..1 << 38;
/// With more ranges of a source, requesting them takes longer than reading the whole source.
const MOST_RANGES: usize = 1000;

/// See the module.
#[derive(Debug)]
pub(super) struct SourceFiles<'a> {
    sources: &'a Sources,
    store: &'a ObjectStore,
    work_dir: &'a Path,
    deadline: Instant,
    paths: Vec<PathBuf>,
    filler: Filler,
    /// For each source, its index among the filler's files; `None` if it is fetched whole.
    filled: Vec<Option<usize>>,
    /// For each source, how many bytes were fetched as a whole.
    fetched: Vec<AtomicU64>,
}

/// Byte ranges of a distinct source, in the order in which they are needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Share {
    pub(super) source: usize,
    pub(super) ranges: Vec<Range<u64>>,
}

/// What of a source is on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// All of it.
    Whole,
    /// Its index.
    Index,
    /// The cues of a Matroska file, which say less than an index of MP4.
    Cues {
        cues: Cues,
        /// Whether the request needs neither the frame rate nor where the streams end.
        any_timing: bool,
    },
}

/// How the sources can be read.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) kept: Vec<Kept>,
    /// Whether ffmpeg can wait for missing bytes of a file; then any source that has been probed
    /// can be read in part.
    pub(super) can_wait: bool,
}

/// A probed source, and the places of its packets, unless the whole file is on the disk.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) probed: Probed,
    places: Option<Places>,
}

/// Whether the source may be read in ranges.
pub(super) fn is_large(source: &Source) -> bool {
    LOOKED_INTO.contains(&source.head.size)
}

impl Known {
    /// The files of its parts.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.probed.parts.iter().map(|part| part.file.as_path())
    }
}

impl<'a> SourceFiles<'a> {
    /// Prepares the files; nothing is read yet.
    pub(super) fn new(
        sources: &'a Sources,
        store: &'a ObjectStore,
        workspace: &Workspace,
        work_dir: &'a Path,
        deadline: Instant,
        is_partial: impl Fn(usize, &Source) -> bool,
    ) -> Result<(Self, Waits), TaskError> {
        let count = sources.distinct.len();
        let paths: Vec<PathBuf> = (0..count).map(|index| workspace.source(index)).collect();
        let mut objects = Vec::new();
        let in_parts = sources.distinct.iter().enumerate().map(|(index, source)| {
            is_partial(index, source).then(|| {
                objects.push((&source.uri, &source.head, paths[index].as_path()));
                objects.len() - 1
            })
        });
        let filled = in_parts.collect();
        let (reader, waits) = Filler::new(store, objects.into_iter())?;
        let fetched = (0..count).map(|_| AtomicU64::new(0)).collect();
        let files =
            Self { sources, store, work_dir, deadline, paths, filler: reader, filled, fetched };
        Ok((files, waits))
    }

    /// The same, but the disk keeps only this many bytes of each file that is read in part: those
    /// that were read last.
    pub(super) fn keeping(self, bytes: u64) -> Self {
        Self { filler: self.filler.keeping(bytes), ..self }
    }

    /// Runs the work while requested bytes are read in the background. If bytes that ffmpeg waits
    /// for can't be read, everything ends with that error.
    pub(super) async fn filling<T>(
        &self,
        waits: Waits,
        work: impl Future<Output = Result<T, TaskError>>,
    ) -> Result<T, TaskError> {
        tokio::select! {
            outcome = work => outcome,
            error = self.filler.run(waits) => Err(error.into()),
        }
    }

    /// Fetches the index of each source that has one, if this ffmpeg can read by it and it says
    /// what the request needs.
    pub(super) async fn look(
        &self,
        ffmpeg: &Ffmpeg,
        request: &Request,
        copy: CopyPolicy,
    ) -> Result<Looked, TaskError> {
        let can_wait = async {
            let any = self.filled.iter().any(Option::is_some);
            Ok::<_, TaskError>(any && ffmpeg.can_wait().await?)
        };
        let (mut kept, can_wait) = try_join!(self.bring_indices(request, copy), can_wait)?;
        if !can_wait {
            kept.fill(Kept::Whole);
        }
        Ok(Looked { kept, can_wait })
    }

    /// Fetches what probing needs of each source: its index, or all of it.
    pub(super) async fn open(
        &self,
        ffmpeg: &Ffmpeg,
        request: &Request,
        copy: CopyPolicy,
    ) -> Result<Vec<Kept>, TaskError> {
        let Looked { kept, .. } = self.look(ffmpeg, request, copy).await?;
        let whole = kept.iter().enumerate().filter(|(_, kept)| **kept == Kept::Whole);
        self.bring(whole.map(|(index, _)| index)).await?;
        Ok(kept)
    }

    /// Fetches all of these sources, if there is room for them.
    pub(super) async fn bring(
        &self,
        indices: impl Iterator<Item = usize> + Clone,
    ) -> Result<(), TaskError> {
        let sizes = indices.clone().map(|index| self.sources.distinct[index].head.size);
        let needed = sizes.sum();
        self.check_room(needed, needed)?;
        let brought = stream::iter(indices).map(|index| self.bring_all(index));
        brought.buffered(PARALLEL_FETCHES).try_collect().await
    }

    /// Probes every source.
    pub(super) async fn probe(
        &self,
        ffmpeg: &Ffmpeg,
        kept: &[Kept],
    ) -> Result<Vec<Known>, TaskError> {
        let ffmpeg = &ffmpeg.shared(PARALLEL_PROBES.min(kept.len()));
        stream::iter(kept.iter().enumerate())
            .map(|(index, kept)| async move {
                if let Some(known) = self.probe_by_index(ffmpeg, index, kept).await {
                    return Ok(known);
                }
                if *kept != Kept::Whole {
                    self.bring(std::iter::once(index)).await?;
                }
                self.probe_whole(ffmpeg, index).await
            })
            .buffered(PARALLEL_PROBES)
            .try_collect()
            .await
    }

    /// Probes the sources whose index is enough.
    pub(super) async fn probe_by_indices(
        &self,
        ffmpeg: &Ffmpeg,
        kept: &[Kept],
    ) -> Vec<Option<Known>> {
        let ffmpeg = &ffmpeg.shared(PARALLEL_PROBES.min(kept.len()));
        stream::iter(kept.iter().enumerate())
            .map(|(index, kept)| self.probe_by_index(ffmpeg, index, kept))
            .buffered(PARALLEL_PROBES)
            .collect()
            .await
    }

    /// Probes a source that is on the disk as a whole.
    pub(super) async fn probe_whole(
        &self,
        ffmpeg: &Ffmpeg,
        index: usize,
    ) -> Result<Known, TaskError> {
        let probed = self.sources.distinct[index].probe(ffmpeg, &self.paths[index]).await?;
        Ok(Known { probed, places: None })
    }

    /// Removes the file of a source, and the files that it was split into. It can't be read again
    /// afterwards.
    pub(super) fn remove<'p>(
        &'p self,
        index: usize,
        parts: impl Iterator<Item = &'p Path>,
    ) -> Result<(), TaskError> {
        if let Some(file) = self.filled[index] {
            self.filler.file(file).remove()?;
        }
        for file in parts.chain([self.paths[index].as_path()]) {
            match std::fs::remove_file(file) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// What is unusual about the sources, as text.
    pub(super) fn notices(&self, known: &[Known]) -> Vec<String> {
        let each = self.sources.distinct.iter().zip(known);
        each.flat_map(|(source, known)| source.notices(&known.probed)).collect()
    }

    /// Requests everything that the plan will read, in the order in which it is needed.
    pub(super) fn ask(
        &self,
        plan: &Plan,
        chunks: &[Chunk],
        known: &[Known],
    ) -> Result<(), TaskError> {
        self.ask_for(&self.shares(&plan.reads(chunks), known))
    }

    /// The byte ranges of partial files that these reads need.
    pub(super) fn shares(&self, reads: &[Read], known: &[Known]) -> Vec<Share> {
        let parts = known.iter().enumerate();
        let of_part: Vec<usize> = parts
            .flat_map(|(source, known)| known.probed.parts.iter().map(move |_| source))
            .collect();
        let share = |read: &Read| {
            let source = of_part[read.source];
            let places = known[source].places.as_ref()?;
            let tracks = [(read.video, &places.video), (read.audio, &places.audio)];
            let tracks = tracks.into_iter().filter(|(is_read, _)| *is_read);
            let bytes = tracks.flat_map(|(_, track)| track.bytes(&read.times));
            let size = self.sources.distinct[source].head.size;
            let ranges = joined(bytes, size);
            let all = 0..size;
            let ranges = if ranges.len() > MOST_RANGES { vec![all] } else { ranges };
            Some(Share { source, ranges })
        };
        reads.iter().filter_map(share).collect()
    }

    /// Requests these ranges of partial files, as far as they are missing.
    pub(super) fn ask_for(&self, shares: &[Share]) -> Result<(), TaskError> {
        let asked = || shares.iter().filter_map(|it| Some((self.filled[it.source]?, &it.ranges)));
        let missing = asked().map(|(file, ranges)| -> u64 {
            ranges.iter().map(|range| self.filler.file(file).missing(range)).sum()
        });
        let needed = missing.sum();
        self.check_room(needed, self.filler.on_disk(needed))?;
        for (file, ranges) in asked() {
            self.filler.ask(file, ranges.iter().cloned());
        }
        Ok(())
    }

    /// The bytes that opening a source needs, if it was probed by its index.
    pub(super) fn opening(&self, index: usize, known: &Known) -> Option<Vec<Range<u64>>> {
        let file = self.filled[index].filter(|_| known.places.is_some());
        file.map(|file| self.filler.file(file).there())
    }

    /// The paths of the files.
    pub(super) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// The files that may be incomplete.
    pub(super) fn partial(&self, known: &[Known]) -> Vec<PathBuf> {
        let paths = self.paths.iter().zip(known);
        paths.filter(|(_, known)| known.places.is_some()).map(|(path, _)| path.clone()).collect()
    }

    /// How many bytes of a source have been read.
    pub(super) fn bytes(&self, index: usize) -> u64 {
        let fetched = self.fetched[index].load(Ordering::Relaxed);
        self.filled[index].map_or(fetched, |file| self.filler.bytes(file))
    }

    /// How many bytes of each source have been read, recorded for the first clip that uses it.
    pub(super) fn fetched(&self) -> Vec<Entry> {
        let sources = self.sources.distinct.iter().enumerate();
        let fetched = sources
            .map(|(index, source)| Entry::Fetched { clip: source.clip, bytes: self.bytes(index) });
        fetched.collect()
    }

    /// Milliseconds that were spent on partial files.
    pub(super) fn busy_ms(&self) -> u64 {
        clamped::<u64>(self.filler.busy().as_millis())
    }

    /// `None` if probing needs the whole source.
    async fn probe_by_index(&self, ffmpeg: &Ffmpeg, index: usize, kept: &Kept) -> Option<Known> {
        let path = &self.paths[index];
        let probed = match kept {
            Kept::Whole => return None,
            Kept::Index => probe_index(ffmpeg, path).await,
            Kept::Cues { cues, any_timing } => probe_cues(ffmpeg, path, cues, *any_timing).await,
        };
        match probed {
            Ok(Some((probed, places))) => return Some(Known { probed, places: Some(places) }),
            Ok(None) => tracing::info!("a source's index is not sufficient"),
            // Probing the whole file will show what is wrong.
            Err(error) => tracing::info!(%error, "a source's index can't be used"),
        }
        None
    }

    async fn bring_all(&self, index: usize) -> Result<(), TaskError> {
        let Source { uri, head, .. } = &self.sources.distinct[index];
        if let Some(file) = self.filled[index] {
            return Ok(self.filler.need_all(file).await?);
        }
        let bytes = fetch(self.store, uri, head, &self.paths[index]).await?;
        self.fetched[index].store(bytes.0, Ordering::Relaxed);
        Ok(())
    }

    /// Checks that so many bytes can be read in time, and that so many fit on the disk.
    fn check_room(&self, read: u64, needed: u64) -> Result<(), TaskError> {
        budget::check_fetch(read, self.deadline)?;
        let free = free_bytes(self.work_dir)?;
        if needed > free { Err(TaskError::Space { needed, free }) } else { Ok(()) }
    }
}
