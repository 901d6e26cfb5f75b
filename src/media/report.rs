//! Turns ffprobe's output into [`Media`]: stream descriptions as JSON, from which one video and one
//! audio stream are chosen, then one line of CSV for every packet of these two.
//!
//! Lengths come from the packets, not from the headers: a header gives at best the length of the
//! whole file, many give none, and some are wrong.

use serde::Deserialize;
use thiserror::Error;

use super::{Demuxer, Further, Media, Orientation, Size, Undecodable};
use crate::flicks::Flicks;
use crate::media::places::Track;
use described::{FormatReport, Programme, StreamReport, ratio, seconds};
pub use frames::{Aspects, Frames};
pub use stream::Samples;
use stream::StreamScan;
use torn::Torn;

mod cadence;
mod described;
mod frames;
mod rhythm;
mod stream;
mod torn;

/// The fields of a stream that ffprobe is asked for: only those that are read below. Titles and
/// other tags are left out, since they may be as long as the file.
pub const STREAM_FIELDS: &str = "stream=index,codec_name,codec_type,profile,level,width,height,\
                                 sample_aspect_ratio,pix_fmt,field_order,color_space,\
                                 color_primaries,color_transfer,color_range,r_frame_rate,\
                                 avg_frame_rate,time_base,start_pts,duration,bit_rate,has_b_frames,\
                                 sample_rate,channels,channel_layout,\
                                 bits_per_sample,bits_per_raw_sample:\
                                 stream_disposition=attached_pic:stream_side_data=rotation,dv_profile:\
                                 stream_tags=alpha_mode:\
                                 format=duration:chapter=id:program_stream=index";

/// The packet fields that ffprobe is asked for, in the order in which it prints them; it prints the
/// last two only for packets that have them.
pub const PACKET_FIELDS: &str = "packet=stream_index,pts,dts,duration,size,flags:\
                                 packet_side_data=skip_samples,discard_padding";

/// The same, and each packet's place in the file.
pub const PLACED_PACKET_FIELDS: &str = "packet=stream_index,pts,dts,duration,size,pos,flags:\
                                        packet_side_data=skip_samples,discard_padding";

/// Codecs whose packets in MP4 are exactly as the index says, so that they can be listed without
/// reading the media. For other codecs ffmpeg parses the packets to find where one ends and the
/// next begins.
const INDEXED_CODECS: &[&str] = &[
    "h264", "hevc", "av1", "mpeg4", "prores", "mjpeg", "aac", "alac", "flac", "opus", "amr_nb",
    "amr_wb",
];

/// Codecs whose packets in Matroska are whole frames with their own presentation times.
const CUED_CODECS: &[&str] = &["h264", "hevc", "av1", "vp8", "vp9"];

/// Why a file of a known format still can't be a source.
#[derive(Debug, Error)]
pub enum ReportError {
    /// ffprobe's output doesn't have the documented form.
    #[error("ffprobe's report can't be read: {0}")]
    Report(#[from] serde_json::Error),
    /// No video and no audio.
    #[error("the file has no video and no audio that can be decoded")]
    NoStreams,
    /// Streams without a single packet.
    #[error("the file holds no video and no audio, only headers")]
    NoPackets,
}

/// ffprobe's description of a file's streams.
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

/// The packets of one candidate stream.
#[derive(Debug)]
pub struct Scan {
    demuxer: Demuxer,
    stream: StreamScan,
    /// Where the packets are, if requested.
    places: Option<Track>,
    torn: Torn,
}

/// The video and the audio stream that are used, as far as the file has them, and which kinds the
/// file has only in codecs that can't be decoded.
#[derive(Debug, Default)]
pub struct Chosen {
    /// The packets of the video.
    pub video: Option<Scan>,
    /// The packets of the audio.
    pub audio: Option<Scan>,
    /// The kinds that have no stream that can be decoded.
    pub undecodable: Undecodable,
}

impl Report {
    /// Reads ffprobe's JSON.
    ///
    /// # Errors
    /// When it has another form.
    pub fn read(json: &str) -> Result<Self, ReportError> {
        Ok(serde_json::from_str(json)?)
    }

