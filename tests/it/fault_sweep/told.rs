//! Permanent refusals of storage are reported clearly: to the caller, in the record and to the
//! topic.

use std::fs::File;
use std::time::Duration;

use hyper::Method;
use serde_json::Value;

use super::judge;
use super::scenario::ONE_REQUEST;
use super::stage::{Reply, Stage};
use crate::bed::fault::{Answer, Fault};

/// More than any request is tried.
const ALWAYS: usize = 1000;
const NO_READING: &str = "User: arn:aws:sts::123456789012:assumed-role/r/f is not authorized to \
                          perform: kms:Decrypt on the resource associated with this ciphertext";
const NO_WRITING: &str = "User: arn:aws:sts::123456789012:assumed-role/r/f is not authorized to \
                          perform: kms:GenerateDataKey on resource: arn:aws:kms:us-east-1:1:key/k";

fn source(answer: Answer) -> Fault {
    Fault::new(answer).method(Method::GET).part("/sources/a.mp4").times(ALWAYS)
}

fn target(answer: Answer) -> Fault {
    Fault::new(answer).method(Method::PUT).part("/results/result.mp4").times(ALWAYS)
}

#[test]
fn what_storage_refuses() {
    let elsewhere = Fault::new(Answer::Elsewhere("eu-central-1")).method(Method::HEAD);
    for (name, fault, code, words) in [
        (
            "replaced while it is read",
            source(Answer::Error(412, "PreconditionFailed")),
            "InvalidArgument",
            "changed since",
        ),
        (
            "archived",
            source(Answer::Error(403, "InvalidObjectState")),
            "InvalidArgument",
            "restore it",
        ),
        (
            "encrypted for others",
            source(Answer::Said(403, "AccessDenied", NO_READING)),
            "AccessDenied",
            "kms:Decrypt",
        ),
        ("in another region", elsewhere.times(ALWAYS), "InvalidArgument", "in eu-central-1"),
        (
            "target in another region",
            target(Answer::Elsewhere("eu-central-1")),
            "InvalidArgument",
            "in eu-central-1",
        ),
        (
            "target's key is not ours",
            target(Answer::Said(403, "AccessDenied", NO_WRITING)),
            "AccessDenied",
            "kms:GenerateDataKey",
        ),
        (
            "throttled while it is read",
            source(Answer::Error(503, "SlowDown")),
            "InternalError",
            "SlowDown",
        ),
        (
            "throttled while it is stored",
            target(Answer::Error(503, "SlowDown")),
            "InternalError",
            "SlowDown",
        ),
    ] {
        let stage = Stage::new(&ONE_REQUEST);
        stage.world.s3.fail(fault);
        told(name, &stage, &stage.invoke(), (code, words));
    }
}

#[test]
fn a_source_that_does_not_fit() {
    let stage = Stage::new(&ONE_REQUEST);
    let file = File::options().write(true).open(stage.world.s3.path("sources", "a.mp4")).unwrap();
    file.set_len(1 << 43).unwrap();
    // Else it would be refused for the time that it takes.
    let reply = stage.invoke_within(Duration::from_hours(100));
    let expected = ("InsufficientStorage", "8796093022208 bytes of the sources are needed");
    told("too large", &stage, &reply, expected);
}

/// Everybody gets the same code and message, and nothing is left behind.
fn told(name: &str, stage: &Stage, reply: &Reply, (code, words): (&str, &str)) {
    assert_eq!(judge::run(&stage.world, &ONE_REQUEST, reply), [] as [String; 0], "{name}");
    let (found, said) = match reply {
        Reply::Ok(record) => (text(record, "Code"), text(record, "Message")),
        Reply::Err((code, message)) => (code.clone(), message.clone()),
    };
    assert!(found == code && said.contains(words), "{name}: {found}, {said}");
    let message = &stage.world.sns.messages()[0];
    assert_eq!(message.attributes["Code"].1, code, "{name}");
    let body: Value = serde_json::from_str(&message.body).unwrap();
    let content: Value = serde_json::from_str(body["content"].as_str().unwrap()).unwrap();
    assert_eq!((text(&content, "Code"), text(&content, "Message")), (found, said), "{name}");
}

fn text(record: &Value, name: &str) -> String {
    record[name].as_str().unwrap_or_default().to_owned()
}
