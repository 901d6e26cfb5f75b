//! The distribution's own ffmpeg, years older than the layer's, reads the outputs over HTTP.

use std::path::PathBuf;
use std::process::Command;

use url::Url;

use crate::bed::process::{first_file, run};
use crate::bed::source::Source;
use crate::scene::Scene;

use super::film::{BLOCK, DASH, FRAME, Film, HLS_MP4, HLS_TS, SEGMENT_FRAMES};

/// The samples that the codec adds before and after, in seconds.
const BLOCKS: f64 = 4.0 * BLOCK;

fn installed() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    first_file(std::env::split_paths(&path).map(|folder| folder.join("ffmpeg")))
        .expect("no ffmpeg in PATH: `apt-get install ffmpeg`")
}

/// What ffmpeg reads from an address without reporting any error.
struct Read {
    video: Vec<Unit>,
    audio: Vec<Unit>,
}

/// A packet or what was decoded from it, in seconds.
struct Unit {
    shown: f64,
    lasts: f64,
}

fn read(address: &Url, before: &str, behind: &str) -> Read {
    let mut command = Command::new(installed());
    command.args(["-v", "error", "-xerror"]).args(before.split_whitespace());
    command.args(["-i", address.as_str(), "-map", "0:v", "-map", "0:a"]);
    command.args(behind.split_whitespace()).args(["-f", "framecrc", "-"]);
    let output = run(&mut command);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = String::from_utf8(output.stdout).unwrap();
    Read { video: units(&text, "0"), audio: units(&text, "1") }
}

/// The lines of one stream, in the time base that the head declares.
fn units(text: &str, stream: &str) -> Vec<Unit> {
    let head = format!("#tb {stream}: ");
    let base = text.lines().find_map(|line| line.strip_prefix(&head)).expect("there is one");
    let (numerator, denominator) = base.split_once('/').unwrap();
    let base = numerator.parse::<f64>().unwrap() / denominator.parse::<f64>().unwrap();
    let lines = text.lines().map(|line| line.split(',').map(str::trim).collect::<Vec<_>>());
    lines
        .filter(|fields| fields[0] == stream)
        .map(|fields| {
            let seconds = |index: usize| fields[index].parse::<f64>().unwrap() * base;
            Unit { shown: seconds(2), lasts: seconds(3) }
        })
        .collect()
}

/// Its encoder ends with an empty packet, which the muxer writes as a block.
#[test]
fn flac_in_avi_to_its_end() {
    let scene = Scene::new().source("a.mp4", &Source::new(1));
    for parameters in ["", ",vn_1"] {
        let parameters = format!("f_avi,vcodec_h264,acodec_flac{parameters}");
        let outcome = scene.run("a.mp4", &parameters).succeeded();
        let mut command = Command::new(installed());
        command.args(["-v", "error", "-i"]).arg(outcome.file()).args(["-f", "null", "-"]);
        assert_eq!(String::from_utf8_lossy(&run(&mut command).stderr), "");
        let beeps: Vec<_> =
            outcome.reading().beeps().iter().map(|beep| beep.at_ms.round()).collect();
        assert_eq!(beeps, [0.0, 1000.0]);
    }
}

#[track_caller]
fn assert_read(film: &Film) {
    let server = film.serve();
    let read = read(&film.address(&server.url()), "", "-fps_mode passthrough");
    assert_eq!(read.video.len() as u64, film.frames);
    let audio: f64 = read.audio.iter().map(|unit| unit.lasts).sum();
    let expected = film.seconds();
    assert!((audio - expected).abs() <= BLOCKS, "{audio} s of audio instead of {expected} s");
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

#[test]
fn video_and_audio_of_a_transport_segment_begin_together() {
    let server = HLS_TS.serve();
    let playlist = HLS_TS.address(&server.url());
    let names = HLS_TS.text().lines().filter(|line| !line.starts_with('#'));
    let starts: Vec<f64> = names
        .map(|name| {
            let read = read(&playlist.join(name).unwrap(), "-copyts", "-c copy");
            let (video, audio) = (&read.video[0], &read.audio[0]);
            assert!((audio.shown - video.shown).abs() <= BLOCK + 1e-4, "{name}");
            video.shown
        })
        .collect();
    assert_eq!(starts.len(), 3);
    let length = SEGMENT_FRAMES as f64 * FRAME;
    let even = starts.windows(2).all(|two| (two[1] - two[0] - length).abs() < 1e-4);
    assert!(even, "{starts:?}");
}
