//! Sources of every form become one video and one audio stream.

use crate::bed::expect::{Clip, Expected};
use crate::bed::frame_code::Region;
use crate::bed::source::Source;
use crate::scene::{Scene, USUAL, sur};

const PAL: (u32, u32) = (25, 1);

/// `second` after a plain clip: both must be shown completely, whatever `second` is.
fn after_a_plain_clip(name: &str, second: &Source) -> crate::scene::Outcome {
    let scene = Scene::new().source("plain.mp4", &Source::new(1)).source(name, second);
    scene.run("plain.mp4", &format!("f_mp4,{USUAL}{}", sur(name)))
}

fn both() -> Expected {
    Expected::new(PAL, vec![Clip::whole(1, PAL, 2.0), Clip::whole(2, PAL, 2.0)])
}

#[test]
fn a_clip_without_audio_is_silent() {
    let outcome = after_a_plain_clip("mute.mp4", &Source::new(2).no_audio());
    let clips = vec![Clip::whole(1, PAL, 2.0), Clip::whole(2, PAL, 2.0).silent()];
    let outcome = outcome.shows(&Expected::new(PAL, clips));
    assert_eq!(outcome.record["Sources"][1]["Filled"], serde_json::json!(["audio"]));
}

#[test]
fn a_clip_without_video_is_black() {
    let outcome = after_a_plain_clip("audio.m4a", &Source::new(2).no_video());
    let clips = vec![Clip::whole(1, PAL, 2.0), Clip::whole(2, PAL, 2.0).black()];
    let outcome = outcome.shows(&Expected::new(PAL, clips));
    assert_eq!(outcome.record["Sources"][1]["Filled"], serde_json::json!(["video"]));
}

#[test]
fn codecs_rates_and_channels_mix() {
    for (name, second) in [
        ("mono.mp4", Source::new(2).audio(44_100, 1)),
        ("surround.mkv", Source::new(2).audio(48_000, 6).audio_codec("ac3")),
        ("deep.mkv", Source::new(2).pixel_format("yuv420p10le").video_codec("libx265")),
        ("wide.mp4", Source::new(2).pixel_format("yuv444p")),
        ("hd.mp4", Source::new(2).colour_space("bt709")),
        ("interlaced.mp4", Source::new(2).interlaced()),
    ] {
        let expected = both();
        after_a_plain_clip(name, &second).shows(&expected);
    }
}

#[test]
fn shapes_stand_between_bars() {
    // In a frame of 160x120.
    let wide = Region { x: 0, y: 14, width: 160, height: 90 };
    let tall = Region { x: 46, y: 0, width: 68, height: 120 };
    for (name, second, region) in [
        ("wide.mp4", Source::new(2).size(320, 180), wide),
        ("turned.mp4", Source::new(2).size(180, 320).rotation(90), tall),
        ("narrow-pixels.mp4", Source::new(2).size(160, 180).sar(2, 1), wide),
    ] {
        after_a_plain_clip(name, &second).shows_in(&[region], &both());
    }
}

#[test]
fn a_turned_align_clip_makes_an_upright_output() {
    let scene = Scene::new().source("a.mp4", &Source::new(1).size(120, 160).rotation(270));
    let outcome = scene.run("a.mp4", &format!("f_mp4,{USUAL}"));
    let outcome = outcome.shows(&Expected::new(PAL, vec![Clip::whole(1, PAL, 2.0)]));
    assert_eq!(outcome.reading().size(), (120, 160));
}

#[test]
fn a_stream_can_be_dropped() {
    let scene = Scene::new().source("a.mp4", &Source::new(1)).source("b.mp4", &Source::new(2));
    let parameters = format!("f_mp4,{USUAL}{}", sur("b.mp4"));
    let with = |flag: &str| parameters.replacen("f_mp4", &format!("f_mp4,{flag}"), 1);
    scene.run("a.mp4", &with("an_1")).shows(&both().no_audio());
    let outcome = scene.run("a.mp4", &with("vn_1")).succeeded();
    assert_eq!(both().no_video().differences(&outcome.reading()), []);
    assert_eq!(outcome.record["Usage"]["Definition"], "AUDIO");
}
