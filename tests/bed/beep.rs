//! Audio that can be recognised: each clip beeps at a pitch of its own at the start of each of its
//! seconds.
//!
//! Loops over samples are plain ones, since tests are compiled without optimisation, where every call
//! of an iterator takes time.

use std::f64::consts::TAU;

pub const BEEP_MS: f64 = 60.0;
const RAMP_MS: f64 = 5.0;
const LEVEL: f64 = 0.5;
/// Relative to the loudest moment: above this value there is a beep, below there is none. The ramp
/// of a beep crosses it after this share of its length.
const THRESHOLD: f64 = 0.35;
const SILENT: f64 = 0.01;
const WINDOW_MS: f64 = 2.0;
const HOPS_PER_MS: f64 = 4.0;
/// A shorter dip does not end a beep.
const DIP_MS: f64 = 8.0;
/// By how much the loudness alone may misplace a beep, since codecs smear its edges.
const REACH_MS: f64 = 10.0;
/// Which samples the first look compares, one of so many, how many places it takes in each of the
/// tone's periods, and from which share of the best likeness on the places around one are looked at
/// again.
const ROUGHLY: usize = 5;
const PLACES: f64 = 16.0;
const GOOD: f64 = 0.85;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beep {
    pub at_ms: f64,
    pub lasts_ms: f64,
    /// `None` if the pitch is not that of any clip.
    pub clip: Option<u8>,
}

pub fn pitch(clip: u8) -> f64 {
    500.0 + 150.0 * f64::from(clip)
}

/// The clip's audio at this time.
pub fn sample(clip: u8, seconds: f64) -> f64 {
    let within_ms = seconds.fract() * 1000.0;
    if within_ms >= BEEP_MS {
        return 0.0;
    }
    let ramp = (within_ms.min(BEEP_MS - within_ms) / RAMP_MS).min(1.0);
    LEVEL * ramp * (TAU * pitch(clip) * seconds.fract()).sin()
}

pub fn detect(audio: &[f32], rate: u32) -> Vec<Beep> {
    let envelope = Envelope::of(audio, rate);
    let loudest = envelope.loudest();
    if loudest < SILENT {
        return Vec::new();
    }
    let spans = envelope.spans_above(loudest * THRESHOLD);
    spans.into_iter().map(|(from, to)| describe(audio, rate, from, to)).collect()
}

/// Where the audio stays below a hundredth for at least this long: (from, to) in milliseconds.
pub fn silences(audio: &[f32], rate: u32, at_least_ms: f64) -> Vec<(f64, f64)> {
    let envelope = Envelope::of(audio, rate);
    let mut silences = Vec::new();
    let mut from = 0.0;
    let end = audio.len() as f64 * 1000.0 / f64::from(rate);
    let loud = envelope.spans_above(SILENT);
    for (loud_from, loud_to) in loud.into_iter().chain([(end, end)]) {
        if loud_from - from >= at_least_ms {
            silences.push((from, loud_from));
        }
        from = loud_to;
    }
    silences
}

/// The times, in milliseconds, at which a steady tone of this pitch breaks off or jumps.
pub fn clicks(audio: &[f32], rate: u32, hertz: f64) -> Vec<f64> {
    let turn = 2.0 * (TAU * hertz / f64::from(rate)).cos();
    let loudest = f64::from(audio.iter().fold(0.0_f32, |most, value| most.max(value.abs())));
    // Each sample of a sine follows from the two before it.
    let surprise =
        |three: &[f32]| f64::from(three[2]) - turn * f64::from(three[1]) + f64::from(three[0]);
    let mut clicks: Vec<f64> = Vec::new();
    for (index, three) in audio.windows(3).enumerate() {
        let at = index as f64 * 1000.0 / f64::from(rate);
        let known = clicks.last().is_some_and(|last| at - last < DIP_MS);
        if surprise(three).abs() > loudest * 0.2 && !known {
            clicks.push(at);
        }
    }
    clicks
}

/// The amplitude of a sine of this pitch, from 0 to 1, by Goertzel's algorithm.
pub fn amplitude(audio: &[f32], rate: u32, hertz: f64) -> f64 {
    let angle = TAU * hertz / f64::from(rate);
    let turn = 2.0 * angle.cos();
    let (mut last, mut before, mut index) = (0.0, 0.0, 0);
    while index < audio.len() {
        (last, before) = (f64::from(audio[index]) + turn * last - before, last);
        index += 1;
    }
    let (real, imaginary) = (last - before * angle.cos(), before * angle.sin());
    2.0 * f64::hypot(real, imaginary) / (audio.len() as f64).max(1.0)
}

fn describe(audio: &[f32], rate: u32, from: f64, to: f64) -> Beep {
    let ramp = RAMP_MS * THRESHOLD;
    let clip = recognise(audio, rate, from, to);
    let roughly = from - ramp;
    let at_ms = clip.map_or(roughly, |clip| place(audio, rate, clip, roughly));
    Beep { at_ms, lasts_ms: to - from + 2.0 * ramp, clip }
}

