//! The job through the function's release binary.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bed::ffmpeg;
use crate::bed::function::{Function, Settings};
use crate::bed::process::{first_file, repository};
use crate::bed::s3::S3;
use crate::bed::sns::Sns;
use crate::by_hand::megabytes;
use crate::cpu::Cpu;
use crate::job::{Job, TARGET_BUCKET, TOPIC};

const FUNCTION: &str = "target/lambda/bootstrap/bootstrap";
const TIMEOUT: Duration = Duration::from_mins(15);

/// The function's settings with the bed's servers.
pub(crate) fn settings(s3: &S3, sns: &Sns, preset: &str) -> Settings {
    let function = first_file([repository().join(FUNCTION)]);
    let function = function.unwrap_or_else(|| panic!("there is no {FUNCTION}: run `make build`"));
    Settings::program(function)
        .timeout(TIMEOUT)
        .with(s3.environment())
        .with(sns.environment())
        .with(ffmpeg::environment())
        .set("TOPIC_ARN_PREFIX", TOPIC.trim_end_matches(|letter| letter != ':'))
        .set("VIDEO_PRESET", preset)
}

/// Times in seconds.
pub(crate) fn round(function: &Function, s3: &S3, job: &Job) -> Value {
    // What exists already might not be made again.
    for key in s3.keys(TARGET_BUCKET) {
        s3.delete(TARGET_BUCKET, &key);
    }
    let before = Cpu::of(function.id());
    let started = Instant::now();
    let record = perform(function, &job.event);
    let total = started.elapsed().as_secs_f64();
    let cpu = Cpu::of(function.id()).since(before);
    let stage = |name: &str| record["Timings"][name].as_f64().unwrap_or(0.0) / 1000.0;
    let stages = ["FetchMs", "ProbeMs", "EncodeMs", "VerifyMs", "StoreMs"].map(stage);
    json!({
        "total": total,
        // It has been checked by then.
        "checked": total,
        "fetch": stages[0],
        "probe": stages[1],
        "encode": stages[2],
        "verify": stages[3],
        "store": stages[4],
        "between_stages": stage("TotalMs") - stages.iter().sum::<f64>(),
        "outside_task": total - stage("TotalMs"),
        "handler_cpu": cpu.own,
        "ffmpeg_cpu": cpu.children,
        "fetched_mb": megabytes(record["Usage"]["BytesFetched"].as_u64().unwrap_or(0)),
        "frames": record["Output"]["Video"]["Frames"],
        "bytes": record["Targets"][0]["Size"],
        "timings_ms": record["Timings"],
    })
}

/// The record of a task that must succeed.
pub(crate) fn perform(function: &Function, event: &Value) -> Value {
    let record = function.invoke(event).unwrap();
    assert!(record["Status"] == "Succeeded", "the task failed: {record:#}");
    record
}
