//! Frames and samples are where the timeline places them.

use crate::bed::expect::{Clip, Expected};
use crate::bed::source::Source;
use crate::scene::{Scene, USUAL, b64, pre, sur};

const PAL: (u32, u32) = (25, 1);

#[test]
fn clips_follow_each_other_in_list_order() {
    let scene = Scene::new()
        .source("a.mp4", &Source::new(1))
        .source("b.mp4", &Source::new(2))
        .source("c.mp4", &Source::new(3))
        .source("d.mp4", &Source::new(4));
    // However pre and sur are mixed: every pre, the main object, every sur.
    let parameters = format!("f_mp4,{USUAL}{}{}{}", sur("c.mp4"), pre("a.mp4"), sur("d.mp4"));
    let clips = [1, 2, 3, 4].map(|id| Clip::whole(id, PAL, 2.0)).to_vec();
    scene.run("b.mp4", &parameters).shows(&Expected::new(PAL, clips));
}

#[test]
fn cuts_are_exact_to_the_frame_in_every_kind_of_source() {
    for (name, source) in [
        ("a.mp4", Source::new(5)),
        ("a.mov", Source::new(5).video_codec("mpeg4")),
        ("a.mkv", Source::new(5)),
        ("a.ts", Source::new(5)),
        ("a.avi", Source::new(5).video_codec("mpeg4").audio_codec("pcm_s16le")),
        ("a.flv", Source::new(5).audio(44_100, 2)),
        ("a.mpg", Source::new(5).video_codec("mpeg2video").audio_codec("mp2")),
        ("a.webm", Source::new(5).video_codec("libvpx-vp9").audio_codec("libopus")),
    ] {
        let scene = Scene::new().source(name, &source.seconds(6.0));
        let outcome = scene.run(name, &format!("ss_3240,t_1000,f_mp4,{USUAL}"));
        // Containers whose audio starts before their video begin that much earlier.
        let start = lead(&scene, name);
        let clip = Clip::whole(5, PAL, 6.0).cut(3240.0, 25).late(start, start);
        outcome.shows(&Expected::new(PAL, vec![clip]));
    }
}

/// How much later than its first timestamp a source's video starts, in ms.
fn lead(scene: &Scene, name: &str) -> f64 {
    let reading = crate::bed::reading::Reading::of(scene.s3.path("sources", name));
    // Negative timestamps of Matroska are the encoder's delay.
    let delay = if name.ends_with("mkv") || name.ends_with("webm") {
        0.0
    } else {
        -reading.audio_delay_ms()
    };
    delay.max(0.0)
}

#[test]
fn many_joins_do_not_drift() {
    // 930 ms at 25 frames/s is 23.25 frames.
    let scene = Scene::new().source("a.mp4", &Source::new(6).seconds(3.0));
    let parameters = format!("t_930,f_mp4,{USUAL}{}", format!("{},t_930", sur("a.mp4")).repeat(9));
    let outcome = scene.run("a.mp4", &parameters).succeeded();
    assert_eq!(outcome.frames(), [23, 24, 23, 23, 23, 24, 23, 23, 23, 24]);
    let mut frames_before = 0;
    let clips = outcome.frames().into_iter().zip(0..).map(|(frames, before)| {
        let audio_offset_ms = f64::from(930 * before) - 40.0 * frames_before as f64;
        frames_before += frames;
        let clip = Clip::whole(6, PAL, 3.0).cut(0.0, usize::try_from(frames).unwrap());
        Clip { audio_offset_ms, ..clip }
    });
    let expected = Expected::new(PAL, clips.collect());
    let outcome = outcome.shows(&expected);
    assert!(outcome.record["Verified"]["MaxJoinOffsetMs"].as_f64().unwrap() <= 20.0);
    assert_eq!(outcome.record["Output"]["Video"]["Frames"], 233);
    assert_eq!(outcome.record["Output"]["Audio"]["Samples"], 446_400);
}

#[test]
fn ntsc_rates_are_exact() {
    let ntsc = (30_000, 1001);
    let scene = Scene::new()
        .source("a.mp4", &Source::new(7).rate(30_000, 1001))
        .source("b.mkv", &Source::new(8).rate(30_000, 1001));
    let outcome = scene.run("a.mp4", &format!("f_mp4,{USUAL},fps_29.97{}", sur("b.mkv")));
    let clips = vec![Clip::whole(7, ntsc, 2.002), Clip::whole(8, ntsc, 2.002)];
    let outcome = outcome.shows(&Expected::new(ntsc, clips));
    assert_eq!(outcome.reading().stream("video")["r_frame_rate"], "30000/1001");
    assert!(outcome.reading().unevenness_ms(ntsc) < 0.1);
}

#[test]
fn a_rate_changes_without_loss_of_order() {
    let scene = Scene::new().source("a.mp4", &Source::new(9).rate(50, 1));
    let clip = Clip { source_rate: (50, 1), source_frames: 100, ..Clip::whole(9, PAL, 2.0) };
    let outcome = scene.run("a.mp4", &format!("f_mp4,{USUAL},fps_25"));
    outcome.shows(&Expected::new(PAL, vec![clip]));
}

