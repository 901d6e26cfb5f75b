//! The sources: made once, and kept in `target/bench`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::FOLDER;
use crate::bed::ffmpeg::ffmpeg;
use crate::bed::process::{repository, run};

/// Names in the job of `events/direct.json`, in list order.
pub(crate) const NAMES: [&str; 3] = ["pre.mov", "example.mkv", "sur1.aac"];

/// A source with more bytes is large.
const LARGE: usize = 1_000_000_000;

pub(crate) fn sources(height: usize, seconds: usize) -> [PathBuf; 3] {
    let folder = folder(&format!("sources/{height}p-{seconds}s"));
    let width = height * 16 / 9 / 2 * 2;
    let video = |rate: usize, bits: usize| {
        // Noise, since no camera's video is as smooth as a test pattern.
        let noise = "noise=alls=10:allf=t";
        let pattern = format!("testsrc2=s={width}x{height}:r={rate}:d={seconds},{noise}");
        let codec =
            format!("-c:v libx264 -preset ultrafast -pix_fmt yuv420p -b:v {}", bits * height);
        (pattern, codec)
    };
    let tone =
        |hertz: usize, rate: usize| format!("sine={hertz}:beep_factor=4:r={rate}:d={seconds}");
    let (pre, pre_codec) = video(30, 9000);
    let (main, main_codec) = video(24, 8000);
    let [first, second, third] = NAMES;
    [
        made(&folder, first, &[pre, tone(440, 44_100)], &format!("{pre_codec} -c:a aac -ac 1")),
        made(
            &folder,
            second,
            &[main, tone(330, 48_000)],
            &format!("{main_codec} -c:a libopus -ac 2"),
        ),
        made(&folder, third, &[tone(550, 44_100)], "-c:a aac -ac 2"),
    ]
}

/// A gigabyte of raw frames: almost no work for a decoder, but much for a program that keeps a file
/// in memory.
pub(crate) fn large() -> PathBuf {
    let frames = LARGE / (1280 * 720 * 3 / 2) + 1;
    let pattern = format!("testsrc2=s=1280x720:r=25,trim=end_frame={frames}");
    made(&folder("sources"), "large.mkv", &[pattern], "-c:v rawvideo -pix_fmt yuv420p")
}

/// A file of this many bytes: the same ten seconds over and over, with the index of an mp4 at its end.
pub(crate) fn long(name: &str, bytes: usize) -> PathBuf {
    let folder = folder("sources");
    let noise = "noise=alls=20:allf=t";
    let pattern = format!("testsrc2=s=1280x720:r=25:d=10,{noise}");
    let codec = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 50 -b:v 16000000 -c:a aac";
    let part = made(&folder, "part.mp4", &[pattern, "sine=440:r=48000:d=10".to_owned()], codec);
    let length = std::fs::metadata(&part).map_or(bytes, |file| file.len() as usize);
    let more = (bytes / length.max(1)).to_string();
    written(&folder, &format!("{}-{name}", bytes / 1_000_000), |command| {
        command.args(["-stream_loop", &more, "-i"]).arg(&part).args(["-c", "copy"]);
    })
}

/// A clip with a size and a rate of its own.
pub(crate) fn short(name: &str, seconds: usize) -> PathBuf {
    let number = name.bytes().map(usize::from).sum::<usize>();
    let (width, height) = [(1280, 720), (640, 360), (1920, 1080)][number % 3];
    let rate = [25, 30, 24, 50][number % 4];
    let pattern = format!("testsrc2=s={width}x{height}:r={rate}:d={seconds},noise=alls=10:allf=t");
    let tone = format!("sine={}:r=44100:d={seconds}", 300 + number);
    let codec = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -b:v 4000000 -c:a aac";
    made(&folder(&format!("sources/short-{seconds}s")), name, &[pattern, tone], codec)
}

/// A clip that needs no encoding if its bit rate is low enough.
pub(crate) fn fitting(name: &str, seconds: usize) -> PathBuf {
    let pattern = format!("testsrc2=s=1280x720:r=25:d={seconds},noise=alls=5:allf=t");
    let tone = format!("sine=500:r=48000:d={seconds}");
    let codec = "-c:v libx264 -preset veryfast -pix_fmt yuv420p -g 50 -b:v 1500000 -c:a aac -ac 2";
    made(&folder(&format!("sources/fitting-{seconds}s")), name, &[pattern, tone], codec)
}

fn folder(name: &str) -> PathBuf {
    let folder = repository().join(FOLDER).join(name);
    std::fs::create_dir_all(&folder).expect("target/bench can be written");
    folder
}

fn made(folder: &Path, name: &str, inputs: &[String], codecs: &str) -> PathBuf {
    written(folder, name, |command| {
        for input in inputs {
            command.args(["-f", "lavfi", "-i", input]);
        }
        command.args(codecs.split(' '));
    })
}

fn written(folder: &Path, name: &str, arguments: impl FnOnce(&mut Command)) -> PathBuf {
    let file = folder.join(name);
    if file.is_file() {
        return file;
    }
    println!("making {}", file.strip_prefix(repository()).unwrap_or(&file).display());
    // A run that is stopped must not leave half a file under the name.
    let draft = folder.join(format!("draft-{name}"));
    let mut command = ffmpeg();
    arguments(&mut command);
    run(command.arg(&draft));
    std::fs::rename(&draft, &file).expect("target/bench can be written");
    file
}
