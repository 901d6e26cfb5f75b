//! Determines the output from a request and its probed sources: takes every inherited value from
//! the align clip, and makes every `*opt` comparison.

use num_rational::Ratio;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::codec::{AudioCodec, Container, PixelFormat, VideoCodec};
use crate::flicks::Flicks;
use crate::media::{Colour, Media, Size};
use crate::process::request::{Request, Segment, SegmentFormat};
use crate::process::table::Operation;

mod audio;
mod players;
mod video;

pub(crate) use video::{covering, inside};

/// The properties of the output, all of them decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputSpec {
    /// Container.
    pub container: Container,
    /// Video, if the output has any.
    pub video: Option<VideoOutput>,
    /// Audio, if the output has any.
    pub audio: Option<AudioOutput>,
    /// How it is segmented, if it is.
    pub segments: Option<Segments>,
}

/// How the output is segmented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segments {
    /// Format of the playlist.
    pub format: SegmentFormat,
    /// Length of every segment except the last: a whole number of frames if there is a video.
    /// `None` means one segment.
    pub length: Option<Flicks>,
}

/// The output's video.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VideoOutput {
    /// Codec.
    pub codec: VideoCodec,
    /// Frame size, both sides even; pixels are square.
    pub size: Size,
    /// How clips of another shape are fitted into the frame.
    pub fitting: Fitting,
    /// Frames per second.
    pub frame_rate: Ratio<i64>,
    /// Pixel format.
    pub pixel_format: PixelFormat,
    /// Colour description.
    pub colour: Colour,
    /// Largest distance of key frames, in frames.
    pub key_frame_interval: u32,
    /// Rate control.
    pub rate: VideoRate,
}

/// How a clip is fitted into the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fitting {
    /// Scaled to exactly the frame.
    Stretch,
    /// Scaled to cover the frame, then cropped around the centre.
    Crop,
    /// Scaled to fit inside the frame, centred, with black bars.
    Fill,
}

/// The rate control of the video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VideoRate {
    /// Mean bit rate in bit/s.
    BitRate(u64),
    /// Constant quality.
    Quality {
        /// 0-51, smaller is better.
        crf: Ratio<i64>,
        /// Peak bit rate in bit/s, and the size of its buffer in bit.
        peak: Option<(u64, u64)>,
    },
}

/// The output's audio.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioOutput {
    /// Codec.
    pub codec: AudioCodec,
    /// Hz.
    pub sample_rate: u32,
    /// Number of channels.
    pub channels: u8,
    /// Rate control.
    pub rate: AudioRateControl,
    /// Bits per sample of a lossless codec.
    pub bit_depth: u8,
}

impl AudioOutput {
    /// How many samples the encoder inserts before the first.
    #[must_use]
    pub fn encoder_delay(&self) -> i64 {
        self.codec.encoder_delay(self.sample_rate).into()
    }
}

/// The rate control of the audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AudioRateControl {
    /// The encoder's default.
    Default,
    /// 0-100, larger is better.
    Quality(u8),
    /// Mean bit rate in bit/s.
    BitRate(u64),
}

/// Why a request does not fit its sources.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OutputError {
    /// An option of 2, and a clip whose own value is lower.
    #[error(
        "{given}: `{option}_2` forbids more than the align clip's own, and clip {clip} has {own}"
    )]
    LowerSource {
        /// `fps`, `s`, `vb` or `ab`, as given.
        given: String,
        /// `fpsopt`, `sopt`, `vbopt` or `abopt`.
        option: &'static str,
        /// The clip's value with its unit.
        own: String,
        /// Index in the concatenation list.
        clip: usize,
    },
    /// The frame is smaller than the encoder allows.
    #[error(
        "{given}: h265 needs sides of at least {least} pixels, and the output would be {size}: ask \
         for a larger `s`, or for `vcodec_h264`"
    )]
    TooSmall {
        /// `s`, or `vcodec` if the size is inherited, as given.
        given: String,
        /// The output's size.
        size: Size,
        /// The least side in pixels.
        least: u32,
    },
    /// A segment is longer than the muxer allows.
    #[error(
        "{given} in `/segment`: segments of dash last at most {most_ms} ms, and these would last \
         {asked_ms}: ask for a shorter `t`, or for `f_hls`"
    )]
    LongSegment {
        /// `t`, as given.
        given: String,
        /// The greatest length in milliseconds.
        most_ms: i64,
        /// The requested length in milliseconds.
        asked_ms: i64,
    },
    /// A frame rate that the container does not support.
    #[error("{given}: mxf does not support this frame rate; expected {allowed} frames per second")]
    FrameRate {
        /// `fps`, as given.
        given: String,
        /// The supported rates.
        allowed: String,
    },
}

/// Determines the output. Adds notices for the caller to `warnings`.
///
/// # Errors
/// When an option of 2 meets a lower source, or the container does not support what was requested.
pub fn specify(
    request: &Request,
    media: &[&Media],
    warnings: &mut Vec<String>,
) -> Result<OutputSpec, OutputError> {
    let video = match &request.video {
        Some(asked) => Some(video::specify(asked, request, media, warnings)?),
        None => None,
    };
    let audio = match &request.audio {
        Some(asked) => Some(audio::specify(asked, request, media, warnings)?),
        None => None,
    };
    let frame_rate = video.as_ref().map(|video| video.frame_rate);
    let output = OutputSpec {
        container: request.container,
        segments: request.segment.map(|asked| segments(asked, frame_rate)),
        video,
        audio,
    };
    warnings.extend(players::warnings(&output, request));
    Ok(output)
}

/// Segments with the whole number of frames that is nearest to the request: each length is within
/// half a frame of it, and all are equal.
fn segments(asked: Segment, frame_rate: Option<Ratio<i64>>) -> Segments {
    let length = asked.length_ms.map(|ms| {
        let length = Flicks::from_millis(ms);
        frame_rate.map_or(length, |rate| Flicks::of_units(length.to_units(rate).max(1), rate))
    });
    Segments { format: asked.format, length }
}

/// The align clip's stream, else that of the first clip that has one, with its index in the list.
fn aligned<'a, S>(
    request: &Request,
    media: &[&'a Media],
    stream: impl Fn(&'a Media) -> Option<&'a S>,
    kind: &str,
    warnings: &mut Vec<String>,
) -> Option<(usize, &'a S)> {
    let own = media.get(request.align).and_then(|&m| stream(m)).map(|s| (request.align, s));
    if own.is_some() {
        return own;
    }
    let other = media.iter().enumerate().find_map(|(n, &m)| Some((n, stream(m)?)));
    let given = request.quoted(Operation::Concat, "align");
    warnings.push(match &other {
        Some((n, _)) => format!(
            "{given}: the align clip {} has no {kind}: its properties are taken from clip {n}",
            request.align
        ),
        None => format!("{given}: no clip has {kind}: default properties are used"),
    });
    other
}

#[cfg(test)]
mod tests;
