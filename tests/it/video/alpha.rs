//! Transparent video: kept if the output can be transparent, otherwise composed over black.

use std::path::Path;

use super::studio::{Studio, frame, put};
use crate::bed::ffmpeg::ffmpeg;
use crate::bed::process::run;
use crate::scene::{Scene, sur};

const SIZE: (usize, usize) = (96, 64);
/// Three columns: transparent, half transparent, and opaque.
const ALPHA: [u8; 3] = [0, 128, 255];
const COLOUR: [u8; 3] = [200, 40, 60];

const TRANSPARENT: [(&str, &str); 9] = [
    ("b.webm", "-c:v libvpx-vp9 -pix_fmt yuva420p -lossless 1 -cpu-used 8"),
    ("b.mkv", "-c:v libvpx-vp9 -pix_fmt yuva420p -lossless 1 -cpu-used 8"),
    ("b.webm", "-c:v libvpx -pix_fmt yuva420p -auto-alt-ref 0 -b:v 9M -crf 4 -cpu-used 8"),
    ("b.mov", "-c:v prores_ks -profile:v 4444 -pix_fmt yuva444p10le"),
    ("b.mov", "-c:v png -pix_fmt rgba"),
    ("b.mov", "-c:v qtrle -pix_fmt argb"),
    ("b.mkv", "-c:v ffv1 -pix_fmt bgra"),
    ("b.mkv", "-c:v ffv1 -pix_fmt yuva420p"),
    ("b.avi", "-c:v utvideo -pix_fmt gbrap"),
];

/// A second of the columns.
fn film(scene: &Scene, name: &str, codec: &str) {
    let column = |alpha: u8| [COLOUR[0], COLOUR[1], COLOUR[2], alpha].repeat(SIZE.0 / 3);
    let row: Vec<u8> = ALPHA.into_iter().flat_map(column).collect();
    let studio = Studio::new();
    let raw = studio.path("columns.raw");
    std::fs::write(&raw, row.repeat(SIZE.1 * 10)).unwrap();
    let file = studio.path(name);
    let mut command = ffmpeg();
    command.args("-f rawvideo -pix_fmt rgba -s 96x64 -r 10 -i".split(' ')).arg(&raw);
    run(command.args(codec.split(' ')).arg(&file));
    put(scene, &file);
}

/// The middle of each column.
fn middles(pixels: &[u8], bytes: usize) -> [Vec<u8>; 3] {
    [0, 1, 2].map(|column| {
        let x = SIZE.0 / 3 * column + SIZE.0 / 6;
        pixels[bytes * (SIZE.1 / 2 * SIZE.0 + x)..][..bytes].to_vec()
    })
}

#[track_caller]
fn assert_near(found: &[Vec<u8>; 3], expected: &[Vec<u8>; 3], what: &str) {
    let pairs = found.iter().flatten().zip(expected.iter().flatten());
    let off = pairs.map(|(a, b)| a.abs_diff(*b)).max();
    // Conversion between the primaries of BT.601 and BT.709 changes colours slightly.
    assert!(off <= Some(16), "{what}: {found:?}, not {expected:?}");
}

/// What is visible of the colour over black.
fn over_black() -> [Vec<u8>; 3] {
    let part = |whole: u8, alpha: u8| u8::try_from(u16::from(whole) * u16::from(alpha) / 255);
    ALPHA.map(|alpha| COLOUR.map(|whole| part(whole, alpha).unwrap()).to_vec())
}

