//! Where to place audio whose timestamps jitter.
//!
//! A timestamp may be the time at which a packet was received, or rounded, or that of a whole
//! burst: then each one is wrong, and only their mean is right. So audio is placed in long
//! stretches. A new stretch begins where the mean moves for good: at a gap, at an overlap, or in
//! the course of a drift.

use crate::clamped::clamped;
use serde::{Deserialize, Serialize};

/// Deviations up to this count as jitter, in milliseconds.
const JITTER_MS: i64 = 40;
/// Timestamps that deviate by no more than this are steady, in milliseconds: containers round to
/// one.
const ROUNDING_MS: i64 = 2;
/// How much audio before and after a gap a mean is taken over, in milliseconds.
const WINDOW_MS: i64 = 1000;
/// How many standard deviations a mean may be off by chance.
const CHANCE: f64 = 3.0;
/// Half of the differences between two values of a normal distribution are smaller than this many
/// standard deviations.
const MEDIAN_DISTANCE: f64 = 0.954;
/// Most runs of steady packets that are kept. Above it, pairs of runs are merged: over hours of
/// jitter their means are just as good.
const MOST_RUNS: usize = 1 << 16;
/// Most stretches of one stream.
const MOST_STRETCHES: usize = 1000;
/// A timestamp that is further from the median is left out of the mean, in milliseconds.
const OUTLIER_MS: i64 = 100;
/// Most samples that are counted: more than any recording has, and small enough that no sum
/// overflows.
const MOST_SAMPLES: i64 = 1 << 50;
/// How often each run may be visited, on average, before the search gives up.
const MOST_LOOKS: usize = 200;

/// The timestamps of an audio stream.
#[derive(Clone, Debug)]
pub struct Clock {
    rate: i64,
    samples: i64,
    runs: Vec<Run>,
}

/// Consecutive packets whose timestamps agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    /// Samples of the stream before this run.
    from: i64,
    /// By how many samples the run's timestamps are later than the samples before it account for.
    offset: i64,
    /// Number of packets, each of which confirms the offset.
    packets: i64,
}

/// Audio that is placed as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Samples of the stream before this stretch.
    pub from: i64,
    /// By how many samples the stretch begins later than the samples before it account for.
    pub offset: i64,
}

