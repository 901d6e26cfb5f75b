//! Collects what is known about one stream from its packets.

use num_rational::Ratio;

use super::cadence::Cadence;
use super::rhythm::Rhythm;
use super::{StreamReport, ratio};
use crate::clamped::clamped;
use crate::flicks::Flicks;
use crate::frame_rate;
use crate::media::places::Track;
use crate::media::{AudioStream, Coding, Demuxer, Orientation, VideoStream};

mod rate;
mod sampled;

pub use sampled::Samples;

/// Most key frames that are kept: nine hours of them, half a second apart.
const MOST_KEY_FRAMES: usize = 1 << 16;
/// A pause between two packets is suspicious if it is this many times as long as the mean of the
/// others.
const ODD_PAUSE: i64 = 20;

/// What the packets of one stream add up to.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each depends on other packets")]
pub(super) struct StreamScan {
    pub(super) report: StreamReport,
    time_base: Ratio<i64>,
    packets: u64,
    bytes: u64,
    first: Option<i64>,
    last: i64,
    end: i64,
    /// Samples at the end of the last packet that a player discards.
    pub(super) padding: i64,
    /// Samples at the beginning of the first packet, at time zero, that a player discards.
    pub(super) skipped: i64,
    key_frames: Vec<Flicks>,
    /// Least distance of the key frames that are kept.
    spacing: Flicks,
    /// The previous packet's decoding time.
    decoded: Option<i64>,
    /// When the previous packet ends, by its decoding time.
    due: Option<i64>,
    /// Whether any packet has a presentation time.
    pub(super) presented: bool,
    /// Whether the timestamps jump.
    pub(super) jumps: bool,
    /// The longest distance between two consecutive packets: their decoding times.
    pause: Option<(i64, i64)>,
    /// Whether an edit list hides packets.
    pub(super) discards: bool,
    /// By how much the first packet's presentation time is later than its decoding time.
    lead: Option<i64>,
    /// Whether the presentation times of some packets are guessed.
    guesses: bool,
    /// For audio: whether each packet starts where the one before it ends.
    rhythm: Option<Rhythm>,
    cadence: Cadence,
    /// Whether each packet is a field, two of which make a frame.
    pub(super) of_fields: bool,
    /// The orientation that the frames declare.
    pub(super) orientation: Option<Orientation>,
    /// Where frames of another sample aspect ratio begin.
    pub(super) aspect_changes: Vec<(Flicks, Ratio<i64>)>,
    /// Whether only the packets of a few times are read.
    sampled: bool,
}

impl StreamScan {
    pub(super) fn new(report: StreamReport) -> Self {
        let time_base = ratio(&report.time_base, '/').unwrap_or_else(|| Ratio::new(1, 1000));
        let is_audio = report.codec_type == "audio";
        let rhythm = is_audio.then(|| Rhythm::new(report.codec(), report.sample_rate(), time_base));
        Self {
            time_base,
            packets: 0,
            bytes: 0,
            first: None,
            last: i64::MIN,
            end: i64::MIN,
            padding: 0,
            skipped: 0,
            key_frames: Vec::new(),
            spacing: Flicks::from_millis(500),
            decoded: None,
            due: None,
            presented: false,
            jumps: false,
            pause: None,
            discards: false,
            lead: None,
            guesses: false,
            rhythm,
            cadence: Cadence::new(time_base),
            of_fields: false,
            orientation: None,
            aspect_changes: Vec::new(),
            sampled: false,
            report,
        }
    }

    /// A packet's presentation time. A program stream stores it for some packets only. For the
    /// others it is their decoding time plus the first packet's delay, which may be wrong by their
    /// reordering.
    pub(super) fn shown_at(&mut self, pts: Option<i64>, dts: Option<i64>) -> Option<i64> {
        if let (Some(pts), Some(dts), None) = (pts, dts, self.lead) {
            self.lead = Some(pts.saturating_sub(dts).max(0));
        }
        // Only video frames are decoded in another order than they are shown.
        let is_video = self.report.codec_type == "video";
        self.guesses |= is_video && pts.is_none() && dts.is_some();
        pts.or_else(|| Some(self.in_turn(dts?)))
    }

