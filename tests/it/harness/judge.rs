//! A judge that can't find a fault proves nothing: each fault is made, and has to be found.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::bed::expect::{Clip, Difference, Expected};
use crate::bed::ffmpeg::ffmpeg;
use crate::bed::process::run;
use crate::bed::reading::Reading;
use crate::bed::source::Source;

const RATE: (u32, u32) = (25, 1);
/// Clip 1 is frames 0..=49, clip 2 is 50..=99, clip 3 is 100..=149.
const CLIPS: [u8; 3] = [1, 2, 3];

fn expected() -> Expected {
    Expected::new(RATE, CLIPS.map(|id| Clip::whole(id, RATE, 2.0)).to_vec())
}

/// The three clips joined as they should be, lossless but for what each test does to them.
fn good() -> &'static Path {
    static GOOD: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    &GOOD.get_or_init(|| joined("[0:v][0:a][1:v][1:a][2:v][2:a]concat=n=3:v=1:a=1[v][a]")).1
}

/// What a filter graph makes of the three clips.
fn joined(graph: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.mkv");
    let mut command = ffmpeg();
    for id in CLIPS {
        command.arg("-i").arg(Source::new(id).audio_codec("pcm_s16le").write("clip.mkv"));
    }
    finish(command.args(["-filter_complex", graph]), &out);
    (folder, out)
}

/// What a filter graph makes of the good file.
fn changed(graph: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.mkv");
    finish(ffmpeg().arg("-i").arg(good()).args(["-filter_complex", graph]), &out);
    (folder, out)
}

fn finish(command: &mut std::process::Command, out: &Path) {
    command.args(["-map", "[v]", "-map", "[a]", "-fps_mode", "passthrough"]);
    command.args(["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "pcm_s16le"]);
    run(command.arg(out));
}

fn differences(file: &Path) -> Vec<Difference> {
    expected().differences(&Reading::of(file))
}

fn wrong_frames(differences: &[Difference]) -> Vec<usize> {
    let number = |difference: &Difference| match difference {
        Difference::Frame { number, .. } => Some(*number),
        _ => None,
    };
    differences.iter().filter_map(number).collect()
}

#[test]
fn the_untouched_file_has_no_differences() {
    assert_eq!(differences(good()), []);
}

#[test]
fn two_swapped_clips_are_seen_and_heard() {
    let (_folder, file) = joined("[0:v][0:a][2:v][2:a][1:v][1:a]concat=n=3:v=1:a=1[v][a]");
    let found = differences(&file);
    assert_eq!(wrong_frames(&found), (50..150).collect::<Vec<_>>());
    assert!(found.iter().any(|d| matches!(d, Difference::BeepMissing { clip: 2, .. })), "{found:?}");
}

#[test]
fn a_dropped_frame_is_seen() {
    let (_folder, file) = changed("[0:v]select='not(eq(n,70))',setpts=N/25/TB[v];[0:a]anull[a]");
    let found = differences(&file);
    assert!(found.contains(&Difference::FrameCount { expected: 150, found: 149 }), "{found:?}");
    assert_eq!(wrong_frames(&found), (70..149).collect::<Vec<_>>());
}

#[test]
fn a_frame_shown_twice_in_place_of_the_next_is_seen() {
    // As many frames as there should be: only their contents tell.
    let graph = "[0:v]select='not(eq(n,71))',setpts=N/25/TB,loop=loop=1:size=1:start=70,setpts=N/25/TB[v];[0:a]anull[a]";
    let (_folder, file) = changed(graph);
    assert_eq!(wrong_frames(&differences(&file)), [71]);
}

#[test]
fn late_sound_is_heard() {
    for late in [40, 80] {
        let (_folder, file) = changed(&format!("[0:v]null[v];[0:a]adelay={late}:all=1,atrim=end=6[a]"));
        let found = differences(&file);
        let shifts = found.iter().filter_map(|difference| match difference {
            Difference::BeepShifted { by_ms, .. } => Some(*by_ms),
            _ => None,
        });
        let shifts: Vec<_> = shifts.collect();
        assert_eq!(shifts.len(), 6, "{late}: {found:?}");
        assert!(shifts.iter().all(|by| (by - f64::from(late)).abs() < 5.0), "{late}: {found:?}");
    }
}

#[test]
fn early_sound_is_heard() {
    let (_folder, file) = changed("[0:v]null[v];[0:a]atrim=start=0.04,asetpts=PTS-STARTPTS[a]");
    let found = differences(&file);
    assert!(found.iter().any(|d| matches!(d, Difference::BeepShifted { by_ms, .. } if *by_ms < -35.0)), "{found:?}");
}

#[test]
fn a_muted_clip_is_missed() {
    let (_folder, file) = changed("[0:v]null[v];[0:a]volume=0:enable='between(t,2,4)'[a]");
    let found = differences(&file);
    let missing = |at_ms| Difference::BeepMissing { clip: 2, at_ms };
    assert_eq!(found, [missing(2000.0), missing(3000.0)]);
}

#[test]
fn sound_that_stops_early_is_counted() {
    let (_folder, file) = changed("[0:v]null[v];[0:a]atrim=end=5.9[a]");
    assert_eq!(differences(&file), [Difference::SampleCount { expected: 288_000, found: 283_200 }]);
}

#[test]
fn a_missing_stream_is_told() {
    let found = expected().no_audio().differences(&Reading::of(good()));
    assert_eq!(found, [Difference::Stream { kind: "audio", expected: false }]);
}
