//! A clip: what of which source, and how to read it.

use serde::{Deserialize, Serialize};

use crate::flicks::Flicks;
use crate::media::{AudioStream, Media};
use crate::timeline::SourceRange;

/// Decoders need a run-up: the overlap of AAC, the bit reservoir of MP3, the
/// pre-roll of Opus, the references of an open group of pictures.
const RUN_UP_MS: u64 = 500;

/// An entry of the concatenation list, or one part of it where its file is made of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedClip {
    /// Index in the concatenation list.
    pub clip: usize,
    /// Index of the file that it is read from.
    pub source: usize,
    /// What is taken of it.
    pub range: SourceRange,
}

/// A clip together with what is known of its source.
#[derive(Clone, Copy, Debug)]
pub struct Clip<'a> {
    /// What is taken of it.
    pub range: SourceRange,
    /// The source.
    pub media: &'a Media,
}

impl<'a> Clip<'a> {
    /// Where the cut starts on the source's own clock.
    #[must_use]
    pub fn start(&self) -> Flicks {
        self.media.start + self.range.start
    }

    /// Where it ends.
    #[must_use]
    pub fn end(&self) -> Flicks {
        self.start() + self.range.length
    }

    /// The audio, unless none of it is inside the cut.
    pub(super) fn audio(&self) -> Option<&'a AudioStream> {
        self.media.audio.as_ref().filter(|s| s.end > self.start() && s.start < self.end())
    }

    /// Where to start reading so that everything from `time` on decodes:
    /// `None` is the start of the file.
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

    /// The last key frame up to `time`; `None` is the start of the file.
    pub(super) fn key_frame_before(&self, time: Flicks) -> Option<Flicks> {
        let key = self.media.video.as_ref()?.key_frame_before(time);
        key.filter(|&key| key > self.media.start)
    }
}
