//! Uploads, as reported by S3 and EventBridge.

use aws_sdk_s3::primitives::ByteStream;
use serde_json::{Value, json};

use super::{Doors, error_type, process};
use crate::bed::fault::{Answer, Fault};

/// Uploads `a.mp4` again under another name, with this metadata.
fn upload(doors: &Doors, key: &str, metadata: &[(&str, &str)]) {
    let clip = doors.s3.get("sources", "a.mp4").unwrap();
    doors.s3.put_with("sources", key, ByteStream::from(clip), metadata);
    doors.s3.forget_calls();
}

fn record(key: &str) -> Value {
    json!({
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "sources"}, "object": {"key": key}},
    })
}

fn bridge(key: &str) -> Value {
    json!({
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": "sources"}, "object": {"key": key}},
    })
}

#[test]
fn an_upload_says_itself_what_becomes_of_it() {
    let doors = Doors::new();
    let carried = process("{barename}.mp4");
    upload(&doors, "up/b c.mp4", &[("x-oss-async-process", &carried)]);
    upload(&doors, "plain.mp4", &[]);
    let event = json!({"Records": [record("up/b+c.mp4"), record("plain.mp4")]});
    let records = doors.front.invoke(&event).unwrap();
    let records = records.as_array().unwrap();
    assert_eq!(records.len(), 1, "{records:#?}");
    assert_eq!(records[0]["Status"], "Succeeded", "{records:#?}");
    assert_eq!(doors.s3.keys("results"), ["b c.mp4"]);

    // S3 also sends an event about the result, if both buckets are the same.
    let result = doors.s3.get("results", "b c.mp4").unwrap();
    let head = doors.s3.head("results", "b c.mp4").unwrap();
    let mark = &head.metadata().unwrap()["video-concat-task"];
    let metadata = [("video-concat-task", mark.as_str()), ("x-oss-async-process", &carried)];
    let body = ByteStream::from(result);
    doors.s3.put_with("sources", "own.mp4", body, &metadata);
    let records = doors.front.invoke(&bridge("own.mp4")).unwrap();
    assert_eq!(records, json!([]));
}

#[test]
fn the_setting_is_for_uploads_that_carry_nothing() {
    let doors =
        Doors::with(|settings| settings.set("UPLOAD_PROCESS", process("set-{barename}.mp4")));
    let carried = process("carried.mp4");
    upload(&doors, "b.mp4", &[]);
    upload(&doors, "c.mp4", &[("x-oss-async-process", &carried)]);
    let event = json!({"Records": [record("b.mp4"), record("c.mp4")]});
    let records = doors.front.invoke(&event).unwrap();
    assert_eq!(records.as_array().unwrap().len(), 2, "{records:#}");
    assert_eq!(doors.s3.keys("results"), ["carried.mp4", "set-b.mp4"]);
    let records = doors.front.invoke(&bridge("b.mp4")).unwrap();
    assert_eq!(records[0]["Status"], "Succeeded", "{records:#}");
}

#[test]
fn an_upload_that_was_replaced_is_left_to_its_successors_event() {
    let doors = Doors::with(|settings| settings.set("UPLOAD_PROCESS", process("x.mp4")));
    let mut event = bridge("a.mp4");
    event["detail"]["object"]["etag"] = json!("0123");
    assert_eq!(doors.front.invoke(&event).unwrap(), json!([]));
    assert_eq!(doors.s3.keys("results"), Vec::<String>::new());
}

#[test]
fn a_mistake_is_a_record_and_a_fault_is_a_function_error() {
    let doors = Doors::with(|settings| settings.set("UPLOAD_PROCESS", process("x.mp4")));
    let gone = doors.front.invoke(&bridge("none.mp4")).unwrap();
    assert_eq!(gone[0]["Code"], "NoSuchKey", "{gone:#}");
    upload(&doors, "bad.mp4", &[("x-oss-async-process", "video/concat")]);
    let bad = doors.front.invoke(&bridge("bad.mp4")).unwrap();
    assert_eq!(bad[0]["Code"], "InvalidArgument", "{bad:#}");
    doors.s3.fail(Fault::new(Answer::Error(503, "SlowDown")).times(10));
    let reply = doors.front.invoke(&bridge("a.mp4"));
    assert_eq!(error_type(reply), "InternalError");
}

#[test]
fn tests_of_the_notification_are_ignored() {
    let doors = Doors::new();
    let event = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "sources"});
    assert_eq!(doors.front.invoke(&event).unwrap(), Value::Null);
}
