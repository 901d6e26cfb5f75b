//! The benchmark: the function beside what is written by hand today, its start, its memory, its
//! size. It measures and judges nothing: no number makes it fail.
//!
//! `bench [REPORT]` writes every number to the report and prints medians.

use std::path::PathBuf;

use serde_json::{Value, json};
use video_concat::settings::Settings;

use bed::process::repository;
use options::Options;

#[path = "../bed.rs"]
mod bed;
mod by_hand;
mod concat;
mod cpu;
mod job;
mod machine;
mod media;
mod memory;
mod options;
mod ours;
mod sizes;
mod start;
mod stats;

/// Where sources are kept, and the report unless another place is named.
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
    let heights = options.heights.iter();
    let concat: Vec<Value> =
        heights.map(|&height| concat::measure(&options, height, preset)).collect();
    let report = json!({
        "machine": machine,
        "preset": preset,
        "concat": concat,
        "start": start::measure(options.starts, preset),
        "memory": memory::measure(preset),
        "sizes": sizes::measure(),
    });
    write(&path, &report);
}

/// The function's own default, or what the environment says.
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
