//! How often a video shows a new frame, from the timestamps of its packets.
//!
//! A mean over the whole file would count packets that are never shown (they only help to decode
//! others), and would include the time of frames that were lost, left out as repetitions, or cut
//! off.

use num_rational::Ratio;

use crate::flicks::Flicks;
use crate::frame_rate;

/// Most timestamps that are kept: more than an hour of video, whose rate holds for the rest as
/// well. A small file can have millions, and they are copied to be sorted and counted.
const MOST_TIMES: usize = 1 << 17;
/// In percent: if at least this many frames last equally long, the rate is constant, though some
/// frames may be lost.
const MOST: usize = 75;
/// With a constant rate, fewer than one frame in this many has an odd length.
const FEW: usize = 20;
/// In percent: in AVI, which has one rate and leaves out repeated frames, at least this many frames
/// last one tick.
const MANY: usize = 25;
/// How many gaps each sampled place of a file causes: one before it, and one for each frame that is
/// shown before, but decoded after, the last frame that was read.
const REORDERED: usize = 4;
/// With uneven timestamps, a rate is accepted if the frames' length is uncertain by at most one
/// part in this many.
const MOST_OFF: i64 = 100;

/// The presentation times of a video's packets.
#[derive(Debug)]
pub(super) struct Cadence {
    time_base: Ratio<i64>,
    times: Vec<i64>,
}

impl Cadence {
    pub(super) const fn new(time_base: Ratio<i64>) -> Self {
        Self { time_base, times: Vec::new() }
    }

    /// Adds a packet's presentation time, in ticks.
    pub(super) fn packet(&mut self, time: i64) {
        if self.times.len() < MOST_TIMES {
            self.times.push(time);
        }
    }

    /// Frames per second: of the frames that follow each other without a gap if most do, else of
    /// all.
    pub(super) fn rate(&self) -> Option<Ratio<i64>> {
        let counted = self.counted()?;
        self.mean(counted.frames, counted.ticks)
    }

    /// The intended rate of frames with rounded or uneven timestamps: the first rate of `told`,
    /// else the nearest standard rate, that lies within the uncertainty of the timestamps. `None`
    /// if the timestamps are exact, or too uneven.
    pub(super) fn meant(&self, told: &[Ratio<i64>]) -> Option<Ratio<i64>> {
        let Counted { frames, ticks, off } = self.counted()?;
        if off == 0 || off > ticks / MOST_OFF && frames > FEW {
            return None;
        }
        let slowest = self.mean(frames, ticks.checked_add(off)?)?;
        let fastest = self.mean(frames, ticks.checked_sub(off)?)?;
        let is_near = |rate: &Ratio<i64>| (slowest..=fastest).contains(rate);
        // If the steps differ by more than rounding, a declared rate may only be their mean: then
        // it counts only if it is a standard rate.
        let is_rate = |rate: &Ratio<i64>| off == 1 || frame_rate::is_standard(*rate);
        told.iter().copied().find(|rate| is_near(rate) && is_rate(rate)).or_else(|| {
            let rate = self.mean(frames, ticks)?;
            let kin = told.last().is_some_and(|&told| frame_rate::is_ntsc(told));
            frame_rate::nearest_standard(rate, is_near, kin)
        })
    }

    fn counted(&self) -> Option<Counted> {
        let times = self.shown();
        let steps = steps(&times);
        let is_most = |part: &[i64]| part.len() * 100 >= steps.len() * MOST;
        let (even, regular) = (without_gaps(&steps), regular(&steps));
        // A few short steps occur where frames were cut off. If there are many, they make up for
        // long ones.
        let few = even.len().saturating_sub(regular.len()) * FEW < steps.len();
        let counted = if is_most(&regular) && few { regular } else { even };
        if is_most(&counted) {
            return Some(Counted::of(&counted));
        }
        let ticks = times.last()?.checked_sub(*times.first()?)?;
        Some(Counted { ticks, ..Counted::of(&steps) })
    }

    /// Whether the frames follow each other without a gap, apart from those that `places` sampled
    /// places cause and a few more.
    pub(super) fn is_even(&self, places: usize) -> bool {
        let steps = steps(&self.shown());
        let odd = steps.len() - regular(&steps).len();
        odd <= places * REORDERED + steps.len() / 20
    }

    /// Whether most frames last one tick, apart from those that are repeated.
    pub(super) fn is_of_ticks(&self) -> bool {
        let steps = steps(&self.shown());
        let single = steps.iter().filter(|&&step| step == 1).count();
        single > 0 && single * 100 >= steps.len() * MANY
    }

    /// The times of the frames that are shown, ascending. A packet that is never shown has the
    /// timestamp of another one, or one next to it.
    fn shown(&self) -> Vec<i64> {
        let mut times = self.times.clone();
        times.sort_unstable();
        times.dedup();
        let least = median(&steps(&times)) / 4;
        let mut before = None;
        times.retain(|&time| {
            let is_shown = before.is_none_or(|last: i64| time.saturating_sub(last) > least);
            if is_shown {
                before = Some(time);
            }
            is_shown
        });
        times
    }

    fn mean(&self, frames: usize, ticks: i64) -> Option<Ratio<i64>> {
        let time = Flicks::from_ticks(ticks, self.time_base)?;
        frame_rate::mean(i64::try_from(frames).ok()?, time)
    }
}

/// The frames that the rate is computed from.
struct Counted {
    frames: usize,
    /// How long they last together.
    ticks: i64,
    /// By how many ticks that may be wrong.
    off: i64,
}

