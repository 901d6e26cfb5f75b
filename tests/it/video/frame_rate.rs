//! `fps` and `fpsopt`.

use crate::bed::expect::{Clip, Expected};
use crate::bed::source::Source;
use crate::scene::{Scene, USUAL, sur};

/// Parameter, the exact rate, and what a second becomes.
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
        // Matroska tells the length of a frame, and r_frame_rate is guessed from milliseconds.
        let field = if container == "mkv" { "avg_frame_rate" } else { "r_frame_rate" };
        let told = reading.stream("video")[field].as_str().unwrap();
        let uneven = reading.unevenness_ms(rate);
        let found = reading.frame_count();
        // A single frame has no rate, no clock divides by 33.333, and what
        // ffprobe makes of two seconds in milliseconds is near 59.94 only.
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
