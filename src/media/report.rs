//! From what ffprobe prints to [`Media`]: stream descriptions as JSON, then
//! every packet of the two streams that count as one line of CSV.
//!
//! Lengths come from the packets, not from the headers: a header tells the
//! length of the whole file at best, many tell nothing, and some lie.

use num_rational::Ratio;
use serde::Deserialize;
use thiserror::Error;

use super::colour::{Colour, Tags};
use super::{Demuxer, Further, Media, Size, Undecodable};
use crate::flicks::Flicks;
use stream::StreamScan;

mod rhythm;
mod stream;

/// What to ask ffprobe for of the streams: what is read below. Titles and the
/// like stay out, which may be as long as the file.
pub const STREAM_FIELDS: &str = "stream=index,codec_name,codec_type,width,height,\
                                 sample_aspect_ratio,pix_fmt,field_order,color_space,\
                                 color_primaries,color_transfer,color_range,r_frame_rate,\
                                 avg_frame_rate,time_base,start_pts,bit_rate,has_b_frames,\
                                 sample_rate,channels,channel_layout,\
                                 bits_per_sample,bits_per_raw_sample:\
                                 stream_disposition=attached_pic:stream_side_data=rotation:\
                                 format=duration:chapter=id";

/// The packet fields to ask ffprobe for, in the order that it prints them; the
/// last two only where a packet has them.
pub const PACKET_FIELDS: &str = "packet=stream_index,pts,dts,duration,size,flags:\
                                 packet_side_data=skip_samples,discard_padding";

/// Channels that ffmpeg can mix.
const MAX_CHANNELS: u8 = 64;

/// Why a readable format is still no source.
#[derive(Debug, Error)]
pub enum ReportError {
    /// ffprobe's answer has another shape than its documentation says.
    #[error("ffprobe's report can't be read: {0}")]
    Report(#[from] serde_json::Error),
    /// Neither video nor audio.
    #[error("the file has no video and no audio that can be decoded")]
    NoStreams,
    /// Streams without a single packet.
    #[error("the file holds no video and no audio, only headers")]
    NoPackets,
}

#[derive(Debug, Default, Deserialize)]
struct Report {
    #[serde(default)]
    streams: Vec<StreamReport>,
    #[serde(default)]
    format: FormatReport,
    #[serde(default)]
    chapters: Vec<serde::de::IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
struct FormatReport {
    duration: Option<String>,
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
    channel_layout: String,
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
    declared: Option<Flicks>,
    video: Option<StreamScan>,
    audio: Option<StreamScan>,
    further: Further,
    /// Streams that can't be decoded, with whether they hold anything.
    undecodable: Vec<(StreamReport, bool)>,
}

impl Scan {
    /// Chooses the streams from ffprobe's JSON report.
    ///
    /// # Errors
    /// When it can't be read or names no stream that can be decoded.
    pub fn new(demuxer: Demuxer, report: &str) -> Result<Self, ReportError> {
        let report: Report = serde_json::from_str(report)?;
        let pick = |kind: &str| {
            report.streams.iter().find(|s| s.codec_type == kind && s.can_be_decoded()).cloned()
        };
        let video = pick("video").map(StreamScan::new);
        let audio = pick("audio").map(StreamScan::new);
        if video.is_none() && audio.is_none() {
            return Err(ReportError::NoStreams);
        }
        let declared = report.format.declared(demuxer);
        let chosen = [&video, &audio].into_iter().flatten().count();
        let further =
            Further { streams: report.streams.len() - chosen, chapters: report.chapters.len() };
        let left = report.streams.into_iter().filter(|s| !s.is_cover() && !s.can_be_decoded());
        let undecodable = left.map(|stream| (stream, false)).collect();
        Ok(Self { demuxer, declared, video, audio, further, undecodable })
    }

    /// How long the file says that it is, where that can be trusted.
    #[must_use]
    pub const fn declared(&self) -> Option<Flicks> {
        self.declared
    }

    /// Whether time stamps jump back, or far ahead.
    #[must_use]
    pub fn jumps(&self) -> bool {
        let mut streams = [&self.video, &self.audio].into_iter().flatten();
        streams.any(|stream| stream.jumps)
    }

