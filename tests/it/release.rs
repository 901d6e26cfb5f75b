//! The release binary, as it is deployed, under Lambda's own emulator.

use serde_json::json;

use crate::bed::emulator::Emulator;
use crate::bed::expect::{Clip, Expected};
use crate::bed::ffmpeg;
use crate::bed::function::Settings;
use crate::bed::process::repository;
use crate::bed::reading::Reading;
use crate::bed::s3::S3;
use crate::bed::sns::Sns;
use crate::bed::source::Source;
use crate::scene::{TOPIC, USUAL, b64, sur};

/// What `make bootstrap` leaves.
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
    // The task lies within what is counted, and that within what is billed: to the millisecond, and
    // rounded.
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
    use crate::bed::function::Function;
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
