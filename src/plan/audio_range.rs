//! Audio in ranges, each encoded by another function.
//!
//! A range consists of whole packets of the encoder. Its encoder starts some packets earlier, so
//! that it is in the same state as one that started with the audio, and these packets are dropped;
//! it also gets a few packets more after the range's end, since encoders look ahead. So the packets
//! of all ranges, concatenated, are like those of one encoder.
//!
//! Measured with ffmpeg's encoders: AC-3 yields exactly the packets of one run. AAC controls its
//! bit rate by what it has encoded so far: with a run-up of 512 packets its errors are within 0.3
//! dB of one run's, at the seam as elsewhere; with 32 they are up to 4 dB larger. MP3's packets use
//! bits of earlier ones, Opus predicts from earlier packets, and FLAC numbers its frames: these
//! codecs are not split.

use std::ops::Range;
use std::path::Path;

use super::graph::Graph;
use super::sound::made;
use super::words::words;
use super::{Chunk, Plan, PlannedClip, audio, audio_encoder, signed};
use crate::clamped::clamped;
use crate::codec::AudioCodec;
use crate::flicks::Flicks;
use crate::media::Demuxer;
use crate::output::OutputSpec;
use crate::timeline::{Place, SourceRange, Timeline};

/// Packets that the encoder gets after the end of a range.
const LOOK_AHEAD: u64 = 4;

/// A range of the audio encoder's packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioRange {
    /// Number of the first packet.
    pub first: u64,
    /// Number of the packet after the last one; `None` for the end of the audio.
    pub end: Option<u64>,
    /// How many packets are encoded before the first and then dropped.
    pub run_up: u64,
    /// Samples of every packet, for codecs whose last packet is no shorter than the others.
    pub lasting: Option<u32>,
}

/// The audio of a range as a plan of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioPart {
    /// The plan: audio only.
    pub plan: Plan,
    /// How many samples at its start are rendered but not encoded.
    pub skipped: u64,
}

impl AudioRange {
    /// How many packets are kept; `usize::MAX` if all are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.end.map_or(usize::MAX, |end| clamped(end.saturating_sub(self.first)))
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.end.is_some_and(|end| end <= self.first)
    }
}

impl Plan {
    /// Whether each range of the video makes its own audio: if another encoder can continue the
    /// packets of one, and every source can be opened at an exact sample.
    #[must_use]
    pub fn audio_is_in_ranges(&self) -> bool {
        let Some(output) = &self.output.audio else { return false };
        let heard = (0..self.clips.len()).filter(|&clip| self.timeline.places[clip].samples > 0);
        let audio =
            heard.filter_map(|clip| Some((self.clip(clip).media, self.clip(clip).audio()?)));
        (self.joins_where_stored() || self.cuts_segments())
            && run_up(output.codec).is_some()
            && audio
                .into_iter()
                .all(|(media, stream)| media.demuxer == Demuxer::Mov && !stream.unsteady)
    }

    /// The audio range that belongs to a range of the video, if [`Plan::audio_is_in_ranges`].
    #[must_use]
    pub fn audio_range(&self, range: &Chunk) -> Option<AudioRange> {
        let output = self.output.audio.as_ref().filter(|_| self.audio_is_in_ranges())?;
        let codec = output.codec;
        let each = codec.packet_samples(self.timeline.sample_rate);
        let packet = |frame: u64| {
            if self.cuts_segments() {
                return self.first_packet(frame, output);
            }
            let time = Flicks::of_units(signed(frame), self.timeline.frame_rate);
            let rate = i64::from(self.timeline.sample_rate).into();
            time.to_units(rate).unsigned_abs() / u64::from(each)
        };
        let first = packet(range.frames.start);
        let is_last = range.frames.end >= self.frames().end;
        let end = (!is_last).then(|| packet(range.frames.end));
        // Every frame of AC-3 is complete and declares its own length.
        let lasting = (codec == AudioCodec::Ac3).then_some(each);
        Some(AudioRange { first, end, run_up: run_up(codec)?.min(first), lasting })
    }

    /// Whether the encoder yields any packet for this range.
    #[must_use]
    pub fn has_packets(&self, range: &AudioRange) -> bool {
        let Some(output) = &self.output.audio else { return false };
        let each = u64::from(output.codec.packet_samples(self.timeline.sample_rate));
        let delay = output.encoder_delay().unsigned_abs();
        !range.is_empty() && range.first * each < self.timeline.samples() + delay
    }

