//! Ranges: the parts of the video that the functions of a distributed task render.

use num_rational::Ratio;

use super::{Chunk, Intermediate, Plan, signed};
use crate::codec::Container;
use crate::flicks::Flicks;
use crate::mp4::{Sample, Samples};

/// A cut may be moved by at most a range's length divided by this, to reach a better place.
const LEEWAY: u64 = 4;

impl Plan {
    /// Whether the rendered ranges are stored as they are and become the output by adding an index.
    #[must_use]
    pub fn joins_where_stored(&self) -> bool {
        let has_index = matches!(self.output.container, Container::Mp4 | Container::Mov);
        let divisible = self.output.video.is_some() && self.intermediate().can_be_continued();
        has_index && divisible && self.output.segments.is_none()
    }

    /// Whether the output can be uploaded while it is muxed.
    #[must_use]
    pub fn joins_as_stream(&self) -> bool {
        let is_one_file = self.output.segments.is_none();
        is_one_file && self.output.video.is_some() && self.output.container.is_appended()
    }

    /// Presentation and decoding time of a sample of a rendered range, on the output's clock.
    #[must_use]
    pub fn times_of(&self, sample: &Sample, time_scale: u32) -> (Flicks, Flicks) {
        let ticks = Ratio::from_integer(i64::from(time_scale.max(1)));
        let lead = Flicks::of_units(Intermediate::LEAD, self.timeline.frame_rate);
        let time = |count| Flicks::of_units(count, ticks) - lead;
        (time(sample.pts), time(sample.dts))
    }

    /// Whether the samples are exactly the frames of the range, each once.
    #[must_use]
    pub fn are_all_of(&self, samples: &Samples, range: &Chunk) -> bool {
        let rate = self.timeline.frame_rate;
        let shown = samples.samples.iter().map(|it| self.times_of(it, samples.time_scale).0);
        let mut frames: Vec<i64> = shown.map(|shown| shown.to_units(rate)).collect();
        frames.sort_unstable();
        frames.into_iter().eq(signed(range.frames.start)..signed(range.frames.end))
    }

    /// Splits the video into ranges of about this length, each for one function. One range if the
    /// video can't be split, none if there is no video.
    ///
    /// The ranges are equal, except that a cut moves to a nearby join, where no decoder needs a
    /// run-up, or else to a frame that would be a key frame anyway. Cuts never split a segment.
    #[must_use]
    pub fn ranges(&self, length: Flicks) -> Vec<Chunk> {
        let frames = self.frames().end;
        if frames == 0 {
            return Vec::new();
        }
        let rate = self.timeline.frame_rate;
        let each = length.to_units(rate).unsigned_abs().max(1);
        let divisible = self.intermediate().can_be_continued();
        let count = if divisible { ((frames + each / 2) / each).max(1) } else { 1 };
        let mut cuts: Vec<u64> =
            (1..count).map(|cut| self.cut_near(cut * frames / count, each)).collect();
        cuts.retain(|&cut| 0 < cut && cut < frames);
        cuts.push(frames);
        cuts.dedup();
        let mut first = 0;
        let ranges = cuts.into_iter().map(|end| {
            let frames = first..end;
            first = end;
            Chunk { frames }
        });
        ranges.collect()
    }

    /// The best frame to cut at near `even`, the place of an equal split.
    fn cut_near(&self, even: u64, each: u64) -> u64 {
        let nearest = |step: u64| (even + step / 2) / step * step;
        if let Some(segment) = self.segment_frames() {
            return nearest(segment);
        }
        let leeway = each / LEEWAY;
        let joins = self.timeline.places.iter().map(|place| place.first_frame);
        let join = joins.min_by_key(|join| join.abs_diff(even));
        let interval = self.output.video.as_ref().map_or(1, |video| video.key_frame_interval);
        let key_frame = nearest(u64::from(interval).max(1));
        let mut places = join.into_iter().chain([key_frame]);
        places.find(|place| place.abs_diff(even) <= leeway).unwrap_or(even)
    }

    /// Frames of a segment, if the video is segmented.
    pub(super) fn segment_frames(&self) -> Option<u64> {
        let length = self.output.segments.and_then(|segments| segments.length)?;
        Some(length.to_units(self.timeline.frame_rate).unsigned_abs().max(1))
    }

    /// The same plan for rendering in ranges: encoders then keep a bit rate over a range's length,
    /// not over the whole.
    #[must_use]
    pub fn in_ranges(self, length: Flicks) -> Self {
        Self { range_length: Some(length), ..self }
    }

    /// The length over which an encoder keeps a bit rate.
    pub(super) fn rate_length(&self) -> Flicks {
        self.range_length.map_or(self.length(), |length| length.min(self.length()))
    }

    /// Whether another encoder has already used the decoder's buffer before this chunk.
    pub(super) fn follows_another(&self, chunk: &Chunk) -> bool {
        self.range_length.is_some() && chunk.frames.start > 0
    }

    /// The length of a range.
    #[must_use]
    pub fn length_of(&self, range: &Chunk) -> Flicks {
        let frames = range.frames.end - range.frames.start;
        Flicks::of_units(signed(frames), self.timeline.frame_rate)
    }

    /// The clips that a range shows, by their indexes.
    #[must_use]
    pub fn clips_of(&self, range: &Chunk) -> Vec<usize> {
        self.shares(&range.frames).into_iter().map(|share| share.clip).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::flicks::Flicks;
    use crate::output::Segments;
    use crate::plan::tests::plan;
    use crate::process::request::SegmentFormat;

    fn seconds(seconds: u64) -> Flicks {
        Flicks::from_millis(seconds * 1000)
    }

    fn bounds(plan: &crate::plan::Plan, length: u64) -> Vec<u64> {
        plan.ranges(seconds(length)).iter().map(|range| range.frames.end).collect()
    }

    #[test]
    fn a_cut_goes_to_a_join_or_a_key_frame_nearby() {
        // Clips of 8 s at 25 frames a second, and a key frame every 150 frames.
        assert_eq!(bounds(&plan(&[8000, 8000, 8000]), 12), [300, 600]);
        assert_eq!(bounds(&plan(&[8000; 5]), 10), [200, 450, 800, 1000]);
        assert_eq!(bounds(&plan(&[8000]), 10), [200]);
        let mut silent = plan(&[8000]);
        silent.output.video = None;
        assert_eq!(bounds(&silent, 10), [0; 0]);
    }

    #[test]
    fn no_segment_is_cut() {
        let mut plan = plan(&[8000; 5]);
        plan.output.segments =
            Some(Segments { format: SegmentFormat::Hls, length: Some(seconds(3)) });
        for range in plan.ranges(seconds(10)) {
            assert_eq!(range.frames.start % 75, 0, "{range:?}");
        }
        plan.output.segments =
            Some(Segments { format: SegmentFormat::Hls, length: Some(seconds(60)) });
        assert_eq!(plan.ranges(seconds(10)).len(), 1);
    }

    proptest! {
        #[test]
        fn ranges_are_the_whole_in_order_and_none_is_much_longer_than_asked(
            lengths in prop::collection::vec(40..8000_u64, 1..30),
            length in 10..60_u64,
        ) {
            let plan = plan(&lengths);
            let ranges = plan.ranges(seconds(length));
            let mut next = 0;
            for range in &ranges {
                prop_assert_eq!(range.frames.start, next);
                prop_assert!(range.frames.end > next);
                prop_assert!(plan.length_of(range) <= seconds(length * 2));
                next = range.frames.end;
            }
            prop_assert_eq!(next, plan.frames().end);
        }
    }
}
