//! How rendered video gets from its encoder to the output's muxer: as a stream
//! that keeps every time stamp exactly and needs no end to be read.

use num_rational::Ratio;

use super::words::words;
use crate::media::Demuxer;
use crate::output::VideoOutput;

/// A format between two processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intermediate {
    /// Fragmented MP4: chunks follow each other after one header.
    FragmentedMp4,
    /// Matroska, which alone holds VP9's transparency; it can't be continued by another chunk.
    Matroska,
}

/// The MP4 muxer's own least for a track's time scale.
const LEAST_TIME_SCALE: i64 = 10_000;

impl Intermediate {
    /// Frames by which time stamps are later than in the output: decoding begins up to so many
    /// frames before the first is shown, and no time stamp may be negative.
    pub(super) const LEAD: i64 = 32;

    pub(super) fn of(output: Option<&VideoOutput>) -> Self {
        match output {
            Some(video) if video.pixel_format.has_alpha() => Self::Matroska,
            _ => Self::FragmentedMp4,
        }
    }

    /// The demuxer that reads it.
    #[must_use]
    pub const fn demuxer(self) -> Demuxer {
        match self {
            Self::FragmentedMp4 => Demuxer::Mov,
            Self::Matroska => Demuxer::Matroska,
        }
    }

    /// Whether several chunks can follow each other.
    #[must_use]
    pub const fn can_be_continued(self) -> bool {
        matches!(self, Self::FragmentedMp4)
    }

    pub(super) fn muxer(self, rate: Ratio<i64>) -> Vec<String> {
        match self {
            Self::FragmentedMp4 => words(&format!(
                "-f mp4 -video_track_timescale {} -use_editlist 0 -avoid_negative_ts disabled \
                 -movflags +frag_keyframe+empty_moov+default_base_moof+frag_discont",
                time_scale(rate)
            )),
            Self::Matroska => words("-f matroska -avoid_negative_ts disabled"),
        }
    }
}

/// Ticks a second, of which every frame lasts a whole number.
fn time_scale(rate: Ratio<i64>) -> i64 {
    let mut scale = *rate.numer();
    while scale < LEAST_TIME_SCALE {
        scale *= 2;
    }
    scale
}
