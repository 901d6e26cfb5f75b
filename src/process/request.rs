//! The resolved request: typed, defaulted and checked against itself.
//!
//! What depends on the media (inherited size, the `*opt` comparisons) is left
//! open here and settled once every source has been probed.

use num_rational::Ratio;

use super::table::Operation;
use super::template::Template;
use crate::codec::{AudioCodec, Container, PixelFormat, VideoCodec};
use crate::named::named;
use crate::object::{Bucket, Key};
use crate::quote::quote;

/// A request that can be carried out as far as its own words can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Bucket of the main object and of every source.
    pub bucket: Bucket,
    /// The concatenation list, in output order. Never empty.
    pub clips: Vec<Clip>,
    /// Index into `clips` of the main object.
    pub main: usize,
    /// Index into `clips` of the clip whose properties are inherited.
    pub align: usize,
    /// Output container.
    pub container: Container,
    /// Video, unless `vn_1`.
    pub video: Option<VideoRequest>,
    /// Audio, unless `an_1`.
    pub audio: Option<AudioRequest>,
    /// Segmented output, where asked for.
    pub segment: Option<Segment>,
    /// Where the result goes.
    pub target: Target,
    /// Topic name or ARN of the completion message.
    pub topic: Option<String>,
    /// What was accepted but should be known, in words.
    pub warnings: Vec<String>,
    /// The request as one canonical string: defaults that were spelled out
    /// stay, parameters in table order, names in unpadded URL-safe Base64. Two
    /// strings that mean the same task are the same here.
    pub canonical: String,
}

/// The distinct sources of a request, and which of them each clip is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestSources<'a> {
    /// Keys, with the first clip that each is used for.
    pub keys: Vec<(&'a Key, usize)>,
    /// An index into `keys` for each clip.
    pub of_clip: Vec<usize>,
}

impl Request {
    /// The sources in the order in which the list first names them.
    #[must_use]
    pub fn sources(&self) -> RequestSources<'_> {
        let mut keys: Vec<(&Key, usize)> = Vec::new();
        let mut of_clip = Vec::with_capacity(self.clips.len());
        for (clip, asked) in self.clips.iter().enumerate() {
            let known = keys.iter().position(|&(key, _)| *key == asked.key);
            of_clip.push(known.unwrap_or(keys.len()));
            if known.is_none() {
                keys.push((&asked.key, clip));
            }
        }
        RequestSources { keys, of_clip }
    }

    /// Whether the output depends on the bit rates of a source.
    #[must_use]
    pub fn asks_own_bit_rate(&self) -> bool {
        let video = self.video.as_ref().is_some_and(|video| {
            matches!(video.rate, RateControl::BitRate { option, .. } if option != LowerSource::UseAsked)
        });
        let audio = self.audio.as_ref().is_some_and(|audio| {
            matches!(audio.rate, AudioRate::BitRate { option, .. } if option != LowerSource::UseAsked)
        });
        video || audio
    }
}

/// What an entry of the concatenation list was named by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A `/pre` operation.
    Pre,
    /// The object that the request itself names.
    Main,
    /// A `/sur` operation.
    Sur,
}

/// One entry of the concatenation list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    /// What named it.
    pub role: Role,
    /// Object key in the request's bucket.
    pub key: Key,
    /// Where the clip starts in its media, milliseconds.
    pub start_ms: u64,
    /// How long it lasts at most, milliseconds; `None` is to the end.
    pub duration_ms: Option<u64>,
}

/// `fpsopt`, `sopt`, `vbopt`, `abopt`: what holds where the align clip's own
/// value is lower than the asked one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LowerSource {
    /// 0: the asked value holds all the same.
    #[default]
    UseAsked,
    /// 1: the clip's own value holds.
    UseOwn,
    /// 2: the task fails.
    Fail,
}

impl LowerSource {
    /// The option of that number, where there is one.
    #[must_use]
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::UseAsked),
            1 => Some(Self::UseOwn),
            2 => Some(Self::Fail),
            _ => None,
        }
    }
}