impl Clock {
    /// For a stream of `rate` samples a second.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let rate = i64::from(rate.max(1));
        Self { rate, samples: 0, runs: Vec::new() }
    }

    /// Adds a packet: its timestamp in samples, and the number of samples it holds.
    pub fn push(&mut self, stamp: i64, samples: i64) {
        let offset = stamp.clamp(-MOST_SAMPLES, MOST_SAMPLES) - self.samples;
        let rounding = self.ms(ROUNDING_MS).unsigned_abs();
        match self.runs.last_mut() {
            Some(run) if run.offset.abs_diff(offset) <= rounding => run.packets += 1,
            _ => {
                if self.runs.len() == MOST_RUNS {
                    self.thin_out();
                }
                self.runs.push(Run { from: self.samples, offset, packets: 1 });
            }
        }
        self.samples += samples.clamp(0, MOST_SAMPLES - self.samples);
    }

    /// Merges pairs of runs. Keeps the runs at both ends, which say where the audio begins and
    /// ends, and those on both sides of a gap, as long as there are few gaps.
    fn thin_out(&mut self) {
        let mut thinned = self.thinned(self.ms(2 * JITTER_MS).unsigned_abs());
        if thinned.len() > MOST_RUNS / 4 * 3 {
            thinned = self.thinned(u64::MAX);
        }
        self.runs = thinned;
    }

    fn thinned(&self, jitter: u64) -> Vec<Run> {
        let mut thinned = Vec::with_capacity(self.runs.len());
        let mut runs = self.runs.iter().copied().enumerate().peekable();
        while let Some((index, mut run)) = runs.next() {
            let inside = index > 0 && index + 2 < self.runs.len();
            let second =
                runs.next_if(|(_, second)| inside && run.offset.abs_diff(second.offset) <= jitter);
            if let (Some((_, second)), Some(end)) = (second, self.runs.get(index + 2)) {
                let weight = |run: Run, end| i128::from(run.offset) * i128::from(end - run.from);
                let sum = weight(run, second.from) + weight(second, end.from);
                run.offset = mean(sum, end.from - run.from);
                run.packets += second.packets;
            }
            thinned.push(run);
        }
        thinned
    }

    /// Number of samples of the whole stream.
    #[must_use]
    pub const fn samples(&self) -> i64 {
        self.samples
    }

    /// Whether all timestamps agree with the first.
    #[must_use]
    pub const fn is_steady(&self) -> bool {
        self.runs.len() <= 1
    }

    /// The stretches of the audio. Empty if the timestamps are steady, and if they make no sense.
    #[must_use]
    pub fn stretches(&self) -> Vec<Stretch> {
        if self.is_steady() {
            return Vec::new();
        }
        Means::new(self).stretches().unwrap_or_default()
    }

    /// Where unsteady audio begins and ends: at its own timestamps if they are steady there, else
    /// by their mean.
    #[must_use]
    pub fn span(&self) -> Option<(i64, i64)> {
        let stretches = self.stretches();
        let (first, last) = (stretches.first()?, stretches.last()?);
        let second = self.runs.get(1)?;
        let final_run = self.runs.last()?;
        let window = self.ms(WINDOW_MS);
        let start = if second.from < window { first.offset } else { self.runs[0].offset };
        let steady_end = self.samples - final_run.from >= window;
        let end = if steady_end { final_run.offset } else { last.offset };
        Some((start, end + self.samples))
    }

    /// The runs, with bursts (packets that arrived together and were stamped together) merged. Also
    /// the length of the longest burst.
    fn pooled(&self) -> (Vec<Run>, i64) {
        let mut longest = 0;
        let ends = self.runs.iter().skip(1).map(|run| run.from).chain([self.samples]);
        let mut pooled: Vec<Run> = Vec::with_capacity(self.runs.len());
        let mut before: Option<Run> = None;
        let mut sum = 0;
        for (run, end) in self.runs.iter().zip(ends) {
            let weight = i128::from(run.offset) * i128::from(end - run.from);
            let together = before.is_some_and(|before| {
                // The timestamp advances by less than half of the previous packet's length, but
                // doesn't move back.
                let (lasts, moved) = (run.from - before.from, run.offset - before.offset);
                before.packets == 1 && moved < -lasts / 2 && moved >= -lasts - self.ms(ROUNDING_MS)
            });
            if let Some(burst) = pooled.last_mut().filter(|_| together) {
                sum += weight;
                longest = longest.max(run.from - burst.from);
                // Steady packets after a burst show that the packets of the burst were only
                // delayed: all of them belong to the steady offset.
                let steady = run.packets > 1;
                burst.offset = if steady { run.offset } else { mean(sum, end - burst.from) };
                burst.packets = run.packets;
            } else {
                sum = weight;
                pooled.push(*run);
            }
            before = Some(*run);
        }
        (pooled, longest)
    }

    const fn ms(&self, ms: i64) -> i64 {
        self.rate * ms / 1000
    }
}

fn mean(sum: i128, samples: i64) -> i64 {
    let samples = i128::from(samples.max(1));
    clamped::<i64>((sum + samples / 2).div_euclid(samples))
}

/// The runs' offsets, prepared for means over any part.
struct Means {
    runs: Vec<Run>,
    /// For each run, the sum of the offsets of all samples before it; the last entry is the total.
    sums: Vec<i128>,
    samples: i64,
    jitter: i64,
    window: i64,
    outlier: i64,
    /// Length of the longest burst: at the ends of a part, this many samples may belong to a cut
    /// burst.
    burst: i64,
    /// Mean number of samples in a packet.
    packet: f64,
    /// Standard deviation of the packets' offsets.
    noise: f64,
}

impl Means {
    fn new(clock: &Clock) -> Self {
        let (runs, burst) = clock.pooled();
        let mut sums = vec![0];
        for (index, run) in runs.iter().enumerate() {
            let end = runs.get(index + 1).map_or(clock.samples, |next| next.from);
            sums.push(sums[index] + i128::from(run.offset) * i128::from(end - run.from));
        }
        let packets = runs.iter().map(|run| run.packets).sum::<i64>().max(1);
        Self {
            noise: noise(&runs, packets),
            packet: (float(clock.samples) / float(packets)).max(1.0),
            runs,
            sums,
            samples: clock.samples,
            jitter: clock.ms(JITTER_MS),
            window: clock.ms(WINDOW_MS),
            outlier: clock.ms(OUTLIER_MS),
            burst,
        }
    }