#[test]
fn hidden_colour_is_black_where_the_output_has_no_transparency() {
    let scene = Scene::new();
    film(&scene, "a.mkv", "-c:v ffv1 -pix_fmt bgr0");
    let seen = |file: &Path, number| {
        let (width, height) = SIZE;
        middles(&frame(file, number, "rgb24", width * height * 3), 3)
    };
    let opaque = [COLOUR.to_vec(), COLOUR.to_vec(), COLOUR.to_vec()];
    for (name, codec) in TRANSPARENT {
        film(&scene, name, codec);
        let what = format!("{name} {codec}");
        let parameters = "f_mp4,vcodec_h264,acodec_aac,an_1,crf_3,pixfmt_yuv444p";
        let own = scene.run(name, parameters).succeeded();
        assert_near(&seen(own.file(), 5), &over_black(), &what);
        let second = scene.run("a.mkv", &format!("{parameters}{}", sur(name))).succeeded();
        assert_near(&seen(second.file(), 5), &opaque, &what);
        assert_near(&seen(second.file(), 15), &over_black(), &what);
    }
}

#[test]
fn transparency_is_kept_where_the_output_has_it() {
    let scene = Scene::new();
    film(&scene, "a.mkv", "-c:v ffv1 -pix_fmt bgr0");
    let alpha = |file: &Path, number: usize| {
        let mut command = ffmpeg();
        command.args("-c:v libvpx-vp9 -i".split(' ')).arg(file);
        let frames = (number + 1).to_string();
        command.args(["-frames:v", &frames, "-f", "rawvideo", "-pix_fmt", "yuva420p", "pipe:1"]);
        let (width, height) = SIZE;
        let frames = run(&mut command).stdout;
        let last = width * height * 5 / 2 * number + width * height * 3 / 2;
        middles(&frames[last..], 1)
    };
    let kept = ALPHA.map(|alpha| vec![alpha]);
    let opaque = [vec![255], vec![255], vec![255]];
    // The fourth byte of raw AVI is unused.
    let unused = [("b.avi", "-c:v rawvideo -pix_fmt bgra")];
    for (name, codec) in TRANSPARENT.into_iter().chain(unused) {
        let kept = if codec.contains("rawvideo") { &opaque } else { &kept };
        film(&scene, name, codec);
        let what = format!("{name} {codec}");
        let parameters = "f_mkv,vcodec_vp9,acodec_opus,an_1,crf_3,pixfmt_yuva420p";
        let own = scene.run(name, parameters).succeeded();
        assert_eq!(own.record["Output"]["Video"]["PixelFormat"], "yuva420p");
        assert_near(&alpha(own.file(), 5), kept, &what);
        let second = scene.run("a.mkv", &format!("{parameters}{}", sur(name))).succeeded();
        assert_near(&alpha(second.file(), 5), &opaque, &what);
        assert_near(&alpha(second.file(), 15), kept, &what);
    }
}

/// Names of formats in other programs differ from those in requests.
#[test]
fn the_record_names_the_pixel_format_as_a_request_would() {
    let scene = Scene::new();
    for (name, codec, parameters, expected) in [
        ("a.avi", "-c:v mjpeg -pix_fmt yuvj420p", "f_mp4,vcodec_h264", "yuv420p"),
        ("a.avi", "-c:v mjpeg -pix_fmt yuvj422p", "f_mkv,vcodec_h265", "yuv422p"),
        ("a.mp4", "-c:v libx264 -pix_fmt yuvj420p", "f_mkv,vcodec_vp9", "yuv420p"),
        ("a.mov", "-c:v png -pix_fmt rgb48be", "f_mov,vcodec_h264", "yuv444p10le"),
        ("a.webm", "-c:v libvpx-vp9 -pix_fmt yuva420p -cpu-used 8", "f_mkv,vcodec_vp9", "yuva420p"),
        ("a.webm", "-c:v libvpx-vp9 -pix_fmt yuva420p -cpu-used 8", "f_mp4,vcodec_vp9", "yuv420p"),
        ("a.mkv", "-c:v ffv1 -pix_fmt gray10le", "f_mp4,vcodec_h265", "yuv420p10le"),
    ] {
        film(&scene, name, codec);
        let outcome = scene.run(name, &format!("{parameters},acodec_aac,an_1")).succeeded();
        assert_eq!(outcome.record["Output"]["Video"]["PixelFormat"], expected, "{codec}");
    }
}
