//! Which groups of pictures of a clip can be copied.

use std::collections::BTreeSet;
use std::ops::Range;

use num_rational::Ratio;

use super::{MostRate, NotCopied};
use crate::clamped::clamped;
use crate::flicks::Flicks;
use crate::plan::{Packet, PacketList, Plan, signed};

/// Least number of consecutive groups that are copied: one alone gains too little.
const LEAST_GROUPS: usize = 2;
/// The largest reordering delay of H.264, in frames.
const MOST_DELAY: i64 = 16;

/// The lists of a clip's video packets.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// All packets.
    pub all: &'a PacketList,
    /// The packets that begin a closed group of pictures: nothing in it refers to earlier frames.
    pub starts: &'a PacketList,
    /// The parameter sets of each of these groups.
    pub sets: &'a PacketList,
}

/// What can be copied of a clip.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Analysis {
    /// Runs of consecutive groups.
    pub runs: Vec<Draft>,
    /// The hash of their parameter sets.
    pub sets: u64,
    /// Why the clip is not copied completely.
    pub refusal: Option<NotCopied>,
}

/// A run of groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Frames, counted from the clip's first.
    pub frames: Range<i64>,
    /// Numbers of its packets in the list.
    pub packets: Range<usize>,
    /// How many frames earlier than it is shown its first frame is decoded.
    pub delay: i64,
    groups: usize,
}

/// The conditions that a group has to meet.
struct Rules {
    start: Flicks,
    rate: Ratio<i64>,
    frames: i64,
    /// The output frame at which the clip begins.
    first: i64,
    longest: i64,
    segment: Option<i64>,
}

/// Finds what can be copied of a clip.
#[must_use]
pub fn analyse(plan: &Plan, clip: usize, listed: Listed<'_>, most: MostRate) -> Analysis {
    let (Some(output), Some(stream)) = (&plan.output.video, &plan.clip(clip).media.video) else {
        return Analysis { refusal: Some(NotCopied::NoVideo), ..Analysis::default() };
    };
    let mut sets = listed.sets.packets.iter().map(|packet| packet.hash);
    let first = sets.next().filter(|first| sets.all(|other| other == *first));
    let Some(sets) = first else {
        return Analysis { refusal: Some(NotCopied::SetsChange), ..Analysis::default() };
    };
    let place = &plan.timeline.places[clip];
    let length = plan.output.segments.and_then(|segments| segments.length);
    let rules = Rules {
        start: plan.clip(clip).start() + stream.late,
        rate: output.frame_rate,
        frames: signed(place.frames),
        first: signed(place.first_frame),
        longest: i64::from(output.key_frame_interval),
        segment: length.map(|length| length.to_units(output.frame_rate).max(1)),
    };
    let starts: BTreeSet<Flicks> =
        listed.starts.packets.iter().map(|packet| packet.decoded).collect();
    let is_open = |range: &Range<usize>| {
        let times: BTreeSet<Flicks> =
            range.clone().skip(1).map(|n| listed.all.packets[n].shown).collect();
        stream.key_frames.iter().any(|key| times.contains(key))
    };
    let mut found = Analysis { sets, ..Analysis::default() };
    for packets in split(&listed.all.packets, &starts) {
        match rules.check(listed.all, packets.clone()) {
            Ok(group) => found.add(group),
            Err(NotCopied::Long) if is_open(&packets) => found.refuse(NotCopied::Open),
            Err(reason) => found.refuse(reason),
        }
    }
    found.keep(listed.all, &rules, most);
    found
}

/// Splits packets into groups at each start; packets before the first start belong to no group.
fn split(packets: &[Packet], starts: &BTreeSet<Flicks>) -> Vec<Range<usize>> {
    let mut firsts: Vec<usize> =
        (0..packets.len()).filter(|&n| starts.contains(&packets[n].decoded)).collect();
    firsts.push(packets.len());
    firsts.windows(2).map(|pair| pair[0]..pair[1]).collect()
}

