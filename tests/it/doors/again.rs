//! The same request more than once.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Doors, error_type, post, process};
use crate::bed::client::send;
use crate::bed::fault::{Answer, Fault};
use crate::bed::gateway::{Gateway, Kind};
use crate::scene::b64;

#[test]
fn a_task_that_runs_or_is_done_is_not_started_again() {
    let doors = Doors::new();
    let gateway = doors.iam(Kind::HttpApi);
    let ask = || post(&gateway, "/sources/a.mp4", &process("out.mp4")).json();
    let first = ask();
    assert_eq!(ask(), first, "while it waits");
    assert_eq!(doors.lambda.waiting(), 1);
    doors.deliver();
    assert_eq!(ask(), first, "when it is done");
    assert_eq!(doors.lambda.waiting(), 0);
    assert_eq!(doors.record(&first["TaskId"])["Status"], "Succeeded");

    doors.s3.delete("results", "out.mp4");
    let again = ask();
    assert_eq!(again["TaskId"], first["TaskId"]);
    assert_ne!(again["EventId"], first["EventId"]);
    let record = doors.deliver();
    assert_eq!(record["EventId"], again["EventId"]);
    assert!(doors.s3.head("results", "out.mp4").is_some());
}

/// The record is the first one's, and so is what it carries.
#[test]
fn who_asks_again_with_other_user_data_is_warned() {
    let doors = Doors::new();
    let gateway = doors.iam(Kind::HttpApi);
    let ask = |user_data: Option<&str>| {
        let (bucket, object) = ("sources", "a.mp4");
        let event = json!({"bucket": bucket, "object": object, "process": process("out.mp4"),
            "userData": user_data});
        send(gateway.port(), "POST /", &[], &event.to_string()).json()
    };
    let first = ask(Some("mine"));
    assert_eq!(first.get("Warnings"), None);
    for (state, deliver) in [("while it waits", false), ("when it is done", true)] {
        if deliver {
            doors.deliver();
        }
        assert_eq!(ask(Some("mine")), first, "{state}");
        assert_eq!(ask(None), first, "{state}");
        let other = ask(Some("yours"));
        assert_eq!(other["TaskId"], first["TaskId"]);
        let warnings = other["Warnings"].to_string();
        assert!(warnings.contains("`userData`"), "{state}: {other}");
    }
    assert_eq!(doors.record(&first["TaskId"])["UserData"], "mine");
}

#[test]
fn of_many_at_once_one_starts_the_task() {
    let doors = Doors::new();
    let instances: Vec<_> = (0..3).map(|_| Arc::new(doors.instance())).collect();
    let asking = instances.iter().map(|instance| {
        let gateway = Gateway::iam(Kind::HttpApi, instance, super::CALLER);
        std::thread::spawn(move || post(&gateway, "/sources/a.mp4", &process("out.mp4")).json())
    });
    let asking: Vec<_> = asking.collect();
    let ids: Vec<Value> = asking.into_iter().map(|one| one.join().unwrap()).collect();
    assert!(ids.iter().all(|other| *other == ids[0]), "{ids:#?}");
    assert_eq!(doors.lambda.waiting(), 1);
}

#[test]
fn a_task_that_never_ended_is_started_again() {
    let doors = Doors::new();
    let gateway = doors.iam(Kind::Rest);
    let ask = || post(&gateway, "/sources/a.mp4", &process("out.mp4")).json();
    let first = ask();
    doors.lambda.take();
    let mut record = doors.record(&first["TaskId"]);
    record["StartTime"] = "2026-01-02T03:04:05.678Z".into();
    let key = format!(".tasks/{}.json", first["TaskId"].as_str().unwrap());
    doors.s3.put("tasks", &key, record.to_string());
    let again = ask();
    assert_eq!(again["TaskId"], first["TaskId"]);
    assert_eq!(doors.deliver()["Status"], "Succeeded");
}

#[test]
fn the_platforms_retry_ends_the_same_task() {
    let doors = Doors::new();
    let gateway = doors.iam(Kind::Rest);
    let ids = post(&gateway, "/sources/a.mp4", &process("out.mp4")).json();
    let event = doors.lambda.take().event;
    doors.s3.fail(Fault::new(Answer::Error(503, "SlowDown")).times(10));
    assert_eq!(error_type(doors.back.invoke(&event)), "InternalError");
    doors.back.invoke(&event).unwrap();
    let record = doors.record(&ids["TaskId"]);
    assert_eq!(record["Status"], "Succeeded", "{record:#}");
    assert_eq!(record["EventId"], ids["EventId"]);
    assert_eq!(record["RequestId"], ids["RequestId"]);
}

#[test]
fn a_refused_message_is_sent_when_the_task_is_asked_for_again() {
    let doors = Doors::new();
    let gateway = doors.iam(Kind::FunctionUrl);
    let notify = format!("{}/notify,topic_{}", process("out.mp4"), b64("done"));
    let ask = || post(&gateway, "/sources/a.mp4", &notify).json();
    let first = ask();
    doors.sns.fail(Fault::new(Answer::Error(403, "AuthorizationError")));
    assert_eq!(doors.deliver()["Notified"], false);
    assert_eq!(ask(), first);
    let record = doors.deliver();
    assert_eq!(record["Notified"], true, "{record:#}");
    assert_eq!(record["EventId"], first["EventId"]);
    assert_eq!(ask(), first);
    assert_eq!((doors.lambda.waiting(), doors.sns.messages().len()), (0, 1));
}
