//! Files that do not begin with their media, or begin in the middle of a packet.

use std::collections::HashMap;

use super::{plain, scene};
use crate::bed::source::Source;
use crate::scene::{Outcome, Scene, USUAL};

/// What is shown and played from only these bytes.
fn shown(scene: &Scene, name: &str, bytes: Vec<u8>) -> Result<(Vec<String>, Outcome), String> {
    scene.s3.put("sources", name, bytes);
    // Audio alone would have large frames.
    let outcome = scene.run(name, &format!("f_mp4,{USUAL},s_160x120"));
    if outcome.record["Status"] != "Succeeded" {
        return Err(format!("{name}: {}", outcome.record["Message"]));
    }
    let reading = outcome.reading();
    let frames = reading.frames().iter().map(|frame| format!("{:?}", frame.code()));
    let beeps = reading.beeps().into_iter();
    let beeps = beeps.map(|beep| format!("beep at {:.0} ms", beep.at_ms));
    let seen = frames.chain(beeps).collect();
    Ok((seen, outcome))
}

/// Each is the same film as the intact file.
fn check(cases: impl IntoIterator<Item = (String, Vec<u8>, Vec<u8>)>) {
    let scene = scene();
    let mut faults = Vec::new();
    let mut whole = HashMap::new();
    for (name, intact, changed) in cases {
        let expected = whole.entry(intact).or_insert_with_key(|intact| {
            shown(&scene, &format!("whole-{name}"), intact.clone()).unwrap().0
        });
        match shown(&scene, &name, changed) {
            Ok((found, outcome)) if found == *expected => {
                assert!(found.iter().any(|line| line.starts_with("beep")), "{name}: no beep");
                if outcome.warnings().contains("clip 0") {
                    faults.push(format!("{name}: {}", outcome.warnings()));
                }
            }
            Ok((found, _)) => faults.push(format!("{name}: {found:?}, not {expected:?}")),
            Err(fault) => faults.push(fault),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    scene.assert_clean();
}

fn bytes(name: &str, source: &Source) -> Vec<u8> {
    std::fs::read(source.write(name)).unwrap()
}

fn sound(codec: &str) -> Source {
    plain(2).no_video().audio_codec(codec)
}

/// A tag without a field.
fn tag(length: u8) -> Vec<u8> {
    [b"ID3\x04\0\0\0\0\0", &[length][..], &vec![0; usize::from(length)]].concat()
}

#[test]
fn media_after_tags_and_zeros() {
    let mut cases = Vec::new();
    for (number, (name, codec)) in [
        ("b.mp3", "libmp3lame"),
        ("b.aac", "aac"),
        ("b.flac", "flac"),
        ("b.wav", "pcm_s16le"),
        ("b.ac3", "ac3"),
        ("b.m4a", "aac"),
    ]
    .into_iter()
    .enumerate()
    {
        let intact = bytes(name, &sound(codec));
        let before = match number % 3 {
            0 => [tag(20), vec![0; 700]].concat(),
            1 => [tag(0), tag(5), vec![0; 100_001]].concat(),
            _ => vec![0; 4099],
        };
        cases.push((name.to_owned(), intact.clone(), [before, intact].concat()));
    }
    check(cases);
}

#[test]
fn transport_streams_from_any_byte_on() {
    let mut cases = Vec::new();
    let m2ts = ["-f", "mpegts", "-mpegts_m2ts_mode", "1"];
    for (name, source) in [("b.ts", plain(2)), ("b.m2ts", plain(2).extra_args(&m2ts))] {
        let intact = bytes(name, &source);
        for lost in [1, 60, 100, 187] {
            cases.push((format!("{lost}-{name}"), intact.clone(), intact[lost..].to_vec()));
        }
        let before = [&[0x47; 50][..], &intact].concat();
        cases.push((format!("more-{name}"), intact, before));
    }
    check(cases);
}

/// What was lost at the beginning is missing, and the rest is used.
#[test]
fn streams_from_the_middle_on() {
    let scene = scene();
    let mut faults = Vec::new();
    let vob = ["-f", "vob", "-g", "5"];
    let program = || plain(2).video_codec("mpeg2video").audio_codec("mp2");
    for (name, source) in [
        ("b.ts", plain(2).extra_args(&["-g", "5"])),
        ("b.mpg", program().extra_args(&vob)),
        // Here a sequence, or three frames of audio, come long before the next pack.
        ("c.mpg", program().extra_args(&["-g", "5"])),
        ("b.mp3", sound("libmp3lame")),
        ("b.mp2", sound("mp2")),
        ("b.aac", sound("aac")),
        ("b.ac3", sound("ac3")),
        ("b.eac3", sound("eac3")),
    ] {
        let intact = bytes(name, &source.seconds(3.0));
        match shown(&scene, name, intact[1001..].to_vec()) {
            Ok((seen, _)) => {
                let frames = seen.iter().filter(|line| !line.starts_with("beep")).count();
                let beeps = seen.len() - frames;
                if !(55..=78).contains(&frames) || !(2..=3).contains(&beeps) {
                    faults.push(format!("{name}: {frames} frames, {beeps} beeps"));
                }
            }
            Err(fault) => faults.push(fault),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