    /// Adds one packet. Lines of other streams, and damaged ones, are passed
    /// over.
    pub fn packet(&mut self, line: &str) {
        let mut fields = line.split(',');
        let mut number = || fields.next().and_then(|field| field.trim().parse::<i64>().ok());
        let (index, pts, dts) = (number(), number(), number());
        if let Some(undecodable) =
            self.undecodable.iter_mut().find(|s| Some(i64::from(s.0.index)) == index)
        {
            undecodable.1 = true;
        }
        let (duration, size) = (number(), number());
        let flags = fields.next().unwrap_or_default();
        let padding = fields.nth(1).and_then(|samples| samples.parse().ok()).unwrap_or(0);
        let stream = [&mut self.video, &mut self.audio]
            .into_iter()
            .flatten()
            .find(|stream| Some(i64::from(stream.report.index)) == index);
        if let Some(stream) = stream
            && !flags.contains('D')
        {
            // AVI has only one clock, that of decoding.
            let time = if self.demuxer == Demuxer::Avi { dts } else { stream.shown_at(pts, dts) };
            if let Some(dts) = dts {
                stream.watch_clock(dts);
            }
            stream.presented |= pts.is_some();
            stream.add(time, duration, size.unwrap_or(0), flags.contains('K'));
            // In Ogg the last packet's duration is without it already.
            stream.padding = if self.demuxer == Demuxer::Ogg { 0 } else { padding };
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
        let floor = if zero_based { Flicks::ZERO } else { Flicks::new(i64::MIN) };
        let holds = |kind: &str| self.undecodable.iter().any(|s| s.1 && s.0.codec_type == kind);
        let undecodable = Undecodable {
            video: self.video.is_none() && holds("video"),
            audio: self.audio.is_none() && holds("audio"),
        };
        let video = self.video.and_then(|stream| stream.into_video(floor, self.demuxer));
        let audio = self.audio.and_then(|stream| stream.into_audio(floor));
        let spans = [
            video.as_ref().map(|stream| (stream.start, stream.end)),
            audio.as_ref().map(|stream| (stream.start, stream.end)),
        ];
        let spans = || spans.iter().flatten();
        let start = spans().map(|span| span.0).min().ok_or(ReportError::NoPackets)?;
        let end = spans().map(|span| span.1).max().ok_or(ReportError::NoPackets)?;
        if end <= start {
            return Err(ReportError::NoPackets);
        }
        let (demuxer, length, further) = (self.demuxer, end - start, self.further);
        Ok(Media { demuxer, start, length, video, audio, undecodable, further })
    }
}

impl FormatReport {
    /// A transport stream or a bare codec's file declares nothing: its length
    /// is ffmpeg's guess. MP4 and Matroska may hold a longer stream that does
    /// not count, and a file that breaks off is complained of anyway.
    fn declared(&self, demuxer: Demuxer) -> Option<Flicks> {
        let declares = matches!(
            demuxer,
            Demuxer::Avi | Demuxer::Asf | Demuxer::Flv | Demuxer::Mxf | Demuxer::Wav
        );
        let seconds = self.duration.as_deref().filter(|_| declares)?;
        // Microseconds, as ffprobe prints them.
        let (whole, micros) = seconds.split_once('.')?;
        let seconds = whole.parse::<i64>().ok()?.checked_mul(1_000_000)?;
        let micros = seconds.checked_add(micros.parse().ok()?)?;
        Flicks::from_ticks(micros, Ratio::new(1, 1_000_000))
    }
}

impl StreamReport {
    /// Whether it is more than a cover, and of a codec that has a decoder.
    fn can_be_decoded(&self) -> bool {
        let known =
            self.codec_name.as_deref().is_some_and(|name| !matches!(name, "" | "none" | "unknown"));
        let described = match &*self.codec_type {
            "video" => self.width > 0 && self.height > 0 && !self.pix_fmt.is_empty(),
            _ => self.sample_rate() > 0 && (1..=MAX_CHANNELS).contains(&self.channels),
        };
        known && described && !self.is_cover()
    }

    fn is_cover(&self) -> bool {
        self.disposition.attached_pic != 0
    }

    fn sample_rate(&self) -> u32 {
        self.sample_rate.as_deref().and_then(|rate| rate.parse().ok()).unwrap_or(0)
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
        let rotation = self.side_data_list.iter().find_map(|data| data.rotation).unwrap_or(0.0);
        // A quarter turn either way, as ffmpeg's own rotation takes it.
        (rotation.rem_euclid(180.0) - 90.0).abs() < 1.0
    }

    fn bit_depth(&self) -> Option<u8> {
        let lossless = self.codec_name.as_deref().is_some_and(|name| {
            name.starts_with("pcm_") || matches!(name, "flac" | "alac" | "truehd" | "wmalossless")
        });
        let raw = self.bits_per_raw_sample.as_deref().and_then(|bits| bits.parse().ok());
        raw.filter(|&bits| bits > 0)
            .or(Some(self.bits_per_sample))
            .filter(|&bits| lossless && bits > 0)
    }
}

/// `a/b` or `a:b` with both above zero. FFmpeg's have 32 bits, so that no
/// product with a time outgrows the arithmetic.
fn ratio(text: &str, separator: char) -> Option<Ratio<i64>> {
    let (numer, denom) = text.split_once(separator)?;
    let (numer, denom): (i32, i32) = (numer.parse().ok()?, denom.parse().ok()?);
    (numer > 0 && denom > 0).then(|| Ratio::new(numer.into(), denom.into()))
}

#[cfg(test)]
pub(crate) mod tests;
