//! Clips whose video and audio differ much in length: repeated frames and silence are in sync with
//! the other stream, in every container.

use std::path::Path;

use serde_json::Value;

use crate::bed::ffmpeg::ffprobe;
use crate::bed::process::run;
use crate::bed::reading::Reading;
use crate::bed::source::Source;
use crate::scene::{Outcome, Scene, b64, sur, without_run};

/// How far apart the streams may be in the order of the file, in seconds.
const APART: f64 = 1.0;

/// The longer stream of a clip, in seconds: more than muxers wait for the other one.
const LONG: f64 = 32.0;

fn long_audio() -> Source {
    Source::new(1).size(64, 48).video_seconds(2.0).audio_seconds(LONG)
}

fn long_video() -> Source {
    Source::new(2).size(64, 48).video_seconds(LONG).audio_seconds(2.0)
}

fn one_frame() -> Source {
    Source::new(3).size(64, 48).video_seconds(0.04).audio_seconds(20.0)
}

/// The greatest distance between the streams when the file is read from its start.
fn apart(file: &Path) -> f64 {
    let entries = "packet=codec_type,dts_time,pts_time,pos";
    let output = run(ffprobe().args(["-show_entries", entries, "-of", "json"]).arg(file));
    let facts: Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<f64>().ok());
    let mut packets: Vec<(f64, bool, f64)> = Vec::new();
    for packet in facts["packets"].as_array().unwrap() {
        let time = number(&packet["dts_time"]).or_else(|| number(&packet["pts_time"]));
        let place = number(&packet["pos"]).or(packets.last().map(|last| last.0)).unwrap_or(0.0);
        packets.extend(time.map(|time| (place, packet["codec_type"] == "video", time)));
    }
    packets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut reached = [None; 2];
    let mut most = 0.0_f64;
    for (_, video, time) in packets {
        reached[usize::from(video)] = Some(time);
        if let [Some(audio), Some(video)] = reached {
            most = most.max(f64::abs(audio - video));
        }
    }
    most
}

fn faults(outcome: &Outcome, name: &str, seconds: f64) -> Vec<String> {
    if outcome.record["Status"] != "Succeeded" {
        return vec![format!("{name}: {}", outcome.record["Message"])];
    }
    let mut faults = Vec::new();
    let apart = apart(outcome.file());
    if apart > APART {
        faults.push(format!("{name}: {apart} s apart"));
    }
    let reading = outcome.reading();
    let frames = reading.packets("video").len();
    if frames.abs_diff((seconds * 25.0) as usize) > 1 {
        faults.push(format!("{name}: {frames} frames"));
    }
    let heard = reading.sample_count() as f64 / f64::from(reading.sample_rate());
    if (heard - seconds).abs() > 0.15 {
        faults.push(format!("{name}: {heard} s of audio"));
    }
    faults
}

