//! Which times of its sources a plan reads, in the order in which it needs them.

use std::ops::Range;

use super::{Chunk, Plan, signed};
use crate::flicks::Flicks;

/// How much is read before the key frame: audio that starts there has to be decoded from slightly
/// earlier, and frames are decoded before they are shown.
const BEFORE_MS: u64 = 200;
/// How much is read after a cut: processes read on until they know that they have enough frames. If
/// one reads even further, that part is fetched while the process waits.
const BEHIND_MS: u64 = 1000;

/// A part of a source that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Index of the plan's source.
    pub source: usize,
    /// The times, on the source's own clock.
    pub times: Range<Flicks>,
    /// Whether its video is read.
    pub video: bool,
    /// Whether its audio is read.
    pub audio: bool,
}

impl Plan {
    /// What the processes of these chunks read, then the audio of all clips.
    #[must_use]
    pub fn reads(&self, chunks: &[Chunk]) -> Vec<Read> {
        let shown = chunks.iter().flat_map(|chunk| self.shown(chunk));
        // The audio of the same time is read together with the video.
        let both = shown.map(|(clip, read)| Read { audio: self.is_heard(clip), ..read });
        both.chain(self.heard().map(|(_, read)| read)).collect()
    }

    /// What rendering a range of the video reads, with the index of each clip.
    #[must_use]
    pub fn shown(&self, range: &Chunk) -> Vec<(usize, Read)> {
        let shares = self.shares(&range.frames).into_iter();
        shares
            .filter_map(|share| {
                let (clip, rate) = (self.clip(share.clip), self.timeline.frame_rate);
                clip.media.video.as_ref()?;
                let at = |frame| clip.start() + Flicks::of_units(signed(frame), rate);
                let shown = at(share.frames.start)..at(share.frames.end);
                Some((share.clip, self.read(share.clip, &shown, (true, false))))
            })
            .collect()
    }

    /// What making the audio reads, clip by clip.
    pub fn heard(&self) -> impl Iterator<Item = (usize, Read)> {
        let heard = (0..self.clips.len()).filter(|&index| self.is_heard(index));
        heard.map(|index| {
            let clip = self.clip(index);
            (index, self.read(index, &(clip.start()..clip.end()), (false, true)))
        })
    }

    fn is_heard(&self, clip: usize) -> bool {
        self.timeline.places[clip].samples > 0 && self.clip(clip).audio().is_some()
    }

    fn read(&self, index: usize, shown: &Range<Flicks>, (video, audio): (bool, bool)) -> Read {
        let clip = self.clip(index);
        let from = clip.seek(shown.start).unwrap_or(clip.media.start);
        let times =
            from - Flicks::from_millis(BEFORE_MS)..shown.end + Flicks::from_millis(BEHIND_MS);
        Read { source: self.clips[index].source, times, video, audio }
    }
}
