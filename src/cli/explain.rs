//! `explain`: shows what a request would do.

mod commands;
mod text;

use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::json;
use video_concat::clamped::clamped;
use video_concat::codec::Container;
use video_concat::cost::{Architecture, Cost, PRICES, Work};
use video_concat::engine::render::chunks;
use video_concat::engine::seek::unproven;
use video_concat::engine::trial::estimate;
use video_concat::object::ObjectUri;
use video_concat::output::{AudioRateControl, VideoRate};
use video_concat::plan::{Chunk, Files, Plan};
use video_concat::process::Request;
use video_concat::process::request::SegmentFormat;
use video_concat::process::template::{Template, Variable};
use video_concat::storage::fetch::request_count;
use video_concat::task::{OutputRecord, SourceRecord, TimelineRecord};
use video_concat::worker::TaskError;

use super::engine::EngineArgs;
use super::failure::Failure;
use super::output::Output;
use super::progress::Progress;
use super::request::{Asked, RequestArgs};
use super::run::wait;
use super::side::Side;
use super::task::Task;

/// Memory in megabytes for which Lambda gives a whole processor.
const PROCESSOR_MB: f64 = 1769.0;
/// Bytes per second between S3 and a function, from experience.
const TRANSFER: f64 = 75e6;
/// How often the record of a task is written: when it is claimed, confirmed, and ended.
const RECORD_PUTS: u32 = 3;
/// A task with segments writes it once more before it stores them, with their common name.
const RUN_PUTS: u32 = 1;
/// Requests that look for the record and the target.
const LOOKS: u64 = 3;

/// A processor of Lambda.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Processor {
    #[default]
    #[value(name = "x86_64")]
    X86,
    #[value(name = "arm64")]
    Arm,
}

/// The arguments.
#[derive(Args, Debug)]
pub(crate) struct Explain {
    #[command(flatten)]
    request: RequestArgs,
    /// Where the sources are: a folder whose files are the objects, or a bucket. Without it, only
    /// what follows from the request itself is shown.
    #[arg(long, value_name = "DIR|s3://BUCKET")]
    sources: Option<Side>,
    /// Also print the ffmpeg commands.
    #[arg(long, requires = "sources")]
    commands: bool,
    /// Also measure how long the task takes, by making a small part of the output.
    #[arg(long, requires = "sources")]
    time: bool,
    /// The function's processor architecture, which determines its price.
    #[arg(long, value_enum, default_value_t)]
    arch: Processor,
    #[command(flatten)]
    engine: EngineArgs,
}

/// The result. Fields have the same names as in task records, if there are any.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Explanation {
    process: String,
    warnings: Vec<String>,
    /// The target; `None` if its name depends on the sources.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    /// The clips as requested, if no source has been looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    clips: Vec<AskedClip>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    planned: Option<Planned>,
}

/// An entry of the concatenation list as requested.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct AskedClip {
    object: String,
    start_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
}

/// What follows from the sources.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Planned {
    sources: Vec<SourceRecord>,
    timeline: Vec<TimelineRecord>,
    /// For each clip, why it is not copied completely; `None` if it is.
    not_copied: Vec<Option<String>>,
    output: OutputRecord,
    chunks: Vec<PlannedChunk>,
    disk: Disk,
    time: Time,
    cost: Cost,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    commands: Vec<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PlannedChunk {
    first_frame: u64,
    frames: u64,
}

/// Bytes in the work folder.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Disk {
    sources: u64,
    /// Bytes of the output, if its bit rate is requested; a segmented output counts twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<u64>,
}

impl Disk {
    /// The sum of what is known.
    fn whole(&self) -> u64 {
        self.sources + self.output.unwrap_or(0)
    }
}

/// Seconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Time {
    processors: u32,
    /// The least time for encoding on this machine.
    least: f64,
    /// The time for making and checking on this machine, from a trial.
    #[serde(skip_serializing_if = "Option::is_none")]
    here: Option<f64>,
    /// The task's time in a function with this memory: from a trial, else the least time.
    function: f64,
    function_memory_mb: u32,
}

