//! A clip's audio as a filter chain with an exact number of samples.

use super::clock;
use crate::codec::Container;
use crate::flicks::Flicks;
use crate::media::{AudioStream, Stretch};
use crate::mix::adaptive_filter;
use crate::output::AudioOutput;

/// Gaps and overlaps up to this many seconds are jitter of the time stamps
/// (Matroska and FLV round them to milliseconds), larger ones are real.
const JITTER: &str = "0.04";
/// What is decoded before the cut reaches the resampler only so far in front
/// of it: enough for its filter to have settled.
const SETTLE_MS: u64 = 50;

/// Where the stamps are steady, each is right to the millisecond.
const STEADY: &str = "0.002";

/// What of a stream is heard.
pub(super) struct Source<'a> {
    pub(super) stream: &'a AudioStream,
    /// Start of the cut on the stream's own clock.
    pub(super) start: Flicks,
    /// Where its parts belong, if its own stamps don't tell it.
    pub(super) stretches: &'a [Stretch],
}

/// The samples of a clip at the output's rate and layout.
///
/// `aresample` drops the last of what is before the cut, fills gaps and a late
/// start with silence, and converts the rate; `pan` mixes the channels.
///
/// `atrim` has to stand in front: where a frame gives `aresample` no sample, it
/// asks for the next one and is not called again for a frame that waits at its
/// own input already. Waiting at `atrim`, frames come one by one as they are
/// asked for.
pub(super) fn chain(source: &Source<'_>, samples: u64, output: &AudioOutput) -> String {
    let &Source { stream, start, stretches } = source;
    let jitter = if stretches.is_empty() { JITTER } else { STEADY };
    let mut filters: Vec<String> = clock::stamps(stretches).into_iter().collect();
    filters.push(placed(stream.sample_rate, start, output.sample_rate, jitter));
    filters.extend(output.mix(stream).map(|mix| mix.filter(output.layout())));
    filters.extend([format(output), counted(samples, output)]);
    filters.join(",")
}

/// The samples of a clip whose audio has been [`conformed`].
pub(super) fn conformed_chain(samples: u64, output: &AudioOutput) -> String {
    let rate = output.sample_rate;
    [placed(rate, Flicks::ZERO, rate, JITTER), format(output), counted(samples, output)].join(",")
}

/// Samples at the output's rate, from `start` on, without gaps. Time stamps that are off by no more
/// than `jitter` seconds change nothing.
fn placed(input_rate: u32, start: Flicks, output_rate: u32, jitter: &str) -> String {
    let input_rate = num_rational::Ratio::from_integer(i64::from(input_rate));
    let first = start.to_units(input_rate);
    // A whole sample: what is read from elsewhere on begins at the same one.
    let settled = (start - Flicks::from_millis(SETTLE_MS)).to_units(input_rate);
    let settled = Flicks::of_units(settled, input_rate);
    [
        format!("atrim=start={}", settled.as_option()),
        format!(
            "aresample={output_rate}:async=1:min_comp=0.0000001:min_hard_comp={jitter}:first_pts={first}"
        ),
        "aformat=sample_fmts=fltp".to_owned(),
    ]
    .join(",")
}

/// An exact number of samples, silent where there are too few.
fn counted(samples: u64, output: &AudioOutput) -> String {
    ["apad".to_owned(), format!("atrim=end_sample={samples}"), stamps(output)].join(",")
}

/// The audio from `start` to `end`, converted, on a clock that begins there. It
/// keeps no count of samples, so that it can be built anew in the middle.
pub(super) fn conformed(start: Flicks, end: Flicks, output: &AudioOutput) -> String {
    let (start, end) = (start.as_option(), end.as_option());
    [
        format!("aresample={}", output.sample_rate),
        "aformat=sample_fmts=fltp".to_owned(),
        adaptive_filter(output.layout()),
        format!("atrim=start={start}:end={end}"),
        format!("asetpts=PTS-{start}/TB"),
    ]
    .join(",")
}

/// Silence for a clip without audio.
pub(super) fn silence(samples: u64, output: &AudioOutput) -> String {
    [
        format!("anullsrc=r={}:cl={}", output.sample_rate, output.layout()),
        format(output),
        format!("atrim=end_sample={samples}"),
        stamps(output),
    ]
    .join(",")
}

/// All clips in a row.
pub(super) fn in_a_row(clips: usize, output: &AudioOutput) -> String {
    format!("concat=n={clips}:v=0:a=1,{}", stamps(output))
}

/// The same from a file with the samples alone.
pub(super) fn of_samples(output: &AudioOutput) -> String {
    format!("{},{}", format(output), stamps(output))
}

/// What the encoder and the container need behind that.
pub(super) fn finished(output: &AudioOutput, container: Container) -> String {
    let mut filters = Vec::new();
    let delay = output.encoder_delay();
    if output.codec.withholds_delay() {
        // Silence pushes the last samples out.
        filters.push(format!("apad=pad_len={delay}"));
    }
    if container == Container::Avi && delay > 0 {
        // AVI can't say that audio starts with the encoder's delay. What the
        // delay would shift is left out instead, so that all else is in place.
        filters.push(format!("atrim=start_sample={delay}"));
    }
    let played = output.codec.played_rate(output.sample_rate);
    if played != output.sample_rate {
        // ffmpeg writes the delay down in samples of what it encodes, and players count it in those
        // that they play: only there are both the same.
        filters.push(format!("aresample={played}"));
    }
    let stamped = output.codec.stamped_delay(output.sample_rate);
    if i64::from(stamped) != delay {
        filters.push(format!("asetpts=N-({delay}-{stamped})"));
    }
    filters.iter().flat_map(|filter| [",", filter]).collect()
}

/// Float samples between the clips and the encoder keep every source's depth.
fn format(output: &AudioOutput) -> String {
    format!("aformat=sample_fmts=fltp:channel_layouts={}", output.layout())
}

fn stamps(output: &AudioOutput) -> String {
    format!("asettb=1/{},asetpts=N", output.sample_rate)
}
