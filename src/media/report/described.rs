//! ffprobe's description of a file: its JSON, and what follows from each stream's description
//! alone.

use num_rational::Ratio;
use serde::Deserialize;

use crate::flicks::Flicks;
use crate::media::colour::{Colour, Tags};
use crate::media::{Coding, Demuxer, Size};

/// Most channels that ffmpeg can mix.
const MAX_CHANNELS: u8 = 64;

#[derive(Debug, Default, Deserialize)]
pub(super) struct FormatReport {
    pub(super) duration: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StreamReport {
    pub(super) index: u32,
    pub(super) codec_name: Option<String>,
    pub(super) codec_type: String,
    pub(super) profile: Option<String>,
    pub(super) level: Option<i64>,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) sample_aspect_ratio: String,
    pub(super) pix_fmt: String,
    pub(super) field_order: String,
    pub(super) color_space: Option<String>,
    pub(super) color_primaries: Option<String>,
    pub(super) color_transfer: Option<String>,
    pub(super) color_range: Option<String>,
    pub(super) r_frame_rate: String,
    pub(super) avg_frame_rate: String,
    pub(super) time_base: String,
    pub(super) start_pts: Option<i64>,
    pub(super) duration: Option<String>,
    pub(super) bit_rate: Option<String>,
    pub(super) has_b_frames: i64,
    pub(super) sample_rate: Option<String>,
    pub(super) channels: u8,
    pub(super) channel_layout: String,
    pub(super) bits_per_sample: u8,
    pub(super) bits_per_raw_sample: Option<String>,
    pub(super) disposition: Disposition,
    pub(super) side_data_list: Vec<SideData>,
    pub(super) tags: StreamTags,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StreamTags {
    /// `1` if the blocks of Matroska contain an alpha channel in addition to the frames.
    #[serde(alias = "ALPHA_MODE")]
    pub(super) alpha_mode: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Disposition {
    pub(super) attached_pic: u8,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SideData {
    pub(super) rotation: Option<f64>,
    pub(super) dv_profile: Option<u8>,
}

/// Streams of a file that belong together, such as one television channel's.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Programme {
    #[serde(default)]
    pub(super) streams: Vec<Member>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Member {
    pub(super) index: u32,
}

impl FormatReport {
    /// The length that the file declares. A transport stream or a file without a container declares
    /// none: ffprobe's length is a guess. MP4 and Matroska may hold a longer stream that is not
    /// used.
    pub(super) fn declared(&self, demuxer: Demuxer) -> Option<Flicks> {
        let declares = matches!(
            demuxer,
            Demuxer::Avi | Demuxer::Asf | Demuxer::Flv | Demuxer::Mxf | Demuxer::Wav
        );
        self.duration.as_deref().filter(|_| declares).and_then(seconds)
    }
}

/// Seconds with six decimals, as ffprobe prints them.
pub(super) fn seconds(text: &str) -> Option<Flicks> {
    let (whole, micros) = text.split_once('.')?;
    let seconds = whole.parse::<i64>().ok()?.checked_mul(1_000_000)?;
    let micros = seconds.checked_add(micros.parse().ok()?)?;
    Flicks::from_ticks(micros, Ratio::new(1, 1_000_000))
}

impl StreamReport {
    /// The name of its codec; empty if ffprobe does not know it.
    pub(super) fn codec(&self) -> &str {
        self.codec_name.as_deref().unwrap_or_default()
    }

    /// Whether it is not a cover picture, and has a codec with a decoder.
    pub(super) fn can_be_decoded(&self) -> bool {
        let known = !matches!(self.codec(), "" | "none" | "unknown");
        let described = match &*self.codec_type {
            "video" => self.width > 0 && self.height > 0 && !self.pix_fmt.is_empty(),
            _ => self.sample_rate() > 0 && (1..=MAX_CHANNELS).contains(&self.channels),
        };
        known && described && !self.is_cover()
    }

    pub(super) fn is_cover(&self) -> bool {
        self.disposition.attached_pic != 0
    }

    pub(super) fn sample_rate(&self) -> u32 {
        self.sample_rate.as_deref().and_then(|rate| rate.parse().ok()).unwrap_or(0)
    }

    pub(super) fn size(&self) -> Size {
        Size::new(self.width, self.height)
    }

    pub(super) fn colour(&self) -> Colour {
        let tags = Tags {
            matrix: self.color_space.as_deref(),
            primaries: self.color_primaries.as_deref(),
            transfer: self.color_transfer.as_deref(),
            range: self.color_range.as_deref(),
        };
        Colour::complete(tags, &self.pix_fmt, self.size())
    }

    /// The pixel format of the decoder that is used, which may differ from the one that ffprobe
    /// opened.
    pub(super) fn pixel_format(&self, demuxer: Demuxer) -> String {
        let alpha = self.tags.alpha_mode.as_deref().is_some_and(|mode| mode.trim() == "1");
        match (self.codec_name.as_deref(), &*self.pix_fmt) {
            (Some("vp8" | "vp9"), "yuv420p") if alpha => "yuva420p".to_owned(),
            // In AVI, the fourth byte of a pixel is unused.
            (Some("rawvideo"), "bgra") if demuxer == Demuxer::Avi => "bgr0".to_owned(),
            (_, told) => told.to_owned(),
        }
    }

    /// Whether the container declares a rotation.
    pub(super) fn is_placed(&self) -> bool {
        self.side_data_list.iter().any(|data| data.rotation.is_some())
    }

    pub(super) fn sample_aspect(&self) -> Ratio<i64> {
        ratio(&self.sample_aspect_ratio, ':').unwrap_or_else(|| Ratio::from_integer(1))
    }

    pub(super) fn turned(&self) -> bool {
        let rotation = self.side_data_list.iter().find_map(|data| data.rotation).unwrap_or(0.0);
        // A quarter turn in either direction, by the same rounding as ffmpeg's automatic rotation.
        (rotation.rem_euclid(180.0) - 90.0).abs() < 1.0
    }

    fn oblique(&self) -> Option<i32> {
        let rotation = self.side_data_list.iter().find_map(|data| data.rotation)?;
        // Ffmpeg's automatic rotation rounds to a quarter turn by as much.
        let is_oblique = (1.0..=89.0).contains(&rotation.rem_euclid(90.0));
        #[expect(clippy::cast_possible_truncation, reason = "ffprobe prints -180 to 180")]
        is_oblique.then(|| rotation.round() as i32)
    }

    pub(super) fn coding(&self, discards: bool) -> Coding {
        let turned = |rotation: f64| rotation != 0.0;
        Coding {
            profile: self.profile.clone().unwrap_or_default(),
            level: self.level.and_then(|level| u32::try_from(level).ok()).unwrap_or(0),
            progressive: self.field_order == "progressive",
            rotated: self.side_data_list.iter().filter_map(|data| data.rotation).any(turned),
            oblique: self.oblique(),
            discards,
            dolby_vision: self.side_data_list.iter().find_map(|data| data.dv_profile),
        }
    }

    pub(super) fn bit_depth(&self) -> Option<u8> {
        let lossless = self.codec_name.as_deref().is_some_and(|name| {
            name.starts_with("pcm_") || matches!(name, "flac" | "alac" | "truehd" | "wmalossless")
        });
        let raw = self.bits_per_raw_sample.as_deref().and_then(|bits| bits.parse().ok());
        raw.filter(|&bits| bits > 0)
            .or(Some(self.bits_per_sample))
            .filter(|&bits| lossless && bits > 0)
    }
}

/// `a/b` or `a:b` with both above zero. FFmpeg's numbers have 32 bits, so that a product with a
/// time can't overflow.
pub(super) fn ratio(text: &str, separator: char) -> Option<Ratio<i64>> {
    let (numer, denom) = text.split_once(separator)?;
    let (numer, denom): (i32, i32) = (numer.parse().ok()?, denom.parse().ok()?);
    (numer > 0 && denom > 0).then(|| Ratio::new(numer.into(), denom.into()))
}
