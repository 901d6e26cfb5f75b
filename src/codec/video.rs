//! Properties of the video codecs and of their encoders in ffmpeg.

use super::{Preset, VideoCodec};

/// Processor time per pixel in nanoseconds, by [`Preset`]. It is half of what the layer's encoders
/// took on one core of an AMD EPYC for a still grey video of 1280x720, so that no processor and no
/// content is faster.
const X264_COST: [f64; 10] = [1.4, 1.8, 2.2, 2.5, 3.0, 3.0, 4.0, 4.5, 5.0, 7.5];
const X265_COST: [f64; 10] = [7.5, 8.5, 9.5, 10.5, 12.0, 12.0, 22.0, 30.0, 30.0, 30.0];
const VP9_COST: f64 = 2.9;

impl VideoCodec {
    /// ffmpeg's name of the encoder.
    #[must_use]
    pub const fn encoder(self) -> &'static str {
        match self {
            Self::H264 => "libx264",
            Self::H265 => "libx265",
            Self::Vp9 => "libvpx-vp9",
        }
    }

    /// ffprobe's name of the codec.
    #[must_use]
    pub const fn ffprobe_name(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::H265 => "hevc",
            Self::Vp9 => "vp9",
        }
    }

    /// The least processor time per pixel in nanoseconds.
    #[must_use]
    pub const fn least_cost(self, preset: Preset) -> f64 {
        match self {
            Self::H264 => X264_COST[preset as usize],
            Self::H265 => X265_COST[preset as usize],
            Self::Vp9 => VP9_COST,
        }
    }

    /// By how many frames the first frame is decoded before it is shown: two if the encoder uses
    /// B-frames as references, since frames are then reordered twice.
    #[must_use]
    pub const fn frames_early(self, preset: Preset, key_frame_interval: u32) -> u8 {
        match (self, key_frame_interval) {
            (Self::Vp9, _) | (_, 1) => 0,
            (Self::H264, _) if matches!(preset, Preset::Ultrafast) => 0,
            (Self::H264, 2) => 1,
            (Self::H264 | Self::H265, _) => 2,
        }
    }
}

impl Preset {
    /// libvpx's speed, 0-8, that is nearest to x264's with this preset.
    #[must_use]
    pub const fn vp9_speed(self) -> u8 {
        match self {
            Self::Ultrafast => 8,
            Self::Superfast => 6,
            Self::Veryfast => 5,
            Self::Faster => 4,
            Self::Fast => 3,
            Self::Medium => 2,
            Self::Slow => 1,
            Self::Slower | Self::Veryslow | Self::Placebo => 0,
        }
    }
}
