//! `fps` and `fpsopt`.

use std::path::{Path, PathBuf};

use super::field_coded;
use super::studio::{Studio, put};
use crate::bed::expect::{Clip, Expected};
use crate::bed::ffmpeg::ffmpeg;
use crate::bed::process::run;
use crate::bed::source::Source;
use crate::scene::{Scene, USUAL, sur};

/// Parameter, exact rate, and the number of frames of a second.
const RATES: [(&str, (u32, u32), usize); 10] = [
    ("fps_23.976", (24_000, 1001), 48),
    ("fps_29.97", (30_000, 1001), 60),
    ("fps_59.94", (60_000, 1001), 120),
    ("fps_24", (24, 1), 48),
    ("fps_12.5", (25, 2), 25),
    ("fps_0", (25, 1), 50),
    ("fps_240", (240, 1), 480),
    ("fps_0.5", (1, 2), 1),
    ("fps_1", (1, 1), 2),
    ("fps_33.333", (33_333, 1000), 67),
];

fn exact(container: &str, audio: &str) {
    let source = Source::new(1).seconds(2.0);
    let scene = Scene::new().source("a.mp4", &source);
    let mut wrong = Vec::new();
    for (parameter, rate, frames) in RATES {
        let parameters = format!("f_{container},vcodec_h264,acodec_{audio},{parameter}");
        let outcome = scene.run("a.mp4", &parameters);
        if outcome.record["Status"] != "Succeeded" {
            wrong.push(format!("{parameters}: {}", outcome.record["Message"]));
            continue;
        }
        let reading = outcome.reading();
        // Matroska stores the length of a frame, and `r_frame_rate` is guessed from milliseconds.
        let field = if container == "mkv" { "avg_frame_rate" } else { "r_frame_rate" };
        let told = reading.stream("video")[field].as_str().unwrap();
        let uneven = reading.unevenness_ms(rate);
        let found = reading.frame_count();
        // A single frame has no rate, no clock divides by 33.333, and ffprobe's estimate for two
        // seconds in milliseconds is only close to 59.94.
        let near = (container, frames) == ("mkv", 120);
        let is_told =
            near || frames < 3 || rate.0 == 33_333 || told == format!("{}/{}", rate.0, rate.1);
        if !is_told || found != frames || uneven > 1.0 {
            wrong.push(format!("{parameters}: {told}, {found} frames, {uneven} ms"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rates_are_exact_in_mp4() {
    exact("mp4", "aac");
}

#[test]
fn rates_are_exact_in_mkv() {
    exact("mkv", "opus");
}

#[test]
fn rates_are_exact_in_ts() {
    exact("ts", "aac");
}

#[test]
fn ntsc_clips_keep_their_rate_and_their_frames() {
    let ntsc = (30_000, 1001);
    let source = |id| Source::new(id).rate(30_000, 1001).seconds(1.001);
    let scene = Scene::new().source("a.mp4", &source(1)).source("b.mp4", &source(2));
    for container in ["mp4", "mkv", "ts", "mov"] {
        let parameters = format!("f_{container},{USUAL}{}", sur("b.mp4"));
        let clips = [1, 2].map(|id| Clip::whole(id, ntsc, 1.001)).to_vec();
        let expected = Expected::new(ntsc, clips);
        let outcome = scene.run("a.mp4", &parameters).shows(&expected);
        let reading = outcome.reading();
        assert_eq!(reading.stream("video")["avg_frame_rate"], "30000/1001");
    }
}

#[test]
fn fpsopt_compares_with_the_align_clip() {
    let scene = Scene::new()
        .source("a.mp4", &Source::new(1).seconds(1.0))
        .source("b.mp4", &Source::new(2).seconds(1.0).rate(50, 1));
    for (parameters, frames) in [
        ("fps_50,fpsopt_0", 100),
        ("fps_50,fpsopt_1", 50),
        ("fps_20,fpsopt_1", 40),
        ("fps_50,fpsopt_1,align_1", 100),
        ("fps_60,fpsopt_1,align_1", 100),
        ("fps_25,fpsopt_2", 50),
        ("fps_50,fpsopt_2,align_1", 100),
    ] {
        let process = format!("f_mp4,{USUAL},{parameters}{}", sur("b.mp4"));
        let outcome = scene.run("a.mp4", &process).succeeded();
        assert_eq!(outcome.reading().frame_count(), frames, "{parameters}");
    }
    let process = format!("f_mp4,{USUAL},fps_29.97,fpsopt_2{}", sur("b.mp4"));
    let message = scene.run("a.mp4", &process).failed("InvalidArgument");
    assert!(message.contains("29.97") && message.contains("25"), "{message}");
}

const FOOTAGE: &str = "-f lavfi -i testsrc2=s=160x120:r=25:d=8";

/// Part of a video with reordered frames, copied: it begins or ends among frames that refer to
/// others.
fn cut(studio: &Studio, name: &str, from: &str) -> PathBuf {
    let b_pyramid = "-c:v libx264 -preset veryfast -bf 8 -x264-params b-pyramid=normal:keyint=50";
    let whole = studio.make("whole.mp4", &format!("{FOOTAGE} {b_pyramid}"));
    let file = studio.path(name);
    run(ffmpeg().args(["-ss", from, "-i"]).arg(whole).args(["-t", "3", "-c", "copy"]).arg(&file));
    file
}

/// VP8 with frames that are never shown, which its encoder makes in two passes.
fn with_hidden_frames(studio: &Studio) -> PathBuf {
    let log = studio.path("log").display().to_string();
    let vp8 = format!(
        "{FOOTAGE} -c:v libvpx -auto-alt-ref 1 -lag-in-frames 25 -b:v 200k -passlogfile {log}"
    );
    studio.make("first.webm", &format!("{vp8} -pass 1"));
    studio.make("hidden.webm", &format!("{vp8} -pass 2"))
}

/// A transport stream that lost about one packet in twenty-five.
fn with_losses(studio: &Studio) -> PathBuf {
    let whole = format!("{FOOTAGE} -c:v libx264 -preset ultrafast -g 10 -crf 40");
    let bytes = std::fs::read(studio.make("whole.ts", &whole)).unwrap();
    let mut state = 7_u32;
    let mut is_kept = |number: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        number < 40 || state >> 24 >= 10
    };
    let kept = bytes.chunks(188).enumerate().filter(|(number, _)| is_kept(*number));
    let bytes: Vec<u8> = kept.flat_map(|(_, packet)| packet).copied().collect();
    let file = studio.path("lost.ts");
    std::fs::write(&file, bytes).unwrap();
    file
}

/// An AVI without the frames that would repeat the one before.
fn without_repetitions(studio: &Studio, name: &str, codec: &str) -> PathBuf {
    let some = "-vf select='mod(n\\,10)-3',select='mod(n\\,7)-3',select='mod(n\\,5)-2'";
    let timing = "-fps_mode passthrough -enc_time_base 1/25";
    studio.make(name, &format!("{FOOTAGE} {some} {timing} {codec}"))
}

/// An AVI in which one of this many frames is stored, and the others repeat it.
fn with_repetitions(studio: &Studio, name: &str, every: usize) -> PathBuf {
    let some = format!("-vf select='not(mod(n\\,{every}))'");
    let timing = "-fps_mode passthrough -enc_time_base 1/25";
    studio.make(name, &format!("{FOOTAGE} {some} {timing} -c:v mpeg4"))
}

fn in_fields(studio: &Studio, name: &str) -> PathBuf {
    let bare = studio.path("fields.h264");
    std::fs::write(&bare, field_coded::stream(50)).unwrap();
    let file = studio.path(name);
    run(ffmpeg().args(["-f", "h264", "-i"]).arg(&bare).args(["-c", "copy"]).arg(&file));
    file
}

/// Frames that are invisible, lost or cut off, and second fields, do not count.
#[test]
fn a_clip_passes_on_the_rate_that_its_frames_are_shown_at() {
    let studio = Studio::new();
    let scene = Scene::new().source("b.mp4", &Source::new(2).seconds(1.0).no_audio());
    let mut wrong = Vec::new();
    let mut check = |file: &Path| {
        put(&scene, file);
        let name = file.file_name().unwrap().to_str().unwrap();
        let parameters = format!("f_mp4,{USUAL},an_1,s_160x120{}", sur("b.mp4"));
        let outcome = scene.run(name, &parameters).succeeded();
        let rate = &outcome.record["Output"]["Video"]["FrameRate"];
        let told = outcome.reading().stream("video")["avg_frame_rate"].clone();
        let second = outcome.frames()[1];
        if rate.as_f64() != Some(25.0) || told != "25/1" || second != 25 {
            wrong.push(format!("{name}: {rate}, {told}, {second}"));
        }
    };
    for (name, from) in [
        ("cut.mp4", "4"),
        ("cut.mov", "4.3"),
        ("cut.mkv", "4.3"),
        ("cut.ts", "4.3"),
        ("cut.flv", "4"),
    ] {
        check(&cut(&studio, name, from));
    }
    // Frames so small that several are in one packet, of which only one has a presentation time.
    let small = "-f lavfi -i color=s=160x120:r=25:d=8 -c:v mpeg2video -bf 2 -q:v 31";
    for name in ["small.mpg", "small.vob"] {
        check(&studio.make(name, small));
    }
    check(&with_hidden_frames(&studio));
    check(&with_losses(&studio));
    check(&without_repetitions(&studio, "mpeg4.avi", "-c:v mpeg4"));
    check(&without_repetitions(&studio, "h264.avi", "-c:v libx264 -bf 0"));
    check(&without_repetitions(&studio, "mjpeg.avi", "-c:v mjpeg"));
    check(&with_repetitions(&studio, "half.avi", 2));
    check(&with_repetitions(&studio, "third.avi", 3));
    for name in ["fields.ts", "fields.m2ts", "fields.mp4", "fields.mkv"] {
        check(&in_fields(&studio, name));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Timestamps in milliseconds give the rate of two frames within a few percent, and a program
/// stream stores only one of the two.
#[test]
fn two_frames_pass_on_their_rate() {
    let studio = Studio::new();
    let scene = Scene::new().source("b.mp4", &Source::new(2).seconds(1.0).no_audio());
    let mut wrong = Vec::new();
    for (name, rate, codec) in [
        ("ntsc.mkv", (30_000, 1001), "libx264"),
        ("ntsc.flv", (30_000, 1001), "libx264"),
        ("ntsc.mpg", (30_000, 1001), "mpeg2video"),
        ("film.flv", (24_000, 1001), "libx264"),
        ("fast.webm", (60, 1), "libvpx -deadline realtime"),
        ("pal.vob", (25, 1), "mpeg2video"),
    ] {
        let (n, d) = rate;
        let source = format!("-f lavfi -i testsrc2=s=160x120:r={n}/{d} -frames:v 2 -c:v {codec}");
        put(&scene, &studio.make(name, &source));
        let parameters = format!("f_mp4,{USUAL},an_1,s_160x120{}", sur("b.mp4"));
        let outcome = scene.run(name, &parameters).succeeded();
        let found = outcome.record["Output"]["Video"]["FrameRate"].as_f64().unwrap();
        if (found - f64::from(n) / f64::from(d)).abs() > 1e-3 {
            wrong.push(format!("{name}: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
