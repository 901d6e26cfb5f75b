//! What of its sources a plan reads, in the order in which it is needed.

use std::ops::Range;

use super::{Chunk, Plan, signed};
use crate::flicks::Flicks;

/// Audio that starts with the video's key frame has to be decoded from a bit before.
const BEFORE_MS: u64 = 500;
/// Processes read on behind a cut, until the frames that they have decoded are known to be enough.
const BEHIND_MS: u64 = 2000;

/// A time of a source that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Index of the plan's source.
    pub source: usize,
    /// On the source's own clock.
    pub times: Range<Flicks>,
    /// Whether its video is read.
    pub video: bool,
    /// Whether its audio is read.
    pub audio: bool,
}

impl Plan {
    /// What the processes of these chunks read, and the audio of all clips.
    #[must_use]
    pub fn reads(&self, chunks: &[Chunk]) -> Vec<Read> {
        let shares = chunks.iter().flat_map(|chunk| self.shares(&chunk.frames));
        let mut reads: Vec<Read> = shares
            .filter_map(|share| {
                let (clip, rate) = (self.clip(share.clip), self.timeline.frame_rate);
                clip.media.video.as_ref()?;
                let at = |frame| clip.start() + Flicks::of_units(signed(frame), rate);
                let shown = at(share.frames.start)..at(share.frames.end);
                let is_heard = self.timeline.places[share.clip].samples > 0;
                Some(self.read(share.clip, &shown, (true, is_heard && clip.audio().is_some())))
            })
            .collect();
        for (index, place) in self.timeline.places.iter().enumerate() {
            let clip = self.clip(index);
            if place.samples > 0 && clip.audio().is_some() {
                reads.push(self.read(index, &(clip.start()..clip.end()), (false, true)));
            }
        }
        reads
    }

    fn read(&self, index: usize, shown: &Range<Flicks>, (video, audio): (bool, bool)) -> Read {
        let clip = self.clip(index);
        let from = clip.seek(shown.start).unwrap_or(clip.media.start);
        let times =
            from - Flicks::from_millis(BEFORE_MS)..shown.end + Flicks::from_millis(BEHIND_MS);
        Read { source: self.clips[index].source, times, video, audio }
    }
}