impl Explain {
    pub(crate) fn run(&self, output: Output) -> Result<(), Failure> {
        let asked = self.request.one()?;
        let explanation = match &self.sources {
            None => of_request(&asked)?,
            Some(side) => {
                let request = asked.resolve_whole(side)?;
                let progress = Progress::new();
                let outcome = wait(self.of_sources(request, side, &progress));
                progress.clear();
                outcome?
            }
        };
        output.warnings(&explanation.warnings);
        output.result(&text::of(&explanation), || json!(explanation))
    }

    async fn of_sources(
        &self,
        request: Request,
        side: &Side,
        progress: &Progress,
    ) -> Result<Explanation, Failure> {
        let task = Task::prepare(request, side, &self.engine, progress).await?;
        let chunks = chunks(&task.ffmpeg, &task.plan);
        let sources: Vec<&Path> = task.files.iter().map(PathBuf::as_path).collect();
        let mut from_start = Vec::new();
        if self.commands || self.time {
            progress.stage("seek");
            let found = unproven(&task.ffmpeg, &task.plan, &chunks, &sources).await;
            from_start = found.map_err(TaskError::Run)?;
        }
        let files = Files { from_start: &from_start, ..Files::new(&sources) };
        let processors = available_parallelism().map_or(1, |count| clamped::<u32>(count.get()));
        let here = if self.time {
            progress.stage("time");
            let here = estimate(&task.ffmpeg, &task.plan, &files, processors).await;
            Some(here.map_err(TaskError::Run)?.as_secs_f64())
        } else {
            None
        };
        let disk = disk(&task);
        let time = self.times(&task, &disk, here, processors);
        let cost = self.cost(&task, &disk, time.function);
        let commands =
            if self.commands { commands::of(&task, &chunks, &files) } else { Vec::new() };
        Ok(Explanation {
            process: task.request.canonical.clone(),
            warnings: task.record.warnings.clone(),
            target: Some(task.target.to_string()),
            clips: Vec::new(),
            planned: Some(Planned {
                sources: task.record.sources.clone(),
                timeline: task.record.timeline.clone(),
                not_copied: not_copied(&task),
                output: OutputRecord::from(&task.plan),
                chunks: chunks.iter().map(PlannedChunk::from).collect(),
                disk,
                time,
                cost,
                commands,
            }),
        })
    }

    fn times(&self, task: &Task, disk: &Disk, here: Option<f64>, processors: u32) -> Time {
        let least = task.plan.least_encoding(processors).as_secs_f64();
        let functions = f64::from(self.engine.memory) / PROCESSOR_MB;
        let work = here.unwrap_or(least) * f64::from(processors) / functions;
        let moved = as_float(disk.whole()) / TRANSFER;
        Time {
            processors,
            least,
            here,
            function: work + moved,
            function_memory_mb: self.engine.memory,
        }
    }

    fn cost(&self, task: &Task, disk: &Disk, seconds: f64) -> Cost {
        let sources = task.sources.iter();
        let gets: u64 = sources.map(|source| 1 + request_count(source.head.size)).sum();
        let small = |number: u64| clamped::<u32>(number);
        let run = if task.plan.output.segments.is_some() { RUN_PUTS } else { 0 };
        let megabytes = disk.whole().div_ceil(1 << 20);
        let work = Work {
            memory_mb: self.engine.memory,
            disk_mb: small(megabytes),
            seconds,
            invocations: 1,
            puts: small(file_count(&task.plan)).saturating_add(RECORD_PUTS + run),
            gets: small(gets + LOOKS),
        };
        let architecture = match self.arch {
            Processor::X86 => Architecture::X86,
            Processor::Arm => Architecture::Arm,
        };
        PRICES.cost(&work, architecture)
    }
}

