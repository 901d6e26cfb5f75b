//! Containers, codecs and pixel formats, and which of them can be combined.
//!
//! These facts are data: to reject one more combination, or to add a limit of a muxer, one line in
//! one of the tables below is enough.

mod audio;
mod level;
mod video;

pub use level::{is_beyond_level_5_2, largest_buffer, least_level};

use crate::named::named;

named! {
    /// `f`: the output container.
    Container {
        /// MPEG-4 part 14.
        Mp4 = "mp4",
        /// Matroska.
        Mkv = "mkv",
        /// `QuickTime`.
        Mov = "mov",
        /// Advanced Systems Format.
        Asf = "asf",
        /// Audio Video Interleave.
        Avi = "avi",
        /// Material Exchange Format.
        Mxf = "mxf",
        /// MPEG-2 transport stream.
        Ts = "ts",
        /// Flash Video.
        Flv = "flv",
    }
}

named! {
    /// `vcodec`: the output video codec.
    VideoCodec {
        /// H.264, AVC.
        H264 = "h264",
        /// H.265, HEVC.
        H265 = "h265",
        /// VP9.
        Vp9 = "vp9",
    }
}

named! {
    /// `acodec`: the output audio codec.
    AudioCodec {
        /// MPEG-1 and 2 layer III.
        Mp3 = "mp3",
        /// Advanced Audio Coding.
        Aac = "aac",
        /// Free Lossless Audio Codec.
        Flac = "flac",
        /// Vorbis.
        Vorbis = "vorbis",
        /// Dolby Digital.
        Ac3 = "ac3",
        /// Opus.
        Opus = "opus",
        /// Linear PCM.
        Pcm = "pcm",
        /// Adaptive Multi-Rate, narrow band at 8 kHz and wide band at 16 kHz.
        Amr = "amr",
    }
}

named! {
    /// `pixfmt`: the output pixel format.
    PixelFormat {
        /// 4:2:0, 8 bits.
        Yuv420p = "yuv420p",
        /// 4:2:0, 8 bits, with transparency.
        Yuva420p = "yuva420p",
        /// 4:2:0, 10 bits.
        Yuv420p10 = "yuv420p10le",
        /// 4:2:2, 8 bits.
        Yuv422p = "yuv422p",
        /// 4:2:2, 10 bits.
        Yuv422p10 = "yuv422p10le",
        /// 4:4:4, 8 bits.
        Yuv444p = "yuv444p",
        /// 4:4:4, 10 bits.
        Yuv444p10 = "yuv444p10le",
    }
}

named! {
    /// The speed presets of x264 and x265, fastest first.
    Preset {
        /// Fastest, and largest files.
        Ultrafast = "ultrafast",
        /// Faster than `veryfast`.
        Superfast = "superfast",
        /// The default.
        Veryfast = "veryfast",
        /// Slower than `veryfast`.
        Faster = "faster",
        /// Faster than `medium`.
        Fast = "fast",
        /// The encoders' own default.
        Medium = "medium",
        /// Slower than `medium`.
        Slow = "slow",
        /// Slower than `slow`.
        Slower = "slower",
        /// The slowest that is useful in practice.
        Veryslow = "veryslow",
        /// Even slower, for almost no gain.
        Placebo = "placebo",
    }
}

impl Preset {
    /// The preset if the setting is empty.
    pub const DEFAULT: Self = Self::Veryfast;
}

/// The resolution of the colour planes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Chroma {
    /// One colour sample for two by two pixels.
    Yuv420,
    /// One colour sample for two pixels of a row.
    Yuv422,
    /// One colour sample for every pixel.
    Yuv444,
}

impl PixelFormat {
    /// Bits per component.
    #[must_use]
    pub const fn bit_depth(self) -> u8 {
        match self {
            Self::Yuv420p | Self::Yuva420p | Self::Yuv422p | Self::Yuv444p => 8,
            Self::Yuv420p10 | Self::Yuv422p10 | Self::Yuv444p10 => 10,
        }
    }

    /// The resolution of the colour planes.
    #[must_use]
    pub const fn chroma(self) -> Chroma {
        match self {
            Self::Yuv420p | Self::Yuva420p | Self::Yuv420p10 => Chroma::Yuv420,
            Self::Yuv422p | Self::Yuv422p10 => Chroma::Yuv422,
            Self::Yuv444p | Self::Yuv444p10 => Chroma::Yuv444,
        }
    }

    /// Whether pixels can be transparent.
    #[must_use]
    pub const fn has_alpha(self) -> bool {
        matches!(self, Self::Yuva420p)
    }

    /// Why `codec` can't encode this format; `None` if it can.
    #[must_use]
    pub const fn ban(self, codec: VideoCodec) -> Option<&'static str> {
        match (self, codec) {
            (Self::Yuva420p, VideoCodec::H264 | VideoCodec::H265) => {
                Some("only vp9 encodes transparency")
            }
            _ => None,
        }
    }

    /// Why `container` can't hold this format; `None` if it can.
    #[must_use]
    pub const fn container_ban(self, container: Container) -> Option<&'static str> {
        match (self, container) {
            (_, Container::Mkv) => None,
            (Self::Yuva420p, _) => Some("only mkv holds transparency"),
            _ => None,
        }
    }
}

