//! Notes: what the steps of a run tell each other.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::super::files::Share;
use crate::code::Code;
use crate::media::Media;
use crate::mp4::{Packets, Samples};
use crate::object::{ETag, ObjectUri};
use crate::plan::{AudioRange, Chunk, Plan};
use crate::storage::ObjectHead;
use crate::task::{Moment, Timings, Usage};

/// What the steps after the plan have to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PlanNote {
    pub(super) plan: Plan,
    pub(super) ranges: Vec<Chunk>,
    /// The distinct sources.
    pub(super) sources: Vec<SourceNote>,
    /// Of each clip, which of them it is of.
    pub(super) of_clip: Vec<usize>,
    pub(super) target: ObjectUri,
    pub(super) extension: String,
    /// The main object, by which a key of the target is judged.
    pub(super) main: ObjectUri,
    /// What each range reads of the sources, as far as that is foreseen.
    #[serde(default)]
    pub(super) shown: Vec<Vec<Share>>,
    /// The same of the audio of each clip.
    #[serde(default)]
    pub(super) heard: BTreeMap<usize, Share>,
    /// Whether each range has its audio itself.
    #[serde(default)]
    pub(super) audio_in_ranges: bool,
    /// Whether each range makes its own segments.
    #[serde(default)]
    pub(super) segments_in_ranges: bool,
}

/// A source as the plan saw it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SourceNote {
    pub(super) uri: ObjectUri,
    pub(super) etag: ETag,
    pub(super) size: u64,
    pub(super) version: Option<String>,
    pub(super) modified: Moment,
    /// The first clip that it is used for.
    pub(super) clip: usize,
    /// Files that it is made of.
    pub(super) parts: usize,
    /// Whether it can be read as it is.
    pub(super) as_it_is: bool,
    /// What opening it reads, as far as that is foreseen. Nothing where all of it has to be there.
    #[serde(default)]
    pub(super) opening: Option<Vec<Range<u64>>>,
}

/// What is known of a piece.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct PieceNote {
    /// Frames that were decoded; 0 for the audio.
    pub(super) frames: u64,
    pub(super) size: u64,
    pub(super) etag: Option<ETag>,
    pub(super) warnings: Vec<String>,
    pub(super) usage: Usage,
    pub(super) timings: Timings,
    /// Bytes that were read of each source, by its index.
    pub(super) fetched: Vec<(usize, u64)>,
    /// What is stored of a range that becomes part of the output where it is: its samples alone.
    #[serde(default)]
    pub(super) samples: Samples,
    /// What described them.
    #[serde(default)]
    pub(super) header: Vec<u8>,
    /// The audio that is stored between these samples.
    #[serde(default)]
    pub(super) audio: Packets,
    /// The segments of a range that makes its own.
    #[serde(default)]
    pub(super) segments: Option<RangeNote>,
}

/// What is known of the segments of a range.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RangeNote {
    /// What the names of those begin with which this try has stored.
    pub(super) stored_as: String,
    /// In their order.
    pub(super) files: Vec<SegmentNote>,
    /// The playlist of them alone.
    pub(super) playlist: String,
    /// What they are.
    pub(super) media: Media,
}

/// A segment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SegmentNote {
    /// What its name ends with.
    pub(super) suffix: String,
    pub(super) etag: ETag,
    pub(super) size: u64,
}

/// Why a try at a piece failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FailureNote {
    pub(super) code: Code,
    pub(super) message: String,
}

impl SourceNote {
    pub(super) fn head(&self) -> ObjectHead {
        ObjectHead {
            etag: self.etag.clone(),
            size: self.size,
            version: self.version.clone(),
            last_modified: self.modified.timestamp(),
            content_type: None,
            metadata: BTreeMap::new(),
        }
    }
}

impl PlanNote {
    /// Whether a step of its own makes the audio.
    pub(super) const fn has_sound(&self) -> bool {
        self.plan.output.audio.is_some() && !self.audio_in_ranges
    }

    /// The audio of a range, where that has it itself.
    pub(super) fn audio_of(&self, range: &Chunk) -> Option<AudioRange> {
        self.plan.audio_range(range).filter(|_| self.audio_in_ranges)
    }
}

impl PieceNote {
    /// The piece as it was stored.
    pub(super) fn head(&self) -> ObjectHead {
        ObjectHead {
            etag: self.etag.clone().expect("a piece is noted once it is stored"),
            size: self.size,
            version: None,
            last_modified: jiff::Timestamp::UNIX_EPOCH,
            content_type: None,
            metadata: BTreeMap::new(),
        }
    }
}
