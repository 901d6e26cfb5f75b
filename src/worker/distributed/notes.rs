//! Notes: the data that the steps of a run store for each other.

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

/// What the steps after the plan need to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PlanNote {
    pub(super) plan: Plan,
    pub(super) ranges: Vec<Chunk>,
    /// The distinct sources.
    pub(super) sources: Vec<SourceNote>,
    /// For each clip, the index of its source.
    pub(super) of_clip: Vec<usize>,
    pub(super) target: ObjectUri,
    /// The places of its segments' numbers in the target's key.
    #[serde(default)]
    pub(super) numbers: Vec<usize>,
    pub(super) extension: String,
    /// The main object, against which the target's key is checked.
    pub(super) main: ObjectUri,
    /// For each range, the bytes of the sources that it is expected to read.
    #[serde(default)]
    pub(super) shown: Vec<Vec<Share>>,
    /// The same for the audio of each clip.
    #[serde(default)]
    pub(super) heard: BTreeMap<usize, Share>,
    /// Whether each range makes its own audio.
    #[serde(default)]
    pub(super) audio_in_ranges: bool,
    /// Whether each range makes its own segments.
    #[serde(default)]
    pub(super) segments_in_ranges: bool,
}

/// A source as the plan step found it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SourceNote {
    pub(super) uri: ObjectUri,
    pub(super) etag: ETag,
    pub(super) size: u64,
    pub(super) version: Option<String>,
    pub(super) modified: Moment,
    /// The first clip that uses it.
    pub(super) clip: usize,
    /// The number of files that it consists of.
    pub(super) parts: usize,
    /// Whether it can be read without being rewritten.
    pub(super) as_it_is: bool,
    /// The bytes that opening it is expected to read. `None` if all of it has to be fetched.
    #[serde(default)]
    pub(super) opening: Option<Vec<Range<u64>>>,
}

/// What is known about a piece.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct PieceNote {
    /// Number of decoded frames; 0 for the audio.
    pub(super) frames: u64,
    pub(super) size: u64,
    pub(super) etag: Option<ETag>,
    pub(super) warnings: Vec<String>,
    pub(super) usage: Usage,
    pub(super) timings: Timings,
    /// Bytes that were read of each source, by its index.
    pub(super) fetched: Vec<(usize, u64)>,
    /// The samples of a range, if the range becomes part of the output and only its samples are
    /// stored.
    #[serde(default)]
    pub(super) samples: Samples,
    /// The header that described these samples.
    #[serde(default)]
    pub(super) header: Vec<u8>,
    /// The audio packets that are stored between these samples.
    #[serde(default)]
    pub(super) audio: Packets,
    /// The segments of a range, if it makes its own.
    #[serde(default)]
    pub(super) segments: Option<RangeNote>,
}

/// What is known about the segments of a range.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RangeNote {
    /// The common start of the names under which this try has stored them.
    pub(super) stored_as: String,
    /// The segments in order.
    pub(super) files: Vec<SegmentNote>,
    /// The playlist of only these segments.
    pub(super) playlist: String,
    /// The description of their streams.
    pub(super) media: Media,
}

/// A segment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SegmentNote {
    /// The end of its name.
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
    /// Whether a separate step makes the audio.
    pub(super) const fn has_sound(&self) -> bool {
        self.plan.output.audio.is_some() && !self.audio_in_ranges
    }

    /// The audio range of a video range, if ranges make their own audio.
    pub(super) fn audio_of(&self, range: &Chunk) -> Option<AudioRange> {
        self.plan.audio_range(range).filter(|_| self.audio_in_ranges)
    }
}

impl PieceNote {
    /// The stored piece.
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
