//! The events about tasks that a bus receives, and that no task depends on them.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bed::bus::{Bus, Mood};
use crate::bed::fault::{Answer, Fault};
use crate::bed::gateway::Kind;
use crate::bed::moto::Moto;
use crate::bed::source::Source;
use crate::doors::{Doors, process};
use crate::scene::{Scene, TOPIC, USUAL, b64};

fn scene(bus: &Bus) -> Scene {
    Scene::with(|settings| settings.with(bus.environment("tasks")))
}

#[test]
fn changes_of_the_state_have_the_record_as_it_is_stored() {
    let bus = Bus::start(Mood::Willing);
    let scene = scene(&bus).source("a.mp4", &Source::new(1));
    let process = format!(
        "video/concat,f_mp4,{USUAL}|sys/saveas,b_{},o_{}/notify,topic_{}",
        b64("results"),
        b64("out.mp4"),
        b64(TOPIC)
    );
    let record = scene.process("a.mp4", &process).succeeded().record;
    let seen = bus.seen();
    assert_eq!(bus.states(), ["Running", "Succeeded"]);
    assert!(seen.iter().all(|event| event.bus == "tasks"), "{seen:#?}");
    assert_eq!(seen[0].detail["TaskId"], record["TaskId"]);
    assert_eq!(seen[1].detail, record);
    assert_eq!(record["Notified"], true);
    // The record had this state before.
    let key = format!(".tasks/{}.json", record["TaskId"].as_str().unwrap());
    let stored: Value = serde_json::from_slice(&scene.s3.get("results", &key).unwrap()).unwrap();
    assert_eq!(stored, record);
    scene.process("a.mp4", &process).succeeded();
    assert_eq!(bus.seen().len(), seen.len(), "a known result is no change");
}

/// A bus of moto with the webhook's rule, whose target is a queue.
#[test]
fn a_real_bus_hands_the_changes_to_the_targets_of_the_webhooks_rule() {
    const BUS: &str = "import sys, json, boto3; \
        events = boto3.client('events'); sqs = boto3.client('sqs'); \
        events.create_event_bus(Name='tasks'); \
        url = sqs.create_queue(QueueName='told')['QueueUrl']; \
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=['QueueArn']); \
        events.put_rule(Name='hook', EventBusName='tasks', EventPattern=sys.argv[1]); \
        events.put_targets(Rule='hook', EventBusName='tasks', Targets=[ \
            {'Id': '1', 'Arn': arn['Attributes']['QueueArn']}])";
    const TOLD: &str = "import sys, json, boto3; sqs = boto3.client('sqs'); \
        url = sqs.get_queue_url(QueueName='told')['QueueUrl']; \
        told = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)['Messages']; \
        json.dump([json.loads(message['Body']) for message in told], sys.stdout)";
    let moto = Moto::start();
    let python = |script: &str| {
        let mut python = crate::bed::process::python();
        python.args(["-c", script, &webhook()["EventPattern"].to_string()]);
        python.env("AWS_ENDPOINT_URL", moto.url()).env("AWS_DEFAULT_REGION", "us-east-1");
        python.env("AWS_ACCESS_KEY_ID", "bed").env("AWS_SECRET_ACCESS_KEY", "bed");
        crate::bed::process::run(&mut python).stdout
    };
    python(BUS);
    let scene = Scene::with(|settings| {
        settings.set("AWS_ENDPOINT_URL_EVENTBRIDGE", moto.url()).set("EVENT_BUS", "tasks")
    });
    let scene = scene.source("a.mp4", &Source::new(1).seconds(0.5));
    let record = scene.run("a.mp4", &format!("f_mp4,{USUAL}")).succeeded().record;
    let told: Vec<Value> = serde_json::from_slice(&python(TOLD)).unwrap();
    let mut states: Vec<&str> =
        told.iter().map(|event| event["detail"]["Status"].as_str().unwrap()).collect();
    // A queue does not preserve the order.
    states.sort_unstable();
    assert_eq!(states, ["Running", "Succeeded"]);
    for event in &told {
        assert_eq!(event["source"], "video-concat");
        assert_eq!(event["detail-type"], "Task State Change");
        assert_eq!(event["detail"]["TaskId"], record["TaskId"]);
    }
    assert!(told.iter().any(|event| event["detail"] == record), "{told:#?}");
}

/// A receiver of an event may read the task's record at once.
#[test]
fn the_record_has_a_state_before_it_is_announced() {
    let bus = Bus::start(Mood::Willing);
    let scene = scene(&bus).source("a.mp4", &Source::new(1).seconds(0.5));
    let root = scene.s3.root().to_owned();
    let stored = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&stored);
    bus.when_told(move |event| {
        let key = format!("results/.tasks/{}.json", event["TaskId"].as_str().unwrap());
        let record: Value =
            serde_json::from_slice(&std::fs::read(root.join(key)).unwrap()).unwrap();
        noted.lock().unwrap().push((event["Status"].clone(), record["Status"].clone()));
    });
    scene.run("a.mp4", &format!("f_mp4,{USUAL}")).succeeded();
    // A task with a missing source never gets a record; this one has one.
    scene.s3.put("sources", "text.mp4", "no video");
    scene.run("text.mp4", &format!("f_mp4,{USUAL}")).failed("UnsupportedMedia");
    let stored = stored.lock().unwrap();
    let told: Vec<_> = stored.iter().filter(|(told, _)| told != "Running").collect();
    assert!(told[0].0 == "Succeeded" && told[1].0 == "Failed", "{stored:?}");
    assert!(stored.iter().all(|(told, stored)| told == stored), "{stored:?}");
}