    /// The samples from which a range is encoded, with its run-up and look-ahead.
    fn encoded_samples(&self, range: &AudioRange) -> Range<u64> {
        let codec = self.output.audio.as_ref().map_or(AudioCodec::Aac, |audio| audio.codec);
        let each = u64::from(codec.packet_samples(self.timeline.sample_rate));
        let all = self.timeline.samples();
        let end = range.end.map_or(all, |end| ((end + LOOK_AHEAD) * each).min(all));
        ((range.first - range.run_up) * each).min(end)..end
    }

    /// The plan that renders the audio of one range.
    ///
    /// Each clip starts at a sample at which its resampler has the same phase as in the whole
    /// output.
    #[must_use]
    pub fn audio_part(&self, range: &AudioRange) -> AudioPart {
        let wanted = self.encoded_samples(range);
        let mut part = AudioPart { plan: self.without_clips(), skipped: 0 };
        let mut next = 0;
        for (index, place) in self.timeline.places.iter().enumerate() {
            let start = wanted.start.max(place.first_sample);
            let end = wanted.end.min(place.first_sample + place.samples);
            if start >= end {
                continue;
            }
            let (from, to) = (start - place.first_sample, end - place.first_sample);
            let skipped = from % self.phases(index);
            part.skipped += skipped;
            let from = from - skipped;
            let rate = i64::from(self.timeline.sample_rate).into();
            let time = |samples| Flicks::of_units(signed(samples), rate);
            let clip = self.clips[index];
            let rest = clip.range.length - time(from);
            let length = if to == place.samples { rest } else { rest.min(time(to) - time(from)) };
            let cut = SourceRange { start: clip.range.start + time(from), length };
            part.plan.clips.push(PlannedClip { range: cut, ..clip });
            let samples = to - from;
            let place = Place { first_frame: 0, frames: 0, first_sample: next, samples };
            part.plan.timeline.places.push(place);
            next += samples;
        }
        part
    }

    fn without_clips(&self) -> Self {
        let output = OutputSpec { video: None, segments: None, ..self.output.clone() };
        let timeline = Timeline { places: Vec::new(), ..self.timeline.clone() };
        Self { output, timeline, clips: Vec::new(), ..self.clone() }
    }

    /// The smallest number of output samples that is also a whole number of the clip's own samples.
    fn phases(&self, clip: usize) -> u64 {
        let output = u64::from(self.timeline.sample_rate);
        let own = self.clip(clip).audio().map_or(output, |stream| u64::from(stream.sample_rate));
        let whole = num_rational::Ratio::new(output, own.max(1));
        *whole.numer()
    }

    /// The arguments of the ffmpeg process that encodes a range of the audio from the samples of
    /// its part, the first `skipped` of which are dropped.
    #[must_use]
    pub fn audio_range_arguments(
        &self,
        range: &AudioRange,
        skipped: u64,
        samples: &Path,
        target: &Path,
    ) -> Option<Vec<String>> {
        let output = self.output.audio.as_ref()?;
        let mut graph = Graph::default();
        graph.open_made(samples);
        let cut = format!("atrim=start_sample={skipped},{}", audio::of_samples(output));
        // Only the last range contains the end of the audio, with what the encoder needs there.
        let ends = range.end.is_none();
        let end = ends.then(|| audio::finished(output, self.output.container));
        graph.chains.push(format!("[0:0]{cut}{}[a]", end.unwrap_or_default()));
        let mut encoder = audio_encoder(output);
        encoder.extend(words("-movflags +faststart"));
        Some(made(&graph, encoder, output, target))
    }
}

