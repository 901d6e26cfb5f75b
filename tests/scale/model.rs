//! The model: how long the path through a distributed task is, and what it costs.
//!
//! Every number that is not measured on this machine is defined here, once. A processor of a
//! function is assumed to be as fast as one of this machine.

use video_concat::cost::{Architecture, PRICES, Work};

use crate::measure::Measured;

/// Memory of a function in MB; every [`PROCESSOR_MB`] add a processor.
const MEMORY_MB: u32 = 10_240;
const PROCESSOR_MB: f64 = 1769.0;
/// `/tmp` of a function in MB.
const DISK_MB: u32 = 10_240;
/// The share of a function's processors that an encoder's threads use.
const ENCODER_SHARE: f64 = 0.85;

/// The machine of the steps, and its storage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    pub(crate) cores: f64,
    /// The time until a new instance works.
    pub(crate) cold_start_s: f64,
    /// Bytes per second that one function reads from S3, or writes.
    pub(crate) rate: f64,
    /// The time until S3 begins to answer.
    pub(crate) latency_s: f64,
    /// Bytes per second that S3 copies into the parts of an upload, many parts at a time.
    pub(crate) copy_rate: f64,
}

pub(crate) const LAMBDA: Machine = Machine {
    cores: MEMORY_MB as f64 / PROCESSOR_MB,
    cold_start_s: 0.6,
    rate: 75e6,
    latency_s: 0.03,
    copy_rate: 800e6,
};

/// The time from one state to the next.
const TRANSITION_S: f64 = 0.1;
/// How many children of a map are started per second.
const MAP_STARTS: f64 = 100.0;
/// How many children of a map, and functions of an account, run at the same time.
pub(crate) const MOST_AT_ONCE: u32 = 1000;
/// US dollars per transition between states.
const TRANSITION_USD: f64 = 0.000_025;
/// State transitions for a range, and for the rest of a task.
const RANGE_TRANSITIONS: f64 = 3.0;
const TASK_TRANSITIONS: f64 = 12.0;
/// The bit rate of sources for each line of their height.
pub(crate) const CLIP_BITS_PER_LINE: f64 = 8000.0;
/// Bytes of a clip's index per second of the clip, and the time for listing its packets.
const INDEX_BYTES: f64 = 500.0;
const PROBE_S: f64 = 0.000_5;
/// Answers of S3 that have to arrive one after the other before a clip can be opened.
const OPENING_ANSWERS: f64 = 4.0;
/// The time until a process works.
const PROCESS_S: f64 = 0.1;
/// Processes that probe a clip, and clips that the plan step probes at the same time.
const PROBE_PROCESSES: f64 = 3.0;
const PARALLEL_PROBES: f64 = 3.0;
/// Seconds of a clip that a range reads before its start and after its end, for its decoders.
const READ_AROUND_S: f64 = 5.0;
/// Seconds of audio that are encoded before a range: 512 packets of AAC.
const AUDIO_RUN_UP_S: f64 = 11.0;
/// Bytes per second of output in the note of a range: a line for each packet.
const NOTE_BYTES: f64 = 1100.0;
/// Bytes per second of output in the index, and the time for reading the packets from it one after
/// the other.
const HEAD_BYTES: f64 = 600.0;
const LIST_CPU: f64 = 0.000_35;
/// S3's minimum for a part: smaller ranges are downloaded and uploaded.
const LEAST_PART: f64 = 5.0 * 1024.0 * 1024.0;
/// Concurrent requests of the join step.
const PARALLEL_READS: f64 = 16.0;
/// Bytes per second of a finished output whose index is read through, including holes.
const INDEX_RATE: f64 = 1e9;

/// An output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Film {
    pub(crate) seconds: f64,
    pub(crate) height: f64,
    /// Length of each of its clips.
    pub(crate) clip_s: f64,
}

/// The model's result for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) path_s: f64,
    pub(crate) usd: f64,
    /// For all functions.
    pub(crate) billed_s: f64,
    pub(crate) chunks: u32,
    pub(crate) plan_s: f64,
    pub(crate) ranges_s: f64,
    pub(crate) join_s: f64,
}

