//! `explain`: it predicts what `run` does.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use video_concat::cost::{Architecture, PRICES, Work};

use super::end;
use super::run::{Desk, to};
use crate::bed::expect::{Clip, Expected};
use crate::bed::ffmpeg::ffmpeg_path;
use crate::bed::process::Running;
use crate::bed::reading::Reading;
use crate::bed::s3::S3;
use crate::bed::source::Source;
use crate::scene::{Scene, USUAL, b64, pre, sur};

const RATE: (u32, u32) = (25, 1);

fn desk() -> Desk {
    let silent = Source::new(2).no_audio().seconds(3.0);
    Desk::new().source("a.mp4", &Source::new(1)).source("b.mp4", &silent)
}

fn explained(desk: &Desk, process: &str, more: &[&str]) -> Value {
    let arguments = ["explain", process, "--object", "a.mp4", "--sources", "in", "--json"];
    end(&mut desk.command(&[&arguments[..], more].concat()), "").ends_with(0).json()
}

#[test]
fn what_is_forecast_is_what_is_done() {
    let desk = desk();
    for parameters in ["ss_500,f_mp4,fps_30", "f_ts,s_320x180,vb_200000,ab_64000", "f_mkv,vn_1"] {
        let process = to(&format!("{parameters},{USUAL}"), "", "x");
        let told = explained(&desk, &process, &[]);
        let done = desk.run("a.mp4", &process, &["--json"]).ends_with(0).json();
        for field in ["Process", "Warnings", "Sources", "Timeline"] {
            assert_eq!(told[field], done[field], "{parameters} {field}");
        }
        assert_eq!(told["Target"], done["Targets"][0]["URI"]);
        let [told_output, done_output] = [&told["Output"], &done["Output"]];
        for kind in ["Video", "Audio"] {
            let (told, done) = (&told_output[kind], &done_output[kind]);
            let fields = ["Codec", "Width", "Height", "FrameRate", "PixelFormat", "Frames"];
            for field in fields.iter().chain(&["SampleRate", "Channels"]) {
                assert_eq!(told[field], done[field], "{parameters} {kind} {field}");
            }
        }
        let frames = |chunk: &Value| chunk["Frames"].as_u64().unwrap();
        let chunks = told["Chunks"].as_array().unwrap();
        let planned = told_output["Video"]["Frames"].as_u64().unwrap_or(0);
        assert_eq!(chunks.iter().map(frames).sum::<u64>(), planned);
        let sizes = ["a.mp4", "b.mp4"].map(|name| desk.files("in")[name].len());
        assert_eq!(told["Disk"]["Sources"], sizes.iter().sum::<usize>());
    }
    assert!(fs::read_dir(desk.path("work")).unwrap().next().is_none());
}

#[test]
fn what_is_filled_and_its_cost_are_printed() {
    let desk = desk();
    let process = to(&format!("f_mp4,{USUAL}"), "", "x");
    let arguments = ["explain", &process, "--object", "a.mp4", "--sources", "in"];
    let said = end(&mut desk.command(&arguments), "").ends_with(0);
    for words in [
        "0  `a.mp4`  0 to 2 s, 50 frames from 0 on, 96000 samples from 0 on\n",
        "1  `b.mp4`  0 to 3 s, 75 frames from 50 on, 144000 samples from 96000 on, silent",
        "output   mp4, 5 s; h264 160x120 yuv420p, 125 frames at 25/s; aac 48000 Hz, 2 channels",
        "target   s3://results/x.mp4\n",
        "chunks   1\n",
        "at least $0.0000",
    ] {
        assert!(said.out.contains(words), "{words}\n{}", said.out);
    }
    assert!(said.out.contains(PRICES.as_of) && said.out.contains(PRICES.region));
}

#[test]
fn the_cost_is_that_of_the_table() {
    let desk = desk();
    let process = to(&format!("f_mp4,{USUAL}"), "", "x");
    for (name, architecture) in [("x86_64", Architecture::X86), ("arm64", Architecture::Arm)] {
        let told = explained(&desk, &process, &["--arch", name, "--memory", "1769"]);
        let work = Work {
            memory_mb: 1769,
            disk_mb: 1,
            seconds: told["Time"]["Function"].as_f64().unwrap(),
            invocations: 1,
            // The target, and three states of the record.
            puts: 4,
            // Each source is looked at and fetched; so are the record and what the target is.
            gets: 7,
        };
        // Parsed from text, as the printed cost was.
        let cost = json!(PRICES.cost(&work, architecture)).to_string();
        assert_eq!(told["Cost"], serde_json::from_str::<Value>(&cost).unwrap(), "{name}");
        assert_eq!(told["Time"]["FunctionMemoryMb"], 1769);
    }
}

