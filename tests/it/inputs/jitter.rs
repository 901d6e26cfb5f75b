//! Audio whose timestamps jitter: it is placed like the same audio with steady timestamps, without
//! gaps.

use std::path::Path;

use super::made;
use crate::bed::ffmpeg::ffmpeg;
use crate::bed::process::run;
use crate::bed::source::Source;
use crate::scene::{Outcome, Scene, USUAL, sur};

/// Ten seconds with a continuous tone, and beeps; a second before them leaves room for timestamps
/// that are too early.
fn source() -> Source {
    let source = Source::new(2).size(64, 48).seconds(10.0).tones(&[440.0, 440.0]);
    source.extra_args(&["-output_ts_offset", "1"])
}

/// Changes the timestamps of the audio in an FLV file, in milliseconds, depending on the number of
/// the packet.
fn restamped(mut file: Vec<u8>, change: impl Fn(u32, u32) -> u32) -> Vec<u8> {
    let mut place = 13;
    let mut number = 0;
    while place + 11 < file.len() {
        let length = |at: usize| u32::from_be_bytes([0, file[at], file[at + 1], file[at + 2]]);
        let (size, stamp) = (length(place + 1) as usize, length(place + 4));
        // The configuration of AAC is not audio.
        let is_audio = file[place] == 8 && !(file[place + 11] >> 4 == 10 && file[place + 12] == 0);
        if is_audio {
            let stamp = change(number, stamp).to_be_bytes();
            file[place + 4..place + 7].copy_from_slice(&stamp[1..]);
            number += 1;
        }
        place += 11 + size + 4;
    }
    file
}

/// From 0 to 70, each two of which have a mean of 35.
fn uniform(number: u32) -> u32 {
    let one = number / 2 * 7919 % 71;
    if number.is_multiple_of(2) { one } else { 70 - one }
}

/// The times of the second clip's beeps.
fn beeps(outcome: &Outcome) -> Vec<f64> {
    let beeps = outcome.reading().beeps().into_iter();
    beeps.filter(|beep| beep.clip == Some(2)).map(|beep| beep.at_ms).collect()
}

/// The outcome with a file between two silent clips.
fn outcome(scene: &Scene, name: &str) -> Outcome {
    scene.run("a.mp4", &format!("f_mp4,{USUAL}{}{}", sur(name), sur("a.mp4")))
}

/// What is wrong with a file whose beeps should be there.
fn faults(scene: &Scene, name: &str, expected: &[f64]) -> Vec<String> {
    let outcome = outcome(scene, name);
    if outcome.record["Status"] != "Succeeded" {
        return vec![format!("{name}: {}", outcome.record["Message"])];
    }
    let holes = outcome.reading().silences(8.0).into_iter();
    let inside = holes.filter(|(from, to)| *from > 1300.0 && *to < 10_900.0);
    let mut faults: Vec<String> =
        inside.map(|hole| format!("{name}: a hole at {hole:?}")).collect();
    let found = beeps(&outcome);
    let near = found.len() == expected.len()
        && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 3.0);
    if !near {
        faults.push(format!("{name}: {found:?}, not {expected:?}"));
    }
    if outcome.warnings().contains("damaged") {
        faults.push(format!("{name}: {}", outcome.warnings()));
    }
    faults
}

fn scene() -> Scene {
    Scene::new().source("a.mp4", &Source::new(1).size(64, 48).seconds(1.2).no_beeps())
}

type Change = Box<dyn Fn(u32, u32) -> u32>;

/// Bursts, each stamped with the middle of what its packets should be stamped with.
fn bursts(length: u32, packet_ms: f64) -> Change {
    Box::new(move |number, stamp| {
        let within = f64::from(length - 1) / 2.0 - f64::from(number % length);
        (f64::from(stamp) + within * packet_ms) as u32
    })
}

fn changes(packet_ms: f64) -> Vec<(&'static str, Change)> {
    vec![
        ("uniform", Box::new(|number, stamp| stamp + uniform(number) - 35)),
        ("first-early", Box::new(|number, stamp| stamp - if number == 0 { 35 } else { 0 })),
        ("first-late", Box::new(|n, stamp| stamp + if n == 0 { 70 } else { uniform(n) } - 35)),
        ("bursts-of-3", bursts(3, packet_ms)),
        ("bursts-of-8", bursts(8, packet_ms)),
        ("bursts-of-30", bursts(30, packet_ms)),
    ]
}