/// Simulates an output in this many ranges, which make their own audio, with at most `limit` of
/// them at a time.
pub(crate) fn simulate(
    film: Film,
    (chunks, limit): (u32, u32),
    measured: &Measured,
    on: &Machine,
) -> Outcome {
    let count = f64::from(chunks);
    let clips = (film.seconds / film.clip_s).ceil();
    let each = film.seconds / count;
    let plan_s = plan_s(film, clips, on);
    let each_s = range_s(film, each, measured, on);
    let at_once = count.min(f64::from(limit));
    let waves = (count / at_once).ceil();
    let ranges_s = waves * each_s + count / MAP_STARTS;
    let join_s = join_s(film, count, measured, on);
    let path_s = plan_s + ranges_s + join_s + 4.0 * TRANSITION_S;
    let billed = plan_s + count * each_s + join_s;
    let read = count * (each + READ_AROUND_S) * film.clip_rate() / 8e6;
    let requests = count * 10.0 + clips * OPENING_ANSWERS + read;
    let work = Work {
        memory_mb: MEMORY_MB,
        disk_mb: DISK_MB,
        seconds: billed,
        invocations: chunks + 2,
        // A piece, its note, and its part of the result; large ranges are copied in several parts.
        puts: chunks * 5 + 20,
        gets: requests.round() as u32,
    };
    let transitions = count * RANGE_TRANSITIONS + TASK_TRANSITIONS;
    let usd = PRICES.cost(&work, Architecture::X86).total + transitions * TRANSITION_USD;
    Outcome { path_s, usd, billed_s: billed, chunks, plan_s, ranges_s, join_s }
}

/// The plan step reads the clips' indices.
fn plan_s(film: Film, clips: f64, on: &Machine) -> f64 {
    let each = film.clip_s.min(film.seconds);
    let open = OPENING_ANSWERS * on.latency_s + each * INDEX_BYTES / on.rate;
    let probe = PROBE_PROCESSES * PROCESS_S + each * PROBE_S;
    on.cold_start_s + (clips / PARALLEL_PROBES).ceil() * (open + probe) + 5.0 * on.latency_s
}

/// A range with this many seconds: its share of the clips is fetched while it is rendered.
fn range_s(film: Film, each: f64, measured: &Measured, on: &Machine) -> f64 {
    let cores = on.cores;
    let audio = each + AUDIO_RUN_UP_S.min(film.seconds - each);
    let fetch = (audio + READ_AROUND_S) * film.clip_rate() / on.rate;
    // One processor encodes audio while the others encode the video.
    let render = (measured.run_up_cpu + each * measured.render_cpu + audio * measured.sound_cpu)
        / (cores * ENCODER_SHARE);
    let sound = audio * measured.sound_cpu + 2.0 * PROCESS_S;
    let check = each * (measured.check_cpu + measured.sound_check_cpu) / cores;
    let output = each * (measured.bytes + measured.sound_bytes);
    let stored = output / on.rate + 8.0 * on.latency_s;
    let opened = OPENING_ANSWERS * on.latency_s + 4.0 * PROCESS_S;
    on.cold_start_s + opened + fetch.max(render).max(sound) + check + stored
}

/// The join step reads the notes of the ranges, writes the index, and has the ranges copied.
fn join_s(film: Film, count: f64, measured: &Measured, on: &Machine) -> f64 {
    let all = film.seconds * (measured.bytes + measured.sound_bytes);
    // The notes, and the first frame of each range.
    let read =
        (count / PARALLEL_READS).ceil() * 2.0 * on.latency_s + film.seconds * NOTE_BYTES / on.rate;
    let small = all / count < LEAST_PART;
    let fetched = if small { all } else { LEAST_PART.min(all) };
    let sent = (fetched + film.seconds * HEAD_BYTES) / on.rate;
    let copied = (all - fetched) / on.copy_rate + on.latency_s;
    let checked = film.seconds * LIST_CPU + all / INDEX_RATE + 4.0 * PROCESS_S;
    let stored = sent.max(copied).max(checked);
    on.cold_start_s + read + fetched / on.rate + 2.0 * PROCESS_S + stored + 5.0 * on.latency_s
}

impl Film {
    /// Bytes per second of its clips.
    fn clip_rate(self) -> f64 {
        CLIP_BITS_PER_LINE * self.height / 8.0
    }
}

/// Whether one function can hold what the join step writes, and each step ends in time.
pub(crate) fn fits(film: Film, outcome: &Outcome, measured: &Measured) -> bool {
    let all = film.seconds * (measured.bytes + measured.sound_bytes);
    let is_small = all / f64::from(outcome.chunks) < LEAST_PART;
    let fetched = if is_small { all } else { LEAST_PART };
    let longest = [outcome.plan_s, outcome.ranges_s, outcome.join_s];
    fetched + film.seconds * HEAD_BYTES <= f64::from(DISK_MB) * 1e6
        && longest.iter().all(|&seconds| seconds <= 890.0)
}
