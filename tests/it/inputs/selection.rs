//! Which streams of a file are used, and what the others may contain.

use std::path::Path;

use super::{Between, PAL, SECONDS, all_faults, made, plain, scene};
use crate::bed::expect::Clip;
use crate::scene::Scene;

/// Puts what ffmpeg makes of a source, changed by `change`.
fn put(
    scene: &Scene,
    between: Between,
    source: &Path,
    arguments: &str,
    change: impl FnOnce(&mut Vec<u8>),
) -> Between {
    let mut bytes = made(source, arguments, &between.name);
    change(&mut bytes);
    scene.s3.put("sources", &between.name, bytes);
    between
}

/// Changes the last track of an MP4 file to declare that its chunks from `first` on are far after
/// the end of the file.
fn misplace(bytes: &mut [u8], first: usize) {
    let table = bytes.windows(4).rposition(|name| name == b"stco").unwrap();
    let count = bytes[table + 8..table + 12].iter().fold(0, |n, &byte| n << 8 | usize::from(byte));
    assert!(first < count, "{count} chunks");
    for chunk in first..count {
        bytes[table + 12 + 4 * chunk..][..4].copy_from_slice(&[0x7f, 0, 0, 0]);
    }
}

/// The source and other files, as ffmpeg opens them.
fn inputs(files: &[&Path]) -> String {
    let each = files.iter().map(|file| format!("-i {} ", file.display()));
    format!("-i {{}} {}", each.collect::<String>())
}

