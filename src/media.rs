//! What is known about a source once it has been probed.

use std::sync::Arc;

use num_rational::Ratio;
use serde::{Deserialize, Serialize};

use crate::clamped::clamped;
use crate::flicks::Flicks;
pub use clock::{Clock, Stretch};
pub use colour::{Colour, ColourRange};
pub use format::{
    Demuxer, FormatError, HEAD_LENGTH, Recognised, id3_length, mpeg_audio_length, recognise,
};
pub use places::Places;
pub use speaker::{Layout, Speaker};

pub mod boxes;
mod clock;
mod colour;
pub mod elements;
mod format;
pub mod places;
pub mod report;
mod speaker;

/// A probed source: its first video and first audio stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Media {
    /// The demuxer that reads the file.
    pub demuxer: Demuxer,
    /// How many bytes ffmpeg has to read to find all streams; 0 means ffmpeg's default.
    #[serde(default)]
    pub depth: u64,
    /// First timestamp of the earliest stream.
    pub start: Flicks,
    /// From `start` to the end of the stream that ends last.
    pub length: Flicks,
    /// The first video stream that is not cover art.
    pub video: Option<VideoStream>,
    /// The first audio stream.
    pub audio: Option<AudioStream>,
    /// The kinds of streams that the file has only in codecs that can't be decoded.
    pub undecodable: Undecodable,
    /// What the file contains besides these two streams.
    pub further: Further,
}

/// What a file contains besides the video and audio stream that are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Further {
    /// How many streams of any kind.
    pub streams: usize,
    /// How many chapters.
    pub chapters: usize,
}

/// Which kinds of streams a source has without one that can be decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undecodable {
    /// There is video, but none that can be decoded.
    pub video: bool,
    /// There is audio, but none that can be decoded.
    pub audio: bool,
}

impl Media {
    /// One media that stands for several shown one after the other: its length is the sum of
    /// theirs, and its streams are those of the first that has any.
    pub fn in_a_row<'a>(
        first: &Arc<Self>,
        others: impl Iterator<Item = &'a Arc<Self>>,
    ) -> Arc<Self> {
        others.fold(Arc::clone(first), |whole, part| {
            let either = whole.undecodable;
            Arc::new(Self {
                demuxer: whole.demuxer,
                depth: whole.depth,
                start: whole.start,
                length: whole.length + part.length,
                video: whole.video.clone().or_else(|| part.video.clone()),
                audio: whole.audio.clone().or_else(|| part.audio.clone()),
                undecodable: Undecodable {
                    video: either.video || part.undecodable.video,
                    audio: either.audio || part.undecodable.audio,
                },
                further: whole.further,
            })
        })
    }

    /// Whether a copy of `other` that was probed as `self` has the same streams.
    #[must_use]
    pub fn holds_as_much_as(&self, other: &Self) -> bool {
        let same_video =
            self.video.as_ref().map(|s| &s.codec) == other.video.as_ref().map(|s| &s.codec);
        let same_audio =
            self.audio.as_ref().map(|s| &s.codec) == other.audio.as_ref().map(|s| &s.codec);
        same_video && same_audio
    }

    /// The streams of two files, as if one file held them.
    #[must_use]
    pub fn joined(self, other: Self) -> Self {
        let start = self.start.min(other.start);
        let end = (self.start + self.length).max(other.start + other.length);
        Self {
            demuxer: self.demuxer,
            depth: self.depth,
            start,
            length: end - start,
            video: self.video.or(other.video),
            audio: self.audio.or(other.audio),
            undecodable: self.undecodable,
            further: Further {
                streams: self.further.streams + other.further.streams,
                chapters: self.further.chapters + other.further.chapters,
            },
        }
    }
}

/// A video stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VideoStream {
    /// Stream index in the file.
    pub index: u32,
    /// ffmpeg's name of the codec.
    pub codec: String,
    /// Profile, level and the like.
    #[serde(default)]
    pub coding: Coding,
    /// Coded size in pixels, before rotation.
    pub size: Size,
    /// Sample aspect ratio: width of a pixel by its height.
    pub sample_aspect: Ratio<i64>,
    /// Where frames of another sample aspect ratio begin, in order.
    #[serde(default)]
    pub aspect_changes: Vec<(Flicks, Ratio<i64>)>,
    /// Whether a rotation by 90 degrees exchanges width and height.
    pub turned: bool,
    /// The rotation that the frames themselves declare, where the container declares none.
    #[serde(default)]
    pub orientation: Option<Orientation>,
    /// Mean frames per second, rounded to the nearest standard rate if one is close.
    pub frame_rate: Ratio<i64>,
    /// ffmpeg's name of the pixel format.
    pub pixel_format: String,
    /// Colour description, completed where the stream says nothing.
    pub colour: Colour,
    /// First timestamp.
    pub start: Flicks,
    /// Timestamp of the last frame in display order.
    pub last: Flicks,
    /// End of that frame.
    pub end: Flicks,
    /// How much later than its packet's timestamp the decoder stamps a frame. In files that store
    /// only decoding times this is the decoder's reordering delay.
    pub late: Flicks,
    /// Whether the timestamps of some frames are guessed, though the frames as a whole are evenly
    /// spaced.
    #[serde(default)]
    pub guessed: bool,
    /// Timestamps of key frames, ascending, at least half a second apart.
    pub key_frames: Vec<Flicks>,
    /// bit/s, as the container says or as measured.
    pub bit_rate: u64,
    /// Number of frames in the file.
    pub frames: u64,
}

