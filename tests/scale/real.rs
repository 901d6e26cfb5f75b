//! A real run of 40 ranges on this machine, with the real function and the stack's own state
//! machine, to compare the model's result with the measured one.

use std::time::Instant;

use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::{Value, json};

use crate::bed::ffmpeg;
use crate::bed::function::Settings;
use crate::bed::s3::S3;
use crate::bed::step_functions::StepFunctions;
use crate::measure::{PROCESS, measure, source};
use crate::model::{Film, Machine, simulate};

const HEIGHT: u32 = 360;
const CLIP_S: u32 = 50;
const CLIPS: u32 = 8;
const RANGE_S: u32 = 10;

/// Runs it, and the model for comparison.
pub(crate) fn calibrate() -> Value {
    let folder = tempfile::tempdir().expect("there is room");
    let s3 = S3::start(&["sources"]);
    s3.put_file("sources", "film.mp4", &source(folder.path(), HEIGHT, CLIP_S));
    let program = std::env::current_exe().expect("it runs");
    let program = program.ancestors().nth(2).expect("examples have a folder").join("bootstrap");
    let settings = Settings::program(program)
        .with(s3.environment())
        .with(ffmpeg::environment())
        .set("DISTRIBUTE", "always")
        .set("CHUNK_SECONDS", RANGE_S.to_string())
        // One step after the other, so that each takes as long as it would alone.
        .set("MAX_CONCURRENCY", "1");
    let steps = StepFunctions::start(&s3, &settings);
    let again = "/sur,o_ZmlsbS5tcDQ".repeat(CLIPS as usize - 1);
    let process = PROCESS.replace("|sys", &format!("{again}|sys"));
    let event = json!({"bucket": "sources", "object": "film.mp4", "process": process});
    let started = Instant::now();
    let running = steps.crew().invoke(&event).unwrap();
    let arn = running["ExecutionArn"].as_str().unwrap_or_else(|| panic!("{running:#}"));
    assert_eq!(steps.ended(arn), ExecutionStatus::Succeeded, "{:#?}", steps.history(arn));
    let wall_s = started.elapsed().as_secs_f64();
    let record = steps.crew().invoke(&event).unwrap();
    let usage = &record["Usage"];
    let number = |value: &Value| value.as_f64().expect("it is a number");
    let billed_s = number(&usage["GbSeconds"]) * 1024.0 / number(&usage["MemoryMb"]);
    let chunks = record["Chunks"]["Total"].as_u64().expect("it is distributed") as u32;
    let film = Film {
        seconds: f64::from(CLIP_S * CLIPS),
        height: f64::from(HEIGHT),
        clip_s: f64::from(CLIP_S),
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // Storage is this machine's memory, and functions stay warm.
    let here = Machine {
        cores: cores as f64,
        cold_start_s: 0.0,
        rate: 400e6,
        latency_s: 0.01,
        copy_rate: 400e6,
    };
    let said = simulate(film, (chunks, 1), &measure(HEIGHT), &here);
    println!(
        "calibration: {chunks} ranges took {billed_s:.0} s of functions, by the model {:.0} s; {wall_s:.0} s in all\n",
        said.billed_s
    );
    let round = |number: f64| (number * 100.0).round() / 100.0;
    json!({
        "chunks": chunks,
        "billed_s": round(billed_s),
        "model_billed_s": round(said.billed_s),
        "ratio": round(billed_s / said.billed_s),
        "wall_s": round(wall_s),
    })
}