impl Container {
    /// The file name extension, without dot.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        self.name()
    }

    /// Whether its muxer only appends until the end, and then rewrites at most the start of the file.
    /// The muxer of AVI also rewrites lengths at every gigabyte, that of MXF at every partition, and
    /// that of MP4 moves everything.
    #[must_use]
    pub const fn is_appended(self) -> bool {
        matches!(self, Self::Mkv | Self::Asf | Self::Ts | Self::Flv)
    }

    /// The media type that a finished file is stored with.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Mp4 => "video/mp4",
            Self::Mkv => "video/x-matroska",
            Self::Mov => "video/quicktime",
            Self::Asf => "video/x-ms-asf",
            Self::Avi => "video/x-msvideo",
            Self::Mxf => "application/mxf",
            Self::Ts => "video/mp2t",
            Self::Flv => "video/x-flv",
        }
    }
}

const QUICKTIME_LACKS: &str = "QuickTime files have no entry for this codec";
const RIFF_LACKS: &str = "its table of format tags has no entry for this codec";
const MXF_HOLDS: &str = "mxf holds pcm audio only";
const TS_LACKS: &str = "transport streams have no stream type for this codec";
const FLV_LACKS: &str = "Flash Video has no codec number for it";

/// Audio codecs that a container can't hold, with the reason.
const AUDIO_BANS: &[(Container, AudioCodec, &str)] = &[
    (Container::Mp4, AudioCodec::Pcm, "mp4 players do not read raw pcm"),
    (Container::Mov, AudioCodec::Flac, QUICKTIME_LACKS),
    (Container::Mov, AudioCodec::Opus, QUICKTIME_LACKS),
    (Container::Asf, AudioCodec::Opus, RIFF_LACKS),
    (Container::Asf, AudioCodec::Flac, "asf's time stamps do not fit the frames of flac"),
    (
        Container::Avi,
        AudioCodec::Vorbis,
        "avi counts audio in packets of one length, and vorbis has two",
    ),
    (Container::Avi, AudioCodec::Opus, RIFF_LACKS),
    (Container::Avi, AudioCodec::Amr, "avi can't store how long a frame of amr lasts"),
    (Container::Mxf, AudioCodec::Mp3, MXF_HOLDS),
    (Container::Mxf, AudioCodec::Aac, MXF_HOLDS),
    (Container::Mxf, AudioCodec::Flac, MXF_HOLDS),
    (Container::Mxf, AudioCodec::Vorbis, MXF_HOLDS),
    (Container::Mxf, AudioCodec::Ac3, MXF_HOLDS),
    (Container::Mxf, AudioCodec::Opus, MXF_HOLDS),
    (Container::Mxf, AudioCodec::Amr, MXF_HOLDS),
    (Container::Ts, AudioCodec::Flac, TS_LACKS),
    (Container::Ts, AudioCodec::Vorbis, TS_LACKS),
    (Container::Ts, AudioCodec::Pcm, TS_LACKS),
    (Container::Ts, AudioCodec::Amr, TS_LACKS),
    (Container::Flv, AudioCodec::Ac3, FLV_LACKS),
    (Container::Flv, AudioCodec::Flac, FLV_LACKS),
    (Container::Flv, AudioCodec::Vorbis, FLV_LACKS),
    (Container::Flv, AudioCodec::Opus, FLV_LACKS),
    (Container::Flv, AudioCodec::Pcm, FLV_LACKS),
    (Container::Flv, AudioCodec::Amr, FLV_LACKS),
];

/// Video codecs that a container can't hold, with the reason.
const VIDEO_BANS: &[(Container, VideoCodec, &str)] = &[
    (Container::Mov, VideoCodec::Vp9, QUICKTIME_LACKS),
    (Container::Asf, VideoCodec::Vp9, "only mp4 and mkv can hold vp9"),
    (Container::Avi, VideoCodec::Vp9, "only mp4 and mkv can hold vp9"),
    (Container::Mxf, VideoCodec::H265, "mxf has no mapping for h265"),
    (Container::Mxf, VideoCodec::Vp9, "mxf has no mapping for vp9"),
    (Container::Ts, VideoCodec::Vp9, TS_LACKS),
    (Container::Flv, VideoCodec::H265, FLV_LACKS),
    (Container::Flv, VideoCodec::Vp9, FLV_LACKS),
];

/// Why `container` can't hold audio of `codec`; `None` if it can.
#[must_use]
pub fn audio_ban(container: Container, codec: AudioCodec) -> Option<&'static str> {
    let ban = |&&(c, a, _): &&(Container, AudioCodec, _)| (c, a) == (container, codec);
    AUDIO_BANS.iter().find(ban).map(|&(_, _, reason)| reason)
}

