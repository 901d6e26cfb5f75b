//! How exact the result is, since speed without exactness is worth little: the same mixed clips
//! joined by the function, by one call of the concat filter, and by converting each to one format
//! and joining the files.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::bed::expect::{Clip, Difference, Expected};
use crate::bed::ffmpeg::ffmpeg;
use crate::bed::frame_code::Shown;
use crate::bed::function::Function;
use crate::bed::process::run;
use crate::bed::reading::Reading;
use crate::bed::s3::S3;
use crate::bed::sns::Sns;
use crate::bed::source::Source;
use crate::by_hand::fit;
use crate::job::{SOURCE_BUCKET, TARGET_BUCKET, TOPIC};
use crate::ours;
use crate::stats::{row, title};

const RATE: (u32, u32) = (25, 1);
const FRAME_MS: f64 = 40.0;
const SIZE: (usize, usize) = (640, 360);
const H264: &str = "-c:v libx264 -preset veryfast -g 150";
const AAC: &str = "-c:a aac -ar 48000 -ac 2";

struct Mixed {
    name: &'static str,
    rate: (u32, u32),
    video_seconds: f64,
    audio_seconds: f64,
    sample_rate: u32,
}

const fn mixed(
    name: &'static str,
    rate: (u32, u32),
    (video_seconds, audio_seconds): (f64, f64),
    sample_rate: u32,
) -> Mixed {
    Mixed { name, rate, video_seconds, audio_seconds, sample_rate }
}

const MIXED: [Mixed; 6] = [
    mixed("a.mp4", (25, 1), (2.0, 2.0), 48_000),
    mixed("b.mp4", (30_000, 1001), (2.002, 1.98), 44_100),
    mixed("c.mov", (24, 1), (1.5, 1.47), 48_000),
    mixed("d.mov", (50, 1), (1.62, 1.62), 44_100),
    mixed("e.mp4", (30, 1), (2.3, 2.26), 22_050),
    mixed("f.mp4", (24_000, 1001), (1.96, 2.0), 48_000),
];

pub(crate) fn measure(preset: &'static str) -> Value {
    println!("how exact three ways to join the same clips are");
    let folder = tempfile::tempdir().expect("no temporary folder");
    let clips: Vec<PathBuf> = (0..).zip(&MIXED).map(|(id, clip)| source(id, clip)).collect();
    let (filter, demuxer) = (folder.path().join("filter.mp4"), folder.path().join("demuxer.mp4"));
    by_filter(&clips, &filter);
    by_demuxer(&clips, folder.path(), &demuxer);
    let (ours, places) = by_function(&clips, folder.path(), preset);
    let expected = Expected::new(RATE, expected(&places));
    title("Exactness: six clips of other rates, sizes, and lengths");
    row("", &["frames", "frame off, ms", "beep off, ms"]);
    let ways =
        [("ours", &ours), ("one concat filter", &filter), ("each in one form, joined", &demuxer)];
    let found: Vec<Value> = ways.map(|(name, file)| exactness(name, file, &expected)).into();
    found.into()
}

fn source(id: u8, clip: &Mixed) -> PathBuf {
    let source = Source::new(id).rate(clip.rate.0, clip.rate.1);
    let source = source.video_seconds(clip.video_seconds).audio_seconds(clip.audio_seconds);
    let size = if id.is_multiple_of(2) { SIZE } else { (320, 180) };
    source.audio(clip.sample_rate, 2).size(size.0, size.1).write(clip.name)
}

fn expected(places: &[Place]) -> Vec<Clip> {
    let clips = (0..).zip(&MIXED).zip(places);
    let clip = |((id, clip), place): ((u8, &Mixed), &Place)| {
        let whole = Clip::whole(id, clip.rate, clip.video_seconds);
        let lasts = place.frames as f64 * FRAME_MS;
        Clip {
            frames: place.frames,
            audio_ms: f64::min(clip.audio_seconds * 1000.0, lasts),
            audio_offset_ms: place.sample_ms - place.frame_ms,
            ..whole
        }
    };
    clips.map(clip).collect()
}

/// Where a clip is in the result: its frames begin at a whole frame, its samples at their exact
/// time.
struct Place {
    frames: usize,
    frame_ms: f64,
    sample_ms: f64,
}

