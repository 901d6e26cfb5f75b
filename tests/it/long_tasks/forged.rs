//! Forged steps: of another run, of a task that is over, of a range that does not exist, in another
//! bucket. Each is rejected with the reason, and writes nothing.

use serde_json::{Value, json};

use super::{ExecutionStatus, Stage, event};
use crate::bed::invocation::Reply;

/// A step of the run that an execution's ARN names.
fn step(kind: &str, running: &Value, more: &Value) -> Value {
    let (_, run) = running["ExecutionArn"].as_str().unwrap().rsplit_once('-').unwrap();
    let mut step =
        json!({"step": kind, "bucket": "records", "task": running["TaskId"], "run": run});
    for (name, value) in more.as_object().unwrap() {
        step[name] = value.clone();
    }
    step
}

/// All objects with their content.
fn all(stage: &Stage) -> Vec<(String, Vec<u8>)> {
    let buckets = ["sources", "results", "records"];
    let keys = buckets.iter().flat_map(|bucket| {
        let keys = stage.s3.keys(bucket).into_iter();
        keys.map(move |key| (format!("{bucket}/{key}"), stage.s3.get(bucket, &key).unwrap()))
    });
    keys.collect()
}

/// The error of a step, and whether any object has changed afterwards.
#[track_caller]
fn refused(stage: &Stage, step: &Value, error: &str, message: &str) {
    let before = all(stage);
    let reply = stage.steps.crew().invoke(step);
    let Reply::FunctionError { error_type, message: said } = reply else {
        panic!("{step:#}: {reply:#?}")
    };
    assert_eq!(error_type, error, "{step:#}: {said}");
    assert!(said.contains(message), "{step:#}: {said}");
    assert!(before == all(stage), "{step:#}");
    assert_eq!(stage.s3.unfinished_uploads(), []);
}

#[test]
fn forged_steps_are_refused_and_write_nothing() {
    let stage = Stage::new();
    let crew = stage.steps.crew();
    let (met, gate) = crew.hold(r#""join""#);
    let running = stage.ask("f_mp4", "out.mp4");
    met.recv().unwrap();
    let range = |index: u64| json!({"range": {"index": index}});
    let with = |more: Value, other: Value| {
        let (Value::Object(mut all), Value::Object(other)) = (more, other) else { panic!() };
        all.extend(other);
        Value::Object(all)
    };
    // While all ranges exist and wait to be joined.
    let no_range = step("render", &running, &range(5));
    refused(&stage, &no_range, "InvalidArgument", "there is no range 5");
    for kind in ["render", "sound"] {
        let other = json!({"run": "0123456789abcdef"});
        let other = step(kind, &running, &with(range(0), other));
        refused(&stage, &other, "Canceled", "another run");
        let unknown = json!({"task": "MediaConvert-11111111-2222-4333-8444-555555555555"});
        let unknown = step(kind, &running, &with(range(0), unknown));
        refused(&stage, &unknown, "Canceled", "another run");
    }
    for kind in ["render", "sound", "join", "fail"] {
        let elsewhere = step(kind, &running, &with(range(0), json!({"bucket": "results"})));
        refused(&stage, &elsewhere, "InvalidArgument", "not in bucket `results`");
    }
    // A range that exists is not made again.
    let before = all(&stage);
    assert_eq!(crew.invoke(&step("render", &running, &range(1))).unwrap()["status"], "Made");
    assert!(before == all(&stage));
    gate.send(()).unwrap();
    assert_eq!(stage.ended(&running), ExecutionStatus::Succeeded);
    stage.assert_done(&running, "out.mp4");
    // The run is over: nothing is made any more.
    refused(&stage, &step("render", &running, &range(0)), "Canceled", "another run");
    for kind in ["join", "fail"] {
        let before = all(&stage);
        assert_eq!(crew.invoke(&step(kind, &running, &json!({}))).unwrap()["status"], "Over");
        assert!(before == all(&stage), "{kind}");
    }
    assert_eq!(stage.sns.messages().len(), 1);
}

/// A plan for another request than that of the record, and a range after the task was canceled.
#[test]
fn no_step_changes_what_a_task_is_or_outlives_it() {
    let stage = Stage::new();
    let crew = stage.steps.crew();
    let (met, gate) = crew.hold(r#""plan""#);
    let running = stage.ask("f_mp4", "out.mp4");
    met.recv().unwrap();
    let events = crew.events();
    let plan = events.iter().find(|event| event["step"] == "plan").unwrap();
    let mut other = plan.clone();
    let process = event("f_mkv", "other.mkv")["process"].clone();
    other["accepted"]["process"] = process;
    let refusal = crew.invoke(&other);
    let Reply::FunctionError { error_type, .. } = refusal else { panic!("{refusal:#?}") };
    assert_eq!(error_type, "InvalidArgument");
    assert_eq!(stage.s3.keys("results"), [""; 0]);
    stage.cancel_held(&running, &gate);
    stage.ended(&running);
    stage.assert_ended(&stage.record(&running));
    let late = step("render", &running, &json!({"range": {"index": 0}}));
    refused(&stage, &late, "Canceled", "another run");
    assert_eq!(stage.s3.keys("results"), [""; 0]);
}
