//! From what ffprobe prints to [`Media`]: stream descriptions as JSON, from which the two streams
//! that count are chosen, then every packet of these two as one line of CSV.
//!
//! Lengths come from the packets, not from the headers: a header tells the
//! length of the whole file at best, many tell nothing, and some lie.

use serde::Deserialize;
use thiserror::Error;

use super::{Demuxer, Further, Media, Orientation, Undecodable};
use crate::flicks::Flicks;
use crate::media::elements::Cues;
use crate::media::places::Track;
use described::{FormatReport, Programme, StreamReport, ratio, seconds};
pub use frames::Frames;
use stream::StreamScan;
use torn::Torn;

mod cadence;
mod described;
mod frames;
mod rhythm;
mod stream;
mod torn;

/// What to ask ffprobe for of the streams: what is read below. Titles and the
/// like stay out, which may be as long as the file.
pub const STREAM_FIELDS: &str = "stream=index,codec_name,codec_type,profile,level,width,height,\
                                 sample_aspect_ratio,pix_fmt,field_order,color_space,\
                                 color_primaries,color_transfer,color_range,r_frame_rate,\
                                 avg_frame_rate,time_base,start_pts,duration,bit_rate,has_b_frames,\
                                 sample_rate,channels,channel_layout,\
                                 bits_per_sample,bits_per_raw_sample:\
                                 stream_disposition=attached_pic:stream_side_data=rotation,dv_profile:\
                                 stream_tags=alpha_mode:\
                                 format=duration:chapter=id:program_stream=index";

/// The packet fields to ask ffprobe for, in the order that it prints them; the
/// last two only where a packet has them.
pub const PACKET_FIELDS: &str = "packet=stream_index,pts,dts,duration,size,flags:\
                                 packet_side_data=skip_samples,discard_padding";

/// The same, and where in the file each packet is.
pub const PLACED_PACKET_FIELDS: &str = "packet=stream_index,pts,dts,duration,size,pos,flags:\
                                        packet_side_data=skip_samples,discard_padding";

/// Codecs whose packets in MP4 are as the index says, so that they can be listed without the media.
/// ffmpeg looks into the packets of others to tell where one ends and the next begins.
const INDEXED_CODECS: &[&str] = &[
    "h264", "hevc", "av1", "mpeg4", "prores", "mjpeg", "aac", "alac", "flac", "opus", "amr_nb",
    "amr_wb",
];

/// Codecs whose packets in Matroska are frames that say when they are shown.
const CUED_CODECS: &[&str] = &["h264", "hevc", "av1", "vp8", "vp9"];

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

