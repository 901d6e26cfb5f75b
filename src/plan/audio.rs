//! A clip's audio as a filter chain with an exact number of samples.

use super::clock;
use crate::codec::Container;
use crate::flicks::Flicks;
use crate::media::{AudioStream, Stretch};
use crate::mix::adaptive_filter;
use crate::output::AudioOutput;

/// Gaps and overlaps up to this many seconds are jitter of the timestamps (Matroska and FLV round
/// them to milliseconds); larger ones are real.
const JITTER: &str = "0.04";
/// How much audio before the cut the resampler gets: enough for its filter to settle.
const SETTLE_MS: u64 = 50;

/// The same for audio with corrected timestamps, each of which is exact to the millisecond.
const STEADY: &str = "0.002";

/// The part of a stream that a clip plays.
pub(super) struct Source<'a> {
    pub(super) stream: &'a AudioStream,
    /// Start of the cut on the stream's own clock.
    pub(super) start: Flicks,
    /// Where its stretches belong, if its own timestamps are unsteady.
    pub(super) stretches: &'a [Stretch],
}

/// The samples of a clip at the output's rate and layout.
///
/// `aresample` drops the rest of what precedes the cut, fills gaps and a late start with silence,
/// and converts the rate; `pan` mixes the channels.
///
/// `atrim` has to come first: when a frame yields no sample, `aresample` asks for the next one, but
/// is not called again for a frame that already waits at its own input. Frames that wait at `atrim`
/// instead arrive one by one, as requested.
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

/// Samples at the output's rate, from `start` on, without gaps. Deviations of the timestamps up to
/// `jitter` seconds are ignored.
fn placed(input_rate: u32, start: Flicks, output_rate: u32, jitter: &str) -> String {
    let input_rate = num_rational::Ratio::from_integer(i64::from(input_rate));
    let first = start.to_units(input_rate);
    // Rounded to a whole sample, so that reading from another key frame begins at the same sample.
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

/// An exact number of samples, with silence appended if there are too few.
fn counted(samples: u64, output: &AudioOutput) -> String {
    ["apad".to_owned(), format!("atrim=end_sample={samples}"), stamps(output)].join(",")
}

/// The audio from `start` to `end`, converted, with `start` as time zero. The chain counts no
/// samples, so ffmpeg can rebuild it in the middle.
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

/// Concatenates all clips.
pub(super) fn in_a_row(clips: usize, output: &AudioOutput) -> String {
    format!("concat=n={clips}:v=0:a=1,{}", stamps(output))
}

/// The same for a file that holds the samples of all clips.
pub(super) fn of_samples(output: &AudioOutput) -> String {
    format!("{},{}", format(output), stamps(output))
}

/// What the encoder and the container need after that.
pub(super) fn finished(output: &AudioOutput, container: Container) -> String {
    let mut filters = Vec::new();
    let delay = output.encoder_delay();
    if output.codec.withholds_delay() {
        // The silence pushes the encoder's last samples out.
        filters.push(format!("apad=pad_len={delay}"));
    }
    if container == Container::Avi && delay > 0 {
        // AVI can't declare the encoder's delay. So as many samples are left out at the start, and
        // all later audio is in sync.
        filters.push(format!("atrim=start_sample={delay}"));
    }
    let played = output.codec.played_rate(output.sample_rate);
    if played != output.sample_rate {
        // ffmpeg writes the delay in samples at the encoder's rate, and players read it as samples
        // at the playback rate: this makes the two rates equal.
        filters.push(format!("aresample={played}"));
    }
    let stamped = output.codec.stamped_delay(output.sample_rate);
    if i64::from(stamped) != delay {
        filters.push(format!("asetpts=N-({delay}-{stamped})"));
    }
    filters.iter().flat_map(|filter| [",", filter]).collect()
}

/// Float samples between the clips and the encoder preserve every source's bit depth.
fn format(output: &AudioOutput) -> String {
    format!("aformat=sample_fmts=fltp:channel_layouts={}", output.layout())
}

fn stamps(output: &AudioOutput) -> String {
    format!("asettb=1/{},asetpts=N", output.sample_rate)
}