/// Where the clip's beep fits best, to a fraction of a sample.
fn place(audio: &[f32], rate: u32, clip: u8, roughly_ms: f64) -> f64 {
    let per_ms = f64::from(rate) / 1000.0;
    let length = (BEEP_MS * per_ms) as usize;
    let beep: Vec<f64> =
        (0..length).map(|index| sample(clip, index as f64 / f64::from(rate))).collect();
    let heard = |at: isize| {
        usize::try_from(at).ok().and_then(|at| audio.get(at)).map_or(0.0, |value| f64::from(*value))
    };
    let (rough, reach) = ((roughly_ms * per_ms) as isize, (REACH_MS * per_ms) as isize);
    let heard: Vec<f64> =
        (rough - reach..rough + reach + length.cast_signed()).map(heard).collect();
    let step = (f64::from(rate) / pitch(clip) / PLACES) as usize;
    let likenesses = likenesses(&beep, &heard, step.max(1));
    let around = likenesses.windows(3).enumerate().max_by(|a, b| a.1[1].total_cmp(&b.1[1]));
    let Some((index, &[before, best, after])) = around else {
        return roughly_ms;
    };
    // The top of the parabola through the best value and its neighbours.
    let part = 0.5 * (before - after) / (before - 2.0 * best + after);
    ((rough - reach) as f64 + index as f64 + 1.0 + part) / per_ms
}

/// How well the beep fits at each place; far from where it fits well, 0.
fn likenesses(beep: &[f64], heard: &[f64], step: usize) -> Vec<f64> {
    let count = (heard.len() + 1).saturating_sub(beep.len());
    let rough: Vec<(usize, f64)> =
        (0..count).step_by(step).map(|at| (at, likeness(beep, &heard[at..], ROUGHLY))).collect();
    let best = rough.iter().map(|place| place.1).fold(0.0, f64::max);
    let mut likenesses = vec![0.0; count];
    for (at, _) in rough.into_iter().filter(|place| place.1 > best * GOOD) {
        for near in at.saturating_sub(step)..(at + step + 1).min(count) {
            if likenesses[near] == 0.0 {
                likenesses[near] = likeness(beep, &heard[near..], 1);
            }
        }
    }
    likenesses
}

/// From each `step`th sample.
fn likeness(beep: &[f64], heard: &[f64], step: usize) -> f64 {
    let (mut sum, mut index) = (0.0, 0);
    while index < beep.len() {
        sum += beep[index] * heard[index];
        index += step;
    }
    sum * step as f64
}

fn recognise(audio: &[f32], rate: u32, from: f64, to: f64) -> Option<u8> {
    let margin = (to - from) / 6.0;
    let index = |ms: f64| ((ms * f64::from(rate) / 1000.0) as usize).min(audio.len());
    let part = &audio[index(from + margin)..index(to - margin)];
    let heard = (0..32).map(|clip| (clip, amplitude(part, rate, pitch(clip))));
    let (clip, most) = heard.max_by(|a, b| a.1.total_cmp(&b.1))?;
    let power = part.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>() / part.len() as f64;
    (most > 0.6 * (2.0 * power).sqrt()).then_some(clip)
}

/// The loudness around each moment, four values per millisecond.
struct Envelope(Vec<f64>);

impl Envelope {
    fn of(audio: &[f32], rate: u32) -> Self {
        let mut sums = Vec::with_capacity(audio.len() + 1);
        let (mut sum, mut index) = (0.0, 0);
        sums.push(sum);
        while index < audio.len() {
            let value = f64::from(audio[index]);
            sum += value * value;
            sums.push(sum);
            index += 1;
        }
        let per_ms = f64::from(rate) / 1000.0;
        let hops = (audio.len() as f64 / per_ms * HOPS_PER_MS) as usize;
        let at = |ms: f64| ((ms.max(0.0) * per_ms).round() as usize).min(audio.len());
        let loudness = |hop: usize| {
            let ms = hop as f64 / HOPS_PER_MS;
            let (from, to) = (at(ms - WINDOW_MS / 2.0), at(ms + WINDOW_MS / 2.0));
            ((sums[to] - sums[from]) / (to - from).max(1) as f64).sqrt()
        };
        Self((0..hops).map(loudness).collect())
    }

    fn loudest(&self) -> f64 {
        self.0.iter().copied().fold(0.0, f64::max)
    }

    /// (from, to) in milliseconds.
    fn spans_above(&self, threshold: f64) -> Vec<(f64, f64)> {
        let mut spans: Vec<(f64, f64)> = Vec::new();
        for (hop, loudness) in self.0.iter().enumerate() {
            let ms = hop as f64 / HOPS_PER_MS;
            match spans.last_mut() {
                _ if *loudness < threshold => {}
                Some(last) if ms - last.1 < DIP_MS => last.1 = ms,
                _ => spans.push((ms, ms)),
            }
        }
        spans.retain(|(from, to)| to - from >= WINDOW_MS);
        spans
    }
}
