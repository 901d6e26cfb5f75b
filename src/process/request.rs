//! The resolved request: typed, completed with defaults, and consistent.
//!
//! Whatever depends on the media (inherited size, the `*opt` comparisons) is left open here and
//! decided once every source has been probed.

use num_rational::Ratio;

use super::table::Operation;
use super::template::Template;
use crate::codec::{AudioCodec, Container, PixelFormat, VideoCodec};
use crate::named::named;
use crate::object::{Bucket, Key};
use crate::quote::quote;

/// A request that is valid as far as its text shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Bucket of the main object and of all sources.
    pub bucket: Bucket,
    /// The concatenation list, in output order. Never empty.
    pub clips: Vec<Clip>,
    /// Index into `clips` of the main object.
    pub main: usize,
    /// Index into `clips` of the clip from which properties are inherited.
    pub align: usize,
    /// Output container.
    pub container: Container,
    /// Video, unless `vn_1`.
    pub video: Option<VideoRequest>,
    /// Audio, unless `an_1`.
    pub audio: Option<AudioRequest>,
    /// Segmented output, if requested.
    pub segment: Option<Segment>,
    /// Where the result is stored.
    pub target: Target,
    /// Topic name or ARN of the completion message.
    pub topic: Option<String>,
    /// Warnings about accepted but unusual input, as text.
    pub warnings: Vec<String>,
    /// The request as one canonical string: explicit defaults stay, parameters are in table order,
    /// names are in unpadded URL-safe Base64. Two strings that mean the same task have the same
    /// canonical string.
    pub canonical: String,
}

/// The distinct sources of a request, and the source of each clip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestSources<'a> {
    /// The key of each source, with the first clip that uses it.
    pub keys: Vec<(&'a Key, usize)>,
    /// For each clip, an index into `keys`.
    pub of_clip: Vec<usize>,
}

impl Request {
    /// The distinct sources, in the order in which the list first names them.
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

    /// Whether the output depends on the frame rate of a source.
    #[must_use]
    pub fn asks_own_frame_rate(&self) -> bool {
        self.video.as_ref().is_some_and(|video| {
            video.frame_rate.is_none() || video.frame_rate_option != LowerSource::UseAsked
        })
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

/// Which part of the request names an entry of the concatenation list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A `/pre` operation.
    Pre,
    /// The main object.
    Main,
    /// A `/sur` operation.
    Sur,
}

/// One entry of the concatenation list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    /// Which part of the request names it.
    pub role: Role,
    /// Object key in the request's bucket.
    pub key: Key,
    /// Where the clip starts in its media, in milliseconds.
    pub start_ms: u64,
    /// Its greatest length in milliseconds; `None` means up to the end.
    pub duration_ms: Option<u64>,
}

/// `fpsopt`, `sopt`, `vbopt`, `abopt`: what applies if the align clip's own value is lower than the
/// requested one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LowerSource {
    /// 0: the requested value still applies.
    #[default]
    UseAsked,
    /// 1: the clip's own value applies.
    UseOwn,
    /// 2: the task fails.
    Fail,
}

impl LowerSource {
    /// The option with this number, if there is one.
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

/// What is requested of the video.
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
    /// `scaletype`, with the default that depends on whether `s` is given.
    pub scale: ScaleType,
    /// Largest distance between key frames, in frames.
    pub key_frame_interval: u32,
    /// Rate control.
    pub rate: RateControl,
}

/// `s` with its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeRequest {
    /// Requested width in pixels, even; `None` inherits.
    pub width: Option<u32>,
    /// Requested height in pixels, even; `None` inherits.
    pub height: Option<u32>,
    /// `sopt`.
    pub option: LowerSource,
    /// `arotate`: width and height are the long and the short side.
    pub auto_rotate: bool,
}

named! {
    /// `scaletype`: how a clip is fitted into the frame.
    ScaleType {
        /// Scaled to exactly the frame, whatever the aspect.
        Stretch = "stretch",
        /// Scaled to cover the frame, then cropped around the centre.
        Crop = "crop",
        /// Scaled to fit inside the frame, centred, with black bars.
        Fill = "fill",
        /// The frame takes the align clip's aspect; other clips get black bars.
        Fit = "fit",
    }
}

/// How the video encoder controls its bit rate.
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
        /// Whether it is the default and was not requested.
        is_default: bool,
        /// Peak bit rate in bit/s.
        max_rate: Option<u64>,
        /// Size of the rate-control buffer in bit.
        buffer_size: Option<u64>,
    },
}

/// What is requested of the audio.
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

/// How the audio encoder controls its bit rate.
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
    /// Segment length in milliseconds; `None` means one segment.
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
    /// A parameter with its value as in the canonical string, or its name alone if it is not given;
    /// in backticks.
    #[must_use]
    pub fn quoted(&self, operation: Operation, name: &str) -> String {
        let written = operation.written();
        // No value contains any of these separators: names are in Base64.
        let words = self.canonical.find(written).map(|at| &self.canonical[at + written.len()..]);
        let mut words = words.into_iter().flat_map(|rest| rest.split(['/', '|']).take(1));
        let given = words.find_map(|words| {
            words.split(',').find(|word| word.split('_').next().is_some_and(|key| key == name))
        });
        quote(given.unwrap_or(name))
    }

    /// The value of `{autoext}`: the extension of the playlist, else of the container, without dot.
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
    /// Bucket; `None` means the bucket of the sources.
    pub bucket: Option<Template>,
    /// Key.
    pub key: Template,
}
