//! Every audio codec with the sample rates and channels that it supports.

mod levels;

use video_concat::codec::{AudioCodec, Container, audio_ban, max_channels, sample_rates};

use crate::bed::beep::{amplitude, pitch};
use crate::bed::source::Source;
use crate::scene::{Scene, sur};

/// Runs every sample rate with two channels (or one), and every number of channels at the highest
/// rate except 48 kHz.
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

/// Bytes of audio for increasing values of `aq`.
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
            let given = format!("`ab_{bits}`: ");
            assert!(outcome.warnings().contains(&given), "{}", outcome.warnings());
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
            let audio = reading.channel(channel);
            for tone in &tones {
                let loud = amplitude(&audio, 48_000, *tone) > 0.02;
                assert_eq!(
                    loud,
                    (tone - own).abs() < 1.0,
                    "{codec}: {tone} Hz in channel {channel}"
                );
            }
        }
    }
}

/// The same beep of half loudness in every channel: if the channels were added, full loudness would
/// clip.
#[test]
fn surround_is_mixed_down_without_clipping() {
    for channels in [6, 8] {
        let source = Source::new(1).no_video().audio(48_000, channels).audio_codec("pcm_s16le");
        let scene = Scene::new().source("a.wav", &source);
        for parameters in ["ac_1", "ac_2"] {
            let parameters = format!("f_mkv,vcodec_h264,acodec_flac,vn_1,{parameters}");
            let outcome = scene.run("a.wav", &parameters).succeeded();
            let audio = outcome.reading().channel(0);
            let peak = audio.iter().fold(0.0_f32, |peak, value| peak.max(value.abs()));
            assert!((0.3..=0.505).contains(&peak), "{channels} channels, {parameters}: {peak}");
        }
    }
}

#[test]
fn flac_has_the_asked_depth_or_else_the_sources() {
    let source = |codec: &str| Source::new(1).no_video().seconds(1.0).audio_codec(codec);
    let scene = Scene::new()
        .source("16.wav", &source("pcm_s16le"))
        .source("24.wav", &source("pcm_s24le"))
        .source("lossy.mp3", &source("libmp3lame"));
    for (name, asked, depth) in [
        ("16.wav", "", "16"),
        ("24.wav", "", "24"),
        ("lossy.mp3", "", "16"),
        ("16.wav", ",adepth_24", "24"),
        ("24.wav", ",adepth_16", "16"),
    ] {
        let parameters = format!("f_mkv,vcodec_h264,acodec_flac,vn_1{asked}");
        let outcome = scene.run(name, &parameters).succeeded();
        let found = outcome.reading().stream("audio")["bits_per_raw_sample"].clone();
        assert_eq!(found, depth, "{name}{asked}");
    }
}

/// From a source with 96 kHz and eight channels, and one with 11025 Hz and one.
#[test]
fn what_a_codec_cant_inherit_becomes_the_nearest_with_a_warning() {
    let source = |rate, channels| Source::new(1).no_video().seconds(1.0).audio(rate, channels);
    let scene = Scene::new()
        .source("high.wav", &source(96_000, 8).audio_codec("pcm_s16le"))
        .source("low.wav", &source(11_025, 1).audio_codec("pcm_s16le"));
    for (name, container, codec, rate, channels, warnings) in [
        ("high.wav", "mp4", "mp3", 48_000, 2, 2),
        ("high.wav", "mkv", "ac3", 48_000, 6, 2),
        ("high.wav", "flv", "mp3", 44_100, 2, 2),
        ("high.wav", "mkv", "amr", 16_000, 1, 2),
        ("high.wav", "mkv", "flac", 96_000, 8, 0),
        ("low.wav", "mp4", "mp3", 16_000, 1, 1),
        ("low.wav", "mkv", "ac3", 32_000, 1, 1),
        ("low.wav", "mkv", "mp3", 11_025, 1, 0),
    ] {
        let parameters = format!("f_{container},vcodec_h264,acodec_{codec},vn_1");
        let outcome = scene.run(name, &parameters).succeeded();
        let found = &outcome.record["Output"]["Audio"];
        let case = format!("{name} {container} {codec}: {}", outcome.record);
        assert_eq!(
            (&found["SampleRate"], &found["Channels"]),
            (&rate.into(), &channels.into()),
            "{case}"
        );
        assert_eq!(
            outcome.warnings().matches("can't hold the align clip's").count(),
            warnings,
            "{case}"
        );
    }
}

/// The beep at one second, whatever the rate, for audio alone in the containers that can declare an
/// encoder's delay.
#[test]
fn audio_alone_is_in_place_at_every_rate() {
    let scene = Scene::new().source("a.mp4", &Source::new(1).seconds(1.2).no_video());
    let mut wrong = Vec::new();
    for &codec in AudioCodec::ALL {
        // The codec produces another wave, which may fit best two periods away.
        let tolerance_ms = if codec == AudioCodec::Amr { 2000.0 / pitch(1) } else { 0.1 };
        let containers = [Container::Mp4, Container::Mov, Container::Mkv];
        let able = containers.into_iter().find(|&container| audio_ban(container, codec).is_none());
        let container = able.expect("one of them holds it");
        for rate in sample_rates(container, codec) {
            let parameters = format!("f_{container},vcodec_h264,acodec_{codec},vn_1,ar_{rate}");
            let outcome = scene.run("a.mp4", &parameters).succeeded();
            let beeps = outcome.reading().beeps();
            if !beeps
                .iter()
                .any(|beep| (beep.at_ms - 1000.0).abs() < tolerance_ms && beep.clip == Some(1))
            {
                wrong.push(format!("{parameters}: {beeps:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Two continuous tones: nothing is louder than they are where they meet.
#[test]
fn a_join_makes_no_click() {
    let tone = |id| Source::new(id).no_video().audio_seconds(2.0).tones(&[440.0, 440.0]).no_beeps();
    let scene = Scene::new()
        .source("a.wav", &tone(1).audio_codec("pcm_s16le"))
        .source("b.wav", &tone(2).audio_codec("pcm_s16le"));
    // Whole periods, so that the tone itself continues without a step.
    let parameters = format!("t_1000,f_mkv,vcodec_h264,acodec_flac,vn_1{}", sur("b.wav"));
    let outcome = scene.run("a.wav", &parameters).succeeded();
    let reading = outcome.reading();
    let clicks = crate::bed::beep::clicks(&reading.channel(0), 48_000, 440.0);
    assert!(clicks.iter().all(|at| *at < 5.0 || *at > 2990.0), "{clicks:?}");
}
