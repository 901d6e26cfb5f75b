//! The judge: computes from the list of clips alone what the result has to show and play, and
//! reports every difference in a file.

use std::fmt;
use std::ops::RangeInclusive;

use super::beep::{BEEP_MS, Beep};
use super::frame_code::{FrameCode, Shown};
use super::reading::Reading;

/// One clip of the result.
#[derive(Debug, Clone)]
pub struct Clip {
    pub id: u8,
    /// The frame rate of the source.
    pub source_rate: (u32, u32),
    /// Start of the cut in the source.
    pub start_ms: f64,
    /// How many frames of the result the clip takes.
    pub frames: usize,
    /// How many frames the source has; the last one is repeated if more are needed. 0 means a clip
    /// without video.
    pub source_frames: usize,
    /// How long the source's audio is. 0 means a clip without audio.
    pub audio_ms: f64,
    /// The start of each frame, if the source has a variable rate.
    pub starts_ms: Vec<f64>,
    /// When video and audio begin, if not at once.
    pub video_from_ms: f64,
    pub audio_from_ms: f64,
    /// How much later the clip's audio begins in the result than its video, since each is rounded
    /// separately.
    pub audio_offset_ms: f64,
}

#[derive(Debug, Clone)]
pub struct Expected {
    pub rate: (u32, u32),
    pub clips: Vec<Clip>,
    pub has_video: bool,
    pub has_audio: bool,
    /// How far a beep may be from its place.
    pub beep_tolerance_ms: f64,
    /// How much shorter a whole beep may seem, since codecs smear its edges.
    pub edge_tolerance_ms: f64,
    /// How many samples more or fewer there may be, since codecs round up to whole blocks.
    pub sample_tolerance: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    FrameCount {
        expected: usize,
        found: usize,
    },
    SampleCount {
        expected: usize,
        found: usize,
    },
    Frame {
        number: usize,
        expected: String,
        found: Shown,
    },
    BeepMissing {
        clip: u8,
        at_ms: f64,
    },
    /// The nearest beep of the right pitch is too far away.
    BeepShifted {
        clip: u8,
        at_ms: f64,
        by_ms: f64,
    },
    /// A part of the beep is missing.
    BeepCut {
        clip: u8,
        at_ms: f64,
        by_ms: f64,
    },
    BeepUnexpected {
        clip: Option<u8>,
        at_ms: f64,
    },
    Stream {
        kind: &'static str,
        expected: bool,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self:?}")
    }
}

impl Clip {
    /// A source of this many seconds, uncut, at the result's own rate.
    pub fn whole(id: u8, rate: (u32, u32), seconds: f64) -> Self {
        let frames = (seconds * rate_of(rate)).round() as usize;
        Self {
            id,
            source_rate: rate,
            start_ms: 0.0,
            frames,
            source_frames: frames,
            audio_ms: seconds * 1000.0,
            starts_ms: Vec::new(),
            video_from_ms: 0.0,
            audio_from_ms: 0.0,
            audio_offset_ms: 0.0,
        }
    }

    /// Cut to this many frames of the result, from `start_ms` on.
    pub fn cut(self, start_ms: f64, frames: usize) -> Self {
        Self { start_ms, frames, ..self }
    }

    pub fn silent(self) -> Self {
        Self { audio_ms: 0.0, ..self }
    }

    pub fn black(self) -> Self {
        Self { source_frames: 0, ..self }
    }

    /// With a variable rate: the start of each frame of the source.
    pub fn uneven(self, starts_ms: Vec<f64>) -> Self {
        Self { source_frames: starts_ms.len(), starts_ms, ..self }
    }

    /// The times at which video and audio begin in the source.
    pub fn late(self, video_from_ms: f64, audio_from_ms: f64) -> Self {
        Self { video_from_ms, audio_from_ms, ..self }
    }

    /// Which frames of the source the clip's frame `number` may show: one if the two rates agree
    /// there, else either neighbour.
    pub fn shows(&self, number: usize, rate: (u32, u32)) -> RangeInclusive<usize> {
        let last = self.source_frames.saturating_sub(1);
        let at_ms = self.start_ms + number as f64 * 1000.0 / rate_of(rate) - self.video_from_ms;
        if !self.starts_ms.is_empty() {
            let half = 500.0 / rate_of(rate);
            let at = |ms: f64| {
                self.starts_ms.iter().filter(|start| **start <= ms).count().saturating_sub(1)
            };
            return at(at_ms - half)..=at(at_ms + half);
        }
        let exact = (at_ms / 1000.0 * rate_of(self.source_rate)).max(0.0);
        let nearest = exact.round() as usize;
        let (first, until) =
            if is_whole(exact) { (nearest, nearest) } else { (exact as usize, exact as usize + 1) };
        first.min(last)..=until.min(last)
    }

    /// `None` if the frame shows what it should; otherwise what it should show.
    fn miss(&self, number: usize, rate: (u32, u32), shown: Shown) -> Option<String> {
        if self.source_frames == 0 {
            return (shown != Shown::Black).then(|| "black".to_owned());
        }
        if self.start_ms + number as f64 * 1000.0 / rate_of(rate) < self.video_from_ms {
            // It is not specified what is shown before a late video begins.
            return None;
        }
        let frames = self.shows(number, rate);
        let good =
            |code: FrameCode| code.clip == self.id && frames.contains(&usize::from(code.frame));
        let expected = || format!("clip {} frame {frames:?}", self.id);
        (!shown.code().is_some_and(good)).then(expected)
    }