    /// `None` if there are more stretches than a real recording has.
    fn stretches(&self) -> Option<Vec<Stretch>> {
        let mut stretches = Vec::new();
        let mut looks = 0;
        let mut open = vec![(0, self.runs.len())];
        while let Some((first, end)) = open.pop() {
            looks += end - first;
            if looks > self.runs.len() * MOST_LOOKS || stretches.len() == MOST_STRETCHES {
                return None;
            }
            if let Some(middle) = self.step(first, end).or_else(|| self.drift(first, end)) {
                open.extend([(middle, end), (first, middle)]);
            } else {
                stretches.push(self.stretch(first, end));
            }
        }
        Some(stretches)
    }

    /// The stretch that some runs form: its offset is their mean without outliers.
    fn stretch(&self, first: usize, end: usize) -> Stretch {
        let length = |index| self.start(index + 1) - self.start(index);
        let mut runs: Vec<(i64, i64)> =
            (first..end).map(|index| (self.runs[index].offset, length(index))).collect();
        runs.sort_unstable();
        let half = runs.iter().map(|run| run.1).sum::<i64>() / 2;
        let mut passed = 0;
        let middle = runs.iter().find(|run| {
            passed += run.1;
            passed > half
        });
        let median = middle.or(runs.last()).map_or(0, |run| run.0);
        let near = runs.iter().filter(|run| (run.0 - median).abs() <= self.outlier);
        let (sum, samples) = near.fold((0, 0), |(sum, samples), &(offset, length)| {
            (sum + i128::from(offset) * i128::from(length), samples + length)
        });
        Stretch { from: self.start(first), offset: mean(sum, samples) }
    }

    /// Where a run begins; for an index after the last run, the end of the audio.
    fn start(&self, run: usize) -> i64 {
        self.runs.get(run).map_or(self.samples, |run| run.from)
    }

    /// The sum of the offsets of all samples before `until`.
    fn sum(&self, until: i64) -> i128 {
        let next = self.runs.partition_point(|run| run.from <= until);
        let Some(index) = next.checked_sub(1) else { return 0 };
        let run = self.runs[index];
        self.sums[index] + i128::from(run.offset) * i128::from(until - run.from)
    }

    /// The mean offset of the samples from `from` to `until`.
    fn offset(&self, from: i64, until: i64) -> i64 {
        mean(self.sum(until) - self.sum(from), until - from)
    }

    /// The part of these runs whose mean can be trusted: the samples next to the ends may belong to
    /// a cut burst, which has a different mean.
    fn told(&self, first: usize, end: usize) -> (i64, i64) {
        (self.start(first) + self.burst, self.start(end) - self.burst)
    }

    /// The run at which the offset changes most clearly, by more than jitter explains.
    fn step(&self, first: usize, end: usize) -> Option<usize> {
        let (from, until) = self.told(first, end);
        let inside = (first + 1..end).filter(|&run| (from + 1..until).contains(&self.start(run)));
        let steps = inside.filter_map(|run| {
            let at = self.start(run);
            let (before, behind) = ((at - self.window).max(from), (at + self.window).min(until));
            let step = float(self.offset(at, behind) - self.offset(before, at)).abs();
            let [left, right] = [at - before, behind - at].map(|part| float(part) / self.packet);
            let chance = CHANCE * self.noise * (1.0 / left + 1.0 / right).sqrt();
            let clear = step > float(self.jitter) + chance;
            clear.then_some((run, clearness(step, left, right)))
        });
        steps.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(run, _)| run)
    }

    /// The run at which to split a stretch that drifts: no single offset fits all of it, but it
    /// changes nowhere by much.
    fn drift(&self, first: usize, end: usize) -> Option<usize> {
        let (from, until) = self.told(first, end);
        let whole = self.offset(from, until);
        let strays = |at: i64| {
            let parts = [(at - self.window, at), (at, at + self.window)];
            let inside = parts.into_iter().filter(|part| part.0 >= from && part.1 <= until);
            inside.into_iter().any(|part| (self.offset(part.0, part.1) - whole).abs() > self.jitter)
        };
        if !(first..=end).any(|run| strays(self.start(run))) {
            return None;
        }
        let inside = (first + 1..end).filter(|&run| (from + 1..until).contains(&self.start(run)));
        let steps = inside.map(|run| {
            let at = self.start(run);
            let step = float(self.offset(at, until) - self.offset(from, at)).abs();
            (run, clearness(step, float(at - from), float(until - at)))
        });
        steps.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(run, _)| run)
    }
}

