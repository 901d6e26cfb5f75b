//! Queues and their partial batch responses.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use video_concat::storage::client::http_client;

use super::{Doors, ODD_KEY, error_type, post, process};
use crate::bed::fault::{Answer, Fault};
use crate::bed::gateway::Kind;
use crate::bed::moto::Moto;

const TASK: &str = "MediaConvert-0190d0c0-aaaa-8bbb-8ccc-123456789abc";

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
    // Messages that can't be read go to the queue of the redrive policy.
    let back = ["no JSON", "nested"].map(|id| json!({"itemIdentifier": id}));
    assert_eq!(reply, json!({"batchItemFailures": back}));
    assert_eq!(doors.s3.keys("results"), ["one.mp4"]);

    doors.s3.fail(Fault::new(Answer::Error(503, "SlowDown")).times(5));
    let messages =
        [("throttled", direct("a.mp4", "four.mp4")), ("fine", direct("a.mp4", "five.mp4"))];
    let reply = doors.front.invoke(&queue(&messages)).unwrap();
    assert_eq!(reply, json!({"batchItemFailures": [{"itemIdentifier": "throttled"}]}));
    assert_eq!(doors.s3.keys("results"), ["five.mp4", "one.mp4"]);
}

/// As FIFO queues send: id, group, object, and target.
fn ordered(messages: &[(&str, &str, &str, &str)]) -> Value {
    let record = |(id, group, object, target): &(&str, &str, &str, &str)| {
        json!({
            "eventSource": "aws:sqs", "messageId": id, "body": direct(object, target).to_string(),
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:tasks.fifo",
            "attributes": {"MessageGroupId": group, "SequenceNumber": "18850", "ApproximateReceiveCount": "1"},
        })
    };
    json!({"Records": messages.iter().map(record).collect::<Vec<_>>()})
}

#[test]
fn after_a_message_that_goes_back_its_group_waits() {
    let doors = Doors::new();
    let messages = [
        ("1", "one", "a.mp4", "one.mp4"),
        ("2", "one", "a.mp4", "two.mp4"),
        ("3", "other", "a.mp4", "three.mp4"),
        ("4", "one", "none.mp4", "four.mp4"),
        ("5", "other", "a.mp4", "five.mp4"),
    ];
    doors.s3.fail(Fault::new(Answer::Error(503, "SlowDown")).times(5));
    let reply = doors.front.invoke(&ordered(&messages)).unwrap();
    let back = ["1", "2", "4"].map(|id| json!({"itemIdentifier": id}));
    assert_eq!(reply, json!({"batchItemFailures": back}));
    assert_eq!(doors.s3.keys("results"), ["five.mp4", "three.mp4"]);

    // A message that no retry can help does not block the others.
    let messages = [messages[3], messages[0]];
    let reply = doors.front.invoke(&ordered(&messages)).unwrap();
    assert_eq!(reply, json!({"batchItemFailures": []}));
    assert_eq!(doors.s3.keys("results"), ["five.mp4", "one.mp4", "three.mp4"]);

    // Groups of other queues have no order.
    let mut fair = ordered(&[("6", "one", "a.mp4", "six.mp4"), ("7", "one", "a.mp4", "seven.mp4")]);
    for record in fair["Records"].as_array_mut().unwrap() {
        record["eventSourceARN"] = json!("arn:aws:sqs:us-east-1:123456789012:tasks");
    }
    doors.s3.fail(Fault::new(Answer::Error(503, "SlowDown")).times(5));
    let reply = doors.front.invoke(&fair).unwrap();
    assert_eq!(reply, json!({"batchItemFailures": [{"itemIdentifier": "6"}]}));
    assert!(doors.s3.get("results", "seven.mp4").is_some());
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
    assert_eq!(reply, json!({"batchItemFailures": [{"itemIdentifier": "own"}]}));
    assert_eq!(doors.s3.keys("results"), ["http.mp4"]);
}

/// As SNS sends to a queue, and, inside a record of its own, to a function.
fn notification(body: &Value) -> Value {
    let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    json!({
        "Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:uploads",
        "Subject": "Amazon S3 Notification", "Message": text, "Timestamp": "2026-01-02T03:04:05.678Z",
    })
}

fn topic(body: &Value) -> Value {
    json!({"Records": [{
        "EventSource": "aws:sns", "EventVersion": "1.0",
        "EventSubscriptionArn": "arn:aws:sns:us-east-1:123456789012:uploads:1",
        "Sns": notification(body),
    }]})
}

fn upload(key: &str) -> Value {
    json!({"Records": [{
        "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "sources"}, "object": {"key": key}},
    }]})
}

#[test]
fn uploads_come_through_topics_as_well() {
    let doors =
        Doors::with(|settings| settings.set("UPLOAD_PROCESS", process("{basename}.{t_sec}.mp4")));
    let odd = upload("dir/clip+a%2Bb+%C3%A9%2541+%7E%281%29.mp4");
    let queued = queue(&[("wrapped", notification(&odd)), ("raw", upload("a.mp4"))]);
    let reply = doors.front.invoke(&queued).unwrap();
    assert_eq!(reply, json!({"batchItemFailures": []}));
    assert_eq!(doors.s3.keys("results").len(), 2);
    let reply = doors.back.invoke(&topic(&odd)).unwrap();
    assert_eq!(reply[0]["Status"], "Succeeded", "{reply:#}");
    assert_eq!(reply[0]["Sources"][0]["URI"], format!("s3://sources/{ODD_KEY}"));
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "sources"});
    assert_eq!(doors.front.invoke(&topic(&test)).unwrap(), json!([]));
    assert_eq!(
        doors.front.invoke(&queue(&[("test", notification(&test))])).unwrap(),
        json!({"batchItemFailures": []})
    );
}

