//! A clip: which part of which source it shows, and how to read it.

use serde::{Deserialize, Serialize};

use crate::flicks::Flicks;
use crate::media::{AudioStream, Media};
use crate::timeline::SourceRange;

/// Decoders need a run-up: AAC has overlapping windows, MP3 a bit reservoir, Opus a pre-roll, and
/// an open group of pictures refers to earlier frames.
const RUN_UP_MS: u64 = 500;

/// An entry of the concatenation list, or one part of it if its source consists of several files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedClip {
    /// Index in the concatenation list.
    pub clip: usize,
    /// Index of the file that is read.
    pub source: usize,
    /// The part of the file that is used.
    pub range: SourceRange,
}

/// A clip together with what is known of its source.
#[derive(Clone, Copy, Debug)]
pub struct Clip<'a> {
    /// The part of the source that is used.
    pub range: SourceRange,
    /// The source.
    pub media: &'a Media,
}

impl<'a> Clip<'a> {
    /// Start of the cut on the source's own clock.
    #[must_use]
    pub fn start(&self) -> Flicks {
        self.media.start + self.range.start
    }

    /// End of the cut on the source's own clock.
    #[must_use]
    pub fn end(&self) -> Flicks {
        self.start() + self.range.length
    }

    /// The audio stream, if any of it lies inside the cut.
    pub(super) fn audio(&self) -> Option<&'a AudioStream> {
        self.media.audio.as_ref().filter(|s| s.end > self.start() && s.start < self.end())
    }

    /// The key frame to start reading at so that everything from `time` on decodes; `None` is the
    /// start of the file.
    pub(super) fn seek(&self, time: Flicks) -> Option<Flicks> {
        let run_up = time - Flicks::from_millis(RUN_UP_MS);
        if !self.media.demuxer.seeks_exactly() || run_up <= self.media.start {
            return None;
        }
        match &self.media.video {
            Some(_) => self.key_frame_before(run_up),
            None => Some(run_up),
        }
    }

    /// The last key frame at or before `time`; `None` is the start of the file.
    pub(super) fn key_frame_before(&self, time: Flicks) -> Option<Flicks> {
        let key = self.media.video.as_ref()?.key_frame_before(time);
        key.filter(|&key| key > self.media.start)
    }
}
