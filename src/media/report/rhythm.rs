//! Whether each packet of an audio stream starts where the one before it ends.

use num_rational::Ratio;

use crate::flicks::Flicks;
use crate::media::Clock;

/// Samples per packet, for codecs whose packets all have the same length.
const PACKET_SAMPLES: &[(&str, &[i64])] = &[
    ("aac", &[1024, 2048, 960, 1920]),
    ("mp3", &[1152, 576]),
    ("mp2", &[1152]),
    ("ac3", &[1536]),
    ("eac3", &[1536]),
    ("amr_nb", &[160]),
    ("amr_wb", &[320]),
];

/// Encoders round timestamps by up to this many milliseconds.
const ROUNDING_MS: u64 = 3;
/// Where only samples of a file are read, a packet that is farther off belongs to the next sample.
const NEXT_SAMPLE_MS: u64 = 1000;

/// By how much ffmpeg may stamp a short packet of Vorbis too late, in milliseconds.
const LATE_VORBIS_MS: u64 = 40;

/// The timing of an audio stream's packets.
#[derive(Debug)]
pub(super) struct Rhythm {
    time_base: Ratio<i64>,
    rate: Ratio<i64>,
    usual: &'static [i64],
    /// By how much a packet may be stamped too late, with too few samples.
    late: Flicks,
    /// By how much a container's times may be off: it rounds timestamps and durations by up to a
    /// tick each.
    rounding: Flicks,
    /// When the next packet would follow without a gap, in ticks.
    due: Option<i64>,
    /// Whether the declared duration of the previous packet is impossible for its codec. This is
    /// allowed for the last packet only.
    odd: bool,
    unsteady: bool,
    /// Whether only the packets of a few times are read.
    pub(super) sampled: bool,
    /// `None` if the length of a packet is not known.
    clock: Option<Clock>,
}

impl Rhythm {
    pub(super) fn new(codec: &str, sample_rate: u32, time_base: Ratio<i64>) -> Self {
        let usual = PACKET_SAMPLES.iter().find(|row| row.0 == codec);
        let ticks = Flicks::from_ticks(2, time_base).unwrap_or_default();
        Self {
            time_base,
            rate: Ratio::from_integer(i64::from(sample_rate.max(1))),
            usual: usual.map_or(&[], |row| row.1),
            late: Flicks::from_millis(if codec == "vorbis" { LATE_VORBIS_MS } else { 0 }),
            rounding: ticks + Flicks::from_millis(ROUNDING_MS),
            due: None,
            odd: false,
            unsteady: false,
            sampled: false,
            clock: (usual.is_some() || ticks < Flicks::from_millis(1))
                .then(|| Clock::new(sample_rate)),
        }
    }

    /// Adds a packet; times in ticks.
    pub(super) fn packet(&mut self, time: Option<i64>, duration: Option<i64>) {
        let (time, duration) = self.whole(time, duration);
        let off = time.zip(self.due).and_then(|(time, due)| time.checked_sub(due));
        let off = off.and_then(|ticks| self.flicks(ticks));
        // A larger difference means that packets between two samples were not read.
        let off = off.filter(|off| {
            !self.sampled || off.count().abs() < Flicks::from_millis(NEXT_SAMPLE_MS).count()
        });
        self.unsteady |= self.odd || off.is_some_and(|off| self.is_much(off));
        let start = time.or(self.due);
        self.count(start, duration.filter(|&ticks| ticks > 0));
        self.due = start.zip(duration).and_then(|(start, duration)| start.checked_add(duration));
    }

    /// The time and the duration of a packet with all of its samples. A short packet of Vorbis after
    /// a long one has more samples than ffmpeg reports: it leaves the first ones out of both.
    fn whole(&self, time: Option<i64>, duration: Option<i64>) -> (Option<i64>, Option<i64>) {
        let late = time.zip(self.due).and_then(|(time, due)| time.checked_sub(due));
        let late = late
            .filter(|&ticks| ticks > 0 && self.flicks(ticks).is_some_and(|late| late <= self.late));
        match late {
            Some(late) => (self.due, duration.and_then(|ticks| ticks.checked_add(late))),
            None => (time, duration),
        }
    }

    /// Counts the samples of a packet.
    fn count(&mut self, start: Option<i64>, duration: Option<i64>) {
        let told = duration.and_then(|ticks| self.flicks(ticks));
        let stamp = start.and_then(|time| self.flicks(time));
        let (Some(told), Some(stamp)) = (told, stamp) else {
            self.clock = None;
            return;
        };
        let samples = told.to_units(self.rate);
        let nearest = self.usual.iter().copied().min_by_key(|usual| usual.abs_diff(samples));
        // What a container stores as the duration may be the distance to the next timestamp.
        let off = nearest.map(|nearest| Flicks::of_units(nearest, self.rate) - told);
        // Or the sample rate has changed: then samples can't be counted.
        if self.odd {
            self.clock = None;
        }
        self.odd = off.is_some_and(|off| self.is_much(off));
        if let Some(clock) = &mut self.clock {
            clock.push(stamp.to_units(self.rate), nearest.unwrap_or(samples));
        }
    }

    /// Whether packets come too early or too late.
    pub(super) const fn is_unsteady(&self) -> bool {
        self.unsteady
    }

    /// Where audio with unsteady timestamps begins and ends, by the timestamps' mean.
    pub(super) fn span(&self) -> Option<(Flicks, Flicks)> {
        let clock = self.clock.as_ref().filter(|_| self.unsteady)?;
        let (start, end) = clock.span()?;
        Some((Flicks::of_units(start, self.rate), Flicks::of_units(end, self.rate)))
    }

    fn is_much(&self, off: Flicks) -> bool {
        off > self.rounding || off < Flicks::ZERO - self.rounding
    }

    fn flicks(&self, ticks: i64) -> Option<Flicks> {
        Flicks::from_ticks(ticks, self.time_base)
    }
}

#[cfg(test)]
mod tests {
    use super::{Ratio, Rhythm};

    /// As ffprobe lists the packets of an Ogg file of libvorbis.
    #[test]
    fn short_packets_of_vorbis_begin_where_the_one_before_ends() {
        let packets = [(0, 576), (576, 1024), (2048, 128), (2176, 128), (2304, 576), (2880, 1024)];
        let is_unsteady = |codec: &str| {
            let mut rhythm = Rhythm::new(codec, 48_000, Ratio::new(1, 48_000));
            for (time, duration) in packets {
                rhythm.packet(Some(time), Some(duration));
            }
            rhythm.is_unsteady()
        };
        assert!(!is_unsteady("vorbis"));
        assert!(is_unsteady("flac"));
    }
}