/// For each clip, the first reason why it is encoded.
fn not_copied(task: &Task) -> Vec<Option<String>> {
    let parts = task.plan.clips.iter().zip(&task.plan.copying.refusals);
    let reason = |clip: usize| {
        let mut reasons = parts.clone().filter(|(part, _)| part.clip == clip);
        reasons.find_map(|(_, refusal)| Some(refusal.as_ref()?.to_string()))
    };
    (0..task.request.clips.len()).map(reason).collect()
}

/// What is known without sources.
fn of_request(asked: &Asked) -> Result<Explanation, Failure> {
    let request = asked.resolve()?;
    let is_unknown = |index| index == request.main && asked.object.is_none();
    let clips = request.clips.iter().enumerate().map(|(index, clip)| AskedClip {
        object: if is_unknown(index) {
            "(the main object)".to_owned()
        } else {
            clip.key.to_string()
        },
        start_ms: clip.start_ms,
        duration_ms: clip.duration_ms,
    });
    Ok(Explanation {
        clips: clips.collect(),
        target: known_target(asked, &request),
        process: request.canonical,
        warnings: request.warnings,
        planned: None,
    })
}

/// The target, if its name depends on neither sources nor time.
fn known_target(asked: &Asked, request: &Request) -> Option<String> {
    let unknown = jiff::Timestamp::UNIX_EPOCH;
    let variables = request.variables(unknown, unknown);
    let templates = request.target.bucket.iter().chain([&request.target.key]);
    let is_known = templates.flat_map(Template::variables).all(Variable::is_known_early);
    if !is_known || asked.object.is_none() || asked.bucket.is_none() {
        return None;
    }
    let bucket = request.target_bucket(&variables).ok()?;
    let key = request.target.key.target_key(&variables).ok()?;
    ObjectUri::named(bucket, key).ok().map(|uri| uri.to_string())
}

fn disk(task: &Task) -> Disk {
    let sources = task.sources.iter().map(|source| source.head.size).sum();
    let copies = if task.plan.output.segments.is_some() { 2 } else { 1 };
    Disk { sources, output: output_bytes(&task.plan).map(|bytes| bytes * copies) }
}

/// Number of the output's files: segments, initialisation segments, and a playlist.
fn file_count(plan: &Plan) -> u64 {
    let streams = u64::from(plan.output.video.is_some()) + u64::from(plan.output.audio.is_some());
    match plan.output.segments.map(|segments| segments.format) {
        None => 1,
        Some(SegmentFormat::Hls) => {
            plan.segment_count() + 1 + u64::from(plan.output.container == Container::Mp4)
        }
        Some(SegmentFormat::Dash) => (plan.segment_count() + 1) * streams + 1,
    }
}

/// Bytes of the output, if its bit rates are requested.
fn output_bytes(plan: &Plan) -> Option<u64> {
    let video = match plan.output.video.as_ref().map(|video| video.rate) {
        None => 0,
        Some(VideoRate::BitRate(rate) | VideoRate::Quality { peak: Some((rate, _)), .. }) => rate,
        Some(VideoRate::Quality { peak: None, .. }) => return None,
    };
    let audio = match plan.output.audio.as_ref().map(|audio| audio.rate) {
        None => 0,
        Some(AudioRateControl::BitRate(rate)) => rate,
        // Small compared with video, and the highest rate that the encoders choose.
        Some(AudioRateControl::Default | AudioRateControl::Quality(_)) => 320_000,
    };
    let millis = plan.length().to_millis().unsigned_abs();
    Some((video + audio).saturating_mul(millis) / 8000)
}

impl From<&Chunk> for PlannedChunk {
    fn from(chunk: &Chunk) -> Self {
        let first_frame = chunk.frames.start;
        Self { first_frame, frames: chunk.frames.end - first_frame }
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
const fn as_float(number: u64) -> f64 {
    number as f64
}
