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
/// How much of a function's processors an encoder's threads use.
const ENCODER_SHARE: f64 = 0.85;

/// What steps run on, and what they read from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    pub(crate) cores: f64,
    /// A new instance, until it works.
    pub(crate) cold_start_s: f64,
    /// Bytes a second that one function reads from S3, or writes.
    pub(crate) rate: f64,
    /// An answer of S3, before its bytes.
    pub(crate) latency_s: f64,
    /// Bytes a second that S3 copies into the parts of an upload, many parts at a time.
    pub(crate) copy_rate: f64,
}

pub(crate) const LAMBDA: Machine = Machine {
    cores: MEMORY_MB as f64 / PROCESSOR_MB,
    cold_start_s: 0.6,
    rate: 75e6,
    latency_s: 0.03,
    copy_rate: 800e6,
};

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
/// Sources have so many bit/s for each line of their height.
pub(crate) const CLIP_BITS_PER_LINE: f64 = 8000.0;
/// Bytes of a second of samples, as the audio's step keeps them.
const SAMPLES_RATE: f64 = 48_000.0 * 2.0 * 4.0;
/// Reading the packets of a clip, for each second of it.
const PROBE_S: f64 = 0.000_5;
/// Bytes at each seam that the join fetches and sends: S3's least for a part.
const SEAM: f64 = 5.0 * 1024.0 * 1024.0;
/// Requests of the join at the same time.
const PARALLEL_READS: f64 = 16.0;
/// Bytes a second of a finished film whose index is read through, holes and all.
const INDEX_RATE: f64 = 1e9;

/// A film that is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Film {
    pub(crate) seconds: f64,
    pub(crate) height: f64,
    /// Of each of its clips.
    pub(crate) clip_s: f64,
}

/// What the model says of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) path_s: f64,
    pub(crate) usd: f64,
    /// Of all functions.
    pub(crate) billed_s: f64,
    pub(crate) chunks: u32,
    pub(crate) plan_s: f64,
    pub(crate) ranges_s: f64,
    pub(crate) sound_s: f64,
    pub(crate) join_s: f64,
}

/// A film in so many ranges.
pub(crate) fn simulate(film: Film, chunks: u32, measured: &Measured, on: &Machine) -> Outcome {
    let cores = on.cores;
    let count = f64::from(chunks);
    let clip_rate = CLIP_BITS_PER_LINE * film.height / 8.0;
    let clips = (film.seconds / film.clip_s).ceil();
    // The planner and the audio read every clip, one after the other.
    let whole = film.seconds * clip_rate;
    let read_all = whole / on.rate + clips * on.latency_s;
    let plan_s = on.cold_start_s + read_all + film.seconds * PROBE_S;
    let each = film.seconds / count;
    // A range reads the clips that it shows, whole.
    let touched = (1.0 + each / film.clip_s).min(clips);
    let fetch = touched * (film.clip_s.min(film.seconds) * clip_rate / on.rate + on.latency_s);
    let output = each * measured.bytes;
    let each_s = on.cold_start_s
        + fetch
        + measured.run_up_cpu / cores
        + each * measured.render_cpu / (cores * ENCODER_SHARE)
        + each * measured.check_cpu / cores
        + output / on.rate
        + 5.0 * on.latency_s;
    let at_once = count.min(MOST_AT_ONCE);
    let waves = (count / at_once).ceil();
    let ranges_s = waves * each_s + count / MAP_STARTS;
    let sound_s = on.cold_start_s + read_all + film.seconds * measured.sound_cpu;
    let all = film.seconds * measured.bytes;
    let audio = film.seconds * measured.sound_bytes;
    // What is fetched of the video, to be sent with the audio between the ranges.
    let seams = (count * SEAM).min(all);
    let prepared = (count / PARALLEL_READS).ceil() * 3.0 * on.latency_s + (audio + seams) / on.rate;
    let sent = ((audio + seams) / on.rate).max((all - seams) / on.copy_rate);
    let checked = film.seconds * measured.sound_check_cpu + all / INDEX_RATE;
    let join_s = on.cold_start_s + prepared + sent.max(checked) + 5.0 * on.latency_s;
    let path_s = plan_s + ranges_s.max(sound_s) + join_s + 4.0 * TRANSITION_S;
    let billed = plan_s + count * each_s + sound_s + join_s;
    let requests = count * 8.0 + clips * (2.0 + film.clip_s * clip_rate / 8e6) * 3.0;
    let work = Work {
        memory_mb: MEMORY_MB,
        disk_mb: DISK_MB,
        seconds: billed,
        invocations: chunks + 3,
        // A piece, its note, and its part of the result; large ranges are copied in several.
        puts: chunks * 5 + 20,
        gets: requests.round() as u32,
    };
    let transitions = count * RANGE_TRANSITIONS + TASK_TRANSITIONS;
    let usd = PRICES.cost(&work, Architecture::X86).total + transitions * TRANSITION_USD;
    Outcome { path_s, usd, billed_s: billed, chunks, plan_s, ranges_s, sound_s, join_s }
}

/// Whether one function can hold what the join and the audio write, and end in its time.
pub(crate) fn fits(film: Film, outcome: &Outcome, measured: &Measured) -> bool {
    let disk = f64::from(DISK_MB) * 1e6;
    let longest = [outcome.plan_s, outcome.sound_s, outcome.join_s];
    let clip = film.clip_s * CLIP_BITS_PER_LINE * film.height / 8.0;
    let seams = (f64::from(outcome.chunks) * SEAM).min(film.seconds * measured.bytes);
    // The audio as it was made, in the template, and in the result.
    seams + 3.0 * film.seconds * measured.sound_bytes <= disk
        && clip + film.seconds * SAMPLES_RATE <= disk
        && longest.iter().all(|&seconds| seconds <= 890.0)
}