/// Why `container` can't hold these two codecs together, or in segments, although it can hold each;
/// `None` if it can.
#[must_use]
pub fn combination_ban(
    container: Container,
    video: Option<VideoCodec>,
    audio: AudioCodec,
    segmented: bool,
) -> Option<&'static str> {
    match (container, video, audio) {
        (Container::Mxf, None, _) => Some("mxf has no audio without video"),
        (Container::Mp4, Some(VideoCodec::Vp9), AudioCodec::Amr) => {
            Some("mp4 holds amr only in QuickTime's way, which has no entry for vp9")
        }
        (Container::Mp4, _, AudioCodec::Amr) if segmented => {
            Some("segments of mp4 have no entry for amr")
        }
        _ => None,
    }
}

/// Why `container` can't hold video of `codec`; `None` if it can.
#[must_use]
pub fn video_ban(container: Container, codec: VideoCodec) -> Option<&'static str> {
    let ban = |&&(c, v, _): &&(Container, VideoCodec, _)| (c, v) == (container, codec);
    VIDEO_BANS.iter().find(ban).map(|&(_, _, reason)| reason)
}

/// Every sample rate that a request may name, in Hz, ascending.
pub const SAMPLE_RATES: &[u32] =
    &[8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000];

/// The most channels that a request may name.
pub const MAX_CHANNELS: u8 = 8;

/// Sample rates of the codecs that don't support all of them.
const CODEC_SAMPLE_RATES: &[(AudioCodec, &[u32])] = &[
    (AudioCodec::Mp3, &[8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000]),
    (AudioCodec::Opus, &[8000, 12000, 16000, 24000, 48000]),
    (AudioCodec::Ac3, &[32000, 44100, 48000]),
    (AudioCodec::Amr, &[8000, 16000]),
];

/// Sample rates of the muxers that support fewer than the codec.
const CONTAINER_SAMPLE_RATES: &[(Container, AudioCodec, &[u32])] = &[
    // FLV's audio header has two bits for the rate.
    (Container::Flv, AudioCodec::Mp3, &[11025, 22050, 44100]),
    // MP4 has object types for MPEG-1 and MPEG-2 audio, but none for MPEG-2.5's lower rates.
    (Container::Mp4, AudioCodec::Mp3, &[16000, 22050, 24000, 32000, 44100, 48000]),
    // SMPTE 382M audio with a video.
    (Container::Mxf, AudioCodec::Pcm, &[48000]),
];

/// Most channels of the codecs that support fewer than [`MAX_CHANNELS`].
const CODEC_CHANNELS: &[(AudioCodec, u8)] =
    &[(AudioCodec::Mp3, 2), (AudioCodec::Ac3, 6), (AudioCodec::Amr, 1)];

/// Most channels of the muxers that support fewer than the codec.
const CONTAINER_CHANNELS: &[(Container, AudioCodec, u8)] = &[
    // Its channel configuration codes don't include seven.
    (Container::Ts, AudioCodec::Opus, 6),
    // With more channels, AVI uses the extended header of WAV, which hides the codec's number.
    (Container::Avi, AudioCodec::Flac, 2),
];

/// The sample rates that `container` supports for `codec`, ascending.
#[must_use]
pub fn sample_rates(container: Container, codec: AudioCodec) -> &'static [u32] {
    let by_muxer = CONTAINER_SAMPLE_RATES
        .iter()
        .find(|&&(c, a, _)| (c, a) == (container, codec))
        .map(|&(_, _, rates)| rates);
    let by_codec = || CODEC_SAMPLE_RATES.iter().find(|row| row.0 == codec).map(|row| row.1);
    by_muxer.or_else(by_codec).unwrap_or(SAMPLE_RATES)
}

/// The most channels that `container` supports for `codec`.
#[must_use]
pub fn max_channels(container: Container, codec: AudioCodec) -> u8 {
    let by_muxer = CONTAINER_CHANNELS
        .iter()
        .find(|&&(c, a, _)| (c, a) == (container, codec))
        .map(|&(_, _, most)| most);
    let by_codec = || CODEC_CHANNELS.iter().find(|row| row.0 == codec).map(|row| row.1);
    by_muxer.or_else(by_codec).unwrap_or(MAX_CHANNELS)
}

/// The supported sample rate that is nearest to `wanted`; of two equally near ones the higher,
/// which loses nothing.
#[must_use]
pub fn nearest_sample_rate(container: Container, codec: AudioCodec, wanted: u32) -> u32 {
    let rates = sample_rates(container, codec);
    let nearest = rates.iter().rev().min_by_key(|rate| rate.abs_diff(wanted));
    nearest.copied().unwrap_or(wanted)
}

/// The supported number of channels that is nearest to `wanted`.
#[must_use]
pub fn nearest_channels(container: Container, codec: AudioCodec, wanted: u8) -> u8 {
    wanted.clamp(1, max_channels(container, codec))
}
