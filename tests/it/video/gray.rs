//! Gray video: its range determines what its samples mean.

use super::studio::{Studio, frame, put};
use crate::bed::ffmpeg::ffmpeg;
use crate::bed::process::run;
use crate::scene::{Outcome, Scene, sur};

const SIZE: (usize, usize) = (256, 64);
/// Black, some greys, and white of limited range.
const STEPS: [usize; 5] = [16, 64, 128, 192, 235];

/// A second of columns from 0 to 255 (or the same range with more bits), lossless.
fn film(scene: &Scene, name: &str, format: &str, codec: &str) {
    let bits: u32 = format.trim_start_matches("gray").trim_end_matches("le").parse().unwrap_or(8);
    let sample = |column: usize| match bits {
        8 => vec![u8::try_from(column).unwrap()],
        _ => u16::try_from(column << (bits - 8)).unwrap().to_le_bytes().to_vec(),
    };
    let row: Vec<u8> = (0..SIZE.0).flat_map(sample).collect();
    let studio = Studio::new();
    let raw = studio.path("gray.raw");
    std::fs::write(&raw, row.repeat(SIZE.1 * 10)).unwrap();
    let file = studio.path(name);
    let input = format!("-f rawvideo -pix_fmt {format} -s 256x64 -r 10 -i");
    let mut command = ffmpeg();
    command.args(input.split(' ')).arg(&raw).args(codec.split(' '));
    run(command.args(["-pix_fmt", format]).arg(&file));
    put(scene, &file);
}

/// Luma and both chromas of these columns.
fn columns(outcome: &Outcome, number: usize) -> Vec<[u8; 3]> {
    let (width, height) = SIZE;
    let video = frame(outcome.file(), number, "yuv444p", width * height * 3);
    let at = |plane: usize, x: usize| video[plane * width * height + height / 2 * width + x];
    STEPS.map(|x| [0, 1, 2].map(|plane| at(plane, x))).to_vec()
}

fn assert_near(found: &[[u8; 3]], luma: impl Fn(usize) -> usize, what: &str) {
    for (step, found) in STEPS.into_iter().zip(found) {
        let expected = [luma(step), 128, 128];
        let off = expected.iter().zip(found).map(|(a, b)| a.abs_diff((*b).into())).max();
        assert!(off <= Some(3), "{what}: {step} is {found:?}");
    }
}

const H265: &str =
    "-vf setparams=range=tv -c:v libx265 -preset ultrafast -x265-params lossless=1:log-level=error";
const LIMITED: [(&str, &str, &str); 6] = [
    ("b.mp4", "gray", H265),
    ("b.mkv", "gray10le", H265),
    ("b.mkv", "gray", "-vf setparams=range=tv -c:v ffv1"),
    ("b.avi", "gray", "-vf setparams=range=tv -c:v ffv1"),
    ("b.mkv", "gray10le", "-vf setparams=range=tv -c:v ffv1"),
    ("b.mkv", "gray16le", "-vf setparams=range=tv -c:v ffv1"),
];

#[test]
fn limited_range_stays_what_it_is() {
    let scene = Scene::new();
    film(&scene, "a.mkv", "gray", "-vf setparams=range=tv -c:v ffv1");
    for (name, format, codec) in LIMITED {
        film(&scene, name, format, codec);
        let parameters = "f_mkv,vcodec_h264,acodec_aac,an_1,crf_3,pixfmt_yuv420p";
        let outcome = scene.run(name, parameters).succeeded();
        let what = format!("{name} {format} {codec}");
        assert_near(&columns(&outcome, 5), |step| step, &what);
        let second = scene.run("a.mkv", &format!("{parameters}{}", sur(name))).succeeded();
        assert_near(&columns(&second, 15), |step| step, &what);
    }
}

#[test]
fn full_range_becomes_the_range_of_the_align_clip() {
    let scene = Scene::new();
    film(&scene, "a.mkv", "gray", "-vf setparams=range=tv -c:v ffv1");
    for (name, format, codec) in [
        ("b.mov", "gray", "-c:v png"),
        ("b.mkv", "gray16le", "-vf setparams=range=pc -c:v ffv1"),
        ("b.mkv", "gray", "-vf setparams=range=pc -c:v ffv1"),
    ] {
        film(&scene, name, format, codec);
        let parameters = "f_mkv,vcodec_h264,acodec_aac,an_1,crf_3";
        let own = scene.run(name, parameters).succeeded();
        assert_eq!(own.reading().stream("video")["color_range"], "pc", "{name}");
        assert_near(&columns(&own, 5), |step| step, name);
        let second = scene.run("a.mkv", &format!("{parameters}{}", sur(name))).succeeded();
        assert_near(&columns(&second, 15), |step| 16 + step * 219 / 255, name);
    }
}
