//! How long tasks scale over many functions: a simulation with costs measured on this machine.
//!
//! `scale REPORT` prints the duration and the price of outputs by length, size, and number of
//! ranges, and writes the best of each to the report.

#![allow(
    // Seconds, frames and bytes are all far from the types' limits.
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

use serde_json::{Map, Value, json};

use measure::{Measured, measure};
use model::{Film, LAMBDA, MOST_AT_ONCE, Outcome, fits, simulate};
use real::calibrate;

#[path = "../bed.rs"]
mod bed;
mod measure;
mod model;
mod real;

const HEIGHTS: [(&str, u32); 3] = [("720p", 720), ("1080p", 1080), ("4k", 2160)];
const LENGTHS: [(&str, f64); 4] =
    [("10min", 600.0), ("1h", 3600.0), ("4h", 14_400.0), ("12h", 43_200.0)];
const CHUNKS: [u32; 8] = [10, 20, 40, 60, 100, 200, 400, 1000];
const CLIP_S: f64 = 300.0;
/// `CHUNK_SECONDS` and `MAX_CONCURRENCY` if they are not set.
const DEFAULT_RANGE_S: f64 = 60.0;
const DEFAULT_AT_ONCE: u32 = 40;
/// The allowed length of a range.
const RANGE_S: std::ops::RangeInclusive<f64> = 10.0..=600.0;
/// Of all outcomes, the one with the fewest ranges is chosen whose path is at most this many times as
/// long as the shortest.
const GAIN: f64 = 1.05;

fn main() {
    let mut report = Map::new();
    report.insert("calibration".to_owned(), calibrate());
    for (size, height) in HEIGHTS {
        let measured = measure(height);
        println!("{size}: {measured:.4?}");
        report.insert(format!("measured-{size}"), costs(&measured));
        for (length, seconds) in LENGTHS {
            let film = Film { seconds, height: f64::from(height), clip_s: CLIP_S };
            let counts = CHUNKS.into_iter();
            let counts = counts.filter(|&count| RANGE_S.contains(&(seconds / f64::from(count))));
            let outcomes: Vec<Outcome> = counts
                .map(|chunks| simulate(film, (chunks, MOST_AT_ONCE), &measured, &LAMBDA))
                .collect();
            for outcome in &outcomes {
                println!("{}", line(&format!("{length}-{size}"), outcome));
            }
            let shortest = outcomes.iter().map(|it| it.path_s).fold(f64::MAX, f64::min);
            let best = outcomes.iter().find(|it| it.path_s <= shortest * GAIN);
            let by_default = (seconds / DEFAULT_RANGE_S).round() as u32;
            let by_default = (by_default, DEFAULT_AT_ONCE);
            let by_default = simulate(film, by_default, &measured, &LAMBDA);
            println!("{}", line("by default", &by_default));
            if let Some(best) = best {
                let mut entry = entry(best);
                entry["default"] = self::entry(&by_default);
                entry["fits"] = fits(film, best, &measured).into();
                println!("{}: more ranges than {} gain nothing\n", length, best.chunks);
                report.insert(format!("{length}-{size}"), entry);
            }
        }
    }
    let path = std::env::args_os().nth(1).map_or_else(
        || bed::process::repository().join("target/scale/report.json"),
        std::path::PathBuf::from,
    );
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).expect("the report's folder can be made");
    }
    std::fs::write(&path, format!("{:#}\n", Value::Object(report))).expect("it can be written");
    println!("Every number: {}", path.display());
}

fn line(name: &str, outcome: &Outcome) -> String {
    let Outcome { path_s, usd, chunks, plan_s, ranges_s, join_s, .. } = outcome;
    format!(
        "{name:>12} in {chunks:>4} ranges: {path_s:>6.0} s, ${usd:.2} (plan {plan_s:.0}, ranges \
         {ranges_s:.0}, join {join_s:.0})"
    )
}

fn entry(outcome: &Outcome) -> Value {
    let round = |number: f64, digits: f64| (number * digits).round() / digits;
    json!({
        "path_s": round(outcome.path_s, 10.0),
        "usd": round(outcome.usd, 1000.0),
        "chunks": outcome.chunks,
        "plan_s": round(outcome.plan_s, 10.0),
        "ranges_s": round(outcome.ranges_s, 10.0),
        "join_s": round(outcome.join_s, 10.0),
    })
}

fn costs(measured: &Measured) -> Value {
    json!({
        "render_cpu": measured.render_cpu,
        "check_cpu": measured.check_cpu,
        "audio_cpu": measured.sound_cpu,
        "audio_check_cpu": measured.sound_check_cpu,
        "audio_bytes": measured.sound_bytes,
        "run_up_cpu": measured.run_up_cpu,
        "bytes": measured.bytes,
    })
}