#[test]
fn a_failure_is_announced() {
    let bus = Bus::start(Mood::Willing);
    let scene = scene(&bus);
    scene.run("none.mp4", &format!("f_mp4,{USUAL}")).failed("NoSuchKey");
    let last = bus.seen().pop().unwrap();
    assert_eq!(last.detail["Status"], "Failed");
    assert_eq!(last.detail["Code"], "NoSuchKey");
}

#[test]
fn a_bus_that_refuses_costs_a_warning() {
    for (mood, expected) in [
        (
            Mood::Denies,
            "an event could not be put on the bus: the function's role needs `events:PutEvents` on \
             `arn:aws:events:us-east-1:123456789012:event-bus/tasks`",
        ),
        (
            Mood::Drops,
            "an event could not be put on the bus: event bus `tasks` rejected the event: \
             InternalFailure: it is full",
        ),
    ] {
        let bus = Bus::start(mood);
        let scene = scene(&bus).source("a.mp4", &Source::new(1));
        let record = scene.run("a.mp4", &format!("f_mp4,{USUAL}")).succeeded().record;
        let warnings = record["Warnings"].as_array().unwrap();
        assert_eq!(warnings.len(), 1, "{warnings:#?}");
        let warning = warnings[0].as_str().unwrap();
        assert!(warning.starts_with(expected), "{warning}");
    }
}

#[test]
fn an_accepted_task_is_announced_before_its_work_and_only_then() {
    let bus = Bus::start(Mood::Willing);
    let doors = Doors::with(|settings| settings.with(bus.environment("default")));
    let gateway = doors.iam(Kind::HttpApi);
    let answer = crate::bed::client::send(
        gateway.port(),
        "POST /sources/a.mp4?x-oss-async-process",
        &[],
        &format!("x-oss-async-process={}", process("out.mp4")),
    );
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(bus.states(), ["Running"]);
    doors.deliver();
    assert_eq!(bus.states(), ["Running", "Succeeded"]);
}

#[test]
fn a_silent_bus_does_not_hold_the_reply_of_an_accepted_task() {
    let bus = Bus::start(Mood::Silent);
    let doors = Doors::with(|settings| settings.with(bus.environment("default")));
    let gateway = doors.iam(Kind::HttpApi);
    let begun = Instant::now();
    let answer = crate::bed::client::send(
        gateway.port(),
        "POST /sources/a.mp4?x-oss-async-process",
        &[],
        &format!("x-oss-async-process={}", process("out.mp4")),
    );
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(doors.lambda.waiting(), 1);
    // The SDK alone would retry for half a minute.
    assert!(begun.elapsed() < Duration::from_secs(15));
}

/// Storage that stalls makes the work long.
#[test]
fn progress_is_announced_while_the_work_takes_long() {
    let bus = Bus::start(Mood::Willing);
    let scene = scene(&bus).source("a.mp4", &Source::new(1));
    scene.s3.fail(Fault::new(Answer::StallBody).part("/sources/a.mp4").method(hyper::Method::GET));
    let record = scene.run("a.mp4", &format!("f_mp4,{USUAL}")).succeeded().record;
    let seen = bus.seen();
    let progress: Vec<_> = seen.iter().filter(|event| event.kind == "Task Progress").collect();
    assert!(!progress.is_empty(), "{:#}", record["Timings"]);
    for event in &progress {
        assert_eq!(event.detail["TaskId"], record["TaskId"]);
        assert_eq!(event.detail["Status"], "Running");
    }
    let all: Vec<_> = seen.iter().filter(|event| event.detail["Status"] == "Running").collect();
    for pair in all.windows(2) {
        assert!(pair[1].time.duration_since(pair[0].time).unwrap() > Duration::from_secs(9));
    }
}

/// The rule of events/webhook.yaml.
fn webhook() -> Value {
    let text =
        std::fs::read_to_string(crate::bed::process::repository().join("events/webhook.yaml"));
    let read = "import json, sys; from samcli.yamlhelper import yaml_parse; \
                json.dump(yaml_parse(sys.argv[1]), sys.stdout)";
    let mut python = crate::bed::process::python();
    let output = crate::bed::process::run(python.args(["-c", read, &text.unwrap()]));
    let template: Value = serde_json::from_slice(&output.stdout).unwrap();
    template["Resources"]["Rule"]["Properties"].clone()
}

#[test]
fn the_webhooks_rule_takes_what_is_announced() {
    let rule = webhook();
    assert_eq!(
        rule["EventPattern"],
        json!({"source": ["video-concat"], "detail-type": ["Task State Change"]})
    );
    assert_eq!(rule["Targets"][0]["InputPath"], "$.detail");
}
