//! `pixfmt`: every format with every codec and container that supports it.

use video_concat::codec::{Container, PixelFormat, VideoCodec, video_ban};

use super::studio::{Studio, frame, put};
use crate::bed::ffmpeg::ffmpeg;
use crate::bed::process::run;
use crate::bed::source::Source;
use crate::scene::{Outcome, Scene};

/// The profile that a decoder has to support.
fn profile(codec: VideoCodec, format: PixelFormat) -> &'static str {
    use PixelFormat::{Yuv420p, Yuv420p10, Yuv422p, Yuv422p10, Yuv444p, Yuv444p10, Yuva420p};
    match (codec, format) {
        (VideoCodec::H264, Yuv420p | Yuva420p) => "High",
        (VideoCodec::H264, Yuv420p10) => "High 10",
        (VideoCodec::H264, Yuv422p | Yuv422p10) => "High 4:2:2",
        (VideoCodec::H264, Yuv444p | Yuv444p10) => "High 4:4:4 Predictive",
        (VideoCodec::H265, Yuv420p | Yuva420p) => "Main",
        (VideoCodec::H265, Yuv420p10) => "Main 10",
        (VideoCodec::H265, _) => "Rext",
        (VideoCodec::Vp9, Yuv420p | Yuva420p) => "Profile 0",
        (VideoCodec::Vp9, Yuv422p | Yuv444p) => "Profile 1",
        (VideoCodec::Vp9, Yuv420p10) => "Profile 2",
        (VideoCodec::Vp9, Yuv422p10 | Yuv444p10) => "Profile 3",
    }
}

fn fault(outcome: &Outcome, codec: VideoCodec, format: PixelFormat) -> Option<String> {
    if outcome.record["Status"] != "Succeeded" {
        return Some(outcome.record["Message"].to_string());
    }
    let stream = outcome.reading().stream("video").clone();
    // Transparency is stored beside the video.
    let name = format.name().replace("yuva", "yuv");
    let right = stream["pix_fmt"] == name && stream["profile"] == profile(codec, format);
    (!right).then(|| format!("{} {}", stream["pix_fmt"], stream["profile"]))
}

fn check(codec: VideoCodec) {
    let scene = Scene::new().source("a.mp4", &Source::new(1).seconds(0.4).no_audio());
    let mut wrong = Vec::new();
    for &container in Container::ALL {
        if video_ban(container, codec).is_some() {
            continue;
        }
        for &format in PixelFormat::ALL {
            let audio = if container == Container::Mxf { "pcm" } else { "mp3" };
            let parameters =
                format!("f_{container},vcodec_{codec},acodec_{audio},an_1,pixfmt_{format}");
            let outcome = scene.run("a.mp4", &parameters);
            let reason = format.ban(codec).or(format.container_ban(container));
            if let Some(reason) = reason {
                let message = outcome.failed("InvalidArgument");
                assert!(message.contains(reason), "{message}");
            } else if let Some(fault) = fault(&outcome, codec, format) {
                wrong.push(format!("{parameters}: {fault}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn h264() {
    check(VideoCodec::H264);
}

#[test]
fn h265() {
    check(VideoCodec::H265);
}

#[test]
fn vp9() {
    check(VideoCodec::Vp9);
}

/// The left half of the source is transparent.
#[test]
fn transparency_is_kept_in_mkv() {
    let (scene, studio) = (Scene::new(), Studio::new());
    let graph = "color=red:s=160x120:d=0.4:r=25,format=rgba,geq=r=255:g=0:b=0:a='255*gte(X\\,80)'";
    let file = studio.make("a.mov", &format!("-f lavfi -i {graph} -c:v qtrle -pix_fmt argb"));
    put(&scene, &file);
    let parameters = "f_mkv,vcodec_vp9,acodec_opus,an_1,pixfmt_yuva420p";
    let outcome = scene.run("a.mov", parameters).succeeded();
    assert_eq!(outcome.reading().stream("video")["tags"]["ALPHA_MODE"], "1");
    let video = studio.path("alpha.mkv");
    let mut command = ffmpeg();
    command.args(["-c:v", "libvpx-vp9", "-i"]).arg(outcome.file());
    run(command.args(["-vf", "alphaextract", "-c:v", "ffv1"]).arg(&video));
    let alpha = frame(&video, 5, "gray", 160 * 120);
    let row = &alpha[60 * 160..61 * 160];
    assert!(row[40] < 10 && row[120] > 245, "{row:?}");
}