/// By how much two means fit better than one.
fn clearness(step: f64, left: f64, right: f64) -> f64 {
    step * step * left * right / (left + right)
}

/// The standard deviation of the packets' offsets, estimated in a way that gaps hardly change.
fn noise(runs: &[Run], packets: i64) -> f64 {
    let moves = runs.windows(2).map(|two| two[1].offset.abs_diff(two[0].offset));
    let mut moves: Vec<u64> = moves.collect();
    moves.sort_unstable();
    // Inside a run the offset does not change.
    let middle = clamped::<usize>(packets / 2);
    let steady = clamped::<usize>(packets).saturating_sub(moves.len());
    let median = middle.checked_sub(steady).and_then(|place| moves.get(place));
    float(median.map_or(0, |&move_| clamped::<i64>(move_))) / MEDIAN_DISTANCE
}

/// Exact for the sample counts of any recording.
#[expect(clippy::cast_precision_loss, reason = "the values are compared with much coarser ones")]
const fn float(samples: i64) -> f64 {
    samples as f64
}

#[cfg(test)]
mod tests {
    use super::{Clock, Stretch};

    const RATE: u32 = 48_000;
    const PACKET: i64 = 1024;

    fn ms(ms: i64) -> i64 {
        ms * 48
    }

    /// Steady packets whose timestamps `change` modifies.
    fn clock(packets: i64, change: impl Fn(i64, i64) -> i64) -> Clock {
        let mut clock = Clock::new(RATE);
        for number in 0..packets {
            clock.push(change(number, number * PACKET), PACKET);
        }
        clock
    }

    /// Between -35 and 35 ms, in a pseudo-random order.
    fn jitter(number: i64) -> i64 {
        ms((number * 7919 + 13 * (number / 5)) % 71 - 35)
    }

    fn assert_near(found: &[Stretch], expected: &[(i64, i64)], packets: i64, name: &str) {
        assert_eq!(found.len(), expected.len(), "{name}: {found:?}");
        for (stretch, (packet, offset_ms)) in found.iter().zip(expected) {
            let apart = (stretch.from / PACKET - packet).abs();
            assert!(apart <= packets, "{name}: {found:?}");
            assert!((stretch.offset - ms(*offset_ms)).abs() < ms(4), "{name}: {found:?}");
        }
    }

    #[test]
    fn steady_stamps_are_let_be() {
        let rounded = clock(1000, |_, stamp| stamp / 48 * 48);
        assert!(rounded.is_steady());
        assert_eq!(rounded.stretches(), []);
        assert_eq!(rounded.samples(), 1000 * PACKET);
    }

    #[test]
    fn jitter_makes_no_gap_and_no_offset() {
        for packets in [2, 5, 20, 100, 3000] {
            let mean = (0..packets).map(jitter).sum::<i64>() / packets;
            let found = clock(packets, |n, stamp| stamp + ms(500) + jitter(n)).stretches();
            assert_eq!(found.len(), 1, "{found:?}");
            assert!((found[0].offset - ms(500) - mean).abs() < 48, "{packets}: {found:?}");
        }
    }

    #[test]
    fn audio_begins_and_ends_by_its_stamps_where_they_are_steady() {
        let ends = |first, last| Some((first, 500 * PACKET + last));
        let jump = clock(500, |n, stamp| stamp + if n < 250 { 0 } else { ms(20) });
        assert_eq!(jump.span(), ends(0, ms(20)));
        let early = clock(500, |n, stamp| stamp - if n == 0 { ms(35) } else { 0 });
        assert_eq!(early.span(), ends(-3, 0));
        let late = clock(500, |n, stamp| stamp + if n == 499 { ms(35) } else { 0 });
        assert_eq!(late.span(), ends(0, 3));
    }

