//! Files with audio alone, and audio codecs that occur together with video.

use super::{Between, all_faults, check_all, plain, scene};
use crate::bed::source::Source;

type Cases = Vec<(Between, Source)>;

fn case(name: &str, codec: &str, extra: &[&str]) -> (Between, Source) {
    let source = plain(2).no_video().audio_codec(codec).extra_args(extra);
    (Between::new(name).black(), source)
}

/// With H.264 at its side.
fn film(name: &str, codec: &str, extra: &[&str]) -> (Between, Source) {
    (Between::new(name), plain(2).audio_codec(codec).extra_args(extra))
}

/// Its audio is late by this many samples without any declaration in the file: the encoder's delay.
fn delayed(samples: f64, rate: f64, (between, source): (Between, Source)) -> (Between, Source) {
    (between.delayed(samples * 1000.0 / rate), source)
}

fn rough((between, source): (Between, Source)) -> (Between, Source) {
    (between.rough(), source)
}

fn speech((between, source): (Between, Source)) -> (Between, Source) {
    (between.speech(), source)
}

fn lossless() -> Cases {
    let (eight, many) = case("eight.wav", "pcm_s16le", &[]);
    vec![
        case("16.wav", "pcm_s16le", &[]),
        case("24.wav", "pcm_s24le", &[]),
        case("float.wav", "pcm_f32le", &[]),
        case("rf64.wav", "pcm_s16le", &["-rf64", "always"]),
        (eight, many.audio(48_000, 8)),
        case("b.w64", "pcm_s24le", &[]),
        case("b.aiff", "pcm_s16be", &[]),
        case("b.caf", "pcm_s16be", &[]),
        case("alac.caf", "alac", &[]),
        case("b.flac", "flac", &[]),
        case("24.flac", "flac", &["-sample_fmt", "s32"]),
        case("flac.ogg", "flac", &["-f", "ogg"]),
        case("alac.m4a", "alac", &[]),
    ]
}

/// Samples as numbers, in every width and order that files have.
fn samples() -> Cases {
    let m2ts = ["-f", "mpegts", "-mpegts_m2ts_mode", "1"];
    vec![
        case("law.wav", "pcm_mulaw", &[]),
        case("alaw.wav", "pcm_alaw", &[]),
        case("aifc.aiff", "pcm_mulaw", &[]),
        case("u8.wav", "pcm_u8", &[]),
        case("s8.aiff", "pcm_s8", &[]),
        case("32.wav", "pcm_s32le", &[]),
        case("double.wav", "pcm_f64le", &[]),
        case("24.aiff", "pcm_s24be", &[]),
        case("32.aiff", "pcm_s32be", &[]),
        case("float.aiff", "pcm_f32be", &[]),
        case("double.aiff", "pcm_f64be", &[]),
        film("bluray.m2ts", "pcm_bluray", &m2ts),
        // ffmpeg stamps all but the first two packets as late as one packet lasts.
        delayed(502.0, 48_000.0, film("dvd.vob", "pcm_dvd", &["-f", "vob", "-c:v", "mpeg2video"])),
        film("s302m.ts", "s302m", &["-strict", "-2"]),
        film("truehd.mkv", "truehd", &["-strict", "-2"]),
    ]
}

fn lossy() -> Cases {
    let mono = ["-ac", "1", "-ar", "8000"];
    let wide = ["-ac", "1", "-ar", "16000"];
    vec![
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
    ]
}

/// Recorders of speech, games and telephones, discs, and broadcasts.
fn other_lossy() -> Cases {
    let mono = ["-ac", "1", "-ar", "8000"];
    let wide = ["-f", "ogg", "-ac", "1", "-ar", "16000"];
    let flash = ["-ac", "1", "-ar", "22050"];
    let voice = ["-ac", "1", "-ar", "16000"];
    vec![
        rough(delayed(2048.0, 48_000.0, case("wmav1.wma", "wmav1", &["-f", "asf"]))),
        speech(delayed(223.0, 16_000.0, case("speex.ogg", "libspeex", &wide))),
        speech(delayed(79.0, 16_000.0, film("speex.flv", "libspeex", &voice))),
        speech(case("gsm.wav", "libgsm_ms", &mono)),
        rough(case("g726.wav", "adpcm_g726", &mono)),
        case("ms.wav", "adpcm_ms", &[]),
        case("ima.wav", "adpcm_ima_wav", &[]),
        case("ima.aiff", "adpcm_ima_qt", &[]),
        film("swf.flv", "adpcm_swf", &["-ar", "44100"]),
        rough(film("nellymoser.flv", "nellymoser", &flash)),
        delayed(512.0, 48_000.0, film("dts.mkv", "dca", &["-strict", "-2"])),
        film("latm.ts", "aac", &["-mpegts_flags", "latm"]),
        film("e-ac-3.mkv", "eac3", &[]),
    ]
}

/// Formats that no ffmpeg writes, in clip 2 of the bed: E-AC-3 without a container, and WMA Pro,
/// which was written bit by bit for these tests.
pub(super) const MADE: [(&str, &[u8]); 2] =
    [("b.eac3", include_bytes!("data/b.eac3")), ("pro.wma", include_bytes!("data/pro.wma"))];

pub(super) fn cases() -> Cases {
    [lossless(), samples(), lossy(), other_lossy()].into_iter().flatten().collect()
}

#[test]
fn lossless_audio() {
    check_all(lossless());
}

#[test]
fn samples_of_every_kind() {
    check_all(samples());
}

#[test]
fn lossy_audio() {
    check_all(lossy());
}

#[test]
fn other_lossy_audio() {
    check_all(other_lossy());
}

#[test]
fn audio_without_an_encoder() {
    let scene = scene();
    let mut sources = Vec::new();
    for ((name, bytes), delay) in MADE.into_iter().zip([256.0, 0.0]) {
        scene.s3.put("sources", name, bytes);
        sources.push(Between::new(name).black().delayed(delay / 48.0));
    }
    assert_eq!(all_faults(&scene, &sources), [""; 0]);
}