#[test]
fn streams_stay_together_in_every_container() {
    let scene = Scene::new()
        .source("audio.mp4", &long_audio())
        .source("video.mp4", &long_video())
        .source("audio.mkv", &long_audio())
        .source("frame.mp4", &one_frame());
    let mut wrong = Vec::new();
    for (main, seconds) in [("audio.mp4", LONG), ("video.mp4", LONG), ("frame.mp4", 20.0)] {
        for (container, codec) in [
            ("mp4", "aac"),
            ("mov", "pcm"),
            ("mkv", "opus"),
            ("ts", "aac"),
            ("flv", "mp3"),
            ("avi", "mp3"),
            ("asf", "aac"),
            ("mxf", "pcm"),
        ] {
            let rate = if container == "flv" { ",ar_44100" } else { ",ar_48000" };
            let parameters = format!("f_{container},vcodec_h264,acodec_{codec}{rate},fps_25");
            let outcome = scene.run(main, &parameters);
            wrong.extend(faults(&outcome, &format!("{main} in {container}"), seconds));
        }
    }
    let several = format!("f_mkv,vcodec_h264,acodec_aac{}{}", sur("video.mp4"), sur("audio.mkv"));
    wrong.extend(faults(&scene.run("frame.mp4", &several), "several", 20.0 + 2.0 * LONG));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Edit units of MXF hold a frame and its audio.
#[test]
fn mxf_ends_its_audio_with_its_last_frame() {
    let scene = Scene::new().source("a.mp4", &long_video());
    for (ms, rate) in [(1990, "25"), (2010, "25"), (2010, "29.97"), (1990, "59.94"), (2015, "50")] {
        let parameters = format!("t_{ms},f_mxf,vcodec_h264,acodec_pcm,fps_{rate}");
        let outcome = scene.run("a.mp4", &parameters).succeeded();
        let rate: f64 = rate.parse().unwrap();
        let reading = outcome.reading();
        let video = reading.packets("video").len() as f64 / rate;
        let audio = reading.sample_count() as f64 / 48_000.0;
        assert!((video - audio).abs() < 0.001, "{parameters}: {video} s and {audio} s");
        assert!((video - f64::from(ms) / 1000.0).abs() < 0.51 / rate, "{parameters}: {video} s");
    }
}

/// How long the streams of a segment are, in seconds: video, then audio.
fn lengths(file: &Path) -> [f64; 2] {
    let reading = Reading::of(file);
    ["video", "audio"].map(|kind| {
        let packets = reading.packets(kind);
        let step = if kind == "video" { 0.04 } else { 1024.0 / 48_000.0 };
        match (packets.first(), packets.last()) {
            (Some(first), Some(last)) => last.pts - first.pts + step,
            _ => 0.0,
        }
    })
}

/// The video and the audio of segment `number`.
fn segment(scene: &Scene, stem: &str, number: usize, dash: bool) -> [f64; 2] {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("segment");
    let keys = scene.s3.keys("results");
    let get = |name: &str| {
        let plain = format!("{stem}-{name}");
        let key = keys.iter().find(|key| without_run(key) == plain).unwrap();
        scene.s3.get("results", key).unwrap()
    };
    if dash {
        return [0, 1].map(|stream| {
            let parts =
                [get(&format!("{stream}-init.mp4")), get(&format!("{stream}-{number:05}.m4s"))];
            std::fs::write(&file, parts.concat()).unwrap();
            lengths(&file)[stream]
        });
    }
    let bytes = if stem.contains("-ts") {
        get(&format!("{number:05}.ts"))
    } else {
        [get("init.mp4"), get(&format!("{number:05}.m4s"))].concat()
    };
    std::fs::write(&file, bytes).unwrap();
    lengths(&file)
}

#[test]
fn a_segment_has_as_much_audio_as_video() {
    let mut wrong = Vec::new();
    for (name, source, count) in
        [("a.mp4", long_audio(), 8), ("b.mp4", long_video(), 8), ("c.mp4", one_frame(), 5)]
    {
        let scene = Scene::new().source(name, &source);
        for (container, format) in [("ts", "hls"), ("mp4", "hls"), ("mp4", "dash")] {
            let stem = format!("{format}-{container}/film");
            let process = format!(
                "video/concat,f_{container},vcodec_h264,acodec_aac/segment,f_{format},t_4000\
                 |sys/saveas,b_{},o_{}",
                b64("results"),
                b64(&stem),
            );
            let outcome = scene.process(name, &process);
            if outcome.record["Status"] != "Succeeded" {
                wrong.push(format!("{name}, {stem}: {}", outcome.record["Message"]));
                continue;
            }
            for number in 1..=count {
                let [video, audio] = segment(&scene, &stem, number, format == "dash");
                if (video - 4.0).abs() > 0.05 || (audio - video).abs() > 0.1 {
                    wrong.push(format!("{name}, {stem}-{number}: {video} s, {audio} s of audio"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