/// The packets of a stream that may count.
#[derive(Debug)]
pub struct Scan {
    demuxer: Demuxer,
    stream: StreamScan,
    /// Where the packets are, if that is asked for.
    places: Option<Track>,
    torn: Torn,
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
        Some(Self {
            demuxer,
            stream: StreamScan::new(stream.clone()),
            places: None,
            torn: Torn::default(),
        })
    }

    /// For packets with [`PLACED_PACKET_FIELDS`].
    #[must_use]
    pub fn with_places(self) -> Self {
        Self { places: Some(Track::default()), ..self }
    }

    /// For the packets of a few times alone.
    #[must_use]
    pub fn sampled(mut self) -> Self {
        self.stream.be_sampled();
        self
    }

    /// Takes what cues tell for what the other packets would, unless these don't agree with them. The
    /// packets were those at the beginning, of a bit from each of these times on, and of all from the
    /// last of them on.
    pub fn complete(&mut self, cues: &Cues, times: &[Flicks]) -> bool {
        self.stream.complete(cues, times)
    }

    /// Whether its packets are with [`PLACED_PACKET_FIELDS`].
    #[must_use]
    pub const fn has_places(&self) -> bool {
        self.places.is_some()
    }

    /// Whether an index alone tells of the packets all that the packets themselves would.
    #[must_use]
    pub fn is_indexed(&self) -> bool {
        let codec = self.stream.report.codec();
        self.demuxer == Demuxer::Mov
            && (codec.starts_with("pcm_") || INDEXED_CODECS.contains(&codec))
    }

    /// Whether cues and a few packets tell of it all that the others would. Of other codecs Matroska
    /// may not say when frames are shown.
    #[must_use]
    pub fn is_cued(&self) -> bool {
        let (report, codec) = (&self.stream.report, self.stream.report.codec());
        self.demuxer == Demuxer::Matroska
            && (report.codec_type == "audio" || CUED_CODECS.contains(&codec))
    }

    /// Where the packets are, if that was asked for.
    pub fn take_places(&mut self) -> Option<Track> {
        self.places.take()
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

    /// Whether its frames may say how they are to be turned, as the container does not.
    #[must_use]
    pub fn may_turn_itself(&self) -> bool {
        let codec = self.stream.report.codec_name.as_deref();
        matches!(codec, Some("h264" | "hevc")) && !self.stream.report.is_placed()
    }

    /// Takes down how its frames say that they are to be turned.
    pub fn turned(&mut self, orientation: Option<Orientation>) {
        self.stream.orientation = orientation;
    }

    /// Adds one packet. Lines of other streams, and damaged ones, are passed
    /// over.
    pub fn packet(&mut self, line: &str) {
        let mut fields = line.split(',');
        let mut number = || fields.next().and_then(|field| field.trim().parse::<i64>().ok());
        let (index, pts, dts, duration, size) = (number(), number(), number(), number(), number());
        let place = self.places.as_ref().and_then(|_| number());
        let flags = fields.next().unwrap_or_default();
        let mut samples = || fields.next().and_then(|samples| samples.parse().ok()).unwrap_or(0);
        let (skipped, padding) = (samples(), samples());
        let stream = &mut self.stream;
        if index != Some(i64::from(stream.report.index)) {
            return;
        }
        if flags.contains('D') {
            stream.discards = true;
            return;
        }
        if let Some(track) = &mut self.places {
            stream.note_place(track, dts.or(pts), place, size);
            if flags.contains('C') || !stream.is_due(dts, duration) {
                track.add_unknown();
            }
        }
        // AVI has only one clock, that of decoding.
        let time = if self.demuxer == Demuxer::Avi { dts } else { stream.shown_at(pts, dts) };
        if let Some(dts) = dts {
            stream.watch_clock(dts);
        }
        stream.presented |= pts.is_some();
        if stream.is_empty() && self.demuxer == Demuxer::Mov && time == Some(0) {
            stream.skipped = skipped;
        }
        stream.add(time, dts, duration, size.unwrap_or(0), flags.contains('K'));
        self.torn.add(flags.contains('C'), flags.contains('K'));
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

    /// How many packets of the video lack parts. Damaged audio is told by its decoder.
    #[must_use]
    pub fn torn(&self) -> u64 {
        self.video.as_ref().map_or(0, |scan| scan.torn.count)
    }

    /// When all streams pause at once, and how long: what nobody films or records so. A stream that is
    /// alone has to pause for longer, since a still picture may be one long frame.
    #[must_use]
    pub fn pause(&self) -> Option<(Flicks, Flicks)> {
        let scans = [&self.video, &self.audio].into_iter().flatten();
        let pauses = scans.map(|scan| scan.stream.pause()).collect::<Option<Vec<_>>>()?;
        let least = Flicks::from_millis(if pauses.len() > 1 { 10_000 } else { 60_000 });
        let (from, to) = pauses.into_iter().reduce(|a, b| (a.0.max(b.0), a.1.min(b.1)))?;
        Some((from, to - from)).filter(|pause| pause.1 >= least)
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
        // Of other formats it is told from the time stamps of the last packets.
        let is_told = demuxer == Demuxer::Asf;
        let declared = report.format.duration.as_deref().and_then(seconds).filter(|_| is_told);
        let audio = self.audio.and_then(|scan| scan.stream.into_audio(floor, declared));
        let audio = audio.map(|audio| match &video {
            // Whoever wrote the file has made up for the delay by delaying the video.
            Some(video) if video.start + Flicks::from_millis(2) > audio.late => audio.on_time(),
            _ => audio,
        });
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

#[cfg(test)]
pub(crate) mod tests;
