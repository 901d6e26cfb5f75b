//! Queues and their partial batch responses.

use serde_json::{Value, json};

use super::{Doors, post, process};
use crate::bed::fault::{Answer, Fault};
use crate::bed::gateway::Kind;

fn queue(messages: &[(&str, Value)]) -> Value {
    let record = |(id, body): &(&str, Value)| {
        let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        json!({"eventSource": "aws:sqs", "messageId": id, "body": text})
    };
    json!({"Records": messages.iter().map(record).collect::<Vec<_>>()})
}

fn direct(object: &str, target: &str) -> Value {
    json!({"bucket": "sources", "object": object, "process": process(target)})
}

#[test]
fn only_what_a_retry_can_mend_goes_back() {
    let doors = Doors::new();
    let messages = [
        ("done", direct("a.mp4", "one.mp4")),
        ("no JSON", json!("words")),
        ("no such object", direct("none.mp4", "two.mp4")),
        ("nested", queue(&[("x", direct("a.mp4", "three.mp4"))])),
        ("nothing", json!({"Event": "s3:TestEvent"})),
    ];
    let reply = doors.front.invoke(&queue(&messages)).unwrap();
    assert_eq!(reply, json!({"batchItemFailures": []}));
    assert_eq!(doors.s3.keys("results"), ["one.mp4"]);

    doors.s3.fail(Fault::new(Answer::Error(503, "SlowDown")).times(5));
    let messages =
        [("throttled", direct("a.mp4", "four.mp4")), ("fine", direct("a.mp4", "five.mp4"))];
    let reply = doors.front.invoke(&queue(&messages)).unwrap();
    assert_eq!(reply, json!({"batchItemFailures": [{"itemIdentifier": "throttled"}]}));
    assert_eq!(doors.s3.keys("results"), ["five.mp4", "one.mp4"]);
}

#[test]
fn a_message_may_carry_an_http_request_but_not_the_functions_own_event() {
    let doors = Doors::new();
    post(&doors.iam(Kind::HttpApi), "/sources/a.mp4", &process("own.mp4"));
    let own = doors.lambda.take().event;
    let http = json!({
        "version": "2.0",
        "rawPath": "/sources/a.mp4",
        "rawQueryString": "x-oss-async-process",
        "requestContext": {"http": {"method": "POST"}},
        "body": format!("x-oss-async-process={}", process("http.mp4")),
    });
    let reply = doors.front.invoke(&queue(&[("http", http), ("own", own)])).unwrap();
    assert_eq!(reply, json!({"batchItemFailures": []}));
    assert_eq!(doors.s3.keys("results"), ["http.mp4"]);
}