/// How to rotate or flip a video before it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orientation {
    /// Degrees counterclockwise.
    pub rotation: i32,
    /// Whether left and right are exchanged before the rotation.
    pub flipped: bool,
}

impl Orientation {
    /// From a display matrix: its first two rows without their last column. `None` if the matrix
    /// neither rotates nor flips.
    #[must_use]
    pub fn of_matrix([[a, b], [c, d]]: [[i32; 2]; 2]) -> Option<Self> {
        let product = |one: i32, other: i32| i64::from(one) * i64::from(other);
        let flipped = product(a, d) < product(b, c);
        let sine = f64::from(if flipped { -c } else { c });
        let degrees = sine.atan2(f64::from(d)).to_degrees().round().rem_euclid(360.0);
        #[expect(clippy::cast_possible_truncation, reason = "at most 359")]
        let rotation = degrees as i32;
        (flipped || rotation != 0).then_some(Self { rotation, flipped })
    }

    /// Whether the rotation exchanges width and height.
    #[must_use]
    pub const fn is_turned(self) -> bool {
        self.rotation % 180 == 90
    }
}

/// How a video is coded, as far as a decoder has to know it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coding {
    /// ffmpeg's name of the profile.
    pub profile: String,
    /// The level in the codec's own units: in H.264, level 4.1 is 41.
    pub level: u32,
    /// Whether the stream is marked as progressive.
    pub progressive: bool,
    /// Whether the video is rotated, by any angle.
    pub rotated: bool,
    /// The angle in degrees, if it is not a multiple of 90.
    #[serde(default)]
    pub oblique: Option<i32>,
    /// Whether an edit list hides packets.
    pub discards: bool,
    /// The profile of Dolby Vision, if the stream declares one.
    #[serde(default)]
    pub dolby_vision: Option<u8>,
}

/// An audio stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AudioStream {
    /// Stream index in the file.
    pub index: u32,
    /// ffmpeg's name of the codec.
    pub codec: String,
    /// Hz.
    pub sample_rate: u32,
    /// Number of channels.
    pub channels: u8,
    /// ffmpeg's name of the channel layout; `unknown` where the file does not declare one.
    pub layout: String,
    /// Bits per sample where the codec is lossless, else `None`.
    pub bit_depth: Option<u8>,
    /// Whether its timestamps jitter or leave gaps.
    pub unsteady: bool,
    /// First timestamp.
    pub start: Flicks,
    /// End of the last sample.
    pub end: Flicks,
    /// How much later than these times the decoder stamps the samples: the encoder delay that a tag
    /// declares, where no edit list removes it.
    #[serde(default)]
    pub late: Flicks,
    /// bit/s, as the container says or as measured.
    pub bit_rate: u64,
}

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

impl Size {
    /// From width and height.
    #[must_use]
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Width and height exchanged.
    #[must_use]
    pub const fn turned(self) -> Self {
        Self::new(self.height, self.width)
    }

