//! Containers that hold picture and sound.

use super::{Between, check_all, plain};
use crate::bed::expect::Clip;
use crate::bed::source::Source;

fn case(name: &str, video: &str, audio: &str, extra: &[&str]) -> (Between, Source) {
    let source = plain(2).video_codec(video).audio_codec(audio);
    (Between::new(name), source.extra_args(extra))
}

#[test]
fn the_mp4_family() {
    let h263 = case("b.3gp", "h263", "libopencore_amrnb", &["-ar", "8000", "-ac", "1", "-g", "1"]);
    check_all([
        case("b.mp4", "libx264", "aac", &[]),
        case("b.mov", "libx264", "aac", &[]),
        case("pcm.mov", "mpeg4", "pcm_s16be", &[]),
        case("b.m4v", "libx264", "aac", &["-f", "ipod"]),
        (h263.0.delayed(15.0), h263.1.size(176, 144)),
        case("avc.3gp", "libx264", "aac", &[]),
    ]);
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

/// In AVI the pictures are late by what the decoder holds back.
fn late((between, source): (Between, Source), frames: usize) -> (Between, Source) {
    let clip = |clip: Clip| Clip {
        frames: clip.frames + frames,
        picture_from_ms: 40.0 * frames as f64,
        ..clip
    };
    (between.clip(clip), source)
}

#[test]
fn avi_and_windows_media() {
    check_all([
        case("b.avi", "mpeg4", "pcm_s16le", &[]),
        late(case("bframes.avi", "mpeg4", "pcm_s16le", &["-bf", "2"]), 1),
        late(case("pyramid.avi", "libx264", "pcm_s16le", &[]), 2),
        case("avc.avi", "libx264", "pcm_s16le", &["-bf", "0"]),
        case("b.wmv", "wmv2", "pcm_s16le", &["-f", "asf"]),
        case("b.asf", "libx264", "pcm_s16le", &["-bf", "0"]),
    ]);
    let delayed = |(between, source): (Between, Source)| (between.delayed(60.0), source);
    check_all([
        delayed(case("mp3.avi", "mpeg4", "libmp3lame", &["-avoid_negative_ts", "disabled"])),
        delayed(case("a.wmv", "wmv1", "wmav2", &["-f", "asf"])),
    ]);
}

#[test]
fn flash() {
    let (between, source) = case("b.flv", "flv", "libmp3lame", &["-ar", "44100"]);
    check_all([(between.delayed(30.0), source), case("avc.flv", "libx264", "aac", &[])]);
}

#[test]
fn mpeg_streams() {
    let delayed = |(between, source): (Between, Source)| (between.delayed(30.0), source);
    check_all([
        case("b.ts", "libx264", "aac", &[]),
        case("hevc.ts", "libx265", "aac", &["-x265-params", "log-level=error"]),
        case("b.m2ts", "libx264", "ac3", &["-f", "mpegts", "-mpegts_m2ts_mode", "1"]),
        delayed(case("b.mpg", "mpeg1video", "mp2", &[])),
        delayed(case("b.vob", "mpeg2video", "ac3", &["-f", "vob"])),
    ]);
}

#[test]
fn the_rest() {
    let mxf = ["-ar", "48000", "-pix_fmt", "yuv422p"];
    let ogg = ["-f", "ogg"];
    let (real, source) = case("b.rm", "rv20", "ac3", &["-q:v", "3"]);
    let (old, older) = case("rv10.rm", "rv10", "ac3", &["-g", "1"]);
    let (dv, tape) = case("b.dv", "dvvideo", "pcm_s16le", &[]);
    check_all([
        (dv, tape.size(720, 576).sar(16, 15)),
        case("b.mxf", "mpeg2video", "pcm_s16le", &mxf),
        case("b.ogv", "libvpx", "libvorbis", &ogg),
        case("flac.ogv", "libvpx", "flac", &ogg),
        case("opus.ogv", "libvpx", "libopus", &ogg),
        (real.delayed(40.0), source),
        (old.delayed(40.0), older.size(176, 144).sar(12, 11)),
    ]);
}
