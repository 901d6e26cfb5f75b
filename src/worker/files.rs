//! The files of a task's sources: fetched whole, or filled as far as they are needed.
//!
//! A large MP4 is read by its index. Whoever needs more of it than was foreseen waits until it is
//! there, so nothing depends on the foresight but the time. What has no index, or one that is of no
//! use, is fetched whole.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::Instant;
use tokio::try_join;

use super::sources::{Source, Sources};
use super::{TaskError, budget};
use crate::engine::ffmpeg::Ffmpeg;
use crate::engine::partial::BLOCK;
use crate::engine::probe::{PARALLEL_PROBES, Probed, probe, probe_index};
use crate::engine::workspace::{Workspace, free_bytes};
use crate::media::boxes::{Boxes, Unindexed};
use crate::media::places::joined;
use crate::media::{Demuxer, Places, Recognised, recognise};
use crate::plan::{Chunk, Plan};
use crate::storage::ObjectStore;
use crate::storage::fetch::fetch;
use crate::storage::fill::{Filler, Waits};
use crate::task::TaskRecord;

/// Sources that are fetched at the same time, each with parallel ranges.
const PARALLEL_FETCHES: usize = 3;
/// An object of fewer bytes takes less time to read than to look into; one of more has no room.
const LOOKED_INTO: Range<u64> = 4 * 1024 * 1024..1 << 38;
/// With more ranges of a source, asking for them takes longer than reading it.
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
    is_open: AtomicBool,
    /// Which of the filler's files each source is; none for those that are fetched in one go.
    filled: Vec<Option<usize>>,
}

/// How a source can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// All of it is there.
    Whole,
    /// Its index is there.
    Index,
}

/// A probed source, and where its packets are, unless all of it is there.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) probed: Probed,
    places: Option<Places>,
}

impl Known {
    /// The files of its parts.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.probed.parts.iter().map(|part| part.file.as_path())
    }
}

impl<'a> SourceFiles<'a> {
    /// Before anything of them is read.
    pub(super) fn new(
        sources: &'a Sources,
        store: &'a ObjectStore,
        workspace: &Workspace,
        work_dir: &'a Path,
        deadline: Instant,
    ) -> Result<(Self, Waits), TaskError> {
        let paths: Vec<PathBuf> =
            (0..sources.distinct.len()).map(|index| workspace.source(index)).collect();
        let is_large = |source: &Source| LOOKED_INTO.contains(&source.head.size);
        let large = sources.distinct.iter().zip(&paths).filter(|(source, _)| is_large(source));
        let objects = large.map(|(source, path)| (&source.uri, &source.head, path.as_path()));
        let (filler, waits) = Filler::new(store, objects)?;
        let mut next = 0..;
        let in_parts = sources.distinct.iter();
        let in_parts = in_parts.map(|source| if is_large(source) { next.next() } else { None });
        let in_parts = in_parts.collect();
        let is_open = AtomicBool::new(false);
        let files =
            Self { sources, store, work_dir, deadline, paths, filler, is_open, filled: in_parts };
        Ok((files, waits))
    }

    /// What is read in the background; ends only where that fails.
    pub(super) async fn fill(&self, waits: Waits) -> TaskError {
        self.filler.run(waits).await.into()
    }

    /// Brings of each source what probing needs: its index, or all of it.
    pub(super) async fn open(&self, ffmpeg: &Ffmpeg) -> Result<Vec<Kept>, TaskError> {
        let can_wait = async {
            let any = self.filled.iter().any(Option::is_some);
            Ok::<_, TaskError>(any && ffmpeg.can_wait().await?)
        };
        let (kept, can_wait) = try_join!(self.bring_indices(), can_wait)?;
        let kept = if can_wait { kept } else { vec![Kept::Whole; kept.len()] };
        let whole = self.sources.distinct.iter().zip(&kept);
        let whole = whole.filter(|(_, kept)| **kept == Kept::Whole);
        self.check_room(whole.map(|(source, _)| source.head.size).sum())?;
        stream::iter(kept.iter().enumerate())
            .map(|(index, kept)| async move {
                match kept {
                    Kept::Whole => self.bring_all(index).await,
                    Kept::Index => Ok(()),
                }
            })
            .buffered(PARALLEL_FETCHES)
            .try_collect::<Vec<()>>()
            .await?;
        self.is_open.store(true, Ordering::Relaxed);
        Ok(kept)
    }

    /// Probes every source.
    pub(super) async fn probe(
        &self,
        ffmpeg: &Ffmpeg,
        kept: &[Kept],
    ) -> Result<Vec<Known>, TaskError> {
        let ffmpeg = &ffmpeg.shared(PARALLEL_PROBES.min(kept.len()));
        stream::iter(kept.iter().enumerate())
            .map(|(index, kept)| self.probe_one(ffmpeg, index, *kept))
            .buffered(PARALLEL_PROBES)
            .try_collect()
            .await
    }

    /// What is odd about sources, in words.
    pub(super) fn notices(&self, known: &[Known]) -> Vec<String> {
        let each = self.sources.distinct.iter().zip(known);
        each.flat_map(|(source, known)| source.notices(&known.probed)).collect()
    }