    /// The length that the file declares.
    #[must_use]
    pub fn duration(&self) -> Option<Flicks> {
        self.format.duration.as_deref().and_then(seconds)
    }

    /// How many streams are described completely enough to be decoded.
    #[must_use]
    pub fn described(&self) -> usize {
        self.streams.iter().filter(|stream| stream.can_be_decoded()).count()
    }

    /// Whether packets further on may reveal more streams, or more about a stream: some formats do
    /// not announce a stream that begins late.
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

    /// The streams that may be the file's video, in order of preference.
    #[must_use]
    pub fn videos(&self) -> Vec<u32> {
        self.candidates("video").collect()
    }

    /// The streams that may be the file's audio if this is the video, in order of preference: those
    /// of the video's programme first, then those of no programme.
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

    /// Whether the choice of the audio depends on the video.
    #[must_use]
    pub fn has_programmes(&self) -> bool {
        self.programs.len() > 1
    }

    /// The streams of a kind, `video` or `audio`, that can't be decoded.
    #[must_use]
    pub fn undecodable(&self, kind: &str) -> Vec<u32> {
        let of_kind = self.streams.iter().filter(|stream| stream.codec_type == kind);
        let left = of_kind.filter(|stream| !stream.is_cover() && !stream.can_be_decoded());
        left.map(|stream| stream.index).collect()
    }

    /// Pairs of the declared length and the length that was found: per stream where the format
    /// declares that, else for the whole file. Leaves out declarations that can't be trusted.
    #[must_use]
    pub fn lengths(&self, media: &Media) -> Vec<(Flicks, Flicks)> {
        if media.demuxer == Demuxer::Mov {
            let video = media.video.as_ref().map(|s| (s.index, s.end - s.start));
            let audio = media.audio.as_ref().map(|s| (s.index, s.end - s.start));
            // A stream without a packet has no length.
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
    /// The scan of a stream of the report, by its index; `None` if there is no such stream.
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

    /// Expects packets with [`PLACED_PACKET_FIELDS`].
    #[must_use]
    pub fn with_places(self) -> Self {
        Self { places: Some(Track::default()), ..self }
    }

    /// Expects only the packets of a few times of the file.
    #[must_use]
    pub fn sampled(mut self) -> Self {
        self.stream.be_sampled();
        self
    }

    /// Fills in from the cues what the packets that were not read would have said; returns `false`
    /// if the cues don't agree with the packets that were read.
    pub fn complete(&mut self, samples: Samples<'_>) -> bool {
        self.stream.complete(samples)
    }

    /// Whether its packets come with [`PLACED_PACKET_FIELDS`].
    #[must_use]
    pub const fn has_places(&self) -> bool {
        self.places.is_some()
    }

    /// Whether the index alone says everything about the packets that reading them would.
    #[must_use]
    pub fn is_indexed(&self) -> bool {
        let codec = self.stream.report.codec();
        self.demuxer == Demuxer::Mov
            && (codec.starts_with("pcm_") || INDEXED_CODECS.contains(&codec))
    }

    /// Whether the cues and a few packets say everything that reading all packets would. For other
    /// codecs Matroska may not store presentation times.
    #[must_use]
    pub fn is_cued(&self) -> bool {
        let (report, codec) = (&self.stream.report, self.stream.report.codec());
        self.demuxer == Demuxer::Matroska
            && (report.codec_type == "audio" || CUED_CODECS.contains(&codec))
    }

    /// Takes the places of the packets, if they were requested.
    pub fn take_places(&mut self) -> Option<Track> {
        self.places.take()
    }

    /// The stream's index in the file.
    #[must_use]
    pub const fn index(&self) -> u32 {
        self.stream.report.index
    }

    /// Whether no packet was added.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.stream.is_empty()
    }

    /// Whether it is a video of a single frame.
    #[must_use]
    pub fn is_one_frame(&self) -> bool {
        self.stream.is_one_frame()
    }

    /// Whether each packet may hold only one field of a frame; only decoding can tell.
    #[must_use]
    pub fn may_be_of_fields(&self) -> bool {
        self.stream.may_be_of_fields()
    }

    /// Records that `packets` packets decode to `frames` frames.
    pub fn decoded(&mut self, frames: u64, packets: u64) {
        self.stream.of_fields = frames * 4 <= packets * 3;
    }

    /// Whether the frames themselves may declare a rotation, since the container declares none.
    #[must_use]
    pub fn may_turn_itself(&self) -> bool {
        let codec = self.stream.report.codec_name.as_deref();
        matches!(codec, Some("h264" | "hevc")) && !self.stream.report.is_placed()
    }

    /// Whether the sample aspect ratio may change within the stream: broadcasts in standard
    /// definition change it, other containers declare one ratio for all frames.
    #[must_use]
    pub fn may_change_aspect(&self) -> bool {
        const LARGEST: Size = Size::new(768, 576);
        const CODECS: [&str; 3] = ["mpeg1video", "mpeg2video", "h264"];
        let (report, size) = (&self.stream.report, self.stream.report.size());
        let broadcast = [Demuxer::MpegTs, Demuxer::MpegPs, Demuxer::MpegVideo];
        broadcast.contains(&self.demuxer)
            && CODECS.contains(&report.codec())
            && size.width <= LARGEST.width
            && size.height <= LARGEST.height
    }

    /// Records the sample aspect ratios of the key frames.
    pub fn aspects(&mut self, key_frames: &Aspects) {
        self.stream.aspects(key_frames.changes());
    }

    /// Records the rotation that the frames declare.
    pub fn turned(&mut self, orientation: Option<Orientation>) {
        self.stream.orientation = orientation;
    }

    /// Adds one packet. Ignores lines of other streams, and damaged ones.
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
        // AVI stores only decoding times.
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
        // In Ogg, the last packet's duration already excludes the padding.
        stream.padding = if self.demuxer == Demuxer::Ogg { 0 } else { padding };
    }
}

impl Chosen {
    /// Whether timestamps jump back, or far ahead.
    #[must_use]
    pub fn jumps(&self) -> bool {
        [&self.video, &self.audio].into_iter().flatten().any(|scan| scan.stream.jumps)
    }

