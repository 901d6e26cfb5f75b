//! Unusual structures: cover pictures, fragments, edit lists, further streams.

use super::{Between, FRAMES, all_faults, check_all, made, plain, scene};
use crate::bed::expect::Clip;
use crate::scene::Scene;

/// Stores what ffmpeg makes of a source.
fn put(scene: &Scene, between: Between, source: &std::path::Path, arguments: &str) -> Between {
    let bytes = made(source, arguments, &between.name);
    scene.s3.put("sources", &between.name, bytes);
    between
}

#[test]
fn a_cover_is_no_video() {
    let scene = scene();
    let mut sources = Vec::new();
    let folder = tempfile::tempdir().unwrap();
    let cover = folder.path().join("cover.jpg");
    let red = "-f lavfi -i color=red:s=64x64 -frames:v 1 -pix_fmt yuvj420p";
    std::fs::write(&cover, made(&cover, red, "cover.jpg")).unwrap();
    let cover = format!("-f image2 -i {}", cover.display());
    for (name, codec) in [("b.mp3", "libmp3lame"), ("b.m4a", "aac"), ("b.flac", "flac")] {
        let source = plain(2).no_video().audio_codec(codec).write(name);
        let arguments =
            format!("-i {{}} {cover} -map 0 -map 1 -c copy -disposition:v attached_pic");
        sources.push(put(&scene, Between::new(name).black(), &source, &arguments));
    }
    // Before a real video.
    let film = plain(2).write("film.mp4");
    let front = format!("{cover} -i {{}} -map 0 -map 1 -c copy -disposition:v:0 attached_pic");
    sources.push(put(&scene, Between::new("film.mp4"), &film, &front));
    // The only sign of a cover is that it is a single frame.
    for name in ["unsaid.mp4", "unsaid.mkv", "unsaid.mov"] {
        let front = format!("{cover} -i {{}} -map 0 -map 1 -c copy -disposition:v:0 0");
        sources.push(put(&scene, Between::new(name), &film, &front));
    }
    let faults = all_faults(&scene, &sources);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn fragments() {
    let gop = ["-g", "10"];
    let fragmented = |name: &str, flags: &str| {
        let source = plain(2).extra_args(&gop).extra_args(&["-movflags", flags]);
        (Between::new(name), source)
    };
    // Without an edit list, both are late by the decoder's delay.
    let late = |name: &str, flags: &str| {
        let clip = |clip: Clip| Clip { frames: FRAMES + 1, ..clip };
        (Between::new(name).clip(clip), fragmented(name, flags).1)
    };
    check_all([
        fragmented("fragments.mp4", "empty_moov+frag_keyframe+delay_moov"),
        fragmented("base.mp4", "frag_keyframe+delay_moov+default_base_moof"),
        fragmented("index.mp4", "dash+frag_keyframe+delay_moov"),
        fragmented("front.mp4", "faststart"),
        late("no-edits.mp4", "empty_moov+frag_keyframe"),
        late("whole.mp4", "frag_keyframe"),
    ]);
}

#[test]
fn an_edit_list_skips_and_delays() {
    let scene = scene();
    let source = plain(2).extra_args(&["-g", "250"]).write("film.mp4");
    let skipped = Between::new("skipped.mp4").clip(|clip| clip.cut(480.0, FRAMES - 12));
    let mut sources = vec![put(&scene, skipped, &source, "-ss 0.48 -i {} -c copy")];
    let skipped = Between::new("skipped.mov").clip(|clip| clip.cut(480.0, FRAMES - 12));
    sources.push(put(&scene, skipped, &source, "-ss 0.48 -i {} -c copy"));
    let late = Between::new("late.mp4")
        .clip(|clip| Clip { frames: FRAMES + 10, ..clip.late(0.0, -400.0) });
    let arguments = "-itsoffset 0.4 -i {} -i {} -map 0:v -map 1:a -c copy";
    sources.push(put(&scene, late, &source, arguments));
    let faults = all_faults(&scene, &sources);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_first_of_several_tracks_counts() {
    let scene = scene();
    let source = plain(2).write("film.mp4");
    let mut sources = Vec::new();
    for (name, more) in [
        ("two.mp4", ""),
        ("default.mkv", "-disposition:a:0 0 -disposition:a:1 default -disposition:v:1 default"),
        ("two.ts", ""),
        ("timecode.mov", "-timecode 00:00:00:00"),
    ] {
        let arguments = format!(
            "-i {{}} -f lavfi -i testsrc=d=1.2:r=25 -f lavfi -i sine=d=1.2 -map 0 -map 1 -map 2 -c copy \
             -c:v:1 mpeg4 -c:a:1 mp2 {more}"
        );
        sources.push(put(&scene, Between::new(name), &source, &arguments));
    }
    let faults = all_faults(&scene, &sources);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn unfinished_headers() {
    let live = |name: &str, extra: &[&str]| (Between::new(name), plain(2).extra_args(extra));
    check_all([
        live("live.mkv", &["-live", "1", "-f", "matroska"]),
        live("no-metadata.flv", &["-flvflags", "no_metadata+no_duration_filesize"]),
        live("no-end.flv", &["-flvflags", "no_sequence_end+no_duration_filesize"]),
    ]);
    let scene = scene();
    let mut sources = Vec::new();
    for (name, muxer) in [("pipe.mkv", "matroska"), ("pipe.flv", "flv"), ("pipe.webm", "webm")] {
        let source = if muxer == "webm" {
            plain(2).video_codec("libvpx").audio_codec("libvorbis").write("a.webm")
        } else {
            plain(2).write("film.mp4")
        };
        let bytes = piped(&source, muxer);
        scene.s3.put("sources", name, bytes);
        sources.push(Between::new(name));
    }
    let faults = all_faults(&scene, &sources);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Written to a pipe, so the muxer can't go back and complete its header.
fn piped(source: &std::path::Path, muxer: &str) -> Vec<u8> {
    let mut command = crate::bed::ffmpeg::ffmpeg();
    command.arg("-i").arg(source);
    command.args(["-c", "copy", "-f", muxer, "pipe:1"]);
    crate::bed::process::run(&mut command).stdout
}

#[test]
fn time_stamps_that_wrap_round() {
    // 2^33 / 90000 s is 95443.717...
    let wrapped = |name: &str, offset: &str| {
        let source = plain(2).extra_args(&["-output_ts_offset", offset, "-muxdelay", "0"]);
        (Between::new(name), source)
    };
    check_all([
        wrapped("before.ts", "95440"),
        wrapped("within.ts", "95443.2"),
        wrapped("edge.ts", "95443.7"),
        wrapped("after.ts", "95444"),
    ]);
}

/// Five seconds of subtitles with 1.2 seconds of video, and chapters.
#[test]
fn subtitles_and_attachments_are_left_out() {
    let scene = scene();
    let mut sources = Vec::new();
    for (name, bytes) in [
        ("subtitled.mkv", &include_bytes!("data/subtitled.mkv")[..]),
        ("subtitled.mp4", include_bytes!("data/subtitled.mp4")),
    ] {
        scene.s3.put("sources", name, bytes);
        sources.push(Between::new(name).clip(Clip::silent));
    }
    let faults = all_faults(&scene, &sources);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