/// What is asked of the video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoRequest {
    /// Output codec.
    pub codec: VideoCodec,
    /// Frames per second, exact; `None` inherits.
    pub frame_rate: Option<Ratio<i64>>,
    /// `fpsopt`.
    pub frame_rate_option: LowerSource,
    /// Output pixel format; `None` inherits.
    pub pixel_format: Option<PixelFormat>,
    /// Output size; `None` inherits.
    pub size: Option<SizeRequest>,
    /// `scaletype`, with the default that fits the presence of `s`.
    pub scale: ScaleType,
    /// Largest distance between key frames, in frames.
    pub key_frame_interval: u32,
    /// Rate control.
    pub rate: RateControl,
}

/// `s` with its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeRequest {
    /// Width in pixels as asked, even; `None` inherits.
    pub width: Option<u32>,
    /// Height in pixels as asked, even; `None` inherits.
    pub height: Option<u32>,
    /// `sopt`.
    pub option: LowerSource,
    /// `arotate`: width and height are the long and the short side.
    pub auto_rotate: bool,
}

named! {
    /// `scaletype`: how a clip gets into the frame.
    ScaleType {
        /// To the frame exactly, whatever the aspect.
        Stretch = "stretch",
        /// Cover the frame and cut the centre.
        Crop = "crop",
        /// Inside the frame, centred, black bars.
        Fill = "fill",
        /// The frame shrinks to the align clip's aspect; others are filled in.
        Fit = "fit",
    }
}

/// How the video encoder spends its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateControl {
    /// `vb`: mean bit rate in bit/s.
    BitRate {
        /// bit/s.
        bit_rate: u64,
        /// `vbopt`.
        option: LowerSource,
    },
    /// `crf`: constant quality.
    Quality {
        /// 0-51, exact; smaller is better.
        crf: Ratio<i64>,
        /// Whether it was not asked for.
        is_default: bool,
        /// Peak bit rate in bit/s.
        max_rate: Option<u64>,
        /// Size of the rate-control buffer in bit.
        buffer_size: Option<u64>,
    },
}

/// What is asked of the audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioRequest {
    /// Output codec.
    pub codec: AudioCodec,
    /// Hz; `None` inherits.
    pub sample_rate: Option<u32>,
    /// Channels; `None` inherits.
    pub channels: Option<u8>,
    /// Rate control.
    pub rate: AudioRate,
    /// `adepth`: bits per sample, FLAC only; `None` inherits.
    pub bit_depth: Option<u8>,
}

/// How the audio encoder spends its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudioRate {
    /// Neither `aq` nor `ab`.
    Default,
    /// `aq`: 0-100, larger is better.
    Quality(u8),
    /// `ab`: mean bit rate in bit/s.
    BitRate {
        /// bit/s.
        bit_rate: u64,
        /// `abopt`.
        option: LowerSource,
    },
}

/// `/segment`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Playlist format.
    pub format: SegmentFormat,
    /// Segment length in milliseconds; `None` is one segment.
    pub length_ms: Option<u64>,
}

named! {
    /// The playlist formats.
    SegmentFormat {
        /// HTTP Live Streaming, RFC 8216.
        Hls = "hls",
        /// MPEG-DASH, ISO/IEC 23009-1.
        Dash = "dash",
    }
}

impl SegmentFormat {
    /// The playlist's file name extension, without dot.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Hls => "m3u8",
            Self::Dash => "mpd",
        }
    }

    /// The playlist's media type.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Hls => "application/vnd.apple.mpegurl",
            Self::Dash => "application/dash+xml",
        }
    }
}

impl Request {
    /// A parameter with its value as the canonical string has it, or its name alone where it is not
    /// given; in backticks.
    #[must_use]
    pub fn quoted(&self, operation: Operation, name: &str) -> String {
        let written = operation.written();
        // No value has any of these: names are in Base64.
        let words = self.canonical.find(written).map(|at| &self.canonical[at + written.len()..]);
        let mut words = words.into_iter().flat_map(|rest| rest.split(['/', '|']).take(1));
        let given = words.find_map(|words| {
            words.split(',').find(|word| word.split('_').next().is_some_and(|key| key == name))
        });
        quote(given.unwrap_or(name))
    }

    /// What `{autoext}` stands for: the extension of the playlist, else that of
    /// the container, without dot.
    #[must_use]
    pub const fn auto_extension(&self) -> &'static str {
        match self.segment {
            Some(segment) => segment.format.extension(),
            None => self.container.extension(),
        }
    }
}

/// `sys/saveas`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Bucket; `None` is the source bucket.
    pub bucket: Option<Template>,
    /// Key.
    pub key: Template,
}