    /// The places of its beeps, counted from its own start. Beeps that the cut shortens may or may
    /// not be recognised, and are left out.
    fn beeps(&self, lasts_ms: f64) -> Vec<f64> {
        let places = (0_u32..).map(|second| f64::from(second) * 1000.0);
        let places = places.take_while(|place| place + BEEP_MS <= self.audio_ms);
        let within = places.map(|place| place + self.audio_from_ms - self.start_ms);
        within.filter(|at| *at >= 0.0 && at + BEEP_MS <= lasts_ms).collect()
    }
}

impl Expected {
    pub fn new(rate: (u32, u32), clips: Vec<Clip>) -> Self {
        Self {
            rate,
            clips,
            has_video: true,
            has_audio: true,
            beep_tolerance_ms: 1.0,
            edge_tolerance_ms: 5.0,
            sample_tolerance: 2048,
        }
    }

    pub fn no_video(self) -> Self {
        Self { has_video: false, ..self }
    }

    pub fn no_audio(self) -> Self {
        Self { has_audio: false, ..self }
    }

    /// Every difference; none for a correct file.
    pub fn differences(&self, reading: &Reading) -> Vec<Difference> {
        let mut found = Vec::new();
        for (kind, expected) in [("video", self.has_video), ("audio", self.has_audio)] {
            if reading.has(kind) != expected {
                found.push(Difference::Stream { kind, expected });
            }
        }
        if self.has_video && reading.has("video") {
            found.extend(self.frame_differences(reading.frames()));
        }
        if self.has_audio && reading.has("audio") {
            found.extend(self.sample_difference(reading));
            found.extend(self.beep_differences(&reading.beeps()));
        }
        found
    }

    fn frame_count(&self) -> usize {
        self.clips.iter().map(|clip| clip.frames).sum()
    }

    fn ms(&self, frames: usize) -> f64 {
        frames as f64 * 1000.0 / rate_of(self.rate)
    }

    /// Each clip with its first frame in the result.
    fn placed(&self) -> impl Iterator<Item = (usize, &Clip)> {
        self.clips.iter().scan(0, |next, clip| {
            let first = *next;
            *next += clip.frames;
            Some((first, clip))
        })
    }

    fn frame_differences(&self, shown: &[Shown]) -> Vec<Difference> {
        let (expected, found) = (self.frame_count(), shown.len());
        let count = (expected != found).then_some(Difference::FrameCount { expected, found });
        let all = self
            .placed()
            .flat_map(|(first, clip)| (0..clip.frames).map(move |n| (first + n, n, clip)));
        let wrong = all.zip(shown).filter_map(|((number, within, clip), shown)| {
            let expected = clip.miss(within, self.rate, *shown)?;
            Some(Difference::Frame { number, expected, found: *shown })
        });
        count.into_iter().chain(wrong).collect()
    }

    fn sample_difference(&self, reading: &Reading) -> Option<Difference> {
        let rate = f64::from(reading.sample_rate());
        let expected = (self.ms(self.frame_count()) * rate / 1000.0).round() as usize;
        let found = reading.sample_count();
        (expected.abs_diff(found) > self.sample_tolerance)
            .then_some(Difference::SampleCount { expected, found })
    }

    fn beep_differences(&self, heard: &[Beep]) -> Vec<Difference> {
        let mut left = heard.to_vec();
        let mut differences = Vec::new();
        for (first, clip) in self.placed() {
            let start = self.ms(first) + clip.audio_offset_ms;
            for at in clip.beeps(self.ms(clip.frames)) {
                differences.extend(self.take(&mut left, clip.id, start + at));
            }
        }
        // Ignores beeps that a cut has shortened.
        left.retain(|beep| beep.lasts_ms > BEEP_MS * 0.75);
        let unexpected =
            |beep: Beep| Difference::BeepUnexpected { clip: beep.clip, at_ms: beep.at_ms };
        differences.into_iter().chain(left.into_iter().map(unexpected)).collect()
    }

    /// Removes the beep that belongs there from the list.
    fn take(&self, left: &mut Vec<Beep>, clip: u8, at_ms: f64) -> Option<Difference> {
        let own = left.iter().enumerate().filter(|(_, beep)| beep.clip == Some(clip));
        let off = |beep: &Beep| (beep.at_ms - at_ms).abs();
        let nearest =
            own.min_by(|a, b| off(a.1).total_cmp(&off(b.1))).map(|(index, beep)| (index, *beep));
        let Some((index, beep)) = nearest.filter(|(_, beep)| off(beep) < 500.0) else {
            return Some(Difference::BeepMissing { clip, at_ms });
        };
        left.remove(index);
        let by_ms = BEEP_MS - beep.lasts_ms;
        if by_ms > self.edge_tolerance_ms {
            return Some(Difference::BeepCut { clip, at_ms, by_ms });
        }
        let by_ms = beep.at_ms - at_ms;
        (by_ms.abs() > self.beep_tolerance_ms).then_some(Difference::BeepShifted {
            clip,
            at_ms,
            by_ms,
        })
    }
}

fn rate_of((numerator, denominator): (u32, u32)) -> f64 {
    f64::from(numerator) / f64::from(denominator)
}

fn is_whole(value: f64) -> bool {
    (value - value.round()).abs() < 0.01
}