/// After how many packets an encoder that started in the middle works like one that started with
/// the audio; `None` for one that never does.
const fn run_up(codec: AudioCodec) -> Option<u64> {
    match codec {
        AudioCodec::Aac => Some(512),
        AudioCodec::Ac3 => Some(8),
        AudioCodec::Mp3
        | AudioCodec::Flac
        | AudioCodec::Vorbis
        | AudioCodec::Opus
        | AudioCodec::Pcm
        | AudioCodec::Amr => None,
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use proptest::prelude::*;

    use super::super::tests::plan;
    use super::{Chunk, LOOK_AHEAD, Plan};
    use crate::codec::AudioCodec;
    use crate::flicks::Flicks;
    use crate::media::Demuxer;

    /// For each clip: which of its samples, in samples of the output, an output range takes. Skips
    /// clips with none.
    fn sources(plan: &Plan, samples: Range<u64>) -> Vec<(usize, Range<u64>)> {
        let rate = i64::from(plan.timeline.sample_rate).into();
        let mut first = 0;
        let clips = plan.clips.iter().zip(&plan.timeline.places).filter_map(|(clip, place)| {
            assert_eq!(place.first_sample, first);
            first += place.samples;
            let start = samples.start.max(place.first_sample);
            let end = samples.end.min(first);
            let from = clip.range.start.to_units(rate).unsigned_abs();
            let at = |sample| from + sample - place.first_sample;
            (start < end).then(|| (clip.clip, at(start)..at(end)))
        });
        clips.collect()
    }

    fn with_rates(lengths: &[u64], own: u32) -> Plan {
        let mut plan = plan(lengths);
        for source in &mut plan.sources {
            let media = std::sync::Arc::make_mut(source);
            let stream = media.audio.as_mut().unwrap();
            (stream.sample_rate, stream.end) = (own, Flicks::from_millis(1_000_000));
        }
        plan
    }

    #[test]
    fn only_what_can_be_continued_is_in_ranges() {
        let mut plan = plan(&[8000, 8000]);
        assert!(plan.audio_is_in_ranges());
        for (codec, is_in_ranges) in
            [(AudioCodec::Ac3, true), (AudioCodec::Mp3, false), (AudioCodec::Opus, false)]
        {
            plan.output.audio.as_mut().unwrap().codec = codec;
            assert_eq!(plan.audio_is_in_ranges(), is_in_ranges, "{codec:?}");
        }
        plan.output.audio.as_mut().unwrap().codec = AudioCodec::Aac;
        let source = |plan: &mut Plan, change: &dyn Fn(&mut crate::media::Media)| {
            change(std::sync::Arc::make_mut(&mut plan.sources[1]));
        };
        source(&mut plan, &|media| media.demuxer = Demuxer::Matroska);
        assert!(!plan.audio_is_in_ranges());
        source(&mut plan, &|media| media.audio = None);
        assert!(plan.audio_is_in_ranges());
    }

    #[test]
    fn a_seek_keeps_the_phase_of_the_resampler() {
        // 147 samples at 44,100 Hz are 160 at 48,000 Hz.
        let plan = with_rates(&[8000; 6], 44_100);
        let range = plan.audio_range(&Chunk { frames: 750..1000 }).unwrap();
        assert_eq!((range.first, range.end, range.run_up), (1406, Some(1875), 512));
        let part = plan.audio_part(&range);
        // The third clip starts at 16 s.
        let first = 894 * 1024 - 16 * 48_000;
        assert_eq!((part.plan.clips[0].clip, part.skipped), (2, first % 160));
        let from = part.plan.clips[0].range.start - plan.clips[2].range.start;
        assert_eq!(from, Flicks::of_units(super::signed(first / 160 * 147), 44_100.into()));
    }

    proptest! {
        /// However the video is split, every packet belongs to exactly one range, and is encoded
        /// from the same samples as in the whole, with the run-up and look-ahead that the encoder
        /// needs.
        #[test]
        fn ranges_have_every_packet_once_and_the_samples_of_the_whole(
            lengths in prop::collection::vec(40..9000_u64, 1..6),
            seconds in 1..6_u64,
            own in prop::sample::select(vec![8000, 22_050, 32_000, 44_100, 48_000, 96_000]),
            codec in prop::sample::select(vec![AudioCodec::Aac, AudioCodec::Ac3]),
        ) {
            let mut plan = with_rates(&lengths, own);
            plan.output.audio.as_mut().unwrap().codec = codec;
            let each = u64::from(codec.packet_samples(48_000));
            let mut next = 0;
            let ranges = plan.ranges(Flicks::from_millis(seconds * 1000));
            for (index, chunk) in ranges.iter().enumerate() {
                let range = plan.audio_range(chunk).unwrap();
                prop_assert_eq!(range.first, next);
                prop_assert_eq!(range.end.is_none(), index + 1 == ranges.len());
                next = range.end.unwrap_or(u64::MAX);
                prop_assert!(range.run_up <= range.first);
                let part = plan.audio_part(&range);
                let all = plan.timeline.samples();
                let end = range.end.map_or(all, |end| ((end + LOOK_AHEAD) * each).min(all));
                let start = ((range.first - range.run_up) * each).min(end);
                let made = part.plan.timeline.samples();
                prop_assert_eq!(made - part.skipped, end - start);
                prop_assert_eq!(sources(&part.plan, part.skipped..made), sources(&plan, start..end));
            }
        }
    }
}
