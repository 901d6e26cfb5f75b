//! Segments that each range makes itself, with its own audio.
//!
//! A range begins with a segment, and its muxer gets that segment's place in the whole: its number,
//! its times, and the first audio packet that a single muxer would put there. So the segments of
//! all ranges equal those of a single muxer. Only transport streams show the change of muxer, by a
//! discontinuity mark: they number their packets, and a range can't know how many packets the
//! earlier ranges have.

use std::path::Path;

use super::graph::Graph;
use super::input::file_url;
use super::words::words;
use super::{AudioRange, Chunk, Plan, encoder, segment, signed};
use crate::clamped::clamped;
use crate::codec::Container;
use crate::flicks::Flicks;
use crate::output::{AudioOutput, Segments};
use crate::process::request::SegmentFormat;

/// Ticks a second in a transport stream.
const TS_RATE: i64 = 90_000;

impl Plan {
    /// Whether each range makes its own segments: if the video is segmented, and the audio can be
    /// made in ranges.
    #[must_use]
    pub fn makes_segments_in_ranges(&self) -> bool {
        self.cuts_segments() && (self.output.audio.is_none() || self.audio_is_in_ranges())
    }

    /// Whether every range of the video consists of whole segments.
    pub(super) fn cuts_segments(&self) -> bool {
        let is_cut = self.output.segments.is_some_and(|segments| segments.length.is_some());
        is_cut && self.output.video.is_some() && self.intermediate().can_be_continued()
    }

    /// The number of segments before a range.
    #[must_use]
    pub fn segments_before(&self, range: &Chunk) -> u64 {
        self.segment_frames().map_or(0, |frames| range.frames.start / frames)
    }

    /// The number of a range's segments.
    #[must_use]
    pub fn segments_of(&self, range: &Chunk) -> u64 {
        let frames = range.frames.end - range.frames.start;
        self.segment_frames().map_or(1, |each| frames.div_ceil(each))
    }

    /// The length of every segment except the last.
    #[must_use]
    pub fn segment_length(&self) -> Option<Flicks> {
        let frames = self.segment_frames()?;
        Some(Flicks::of_units(signed(frames), self.timeline.frame_rate))
    }

    /// The first audio packet that the muxer puts into the segment that begins with this frame.
    pub(super) fn first_packet(&self, frame: u64, output: &AudioOutput) -> u64 {
        match self.output.segments {
            Some(Segments { format: SegmentFormat::Dash, length: Some(length) }) => {
                self.first_dash_packet(frame, segment::floor_micros(length), output)
            }
            _ => self.first_heard_after(frame, output),
        }
    }

    /// The first packet that is played no earlier than the frame is shown.
    fn first_heard_after(&self, frame: u64, output: &AudioOutput) -> u64 {
        if frame == 0 {
            return 0;
        }
        let (rate, each) = self.packets_of(output);
        let fps = self.timeline.frame_rate;
        let (numer, denom) = (i128::from(*fps.numer()), i128::from(*fps.denom()));
        let samples = i128::from(frame) * denom * rate + i128::from(output.encoder_delay()) * numer;
        clamped(div_ceil(samples, numer * each))
    }

    /// The same for the DASH muxer, which also ends an audio segment when it is long enough.
    fn first_dash_packet(&self, frame: u64, micros: i64, output: &AudioOutput) -> u64 {
        let (rate, each) = self.packets_of(output);
        let frames = self.segment_frames().unwrap_or(1);
        let longest = clamped::<u64>(div_ceil(i128::from(micros) * rate, 1_000_000 * each));
        let starts = (1..=frame / frames).map(|segment| segment * frames);
        starts.fold(0, |first, start| (first + longest).min(self.first_heard_after(start, output)))
    }

    /// Samples per second, and per packet.
    fn packets_of(&self, output: &AudioOutput) -> (i128, i128) {
        let rate = self.timeline.sample_rate;
        (rate.into(), output.codec.packet_samples(rate).into())
    }

    /// The arguments of the ffmpeg process that writes the segments of a range and a playlist of
    /// these alone, `target`, from the range's video and its audio packets, whose times begin at 0.
    #[must_use]
    pub fn segment_arguments(
        &self,
        range: &Chunk,
        video: &Path,
        audio: Option<(&AudioRange, &Path)>,
        target: &Path,
    ) -> Option<Vec<String>> {
        let (segments, output) = (self.output.segments?, self.output.video.as_ref()?);
        let container = self.output.container;
        let mut graph = Graph::default();
        let mut arguments = words("-copyts");
        let mut copied = Vec::new();
        let place = self.place_in_whole(range, audio.map(|(range, _)| range));
        if let Some((_, file)) = audio {
            graph.open_made(file);
            arguments.extend(["-itsoffset".to_owned(), place.audio.as_option()]);
            copied = words("-map 0:a:0 -c:a copy");
        }
        let index = graph.open_made(video);
        arguments.extend(graph.inputs());
        arguments.extend(words(&format!("-map {index}:v:0")));
        arguments.extend(encoder::copy(output, container, true));
        arguments.extend(copied);
        arguments.extend(encoder::nothing_inherited());
        arguments.extend(words("-max_interleave_delta 0"));
        arguments.extend(segment::muxer(segments, container, place.ahead, target));
        arguments.extend(place.options);
        arguments.push(file_url(target));
        Some(arguments)
    }

