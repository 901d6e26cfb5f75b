//! Files whose container marks frames as key frames that are none: the cut shows what a player
//! shows that has played from the start.

use std::path::Path;
use std::process::{Command, Stdio};

use video_concat::codec::Preset;
use video_concat::engine::ffmpeg::Ffmpeg;
use video_concat::engine::probe::probe;
use video_concat::engine::render::chunks;
use video_concat::engine::seek::unproven;
use video_concat::object::ObjectUri;
use video_concat::plan::plan;
use video_concat::process::{Limits, parse, resolve};

use super::{PAL, made};
use crate::bed::expect::{Clip, Expected};
use crate::bed::ffmpeg::{ffmpeg, ffmpeg_path, ffprobe_path};
use crate::bed::process::run;
use crate::bed::source::Source;
use crate::scene::{Scene, USUAL, sur};

/// Twelve seconds with a key frame at the start, and at least one more.
fn source(codec: &str, name: &str) -> Source {
    let source = Source::new(5).video_codec(codec).seconds(12.0).extra_args(&["-g", "250"]);
    let closed = "scenecut=0:bframes=0:log-level=error";
    match codec {
        "libx264" => source.extra_args(&["-x264-params", "scenecut=0:bframes=2"]),
        "libx265" => source.extra_args(&["-x265-params", closed]),
        "h263" => source.size(176, 144).sar(12, 11).extra_args(&["-q:v", "3"]),
        "qtrle" => source.pixel_format("rgb24"),
        "mpeg4" if name.contains("bframes") => source.extra_args(&["-bf", "2", "-q:v", "3"]),
        _ => source.extra_args(&["-sc_threshold", "1000000000", "-q:v", "3"]),
    }
}

/// Declares frame `number`, counted from 1, as the second key frame of an MP4 or `QuickTime` file.
fn moved(mut file: Vec<u8>, number: u32) -> Vec<u8> {
    let table = file.windows(4).position(|four| four == b"stss").expect("it has key frames");
    let entry = table + 16;
    file[entry..entry + 4].copy_from_slice(&number.to_be_bytes());
    file
}

/// What is wrong with one second in the middle of a false group of pictures.
fn faults(scene: &Scene, name: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for start_ms in [5000, 7320] {
        let outcome =
            scene.run(name, &format!("ss_{start_ms},t_1000,f_mp4,pixfmt_yuv420p,{USUAL}"));
        if outcome.record["Status"] != "Succeeded" {
            faults.push(format!("{name} from {start_ms}: {}", outcome.record["Message"]));
            continue;
        }
        let start = super::lead_ms(&scene.s3.path("sources", name));
        let clip = Clip::whole(5, PAL, 12.0).cut(f64::from(start_ms), 25).late(start, start);
        let differences = Expected::new(PAL, vec![clip]).differences(&outcome.reading());
        faults.extend(
            differences.iter().take(3).map(|found| format!("{name} from {start_ms}: {found}")),
        );
        if outcome.record["Warnings"].as_array().is_some_and(|all| !all.is_empty()) {
            faults.push(format!("{name} from {start_ms}: {}", outcome.warnings()));
        }
    }
    faults
}

