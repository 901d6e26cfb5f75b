//! Video codecs.

use super::{Between, all_faults, check_all, plain, scene};
use crate::bed::expect::Clip;
use crate::bed::source::Source;

fn case(name: &str, codec: &str, format: &str) -> (Between, Source) {
    let source = plain(2).video_codec(codec).pixel_format(format);
    let audio = if name.ends_with("webm") { "libopus" } else { "pcm_s16le" };
    // The old encoders' default quality is too poor to read the code.
    let old = ["msmpeg4", "wmv", "flv", "mpeg"].iter().any(|old| codec.starts_with(old));
    let source = if old { source.extra_args(&["-q:v", "3"]) } else { source };
    (Between::new(name), source.audio_codec(audio))
}

type Cases = Vec<(Between, Source)>;

fn distribution() -> Cases {
    vec![
        case("h264.mkv", "libx264", "yuv420p"),
        case("hevc.mkv", "libx265", "yuv420p"),
        case("vp8.webm", "libvpx", "yuv420p"),
        case("vp9.webm", "libvpx-vp9", "yuv420p"),
        case("vp9-444.webm", "libvpx-vp9", "yuv444p"),
        case("mpeg1.mkv", "mpeg1video", "yuv420p"),
        case("mpeg2.mkv", "mpeg2video", "yuv420p"),
        case("mpeg4.mov", "mpeg4", "yuv420p"),
        case("msmpeg4v2.avi", "msmpeg4v2", "yuv420p"),
        case("msmpeg4v3.avi", "msmpeg4", "yuv420p"),
        case("wmv1.avi", "wmv1", "yuv420p"),
        case("wmv2.avi", "wmv2", "yuv420p"),
        case("flv1.mkv", "flv", "yuv420p"),
    ]
}

fn editing() -> Cases {
    let (dnx, source) = case("dnxhd.mov", "dnxhd", "yuv422p");
    let (dv, film) = case("dv.mov", "dvvideo", "yuv420p");
    vec![
        case("prores.mov", "prores_ks", "yuv422p10le"),
        case("prores4444.mov", "prores_ks", "yuva444p10le"),
        case("mjpeg.mov", "mjpeg", "yuvj420p"),
        case("mjpeg.avi", "mjpeg", "yuvj422p"),
        case("jpeg2000.mov", "jpeg2000", "yuv420p"),
        case("ffv1.mkv", "ffv1", "yuv420p"),
        case("ffv1.avi", "ffv1", "yuv422p10le"),
        case("huffyuv.avi", "huffyuv", "yuv422p"),
        case("utvideo.avi", "utvideo", "yuv420p"),
        case("raw.avi", "rawvideo", "yuv420p"),
        case("cinepak.mov", "cinepak", "rgb24"),
        case("qtrle.mov", "qtrle", "rgb24"),
        case("png.mov", "png", "rgb24"),
        case("svq1.mov", "svq1", "yuv410p"),
        case("flashsv.mkv", "flashsv", "bgr24"),
        (dnx, source.size(320, 240).extra_args(&["-profile:v", "dnxhr_sq"])),
        case("v210.mov", "v210", "yuv422p10le"),
        (dv, film.size(720, 576).sar(16, 15).extra_args(&["-ac", "2"])),
    ]
}

/// Formats that no ffmpeg writes, in clip 2 of the bed. Other encoders made AV1 and Theora; VC-1,
/// of the simple and of the advanced profile, was written bit by bit for these tests.
pub(super) const MADE: [(&str, &[u8]); 4] = [
    ("av1.mp4", include_bytes!("data/av1.mp4")),
    ("theora.ogv", include_bytes!("data/theora.ogv")),
    ("wmv3.wmv", include_bytes!("data/wmv3.wmv")),
    ("vc1.mkv", include_bytes!("data/vc1.mkv")),
];

pub(super) fn cases() -> Cases {
    distribution().into_iter().chain(editing()).collect()
}

#[test]
fn distribution_codecs() {
    check_all(distribution());
}

#[test]
fn editing_codecs() {
    check_all(editing());
}

#[test]
fn codecs_without_an_encoder() {
    let scene = scene();
    let mut sources = Vec::new();
    for (name, bytes) in MADE {
        scene.s3.put("sources", name, bytes);
        sources.push(Between::new(name).clip(Clip::silent));
    }
    let faults = all_faults(&scene, &sources);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