    /// Number of pixels.
    #[must_use]
    pub fn area(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Rounded down to even sides, as chroma subsampling requires.
    #[must_use]
    pub fn even(self) -> Self {
        let even = |side: u32| (side & !1).max(2);
        Self::new(even(self.width), even(self.height))
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl AudioStream {
    /// The same stream with `late` added to its times.
    #[must_use]
    pub fn on_time(self) -> Self {
        let (start, end) = (self.start + self.late, self.end + self.late);
        Self { start, end, late: Flicks::ZERO, ..self }
    }

    /// The channel layout.
    #[must_use]
    pub fn layout(&self) -> Layout {
        Layout::of(&self.layout, self.channels)
    }
}

impl VideoStream {
    /// The size as it is shown: square pixels, rotation applied. The pixel aspect changes the
    /// width, as players do it.
    #[must_use]
    pub fn display_size(&self) -> Size {
        self.display_size_with(self.sample_aspect)
    }

    /// The same with another sample aspect ratio.
    #[must_use]
    pub fn display_size_with(&self, sample_aspect: Ratio<i64>) -> Size {
        let width = Ratio::from_integer(i64::from(self.size.width)) * sample_aspect;
        let width = clamped::<u32>(width.round().to_integer()).max(1);
        let upright = Size::new(width, self.size.height);
        if self.turned { upright.turned() } else { upright }
    }

    /// Whether its pixels can be transparent.
    #[must_use]
    pub fn has_alpha(&self) -> bool {
        const FORMATS: [&str; 11] = [
            "yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya8", "ya16", "pal8", "ayuv", "vuya",
        ];
        FORMATS.iter().any(|name| self.pixel_format.starts_with(name))
    }

    /// The decoder to use instead of ffmpeg's default, if any: the default ones for VP8 and VP9
    /// drop transparency.
    #[must_use]
    pub fn decoder(&self) -> Option<&'static str> {
        match self.codec.as_str() {
            "vp8" if self.has_alpha() => Some("libvpx"),
            "vp9" if self.has_alpha() => Some("libvpx-vp9"),
            _ => None,
        }
    }

    /// Bytes of memory that decoding takes, from measurements: reference frames, frames in the
    /// decoder's threads, and frames that wait for a filter.
    #[must_use]
    pub fn decoder_memory(&self) -> u64 {
        const FRAMES: u64 = 24;
        let name = self.pixel_format.as_str();
        let samples = match name {
            _ if ["444", "rgb", "bgr", "gbr"].iter().any(|full| name.contains(full)) => 6,
            _ if name.contains("422") => 4,
            _ => 3,
        };
        let deep = ["10", "12", "14", "16"].iter().any(|depth| name.contains(depth));
        self.size.area() * FRAMES * samples * if deep { 2 } else { 1 } / 2
    }

    /// The last key frame from which decoding shows every frame at or after
    /// `time`, or `None` for the start of the file.
    #[must_use]
    pub fn key_frame_before(&self, time: Flicks) -> Option<Flicks> {
        let after = self.key_frames.partition_point(|&key| key <= time);
        after.checked_sub(1).map(|last| self.key_frames[last])
    }
}

#[cfg(test)]
mod tests {
    use num_rational::Ratio;

    use std::sync::Arc;

    use super::report::tests::{media, video_stream};
    use super::{Flicks, Media, Size};

    #[test]
    fn media_in_a_row_are_as_long_as_all_together() {
        let (first, mut second) = (Media { video: None, ..media() }, media());
        second.video.as_mut().unwrap().size = Size::new(64, 48);
        let (first, second) = (Arc::new(first), Arc::new(second));
        let whole = Media::in_a_row(&first, [&second].into_iter());
        assert_eq!(whole.length, Flicks::from_millis(20_000));
        assert_eq!(whole.video.as_ref().unwrap().size, Size::new(64, 48));
        assert!(Arc::ptr_eq(&Media::in_a_row(&first, [].into_iter()), &first));
    }

    #[test]
    fn display_sizes() {
        for (name, size, aspect, turned, expected) in [
            ("square", (1280, 720), (1, 1), false, (1280, 720)),
            ("PAL wide screen", (720, 576), (64, 45), false, (1024, 576)),
            ("NTSC 4:3", (720, 480), (8, 9), false, (640, 480)),
            ("portrait", (1920, 1080), (1, 1), true, (1080, 1920)),
            ("portrait, not square", (1440, 1080), (4, 3), true, (1080, 1920)),
        ] {
            let mut stream = video_stream();
            stream.size = Size::new(size.0, size.1);
            stream.sample_aspect = Ratio::new(aspect.0, aspect.1);
            stream.turned = turned;
            assert_eq!(stream.display_size(), Size::new(expected.0, expected.1), "{name}");
        }
    }

    #[test]
    fn the_key_frame_before_a_time_is_never_after_it() {
        let mut stream = video_stream();
        stream.key_frames = [0, 2000, 4000].map(Flicks::from_millis).to_vec();
        for (time, expected) in
            [(0, Some(0)), (1999, Some(0)), (2000, Some(2000)), (9000, Some(4000))]
        {
            let found = stream.key_frame_before(Flicks::from_millis(time));
            assert_eq!(found, expected.map(Flicks::from_millis));
        }
        stream.key_frames.remove(0);
        assert_eq!(stream.key_frame_before(Flicks::from_millis(1999)), None);
    }
}