    /// The presentation time of a frame that is decoded at `decoded` and is not reordered.
    fn in_turn(&self, decoded: i64) -> i64 {
        decoded.saturating_add(self.lead.unwrap_or(0))
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.packets == 0
    }

    pub(super) fn is_one_frame(&self) -> bool {
        self.packets == 1 && self.report.codec_type == "video"
    }

    pub(super) fn add(
        &mut self,
        time: Option<i64>,
        decoded: Option<i64>,
        duration: Option<i64>,
        size: i64,
        key: bool,
    ) {
        if let Some(rhythm) = &mut self.rhythm {
            rhythm.packet(time, duration);
        }
        let time = time.unwrap_or(if self.packets == 0 { 0 } else { self.end });
        self.packets += 1;
        if self.report.codec_type == "video" {
            // With guesses, several presentation times may coincide, so decoding times are used for
            // all.
            let guessed = decoded.filter(|_| self.guesses).map(|decoded| self.in_turn(decoded));
            self.cadence.packet(guessed.unwrap_or(time));
        }
        self.bytes = self.bytes.saturating_add(size.unsigned_abs());
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        // The frame that is shown last may be one whose presentation time is guessed.
        let latest = decoded.filter(|_| self.guesses).map(|decoded| self.in_turn(decoded));
        let latest = latest.map_or(time, |latest| latest.max(time));
        self.last = self.last.max(latest);
        let end = latest.saturating_add(duration.unwrap_or(0).max(0));
        self.end = self.end.max(end);
        if key && self.report.codec_type == "video" {
            self.note_key_frame(time);
        }
    }

    /// Records the place of a packet.
    pub(super) fn note_place(
        &self,
        track: &mut Track,
        decoded: Option<i64>,
        place: Option<i64>,
        size: Option<i64>,
    ) {
        let time = decoded.and_then(|time| self.flicks(time));
        let unsigned = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
        match (time, unsigned(place), unsigned(size)) {
            (Some(time), Some(place), Some(size)) => track.add(time, place, size),
            _ => track.add_unknown(),
        }
    }

    /// Whether a video packet's decoding time is exactly the end of the previous packet, which
    /// lasts one frame if it declares no duration. If not, ffmpeg guesses the packets' durations,
    /// and guesses differently when it parses them.
    pub(super) fn is_due(&mut self, decoded: Option<i64>, duration: Option<i64>) -> bool {
        let next = decoded.zip(duration).map(|(decoded, lasts)| decoded.saturating_add(lasts));
        let due = std::mem::replace(&mut self.due, next);
        if self.report.codec_type != "video" || self.packets == 0 {
            return true;
        }
        let Some((before, decoded)) = self.decoded.zip(decoded) else { return false };
        let rate = ratio(&self.report.r_frame_rate, '/');
        let frame = rate.map(|rate| Flicks::of_units(1, rate));
        let step = decoded.checked_sub(before).and_then(|step| self.flicks(step));
        due.map_or(step == frame, |due| due == decoded)
    }

    /// Where two recordings were joined, timestamps restart or leave a gap. ffmpeg uses the same
    /// limits to detect a discontinuity.
    pub(super) fn watch_clock(&mut self, decoded: i64) {
        if self.sampled {
            return;
        }
        let before = self.decoded.replace(decoded);
        let length = |(from, to): (i64, i64)| to.saturating_sub(from);
        let step = before.map(|before| (before, decoded));
        if step.map(length) > self.pause.map(length) {
            self.pause = step;
        }
        let step = step.and_then(|step| self.flicks(length(step)));
        let steady = Flicks::ZERO - Flicks::from_millis(100)..=Flicks::from_millis(10_000);
        self.jumps |= step.is_some_and(|step| !steady.contains(&step));
    }

    /// The longest distance between two consecutive packets, if all others are far closer to each
    /// other.
    pub(super) fn pause(&self) -> Option<(Flicks, Flicks)> {
        let (from, to) = self.pause?;
        let (pause, whole) = (to.checked_sub(from)?, self.last.checked_sub(self.first?)?);
        let steps = i64::try_from(self.packets).ok()?.checked_sub(2).filter(|&steps| steps > 0)?;
        let usual = whole.saturating_sub(pause) / steps;
        let is_odd = pause / ODD_PAUSE > usual;
        Some((self.flicks(from)?, self.flicks(to)?)).filter(|_| is_odd)
    }

