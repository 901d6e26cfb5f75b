//! Messages for values that exclude each other.

use super::kind::Conflict;
use crate::codec::{max_channels, sample_rates};
use crate::process::target::{PARENT_SEGMENT, TargetError};
use crate::process::text::list;

impl Conflict {
    /// What is wrong, without the offset.
    pub(super) fn problem(&self) -> String {
        match self {
            Self::NothingLeft => "with `vn_1`, the output would be empty".to_owned(),
            Self::VideoBan(container, codec, _) => format!("{container} cannot hold {codec}"),
            Self::AudioBan(container, codec, _) => format!("{container} cannot hold {codec}"),
            Self::PixelFormatBan(format, codec, _) => format!("{codec} cannot encode {format}"),
            Self::PixelFormatHolding(format, container, _) => {
                format!("{container} cannot hold {format}")
            }
            Self::SampleRate(container, codec, rate) => {
                format!("{codec} in {container} does not support the sample rate {rate}")
            }
            Self::Channels(container, codec, channels) => {
                format!("{codec} in {container} cannot have {channels} channels")
            }
            Self::SegmentBan { format, container, .. } => {
                format!("{format} does not support {container} segments")
            }
            Self::TooManySources { count, .. } => format!("{count} files are too many"),
            Self::AlignBeyondList { count: 1, .. } => "the list has 1 file".to_owned(),
            Self::AlignBeyondList { count, .. } => format!("the list has {count} files"),
            Self::Render(error) => error.to_string(),
            Self::Target(TargetError::Bucket(_)) => "invalid target bucket".to_owned(),
            Self::Target(TargetError::Key(_) | TargetError::ParentSegment) => {
                "invalid target key".to_owned()
            }
            Self::Target(error @ (TargetError::IsSource(_) | TargetError::IsRecord { .. })) => {
                error.to_string()
            }
        }
    }

    /// What would be right.
    pub(super) fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::NothingLeft => "one of them has to be 0".to_owned(),
            Self::VideoBan(_, _, reason)
            | Self::AudioBan(_, _, reason)
            | Self::PixelFormatBan(_, _, reason)
            | Self::PixelFormatHolding(_, _, reason) => (*reason).to_owned(),
            Self::SampleRate(container, codec, _) => {
                format!("expected {}", list(sample_rates(*container, *codec), "or"))
            }
            Self::Channels(container, codec, _) => match max_channels(*container, *codec) {
                1 => "expected 1".to_owned(),
                most => format!("expected 1 to {most}"),
            },
            Self::SegmentBan { allowed, .. } => {
                let allowed = allowed.iter().map(|container| format!("`f_{container}`"));
                format!("expected {}", list(&allowed.collect::<Vec<_>>(), "or"))
            }
            Self::TooManySources { limit, .. } => {
                format!("expected at most {limit}, the main object included")
            }
            Self::AlignBeyondList { count: 1, .. } => "expected 0".to_owned(),
            Self::AlignBeyondList { count, .. } => format!("expected 0 to {}", count - 1),
            Self::Target(TargetError::IsSource(_)) => {
                "the result would overwrite its own source".to_owned()
            }
            Self::Target(TargetError::Bucket(error) | TargetError::Key(error)) => error.to_string(),
            Self::Target(TargetError::ParentSegment) => PARENT_SEGMENT.to_owned(),
            Self::Target(TargetError::IsRecord { .. }) | Self::Render(_) => return None,
        };
        Some(text)
    }
}
