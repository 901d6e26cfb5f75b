//! How loud each channel of a source is in the output.

use crate::bed::beep::amplitude;
use crate::bed::source::Source;
use crate::scene::{Outcome, Scene, USUAL, sur};

/// Amplitude of each channel's tone in a source.
const LEVEL: f64 = 0.1;

/// The frequency of a channel's tone, far enough from the others to be distinguished.
fn tone(channel: usize) -> f64 {
    300.0 + 170.0 * channel as f64
}

/// One second with as many tones as channels, in a file that declares `layout`.
fn source(channels: usize, layout: &str) -> Source {
    let tones: Vec<f64> = (0..channels).map(tone).collect();
    let source = Source::new(1).no_video().seconds(1.0).audio(48_000, channels).tones(&tones);
    let source = source.no_beeps().audio_codec("pcm_s16le");
    if layout.is_empty() {
        return source;
    }
    source.extra_args(&["-af", &labelled(channels, layout)])
}

/// The filter that declares the layout of channels, and leaves them as they are.
fn labelled(channels: usize, layout: &str) -> String {
    let order: Vec<String> = (0..channels).map(|n| n.to_string()).collect();
    format!("channelmap={}:{layout}", order.join("|"))
}

/// How loud a tone is in a channel of the output between two moments in milliseconds, in decibels
/// of its level in the source.
fn decibels(outcome: &Outcome, channel: usize, hertz: f64, (from, to): (usize, usize)) -> f64 {
    let audio = outcome.reading().channel(channel);
    20.0 * (amplitude(&audio[48 * from..48 * to], 48_000, hertz) / LEVEL).log10()
}