#[test]
fn the_requests_are_those_that_the_function_makes() {
    let (a, b) = (Source::new(1), Source::new(2).no_audio().seconds(3.0));
    let scene = Scene::new().source("a.mp4", &a).source("b.mp4", &b);
    let cases = [
        ("f_ts", ""),
        ("f_ts", "/segment,f_hls,t_1000"),
        ("f_mp4", "/segment,f_hls,t_2000"),
        ("f_mp4", "/segment,f_dash,t_1000"),
    ];
    for (container, segment) in cases {
        let process = to(&format!("{container},{USUAL}"), segment, "x");
        let record = scene.process("a.mp4", &process).succeeded().record;
        let count = |name: &str| u32::try_from(record["Usage"][name].as_u64().unwrap()).unwrap();
        let work = Work {
            memory_mb: 3008,
            disk_mb: 1,
            seconds: 0.0,
            invocations: 1,
            // No record counts the request that stores it.
            puts: count("PutRequests") + 1,
            gets: count("HeadRequests") + count("GetRequests"),
        };
        let told = explained(&desk(), &process, &[])["Cost"]["Requests"].as_f64().unwrap();
        let right = PRICES.cost(&work, Architecture::X86).requests;
        // How often the record is written depends on the time that the work takes.
        assert!((told / right - 1.0).abs() < 0.15, "{told} {right} {}", record["Usage"]);
    }
}

#[test]
fn a_trial_tells_the_time() {
    let desk = desk();
    let process = to(&format!("f_mp4,{USUAL}"), "", "x");
    let time = explained(&desk, &process, &["--time"])["Time"].clone();
    let seconds = |name: &str| time[name].as_f64().unwrap();
    assert!(seconds("Here") > seconds("Least") && seconds("Least") > 0.0, "{time}");
    assert!(seconds("Function") > 0.0);
}

#[test]
fn without_sources_only_the_request_is_explained() {
    let more = format!("{}{}", pre("intro.mp4"), sur("outro.mp4"));
    let process = format!(
        "video/concat,ss_10000,t_5500,f_mp4,{USUAL}{more}|sys/saveas,o_{}",
        b64("{barename}-x")
    );
    let said = super::said(&["explain", &process]).ends_with(0);
    assert!(said.out.contains("1  `(the main object)`  5.500 s from 10 s on"), "{}", said.out);
    assert!(said.out.contains("named when the task begins"), "{}", said.out);
    let arguments = ["explain", &process, "--bucket", "clips", "--object", "a/b.mov", "--json"];
    let told = super::said(&arguments).ends_with(0).json();
    assert_eq!(told["Target"], "s3://clips/b-x.mp4");
    let clips = json!([
        {"Object": "intro.mp4", "StartMs": 0},
        {"Object": "a/b.mov", "StartMs": 10_000, "DurationMs": 5500},
        {"Object": "outro.mp4", "StartMs": 0},
    ]);
    assert_eq!(told["Clips"], clips);
    for option in ["--commands", "--time"] {
        super::said(&["explain", &process, option]).ends_with(2);
    }
}

#[test]
fn the_printed_commands_make_the_output() {
    let desk = desk();
    let process = to(&format!("ss_1000,f_mp4,{USUAL}"), "", "x");
    let told = explained(&desk, &process, &["--commands"]);
    let commands: Vec<Vec<String>> = serde_json::from_value(told["Commands"].clone()).unwrap();
    let [render, join] = &commands[..] else { panic!("{commands:?}") };
    let command = |words: &[String]| {
        assert_eq!(words[0], "ffmpeg");
        let mut command = Command::new(ffmpeg_path());
        command.args(&words[1..]).current_dir(desk.path("."));
        command
    };
    let mut first = Running::start(command(render).stdout(Stdio::piped()));
    let stdin = first.0.stdout.take().unwrap();
    let mut second = Running::start(command(join).stdin(stdin));
    assert!(first.0.wait().unwrap().success() && second.0.wait().unwrap().success());
    let cut = Clip::whole(1, RATE, 2.0).cut(1000.0, 25);
    let expected = Expected::new(RATE, vec![cut, Clip::whole(2, RATE, 3.0).silent()]);
    assert_eq!(expected.differences(&Reading::of(desk.path("output.mp4"))), []);
    let arguments = ["explain", &process, "--object", "a.mp4", "--sources", "in", "--commands"];
    let said = end(&mut desk.command(&arguments), "").ends_with(0);
    assert!(said.out.contains("\nrender   ffmpeg ") && said.out.contains("\njoin     ffmpeg "));
}

#[test]
fn buckets_are_explained_as_folders_are() {
    let s3 = S3::start(&["clips"]);
    let desk = desk();
    for (name, bytes) in desk.files("in") {
        s3.put("clips", &name, bytes);
    }
    let process = to(&format!("f_mp4,{USUAL}"), "", "x");
    let arguments = ["explain", &process, "--object", "a.mp4", "--sources", "s3://clips", "--json"];
    let told = end(desk.command(&arguments).envs(s3.environment()), "").ends_with(0).json();
    assert_eq!(told["Timeline"], explained(&desk, &process, &[])["Timeline"]);
    assert_eq!(s3.keys("clips").len(), 2);
}
