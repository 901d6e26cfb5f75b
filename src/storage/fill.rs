//! Fills partial files with the parts of objects that are needed.
//!
//! Ranges that will be needed are queued in order; bytes that ffmpeg waits for come first. Every
//! read names the entity tag that was seen first, as for whole files.
//!
//! Files that are only read from start to end, perhaps by several processes at a time, need not fit
//! on the disk: then only what was read last is kept.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::stream::{FuturesUnordered, StreamExt, select_all, unfold};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use super::fetch::{ATTEMPTS, FIRST_PAUSE, FetchError, PARALLEL_RANGES, RANGE_SIZE, file_error};
use super::{ObjectHead, ObjectStore};
use crate::clamped::clamped;
use crate::engine::partial::{BLOCK, PartialFile, Wanted};
use crate::object::ObjectUri;

/// Parallel requests for bytes that ffmpeg waits for, in addition to those for queued ranges.
const URGENT_RANGES: usize = 4;
/// The least that is read at an unexpected place. Each read that continues it is twice as long, so
/// that reading a file from end to end takes few requests.
const FIRST_WINDOW: u64 = 4 * BLOCK;
/// Of what is kept of a file, the part that may be read ahead of ffmpeg: so little that nothing is
/// dropped before it is used.
const AHEAD: u64 = 4;
/// How many processes may read a file at the same time, each at its own place.
const READERS: usize = 8;

/// Fills partial files of objects.
#[derive(Debug)]
pub struct Filler {
    store: ObjectStore,
    sources: Vec<Source>,
    /// How many bytes of each file are kept; `None` if all are.
    kept: Option<u64>,
    state: Mutex<State>,
    asked: Notify,
    arrived: Notify,
    busy_micros: AtomicU64,
}

#[derive(Debug)]
struct Source {
    uri: ObjectUri,
    head: ObjectHead,
    file: PartialFile,
    bytes: AtomicU64,
}

/// A range of a source.
#[derive(Clone, Debug)]
struct Piece {
    source: usize,
    range: Range<u64>,
}

#[derive(Debug, Default)]
struct State {
    urgent: VecDeque<Piece>,
    queue: VecDeque<Piece>,
    /// How many bytes of the queue were requested since ffmpeg last waited for missing ones.
    ahead: u64,
    /// For each source, the ranges that were read unexpectedly, the latest first.
    windows: Vec<VecDeque<Range<u64>>>,
}

/// Receives the places that ffmpeg waits for, for a [`Filler`].
#[derive(Debug, Default)]
pub struct Waits(Vec<Wanted>);

impl Filler {
    /// Creates a partial file for each object, without any bytes.
    ///
    /// # Errors
    /// When a file can't be created.
    pub fn new<'a>(
        store: &ObjectStore,
        objects: impl Iterator<Item = (&'a ObjectUri, &'a ObjectHead, &'a Path)>,
    ) -> Result<(Self, Waits), FetchError> {
        let mut sources = Vec::new();
        let mut waits = Waits::default();
        for (uri, head, path) in objects {
            let (file, wanted) = PartialFile::create(path, head.size)
                .map_err(|source| file_error(uri, head.size, path, source))?;
            let (uri, head, bytes) = (uri.clone(), head.clone(), AtomicU64::new(0));
            sources.push(Source { uri, head, file, bytes });
            waits.0.push(wanted);
        }
        let state = State { windows: vec![VecDeque::new(); sources.len()], ..State::default() };
        let filler = Self {
            store: store.clone(),
            sources,
            kept: None,
            state: Mutex::new(state),
            asked: Notify::new(),
            arrived: Notify::new(),
            busy_micros: AtomicU64::new(0),
        };
        Ok((filler, waits))
    }

    /// The same, but keeps only the `bytes` of each file that were read last.
    #[must_use]
    pub fn keeping(self, bytes: u64) -> Self {
        Self { kept: Some(bytes), ..self }
    }

