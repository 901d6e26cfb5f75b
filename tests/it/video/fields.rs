//! Interlaced frames are shown without combing, wherever they are declared, and progressive ones
//! are unchanged.

use std::path::Path;

use super::studio::{Studio, put};
use crate::bed::ffmpeg::ffmpeg;
use crate::bed::process::run;
use crate::scene::{Scene, sur};

const PAL: (usize, usize) = (720, 576);
const SMALL: (usize, usize) = (320, 240);
const HD: (usize, usize) = (1920, 1080);

/// A bright bar moves from field to field, ten frames long. Eight bits.
fn bar((width, height): (usize, usize), scan: &str, format: &str) -> String {
    let x = format!("mod(N*{}\\,{})", width / 40, width * 3 / 4);
    format!(
        "-f lavfi -i color=gray:s={width}x{height}:r=50:d=0.4,format={format},\
         geq=lum='if(between(X\\,{x}\\,{x}+{})\\,210\\,40)':cb=128:cr=128,\
         interlace=scan={scan}:lowpass=off",
        width / 10
    )
}

/// Lines of one pixel, light and dark, that change places from frame to frame: intended combing.
/// Ten frames long.
fn lines((width, height): (usize, usize), format: &str) -> String {
    format!(
        "-f lavfi -i color=gray:s={width}x{height}:r=25:d=0.4,format={format},\
         geq=lum='if(mod(Y+N\\,2)\\,210\\,40)':cb=128:cr=128"
    )
}

/// The share of each frame's pixels that differ from the lines above and below.
fn combs(file: &Path, (width, height): (usize, usize)) -> Vec<f64> {
    let mut command = ffmpeg();
    command.arg("-i").arg(file).args(["-map", "0:v:0", "-fps_mode", "passthrough"]);
    let video = run(command.args("-f rawvideo -pix_fmt gray pipe:1".split(' '))).stdout;
    video.chunks_exact(width * height).map(|frame| combs_of(frame, width)).collect()
}

fn combs_of(frame: &[u8], width: usize) -> f64 {
    let lines: Vec<&[u8]> = frame.chunks_exact(width).collect();
    let stands_out = |a: u8, b: u8, c: u8| {
        let (up, down) = (i32::from(b) - i32::from(a), i32::from(b) - i32::from(c));
        up.abs() > 60 && down.abs() > 60 && (up > 0) == (down > 0)
    };
    // Not the edges of the frame, where half a line may be missing.
    let inner = &lines[8..lines.len() - 8];
    let of_line = |three: &[&[u8]]| {
        (0..width).filter(|&x| stands_out(three[0][x], three[1][x], three[2][x])).count()
    };
    let count: usize = inner.windows(3).map(of_line).sum();
    count as f64 / ((inner.len() - 2) * width) as f64
}

const OUTPUT: &str = "f_mkv,vcodec_h264,acodec_aac,an_1,crf_8,pixfmt_yuv420p";
/// In a frame without fields, no more pixels do.
const FEW: f64 = 0.002;

