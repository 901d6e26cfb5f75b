//! Cuts inside long groups of pictures, exact to the frame.

use super::PAL;
use crate::bed::beep::pitch;
use crate::bed::expect::{Clip, Expected};
use crate::bed::source::Source;
use crate::scene::{Scene, USUAL, sur};

fn long(codec: &str, parameters: &str) -> Source {
    let option = if codec == "libx264" { "-x264-params" } else { "-x265-params" };
    let source = Source::new(5).video_codec(codec).seconds(12.0);
    source.extra_args(&["-g", "250", option, parameters])
}

/// What is wrong with one second from `start_ms` on.
fn faults(scene: &Scene, name: &str, start_ms: u32) -> Vec<String> {
    let outcome = scene.run(name, &format!("ss_{start_ms},t_1000,f_mp4,{USUAL}"));
    if outcome.record["Status"] != "Succeeded" {
        return vec![format!("{name} from {start_ms}: {}", outcome.record["Message"])];
    }
    let start = super::lead_ms(&scene.s3.path("sources", name));
    let clip = Clip::whole(5, PAL, 12.0).cut(f64::from(start_ms), 25).late(start, start);
    let expected = Expected::new(PAL, vec![clip]);
    let differences = expected.differences(&outcome.reading());
    let tell = |difference: &crate::bed::expect::Difference| {
        format!("{name} from {start_ms}: {difference}")
    };
    differences.iter().take(3).map(tell).collect()
}

#[track_caller]
fn check(cases: &[(&str, Source)]) {
    let mut scene = Scene::new();
    let mut wrong = Vec::new();
    for (name, source) in cases {
        scene = scene.source(name, source);
        for start_ms in [440, 10_040, 10_640] {
            wrong.extend(faults(&scene, name, start_ms));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn closed_groups_of_250() {
    let plain = || long("libx264", "bframes=3:b-pyramid=normal");
    check(&[
        ("a.mp4", plain()),
        ("a.mkv", plain()),
        ("a.ts", plain()),
        ("live.mkv", plain().extra_args(&["-live", "1"])),
        ("fragments.mp4", plain().extra_args(&["-movflags", "frag_keyframe+delay_moov"])),
        ("a.flv", plain()),
    ]);
}

#[test]
fn open_groups() {
    let open = "open-gop=1:bframes=3:b-pyramid=normal:scenecut=0";
    check(&[
        ("open.mp4", long("libx264", open)),
        ("open.mkv", long("libx264", open)),
        ("open.ts", long("libx264", open)),
    ]);
}

#[test]
fn open_groups_of_h265() {
    let open = "open-gop=1:bframes=3:b-pyramid=1:log-level=error";
    check(&[
        ("open265.mp4", long("libx265", open)),
        ("open265.mkv", long("libx265", open)),
        ("open265.ts", long("libx265", open)),
    ]);
}

#[test]
fn frames_that_are_refreshed_bit_by_bit() {
    let refresh = "intra-refresh=1:bframes=0";
    check(&[
        ("refresh.mp4", long("libx264", refresh).extra_args(&["-g", "50"])),
        ("refresh.mkv", long("libx264", refresh).extra_args(&["-g", "50"])),
    ]);
}

/// The clock of these files ticks once a frame, and the cuts are between frames: what is shown is
/// the last frame that starts before the middle of the output frame's time.
#[test]
fn cuts_are_exact_whatever_the_source_s_clock_is() {
    let slow = |rate, codec: &str, audio: &str| {
        let source = Source::new(5).rate(rate, 1).seconds(4.0).size(160, 120);
        source.video_codec(codec).audio_codec(audio)
    };
    let mut wrong = Vec::new();
    for (name, rate, source) in [
        ("5.avi", 5, slow(5, "mpeg4", "pcm_s16le")),
        ("12.avi", 12, slow(12, "mjpeg", "pcm_s16le").pixel_format("yuvj420p")),
        ("8.ogv", 8, slow(8, "libvpx", "libvorbis").extra_args(&["-f", "ogg"])),
        ("5.mp4", 5, slow(5, "libx264", "aac").extra_args(&["-video_track_timescale", "5"])),
        ("3.mov", 3, slow(3, "mpeg4", "aac").extra_args(&["-video_track_timescale", "3"])),
        ("10.mkv", 10, slow(10, "libx264", "aac")),
    ] {
        let scene = Scene::new().source(name, &source);
        for start_ms in [1090, 1110, 1370] {
            let parameters = format!("ss_{start_ms},t_2000,f_mp4,{USUAL},fps_25");
            let outcome = scene.run(name, &parameters).succeeded();
            let reading = outcome.reading();
            let found = reading.frames().iter().map(|shown| shown.code().map(|code| code.frame));
            let middle = |frame: u32| f64::from(start_ms) + f64::from(frame) * 40.0 + 20.0;
            let expected = (0..50).map(|frame| {
                let starts_before = (middle(frame) * f64::from(rate) / 1000.0).ceil();
                Some(starts_before as u16 - 1)
            });
            if !found.clone().eq(expected.clone()) {
                let (found, expected): (Vec<_>, Vec<_>) = (found.collect(), expected.collect());
                wrong.push(format!("{name} from {start_ms}: {found:?}, not {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A cut of audio alone between other clips: what is dropped before it takes nothing with it. What
/// can be lost is a matter of timing, so each is made several times.
#[test]
fn audio_that_is_cut_to_its_end_is_whole() {
    let tone = |codec: &str, seconds| {
        let source = Source::new(2).no_video().audio_codec(codec).audio_seconds(seconds);
        source.tones(&[pitch(9); 2]).no_beeps()
    };
    let mut scene = super::scene();
    let mut wrong = Vec::new();
    for (name, seconds, codec) in [
        ("b.wav", 1.0, "pcm_s16le"),
        ("b.mp3", 2.0, "libmp3lame"),
        ("b.m4a", 5.0, "aac"),
        ("b.flac", 2.0, "flac"),
        ("b.mkv", 3.0, "libopus"),
    ] {
        scene = scene.source(name, &tone(codec, seconds));
        let cut = format!("{},ss_{}", sur(name), seconds * 1000.0 - 100.0);
        for _ in 0..5 {
            let outcome = scene.run("a.mp4", &format!("f_mkv,{USUAL}{cut}{}", sur("c.mp4")));
            if outcome.record["Status"] != "Succeeded" {
                wrong.push(format!("{name}: {}", outcome.record["Message"]));
                continue;
            }
            let audio = outcome.reading().mono();
            let loud = |from: usize| {
                crate::bed::beep::amplitude(&audio[48 * from..48 * (from + 60)], 48_000, pitch(9))
            };
            if loud(1220) < 0.08 || loud(1350) > 0.01 {
                wrong.push(format!("{name}: {} inside, {} behind", loud(1220), loud(1350)));
            }
            // Or the same task would only be answered.
            scene.s3.put("sources", name, {
                let mut bytes = scene.s3.get("sources", name).unwrap();
                bytes.push(0);
                bytes
            });
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