    /// The file of an object.
    #[must_use]
    pub fn file(&self, source: usize) -> &PartialFile {
        &self.sources[source].file
    }

    /// How much disk space this number of bytes of a file takes.
    #[must_use]
    pub fn on_disk(&self, bytes: u64) -> u64 {
        self.kept.map_or(bytes, |kept| kept.min(bytes))
    }

    /// How many bytes of an object have been read.
    #[must_use]
    pub fn bytes(&self, source: usize) -> u64 {
        self.sources[source].bytes.load(Ordering::Relaxed)
    }

    /// The time spent reading.
    #[must_use]
    pub fn busy(&self) -> Duration {
        Duration::from_micros(self.busy_micros.load(Ordering::Relaxed))
    }

    /// Queues these ranges after all earlier ones.
    pub fn ask(&self, source: usize, ranges: impl IntoIterator<Item = Range<u64>>) {
        let pieces = ranges.into_iter().map(|range| Piece { source, range });
        self.state().queue.extend(pieces);
        self.asked.notify_one();
    }

    /// Requests a range before all queued ones, and waits until it is filled.
    pub async fn need(&self, source: usize, range: Range<u64>) {
        self.state().urgent.push_back(Piece { source, range: range.clone() });
        self.asked.notify_one();
        self.wait(source, &range).await;
    }

    /// Waits until the whole object is filled.
    ///
    /// # Errors
    /// When the disk has no room for it.
    pub async fn need_all(&self, source: usize) -> Result<(), FetchError> {
        let file = self.file(source);
        file.reserve().map_err(|error| self.file_error(source, error))?;
        let all = 0..file.size();
        self.ask(source, [all.clone()]);
        self.wait(source, &all).await;
        Ok(())
    }

    async fn wait(&self, source: usize, range: &Range<u64>) {
        loop {
            let arrived = self.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            if self.file(source).holds(range) {
                return;
            }
            arrived.await;
        }
    }

    /// Fills ranges that are queued or waited for, until something fails.
    pub async fn run(&self, waits: Waits) -> FetchError {
        let waits = waits.0.into_iter().enumerate().map(|(source, wanted)| {
            Box::pin(unfold(wanted, move |mut wanted| async move {
                let place = wanted.next().await;
                Some(((source, place), wanted))
            }))
        });
        let mut waits = select_all(waits);
        let mut reads = FuturesUnordered::new();
        loop {
            while let Some(piece) = self.next(reads.len()) {
                reads.push(self.read(piece));
            }
            let (since, reading) = (Instant::now(), !reads.is_empty());
            let ended = tokio::select! {
                () = self.asked.notified() => Ok(()),
                Some((source, place)) = waits.next() => match place {
                    Ok(place) => { self.want(source, place); Ok(()) }
                    Err(error) => Err(self.file_error(source, error)),
                },
                Some(read) = reads.next() => read,
            };
            if reading {
                let spent = clamped::<u64>(since.elapsed().as_micros());
                self.busy_micros.fetch_add(spent, Ordering::Relaxed);
            }
            if let Err(error) = ended {
                return error;
            }
        }
    }

    /// Requests the byte that ffmpeg waits for.
    fn want(&self, source: usize, place: u64) {
        let file = self.file(source);
        if file.missing(&(place..place + 1)) == 0 {
            return;
        }
        let mut state = self.state();
        state.ahead = 0;
        let planned = state.queue.iter().find(|p| p.source == source && p.range.contains(&place));
        let planned = planned.map(|planned| planned.range.end.min(place + RANGE_SIZE));
        let end = planned.unwrap_or_else(|| place + state.unforeseen(source, place));
        state.urgent.push_back(Piece { source, range: place..end });
        // A process that has read so much in sequence will read on.
        let reads_on = self.kept.is_some() && planned.is_none() && end - place == RANGE_SIZE;
        let next = if reads_on { end + RANGE_SIZE } else { end };
        state.queue.extend(reads_on.then_some(Piece { source, range: end..next }));
        if planned.is_none() {
            state.windows[source].push_front(place..next);
            state.windows[source].truncate(READERS);
        }
    }