#[test]
fn frames_that_say_so_are_deinterlaced() {
    let (studio, scene) = (Studio::new(), Scene::new());
    put(&scene, &studio.make("plain.mkv", "-f lavfi -i color=gray:s=64x64:d=0.4 -c:v libx264"));
    let ildct = "-flags +ilme+ildct";
    let mut wrong = Vec::new();
    for (name, size, scan, format, codec) in [
        ("dv.avi", PAL, "bff", "yuv420p", "-c:v dvvideo".to_owned()),
        ("dv.mov", PAL, "bff", "yuv420p", "-c:v dvvideo".to_owned()),
        ("dv.dv", PAL, "bff", "yuv420p", "-c:v dvvideo".to_owned()),
        ("dv.mkv", PAL, "bff", "yuv420p", "-c:v dvvideo".to_owned()),
        ("mpeg4.avi", SMALL, "tff", "yuv420p", format!("-c:v mpeg4 -q:v 2 {ildct}")),
        ("mpeg4.mp4", SMALL, "bff", "yuv420p", format!("-c:v mpeg4 -q:v 2 {ildct}")),
        ("mpeg4.mkv", SMALL, "tff", "yuv420p", format!("-c:v mpeg4 -q:v 2 {ildct}")),
        ("dnxhd.mov", HD, "tff", "yuv422p", "-c:v dnxhd -b:v 120M -flags +ildct".to_owned()),
        ("dnxhd.mxf", HD, "tff", "yuv422p", "-c:v dnxhd -b:v 120M -flags +ildct".to_owned()),
        ("mpeg2.vob", SMALL, "bff", "yuv420p", format!("-c:v mpeg2video -q:v 2 {ildct}")),
        ("mpeg2.ts", SMALL, "tff", "yuv420p", format!("-c:v mpeg2video -q:v 2 {ildct}")),
        ("prores.mov", SMALL, "tff", "yuv422p10le", "-c:v prores_ks -flags +ildct".to_owned()),
        ("raw.mov", SMALL, "tff", "uyvy422", "-c:v rawvideo".to_owned()),
        ("raw.mkv", SMALL, "bff", "nv12", "-c:v rawvideo -field_order bb".to_owned()),
        ("ffv1.mkv", SMALL, "tff", "yuv444p", "-c:v ffv1".to_owned()),
        ("h264.mp4", SMALL, "tff", "yuv420p", format!("-c:v libx264 {ildct} -x264-params tff=1")),
    ] {
        let made =
            if format.starts_with("yuv4") && !format.contains("10") { format } else { "yuv422p" };
        let source = bar(size, scan, made);
        let file = studio.make(name, &format!("{source} -pix_fmt {format} {codec}"));
        assert!(combs(&file, size)[5] > 10.0 * FEW, "{name} is interlaced");
        put(&scene, &file);
        let shape = format!(",s_{}x{}", size.0, size.1);
        for (main, second, first) in [(name, String::new(), 0), ("plain.mkv", sur(name), 10)] {
            let outcome = scene.run(main, &format!("{OUTPUT}{shape}{second}")).succeeded();
            let found = combs(outcome.file(), size);
            let most = found[first..].iter().copied().fold(0.0, f64::max);
            if found.len() != first + 10 || most > FEW {
                wrong.push(format!("{name} from {first} of {}: {most}", found.len()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn progressive_frames_are_left_as_they_are() {
    let (studio, scene) = (Studio::new(), Scene::new());
    let mut wrong = Vec::new();
    for (name, format, codec) in [
        ("mpeg4.avi", "yuv420p", "-c:v mpeg4 -q:v 1"),
        ("mpeg4.mp4", "yuv420p", "-c:v mpeg4 -q:v 1"),
        ("mpeg2.ts", "yuv420p", "-c:v mpeg2video -q:v 1"),
        // Only the header says that it may be interlaced.
        ("prores.mov", "yuv422p10le", "-c:v prores_ks -field_order tt"),
        ("h264.mp4", "yuv420p", "-c:v libx264 -crf 1"),
        ("ffv1.mkv", "yuv420p", "-c:v ffv1 -field_order tt"),
        ("raw.avi", "yuyv422", "-c:v rawvideo"),
        ("png.mov", "rgb24", "-c:v png"),
        ("grey.mkv", "gray", "-c:v ffv1"),
    ] {
        let made = if ["yuv420p", "gray"].contains(&format) { format } else { "yuv444p" };
        let source = lines(SMALL, made);
        put(&scene, &studio.make(name, &format!("{source} -pix_fmt {format} {codec}")));
        let outcome = scene.run(name, OUTPUT).succeeded();
        let found = combs(outcome.file(), SMALL);
        let least = found.iter().copied().fold(1.0, f64::min);
        if least < 0.98 {
            wrong.push(format!("{name}: {least}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Each part lasts ten frames.
#[test]
fn a_broadcast_that_turns_interlaced_changes_there() {
    let (studio, scene) = (Studio::new(), Scene::new());
    let mut wrong = Vec::new();
    for (codec, extra) in [("mpeg2video -q:v 1", ""), ("libx264 -crf 1", "-x264-params tff=1")] {
        for order in ["pi", "ip", "pip", "ipi"] {
            let name = format!("{}-{order}.ts", &codec[..5]);
            let mut bytes = Vec::new();
            for (part, kind) in order.chars().enumerate() {
                let start = format!("-output_ts_offset {}", 1.0 + part as f64 * 0.4);
                let arguments = if kind == 'i' {
                    let source = bar(SMALL, "tff", "yuv420p");
                    format!("{source} -c:v {codec} -flags +ilme+ildct {extra} {start}")
                } else {
                    format!("{} -c:v {codec} {start}", lines(SMALL, "yuv420p"))
                };
                bytes.extend(std::fs::read(studio.make("part.ts", &arguments)).unwrap());
            }
            scene.s3.put("sources", &name, bytes);
            let outcome = scene.run(&name, OUTPUT).succeeded();
            let found = combs(outcome.file(), SMALL);
            for (number, found) in found.iter().enumerate() {
                let kind = order.as_bytes()[number / 10];
                let right = if kind == b'i' { *found < FEW } else { *found > 0.98 };
                if !right {
                    wrong.push(format!("{name} frame {number}: {found}"));
                }
            }
            assert_eq!(found.len(), order.len() * 10, "{name}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
