//! However often a task is requested, there is one result, one message of success, and the same
//! record for every caller.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::bed::fault::{Answer, Fault};
use crate::bed::ffmpeg;
use crate::bed::function::{Function, Settings};
use crate::bed::s3::S3;
use crate::bed::sns::Sns;
use crate::bed::source::Source;
use crate::scene::{Scene, TOPIC, USUAL, b64, settings};

const TARGET: &str = "out.mp4";
/// How often a condition is checked.
const LOOK: Duration = Duration::from_millis(20);
const LONG_AGO: &str = "2026-01-02T03:04:05.678Z";

/// Storage, a topic, and as many instances of the function as needed.
struct Stage {
    s3: S3,
    sns: Sns,
    settings: Settings,
}

impl Stage {
    fn new() -> Self {
        let s3 = S3::start(&["sources", "results"]);
        let sns = Sns::start(&[TOPIC]);
        let settings = settings(&s3, &sns);
        s3.put_file("sources", "a.mp4", &Source::new(1).write("a.mp4"));
        s3.forget_calls();
        Self { s3, sns, settings }
    }

    fn instance(&self) -> Function {
        Function::start(self.settings.clone())
    }

    fn ask(&self) -> Value {
        self.instance().invoke(&event()).unwrap()
    }

    /// The successful writes of the target.
    fn stored(&self) -> usize {
        let calls = self.s3.calls();
        let target = |call: &&crate::bed::s3::Call| {
            call.method == "PUT" && call.path.ends_with(TARGET) && call.status == 200
        };
        calls.iter().filter(target).count()
    }

    /// The event ids in messages of success.
    fn told(&self) -> Vec<Value> {
        let bodies = self.sns.messages().into_iter().map(|message| {
            assert_eq!(message.attributes["Status"].1, "Succeeded");
            serde_json::from_str::<Value>(&message.body).unwrap()["id"].clone()
        });
        bodies.collect()
    }

    fn record_key(record: &Value) -> String {
        format!(".tasks/{}.json", record["TaskId"].as_str().unwrap())
    }

    fn record(&self, record: &Value) -> Value {
        let stored = self.s3.get("results", &Self::record_key(record)).unwrap();
        serde_json::from_slice(&stored).unwrap()
    }

    /// Sets the record to what a run would have left that died at this point.
    fn leave(&self, record: &Value, change: impl FnOnce(&mut Value)) {
        let mut left = record.clone();
        change(&mut left);
        self.s3.put("results", &Self::record_key(record), left.to_string());
    }

    /// The run that stored the target.
    fn run_of_target(&self) -> String {
        let head = self.s3.head("results", TARGET).unwrap();
        head.metadata.unwrap()["video-concat-run"].clone()
    }
}

/// Requests the task until it has ended, since a request waits only briefly for another run.
fn ask_on(instance: &Function) -> Value {
    loop {
        let record = instance.invoke(&event()).unwrap();
        if record["Status"] != "Running" {
            return record;
        }
    }
}

fn event() -> Value {
    json!({"bucket": "sources", "object": "a.mp4", "process": process()})
}

fn process() -> String {
    format!(
        "video/concat,f_mp4,{USUAL}|sys/saveas,b_{},o_{}/notify,topic_{}",
        b64("results"),
        b64(TARGET),
        b64("done")
    )
}

