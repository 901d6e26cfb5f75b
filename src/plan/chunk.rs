//! Chunks: ranges of output frames, each rendered by one ffmpeg process from the clips that the
//! range touches.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::Plan;

/// A range of output frames.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// The frame numbers; never empty.
    pub frames: Range<u64>,
}

/// The frames of one clip that a chunk shows, counted from the clip's first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) clip: usize,
    pub(super) frames: Range<u64>,
}

/// How an output is split into chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Bytes of memory that the decoders of one process may use together.
    pub memory: u64,
}

impl Plan {
    /// Chunks that cover the whole video; none if there is no video.
    #[must_use]
    pub fn chunks(&self, policy: Policy) -> Vec<Chunk> {
        self.chunks_of(&self.frames(), policy)
    }

    /// Chunks that cover a range of the video's frames. A process opens all clips of its chunk at
    /// once, so a chunk ends at a join if one more clip would exceed the memory limit.
    #[must_use]
    pub fn chunks_of(&self, frames: &Range<u64>, policy: Policy) -> Vec<Chunk> {
        let mut chunks: Vec<Chunk> = Vec::new();
        let mut taken = 0;
        for share in self.shares(frames) {
            let first = self.timeline.places[share.clip].first_frame;
            let needed = self.decoder_memory(share.clip);
            let fits = taken + needed <= policy.memory;
            let end = first + share.frames.end;
            match chunks.last_mut() {
                Some(last) if fits || !self.intermediate().can_be_continued() => {
                    last.frames.end = end;
                    taken += needed;
                }
                _ => {
                    chunks.push(Chunk { frames: first + share.frames.start..end });
                    taken = needed;
                }
            }
        }
        self.around_runs(chunks)
    }

    /// The output's frames; empty if it has no video.
    #[must_use]
    pub fn frames(&self) -> Range<u64> {
        0..if self.output.video.is_some() { self.timeline.frames() } else { 0 }
    }

    /// The clips that a range of output frames touches.
    pub(super) fn shares(&self, frames: &Range<u64>) -> Vec<Share> {
        let places = self.timeline.places.iter().enumerate();
        places
            .filter_map(|(clip, place)| {
                let start = frames.start.max(place.first_frame);
                let end = frames.end.min(place.first_frame + place.frames);
                let frames =
                    start.checked_sub(place.first_frame)?..end.checked_sub(place.first_frame)?;
                (start < end).then_some(Share { clip, frames })
            })
            .collect()
    }

    /// Most bytes of memory that decoding a clip takes.
    fn decoder_memory(&self, clip: usize) -> u64 {
        self.clip(clip).media.video.as_ref().map_or(0, crate::media::VideoStream::decoder_memory)
    }
}
