//! Containers that hold video and audio.

use super::{Between, check_all, plain};
use crate::bed::source::Source;

fn case(name: &str, video: &str, audio: &str, extra: &[&str]) -> (Between, Source) {
    let source = plain(2).video_codec(video).audio_codec(audio);
    (Between::new(name), source.extra_args(extra))
}

type Cases = Vec<(Between, Source)>;

/// Containers whose codecs no other test uses.
pub(super) fn cases() -> Cases {
    [mp4_family(), mpeg(), rest()].into_iter().flatten().collect()
}

/// Its audio is late by this many samples without any declaration in the file.
fn delayed(samples: f64, (between, source): (Between, Source)) -> (Between, Source) {
    (between.delayed(samples / 48.0), source)
}

fn mp4_family() -> Cases {
    let h263 = case("b.3gp", "h263", "libopencore_amrnb", &["-ar", "8000", "-ac", "1", "-g", "1"]);
    vec![
        case("b.mp4", "libx264", "aac", &[]),
        case("b.mov", "libx264", "aac", &[]),
        case("pcm.mov", "mpeg4", "pcm_s16be", &[]),
        case("b.m4v", "libx264", "aac", &["-f", "ipod"]),
        (h263.0, h263.1.size(176, 144)),
        case("avc.3gp", "libx264", "aac", &[]),
    ]
}

#[test]
fn the_mp4_family() {
    check_all(mp4_family());
}

#[test]
fn matroska_and_webm() {
    check_all([
        case("b.mkv", "libx264", "aac", &[]),
        case("flac.mkv", "libx264", "flac", &[]),
        case("vp8.webm", "libvpx", "libvorbis", &[]),
        case("vp9.webm", "libvpx-vp9", "libopus", &[]),
    ]);
}

#[test]
fn avi_and_windows_media() {
    let (wmv, source) = case("a.wmv", "wmv1", "wmav2", &["-f", "asf"]);
    check_all([
        case("b.avi", "mpeg4", "pcm_s16le", &[]),
        case("bframes.avi", "mpeg4", "pcm_s16le", &["-bf", "2"]),
        case("pyramid.avi", "libx264", "pcm_s16le", &[]),
        case("avc.avi", "libx264", "pcm_s16le", &["-bf", "0"]),
        case("b.wmv", "wmv2", "pcm_s16le", &["-f", "asf"]),
        case("b.asf", "libx264", "pcm_s16le", &["-bf", "0"]),
    ]);
    check_all([
        // By the delay of LAME and of the decoder, which AVI can't declare.
        delayed(
            1105.0,
            case("mp3.avi", "mpeg4", "libmp3lame", &["-avoid_negative_ts", "disabled"]),
        ),
        (wmv.rough(), source),
    ]);
}

#[test]
fn flash() {
    let (between, source) = case("b.flv", "flv", "libmp3lame", &["-ar", "44100"]);
    check_all([(between, source), case("avc.flv", "libx264", "aac", &[])]);
}

fn mpeg() -> Cases {
    vec![
        case("b.ts", "libx264", "aac", &[]),
        case("hevc.ts", "libx265", "aac", &["-x265-params", "log-level=error"]),
        case("b.m2ts", "libx264", "ac3", &["-f", "mpegts", "-mpegts_m2ts_mode", "1"]),
        case("b.mpg", "mpeg1video", "mp2", &[]),
        case("b.vob", "mpeg2video", "ac3", &["-f", "vob"]),
    ]
}

#[test]
fn mpeg_streams() {
    check_all(mpeg());
}

fn rest() -> Cases {
    let mxf = ["-ar", "48000", "-pix_fmt", "yuv422p"];
    let ogg = ["-f", "ogg"];
    let (real, source) = case("b.rm", "rv20", "ac3", &["-q:v", "3"]);
    let (old, older) = case("rv10.rm", "rv10", "ac3", &["-g", "1"]);
    let (dv, tape) = case("b.dv", "dvvideo", "pcm_s16le", &[]);
    vec![
        (dv, tape.size(720, 576).sar(16, 15)),
        case("b.mxf", "mpeg2video", "pcm_s16le", &mxf),
        case("b.ogv", "libvpx", "libvorbis", &ogg),
        case("flac.ogv", "libvpx", "flac", &ogg),
        case("opus.ogv", "libvpx", "libopus", &ogg),
        delayed(256.0, (real, source)),
        delayed(256.0, (old, older.size(176, 144).sar(12, 11))),
    ]
}

#[test]
fn the_rest() {
    check_all(rest());
}