#[test]
fn the_shorter_stream_is_held_or_silent() {
    let scene = Scene::new()
        .source("video.mp4", &Source::new(10).video_seconds(3.0).audio_seconds(1.0))
        .source("audio.mp4", &Source::new(11).video_seconds(1.0).audio_seconds(3.0));
    let outcome = scene.run("video.mp4", &format!("f_mp4,{USUAL}{}", sur("audio.mp4")));
    let clips = vec![
        Clip { audio_ms: 1000.0, ..Clip::whole(10, PAL, 3.0) },
        Clip { source_frames: 25, ..Clip::whole(11, PAL, 3.0) },
    ];
    outcome.shows(&Expected::new(PAL, clips));
}

#[test]
fn a_cut_after_the_end_of_a_stream_still_has_both() {
    let scene = Scene::new()
        .source("audio.mp4", &Source::new(12).video_seconds(1.0).audio_seconds(4.0))
        .source("video.mp4", &Source::new(13).video_seconds(4.0).audio_seconds(1.0));
    let parameters = format!("ss_2000,f_mp4,{USUAL}{},ss_2000", sur("video.mp4"));
    let clips = vec![
        Clip { source_frames: 25, ..Clip::whole(12, PAL, 4.0) }.cut(2000.0, 50),
        Clip { audio_ms: 1000.0, ..Clip::whole(13, PAL, 4.0) }.cut(2000.0, 50),
    ];
    scene.run("audio.mp4", &parameters).shows(&Expected::new(PAL, clips));
}

#[test]
fn a_late_stream_is_padded_in_front() {
    let scene = Scene::new()
        .source("video.mp4", &Source::new(14).start_offset_ms(400, 0).video_seconds(1.6))
        .source("audio.mp4", &Source::new(15).start_offset_ms(0, 400).audio_seconds(1.6));
    let outcome = scene.run("video.mp4", &format!("f_mp4,{USUAL}{}", sur("audio.mp4")));
    let clips = vec![
        Clip { source_frames: 40, ..Clip::whole(14, PAL, 2.0) }.late(400.0, 0.0),
        Clip { audio_ms: 1600.0, ..Clip::whole(15, PAL, 2.0) }.late(0.0, 400.0),
    ];
    outcome.shows(&Expected::new(PAL, clips));
}

#[test]
fn a_short_last_frame_is_shown_and_held() {
    // It is nearest to the output frame before which it ends.
    let short = ["-bsf:v", "setts=duration=DURATION/4"];
    let source = Source::new(18).start_offset_ms(21, 0).video_seconds(2.0).audio_seconds(2.12);
    let source = source.video_codec("mpeg4").extra_args(&short);
    let scene = Scene::new().source("a.mp4", &source);
    let clip = Clip { source_frames: 50, ..Clip::whole(18, PAL, 2.12) }.late(21.0, 0.0);
    scene.run("a.mp4", &format!("f_mp4,{USUAL}")).shows(&Expected::new(PAL, vec![clip]));
}

#[test]
fn variable_rate_becomes_constant() {
    let source = Source::new(16).vfr(&[40, 80, 40, 200]).seconds(3.0);
    let scene = Scene::new().source("a.mkv", &source);
    let outcome = scene.run("a.mkv", &format!("f_mp4,{USUAL},fps_25"));
    let frames = outcome.frames().iter().sum::<u64>();
    let clip = Clip { frames: usize::try_from(frames).unwrap(), ..Clip::whole(16, PAL, 3.0) }
        .uneven(source.starts_ms());
    let outcome = outcome.shows(&Expected::new(PAL, vec![clip]));
    assert!(outcome.reading().unevenness_ms(PAL) < 0.1);
}

#[test]
fn one_object_may_stand_in_the_list_several_times() {
    let scene = Scene::new().source("a.mp4", &Source::new(17).seconds(4.0));
    let again = format!("{},ss_1000,t_1000", sur("a.mp4"));
    let outcome = scene.run("a.mp4", &format!("ss_3000,f_mp4,{USUAL}{again}{again}"));
    let part = |start| Clip::whole(17, PAL, 4.0).cut(start, 25);
    let expected = Expected::new(PAL, vec![part(3000.0), part(1000.0), part(1000.0)]);
    outcome.shows(&expected);
    let path = "/sources/a.mp4";
    assert_eq!(scene.s3.calls_of("HEAD", path).len(), 1);
    assert_eq!(scene.s3.calls_of("GET", path).len(), 1);
}

#[test]
fn a_cut_shorter_than_half_a_frame_takes_none_and_delays_nothing() {
    let scene = Scene::new().source("a.mp4", &Source::new(18));
    let parameters = format!("f_mp4,{USUAL}/pre,o_{},t_10{}", b64("a.mp4"), sur("a.mp4"));
    let outcome = scene.run("a.mp4", &parameters).succeeded();
    assert_eq!(outcome.frames(), [0, 50, 50]);
}
