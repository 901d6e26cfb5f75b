//! The release binary as deployed, under Lambda's own emulator.

use std::io::Write;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::json;

use crate::bed::emulator::Emulator;
use crate::bed::expect::{Clip, Expected};
use crate::bed::ffmpeg;
use crate::bed::function::{Function, Settings};
use crate::bed::process::repository;
use crate::bed::reading::Reading;
use crate::bed::s3::S3;
use crate::bed::sns::Sns;
use crate::bed::source::Source;
use crate::scene::{TOPIC, USUAL, b64, sur};

/// The files that `make bootstrap` makes.
fn bootstrap() -> Settings {
    let path = repository().join("target/lambda/bootstrap/bootstrap");
    assert!(path.is_file(), "{} is missing: run `make bootstrap`", path.display());
    Settings::program(path)
}

#[test]
fn carries_out_a_task_under_the_emulator() {
    let s3 = S3::start(&["sources", "results"]);
    let sns = Sns::start(&[TOPIC]);
    for (name, id) in [("a.mp4", 1), ("b.mkv", 2)] {
        s3.put_file("sources", name, &Source::new(id).write(name));
    }
    let settings =
        bootstrap().with(s3.environment()).with(sns.environment()).with(ffmpeg::environment());
    // The emulator's own function ARN is in another account.
    let settings = settings.set("TOPIC_ARN_PREFIX", "arn:aws:sns:us-east-1:123456789012:");
    let emulator = Emulator::start(&settings);
    let process = format!(
        "video/concat,f_mp4,{USUAL}{}|sys/saveas,b_{},o_{}/notify,topic_{}",
        sur("b.mkv"),
        b64("results"),
        b64("film"),
        b64("done"),
    );
    let event = json!({"bucket": "sources", "object": "a.mp4", "process": process});
    let records = [(); 2].map(|()| emulator.invoke(&event).unwrap());
    assert!(records.iter().all(|record| record["Status"] == "Succeeded"), "{records:#?}");
    let (usage, memory) = (&records[0]["Usage"], 3008);
    assert_eq!(usage["MemoryMb"], memory);
    let counted = usage["GbSeconds"].as_f64().unwrap() * 1024.0 / f64::from(memory) * 1000.0;
    // The task is within the counted time, and that within the billed time, which is rounded.
    let task = records[0]["Timings"]["TotalMs"].as_f64().unwrap();
    let billed = f64::from(u32::try_from(emulator.first_billed()).unwrap());
    assert!(task - 2.0 <= counted && counted <= billed + 2.0, "{task} {counted} {billed}");
    let rate = (25, 1);
    let expected = Expected::new(rate, vec![Clip::whole(1, rate, 2.0), Clip::whole(2, rate, 2.0)]);
    assert_eq!(expected.differences(&Reading::of(s3.path("results", "film.mp4"))), []);
    assert!(sns.messages().iter().all(|message| message.attributes["Status"].1 == "Succeeded"));
    let left: Vec<_> = std::fs::read_dir(emulator.work_dir()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_wrong_setting_stops_the_start_with_one_clear_line() {
    let settings = Settings::bootstrap().set("VIDEO_PRESET", "warp").with(ffmpeg::environment());
    let function = Function::start(settings);
    let reply = function.invoke(&json!({}));
    let text = format!("{reply:?} {:?}", function.logs());
    assert!(text.contains("VIDEO_PRESET") && text.contains("warp"), "{text}");
}

/// `sam local` sets variables of the template that have no value to nothing.
#[test]
fn an_endpoint_that_is_set_to_nothing_counts_as_unset() {
    use crate::scene::Scene;
    let names = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL_SECRETS_MANAGER"];
    let scene = Scene::with(|settings| names.iter().fold(settings, |all, name| all.set(name, "")));
    let scene = scene.source("a.mp4", &Source::new(1).seconds(0.5));
    scene.run("a.mp4", &format!("f_mp4,{USUAL}")).succeeded();
}

/// A pipe in place of the layer's bill holds up the start, so that no load of the machine can be
/// mistaken for it.
#[test]
fn usage_has_what_the_first_invocation_is_billed_for_the_start() {
    let held = Duration::from_secs(1);
    let layer = tempfile::tempdir().unwrap();
    let (bill, folder) = (layer.path().join("bom.json"), layer.path().join("bin"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(ffmpeg::ffmpeg_path(), folder.join("ffmpeg")).unwrap();
    std::fs::copy(ffmpeg::ffprobe_path(), folder.join("ffprobe")).unwrap();
    mknodat(CWD, &bill, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let s3 = S3::start(&["sources", "results"]);
    s3.put_file("sources", "a.mp4", &Source::new(1).seconds(0.5).write("a.mp4"));
    let settings = Settings::bootstrap().with(s3.environment());
    let settings = settings
        .set("FFMPEG_PATH", folder.join("ffmpeg").to_str().unwrap())
        .set("FFPROBE_PATH", folder.join("ffprobe").to_str().unwrap());
    let process = |target: &str| {
        let target = format!("|sys/saveas,b_{},o_{}", b64("results"), b64(target));
        json!({"bucket": "sources", "object": "a.mp4",
            "process": format!("video/concat,f_mp4,{USUAL}{target}")})
    };
    for (kind, is_billed) in [("on-demand", true), ("provisioned-concurrency", false)] {
        let begun = Instant::now();
        let function =
            Function::start(settings.clone().set("AWS_LAMBDA_INITIALIZATION_TYPE", kind));
        // Opens when the function opens it.
        let mut pipe = std::fs::OpenOptions::new().write(true).open(&bill).unwrap();
        std::thread::sleep(held);
        pipe.write_all(b"{}").unwrap();
        drop(pipe);
        function.cold_start();
        for number in 0..2 {
            let invoked = Instant::now();
            let record = function.invoke(&process(&format!("{kind}-{number}.mp4"))).unwrap();
            let usage = &record["Usage"];
            let seconds = usage["GbSeconds"].as_f64().unwrap() * 1024.0 / 3008.0;
            let task = record["Timings"]["TotalMs"].as_f64().unwrap() / 1000.0;
            let has_start = is_billed && number == 0;
            let least = if has_start { held.as_secs_f64() + task } else { task };
            let most = if has_start { begun.elapsed() } else { invoked.elapsed() };
            assert!(least - 0.002 <= seconds, "{kind} {number}: {seconds} s, {record:#}");
            assert!(seconds <= most.as_secs_f64() + 0.002, "{kind} {number}: {seconds} s");
        }
    }
}
