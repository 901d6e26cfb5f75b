//! Damaged files: what decodes is used, the result warns, and counts agree.

use super::{SECONDS, scene};
use crate::bed::source::Source;
use crate::scene::{Outcome, Scene, USUAL, sur};

/// The outcome with this in the middle, which has to succeed: the counts are
/// those of the file.
fn outcome(scene: &Scene, name: &str, bytes: &[u8]) -> Result<Outcome, String> {
    scene.s3.put("sources", name, bytes);
    let parameters = format!("f_mp4,{USUAL}{}{}", sur(name), sur("c.mp4"));
    let outcome = scene.run("a.mp4", &parameters);
    if outcome.record["Status"] != "Succeeded" {
        return Err(format!("{name}: {}: {}", outcome.record["Code"], outcome.record["Message"]));
    }
    Ok(outcome)
}

fn film(name: &str) -> Vec<u8> {
    let source = Source::new(2).seconds(2.0).extra_args(&["-g", "12"]);
    let source = match name.rsplit('.').next().unwrap() {
        "mp4" | "mov" => source.extra_args(&["-movflags", "faststart"]),
        "avi" => source.video_codec("mpeg4").audio_codec("pcm_s16le"),
        "mpg" => source.video_codec("mpeg2video").audio_codec("mp2"),
        "mxf" => source.video_codec("mpeg2video").audio_codec("pcm_s16le"),
        "wmv" => source.video_codec("wmv2").audio_codec("wmav2").extra_args(&["-f", "asf"]),
        "webm" => source.video_codec("libvpx").audio_codec("libvorbis"),
        "ogv" => source.video_codec("libvpx").audio_codec("libvorbis").extra_args(&["-f", "ogg"]),
        _ => source,
    };
    std::fs::read(source.write(name)).unwrap()
}

#[test]
fn a_file_cut_short_is_used_as_far_as_it_goes() {
    let scene = scene();
    let mut faults = Vec::new();
    for name in ["b.mp4", "b.mov", "b.mkv", "b.ts", "b.flv", "b.avi", "b.mpg", "b.mxf", "b.wmv", "b.webm", "b.ogv"] {
        let mut bytes = film(name);
        bytes.truncate(bytes.len() * 7 / 10);
        match outcome(&scene, name, &bytes) {
            Err(fault) => faults.push(fault),
            Ok(outcome) => {
                let frames = outcome.frames();
                println!("{name} {frames:?} {}", outcome.warnings());
                faults.extend((!outcome.warnings().contains("damaged")).then(|| format!("{name}: no warning")));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn flipped_bits_are_survived_with_a_warning() {
    let scene = scene();
    let mut faults = Vec::new();
    for name in ["b.mp4", "b.mkv", "b.ts", "b.flv", "b.avi", "b.mpg", "b.mxf", "b.wmv", "b.webm", "b.ogv"] {
        let mut bytes = film(name);
        // In several places: in raw sound no bit is known to be wrong.
        for place in 8..12 {
            let at = bytes.len() * place / 20;
            for byte in &mut bytes[at..at + 150] {
                *byte ^= 0xff;
            }
        }
        match outcome(&scene, name, &bytes) {
            Err(fault) => faults.push(fault),
            Ok(outcome) => {
                let frames = outcome.frames();
                println!("{name} {frames:?} {}", outcome.warnings());
                faults.extend((!outcome.warnings().contains("damaged")).then(|| format!("{name}: no warning")));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn transport_streams_one_behind_the_other() {
    let scene = scene();
    let first = film("b.ts");
    let second = std::fs::read(Source::new(4).seconds(SECONDS).write("d.ts")).unwrap();
    let both = [first, second].concat();
    let outcome = outcome(&scene, "joined.ts", &both).unwrap();
    println!("{:?} {}", outcome.frames(), outcome.warnings());
    println!("{:?}", outcome.reading().frames().iter().map(|s| s.code().map_or(999, |c| u32::from(c.clip) * 100 + u32::from(c.frame))).collect::<Vec<_>>());
    println!("{:?}", outcome.reading().beeps());
    panic!();
}

#[test]
fn a_film_of_which_nothing_decodes_is_named() {
    let scene = scene();
    for (name, from) in [("b.mp4", 2000), ("b.mkv", 1500), ("b.flv", 1500)] {
        let mut bytes = film(name);
        for byte in &mut bytes[from..] {
            *byte ^= 0xff;
        }
        scene.s3.put("sources", name, bytes);
        let outcome = scene.run("a.mp4", &format!("f_mp4,{USUAL}{}", sur(name)));
        println!("{name} {:#}", outcome.record);
    }
    panic!();
}
