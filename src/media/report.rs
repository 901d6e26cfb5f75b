//! From what ffprobe prints to [`Media`]: stream descriptions as JSON, from which the two streams
//! that count are chosen, then every packet of these two as one line of CSV.
//!
//! Lengths come from the packets, not from the headers: a header tells the
//! length of the whole file at best, many tell nothing, and some lie.

use num_rational::Ratio;
use serde::Deserialize;
use thiserror::Error;

use super::colour::{Colour, Tags};
use super::{Coding, Demuxer, Further, Media, Size, Undecodable};
use crate::flicks::Flicks;
use stream::StreamScan;

mod cadence;
mod rhythm;
mod stream;

/// What to ask ffprobe for of the streams: what is read below. Titles and the
/// like stay out, which may be as long as the file.
pub const STREAM_FIELDS: &str = "stream=index,codec_name,codec_type,profile,level,width,height,\
                                 sample_aspect_ratio,pix_fmt,field_order,color_space,\
                                 color_primaries,color_transfer,color_range,r_frame_rate,\
                                 avg_frame_rate,time_base,start_pts,duration,bit_rate,has_b_frames,\
                                 sample_rate,channels,channel_layout,\
                                 bits_per_sample,bits_per_raw_sample:\
                                 stream_disposition=attached_pic:stream_side_data=rotation:\
                                 format=duration:chapter=id:program_stream=index";

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

/// What ffprobe says of a file's streams.
#[derive(Debug, Default, Deserialize)]
pub struct Report {
    #[serde(default)]
    streams: Vec<StreamReport>,
    #[serde(default)]
    format: FormatReport,
    #[serde(default)]
    chapters: Vec<serde::de::IgnoredAny>,
    #[serde(default)]
    programs: Vec<Programme>,
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
    profile: Option<String>,
    level: Option<i64>,
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
    duration: Option<String>,
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

/// The streams of a file that are shown and heard together.
#[derive(Clone, Debug, Default, Deserialize)]
struct Programme {
    #[serde(default)]
    streams: Vec<Member>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Member {
    index: u32,
}

/// The packets of a stream that may count.
#[derive(Debug)]
pub struct Scan {
    demuxer: Demuxer,
    stream: StreamScan,
}

/// The two streams that count, as far as a file has them, and the kinds that it has but nobody can
/// decode.
#[derive(Debug, Default)]
pub struct Chosen {
    /// Of the video.
    pub video: Option<Scan>,
    /// Of the audio.
    pub audio: Option<Scan>,
    /// What was not chosen for want of a decoder.
    pub undecodable: Undecodable,
}

impl Report {
    /// Reads ffprobe's JSON.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn read(json: &str) -> Result<Self, ReportError> {
        Ok(serde_json::from_str(json)?)
    }

    /// How many streams are described so that they can be decoded.
    #[must_use]
    pub fn described(&self) -> usize {
        self.streams.iter().filter(|stream| stream.can_be_decoded()).count()
    }

    /// Whether packets further on may tell of more: of a stream that begins late, of which some
    /// formats tell nothing before.
    #[must_use]
    pub fn may_be_incomplete(&self, demuxer: Demuxer) -> bool {
        let unannounced = matches!(demuxer, Demuxer::Flv | Demuxer::MpegTs | Demuxer::MpegPs);
        let lacks = |kind| {
            let mut of_kind = self.streams.iter().filter(|stream| stream.codec_type == kind);
            let none = of_kind.clone().all(StreamReport::is_cover);
            none && unannounced || of_kind.any(|each| !each.is_cover() && !each.can_be_decoded())
        };
        lacks("video") || lacks("audio")
    }

    /// The streams that may be the file's video, the first choice first.
    #[must_use]
    pub fn videos(&self) -> Vec<u32> {
        self.candidates("video").collect()
    }

    /// The streams that may be the file's audio beside this video, the first choice first: those of
    /// its own programme, else those of none.
    #[must_use]
    pub fn audios(&self, video: Option<u32>) -> Vec<u32> {
        let holds = |programme: &&Programme, index| {
            programme.streams.iter().any(|member| member.index == index)
        };
        let programme =
            video.and_then(|video| self.programs.iter().find(|each| holds(each, video)));
        let Some(programme) = programme else {
            return self.candidates("audio").collect();
        };
        let own = self.candidates("audio").filter(|&audio| holds(&programme, audio));
        let of_none = self
            .candidates("audio")
            .filter(|&audio| !self.programs.iter().any(|each| holds(&each, audio)));
        own.chain(of_none).collect()
    }

    /// Whether which audio counts depends on the video.
    #[must_use]
    pub fn has_programmes(&self) -> bool {
        self.programs.len() > 1
    }

    /// The streams of a kind, `video` or `audio`, that nothing can be made of.
    #[must_use]
    pub fn undecodable(&self, kind: &str) -> Vec<u32> {
        let of_kind = self.streams.iter().filter(|stream| stream.codec_type == kind);
        let left = of_kind.filter(|stream| !stream.is_cover() && !stream.can_be_decoded());
        left.map(|stream| stream.index).collect()
    }

