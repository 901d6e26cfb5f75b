//! From what ffprobe prints to [`Media`]: stream descriptions as JSON, then
//! every packet of the two streams that count as one line of CSV.
//!
//! Lengths come from the packets, not from the headers: a header tells the
//! length of the whole file at best, many tell nothing, and some lie.

use num_rational::Ratio;
use serde::Deserialize;
use thiserror::Error;

use super::colour::{Colour, Tags};
use super::{AudioStream, Demuxer, Media, Size, VideoStream};
use crate::flicks::Flicks;
use crate::frame_rate;

/// The packet fields to ask ffprobe for, in the order that it prints them; the
/// last two only where a packet has them.
pub const PACKET_FIELDS: &str = "packet=stream_index,pts,dts,duration,size,flags:\
                                 packet_side_data=skip_samples,discard_padding";

/// Why a readable format is still no source.
#[derive(Debug, Error)]
pub enum ReportError {
    /// ffprobe's answer has another shape than its documentation says.
    #[error("ffprobe's report can't be read: {0}")]
    Report(#[from] serde_json::Error),
    /// Neither picture nor sound.
    #[error("the file has no picture and no sound that can be decoded")]
    NoStreams,
    /// Streams without a single packet.
    #[error("the file holds no picture and no sound, only headers")]
    NoPackets,
}

#[derive(Debug, Default, Deserialize)]
struct Report {
    #[serde(default)]
    streams: Vec<StreamReport>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct StreamReport {
    index: u32,
    codec_name: Option<String>,
    codec_type: String,
    width: u32,
    height: u32,
    sample_aspect_ratio: String,
    pix_fmt: String,
    field_order: String,
    color_space: Option<String>,
    color_primaries: Option<String>,
    color_transfer: Option<String>,
    color_range: Option<String>,
    r_frame_rate: String,
    avg_frame_rate: String,
    time_base: String,
    start_pts: Option<i64>,
    bit_rate: Option<String>,
    has_b_frames: i64,
    sample_rate: Option<String>,
    channels: u8,
    bits_per_sample: u8,
    bits_per_raw_sample: Option<String>,
    disposition: Disposition,
    side_data_list: Vec<SideData>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Disposition {
    attached_pic: u8,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct SideData {
    rotation: Option<f64>,
}

/// The two streams that count, waiting for their packets.
#[derive(Debug)]
pub struct Scan {
    demuxer: Demuxer,
    video: Option<StreamScan>,
    audio: Option<StreamScan>,
}

/// What the packets of one stream add up to.
#[derive(Debug)]
struct StreamScan {
    report: StreamReport,
    time_base: Ratio<i64>,
    packets: u64,
    bytes: u64,
    first: Option<i64>,
    last: i64,
    end: i64,
    /// Samples at the end of the last packet that are to be thrown away.
    padding: i64,
    key_frames: Vec<Flicks>,
}

impl Scan {
    /// Chooses the streams from ffprobe's JSON report.
    ///
    /// # Errors
    /// When it can't be read or names no stream that can be decoded.
    pub fn new(demuxer: Demuxer, report: &str) -> Result<Self, ReportError> {
        let report: Report = serde_json::from_str(report)?;
        let pick = |kind: &str| {
            report
                .streams
                .iter()
                .find(|s| s.codec_type == kind && s.can_be_decoded())
                .cloned()
        };
        let video = pick("video").map(StreamScan::new);
        let audio = pick("audio").map(StreamScan::new);
        if video.is_none() && audio.is_none() {
            return Err(ReportError::NoStreams);
        }
        Ok(Self {
            demuxer,
            video,
            audio,
        })
    }

    /// Adds one packet. Lines of other streams, and damaged ones, are passed
    /// over.
    pub fn packet(&mut self, line: &str) {
        let mut fields = line.split(',');
        let mut number = || {
            fields
                .next()
                .and_then(|field| field.trim().parse::<i64>().ok())
        };
        let (index, pts, dts) = (number(), number(), number());
        let (duration, size) = (number(), number());
        let flags = fields.next().unwrap_or_default();
        let padding = fields
            .nth(1)
            .and_then(|samples| samples.parse().ok())
            .unwrap_or(0);
        let stream = [&mut self.video, &mut self.audio]
            .into_iter()
            .flatten()
            .find(|stream| Some(i64::from(stream.report.index)) == index);
        if let Some(stream) = stream
            && !flags.contains('D')
        {
            // AVI has only one clock, that of decoding: its pictures are shown
            // as much later as the decoder holds them back.
            let time = if self.demuxer == Demuxer::Avi {
                dts.map(|dts| dts + stream.report.has_b_frames * duration.unwrap_or(0))
            } else {
                pts.or(dts)
            };
            stream.add(
                time,
                duration,
                size.unwrap_or(0),
                flags.contains('K'),
            );
            // In Ogg the last packet's duration is without it already.
            stream.padding = if self.demuxer == Demuxer::Ogg {
                0
            } else {
                padding
            };
        }
    }

    /// The media, once every packet has been seen.
    ///
    /// # Errors
    /// When there was none.
    pub fn finish(self) -> Result<Media, ReportError> {
        // Both count from zero; what is before it is an encoder's delay that a
        // player does not show.
        let zero_based = matches!(self.demuxer, Demuxer::Mov | Demuxer::Matroska);
        let floor = if zero_based {
            Flicks::ZERO
        } else {
            Flicks::new(i64::MIN)
        };
        let video = self.video.and_then(|stream| stream.into_video(floor));
        let audio = self.audio.and_then(|stream| stream.into_audio(floor));
        let spans = [
            video.as_ref().map(|stream| (stream.start, stream.end)),
            audio.as_ref().map(|stream| (stream.start, stream.end)),
        ];
        let spans = || spans.iter().flatten();
        let start = spans()
            .map(|span| span.0)
            .min()
            .ok_or(ReportError::NoPackets)?;
        let end = spans()
            .map(|span| span.1)
            .max()
            .ok_or(ReportError::NoPackets)?;
        if end <= start {
            return Err(ReportError::NoPackets);
        }
        Ok(Media {
            demuxer: self.demuxer,
            start,
            length: end - start,
            video,
            audio,
        })
    }
}

impl StreamReport {
    /// Whether it is more than a cover, and of a codec that has a decoder.
    fn can_be_decoded(&self) -> bool {
        let known = self
            .codec_name
            .as_deref()
            .is_some_and(|name| !matches!(name, "" | "none" | "unknown"));
        let described = match &*self.codec_type {
            "video" => self.width > 0 && self.height > 0 && !self.pix_fmt.is_empty(),
            _ => self.sample_rate() > 0 && self.channels > 0,
        };
        known && described && self.disposition.attached_pic == 0
    }

    fn sample_rate(&self) -> u32 {
        self.sample_rate
            .as_deref()
            .and_then(|rate| rate.parse().ok())
            .unwrap_or(0)
    }

    fn size(&self) -> Size {
        Size::new(self.width, self.height)
    }

    fn colour(&self) -> Colour {
        let tags = Tags {
            matrix: self.color_space.as_deref(),
            primaries: self.color_primaries.as_deref(),
            transfer: self.color_transfer.as_deref(),
            range: self.color_range.as_deref(),
        };
        Colour::complete(tags, &self.pix_fmt, self.size())
    }

    fn turned(&self) -> bool {
        let rotation = self
            .side_data_list
            .iter()
            .find_map(|data| data.rotation)
            .unwrap_or(0.0);
        // A quarter turn either way, as ffmpeg's own rotation takes it.
        (rotation.rem_euclid(180.0) - 90.0).abs() < 1.0
    }

    fn bit_depth(&self) -> Option<u8> {
        let lossless = self.codec_name.as_deref().is_some_and(|name| {
            name.starts_with("pcm_") || matches!(name, "flac" | "alac" | "truehd" | "wmalossless")
        });
        let raw = self
            .bits_per_raw_sample
            .as_deref()
            .and_then(|bits| bits.parse().ok());
        raw.filter(|&bits| bits > 0)
            .or(Some(self.bits_per_sample))
            .filter(|&bits| lossless && bits > 0)
    }
}

impl StreamScan {
    fn new(report: StreamReport) -> Self {
        Self {
            time_base: ratio(&report.time_base, '/').unwrap_or_else(|| Ratio::new(1, 1000)),
            report,
            packets: 0,
            bytes: 0,
            first: None,
            last: i64::MIN,
            end: i64::MIN,
            padding: 0,
            key_frames: Vec::new(),
        }
    }

    fn add(&mut self, time: Option<i64>, duration: Option<i64>, size: i64, key: bool) {
        let time = time.unwrap_or(if self.packets == 0 { 0 } else { self.end });
        self.packets += 1;
        self.bytes += size.unsigned_abs();
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = self.last.max(time);
        let end = time.saturating_add(duration.unwrap_or(0).max(0));
        self.end = self.end.max(end);
        if key && self.report.codec_type == "video" {
            self.note_key_frame(time);
        }
    }

    /// Keeps key frames at least half a second apart: a denser list would gain
    /// nothing and could be as long as the film.
    fn note_key_frame(&mut self, time: i64) {
        let Some(time) = self.flicks(time) else {
            return;
        };
        let far_enough = |last: &Flicks| time >= *last + Flicks::from_millis(500);
        if self.key_frames.last().is_none_or(far_enough) {
            self.key_frames.push(time);
        }
    }

    fn flicks(&self, ticks: i64) -> Option<Flicks> {
        Flicks::from_ticks(ticks, self.time_base)
    }

    /// From the first sample that is heard to the end of the last: an
    /// encoder's delay and padding that the container declares are no part.
    fn span(&self, floor: Flicks) -> Option<(Flicks, Flicks)> {
        let first = self.first?;
        let start = self
            .report
            .start_pts
            .map_or(first, |declared| declared.max(first));
        let start = self.flicks(start)?.max(floor);
        let end = self.flicks(self.end)? - self.padding();
        Some((start, end.max(start)))
    }

    fn padding(&self) -> Flicks {
        let rate = i64::from(self.report.sample_rate());
        let time_base = Ratio::new_raw(1, rate);
        Flicks::from_ticks(self.padding.max(0), time_base).unwrap_or_default()
    }

    fn into_video(self, floor: Flicks) -> Option<VideoStream> {
        let (start, end) = self.span(floor)?;
        let frame_rate = self.frame_rate();
        // A last frame without a duration lasts as long as the others.
        let one_frame = Flicks::of_units(1, frame_rate);
        let end = if self.end == self.last {
            end + one_frame
        } else {
            end
        };
        Some(VideoStream {
            index: self.report.index,
            size: self.report.size(),
            sample_aspect: ratio(&self.report.sample_aspect_ratio, ':')
                .unwrap_or_else(|| Ratio::from_integer(1)),
            turned: self.report.turned(),
            frame_rate,
            interlaced: matches!(&*self.report.field_order, "tt" | "bb" | "tb" | "bt"),
            colour: self.report.colour(),
            start,
            last: self.flicks(self.last)?,
            end,
            bit_rate: self.bit_rate(start, end),
            frames: self.packets,
            codec: self.report.codec_name.unwrap_or_default(),
            pixel_format: self.report.pix_fmt,
            key_frames: self.key_frames,
        })
    }

    fn into_audio(self, floor: Flicks) -> Option<AudioStream> {
        let (start, end) = self.span(floor)?;
        // A last packet without a duration lasts as long as the others.
        let end = if self.end == self.last {
            end + self.mean_packet()
        } else {
            end
        };
        Some(AudioStream {
            index: self.report.index,
            sample_rate: self.report.sample_rate(),
            channels: self.report.channels,
            bit_depth: self.report.bit_depth(),
            start,
            end,
            bit_rate: self.bit_rate(start, end),
            codec: self.report.codec_name.unwrap_or_default(),
        })
    }

    fn mean_packet(&self) -> Flicks {
        let packets = i64::try_from(self.packets).unwrap_or(i64::MAX);
        let span = self
            .first
            .and_then(|first| self.flicks(self.last.checked_sub(first)?));
        Flicks::new(span.unwrap_or_default().count() / (packets - 1).max(1))
    }

    fn frame_rate(&self) -> Ratio<i64> {
        let base = ratio(&self.report.r_frame_rate, '/');
        let counted = self.first.and_then(|first| {
            let ticks = self.last.checked_sub(first).filter(|&ticks| ticks > 0)?;
            let frames = i64::try_from(self.packets)
                .ok()?
                .checked_sub(1)
                .filter(|&n| n > 0)?;
            frame_rate::mean(frames, self.flicks(ticks)?)
        });
        let told = ratio(&self.report.avg_frame_rate, '/');
        frame_rate::settle(base, counted.or(told))
    }

    /// What the container says, or bytes by seconds.
    fn bit_rate(&self, start: Flicks, end: Flicks) -> u64 {
        let told = self
            .report
            .bit_rate
            .as_deref()
            .and_then(|rate| rate.parse().ok());
        told.filter(|&rate| rate > 0).unwrap_or_else(|| {
            let millis = (end - start).to_millis().max(1).unsigned_abs();
            self.bytes.saturating_mul(8000) / millis
        })
    }
}

/// `a/b` or `a:b` with both above zero.
fn ratio(text: &str, separator: char) -> Option<Ratio<i64>> {
    let (numer, denom) = text.split_once(separator)?;
    let (numer, denom): (i64, i64) = (numer.parse().ok()?, denom.parse().ok()?);
    (numer > 0 && denom > 0).then(|| Ratio::new(numer, denom))
}

#[cfg(test)]
pub(crate) mod tests;
