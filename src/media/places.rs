//! Where in a file the packets of a given time are.

use std::ops::{Range, RangeInclusive};

use super::elements::Cues;
use crate::flicks::Flicks;

/// For a gap of fewer bytes, reading it is cheaper than a second request.
pub const GAP: u64 = 1024 * 1024;
/// Packets within this many milliseconds are recorded together.
const SPAN_MS: u64 = 100;
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
    #[must_use]
    pub fn of_clusters(Cues { cues, end }: &Cues) -> Self {
        let next = cues.iter().skip(1);
        let next = next.map(|cue| (span(cue.time), cue.at)).chain([(i64::MAX, *end)]);
        // Everything before the first cue belongs to its cluster.
        let first = |index, time| if index == 0 { i64::MIN } else { span(time) };
        let runs = cues.iter().zip(next).enumerate().map(|(index, (cue, (last, end)))| Run {
            spans: first(index, cue.time)..=last,
            bytes: cue.at..end,
        });
        let track = Track { runs: runs.collect(), overflow: false };
        Self { video: track.clone(), audio: track }
    }
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

    use super::{Flicks, GAP, Track, joined};

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
