//! The distribution's own ffmpeg, years older than the layer's, reads the films over HTTP.

use std::path::PathBuf;
use std::process::Command;

use crate::bed::process::{first_file, run};

use super::film::{DASH, Film, HLS_MP4, HLS_TS};

const SAMPLE_RATE: f64 = 48_000.0;
/// What the codec puts before and behind, in samples.
const BLOCKS: f64 = 4096.0;

fn installed() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    first_file(std::env::split_paths(&path).map(|folder| folder.join("ffmpeg")))
        .expect("no ffmpeg in PATH: `apt-get install ffmpeg`")
}

/// Frames and samples, after everything was decoded without a word.
fn decoded(film: &Film) -> (u64, f64) {
    let server = film.serve();
    let mut command = Command::new(installed());
    command
        .args(["-v", "error", "-xerror", "-i"])
        .arg(film.address(&server.url()).as_str())
        .args(["-map", "0:v", "-map", "0:a", "-fps_mode", "passthrough", "-f", "framecrc", "-"]);
    let output = run(&mut command);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let (mut frames, mut samples) = (0, 0.0);
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        match fields[0] {
            "0" => frames += 1,
            "1" => samples += fields[3].parse::<f64>().unwrap(),
            _ => {}
        }
    }
    (frames, samples)
}

#[track_caller]
fn assert_read(film: &Film) {
    let (frames, samples) = decoded(film);
    assert_eq!(frames, film.frames);
    let expected = film.seconds() * SAMPLE_RATE;
    assert!((samples - expected).abs() <= BLOCKS, "{samples} samples instead of {expected}");
}

#[test]
fn hls_in_transport_streams() {
    assert_read(&HLS_TS);
}

#[test]
fn hls_in_fragmented_mp4() {
    assert_read(&HLS_MP4);
}

#[test]
fn dash_in_fragmented_mp4() {
    assert_read(&DASH);
}
