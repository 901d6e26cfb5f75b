//! The order in which a range stores its video and audio.

use num_rational::Ratio;

use super::fragment::Sample;
use super::packets::Packets;
use super::video::Video;

/// Samples of one stream that are stored contiguously.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Whether they are audio.
    pub audio: bool,
    /// Number of samples.
    pub samples: u32,
    /// Their length in bytes.
    pub bytes: u64,
}

/// The spans of a range without audio: each begins with a frame with which decoding can begin.
pub(super) fn alone(video: &[Sample]) -> Vec<Span> {
    let chunks = Video::chunks(video).into_iter();
    chunks.map(|chunk| Span { audio: false, samples: chunk.samples, bytes: chunk.bytes }).collect()
}

/// The spans of a range: each second of the video (`rate` frames a second) comes after the audio
/// that is played with it.
#[must_use]
pub fn weave(video: &[Sample], audio: &Packets, rate: Ratio<i64>) -> Vec<Span> {
    let each = usize::try_from(rate.ceil().to_integer()).unwrap_or(1).max(1);
    let mut steps = audio.each_step();
    let (mut spans, mut next, mut ticks) = (Vec::new(), 0, 0_u64);
    let mut take = |spans: &mut Vec<Span>, until: u128| {
        let first = next;
        while next < audio.sizes.len() && u128::from(ticks) < until {
            ticks = ticks.saturating_add(steps.next().map_or(0, u64::from));
            next += 1;
        }
        push(spans, true, &audio.sizes[first..next], |&size| size);
        next < audio.sizes.len()
    };
    let until = |frames: usize| {
        let seconds = frames as u128 * u128::from(rate.denom().unsigned_abs());
        seconds * u128::from(audio.time_scale) / u128::from(rate.numer().unsigned_abs().max(1))
    };
    let mut frames = 0;
    for second in video.chunks(each) {
        frames += second.len();
        take(&mut spans, until(frames));
        push(&mut spans, false, second, |sample| sample.size);
    }
    // The rest of audio that is longer than the video.
    while take(&mut spans, until(frames)) {
        frames += each;
    }
    spans
}

fn push<T>(spans: &mut Vec<Span>, audio: bool, samples: &[T], size: impl Fn(&T) -> u32) {
    if let (1.., Ok(count)) = (samples.len(), u32::try_from(samples.len())) {
        let bytes = samples.iter().map(|sample| u64::from(size(sample))).sum();
        spans.push(Span { audio, samples: count, bytes });
    }
}
