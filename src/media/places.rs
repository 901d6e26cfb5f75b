//! Where in a file the packets of a given time are.

use std::ops::{Range, RangeInclusive};

use super::elements::{Cue, Cues};
use crate::flicks::Flicks;

/// For a gap of fewer bytes, reading it is cheaper than a second request.
pub const GAP: u64 = 1024 * 1024;
/// Packets within this many milliseconds are recorded together.
const SPAN_MS: u64 = 100;
/// Pieces into which the bytes between two cues are divided.
const PIECES: u32 = 8;
/// Most entries of a stream: enough for days of film, unless its packets are scattered.
const MOST_RUNS: usize = 500_000;

/// Where the packets of the two used streams are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Those of the video.
    pub video: Track,
    /// Those of the audio.
    pub audio: Track,
}

/// Where the packets of a stream are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Track {
    runs: Vec<Run>,
    overflow: bool,
}

/// Packets of about the same time that are near each other.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    spans: RangeInclusive<i64>,
    bytes: Range<u64>,
}

impl Places {
    /// The places of the clusters that the cues list: each cluster holds packets of both streams.
    ///
    /// The cues say where each key frame is. Where the frames between two of them are is estimated
    /// from their times.
    #[must_use]
    pub fn of_clusters(Cues { cues, end }: &Cues) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        for (cue, next) in cues.iter().zip(cues.iter().skip(1)) {
            runs.extend(between(cue, next));
        }
        runs.extend(
            cues.last().map(|last| Run { spans: span(last.time)..=i64::MAX, bytes: last.at..*end }),
        );
        // Everything before the first cue belongs to its cluster.
        if let Some(first) = runs.first_mut() {
            first.spans = i64::MIN..=*first.spans.end();
        }
        let track = Track { runs, overflow: false };
        Self { video: track.clone(), audio: track }
    }
}

/// Pieces of equal length of what is between two key frames. Each counts for the time before it as
/// well: a key frame is larger than other frames, so these are farther on than their times say.
fn between(cue: &Cue, next: &Cue) -> impl Iterator<Item = Run> {
    let (length, bytes) = (next.time - cue.time, next.at - cue.at);
    let time = move |piece: u32| {
        cue.time + Flicks::new(length.count() * i64::from(piece) / i64::from(PIECES))
    };
    let place = move |piece: u32| cue.at + bytes * u64::from(piece) / u64::from(PIECES);
    (0..PIECES).map(move |piece| Run {
        spans: span(time(piece.saturating_sub(1)))..=span(time(piece + 1)),
        bytes: place(piece)..place(piece + 1),
    })
}

impl Track {
    /// Adds a packet. `time` is its decoding time.
    pub(super) fn add(&mut self, time: Flicks, place: u64, size: u64) {
        let span = span(time);
        let bytes = place..place.saturating_add(size);
        let is_full = self.runs.len() >= MOST_RUNS;
        match self.runs.last_mut() {
            Some(run)
                if *run.spans.start() == span
                    && run.bytes.start <= bytes.start
                    && bytes.start <= run.bytes.end.saturating_add(GAP) =>
            {
                run.bytes.end = run.bytes.end.max(bytes.end);
            }
            _ if is_full => self.overflow = true,
            _ => self.runs.push(Run { spans: span..=span, bytes }),
        }
    }

    /// Records that the time or the place of a packet is not known.
    pub(super) fn add_unknown(&mut self) {
        self.overflow = true;
    }

    /// Whether the place of every packet is known.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.overflow
    }

    /// The byte ranges of all packets within `times`, and of a few around them.
    pub fn bytes(&self, times: &Range<Flicks>) -> impl Iterator<Item = Range<u64>> {
        let (first, last) = (span(times.start), span(times.end));
        let is_read = move |run: &&Run| first <= *run.spans.end() && *run.spans.start() <= last;
        let runs = self.runs.iter().filter(is_read);
        runs.map(|run| run.bytes.clone())
    }
}

fn span(time: Flicks) -> i64 {
    time.count().div_euclid(Flicks::from_millis(SPAN_MS).count())
}

/// Sorts ranges, drops those that are empty or beyond `size`, and joins those with only a small gap
/// between them.
pub fn joined(ranges: impl Iterator<Item = Range<u64>>, size: u64) -> Vec<Range<u64>> {
    let within = ranges.map(|range| range.start..range.end.min(size));
    let mut ranges: Vec<_> = within.filter(|range| !range.is_empty()).collect();
    ranges.sort_unstable_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start < last.end.saturating_add(GAP) => {
                last.end = last.end.max(range.end);
            }
            _ => joined.push(range),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Cue, Cues, Flicks, GAP, Places, Track, joined};

    #[test]
    fn packets_are_found_by_their_time() {
        let mut track = Track::default();
        for (index, place) in (0..100).zip((0..).step_by(100_000)) {
            track.add(Flicks::from_millis(index * 40), place, 1000);
        }
        let times = Flicks::from_millis(1000)..Flicks::from_millis(1999);
        let bytes: Vec<_> = track.bytes(&times).collect();
        assert_eq!(bytes[0], 2_500_000..2_701_000);
        assert_eq!(bytes.last().unwrap(), &(4_800_000..4_901_000));
        let joined = joined(bytes.into_iter(), 4_000_000);
        assert_eq!(joined, std::slice::from_ref(&(2_500_000..3_901_000)));
        assert!(track.is_complete());
        track.add_unknown();
        assert!(!track.is_complete());
    }

    #[test]
    fn places_between_cues_are_estimated_by_time() {
        let cue =
            |seconds: u64| Cue { time: Flicks::from_millis(seconds * 1000), at: seconds << 20 };
        let cues = Cues { cues: (0..4).map(|count| cue(count * 8)).collect(), end: 30 << 20 };
        let read = |from: u64, until: u64| {
            let times = Flicks::from_millis(from)..Flicks::from_millis(until);
            joined(Places::of_clusters(&cues).video.bytes(&times), u64::MAX)
        };
        for (from, until, first, last) in
            [(0, 500, 0, 2), (7900, 9900, 7, 11), (8100, 15_900, 8, 16), (24_000, 25_000, 23, 30)]
        {
            assert_eq!(
                read(from, until),
                std::slice::from_ref(&(first << 20..last << 20)),
                "{from} to {until}"
            );
        }
    }

    proptest! {
        #[test]
        fn joined_ranges_cover_all_and_little_else(
            ranges in prop::collection::vec((0..40_u64, 0..5_u64), 0..12), size in 0..40_u64,
        ) {
            let ranges: Vec<_> =
                ranges.iter().map(|(at, length)| at * GAP / 2..(at + length) * GAP / 2).collect();
            let size = size * GAP / 2;
            let joined = joined(ranges.iter().cloned(), size);
            for range in ranges.iter().filter(|range| range.start < range.end.min(size)) {
                let end = range.end.min(size);
                prop_assert!(joined.iter().any(|one| one.start <= range.start && end <= one.end));
            }
            for pair in joined.windows(2) {
                prop_assert!(pair[0].end + GAP <= pair[1].start);
            }
            prop_assert!(joined.iter().all(|range| range.start < range.end && range.end <= size));
        }
    }
}