    /// Keeps key frames at least half a second apart: a denser list would gain nothing. If the list
    /// still grows too long, every second entry is dropped.
    fn note_key_frame(&mut self, time: i64) {
        let Some(time) = self.flicks(time) else {
            return;
        };
        if self.key_frames.last().is_some_and(|&last| time < last + self.spacing) {
            return;
        }
        if self.key_frames.len() == MOST_KEY_FRAMES {
            let mut index = 0;
            self.key_frames.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.spacing = self.spacing + self.spacing;
        }
        self.key_frames.push(time);
    }

    fn flicks(&self, ticks: i64) -> Option<Flicks> {
        Flicks::from_ticks(ticks, self.time_base)
    }

    /// From the first audible sample to the end of the last: without the encoder delay and padding
    /// that the container declares.
    fn span(&self, floor: Flicks) -> Option<(Flicks, Flicks)> {
        let first = self.first?;
        let start = self.report.start_pts.map_or(first, |declared| declared.max(first));
        let start = self.flicks(start)?;
        let end = self.flicks(self.end)? - self.padding();
        let placed = self.rhythm.as_ref().and_then(Rhythm::span);
        let (start, end) =
            placed.map_or((start, end), |(start, end)| (start, end - self.padding()));
        let start = start.max(floor);
        Some((start, end.max(start)))
    }

    fn padding(&self) -> Flicks {
        self.samples(self.padding)
    }

    fn samples(&self, count: i64) -> Flicks {
        let rate = i64::from(self.report.sample_rate());
        if rate == 0 {
            return Flicks::ZERO;
        }
        Flicks::of_units(count.max(0), Ratio::from_integer(rate))
    }

    pub(super) fn into_video(self, floor: Flicks, demuxer: Demuxer) -> Option<VideoStream> {
        let (start, end) = self.span(floor)?;
        let frame_rate = self.frame_rate(demuxer);
        // A last frame without a duration lasts one frame.
        let one_frame = Flicks::of_units(1, frame_rate);
        let end = if self.end == self.last { end + one_frame } else { end };
        Some(VideoStream {
            late: self.late(demuxer, frame_rate)?,
            guessed: self.guesses && self.fills(one_frame),
            index: self.report.index,
            size: self.report.size(),
            coding: self.coding(),
            sample_aspect: self.report.sample_aspect(),
            turned: self.report.turned() || self.orientation.is_some_and(Orientation::is_turned),
            orientation: self.orientation,
            frame_rate,
            colour: self.report.colour(),
            start,
            last: self.flicks(self.last)?,
            end,
            bit_rate: self.bit_rate(start, end),
            frames: self.packets,
            pixel_format: self.report.pixel_format(demuxer),
            codec: self.report.codec().to_owned(),
            key_frames: self.key_frames,
            aspect_changes: self.aspect_changes,
        })
    }

    /// Records the sample aspect ratio of frames, each with its time.
    pub(super) fn aspects(&mut self, frames: impl Iterator<Item = (i64, Ratio<i64>)>) {
        let mut last = self.report.sample_aspect();
        for (time, aspect) in frames {
            if let Some(time) = self.flicks(time).filter(|_| aspect != last) {
                self.aspect_changes.push((time, aspect));
                last = aspect;
            }
        }
    }

    /// Whether frames of that length, one for each packet, take as long as the packets do.
    fn fills(&self, frame: Flicks) -> bool {
        let time = self.first.and_then(|first| self.flicks(self.last.checked_sub(first)?));
        let steps = clamped::<i64>(self.packets) - 1;
        let even = frame.count().checked_mul(steps);
        time.zip(even).is_some_and(|(time, even)| {
            time.count().abs_diff(even).saturating_mul(2) < frame.count().unsigned_abs()
        })
    }

