//! The model: how long the path through a distributed task is, and what it costs.
//!
//! Every figure that no measurement on this machine gives stands here, once. A function's processor
//! is taken for as fast as one of this machine's.

use video_concat::cost::{Architecture, PRICES, Work};

use crate::measure::Measured;

/// MB of a function; each [`PROCESSOR_MB`] bring a processor.
const MEMORY_MB: u32 = 10_240;
const PROCESSOR_MB: f64 = 1769.0;
/// `/tmp` of a function.
const DISK_MB: u32 = 10_240;
/// How much of six processors an encoder's threads use.
const ENCODER_SHARE: f64 = 0.85;
/// A new instance, until it works.
const COLD_START_S: f64 = 0.6;
/// Bytes a second that one function reads from S3, or writes.
const S3_RATE: f64 = 75e6;
/// An answer of S3, before its bytes.
const S3_LATENCY_S: f64 = 0.03;
/// From one state to the next.
const TRANSITION_S: f64 = 0.1;
/// Children of a map that start in a second.
const MAP_STARTS: f64 = 100.0;
/// Children of a map that run at once, and functions of an account.
const MOST_AT_ONCE: f64 = 1000.0;
/// US dollars for a transition between states.
const TRANSITION_USD: f64 = 0.000_025;
/// States that a range passes through, and the rest of a task.
const RANGE_TRANSITIONS: f64 = 3.0;
const TASK_TRANSITIONS: f64 = 12.0;
/// Sources are clips of so many seconds, and of so many bit/s for each line of their height.
const CLIP_S: f64 = 300.0;
const CLIP_BITS_PER_LINE: f64 = 8000.0;
/// Bytes of a second of samples, as the audio's step keeps them.
const SAMPLES_RATE: f64 = 48_000.0 * 2.0 * 4.0;
/// Reading the packets of a clip, for each second of it.
const PROBE_S: f64 = 0.000_5;
/// Processor seconds that proving and joining packets takes for a second of output.
const JOIN_CPU: f64 = 0.005;

/// A film that is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Film {
    pub(crate) seconds: f64,
    pub(crate) height: f64,
}

/// What the model says of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) path_s: f64,
    pub(crate) usd: f64,
    pub(crate) chunks: u32,
    pub(crate) plan_s: f64,
    pub(crate) ranges_s: f64,
    pub(crate) sound_s: f64,
    pub(crate) join_s: f64,
}

/// A film in so many ranges.
pub(crate) fn simulate(film: Film, chunks: u32, measured: &Measured) -> Outcome {
    let cores = f64::from(MEMORY_MB) / PROCESSOR_MB;
    let count = f64::from(chunks);
    let clip_rate = CLIP_BITS_PER_LINE * film.height / 8.0;
    let clips = (film.seconds / CLIP_S).ceil();
    // The planner and the audio read every clip, one after the other.
    let whole = film.seconds * clip_rate;
    let read_all = whole / S3_RATE + clips * S3_LATENCY_S;
    let plan_s = COLD_START_S + read_all + film.seconds * PROBE_S;
    let each = film.seconds / count;
    // A range reads the clips that it shows, whole.
    let touched = (1.0 + each / CLIP_S).min(clips);
    let fetch = touched * (CLIP_S.min(film.seconds) * clip_rate / S3_RATE + S3_LATENCY_S);
    let output = each * measured.bytes;
    let each_s = COLD_START_S
        + fetch
        + measured.run_up_cpu / cores
        + each * measured.render_cpu / (cores * ENCODER_SHARE)
        + each * measured.check_cpu / cores
        + output / S3_RATE
        + 5.0 * S3_LATENCY_S;
    let at_once = count.min(MOST_AT_ONCE);
    let waves = (count / at_once).ceil();
    let ranges_s = waves * each_s + count / MAP_STARTS;
    let sound_s = COLD_START_S + read_all + film.seconds * measured.sound_cpu;
    let all = film.seconds * measured.bytes;
    let join_s = COLD_START_S
        + count * S3_LATENCY_S
        // Written to the disk as it is read; stored while it is checked.
        + 2.0 * all / S3_RATE
        + film.seconds * JOIN_CPU;
    let path_s = plan_s + ranges_s.max(sound_s) + join_s + 4.0 * TRANSITION_S;
    let billed = plan_s + count * each_s + sound_s + join_s;
    let requests = count * 8.0 + clips * (2.0 + CLIP_S * clip_rate / 8e6) * 3.0;
    let work = Work {
        memory_mb: MEMORY_MB,
        disk_mb: DISK_MB,
        seconds: billed,
        invocations: chunks + 3,
        puts: chunks * 3 + 20,
        gets: requests.round() as u32,
    };
    let transitions = count * RANGE_TRANSITIONS + TASK_TRANSITIONS;
    let usd = PRICES.cost(&work, Architecture::X86).total + transitions * TRANSITION_USD;
    Outcome { path_s, usd, chunks, plan_s, ranges_s, sound_s, join_s }
}

/// Whether one function can hold what the join writes, and end in its time.
pub(crate) fn fits(film: Film, outcome: &Outcome, measured: &Measured) -> bool {
    let disk = f64::from(DISK_MB) * 1e6;
    let longest = [outcome.plan_s, outcome.sound_s, outcome.join_s];
    let clip = CLIP_S * CLIP_BITS_PER_LINE * film.height / 8.0;
    film.seconds * measured.bytes <= disk
        && clip + film.seconds * SAMPLES_RATE <= disk
        && longest.iter().all(|&seconds| seconds <= 890.0)
}