impl Rules {
    /// Checks whether these packets are a group that can be copied.
    fn check(&self, list: &PacketList, packets: Range<usize>) -> Result<Draft, NotCopied> {
        let begin = list.packets[packets.start].shown;
        let first = (begin - self.start).to_units(self.rate);
        let length = clamped::<i64>(packets.len());
        let end = first + length;
        if end <= 0 || first >= self.frames || first < 0 || end > self.frames {
            return Err(NotCopied::Few);
        }
        // Containers round to ticks: this one, and perhaps one that held the packets before.
        let tick = list.flicks(2).max(Flicks::from_millis(1));
        let mut seen = vec![false; packets.len()];
        let mut delay = 0;
        for (decoded, packet) in (0..).zip(packets.clone()) {
            let after = list.packets[packet].shown - begin;
            let frame = after.to_units(self.rate);
            if frame < 0 {
                return Err(NotCopied::Open);
            }
            let due = Flicks::of_units(frame, self.rate);
            let seen = usize::try_from(frame).ok().and_then(|frame| seen.get_mut(frame));
            match seen {
                Some(seen) if !*seen && (due - tick..=due + tick).contains(&after) => *seen = true,
                _ => return Err(NotCopied::Uneven),
            }
            delay = delay.max(decoded - frame);
        }
        if length > self.longest {
            return Err(NotCopied::Long);
        }
        if delay > MOST_DELAY {
            return Err(NotCopied::Uneven);
        }
        let (from, to) = (self.first + first, self.first + end);
        if self.segment.is_some_and(|length| (to - 1) / length != from / length) {
            return Err(NotCopied::Segments);
        }
        Ok(Draft { frames: first..end, packets, delay, groups: 1 })
    }
}

impl Analysis {
    fn refuse(&mut self, reason: NotCopied) {
        // `Few` says the least: any other reason replaces it.
        if self.refusal.as_ref().is_none_or(|reason| *reason == NotCopied::Few) {
            self.refusal = Some(reason);
        }
    }

    fn add(&mut self, group: Draft) {
        match self.runs.last_mut() {
            Some(run)
                if run.packets.end == group.packets.start
                    && run.frames.end == group.frames.start =>
            {
                run.packets.end = group.packets.end;
                run.frames.end = group.frames.end;
                run.delay = run.delay.max(group.delay);
                run.groups += 1;
            }
            _ => self.runs.push(group),
        }
    }