#[test]
fn mono_and_stereo_have_one_level() {
    let of = |channels: usize, codec: &str| {
        let source = Source::new(1).no_video().seconds(1.0).audio(48_000, channels);
        source.tones(&vec![440.0; channels]).no_beeps().audio_codec(codec)
    };
    let scene = Scene::new()
        .source("mono.wav", &of(1, "pcm_s16le"))
        .source("mono.mp4", &of(1, "aac"))
        .source("mono.mp3", &of(1, "libmp3lame"))
        .source("mono.opus", &of(1, "libopus"))
        .source("mono.flac", &of(1, "flac"))
        .source("stereo.wav", &of(2, "pcm_s16le"));
    let mut wrong = Vec::new();
    for name in ["mono.wav", "mono.mp4", "mono.mp3", "mono.opus", "mono.flac"] {
        for (parameters, channels) in [("ac_2", 2), ("ac_1", 1)] {
            let parameters = format!("f_mkv,vcodec_h264,acodec_flac,vn_1,{parameters}");
            let outcome =
                scene.run("stereo.wav", &format!("{parameters}{}", sur(name))).succeeded();
            for (channel, part) in
                (0..channels).flat_map(|channel| [(channel, (200, 800)), (channel, (1200, 1800))])
            {
                let level = decibels(&outcome, channel, 440.0, part);
                // LAME itself takes 0.45 dB off mono.
                if level.abs() > 0.6 {
                    wrong
                        .push(format!("{name}, {parameters}: {level} dB in {channel} at {part:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Where the channels change on the way, too.
#[test]
fn mono_that_follows_stereo_in_one_file_has_its_level() {
    let part = |channels: usize, codec: &str, name: &str| {
        let source = Source::new(1).no_video().seconds(1.024).audio(48_000, channels);
        let source = source.tones(&vec![440.0; channels]).no_beeps().audio_codec(codec);
        std::fs::read(source.write(name)).unwrap()
    };
    let scene = Scene::new();
    for (name, codec) in [("a.ac3", "ac3"), ("a.aac", "aac")] {
        scene.s3.put("sources", name, [part(2, codec, name), part(1, codec, name)].concat());
        let parameters = "f_mkv,vcodec_h264,acodec_flac,vn_1,ac_2";
        let outcome = scene.run(name, parameters).succeeded();
        for (channel, part) in [(0, (200, 800)), (0, (1300, 1900)), (1, (1300, 1900))] {
            let level = decibels(&outcome, channel, 440.0, part);
            assert!(level.abs() < 0.3, "{name}: {level} dB in {channel} at {part:?}");
        }
    }
}

/// By ITU-R BS.775, divided by the sum of the weights: left and right of stereo.
#[test]
fn surround_becomes_stereo_by_the_documented_weights() {
    const NONE: f64 = -60.0;
    let surround = [(-7.66, NONE), (NONE, -7.66), (-10.67, -10.67), (NONE, NONE)];
    let with = |more: &[(f64, f64)]| [&surround[..], more].concat();
    let mut wrong = Vec::new();
    for (layout, weights) in [
        ("5.1", with(&[(-10.67, NONE), (NONE, -10.67)])),
        ("5.1(side)", with(&[(-10.67, NONE), (NONE, -10.67)])),
        ("quad", vec![(-4.65, NONE), (NONE, -4.65), (-7.66, NONE), (NONE, -7.66)]),
        (
            "7.1",
            vec![
                (-8.65, NONE),
                (NONE, -8.65),
                (-11.66, -11.66),
                (NONE, NONE),
                (-14.67, NONE),
                (NONE, -14.67),
                (-14.67, NONE),
                (NONE, -14.67),
            ],
        ),
    ] {
        let scene = Scene::new().source("a.wav", &source(weights.len(), layout));
        let outcome = scene.run("a.wav", "f_mkv,vcodec_h264,acodec_flac,vn_1,ac_2").succeeded();
        for (channel, (left, right)) in weights.iter().enumerate() {
            for (side, expected) in [left, right].into_iter().enumerate() {
                let level = decibels(&outcome, side, tone(channel), (100, 900)).max(NONE);
                if (level - expected).abs() > 0.1 && level > NONE + 10.0 {
                    wrong.push(format!("{layout}, channel {channel} in {side}: {level} dB"));
                } else if *expected > NONE && (level - expected).abs() > 0.1 {
                    wrong.push(format!("{layout}, channel {channel} is lost in {side}"));
                }
            }
        }
        let lost = outcome.warnings().contains("(LFE) is left out");
        assert_eq!(lost, weights.contains(&(NONE, NONE)), "{layout}: {}", outcome.warnings());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// More channels than any loudspeaker layout of the output, declared or not: each one is in the
/// output, or named.
#[test]
fn no_channel_is_lost_without_a_word() {
    let mut wrong = Vec::new();
    for (name, channels) in
        [("9.wav", 9), ("10.wav", 10), ("16.wav", 16), ("10.mkv", 10), ("3.wav", 3), ("8.wav", 8)]
    {
        let scene = Scene::new().source("b.mp4", &Source::new(2).seconds(1.0));
        let scene = scene.source(name, &source(channels, ""));
        let parameters = format!("f_mkv,vcodec_h264,acodec_flac,ac_2{}", sur(name));
        let outcome = scene.run("b.mp4", &parameters).succeeded();
        for channel in 0..channels {
            let levels = [0, 1].map(|side| decibels(&outcome, side, tone(channel), (1100, 1900)));
            let named = outcome.warnings().contains(&format!("{} (LFE)", channel + 1));
            if (levels[0].max(levels[1]) > -40.0) == named {
                wrong.push(format!("{name}, {channel}: {levels:?}, {}", outcome.warnings()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All channels as loud as can be, at once.
#[test]
fn the_loudest_surround_does_not_clip() {
    for (channels, layout) in [(6, "5.1"), (8, "7.1"), (16, ""), (4, "quad")] {
        let sines = vec!["0.99*sin(2*PI*440*t)"; channels].join("|");
        let mut graph = format!("aevalsrc={sines}:s=48000:d=1");
        if !layout.is_empty() {
            graph.push_str(&format!(",{}", labelled(channels, layout)));
        }
        let source = Source::new(1).no_video().seconds(1.0).audio(48_000, 1).no_beeps();
        let graph = ["-filter_complex", &format!("{graph}[full]"), "-map", "[full]"];
        let source = source.audio_codec("pcm_s16le").extra_args(&graph);
        let scene = Scene::new().source("a.wav", &source);
        for output in [1, 2] {
            let parameters = format!("f_mkv,vcodec_h264,acodec_flac,vn_1,ac_{output}");
            let outcome = scene.run("a.wav", &parameters).succeeded();
            let audio = outcome.reading().channel(0);
            let peak = audio.iter().fold(0.0_f32, |peak, value| peak.max(value.abs()));
            assert!((0.8..0.995).contains(&peak), "{channels} to {output}: {peak}");
            let level = decibels(&outcome, 0, 440.0, (100, 900)) + 20.0 * LEVEL.log10();
            let peak_level = 20.0 * f64::from(peak).log10();
            assert!((level - peak_level).abs() < 0.1, "{channels} to {output}: not a sine");
        }
    }
}

#[test]
fn levels_are_those_of_video_outputs_too() {
    let scene = Scene::new()
        .source("a.mp4", &Source::new(1).seconds(1.0).tones(&[440.0; 2]).no_beeps())
        .source("b.mp4", &{
            let source = Source::new(2).seconds(1.0).audio(44_100, 1);
            source.tones(&[440.0]).no_beeps()
        });
    let outcome = scene.run("a.mp4", &format!("f_mp4,{USUAL}{}", sur("b.mp4"))).succeeded();
    for channel in [0, 1] {
        let level = decibels(&outcome, channel, 440.0, (1200, 1800));
        assert!(level.abs() < 0.3, "{level}");
    }
}