/// The result, and the place of each clip in it.
fn by_function(clips: &[PathBuf], folder: &Path, preset: &'static str) -> (PathBuf, Vec<Place>) {
    let s3 = S3::start(&[SOURCE_BUCKET, TARGET_BUCKET]);
    let sns = Sns::start(&[TOPIC]);
    for (clip, file) in MIXED.iter().zip(clips) {
        s3.put_file(SOURCE_BUCKET, clip.name, file);
    }
    let function = Function::start(ours::settings(&s3, &sns, preset));
    let others =
        MIXED[1..].iter().map(|clip| format!("/sur,o_{}", URL_SAFE_NO_PAD.encode(clip.name)));
    let [bucket, target] = [TARGET_BUCKET, "ours.mp4"].map(|name| URL_SAFE_NO_PAD.encode(name));
    let (width, height) = SIZE;
    let process = format!(
        "video/concat,f_mp4,vcodec_h264,fps_25,s_{width}x{height},acodec_aac,ar_48000,ac_2{}\
         |sys/saveas,b_{bucket},o_{target}",
        others.collect::<String>()
    );
    let event = json!({"bucket": SOURCE_BUCKET, "object": MIXED[0].name, "process": process});
    let record = ours::perform(&function, &event);
    let file = folder.join("ours.mp4");
    std::fs::copy(s3.path(TARGET_BUCKET, "ours.mp4"), &file).expect("the task stored its result");
    let places = record["Timeline"].as_array().map_or(&[][..], Vec::as_slice);
    let number = |place: &Value, name: &str| place[name].as_f64().unwrap_or(0.0);
    let place = |place: &Value| Place {
        frames: place["Frames"].as_u64().map_or(0, |frames| frames as usize),
        frame_ms: number(place, "FirstFrame") * FRAME_MS,
        sample_ms: number(place, "FirstSample") / 48.0,
    };
    (file, places.iter().map(place).collect())
}

fn by_filter(clips: &[PathBuf], output: &Path) {
    let mut command = ffmpeg();
    let (mut graph, mut joined) = (String::new(), String::new());
    for (index, clip) in clips.iter().enumerate() {
        command.arg("-i").arg(clip);
        let audio = "aresample=48000,aformat=channel_layouts=stereo";
        graph += &format!("[{index}:v]{}[v{index}];[{index}:a]{audio}[a{index}];", fit(SIZE));
        joined += &format!("[v{index}][a{index}]");
    }
    graph += &format!("{joined}concat=n={}:v=1:a=1[v][a]", clips.len());
    command.args(["-filter_complex", &graph, "-map", "[v]", "-map", "[a]"]);
    command.args(H264.split(' ')).args(AAC.split(' ')).arg(output);
    run(command.stdin(Stdio::null()));
}

fn by_demuxer(clips: &[PathBuf], folder: &Path, output: &Path) {
    let mut list = String::new();
    for (index, clip) in clips.iter().enumerate() {
        let file = folder.join(format!("{index}.mp4"));
        let mut command = ffmpeg();
        command.arg("-i").arg(clip).args(["-vf", &fit(SIZE)]);
        command.args(H264.split(' ')).args(AAC.split(' ')).arg(&file);
        run(command.stdin(Stdio::null()));
        list += &format!("file '{}'\n", file.display());
    }
    let names = folder.join("list.txt");
    std::fs::write(&names, list).expect("the folder is ours");
    let mut command = ffmpeg();
    command.args(["-f", "concat", "-safe", "0", "-i"]).arg(&names).args(["-c", "copy"]).arg(output);
    run(command.stdin(Stdio::null()));
}

/// The greatest distance of frames and beeps from their places by the clips' own clocks, with clips
/// joined at whole frames.
fn exactness(name: &str, file: &Path, expected: &Expected) -> Value {
    let reading = Reading::of(file);
    let times = reading.packets("video");
    let start = times.first().map_or(0.0, |packet| packet.pts);
    let shown = reading.frames().iter().zip(&times);
    let frame_off =
        shown.filter_map(|(shown, packet)| off(expected, *shown, (packet.pts - start) * 1000.0));
    let frame_off = frame_off.fold(0.0, f64::max);
    let strict = Expected { beep_tolerance_ms: 0.0, ..expected.clone() };
    let mut missing = 0;
    let beep_off =
        strict.differences(&reading).iter().fold(0.0, |most, difference| match difference {
            Difference::BeepShifted { by_ms, .. } => f64::max(most, by_ms.abs()),
            Difference::BeepMissing { .. } => {
                missing += 1;
                most
            }
            _ => most,
        });
    let (found, planned) =
        (reading.frame_count(), expected.clips.iter().map(|clip| clip.frames).sum::<usize>());
    let cells =
        [format!("{found} of {planned}"), format!("{frame_off:.1}"), format!("{beep_off:.1}")];
    row(name, &cells.each_ref().map(String::as_str));
    json!({
        "way": name, "frames": found, "planned": planned,
        "frame_off_ms": frame_off, "beep_off_ms": beep_off, "beeps_missing": missing,
    })
}

/// By how much a frame is shown before its start in its clip, or after its end there.
fn off(expected: &Expected, shown: Shown, at_ms: f64) -> Option<f64> {
    let code = shown.code()?;
    let before = expected.clips.iter().take_while(|clip| clip.id != code.clip);
    let clip = expected.clips.iter().find(|clip| clip.id == code.clip)?;
    let first = before.map(|clip| clip.frames as f64 * FRAME_MS).sum::<f64>();
    let start = first + clip.audio_offset_ms;
    let lasts = 1000.0 * f64::from(clip.source_rate.1) / f64::from(clip.source_rate.0);
    let begins = start + f64::from(code.frame) * lasts;
    // The last frame is repeated.
    let is_last = usize::from(code.frame) + 1 == clip.source_frames;
    let late = if is_last { 0.0 } else { (at_ms - begins - lasts).max(0.0) };
    Some(late.max(begins - at_ms))
}