/// The queue of failed events, by a server that others wrote.
struct Failed {
    _server: Moto,
    client: Client,
    runtime: Runtime,
    url: String,
}

impl Failed {
    fn start() -> (Self, Vec<(String, String)>) {
        let server = Moto::start();
        let environment = vec![("AWS_ENDPOINT_URL_SQS".to_owned(), server.url().to_owned())];
        let runtime = Runtime::new().unwrap();
        let config = aws_sdk_sqs::Config::builder()
            .http_client(http_client())
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .endpoint_url(server.url())
            .build();
        let client = Client::from_conf(config);
        let created = runtime.block_on(client.create_queue().queue_name("failed").send()).unwrap();
        let url = created.queue_url.unwrap();
        (Self { _server: server, client, runtime, url }, environment)
    }

    /// The messages with the reasons that they came with.
    fn take(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        loop {
            let receive = self.client.receive_message().queue_url(&self.url);
            let receive = receive.message_attribute_names("All").max_number_of_messages(10);
            let messages =
                self.runtime.block_on(receive.send()).unwrap().messages.unwrap_or_default();
            if messages.is_empty() {
                return all;
            }
            all.extend(messages.into_iter().map(|message| {
                let reason = message.message_attributes.unwrap()["Reason"].string_value.clone();
                (message.body.unwrap(), reason.unwrap())
            }));
        }
    }
}

/// A request of a caller who does not wait.
fn http(method: &str, path: &str) -> Value {
    json!({"version": "2.0", "rawPath": path, "requestContext": {"http": {"method": method}}})
}

#[test]
fn what_can_not_be_read_is_kept_with_the_reason() {
    let (failed, environment) = Failed::start();
    let doors = Doors::with(|settings| {
        settings.with(environment.clone()).set("FAILED_EVENTS_QUEUE", &failed.url)
    });
    let unknown = json!({"bucket": "sources", "object": "a.mp4", "proces": "video/concat"});
    let messages = [
        ("no JSON", json!("words")),
        ("a wrong field", unknown.clone()),
        ("wrapped", notification(&json!("{"))),
        ("nested", queue(&[("x", direct("a.mp4", "three.mp4"))])),
        ("cancel", json!({"cancel": TASK})),
        ("delete", http("DELETE", &format!("/tasks/{TASK}"))),
        ("list", http("GET", "/tasks")),
        ("fine", direct("a.mp4", "one.mp4")),
    ];
    let reply = doors.front.invoke(&queue(&messages)).unwrap();
    assert_eq!(reply, json!({"batchItemFailures": []}));
    assert_eq!(doors.s3.keys("results"), ["one.mp4"]);
    let kept = failed.take();
    let reason = |body: &Value| {
        let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        let found = kept.iter().find(|(kept, _)| *kept == text);
        found.unwrap_or_else(|| panic!("{text} is not among {kept:#?}")).1.clone()
    };
    assert_eq!(kept.len(), 7, "{kept:#?}");
    assert!(reason(&messages[0].1).contains("is not JSON"), "{kept:#?}");
    assert_eq!(reason(&unknown), "unknown event field `proces`; did you mean `process`?");
    assert!(reason(&messages[2].1).contains("`Message` is not JSON"), "{kept:#?}");
    assert!(reason(&messages[3].1).contains("further messages"), "{kept:#?}");
    for (name, message) in &messages[4..7] {
        assert!(reason(message).contains("must carry a task: "), "{name}: {kept:#?}");
    }

    // Nobody waits for the replies to these either.
    assert_eq!(doors.front.invoke(&topic(&json!("words"))).unwrap(), json!([]));
    let event = json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}]});
    assert_eq!(doors.front.invoke(&event).unwrap()["Code"], "InvalidArgument");
    let kept = failed.take();
    assert_eq!(kept[0].0, "words");
    assert_eq!(kept[1], (event.to_string(), "the event has no `s3.bucket.name`".to_owned()));
}

/// A message that can't be kept does not count as done.
#[test]
fn without_a_place_to_keep_it_a_message_goes_back() {
    let doors = Doors::with(|settings| {
        let nowhere = "http://127.0.0.1:9/queue";
        let settings = settings.set("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9");
        settings.set("FAILED_EVENTS_QUEUE", nowhere)
    });
    let reply = doors.front.invoke(&queue(&[("no JSON", json!("words"))])).unwrap();
    assert_eq!(reply, json!({"batchItemFailures": [{"itemIdentifier": "no JSON"}]}));
    assert_eq!(error_type(doors.front.invoke(&topic(&json!("words")))), "InvalidArgument");
    let told = |logs: &[Value]| format!("{logs:?}").contains("can't be kept");
    assert!(told(&doors.front.logs_until(told)));
}
