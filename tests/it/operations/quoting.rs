//! Texts that are too long are shortened where they are quoted: in replies, records, and logs.

use serde_json::{Value, json};

use crate::bed::client::send;
use crate::bed::gateway::{Gateway, Kind};
use crate::bed::invocation::Reply;
use crate::bed::source::Source;
use crate::scene::{Scene, USUAL, b64};

/// The largest event of a caller.
const MEGABYTE: usize = 1024 * 1024;
/// The largest result of it, in the reply and in the log: a message and a shortened request.
const MOST: usize = 40 * 1024;

fn with(mut event: Value, name: &str, value: impl Into<Value>) -> Value {
    event[name] = value.into();
    event
}

/// Events with a megabyte at each place that an error may quote.
fn events() -> Vec<(&'static str, Value)> {
    let long = || "x".repeat(MEGABYTE);
    let target = format!("|sys/saveas,o_{}", b64("o"));
    let usual = format!("video/concat,f_mp4,{USUAL}");
    let direct =
        |process: String| json!({"bucket": "sources", "object": "a.mp4", "process": process});
    let good = || direct(format!("{usual}{target}"));
    let name = |bytes: usize| b64(&"é{".repeat(bytes / 3));
    let bridge = |field: &str, value: String| {
        let object = json!({"bucket": {"name": "sources"}, "object": {"key": "a.mp4"}});
        let event = json!({"source": "aws.s3", "detail-type": "Object Created", "detail": object});
        with(event, field, value)
    };
    let notified = |bucket: &str, key: String| {
        json!({"Records": [{
            "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": bucket}, "object": {"key": key}},
        }]})
    };
    let message = |body: String| json!({"Records": [{"eventSource": "aws:sqs", "messageId": "m", "body": body}]});
    vec![
        ("a field", with(good(), &long(), 1)),
        ("a bucket", with(good(), "bucket", long())),
        ("an object", with(good(), "object", long())),
        ("user data", with(good(), "userData", long())),
        ("a process", direct(long())),
        ("an operation", direct(format!("{usual}/{}{target}", "x".repeat(200_000)))),
        ("a parameter", direct(format!("{usual},{}_1{target}", "x".repeat(200_000)))),
        ("a value", direct(format!("{usual},s_{}{target}", "x".repeat(200_000)))),
        ("a bad name", direct(format!("{usual}|sys/saveas,o_{}", "é".repeat(100_000)))),
        ("a key", direct(format!("{usual}/sur,o_{}{target}", name(100_000)))),
        ("a template", direct(format!("{usual}|sys/saveas,o_{}", name(100_000)))),
        ("a target's bucket", direct(format!("{usual}{target},b_{}", b64(&"x".repeat(100_000))))),
        ("a topic", direct(format!("{usual}{target}/notify,topic_{}", b64(&"x".repeat(100_000))))),
        ("many operations", direct(format!("{usual}{}{target}", "/sur,o_YQ".repeat(25_000)))),
        ("a source of events", bridge("source", long())),
        ("a kind of events", bridge("detail-type", long())),
        ("a notified bucket", notified(&long(), "a.mp4".to_owned())),
        ("a notified key", notified("sources", long())),
        ("a key that is no text", notified("sources", "%FF".repeat(300_000))),
        ("a source of records", json!({"Records": [{"eventSource": long()}]})),
        ("a message", message(long())),
        ("a message's field", message(with(good(), &long(), 1).to_string())),
        ("a message's process", message(direct(long()).to_string())),
        (
            "a notification's id",
            json!({"Records": [{"EventSource": "aws:sns", "Sns": {"MessageId": long(), "Message": "m"}}]}),
        ),
        ("an accepted event", json!({"accepted": {long(): 1}})),
        ("no kind", json!({long(): long()})),
    ]
}

fn reply(reply: Reply) -> String {
    match reply {
        Reply::Ok(value) => value.to_string(),
        Reply::FunctionError { error_type, message } => format!("{error_type}: {message}"),
    }
}

#[test]
fn a_megabyte_is_not_given_back() {
    let scene = Scene::new().source("a.mp4", &Source::new(1));
    for (name, event) in events() {
        let before = scene.function.logs().iter().map(|line| line.to_string().len()).sum::<usize>();
        let reply = reply(scene.function.invoke(&event));
        assert!(reply.len() < MOST, "{name}: {} bytes, {}", reply.len(), &reply[..1000]);
        let logs = scene.function.logs();
        let written = logs.iter().map(|line| line.to_string().len()).sum::<usize>() - before;
        assert!(written < MOST, "{name}: {written} bytes of log");
    }
    assert!(!scene.function.has_ended());
    let peak = scene.function.peak_memory().unwrap();
    assert!(peak < 64 * 1024 * 1024, "{peak}");
}

#[test]
fn long_words_of_http_requests_are_not_given_back() {
    let keys = json!({"AKIDEXAMPLE": "secret"}).to_string();
    let scene = Scene::with(|settings| settings.set("OSS_ACCESS_KEYS", keys));
    let function = std::sync::Arc::new(scene.function);
    // The most that gateways allow in their headers.
    let long = "x".repeat(10_000);
    for kind in Kind::ALL {
        let (open, iam) = (
            Gateway::open(kind, &function),
            Gateway::iam(kind, &function, "arn:aws:iam::123456789012:user/editor"),
        );
        for (name, gateway, request, header) in [
            ("key id", &open, "POST /b/k".to_owned(), format!("OSS {long}:c2lnbmF0dXJl")),
            (
                "scope",
                &open,
                "POST /b/k".to_owned(),
                format!(
                    "OSS4-HMAC-SHA256 Credential=id/{long}/{long}/oss/aliyun_v4_request,Signature=00"
                ),
            ),
            ("path", &iam, format!("POST /{long}?x-oss-async-process"), String::new()),
            ("task", &iam, format!("GET /tasks/{long}"), String::new()),
            ("method", &iam, format!("{} /b/k", long.to_uppercase()), String::new()),
        ] {
            let date = ("date", "Thu, 17 Apr 2025 06:40:10 GMT");
            let headers = [("authorization", &*header), ("x-oss-date", "20250417T064010Z"), date];
            let answer = send(gateway.port(), &request, &headers, "x-oss-async-process=p");
            assert!(answer.status >= 400, "{name}");
            assert!(answer.body.len() < 2000, "{kind:?} {name}: {} bytes", answer.body.len());
        }
    }
}