#[test]
fn a_false_key_frame_is_no_place_to_begin() {
    let scene = Scene::new();
    let mut wrong = Vec::new();
    for (name, codec) in [
        ("a.mp4", "mpeg4"),
        ("bframes.mov", "mpeg4"),
        ("h263.mov", "h263"),
        ("h264.mp4", "libx264"),
        ("h265.mp4", "libx265"),
        ("mpeg2.mov", "mpeg2video"),
        ("vp9.mp4", "libvpx-vp9"),
        ("rle.mov", "qtrle"),
    ] {
        let file = std::fs::read(source(codec, name).write(name)).unwrap();
        scene.s3.put("sources", name, moved(file, 101));
        wrong.extend(faults(&scene, name));
        // Matroska can't have B-frames in decoding order, nor QuickTime's own codecs.
        if ["bframes.mov", "rle.mov"].contains(&name) {
            continue;
        }
        // The flags of its blocks are those of the first container.
        let copy = format!("{codec}.mkv");
        let bytes = made(&scene.s3.path("sources", name), "-i {} -map 0 -c copy", &copy);
        scene.s3.put("sources", &copy, bytes);
        wrong.extend(faults(&scene, &copy));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    scene.assert_clean();
}

/// After a clip that can be opened in its middle, and before one.
#[test]
fn each_clip_is_put_to_the_proof() {
    let scene = Scene::new();
    let plain = source("mpeg4", "a.mp4").write("a.mp4");
    scene.s3.put_file("sources", "a.mp4", &plain);
    scene.s3.put("sources", "false.mp4", moved(std::fs::read(plain).unwrap(), 101));
    let cut =
        |name: &str| format!("{},ss_11000,t_400{},ss_5000,t_1000", sur(name), sur("false.mp4"));
    let parameters = format!("ss_11000,t_400,f_mp4,{USUAL}{}", cut("a.mp4"));
    let outcome = scene.run("a.mp4", &parameters);
    let part = |start, frames| Clip::whole(5, PAL, 12.0).cut(start, frames);
    let clips = vec![part(11_000.0, 10), part(11_000.0, 10), part(5000.0, 25)];
    let outcome = outcome.shows(&Expected::new(PAL, clips));
    assert_eq!(outcome.record["Warnings"], serde_json::json!([]), "{}", outcome.warnings());
}

/// Open groups of pictures: references to earlier frames are no damage.
#[test]
fn an_open_group_is_not_called_damaged() {
    let open = "open-gop=1:bframes=3:b-pyramid=normal:scenecut=0:keyint=25:min-keyint=25";
    let source = Source::new(5).seconds(12.0).extra_args(&["-x264-params", open]);
    let mut scene = Scene::new();
    let mut wrong = Vec::new();
    for name in ["open.mp4", "open.mkv", "open.mov"] {
        scene = scene.source(name, &source);
        wrong.extend(faults(&scene, name));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The same of a file that begins in one, since it was cut without encoding.
#[test]
fn a_file_that_begins_in_an_open_group_is_not_called_damaged() {
    let open = "open-gop=1:bframes=3:b-pyramid=normal:scenecut=0:keyint=25:min-keyint=25";
    let source = Source::new(5).seconds(6.0).extra_args(&["-x264-params", open]).write("open.mp4");
    let scene = Scene::new();
    for name in ["cut.mp4", "cut.mkv"] {
        let cut = made(&source, "-ss 3 -i {} -map 0:v -c copy", name);
        scene.s3.put("sources", name, cut);
        let outcome = scene.run(name, &format!("f_mp4,an_1,{USUAL}")).succeeded();
        assert_eq!(outcome.warnings(), "[]", "{name}");
        let shown: Vec<_> = outcome.reading().frames().iter().map(|it| it.code()).collect();
        let mut frames: Vec<_> = shown.iter().flatten().map(|code| code.frame).collect();
        // Matroska keeps the time of the frames before it, in which the first one is shown.
        frames.dedup();
        assert_eq!(frames, (75..150).collect::<Vec<_>>(), "{name}");
    }
}

/// Only its first packet shows that the encoder was old, and how it differed from the standard.
#[test]
fn a_stream_that_its_first_packet_explains_is_read_from_there() {
    let scene = Scene::new();
    let old = "-f lavfi -i testsrc2=s=320x180:r=25:d=4 -pix_fmt yuv420p -c:v libx264 -x264-params \
               keyint=50:scenecut=0:bframes=7:b-adapt=0:b-pyramid=normal:ref=4:weightp=0";
    for name in ["old.mp4", "old.mkv"] {
        let mut file = made(Path::new(""), old, name);
        let place = file.windows(12).position(|bytes| bytes == b"x264 - core ").unwrap() + 12;
        file[place..place + 3].copy_from_slice(b"033");
        scene.s3.put("sources", name, file);
        // Without loss, so that a frame is the same or it is not.
        let whole = scene.run(name, &format!("f_mp4,{USUAL},crf_0")).succeeded();
        let part = scene.run(name, &format!("ss_2800,t_800,f_mp4,{USUAL},crf_0")).succeeded();
        let expected = gray(whole.file(), "trim=start_frame=70:end_frame=90");
        assert_eq!(expected.len(), 20 * 320 * 180);
        assert!(gray(part.file(), "null") == expected, "{name}");
    }
}

fn gray(file: &Path, filter: &str) -> Vec<u8> {
    let mut command: Command = ffmpeg();
    command.arg("-i").arg(file).args(["-map", "0:v", "-vf", filter, "-fps_mode", "passthrough"]);
    command.args(["-f", "rawvideo", "-pix_fmt", "gray", "pipe:1"]);
    run(command.stdin(Stdio::null())).stdout
}

/// Reading from the start is what a proof is for, and nothing that it may always end with.
#[test]
fn true_key_frames_are_used() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let open = "open-gop=1:bframes=3:b-pyramid=normal:scenecut=0:keyint=25:min-keyint=25";
    let open = Source::new(5).seconds(12.0).extra_args(&["-x264-params", open]);
    let webm = || source("libvpx-vp9", "a.webm").audio_codec("libopus");
    for (name, source, false_one, from_start) in [
        ("a.mp4", source("mpeg4", "a.mp4"), false, false),
        ("false.mp4", source("mpeg4", "a.mp4"), true, true),
        ("b.mp4", source("libx264", "b.mp4"), false, false),
        ("b.mkv", source("libx265", "b.mkv"), false, false),
        ("c.webm", webm(), false, false),
        ("open.mp4", open, false, false),
    ] {
        let mut bytes = std::fs::read(source.write(name)).unwrap();
        if false_one {
            bytes = moved(bytes, 101);
        }
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        let found = runtime.block_on(from_start_at(&file, 11_000));
        assert_eq!(found, [from_start], "{name}");
    }
}

/// Whether a cut of half a second is read from the start of its file.
async fn from_start_at(file: &Path, start_ms: u64) -> Vec<bool> {
    let ffmpeg = Ffmpeg::new(ffmpeg_path(), ffprobe_path(), 1024);
    let process =
        format!("video/concat,ss_{start_ms},t_500,f_mp4,vcodec_h264,acodec_aac|sys/saveas,o_YQ");
    let main = ObjectUri::named("bucket", "k").unwrap();
    let request = resolve(&parse(&process).unwrap(), &main, Limits { max_sources: 1 }).unwrap();
    let probed = probe(&ffmpeg, file).await.unwrap();
    let plan = plan(&request, &[vec![probed.media]], Preset::Ultrafast).unwrap();
    let chunks = chunks(&ffmpeg, &plan);
    assert_eq!(plan.seeks(&chunks).len(), 1, "{}: there is nothing to prove", file.display());
    unproven(&ffmpeg, &plan, &chunks, &[file]).await.unwrap()
}
