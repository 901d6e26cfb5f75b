//! The place of every clip in the output, in whole frames and samples.
//!
//! Each boundary is rounded once from the exact sum of all lengths before it, never from the
//! previous boundary. So errors never accumulate, and video and audio are at most half a frame
//! apart at a join, however many joins there are.

use num_rational::Ratio;
use serde::{Deserialize, Serialize};

use crate::flicks::Flicks;

/// The part of a media that a clip uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRange {
    /// Start, counted from the start of the media.
    pub start: Flicks,
    /// Length; greater than zero.
    pub length: Flicks,
}

impl SourceRange {
    /// The part of a media of `length` that starts at `start_ms` and lasts `duration_ms` (to the
    /// end if `None`, or if it would pass the end). `None` if the start is not before the end.
    #[must_use]
    pub fn of(length: Flicks, start_ms: u64, duration_ms: Option<u64>) -> Option<Self> {
        let start = Flicks::from_millis(start_ms);
        let rest = length - start;
        if start >= length {
            return None;
        }
        let length = duration_ms.map_or(rest, |ms| Flicks::from_millis(ms).min(rest));
        Some(Self { start, length })
    }

    /// Splits the range over the consecutive parts of a media that have these lengths: returns each
    /// part's index, and the range in it.
    pub fn split(self, parts: impl Iterator<Item = Flicks>) -> impl Iterator<Item = (usize, Self)> {
        let (start, end) = (self.start, self.start + self.length);
        let placed = parts.scan(Flicks::ZERO, |next, length| {
            let first = *next;
            *next += length;
            Some((first, *next))
        });
        placed.enumerate().filter_map(move |(part, (first, last))| {
            let (from, to) = (start.max(first), end.min(last));
            (from < to).then(|| (part, Self { start: from - first, length: to - from }))
        })
    }
}

/// A clip's place in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Index of the clip's first output frame.
    pub first_frame: u64,
    /// Output frames of the clip; 0 for a clip shorter than half a frame.
    pub frames: u64,
    /// Index of the clip's first output sample.
    pub first_sample: u64,
    /// Output samples of the clip, per channel.
    pub samples: u64,
}

/// The places of all clips, in output order, without gaps or overlaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// Frames per second.
    pub frame_rate: Ratio<i64>,
    /// Samples per second and channel.
    pub sample_rate: u32,
    /// One per clip.
    pub places: Vec<Place>,
}

impl Timeline {
    /// Places the clips one after the other.
    #[must_use]
    pub fn new(lengths: &[Flicks], frame_rate: Ratio<i64>, sample_rate: u32) -> Self {
        let samples_per_second = Ratio::from_integer(i64::from(sample_rate));
        let mut end = Flicks::ZERO;
        let (mut frame, mut sample) = (0, 0);
        let mut places = Vec::with_capacity(lengths.len());
        for &length in lengths {
            end += length;
            let next_frame = end.to_units(frame_rate).unsigned_abs();
            let next_sample = end.to_units(samples_per_second).unsigned_abs();
            places.push(Place {
                first_frame: frame,
                frames: next_frame - frame,
                first_sample: sample,
                samples: next_sample - sample,
            });
            (frame, sample) = (next_frame, next_sample);
        }
        Self { frame_rate, sample_rate, places }
    }

    /// Makes the audio end with the last frame, for containers that can't hold audio without a
    /// frame: by up to half a frame more, of silence, or less.
    ///
    /// # Panics
    /// If there are more frames than any output has.
    pub fn end_audio_with_video(&mut self) {
        let end = i64::try_from(self.frames()).expect("no output has so many frames");
        let end = Flicks::of_units(end, self.frame_rate);
        let end = end.to_units(i64::from(self.sample_rate).into()).unsigned_abs();
        let last = self.places.len().saturating_sub(1);
        for (index, place) in self.places.iter_mut().enumerate() {
            let own_end = if index == last { end } else { place.first_sample + place.samples };
            place.first_sample = place.first_sample.min(end);
            place.samples = own_end.min(end) - place.first_sample;
        }
    }

    /// Number of output frames.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.places.last().map_or(0, |last| last.first_frame + last.frames)
    }

    /// Number of output samples per channel.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.places.last().map_or(0, |last| last.first_sample + last.samples)
    }
}

#[cfg(test)]
mod tests;
