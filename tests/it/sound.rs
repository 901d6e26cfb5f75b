//! Every audio codec with the sample rates and channels that it has.

use video_concat::process::codec::{AudioCodec, Container, audio_ban, max_channels, sample_rates};

use crate::bed::beep::amplitude;
use crate::bed::source::Source;
use crate::scene::{Scene, sur};

/// Runs every sample rate with two channels (or one), and every number of
/// channels at the highest rate but 48 kHz.
fn check(codec: AudioCodec) {
    let scene = Scene::new().source("a.mp4", &Source::new(1).seconds(1.2).no_video());
    let mut wrong = Vec::new();
    let mut run = |container: Container, rate: u32, channels: u8| {
        let parameters =
            format!("f_{container},vcodec_h264,acodec_{codec},vn_1,ar_{rate},ac_{channels}");
        let outcome = scene.run("a.mp4", &parameters);
        let found = &outcome.record["Output"]["Audio"];
        let expected = if codec == AudioCodec::Opus { 48_000 } else { rate };
        if (&found["SampleRate"], &found["Channels"]) != (&expected.into(), &channels.into()) {
            wrong.push(format!("{parameters}: {}", outcome.record["Message"]));
        }
    };
    for &container in Container::ALL {
        if audio_ban(container, codec).is_some() || container == Container::Mxf {
            continue;
        }
        let rates = sample_rates(container, codec);
        let most = max_channels(container, codec);
        for &rate in rates {
            run(container, rate, most.min(2));
        }
        for channels in 1..=most {
            run(container, rates[rates.len() / 2], channels);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

macro_rules! codecs {
    ($($name:ident $codec:ident),*) => {
        $(#[test] fn $name() { check(AudioCodec::$codec); })*
    };
}

codecs!(mp3 Mp3, aac Aac, flac Flac, vorbis Vorbis, ac3 Ac3, opus Opus, pcm Pcm, amr Amr);

/// Bytes of sound for a larger and larger `aq`.
#[test]
fn a_larger_quality_never_has_fewer_bits() {
    let source = Source::new(1).no_video().audio_seconds(4.0).tones(&[440.0, 3000.0]);
    let scene = Scene::new().source("a.wav", &source.audio_codec("pcm_s16le"));
    for codec in ["mp3", "aac", "vorbis", "ac3", "opus", "amr"] {
        let sizes = [0, 20, 40, 60, 80, 100].map(|quality| {
            let parameters = format!("f_mkv,vcodec_h264,acodec_{codec},vn_1,aq_{quality}");
            let outcome = scene.run("a.wav", &parameters).succeeded();
            outcome.record["Targets"][0]["Size"].as_u64().unwrap()
        });
        assert!(sizes.is_sorted(), "{codec}: {sizes:?}");
    }
}

#[test]
fn the_lowest_and_highest_bit_rates_of_the_language_are_taken() {
    let scene = Scene::new().source("a.mp4", &Source::new(1).seconds(1.0).no_video());
    for &codec in AudioCodec::ALL {
        for bits in [1000, 10_000_000] {
            let parameters = format!("f_mkv,vcodec_h264,acodec_{codec},vn_1,ab_{bits}");
            let outcome = scene.run("a.mp4", &parameters).succeeded();
            assert!(outcome.warnings().contains("bit/s") || outcome.warnings().contains("`ab`"));
        }
    }
}

/// A tone in one channel comes out in that channel, and nowhere else.
#[test]
fn channels_keep_their_order() {
    let tones = [400.0, 600.0, 800.0, 60.0, 1000.0, 1400.0];
    let source = Source::new(1).no_video().audio(48_000, 6).tones(&tones).no_beeps();
    let scene = Scene::new().source("a.wav", &source.audio_codec("pcm_s16le"));
    for codec in ["aac", "flac", "vorbis", "ac3", "opus", "pcm"] {
        let parameters = format!("f_mkv,vcodec_h264,acodec_{codec},vn_1,ac_6");
        let outcome = scene.run("a.wav", &parameters).succeeded();
        let reading = outcome.reading();
        for (channel, own) in tones.iter().enumerate() {
            let sound = reading.channel(channel);
            for tone in &tones {
                let loud = amplitude(&sound, 48_000, *tone) > 0.02;
                assert_eq!(
                    loud,
                    (tone - own).abs() < 1.0,
                    "{codec}: {tone} Hz in channel {channel}"
                );
            }
        }
    }
}

#[test]
fn surround_is_mixed_down_without_clipping() {
    let tones = [500.0; 6];
    let source = Source::new(1).no_video().audio(48_000, 6).tones(&tones).no_beeps();
    let scene = Scene::new().source("a.wav", &source.audio_codec("pcm_s16le"));
    let outcome = scene.run("a.wav", "f_mkv,vcodec_h264,acodec_flac,vn_1,ac_2").succeeded();
    let peak =
        outcome.reading().channel(0).iter().fold(0.0_f32, |peak, value| peak.max(value.abs()));
    assert!((0.05..0.99).contains(&peak), "{peak}");
}

/// Two continuous tones: nothing louder than they are where they meet.
#[test]
fn a_join_makes_no_click() {
    let tone = |id| Source::new(id).no_video().audio_seconds(2.0).tones(&[440.0, 440.0]).no_beeps();
    let scene = Scene::new()
        .source("a.wav", &tone(1).audio_codec("pcm_s16le"))
        .source("b.wav", &tone(2).audio_codec("pcm_s16le"));
    // Whole periods, so that the tone itself goes on without a step.
    let parameters = format!("t_1000,f_mkv,vcodec_h264,acodec_flac,vn_1{}", sur("b.wav"));
    let outcome = scene.run("a.wav", &parameters).succeeded();
    let reading = outcome.reading();
    let clicks = crate::bed::beep::clicks(&reading.channel(0), 48_000, 440.0);
    assert!(clicks.iter().all(|at| *at < 5.0 || *at > 2990.0), "{clicks:?}");
}