#[test]
fn ten_at_once_are_one() {
    let stage = Stage::new();
    let instances: Vec<_> = (0..10).map(|_| stage.instance()).collect();
    let records: Vec<Value> = std::thread::scope(|scope| {
        let asking = instances.iter().map(|instance| scope.spawn(|| ask_on(instance)));
        let asking: Vec<_> = asking.collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(records[0]["Status"], "Succeeded", "{:#}", records[0]);
    for record in &records {
        assert_eq!(*record, records[0]);
    }
    assert_eq!(stage.record(&records[0]), records[0]);
    assert_eq!(stage.stored(), 1);
    assert_eq!(stage.told(), [records[0]["EventId"].clone()]);
}

#[test]
fn asked_again_it_answers_from_its_record_while_the_target_stands() {
    let stage = Stage::new();
    let first = stage.ask();
    assert_eq!(stage.ask(), first);
    assert_eq!((stage.stored(), stage.told().len()), (1, 1));

    stage.s3.put("results", TARGET, "somebody else's");
    let second = stage.ask();
    assert_eq!(second["Status"], "Succeeded");
    assert_eq!(second["TaskId"], first["TaskId"]);
    assert_ne!(second["EventId"], first["EventId"]);
    assert_eq!((stage.stored(), stage.told().len()), (2, 2));

    stage.s3.delete("results", TARGET);
    let third = stage.ask();
    assert_eq!(third["Targets"][0]["ETag"], second["Targets"][0]["ETag"]);
    assert_eq!((stage.stored(), stage.told().len()), (3, 3));
}

/// As a topic answers whose policy denies access.
const DENIED: Answer =
    Answer::Said(403, "AuthorizationError", "no identity-based policy allows it");

#[test]
fn a_message_that_was_refused_is_sent_when_the_task_is_asked_for_again() {
    let stage = Stage::new();
    stage.sns.fail(Fault::new(DENIED).times(2));
    let first = stage.ask();
    assert_eq!((&first["Status"], &first["Notified"]), (&"Succeeded".into(), &false.into()));
    let warning = first["Warnings"][0].as_str().unwrap();
    for words in ["`sns:Publish`", TOPIC, "no identity-based policy allows it", "request id"] {
        assert!(warning.contains(words), "{warning}");
    }
    // It still can't.
    let second = stage.ask();
    assert_eq!(second["EventId"], first["EventId"]);
    assert_eq!(second["Warnings"].as_array().unwrap().len(), 1, "{second:#}");
    let third = stage.ask();
    assert_eq!(third["Notified"], true, "{third:#}");
    assert_eq!(third["Warnings"], json!([]));
    for same in ["EventId", "RequestId", "StartTime", "EndTime", "Targets", "Verified", "Usage"] {
        assert_eq!(third[same], first[same], "{same}");
    }
    assert_eq!(stage.record(&third), third);
    assert_eq!(stage.ask(), third);
    assert_eq!((stage.stored(), stage.told()), (1, vec![first["EventId"].clone()]));
}

/// A request that was rejected a moment ago is not retried.
#[test]
fn of_many_that_wait_one_sends_the_message() {
    let stage = Stage::new();
    stage.sns.fail(Fault::new(DENIED));
    let instances: Vec<_> = (0..4).map(|_| stage.instance()).collect();
    let records: Vec<Value> = std::thread::scope(|scope| {
        let ask = |instance| scope.spawn(move || Function::invoke(instance, &event()).unwrap());
        let asking: Vec<_> = instances.iter().map(ask).collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for record in &records {
        assert_eq!(record["EventId"], records[0]["EventId"]);
    }
    assert_eq!(stage.stored(), 1);
    assert!(stage.told().len() <= 1);
}

#[test]
fn a_failed_task_is_tried_again() {
    let stage = Stage::new();
    let hidden = stage.s3.path("sources", "a.mp4");
    let good = fs::read(&hidden).unwrap();
    let etag = stage.s3.put("sources", "a.mp4", vec![0; good.len()]);
    let failed = stage.ask();
    assert_eq!(failed["Code"], "UnsupportedMedia");
    assert_eq!(stage.record(&failed), failed);
    let again = stage.ask();
    assert_eq!(again["TaskId"], failed["TaskId"], "{etag}");
    assert_ne!(again["EventId"], failed["EventId"]);
}

#[test]
fn a_duplicated_notification_makes_nothing_twice() {
    let stage = Stage::new();
    let event = json!({"Records": [{
        "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "sources"}, "object": {"key": "a.mp4"}},
    }]});
    let settings = stage.settings.clone().set("UPLOAD_PROCESS", process());
    let pair = [(); 2].map(|()| Function::start(settings.clone()));
    let asking = pair.map(|instance| {
        let event = event.clone();
        std::thread::spawn(move || instance.invoke(&event).unwrap())
    });
    let [first, second] = asking.map(|one| one.join().unwrap());
    assert_eq!(first[0]["Status"], "Succeeded", "{first:#}");
    assert_eq!(first, second);
    assert_eq!((stage.stored(), stage.told().len()), (1, 1));
}

#[test]
fn a_run_that_died_after_storing_is_reported_and_not_repeated() {
    let stage = Stage::new();
    let first = stage.ask();
    let holder = stage.run_of_target();
    let lease = json!({
        "Holder": holder,
        "Until": LONG_AGO,
        "Storing": [first["Targets"][0]["URI"]],
    });
    stage.leave(&first, |left| {
        left["Status"] = "Running".into();
        left["Targets"] = json!([]);
        left["Notified"] = false.into();
        left["Lease"] = lease.clone();
    });
    let second = stage.ask();
    assert_eq!(second["Status"], "Succeeded", "{second:#}");
    for same in ["EventId", "RequestId", "StartTime", "Targets", "Verified"] {
        assert_eq!(second[same], first[same], "{same}");
    }
    assert_eq!(second["Notified"], true);
    assert_eq!(stage.record(&second), second);
    assert_eq!(stage.stored(), 1);
    let event = &first["EventId"];
    assert_eq!(stage.told(), [event.clone(), event.clone()], "the second is the one that was lost");

    // It came as far as saying so, and no further.
    stage.leave(&first, |left| {
        left["Notified"] = false.into();
        left["Lease"] = lease;
    });
    assert_eq!(stage.ask()["Notified"], true);
    assert_eq!((stage.stored(), stage.told().len()), (1, 3));
}

#[test]
fn a_run_that_died_before_storing_is_done_over_under_the_same_ids() {
    let stage = Stage::new();
    let first = stage.ask();
    let strange = "11111111-2222-4333-8444-555555555555";
    for storing in [json!([]), json!([first["Targets"][0]["URI"]])] {
        stage.leave(&first, |left| {
            left["Status"] = "Running".into();
            left["Lease"] = json!({"Holder": strange, "Until": LONG_AGO, "Storing": storing});
        });
        let second = stage.ask();
        assert_eq!(second["Status"], "Succeeded", "{second:#}");
        for same in ["EventId", "RequestId", "StartTime"] {
            assert_eq!(second[same], first[same], "{same}");
        }
    }
    assert_eq!(stage.stored(), 3);
}

#[test]
fn a_request_that_waits_for_a_run_that_dies_takes_over() {
    let stage = Stage::new();
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("ffmpeg");
    // Says that it has begun, and never ends.
    fs::write(&script, "#!/bin/sh\n: > \"$0.began\"\nexec sleep 1000\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let hanging = stage.settings.clone().set("FFMPEG_PATH", script.to_str().unwrap());
    let holder = Arc::new(Function::start(hanging));
    let first = {
        let holder = Arc::clone(&holder);
        std::thread::spawn(move || holder.invoke(&event()))
    };
    let began = folder.path().join("ffmpeg.began");
    while !began.exists() {
        std::thread::sleep(LOOK);
    }
    let waiting = stage.instance();
    let second = std::thread::spawn(move || waiting.invoke(&event()).unwrap());
    holder.kill();
    drop(first.join().unwrap());
    let record = second.join().unwrap();
    assert_eq!(record["Status"], "Succeeded", "{record:#}");
    assert_eq!((stage.stored(), stage.told().len()), (1, 1));
}

#[test]
fn a_request_that_can_not_wait_longer_gets_running() {
    let stage = Stage::new();
    let first = stage.ask();
    stage.leave(&first, |left| {
        left["Status"] = "Running".into();
        left["Lease"] = json!({
            "Holder": "11111111-2222-4333-8444-555555555555",
            "Until": (Timestamp::now() + SignedDuration::from_secs(100)).to_string(),
        });
    });
    let started = Instant::now();
    let record = stage.ask();
    // Much less than the function's time, since waiting is billed.
    assert!(started.elapsed() < Duration::from_secs(75), "{:?}", started.elapsed());
    assert_eq!(record["Status"], "Running", "{record:#}");
    assert_eq!(record.get("Lease"), None);
    assert_eq!((stage.stored(), stage.told().len()), (1, 1));
}

/// If records are kept beside the results, whoever may write results may also write records.
#[test]
fn a_record_that_the_task_can_not_have_is_not_believed() {
    let stage = Stage::new();
    let first = stage.ask();
    let other = stage.s3.put("results", "other.mp4", "somebody else's");
    let other = json!({
        "URI": "s3://results/other.mp4", "ETag": other.trim_matches('"'), "Size": 15,
        "ContentType": "video/mp4",
    });
    let holder = "11111111-2222-4333-8444-555555555555";
    let far = "2999-01-01T00:00:00.000Z";
    let forgeries: [(&str, Value); 5] = [
        ("no target", json!({"Targets": []})),
        ("another object", json!({"Targets": [other]})),
        ("a segment too many", json!({"Targets": [other, first["Targets"][0]]})),
        ("a far lease", json!({"Status": "Running", "Lease": {"Holder": holder, "Until": far}})),
        ("a far start", json!({"Status": "Running", "StartTime": far})),
    ];
    for (name, forgery) in forgeries {
        let stored = stage.stored();
        stage.leave(&first, |left| {
            for (field, value) in forgery.as_object().unwrap() {
                left[field] = value.clone();
            }
        });
        let record = stage.ask();
        assert_eq!(record["Status"], "Succeeded", "{name}: {record:#}");
        assert_eq!(record["Targets"][0]["URI"], first["Targets"][0]["URI"], "{name}");
        assert_eq!(stage.stored(), stored + 1, "{name}");
    }
    assert!(stage.s3.get("results", "other.mp4").is_some());
}

#[test]
fn other_user_data_of_a_repeated_request_is_warned_of() {
    let stage = Stage::new();
    let ask = |user_data: &str| {
        let mut event = event();
        event["userData"] = user_data.into();
        stage.instance().invoke(&event).unwrap()
    };
    let first = ask("mine");
    assert_eq!((&first["UserData"], &first["Warnings"]), (&"mine".into(), &json!([])));
    let second = ask("yours");
    assert_eq!(second["UserData"], "mine");
    let warnings = second["Warnings"].to_string();
    assert!(warnings.contains("`userData`"), "{warnings}");
    assert_eq!(ask("mine"), first);
}

#[test]
fn another_preset_is_another_task() {
    let stage = Stage::new();
    let first = stage.ask();
    let fast = stage.settings.clone().set("VIDEO_PRESET", "ultrafast");
    let second = Function::start(fast).invoke(&event()).unwrap();
    assert_ne!(second["TaskId"], first["TaskId"]);
    assert_eq!(stage.stored(), 2);
}

#[test]
fn a_run_that_lost_its_lease_stores_nothing() {
    let stage = Stage::new();
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("ffmpeg");
    let real = ffmpeg::ffmpeg_path();
    // Ends on request.
    let text = format!(
        "#!/bin/bash\n\"{}\" \"$@\" || exit 1\n: > \"$0.began\"\n\
         while [ ! -e \"$0.go\" ]; do sleep 0.05; done\n",
        real.display()
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let stalled = stage.settings.clone().set("FFMPEG_PATH", script.to_str().unwrap());
    let stalled = Arc::new(Function::start(stalled));
    let first = {
        let stalled = Arc::clone(&stalled);
        std::thread::spawn(move || stalled.invoke(&event()).unwrap())
    };
    let [began, go] = ["began", "go"].map(|sign| folder.path().join(format!("ffmpeg.{sign}")));
    while !began.exists() {
        std::thread::sleep(LOOK);
    }
    let key = stage.s3.calls().into_iter().find(|call| call.path.contains(".tasks/")).unwrap().path;
    let key = key.strip_prefix("/results/").unwrap();
    let mut record: Value = serde_json::from_slice(&stage.s3.get("results", key).unwrap()).unwrap();
    record["Lease"]["Holder"] = "11111111-2222-4333-8444-555555555555".into();
    record["Lease"]["Until"] = LONG_AGO.into();
    stage.s3.put("results", key, record.to_string());
    fs::write(&go, "").unwrap();
    // It notices that, requests the task like any other caller, and repeats it.
    let record = first.join().unwrap();
    assert_eq!(record["Status"], "Succeeded", "{record:#}");
    assert_eq!((stage.stored(), stage.told().len()), (1, 1));
    assert_eq!(stage.s3.unfinished_uploads(), []);
}

/// It was only slow, and its last request was executed after the next run had cleaned up.
#[test]
fn a_run_that_lost_its_lease_leaves_no_segments() {
    let scene = Scene::new().source("a.mp4", &Source::new(1).size(64, 48).seconds(0.4));
    let held = Fault::new(Answer::Held).method(Method::PUT).part("-00002.ts");
    scene.s3.fail(held);
    let parameters = format!("f_ts,{USUAL}/segment,f_hls,t_80");
    let record = std::thread::scope(|scope| {
        let run = scope.spawn(|| scene.run("a.mp4", &parameters));
        tokio::runtime::Runtime::new().unwrap().block_on(scene.s3.faults().struck());
        let key = scene.s3.keys("results").into_iter().find(|key| key.starts_with(".tasks/"));
        let key = key.unwrap();
        let mut record: Value =
            serde_json::from_slice(&scene.s3.get("results", &key).unwrap()).unwrap();
        record["Lease"] = json!({
            "Holder": "11111111-2222-4333-8444-555555555555", "Until": LONG_AGO,
        });
        scene.s3.put("results", &key, record.to_string());
        run.join().unwrap().succeeded().record
    });
    let targets = record["Targets"].as_array().unwrap().len();
    let stored = scene.s3.keys("results").into_iter().filter(|key| !key.starts_with(".tasks/"));
    let stored: Vec<_> = stored.collect();
    assert_eq!(stored.len(), targets, "{stored:?}");
    scene.s3.faults().release();
    scene.assert_clean();
}
