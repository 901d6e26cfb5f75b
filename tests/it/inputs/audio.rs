//! Files with audio alone.

use super::{Between, check_all, plain, scene};
use crate::bed::source::Source;

fn case(name: &str, codec: &str, extra: &[&str]) -> (Between, Source) {
    let source = plain(2).no_video().audio_codec(codec).extra_args(extra);
    (Between::new(name).black(), source)
}

#[test]
fn lossless_audio() {
    let (eight, many) = case("eight.wav", "pcm_s16le", &[]);
    check_all([
        case("16.wav", "pcm_s16le", &[]),
        case("24.wav", "pcm_s24le", &[]),
        case("float.wav", "pcm_f32le", &[]),
        case("law.wav", "pcm_mulaw", &[]),
        case("rf64.wav", "pcm_s16le", &["-rf64", "always"]),
        (eight, many.audio(48_000, 8)),
        case("b.w64", "pcm_s24le", &[]),
        case("b.aiff", "pcm_s16be", &[]),
        case("aifc.aiff", "pcm_f32le", &["-c:a", "pcm_mulaw"]),
        case("b.caf", "pcm_s16be", &[]),
        case("alac.caf", "alac", &[]),
        case("b.flac", "flac", &[]),
        case("24.flac", "flac", &["-sample_fmt", "s32"]),
        case("flac.ogg", "flac", &["-f", "ogg"]),
        case("alac.m4a", "alac", &[]),
    ]);
}

#[test]
fn lossy_audio() {
    let mono = ["-ac", "1", "-ar", "8000"];
    let wide = ["-ac", "1", "-ar", "16000"];
    // What nothing in the file tells of: the encoder's delay.
    let delayed = |samples: f64, rate: f64, (between, source): (Between, Source)| {
        (between.delayed(samples * 1000.0 / rate), source)
    };
    let rough = |(between, source): (Between, Source)| (between.rough(), source);
    check_all([
        case("b.m4a", "aac", &[]),
        case("b.ogg", "libvorbis", &[]),
        case("b.opus", "libopus", &[]),
        case("b.mp3", "libmp3lame", &[]),
        case("untagged.mp3", "libmp3lame", &["-id3v2_version", "0"]),
        delayed(1105.0, 48_000.0, case("no-xing.mp3", "libmp3lame", &["-write_xing", "0"])),
        delayed(1024.0, 48_000.0, case("b.aac", "aac", &["-f", "adts"])),
        rough(delayed(40.0, 8000.0, case("b.amr", "libopencore_amrnb", &mono))),
        rough(delayed(95.0, 16_000.0, case("wide.amr", "libvo_amrwbenc", &wide))),
        delayed(256.0, 48_000.0, case("b.ac3", "ac3", &[])),
        rough(delayed(2048.0, 48_000.0, case("b.wma", "wmav2", &["-f", "asf"]))),
    ]);
}

/// As another build has encoded it: the layer's has no muxer for it.
#[test]
fn e_ac_3() {
    let scene = scene();
    scene.s3.put("sources", "b.eac3", include_bytes!("data/b.eac3"));
    let between = Between::new("b.eac3").black().delayed(256.0 / 48.0);
    assert_eq!(between.faults(&scene), [""; 0]);
}