    /// Has all that the plan will read filled, in the order of its need.
    pub(super) fn ask(
        &self,
        plan: &Plan,
        chunks: &[Chunk],
        known: &[Known],
    ) -> Result<(), TaskError> {
        let parts = known.iter().enumerate();
        let of_part: Vec<usize> = parts
            .flat_map(|(source, known)| known.probed.parts.iter().map(move |_| source))
            .collect();
        let mut asked = Vec::new();
        for read in plan.reads(chunks) {
            let source = of_part[read.source];
            let (Some(places), Some(file)) = (&known[source].places, self.filled[source]) else {
                continue;
            };
            let tracks = [(read.video, &places.video), (read.audio, &places.audio)];
            let tracks = tracks.into_iter().filter(|(is_read, _)| *is_read);
            let bytes = tracks.flat_map(|(_, track)| track.bytes(&read.times));
            let size = self.filler.file(file).size();
            let ranges = joined(bytes, size);
            let all = 0..size;
            asked.push((file, if ranges.len() > MOST_RANGES { vec![all] } else { ranges }));
        }
        let missing = |(file, ranges): &(usize, Vec<Range<u64>>)| -> u64 {
            ranges.iter().map(|range| self.filler.file(*file).missing(range)).sum()
        };
        self.check_room(asked.iter().map(missing).sum())?;
        for (file, ranges) in asked {
            self.filler.ask(file, ranges);
        }
        Ok(())
    }

    /// The files of which something may be missing.
    pub(super) fn partial(&self, known: &[Known]) -> Vec<PathBuf> {
        let paths = self.paths.iter().zip(known);
        paths.filter(|(_, known)| known.places.is_some()).map(|(path, _)| path.clone()).collect()
    }

    /// Notes what has been read of each source, for the first clip that uses it.
    pub(super) fn describe(&self, record: &mut TaskRecord) {
        for (source, filled) in self.sources.distinct.iter().zip(&self.filled) {
            let bytes = match filled {
                Some(file) => self.filler.bytes(*file),
                None if self.is_open.load(Ordering::Relaxed) => source.head.size,
                None => 0,
            };
            record.sources[source.clip].bytes_fetched = bytes;
        }
    }

    /// Milliseconds that have been spent on partial files.
    pub(super) fn busy_ms(&self) -> u64 {
        u64::try_from(self.filler.busy().as_millis()).unwrap_or(u64::MAX)
    }

    async fn probe_one(
        &self,
        ffmpeg: &Ffmpeg,
        index: usize,
        kept: Kept,
    ) -> Result<Known, TaskError> {
        let path = &self.paths[index];
        if kept == Kept::Index {
            match probe_index(ffmpeg, path).await {
                Ok(Some((probed, places))) => return Ok(Known { probed, places: Some(places) }),
                Ok(None) => tracing::info!("a source's index does not tell enough"),
                // What is wrong is told by all of the file.
                Err(error) => tracing::info!(%error, "a source's index can't be used"),
            }
            self.check_room(self.sources.distinct[index].head.size)?;
            self.bring_all(index).await?;
        }
        let Source { uri, clip, .. } = &self.sources.distinct[index];
        let probed = probe(ffmpeg, path).await;
        let failed = |source| TaskError::Probe { clip: *clip, uri: uri.clone(), source };
        Ok(Known { probed: probed.map_err(failed)?, places: None })
    }

    async fn bring_indices(&self) -> Result<Vec<Kept>, TaskError> {
        let kept = stream::iter(&self.filled).map(|filled| async move {
            let Some(file) = *filled else { return Ok(Kept::Whole) };
            match self.bring_index(file).await? {
                Ok(()) => Ok(Kept::Index),
                Err(reason) => {
                    tracing::info!(%reason, "a source is fetched whole");
                    Ok(Kept::Whole)
                }
            }
        });
        kept.buffered(PARALLEL_FETCHES).try_collect().await
    }

    /// Brings the head of a file, and the index that it has.
    async fn bring_index(&self, file: usize) -> Result<Result<(), Reason>, TaskError> {
        let partial = self.filler.file(file);
        let head = 0..BLOCK;
        self.filler.need(file, head.clone()).await;
        if recognise(&partial.read(&head)?) != Ok(Recognised::As(Demuxer::Mov)) {
            return Ok(Err(Reason::Format));
        }
        let mut boxes = Boxes::new(partial.size());
        loop {
            let header = match boxes.header() {
                Ok(Some(header)) => header,
                Ok(None) => return Ok(Ok(())),
                Err(reason) => return Ok(Err(reason.into())),
            };
            self.filler.need(file, header.clone()).await;
            match boxes.step(&partial.read(&header)?) {
                Ok(Some(place)) => self.filler.need(file, place).await,
                Ok(None) => {}
                Err(reason) => return Ok(Err(reason.into())),
            }
        }
    }

    async fn bring_all(&self, index: usize) -> Result<(), TaskError> {
        let Source { uri, head, .. } = &self.sources.distinct[index];
        match self.filled[index] {
            Some(file) => self.filler.need_all(file).await?,
            None => {
                fetch(self.store, uri, head, &self.paths[index]).await?;
            }
        }
        Ok(())
    }

    /// Whether so many bytes can be read in time and have room.
    fn check_room(&self, needed: u64) -> Result<(), TaskError> {
        budget::check_fetch(needed, self.deadline)?;
        let free = free_bytes(self.work_dir)?;
        if needed > free { Err(TaskError::Space { needed, free }) } else { Ok(()) }
    }
}

/// Why a source is fetched whole.
#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("it is no MP4")]
    Format,
    #[error(transparent)]
    Index(#[from] Unindexed),
}