    /// How many packets of the video lack parts. For damaged audio the decoder reports errors.
    #[must_use]
    pub fn torn(&self) -> u64 {
        self.video.as_ref().map_or(0, |scan| scan.torn.count)
    }

    /// When all streams pause at the same time, and for how long, if it is longer than any real
    /// recording pauses. A file with one stream has to pause for longer to count, since a still
    /// picture may be one long frame.
    #[must_use]
    pub fn pause(&self) -> Option<(Flicks, Flicks)> {
        let scans = [&self.video, &self.audio].into_iter().flatten();
        let pauses = scans.map(|scan| scan.stream.pause()).collect::<Option<Vec<_>>>()?;
        let least = Flicks::from_millis(if pauses.len() > 1 { 10_000 } else { 60_000 });
        let (from, to) = pauses.into_iter().reduce(|a, b| (a.0.max(b.0), a.1.min(b.1)))?;
        Some((from, to - from)).filter(|pause| pause.1 >= least)
    }

    /// The media, once all packets have been added.
    ///
    /// # Errors
    /// When no packet was added.
    pub fn finish(self, demuxer: Demuxer, report: &Report) -> Result<Media, ReportError> {
        // Both formats count from zero; times before it are an encoder delay that players skip.
        let zero_based = matches!(demuxer, Demuxer::Mov | Demuxer::Matroska);
        let floor = if zero_based { Flicks::ZERO } else { Flicks::new(i64::MIN) };
        let video = self.video.and_then(|scan| scan.stream.into_video(floor, demuxer));
        // For other formats, ffprobe derives this length from the last packets' timestamps.
        let is_told = demuxer == Demuxer::Asf;
        let declared = report.duration().filter(|_| is_told);
        let audio = self.audio.and_then(|scan| scan.stream.into_audio(floor, declared));
        let audio = audio.map(|audio| match &video {
            // The file's writer has compensated for the delay by delaying the video as well.
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