    fn place_in_whole(&self, range: &Chunk, audio: Option<&AudioRange>) -> Place {
        let output = self.output.audio.as_ref();
        let rate = i64::from(self.timeline.sample_rate).into();
        let delay = Flicks::of_units(output.map_or(0, AudioOutput::encoder_delay), rate);
        let frames = self.frames_early().max(self.copying.delay);
        let early = Flicks::of_units(frames, self.timeline.frame_rate);
        let each = output.map_or(1, |output| self.packets_of(output).1);
        let first = audio.map_or(0, |audio| i128::from(audio.first) * each);
        let start = Flicks::of_units(clamped(first), rate);
        let number = self.segments_before(range) + 1;
        let is_first = range.frames.start == 0;
        let (audio, ahead, mut options) = match (self.output.container, is_first) {
            (Container::Ts, _) => {
                // The amount by which the muxer would shift the whole output so that no timestamp
                // is negative.
                let ticks = delay.to_units(TS_RATE.into());
                let moved = Flicks::of_units(ticks, TS_RATE.into()).as_option();
                let moved = format!("-avoid_negative_ts disabled -output_ts_offset {moved}");
                (start - delay, early, words(&moved))
            }
            (_, true) => (start - delay, early, Vec::new()),
            // A muxer that starts in the middle counts from the first presentation time, while the
            // first range's muxer has counted from the first packet. So the delay is not subtracted
            // here, and the audio goes ahead by it.
            (_, false) => (start, early + delay, Vec::new()),
        };
        let fragments = format!("movflags=+frag_discont:fragment_index={number}");
        options.extend(match (self.output.segments.map(|it| it.format), self.output.container) {
            _ if is_first => Vec::new(),
            (Some(SegmentFormat::Dash), _) => words(&format!("-format_options {fragments}")),
            (_, Container::Ts) => words("-hls_segment_options mpegts_flags=+initial_discontinuity"),
            (_, _) => words(&format!("-hls_segment_options {fragments}")),
        });
        if self.output.segments.is_some_and(|it| it.format == SegmentFormat::Hls) {
            options.extend(words(&format!("-start_number {number}")));
        }
        Place { audio, ahead, options }
    }
}

/// The place of a range's segments in the whole.
struct Place {
    /// Time of its first audio packet.
    audio: Flicks,
    /// By how much the audio goes ahead of the video.
    ahead: Flicks,
    /// Further options of the muxer.
    options: Vec<String>,
}

fn div_ceil(number: i128, by: i128) -> i128 {
    (number + by - 1).div_euclid(by)
}

#[cfg(test)]
mod tests {
    use crate::flicks::Flicks;
    use crate::output::Segments;
    use crate::plan::Plan;
    use crate::plan::tests::plan;
    use crate::process::request::SegmentFormat;

    fn segmented(format: SegmentFormat, length_ms: u64) -> Plan {
        let mut plan = plan(&[20_000]);
        plan.output.segments =
            Some(Segments { format, length: Some(Flicks::from_millis(length_ms)) });
        plan
    }

    fn first_packets(plan: &Plan, frames: u64) -> Vec<u64> {
        let output = plan.output.audio.as_ref().unwrap();
        let starts = (0..9).map(|segment| segment * frames);
        starts.map(|start| plan.first_packet(start, output)).collect()
    }

    /// The expected numbers are how ffmpeg's muxers split AAC at 48 kHz into segments of two
    /// seconds.
    #[test]
    fn ranges_begin_with_the_packet_that_one_muxer_would_put_there() {
        let hls = segmented(SegmentFormat::Hls, 2000);
        assert_eq!(first_packets(&hls, 50), [0, 95, 189, 283, 376, 470, 564, 658, 751]);
        let dash = segmented(SegmentFormat::Dash, 2000);
        assert_eq!(first_packets(&dash, 50), [0, 94, 188, 282, 376, 470, 564, 658, 751]);
    }

    #[test]
    fn only_what_is_cut_is_made_in_ranges() {
        let mut plan = segmented(SegmentFormat::Hls, 2000);
        assert!(plan.makes_segments_in_ranges());
        plan.output.segments = Some(Segments { format: SegmentFormat::Hls, length: None });
        assert!(!plan.makes_segments_in_ranges());
        plan = segmented(SegmentFormat::Hls, 2000);
        plan.output.audio.as_mut().unwrap().codec = crate::codec::AudioCodec::Mp3;
        assert!(!plan.makes_segments_in_ranges());
        plan.output.audio = None;
        assert!(plan.makes_segments_in_ranges());
    }

    #[test]
    fn a_range_starts_where_the_one_before_ended() {
        let plan = segmented(SegmentFormat::Hls, 2000);
        let range = crate::plan::Chunk { frames: 100..200 };
        let audio = plan.audio_range(&range).unwrap();
        assert_eq!((plan.segments_before(&range), plan.segments_of(&range)), (2, 2));
        let path = std::path::Path::new;
        let files = (path("/v"), Some((&audio, path("/a"))));
        let arguments = plan.segment_arguments(&range, files.0, files.1, path("/output.m3u8"));
        let arguments = arguments.unwrap().join(" ");
        assert!(arguments.contains("fragment_index=3 -start_number 3"), "{arguments}");
        assert!(arguments.contains("-itsoffset 4.032000"), "{arguments}");
    }
}