impl Counted {
    fn of(steps: &[i64]) -> Self {
        let ticks = steps.iter().fold(0, |sum: i64, &step| sum.saturating_add(step));
        let (most, least) = (steps.iter().max(), steps.iter().min());
        let uneven = most.zip(least).map_or(0, |(most, least)| most.saturating_sub(*least));
        Self { frames: steps.len(), ticks, off: uneven.max(rounding(median(steps))) }
    }
}

fn steps(times: &[i64]) -> Vec<i64> {
    times.windows(2).map(|two| two[1].saturating_sub(two[0])).collect()
}

fn median(steps: &[i64]) -> i64 {
    let mut sorted = steps.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

/// The steps between frames of which none was lost or left out.
fn without_gaps(steps: &[i64]) -> Vec<i64> {
    let gap = median(steps).saturating_mul(7) / 4;
    steps.iter().copied().filter(|&step| step <= gap.max(1)).collect()
}

/// The steps that are as long as the median, apart from the rounding of timestamps.
fn regular(steps: &[i64]) -> Vec<i64> {
    let usual = median(steps);
    let rounding = rounding(usual).unsigned_abs();
    steps.iter().copied().filter(|step| step.abs_diff(usual) <= rounding).collect()
}

/// By how much timestamps may be rounded if the usual step is this long. If a tick is a large part
/// of a frame, nothing is rounded.
const fn rounding(usual: i64) -> i64 {
    if usual >= 8 { 1 } else { 0 }
}

#[cfg(test)]
mod tests {
    use num_rational::Ratio;

    use super::Cadence;

    fn rate(times: impl Iterator<Item = i64>) -> Option<Ratio<i64>> {
        let mut cadence = Cadence::new(Ratio::new(1, 1000));
        times.for_each(|time| cadence.packet(time));
        cadence.rate()
    }

    #[test]
    fn what_is_not_shown_does_not_count() {
        let even = || (0..100).map(|n| n * 40);
        let constant = Some(Ratio::from_integer(25));
        for (name, found) in [
            ("all", rate(even())),
            ("backwards", rate(even().rev())),
            ("one of ten lost", rate(even().filter(|time| time % 400 != 120))),
            ("both ends cut", rate(even().filter(|&time| time != 40 && time != 3880))),
            ("invisible ones", rate(even().chain((0..9).map(|n| n * 360)))),
            ("invisible ones beside", rate(even().chain((0..9).map(|n| n * 360 + 1)))),
        ] {
            assert_eq!(found, constant, "{name}");
        }
    }

    #[test]
    fn rounded_and_variable_rates_are_means() {
        let rounded = rate((0..300).map(|n| (n * 1001 + 15) / 30)).unwrap();
        let (least, most) = (Ratio::new(2996, 100), Ratio::new(2998, 100));
        assert!(least < rounded && rounded < most, "{rounded}");
        let variable = rate((0..10).flat_map(|n| [0, 20, 80].map(|offset| n * 120 + offset)));
        assert_eq!(variable, Some(Ratio::new(29_000_000, 1_160_000)));
        assert_eq!(rate([5].into_iter()), None);
        assert_eq!(rate([].into_iter()), None);
    }

    #[test]
    fn frames_that_come_unevenly_around_a_mean_have_it() {
        let jitter = |n: i64| n * 40 + n % 7 * 2;
        let film = |n: i64| n / 2 * 834 / 10 + n % 2 * 50;
        for (name, times, expected) in [
            ("a saw", (0..143).map(jitter).collect::<Vec<_>>(), (25, 1)),
            ("fields shown twice", (0..96).map(film).collect(), (24_000, 1001)),
        ] {
            let base =
                if expected.1 == 1 { Ratio::from_integer(50) } else { Ratio::new(30_000, 1001) };
            let mut cadence = Cadence::new(Ratio::new(1, 1000));
            for &time in &times {
                cadence.packet(time);
            }
            let expected = Ratio::new(expected.0, expected.1);
            assert_eq!(cadence.meant(&[base]), Some(expected), "{name}");
        }
    }

    #[test]
    fn few_rounded_frames_have_the_declared_rate_or_a_standard_one() {
        let told = [Ratio::new(30_000, 1001), Ratio::from_integer(60)];
        for (times, told, expected) in [
            (&[0, 33][..], &told[..], Some((30_000, 1001))),
            (&[0, 33, 67], &told, Some((30_000, 1001))),
            (&[0, 17, 33], &told, Some((60, 1))),
            (&[0, 33], &[], Some((30, 1))),
            (&[0, 42, 83], &[], Some((24, 1))),
            // No declared and no standard rate is close: the mean stays.
            (&[0, 31], &told, None),
            (&[0, 80], &told, None),
            (&[0, 1], &told, None),
            (&[0], &told, None),
        ] {
            let mut cadence = Cadence::new(Ratio::new(1, 1000));
            for &time in times {
                cadence.packet(time);
            }
            let expected = expected.map(|(n, d)| Ratio::new(n, d));
            assert_eq!(cadence.meant(told), expected, "{times:?}");
        }
    }

    #[test]
    fn time_stamps_of_any_size_have_a_rate_or_none() {
        for times in [[i64::MIN, i64::MAX, 0], [i64::MAX; 3], [i64::MIN, i64::MIN + 1, i64::MAX]] {
            let mut cadence = Cadence::new(Ratio::new(1, 1000));
            for time in times {
                cadence.packet(time);
            }
            let _ = (cadence.rate(), cadence.meant(&[Ratio::from_integer(25)]));
        }
    }

    #[test]
    fn of_millions_of_frames_a_megabyte_is_kept() {
        let mut cadence = Cadence::new(Ratio::new(1, 1000));
        (0..3_000_000).for_each(|frame| cadence.packet(frame * 40));
        assert!(cadence.times.capacity() * size_of::<i64>() <= 1 << 20);
        assert_eq!(cadence.rate(), Some(Ratio::from_integer(25)));
    }
}