#[test]
fn a_packet_that_is_not_there_ends_no_other_stream() {
    let scene = scene();
    let source = plain(2).write("film.mp4");
    let other = plain(4).write("other.mp4");
    let other = inputs(&[&other]);
    let mut sources = Vec::new();
    for (name, maps, first) in [
        ("audio.mp4", "-map 0 -map 1:a", 0),
        ("late-audio.mp4", "-map 0 -map 1:a", 8),
        ("front.mp4", "-map 0 -map 1:a -movflags faststart", 3),
        ("video.mov", "-map 0:v -map 0:a -map 1:v", 4),
        ("sound.m4a", "-map 0:a -map 1:a -f mp4", 5),
    ] {
        let between = Between::new(name);
        let between = if name.ends_with("m4a") { between.black() } else { between };
        let arguments = format!("{other}{maps} -c copy");
        sources.push(put(&scene, between, &source, &arguments, |b| misplace(b, first)));
    }
    let mut subtitled = include_bytes!("data/subtitled.mp4").to_vec();
    misplace(&mut subtitled, 0);
    scene.s3.put("sources", "subtitled.mp4", subtitled);
    sources.push(Between::new("subtitled.mp4").clip(Clip::silent));
    let faults = all_faults(&scene, &sources);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Each of the two is used up to its end.
#[test]
fn a_packet_that_is_not_there_ends_its_own_stream_alone() {
    let scene = scene();
    let source = plain(2).extra_args(&["-bf", "0"]).write("film.mp4");
    let mut faults = Vec::new();
    let held = Clip { source_frames: 11, ..Clip::whole(2, PAL, SECONDS) };
    for (name, maps, first, clip) in [
        ("audio.mp4", "-map 0:v -map 0:a", 1, Clip::whole(2, PAL, SECONDS).silent()),
        ("audio.mov", "-map 0:v -map 0:a", 9, Clip::whole(2, PAL, SECONDS).silent()),
        ("video.mp4", "-map 0:a -map 0:v", 11, held),
    ] {
        let mut bytes = made(&source, &format!("-i {{}} {maps} -c copy"), name);
        misplace(&mut bytes, first);
        scene.s3.put("sources", name, bytes);
        let between = Between::new(name).clip(|_| clip);
        let outcome = between.outcome(&scene).succeeded();
        let found = between.differences(&scene, &outcome);
        // A part of its first beep is there.
        faults.extend(found.into_iter().filter(|fault| !fault.contains("Beep")));
        if !outcome.warnings().contains(&format!("clip 1 (`s3://sources/{name}`): it is damaged")) {
            faults.push(format!("{name}: no warning: {}", outcome.warnings()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Streams that the header announces but that have no packets.
#[test]
fn the_first_stream_that_has_packets_counts() {
    let scene = scene();
    // Without an encoder's delay, that would make the copies late.
    let source = plain(2).audio_codec("flac").write("film.mkv");
    let other = plain(4).audio_codec("flac").write("other.mkv");
    let other = inputs(&[&other]);
    let audio = "-map 0:v -map 1:a -map 0:a -bsf:a:0 noise=drop=1";
    let more = "-map 0:v -map 1:a -map 1:a -map 0:a -bsf:a:0 noise=drop=1 -bsf:a:1 noise=drop=1";
    let video = "-map 1:v -map 0:v -map 0:a -bsf:v:0 noise=drop=1";
    let both = "-map 1 -map 0 -bsf:v:0 noise=drop=1 -bsf:a:0 noise=drop=1";
    let mut sources = Vec::new();
    for (name, maps, codecs, late_ms) in [
        ("audio.mp4", audio, "-c copy -movflags empty_moov+frag_keyframe+delay_moov", 0.0),
        ("audio.mkv", audio, "-c copy", 0.0),
        ("audio.wmv", audio, "-c:v wmv2 -c:a ac3 -f asf", 256.0 / 48.0),
        ("audio.avi", audio, "-c:v mpeg4 -c:a pcm_s16le", 0.0),
        ("more.mkv", more, "-c copy", 0.0),
        ("video.mkv", video, "-c copy", 0.0),
        ("both.mkv", both, "-c copy", 0.0),
    ] {
        let arguments = format!("{other} {maps} {codecs}");
        let between = Between::new(name).delayed(late_ms);
        sources.push(put(&scene, between, &source, &arguments, |_| ()));
    }
    let faults = all_faults(&scene, &sources);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_first_stream_that_decodes_counts() {
    let scene = scene();
    let source = plain(2).audio_codec("flac").write("film.mkv");
    let other = plain(4).audio_codec("flac").write("other.mkv");
    let other = inputs(&[&other]);
    let noise = "-map 0:v -map 1:a -map 0:a -c copy -bsf:a:0 noise=amount=1";
    let more = "-map 0:v -map 1:a -map 1:a -map 0:a -c copy -bsf:a:0 noise=amount=1 \
                -bsf:a:1 noise=drop=1";
    let mut sources = Vec::new();
    for (name, arguments) in
        [("audio.mkv", noise), ("audio.mp4", noise), ("more.mkv", more), ("audio.mov", noise)]
    {
        let codecs = if name.ends_with("mov") { "-c:a aac" } else { "" };
        let arguments = format!("{other}{arguments} {codecs}");
        sources.push(put(&scene, Between::new(name), &source, &arguments, |_| ()));
    }
    let faults = all_faults(&scene, &sources);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_audio_is_of_the_programme_of_the_video() {
    let scene = scene();
    let source = plain(2).write("film.mp4");
    let other = plain(4).write("other.mp4");
    let other = inputs(&[&other]);
    let mut sources = Vec::new();
    for (name, maps) in [
        // A radio programme first, another film last.
        (
            "radio.ts",
            "-map 1:a -map 0 -program program_num=1:st=0 -program program_num=2:st=1:st=2",
        ),
        (
            "two.ts",
            "-map 0 -map 1 -program program_num=1:st=0:st=1 -program program_num=2:st=2:st=3",
        ),
        (
            "crossed.ts",
            "-map 1:a -map 0:a -map 0:v -map 1:v -program program_num=1:st=1:st=2 \
             -program program_num=2:st=0:st=3",
        ),
    ] {
        let arguments = format!("{other}{maps} -c copy");
        sources.push(put(&scene, Between::new(name), &source, &arguments, |_| ()));
    }
    // Its programme has none: that of another belongs to something else.
    let silent = Between::new("silent.ts").clip(Clip::silent);
    let maps = "-map 1:a -map 0:v -program program_num=1:st=0 -program program_num=2:st=1 -c copy";
    sources.push(put(&scene, silent, &source, &format!("{other}{maps}"), |_| ()));
    let faults = all_faults(&scene, &sources);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