    fn coding(&self) -> Coding {
        let coding = self.report.coding(self.discards);
        Coding { rotated: coding.rotated || self.orientation.is_some(), ..coding }
    }

    /// How much later than its packet's time a frame is shown, if the packets have only decoding
    /// times.
    fn late(&self, demuxer: Demuxer, frame_rate: Ratio<i64>) -> Option<Flicks> {
        let held_back = self.report.has_b_frames;
        match demuxer {
            // In AVI, a tick is a frame.
            Demuxer::Avi => self.flicks(held_back),
            // Codecs stored as in AVI, such as VC-1.
            Demuxer::Matroska if !self.presented => {
                Some(Flicks::of_units(held_back.clamp(0, 16), frame_rate))
            }
            _ => Some(Flicks::ZERO),
        }
    }

    /// `declared` is the length that the file declares.
    pub(super) fn into_audio(self, floor: Flicks, declared: Option<Flicks>) -> Option<AudioStream> {
        if self.report.sample_rate() == 0 {
            // If two streams share an index, this may be a video.
            return None;
        }
        let (start, end) = self.span(floor)?;
        let end =
            if self.end == self.last { self.end_without_duration(end, declared) } else { end };
        // Edit lists move the discarded samples before time zero.
        let late = self.samples(self.skipped);
        // Without such a delay, times before zero are valid.
        let start = if late > Flicks::ZERO { start.max(late) - late } else { start };
        let end = end - late;
        Some(AudioStream {
            late,
            index: self.report.index,
            sample_rate: self.report.sample_rate(),
            channels: self.report.channels,
            layout: self.report.channel_layout.clone(),
            bit_depth: self.report.bit_depth(),
            // The packets that were not read may be unsteady.
            unsteady: self.sampled || self.rhythm.as_ref().is_some_and(Rhythm::is_unsteady),
            start,
            end,
            bit_rate: self.bit_rate(start, end),
            codec: self.report.codec().to_owned(),
        })
    }

    /// A last packet without a duration lasts as long as the mean of the others, but not beyond the
    /// end that the file declares: in some files the packets differ much in length.
    fn end_without_duration(&self, last: Flicks, declared: Option<Flicks>) -> Flicks {
        let end = last + self.mean_packet();
        declared.filter(|&declared| declared > last).map_or(end, |declared| declared.min(end))
    }

    fn mean_packet(&self) -> Flicks {
        let packets = clamped::<i64>(self.packets);
        let span = self.first.and_then(|first| self.flicks(self.last.checked_sub(first)?));
        Flicks::new(span.unwrap_or_default().count() / (packets - 1).max(1))
    }

    /// The declared bit rate, else the bytes divided by the length.
    fn bit_rate(&self, start: Flicks, end: Flicks) -> u64 {
        let told = self.report.bit_rate.as_deref().and_then(|rate| rate.parse().ok());
        told.filter(|&rate| rate > 0).unwrap_or_else(|| {
            let millis = (end - start).to_millis().max(1).unsigned_abs();
            self.bytes.saturating_mul(8000) / millis
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Flicks, MOST_KEY_FRAMES, StreamReport, StreamScan};

    const PACKETS: u64 = 1_000_000;

    #[test]
    fn of_millions_of_key_frames_few_are_kept_and_none_twice_as_far_apart_as_need_be() {
        let report = StreamReport { codec_type: "video".to_owned(), ..StreamReport::default() };
        let mut scan = StreamScan::new(report);
        for number in 0..PACKETS.cast_signed() {
            scan.add(Some(number * 1000), None, Some(1000), 12, true);
        }
        assert!(scan.key_frames.len() <= MOST_KEY_FRAMES);
        assert!(scan.key_frames.capacity() <= 2 * MOST_KEY_FRAMES);
        let far = Flicks::from_millis(1000 * PACKETS * 4 / MOST_KEY_FRAMES as u64);
        assert!(scan.key_frames.windows(2).all(|two| two[1] > two[0] && two[1] - two[0] <= far));
        assert_eq!(scan.key_frames[0], Flicks::ZERO);
        let end = *scan.key_frames.last().unwrap();
        assert!(Flicks::from_millis(1000 * PACKETS) - end <= far);
    }
}