    /// How long the file says that it is, or each of its streams, where that can be trusted; and
    /// how long it is.
    #[must_use]
    pub fn lengths(&self, media: &Media) -> Vec<(Flicks, Flicks)> {
        if media.demuxer == Demuxer::Mov {
            let video = media.video.as_ref().map(|s| (s.index, s.end - s.start));
            let audio = media.audio.as_ref().map(|s| (s.index, s.end - s.start));
            // Of a stream without a packet nothing is left.
            let empty = |kind| Some((self.candidates(kind).next()?, Flicks::ZERO));
            let both = [video.or_else(|| empty("video")), audio.or_else(|| empty("audio"))];
            let declared = |(index, found)| Some((self.declared_by_stream(index)?, found));
            return both.into_iter().flatten().filter_map(declared).collect();
        }
        self.format.declared(media.demuxer).map(|told| (told, media.length)).into_iter().collect()
    }

    fn declared_by_stream(&self, index: u32) -> Option<Flicks> {
        let stream = self.streams.iter().find(|stream| stream.index == index)?;
        stream.duration.as_deref().and_then(seconds)
    }

    fn candidates(&self, kind: &str) -> impl Iterator<Item = u32> {
        let of_kind = self.streams.iter().filter(move |stream| stream.codec_type == kind);
        of_kind.filter(|stream| stream.can_be_decoded()).map(|stream| stream.index)
    }
}

impl Scan {
    /// A stream of the report, by its index. `None` where there is none.
    #[must_use]
    pub fn new(demuxer: Demuxer, report: &Report, index: u32) -> Option<Self> {
        let stream = report.streams.iter().find(|stream| stream.index == index)?;
        Some(Self { demuxer, stream: StreamScan::new(stream.clone()) })
    }

    /// The stream's index in the file.
    #[must_use]
    pub const fn index(&self) -> u32 {
        self.stream.report.index
    }

    /// Whether there was no packet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.stream.is_empty()
    }

    /// Whether its packets may hold a field each: that is to be decoded.
    #[must_use]
    pub fn may_be_of_fields(&self) -> bool {
        self.stream.may_be_of_fields()
    }

    /// Takes down how many frames so many packets decode to.
    pub fn decoded(&mut self, frames: u64, packets: u64) {
        self.stream.of_fields = frames * 4 <= packets * 3;
    }

    /// Adds one packet. Lines of other streams, and damaged ones, are passed
    /// over.
    pub fn packet(&mut self, line: &str) {
        let mut fields = line.split(',');
        let mut number = || fields.next().and_then(|field| field.trim().parse::<i64>().ok());
        let (index, pts, dts, duration, size) = (number(), number(), number(), number(), number());
        let flags = fields.next().unwrap_or_default();
        let padding = fields.nth(1).and_then(|samples| samples.parse().ok()).unwrap_or(0);
        let stream = &mut self.stream;
        if index != Some(i64::from(stream.report.index)) {
            return;
        }
        if flags.contains('D') {
            stream.discards = true;
            return;
        }
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

impl Chosen {
    /// Whether time stamps jump back, or far ahead.
    #[must_use]
    pub fn jumps(&self) -> bool {
        [&self.video, &self.audio].into_iter().flatten().any(|scan| scan.stream.jumps)
    }

    /// The media, once every packet has been seen.
    ///
    /// # Errors
    /// When there was none.
    pub fn finish(self, demuxer: Demuxer, report: &Report) -> Result<Media, ReportError> {
        // Both count from zero; what is before it is an encoder's delay that a
        // player does not show.
        let zero_based = matches!(demuxer, Demuxer::Mov | Demuxer::Matroska);
        let floor = if zero_based { Flicks::ZERO } else { Flicks::new(i64::MIN) };
        let video = self.video.and_then(|scan| scan.stream.into_video(floor, demuxer));
        let audio = self.audio.and_then(|scan| scan.stream.into_audio(floor));
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
        let chosen = [video.is_some(), audio.is_some()].into_iter().filter(|&is| is).count();
        let (undecodable, length) = (self.undecodable, end - start);
        let further = Further {
            streams: report.streams.len().saturating_sub(chosen),
            chapters: report.chapters.len(),
        };
        Ok(Media { demuxer, depth: 0, start, length, video, audio, undecodable, further })
    }
}

impl FormatReport {
    /// A transport stream or a bare codec's file declares nothing: its length
    /// is ffmpeg's guess. MP4 and Matroska may hold a longer stream that does
    /// not count.
    fn declared(&self, demuxer: Demuxer) -> Option<Flicks> {
        let declares = matches!(
            demuxer,
            Demuxer::Avi | Demuxer::Asf | Demuxer::Flv | Demuxer::Mxf | Demuxer::Wav
        );
        self.duration.as_deref().filter(|_| declares).and_then(seconds)
    }
}

/// Seconds with microseconds, as ffprobe prints them.
fn seconds(text: &str) -> Option<Flicks> {
    let (whole, micros) = text.split_once('.')?;
    let seconds = whole.parse::<i64>().ok()?.checked_mul(1_000_000)?;
    let micros = seconds.checked_add(micros.parse().ok()?)?;
    Flicks::from_ticks(micros, Ratio::new(1, 1_000_000))
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

    fn coding(&self, discards: bool) -> Coding {
        let turned = |rotation: f64| rotation != 0.0;
        Coding {
            profile: self.profile.clone().unwrap_or_default(),
            level: self.level.and_then(|level| u32::try_from(level).ok()).unwrap_or(0),
            progressive: self.field_order == "progressive",
            rotated: self.side_data_list.iter().filter_map(|data| data.rotation).any(turned),
            discards,
        }
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
