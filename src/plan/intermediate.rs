//! The format in which rendered video goes from its encoder to the output's muxer: a stream that
//! preserves every timestamp exactly and can be read without its end.

use num_rational::Ratio;

use super::words::words;
use crate::media::Demuxer;
use crate::output::VideoOutput;

/// A format between two processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intermediate {
    /// Fragmented MP4: several chunks can follow one header.
    FragmentedMp4,
    /// Matroska, the only one that holds VP9's transparency; no second chunk can follow.
    Matroska,
}

/// The MP4 muxer's least time scale of a track.
const LEAST_TIME_SCALE: i64 = 10_000;

impl Intermediate {
    /// How many frames later than in the output all timestamps are: decoding begins up to this many
    /// frames before the first is shown, and no timestamp may be negative.
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

/// Ticks a second, such that every frame lasts a whole number of ticks.
fn time_scale(rate: Ratio<i64>) -> i64 {
    let mut scale = *rate.numer();
    while scale < LEAST_TIME_SCALE {
        scale *= 2;
    }
    scale
}