    #[test]
    fn bursts_make_no_gap() {
        for (burst, between) in [(8, 0), (24, 48), (3, 96), (100, 0)] {
            // Rounded to whole milliseconds, up or down.
            let rounded = |n: i64| n * 7919 % 2 * 48;
            let stamp = |n| n / burst * burst * PACKET + n % burst * between + rounded(n);
            let found = clock(2000, |n, _| stamp(n));
            let mean = -(burst - 1) * (PACKET - between) / 2;
            assert_near(&found.stretches(), &[(0, mean / 48)], 0, &format!("bursts of {burst}"));
        }
    }

    #[test]
    fn packets_that_were_held_up_are_no_gap() {
        // Half a second of packets arrives at once.
        let late = |n: i64, stamp: i64| if (100..124).contains(&n) { 124 * PACKET } else { stamp };
        assert_near(&clock(500, late).stretches(), &[(0, 0)], 0, "held up");
    }

    #[test]
    fn gaps_stay_where_they_are() {
        for gap in [45, 60, 500, 20_000] {
            let found = clock(500, |n, stamp| stamp + if n >= 200 { ms(gap) } else { 0 });
            let expected =
                [Stretch { from: 0, offset: 0 }, Stretch { from: 200 * PACKET, offset: ms(gap) }];
            assert_eq!(found.stretches(), expected, "{gap} ms");
        }
        let found = clock(500, |n, stamp| stamp + jitter(n) + if n >= 200 { ms(120) } else { 0 });
        assert_near(&found.stretches(), &[(0, 0), (200, 120)], 2, "in jitter");
        let overlap = clock(500, |n, stamp| stamp - if n >= 200 { ms(300) } else { 0 });
        assert_near(&overlap.stretches(), &[(0, 0), (200, -300)], 0, "overlap");
    }

    #[test]
    fn every_one_of_many_gaps_stays() {
        // A recording that contains packets only while somebody speaks.
        let found = clock(600, |n, stamp| stamp + n / 5 * ms(150)).stretches();
        let expected = (0..120).map(|n| Stretch { from: n * 5 * PACKET, offset: n * ms(150) });
        assert!(found.iter().copied().eq(expected), "{found:?}");
    }

    #[test]
    fn what_moves_slowly_is_followed() {
        for (name, drift) in [("late", 1), ("early", -1)] {
            let moved = |n: i64| drift * n * 12;
            let found = clock(3000, |n, stamp| stamp + moved(n)).stretches();
            for packet in 0..3000 {
                let own = found.iter().rfind(|stretch| stretch.from <= packet * PACKET).unwrap();
                assert!((own.offset - moved(packet)).abs() <= ms(45), "{name} at {packet}");
            }
            assert!(found.len() < 40, "{name}: {}", found.len());
        }
        // A packet is lost from time to time.
        let lost = clock(3000, |n, stamp| stamp + n / 200 * PACKET).stretches();
        for packet in 0..3000 {
            let own = lost.iter().rfind(|stretch| stretch.from <= packet * PACKET).unwrap();
            assert!((own.offset - packet / 200 * PACKET).abs() <= ms(45), "at {packet}");
        }
    }

    #[test]
    fn of_a_day_of_jitter_no_more_is_kept_than_of_an_hour() {
        let clock =
            clock(400_000, |n, stamp| stamp + jitter(n) + if n >= 300_000 { ms(500) } else { 0 });
        assert!(
            clock.runs.len() <= super::MOST_RUNS && clock.runs.capacity() <= 2 * super::MOST_RUNS
        );
        assert_near(&clock.stretches(), &[(0, 0), (300_000, 500)], 16, "a day");
    }

    #[test]
    fn stamps_that_make_no_sense_are_let_be() {
        let wild = |n: i64| (n * 7919 % 1009) * ms(1000);
        assert_eq!(clock(200_000, |n, _| wild(n)).stretches(), []);
        let mut extreme = Clock::new(RATE);
        for stamp in [i64::MIN, i64::MAX, 0, i64::MIN, i64::MAX] {
            extreme.push(stamp, i64::MAX / 4);
        }
        let _ = extreme.stretches();
    }
}