#[test]
fn jitter_in_flash_makes_no_holes_and_no_delay() {
    let scene = scene();
    let mut wrong = Vec::new();
    for (kind, packet_ms, source) in [
        ("aac", 21.33, source()),
        ("44100", 23.22, source().audio(44_100, 2)),
        ("mp3", 26.12, source().audio_codec("libmp3lame").audio(44_100, 2)),
    ] {
        let file = std::fs::read(source.write("b.flv")).unwrap();
        let steady = format!("{kind}.flv");
        scene.s3.put("sources", &steady, &file[..]);
        let expected = beeps(&outcome(&scene, &steady).succeeded());
        assert_eq!(expected.len(), 10, "{expected:?}");
        for (name, change) in changes(packet_ms) {
            let name = format!("{kind}-{name}.flv");
            scene.s3.put("sources", &name, restamped(file.clone(), change));
            wrong.extend(faults(&scene, &name, &expected));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    scene.assert_clean();
}

/// Those whose muxers write no stamp before another: a slow swing.
#[test]
fn jitter_in_other_containers_does_neither() {
    let scene = scene();
    let mut wrong = Vec::new();
    for (name, extra) in [
        ("b.mkv", ""),
        ("b.ts", "-muxdelay 0"),
        ("b.mp4", ""),
        ("opus.mkv", "-c:a libopus"),
        ("mp2.mpg", "-c:v mpeg2video -q:v 3 -c:a mp2"),
        ("ac3.mkv", "-c:a ac3"),
        ("b.mov", ""),
    ] {
        let twin = source().write("twin.mp4");
        let steady = format!("-i {{}} -map 0 -c copy {extra}");
        scene.s3.put("sources", &format!("steady-{name}"), made(&twin, &steady, name));
        let expected = beeps(&outcome(&scene, &format!("steady-{name}")).succeeded());
        let swing = format!("{steady} -bsf:a setts=ts='TS+35*sin(N/3)/1000/TB'");
        scene.s3.put("sources", name, made(&twin, &swing, name));
        wrong.extend(faults(&scene, name, &expected));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    scene.assert_clean();
}

/// The numbers of all frames of a video that shows them as bars, one for each bit.
fn bars(file: &Path) -> Vec<usize> {
    let mut command = ffmpeg();
    command.arg("-i").arg(file).args(["-vf", "scale=10:1:flags=area", "-fps_mode", "passthrough"]);
    command.args(["-f", "rawvideo", "-pix_fmt", "gray", "pipe:1"]);
    let video = run(&mut command).stdout;
    let number = |frame: &[u8]| {
        let bits = frame.iter().enumerate().filter(|(_, luma)| **luma > 128);
        bits.map(|(bit, _)| 1 << bit).sum()
    };
    video.chunks(10).map(number).collect()
}

/// In a program stream several small frames share a packet, of which one has a time stamp, and
/// ffmpeg may give that to another. Each is shown once, whole and from the middle on.
#[test]
fn frames_of_a_program_stream_come_evenly() {
    let scene = scene();
    let numbered = "-f lavfi -i color=black:s=320x180:r=25:d=2,format=yuv420p,\
                    geq=lum='if(mod(floor(N/pow(2,floor(X*10/W))),2),220,40)':cb=128:cr=128";
    for name in ["few.vob", "few.mpg"] {
        let arguments = format!("{numbered} -c:v mpeg2video -q:v 2");
        scene.s3.put("sources", name, made(Path::new(""), &arguments, name));
        for (cut, first) in [("", 0), (",ss_1000", 25)] {
            let request = format!("f_mp4,{USUAL},an_1,pixfmt_yuv420p{cut}");
            let outcome = scene.run(name, &request).succeeded();
            assert_eq!(bars(outcome.file()), (first..50).collect::<Vec<_>>(), "{name}{cut}");
        }
    }
    scene.assert_clean();
}

/// Long enough for many samples before the last.
#[test]
fn jitter_goes_on() {
    let scene = scene();
    let source = source().seconds(25.0).no_video();
    let file = std::fs::read(source.write("b.flv")).unwrap();
    scene.s3.put("sources", "steady.flv", &file[..]);
    let jittered = restamped(file, |number, stamp| stamp + uniform(number) - 35);
    scene.s3.put("sources", "jitter.flv", jittered);
    let heard = |name: &str| {
        let request = format!("f_mkv,vn_1,vcodec_h264,acodec_pcm{}{}", sur(name), sur("a.mp4"));
        let outcome = scene.run("a.mp4", &request).succeeded();
        let holes = outcome.reading().silences(8.0).into_iter();
        let inside = holes.filter(|(from, to)| *from > 1300.0 && *to < 26_100.0);
        (beeps(&outcome), inside.collect::<Vec<_>>())
    };
    let ((expected, _), (found, holes)) = (heard("steady.flv"), heard("jitter.flv"));
    assert_eq!(expected.len(), 25, "{expected:?}");
    let near = found.len() == 25 && found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 3.0);
    assert!(near && holes.is_empty(), "{found:?}, not {expected:?}; {holes:?}");
    scene.assert_clean();
}

/// 240 ms in which nothing was said, or lost.
#[test]
fn a_gap_stays_a_gap() {
    let scene = scene();
    let file = std::fs::read(source().write("b.flv")).unwrap();
    scene.s3.put("sources", "steady.flv", &file[..]);
    let steady = beeps(&outcome(&scene, "steady.flv").succeeded());
    let mut wrong = Vec::new();
    for (name, gap, jitter) in [
        ("clean.flv", 240, false),
        ("small.flv", 60, false),
        ("jitter.flv", 240, true),
        ("several.flv", 150, true),
    ] {
        let gaps = if name == "several.flv" { 4 } else { 1 };
        let change = move |number: u32, stamp: u32| {
            let gone = (number / 80).min(gaps) * gap;
            stamp + gone + if jitter { uniform(number) } else { 35 } - 35
        };
        scene.s3.put("sources", name, restamped(file.clone(), change));
        let outcome = outcome(&scene, name).succeeded();
        let holes = outcome.reading().silences(f64::from(gap) * 0.7);
        let holes: Vec<_> = holes.into_iter().filter(|hole| hole.0 > 1300.0).collect();
        let (found, first) = (holes.iter().take(gaps as usize), 80.0 * 1024.0 / 48.0);
        let right = found.clone().count() == gaps as usize
            && found.zip(1_u32..).all(|((from, to), n)| {
                let at = 1200.0 + f64::from(n) * first + f64::from((n - 1) * gap);
                let tolerance = if jitter { 50.0 } else { 8.0 };
                (from - at).abs() < tolerance && (to - from - f64::from(gap)).abs() < 12.0
            });
        let moved = beeps(&outcome).into_iter().zip(&steady).all(|(found, steady)| {
            let passed = ((steady - 1200.0) / first) as u32;
            (found - steady - f64::from(passed.min(gaps) * gap)).abs() < 4.0
        });
        if !right || !moved {
            wrong.push(format!("{name}: {holes:?}, {:?}, not {steady:?}", beeps(&outcome)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
