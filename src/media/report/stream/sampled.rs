//! A stream of which only the packets of a few times were read, together with the cues.

use super::{Flicks, StreamScan, frame_rate, ratio};
use crate::clamped::clamped;
use crate::media::Demuxer;
use crate::media::elements::Cues;

/// Where packets were read, and what they have to show.
#[derive(Clone, Copy, Debug)]
pub struct Samples<'a> {
    /// The cues of the file.
    pub cues: &'a Cues,
    /// Packets were read at the beginning, some after each of these times, and all after the last
    /// of them.
    pub times: &'a [Flicks],
    /// Whether packets may come early or late, and frames be missing.
    pub any_timing: bool,
}

/// Cues and packets round their times up or down by a tick each.
const ROUNDING_TICKS: i64 = 2;

impl StreamScan {
    pub(in super::super) const fn be_sampled(&mut self) {
        self.sampled = true;
        if let Some(rhythm) = &mut self.rhythm {
            rhythm.sampled = true;
        }
    }

    /// See [`super::super::Scan::complete`].
    pub(in super::super) fn complete(&mut self, samples: Samples<'_>) -> bool {
        if self.report.codec_type == "video" {
            self.complete_video(samples)
        } else {
            self.complete_audio(samples)
        }
    }

    fn complete_audio(&mut self, Samples { times, any_timing, .. }: Samples<'_>) -> bool {
        let (Some(first), Some(tail)) = (self.first, times.last()) else { return false };
        let reaches = self.flicks(self.last).is_some_and(|last| last >= *tail);
        let lasts = self.end.saturating_sub(self.last);
        let is_steady = self.rhythm.as_ref().is_some_and(|rhythm| !rhythm.is_unsteady());
        if !reaches || lasts <= 0 || !(is_steady || any_timing) {
            return false;
        }
        self.stand_for(clamped(self.end.saturating_sub(first) / lasts));
        true
    }

    fn complete_video(&mut self, Samples { cues, times, any_timing }: Samples<'_>) -> bool {
        let base = ratio(&self.report.r_frame_rate, '/');
        let span =
            self.first.and_then(|first| Some((self.flicks(first)?, self.flicks(self.last)?)));
        let rounding = Flicks::from_ticks(ROUNDING_TICKS, self.time_base);
        let (Some(base), Some((first, last)), Some(rounding)) = (base, span, rounding) else {
            return false;
        };
        let rate = frame_rate::choose(Some(base), None);
        let is_frame = |time: &Flicks| {
            let nearest = first + Flicks::of_units((*time - first).to_units(rate), rate);
            (*time - nearest).count().abs() <= rounding.count()
        };
        let is_constant = self.presented
            && self.cadence.is_even(times.len() + 1)
            && self.frame_rate(Demuxer::Matroska) == rate
            && (any_timing || cues.cues.iter().map(|cue| &cue.time).chain([&last]).all(is_frame));
        let start = cues.cues.first().map(|cue| cue.time);
        let are_keys = start.iter().chain(times).all(|time| self.key_frames.contains(time));
        if !is_constant || !are_keys || self.may_be_of_fields() {
            return false;
        }
        self.key_frames.clear();
        let ticks = self.time_base.recip();
        cues.cues.iter().for_each(|cue| self.note_key_frame(cue.time.to_units(ticks)));
        self.stand_for(clamped::<u64>((last - first).to_units(rate)).saturating_add(1));
        true
    }

    /// Extrapolates from the packets that were read to this number of packets.
    fn stand_for(&mut self, packets: u64) {
        let bytes = u128::from(self.bytes) * u128::from(packets) / u128::from(self.packets.max(1));
        (self.packets, self.bytes) = (packets, clamped(bytes));
    }
}
