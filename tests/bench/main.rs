//! The benchmark: compares the function with what people do by hand today, and measures its start,
//! its memory, and its size. It only measures: no number makes it fail.
//!
//! `bench [REPORT]` writes every number to the report and prints medians.

#![allow(
    // Frames and milliseconds are all far from the types' limits.
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    // Short texts, made once.
    clippy::format_push_string
)]

use std::path::PathBuf;

use serde_json::{Value, json};
use video_concat::settings::Settings;

use bed::process::repository;
use concat::Speed;
use job::Job;
use options::Options;

#[path = "../bed.rs"]
mod bed;
mod by_hand;
mod concat;
mod cpu;
mod exactness;
mod job;
mod machine;
mod media;
mod memory;
mod options;
mod ours;
mod sizes;
mod start;
mod stats;
mod throttle;

/// The folder of the sources, and of the report unless another path is given.
const FOLDER: &str = "target/bench";

fn main() {
    let options = Options::from_env();
    let path = std::env::args_os()
        .nth(1)
        .map_or_else(|| repository().join(FOLDER).join("report.json"), PathBuf::from);
    let preset = preset();
    let machine = machine::describe();
    println!(
        "{} cores of {}, ffmpeg {}, preset {preset}",
        machine["cores"],
        text(&machine["processor"]),
        text(&machine["ffmpeg"])
    );
    let concat: Vec<Value> = runs(&options)
        .iter()
        .map(|(job, speed, changed)| concat::measure(&options, job, *speed, changed, preset))
        .collect();
    let report = json!({
        "machine": machine,
        "preset": preset,
        "concat": concat,
        "exactness": exactness::measure(preset),
        "start": start::measure(options.starts, preset),
        "memory": memory::measure(preset),
        "sizes": sizes::measure(),
    });
    write(&path, &report);
}

/// What is measured: a job, the speed of storage, and the settings that differ from the function's.
type Run = (Job, Speed, Vec<(&'static str, &'static str)>);

fn runs(options: &Options) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let both = [Speed::Full, Speed::Held];
    for &height in &options.heights {
        let seed = || job::seed(height, options.seconds);
        runs.extend(both.map(|speed| (seed(), speed, vec![])));
        runs.extend(both.map(|speed| (seed(), speed, vec![("VERIFY", "packets")])));
    }
    for extension in ["mp4", "mkv"] {
        runs.extend(both.map(|speed| (job::cut(extension, options.long_bytes), speed, vec![])));
    }
    runs.extend(both.map(|speed| (job::short(options.seconds.div_ceil(12)), speed, vec![])));
    for (name, option) in [("fitting", ",vbopt_1"), ("not fitting", "")] {
        let between = || job::between(name, option, options.seconds * 2);
        runs.extend(both.map(|speed| (between(), speed, vec![("VERIFY", "packets")])));
    }
    let wanted = |job: &Job| options.only.as_ref().is_none_or(|only| job.name.contains(only));
    runs.retain(|(job, ..)| wanted(job));
    runs
}

/// The function's default, or the environment's value.
fn preset() -> &'static str {
    let read = |name: &str| {
        let wanted = name == "VIDEO_PRESET";
        std::env::var(name).ok().filter(|_| wanted)
    };
    match Settings::from_env_map(read) {
        Ok(settings) => settings.video_preset.name(),
        Err(errors) => panic!("{errors}"),
    }
}

fn write(path: &PathBuf, report: &Value) {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).expect("the report's folder can be made");
    }
    let text = format!("{report:#}\n");
    std::fs::write(path, text)
        .unwrap_or_else(|error| panic!("{} cannot be written: {error}", path.display()));
    println!("\nEvery number: {}", path.display());
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