    /// The next range to read, if `reads` reads are in progress.
    fn next(&self, reads: usize) -> Option<Piece> {
        let mut state = self.state();
        let State { urgent, queue, ahead, .. } = &mut *state;
        if reads < PARALLEL_RANGES + URGENT_RANGES
            && let Some(piece) = self.claim(urgent)
        {
            return Some(piece);
        }
        let is_far_ahead = self.kept.is_some_and(|kept| *ahead >= kept / AHEAD);
        if reads >= PARALLEL_RANGES || is_far_ahead {
            return None;
        }
        let piece = self.claim(queue)?;
        *ahead += piece.range.end - piece.range.start;
        Some(piece)
    }

    /// Takes the first missing range from a queue.
    fn claim(&self, queue: &mut VecDeque<Piece>) -> Option<Piece> {
        while let Some(Piece { source, range }) = queue.pop_front() {
            if let Some(missing) = self.file(source).claim(&range, RANGE_SIZE) {
                if missing.end < range.end {
                    queue.push_front(Piece { source, range: missing.end..range.end });
                }
                return Some(Piece { source, range: missing });
            }
        }
        None
    }

    async fn read(&self, piece: Piece) -> Result<(), FetchError> {
        let mut at = piece.range.start;
        let mut pause = FIRST_PAUSE;
        for _ in 1..ATTEMPTS {
            match self.copy(piece.source, &mut at, piece.range.end).await {
                Err(error) if error.is_transient() => {
                    tracing::warn!(%error, at, "a range broke and is continued");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                done => return done,
            }
        }
        self.copy(piece.source, &mut at, piece.range.end).await
    }

    /// Copies up to `end` in whole blocks, and keeps in `at` the offset of the next block.
    async fn copy(&self, source: usize, at: &mut u64, end: u64) -> Result<(), FetchError> {
        if *at == end {
            return Ok(());
        }
        let Source { uri, head, file, bytes: count } = &self.sources[source];
        let mut body = self.store.read_range(uri, head, *at..end).await?;
        let mut held = Vec::new();
        while let Some(bytes) = body.next().await? {
            count.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            // Limited, since a body longer than its range would overwrite the next range.
            let room = (end - *at).saturating_sub(held.len() as u64);
            let room = clamped::<usize>(room);
            held.extend_from_slice(&bytes[..bytes.len().min(room)]);
            let length = held.len() as u64;
            let whole = if *at + length == end { length } else { length / BLOCK * BLOCK };
            if whole > 0 {
                let rest = held.split_off(clamped(whole));
                let filled = match self.kept {
                    Some(most) => file.fill_and_drop(*at, &held, most),
                    None => file.fill(*at, &held),
                };
                filled.map_err(|error| self.file_error(source, error))?;
                (held, *at) = (rest, *at + whole);
                self.arrived.notify_waiters();
            }
        }
        if *at == end {
            Ok(())
        } else {
            Err(FetchError::Short { uri: uri.clone(), at: *at, size: head.size })
        }
    }

    fn file_error(&self, source: usize, error: io::Error) -> FetchError {
        let Source { uri, head, file, .. } = &self.sources[source];
        file_error(uri, head.size, file.path(), error)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    /// How many bytes to read at an unexpected place.
    fn unforeseen(&mut self, source: usize, place: u64) -> u64 {
        let windows = &mut self.windows[source];
        let goes_on = |last: &Range<u64>| (last.start..last.end + BLOCK).contains(&place);
        let last = windows.iter().position(goes_on).and_then(|last| windows.remove(last));
        let twice = last.map_or(0, |last| (last.end - last.start).saturating_mul(2));
        twice.clamp(FIRST_WINDOW, RANGE_SIZE)
    }
}
