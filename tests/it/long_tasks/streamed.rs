//! Outputs that are sent while they are muxed.

use aws_sdk_sfn::types::ExecutionStatus;
use hyper::Method;
use serde_json::{Value, json};

use super::{Stage, audio, decoded, noise};
use crate::bed::fault::{Answer, Fault};
use crate::bed::ffmpeg::ffprobe;
use crate::bed::function::Function;
use crate::bed::process::run;
use crate::bed::step_functions::Fate;
use crate::scene::{TOPIC, b64};

/// A film without loss, of more than one part.
fn event(container: &str, target: &str) -> Value {
    let process = format!(
        "video/concat,f_{container},vcodec_h264,crf_0,acodec_aac|sys/saveas,b_{},o_{}/notify,topic_{}",
        b64("results"),
        b64(target),
        b64(TOPIC)
    );
    json!({"bucket": "sources", "object": "noise.mp4", "process": process})
}

fn stage() -> Stage {
    let stage = Stage::in_haste();
    stage.s3.put_file("sources", "noise.mp4", &noise());
    stage
}

/// What the container says of its length.
fn format(stage: &Stage, name: &str) -> String {
    let mut command = ffprobe();
    command.args(["-show_entries", "format=duration,start_time,nb_streams", "-of", "csv=p=0"]);
    String::from_utf8(run(command.arg(stage.s3.path("results", name))).stdout).unwrap()
}

/// Each is that of one function, also where the muxer writes lengths in front at its end.
#[test]
fn an_output_is_sent_while_it_is_muxed() {
    let stage = stage();
    let one = Function::start(stage.settings.clone().set("DISTRIBUTE", "never"));
    for container in ["mkv", "asf"] {
        let [long, short] = ["long", "short"].map(|name| format!("{name}.{container}"));
        let before = stage.s3.calls().len();
        let running = stage.steps.crew().invoke(&event(container, &long)).unwrap();
        assert_eq!(stage.ended(&running), ExecutionStatus::Succeeded, "{container}");
        let record = stage.record(&running);
        let size = record["Targets"][0]["Size"].as_u64().unwrap();
        assert!(size > 16 << 20, "{container}: {size}");
        let calls = stage.s3.calls().split_off(before);
        let sent = |part: &str| calls.iter().filter(|call| call.query.contains(part)).count();
        assert!(sent("x-id=UploadPart&") >= 2 && sent("UploadPartCopy") >= 1, "{calls:#?}");
        let expected = one.invoke(&event(container, &short)).unwrap();
        assert_eq!(record["Verified"], expected["Verified"], "{container}");
        assert_eq!(record["Output"]["DurationMs"], expected["Output"]["DurationMs"]);
        assert_eq!(format(&stage, &long), format(&stage, &short), "{container}");
        let [long, short] = [long, short].map(|name| stage.s3.path("results", &name));
        assert_eq!(decoded(&long), decoded(&short), "{container}");
        let copied = &["-c", "copy"];
        assert_eq!(audio(&long, copied), audio(&short, copied), "{container}");
        let key = format!(".tasks/{}.json", record["TaskId"].as_str().unwrap());
        assert!(stage.s3.keys("records").contains(&key));
        assert_eq!(stage.s3.keys("records").iter().filter(|key| key.contains("joined")).count(), 0);
    }
    assert_eq!(stage.s3.unfinished_uploads(), []);
}

#[test]
fn whatever_is_killed_and_whatever_answer_is_lost_it_is_stored_once() {
    let stage = stage();
    let crew = stage.steps.crew();
    crew.when(r#""join""#, 1, Fate::KilledAfter(Method::PUT, "x-id=UploadPart&"));
    crew.when(r#""join""#, 1, Fate::KilledBefore(Method::PUT, "x-id=UploadPart&"));
    crew.when(r#""join""#, 1, Fate::KilledAfter(Method::PUT, "UploadPartCopy"));
    for (method, part) in [
        (Method::PUT, "x-id=UploadPart&"),
        (Method::GET, "joined"),
        (Method::GET, "sound.mov"),
        (Method::PUT, "UploadPartCopy"),
    ] {
        stage.s3.fail(Fault::new(Answer::Lost).method(method).part(part).skip(1));
    }
    let running = crew.invoke(&event("mkv", "out.mkv")).unwrap();
    assert_eq!(stage.ended(&running), ExecutionStatus::Succeeded);
    let record = stage.assert_done(&running, "out.mkv");
    assert_eq!(record["Verified"]["Decoded"], true);
    assert_eq!(crew.count("join"), 4);
}