    /// Drops runs that are too short or have too high a bit rate.
    fn keep(&mut self, list: &PacketList, rules: &Rules, most: MostRate) {
        let mut refusal = None;
        self.runs.retain(|run| {
            let bytes: u64 =
                list.packets[run.packets.clone()].iter().map(|p| u64::from(p.size)).sum();
            let length = Flicks::of_units(run.frames.end - run.frames.start, rules.rate);
            let own = bytes.saturating_mul(8000) / length.to_millis().max(1).unsigned_abs();
            match most {
                _ if run.groups < LEAST_GROUPS => refusal = Some(NotCopied::Few),
                MostRate(Some(most)) if own > most => {
                    refusal = Some(NotCopied::TooFast { own, most });
                }
                MostRate(_) => return true,
            }
            false
        });
        if let Some(reason) = refusal {
            self.refuse(reason);
        }
        if self.runs.is_empty() {
            self.refuse(NotCopied::Few);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Analysis, Listed, MostRate, NotCopied, analyse};
    use crate::flicks::Flicks;
    use crate::output::Segments;
    use crate::plan::tests::plan;
    use crate::plan::{PacketList, Plan};
    use crate::process::request::SegmentFormat;
    use crate::timeline::SourceRange;

    /// Frames of 40 ms in decoding order; `true` marks the start of a group.
    fn list(frames: &[(i64, bool)], ticks: i64, only_starts: bool) -> PacketList {
        let mut list = PacketList::default();
        for (dts, (frame, start)) in frames.iter().enumerate() {
            if *start || !only_starts {
                let dts = (i64::try_from(dts).unwrap() - 2) * ticks;
                list.line(&format!("0, {dts}, {}, {ticks}, 100, {frame:016x}", frame * ticks));
            }
        }
        list
    }

    fn sets(hashes: &[u8]) -> PacketList {
        let mut list = PacketList::default();
        for hash in hashes {
            list.line(&format!("0, 0, 0, 1, 38, {hash:016x}"));
        }
        list
    }

    /// Closed groups of four frames with a B frame in each.
    fn closed(groups: i64) -> Vec<(i64, bool)> {
        (0..groups)
            .flat_map(|group| {
                [(0, true), (2, false), (1, false), (3, false)]
                    .map(|(n, start)| (group * 4 + n, start))
            })
            .collect()
    }

    /// A clip that shows the first second of a source.
    fn clip() -> Plan {
        let mut plan = plan(&[1000]);
        plan.clips[0].range = SourceRange::of(Flicks::from_millis(10_000), 0, Some(1000)).unwrap();
        plan.output.video.as_mut().unwrap().key_frame_interval = 4;
        plan
    }

    fn found(plan: &Plan, frames: &[(i64, bool)], ticks: i64) -> Analysis {
        let (all, starts) = (list(frames, ticks, false), list(frames, ticks, true));
        let listed = Listed { all: &all, starts: &starts, sets: &sets(&[7, 7]) };
        analyse(plan, 0, listed, MostRate(None))
    }

    fn ranges(analysis: &Analysis) -> Vec<(i64, i64)> {
        analysis.runs.iter().map(|run| (run.frames.start, run.frames.end)).collect()
    }

    #[test]
    fn whole_closed_groups_inside_the_cut_are_runs() {
        let mut plan = clip();
        let analysis = found(&plan, &closed(5), 40);
        assert_eq!((ranges(&analysis), analysis.refusal), (vec![(0, 20)], None));
        assert_eq!((analysis.runs[0].delay, analysis.sets), (1, 7));
        // The cut begins in the second group, and ends in the fifth.
        plan.clips[0].range = SourceRange::of(Flicks::from_millis(10_000), 200, Some(500)).unwrap();
        plan.timeline.places[0].frames = 13;
        let analysis = found(&plan, &closed(5), 40);
        assert_eq!((ranges(&analysis), analysis.refusal), (vec![(3, 11)], Some(NotCopied::Few)));
    }

    #[test]
    fn a_single_group_is_not_worth_it() {
        let analysis = found(&clip(), &closed(1), 40);
        assert_eq!((ranges(&analysis), analysis.refusal), (vec![], Some(NotCopied::Few)));
    }

    #[test]
    fn groups_that_are_open_uneven_or_long_are_encoded() {
        let mut open = closed(6);
        // This frame is decoded after the key frame and shown before it.
        open.swap(8, 9);
        (open[8], open[9]) = ((8, true), (7, false));
        open[7].0 = 10;
        let mut gap = closed(6);
        gap[10].0 = 13;
        let mut twice = closed(6);
        twice[10].0 = 10;
        let mut long = closed(6);
        long[8].1 = false;
        for (name, frames, reason) in [
            ("open", open, NotCopied::Uneven),
            ("a gap", gap, NotCopied::Uneven),
            ("two at a time", twice, NotCopied::Uneven),
            ("long", long, NotCopied::Long),
        ] {
            let analysis = found(&clip(), &frames, 40);
            assert_eq!(analysis.refusal, Some(reason), "{name}");
            assert!(ranges(&analysis).contains(&(12, 24)), "{name}: {:?}", ranges(&analysis));
        }
        // Every frame is slightly later than the output's frame rate allows.
        assert_eq!(found(&clip(), &closed(6), 43).refusal, Some(NotCopied::Uneven));
    }

    #[test]
    fn a_key_frame_that_begins_no_group_is_an_open_one_s() {
        let mut plan = clip();
        let mut long = closed(6);
        long[8].1 = false;
        std::sync::Arc::make_mut(&mut plan.sources[0]).video.as_mut().unwrap().key_frames =
            vec![Flicks::ZERO, Flicks::from_millis(320)];
        assert_eq!(found(&plan, &long, 40).refusal, Some(NotCopied::Open));
    }

    #[test]
    fn segments_begin_between_groups() {
        let mut plan = clip();
        let length = Some(Flicks::from_millis(400));
        plan.output.segments = Some(Segments { format: SegmentFormat::Hls, length });
        let analysis = found(&plan, &closed(6), 40);
        assert_eq!(analysis.refusal, Some(NotCopied::Segments));
        assert_eq!(ranges(&analysis), [(0, 8), (12, 24)]);
    }

    #[test]
    fn parameter_sets_and_bit_rates_have_to_fit() {
        let (all, starts) = (list(&closed(5), 40, false), list(&closed(5), 40, true));
        let plan = clip();
        let analysis = |hashes: &[u8], most| {
            let sets = sets(hashes);
            analyse(&plan, 0, Listed { all: &all, starts: &starts, sets: &sets }, MostRate(most))
        };
        assert_eq!(analysis(&[7, 8], None).refusal, Some(NotCopied::SetsChange));
        assert_eq!(analysis(&[], None).refusal, Some(NotCopied::SetsChange));
        assert_eq!(analysis(&[7], Some(20_000)).refusal, None);
        let fast = analysis(&[7], Some(19_999));
        assert_eq!(fast.refusal, Some(NotCopied::TooFast { own: 20_000, most: 19_999 }));
        assert!(fast.runs.is_empty());
    }
}
