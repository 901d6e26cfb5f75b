mod http;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Event, EventError, ProcessSource, Submission, Trigger, decode};
use crate::object::ETag;

fn one(event: &Value) -> Submission {
    match decode(event) {
        Ok(Event::Submissions(mut all)) if all.len() == 1 => all.remove(0),
        other => panic!("not one submission: {other:?}"),
    }
}

fn direct() -> Value {
    json!({"bucket": "b", "object": "a+b %41.mkv", "process": "video/concat"})
}

fn notification(name: &str, key: &str) -> Value {
    json!({
        "eventSource": "aws:s3",
        "eventName": name,
        "s3": {
            "bucket": {"name": "b"},
            "object": {"key": key, "size": 3, "eTag": "0123-2", "versionId": "v1"},
        },
    })
}

fn bridge(source: &str, kind: &str) -> Value {
    json!({
        "source": source,
        "detail-type": kind,
        "detail": {
            "bucket": {"name": "b"},
            "object": {"key": "a+b %41.mkv", "etag": "0123", "version-id": "v2"},
        },
    })
}

fn message(id: &str, body: &impl ToString) -> Value {
    json!({"eventSource": "aws:sqs", "messageId": id, "body": body.to_string()})
}

#[test]
fn a_direct_event_is_taken_by_the_letter() {
    let mut event = direct();
    event["userData"] = json!("order 7");
    let expected = Submission {
        bucket: "b".to_owned(),
        object: "a+b %41.mkv".to_owned(),
        version: None,
        etag: None,
        process: ProcessSource::Given("video/concat".to_owned()),
        user_data: Some("order 7".to_owned()),
        trigger: Trigger::Direct,
    };
    assert_eq!(one(&event), expected);
}

#[test]
fn a_wrong_direct_event_names_what_is_wrong() {
    let with = |name: &str, value: Value| {
        let mut event = direct();
        event[name] = value;
        event
    };
    let text = |event: Value| decode(&event).unwrap_err().to_string();
    let fields = "expected `bucket`, `object`, `process`, or `userData`";
    for (event, expected) in [
        (json!({"bucket": "b", "process": "p"}), "the event has no `object`".to_owned()),
        (json!({"object": "b", "process": "p"}), "the event has no `bucket`".to_owned()),
        (json!({"object": "b", "bucket": "p"}), "the event has no `process`".to_owned()),
        (with("process", json!("")), "`process` is empty".to_owned()),
        (with("object", json!(7)), "`object` is a number, but must be a text".to_owned()),
        (with("bucket", json!(["b"])), "`bucket` is a list, but must be a text".to_owned()),
        (
            with("userdata", json!("x")),
            "unknown event field `userdata`; did you mean `userData`?".to_owned(),
        ),
        (with("key", json!("x")), "unknown event field `key`; did you mean `object`?".to_owned()),
        (with("colour", json!("x")), format!("unknown event field `colour`; {fields}")),
        (
            // The limit counts bytes, not characters.
            with("userData", json!("é".repeat(1025))),
            "`userData` has 2050 bytes, but must have at most 2048".to_owned(),
        ),
    ] {
        assert_eq!(text(event), expected);
    }
    let longest = "x".repeat(2048);
    assert_eq!(one(&with("userData", json!(longest))).user_data, Some(longest));
}

#[test]
fn a_notification_gives_a_submission_for_each_created_object() {
    let event = json!({"Records": [
        notification("ObjectCreated:Put", "dir/a+b%2B%C3%A9.mkv"),
        notification("ObjectRemoved:Delete", "gone"),
        notification("s3:ObjectCreated:CompleteMultipartUpload", "c"),
    ]});
    let Ok(Event::Submissions(all)) = decode(&event) else {
        panic!("no submissions");
    };
    let keys: Vec<&str> = all.iter().map(|submission| submission.object.as_str()).collect();
    assert_eq!(keys, ["dir/a b+é.mkv", "c"]);
    assert_eq!(all[0].etag, Some(ETag::new("0123-2")));
    assert_eq!(all[0].version.as_deref(), Some("v1"));
    assert_eq!(all[0].process, ProcessSource::FromUpload);
    assert_eq!(all[0].trigger, Trigger::S3Notification);
}

#[test]
fn an_eventbridge_key_is_taken_by_the_letter() {
    let submission = one(&bridge("aws.s3", "Object Created"));
    assert_eq!(submission.object, "a+b %41.mkv");
    assert_eq!(submission.version.as_deref(), Some("v2"));
    assert_eq!(submission.trigger, Trigger::EventBridge);
}

#[test]
fn what_is_no_upload_is_ignored_with_a_reason() {
    for event in [
        json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}),
        json!({"Records": [notification("ObjectRemoved:Delete", "gone")]}),
        json!({"Records": []}),
        bridge("aws.s3", "Object Deleted"),
        bridge("aws.events", "Scheduled Event"),
    ] {
        assert!(matches!(decode(&event), Ok(Event::Ignored(_))), "{event}");
    }
}

#[test]
fn what_is_to_be_canceled_has_to_be_named() {
    let id = crate::task::example().task_id;
    assert_eq!(decode(&json!({"cancel": id})), Ok(Event::Cancel(id)));
    let number =
        EventError::WrongKind { field: "cancel".to_owned(), expected: "a text", found: "a number" };
    assert_eq!(decode(&json!({"cancel": 5})), Err(number));
    assert_eq!(decode(&json!({"cancel": ""})), Err(EventError::Empty("cancel".to_owned())));
    assert_eq!(decode(&json!({"cancel": "x"})).unwrap_err().argument(), Some(("TaskId", "x")));
}

#[test]
fn what_is_of_no_kind_is_refused() {
    let mixed =
        json!({"Records": [notification("ObjectCreated:Put", "a"), message("1", &direct())]});
    let mut sns = notification("ObjectCreated:Put", "a");
    sns["eventSource"] = json!("aws:dynamodb");
    for (event, expected) in [
        (json!(null), EventError::UnknownKind),
        (json!([]), EventError::UnknownKind),
        (json!("bucket"), EventError::UnknownKind),
        (json!({}), EventError::UnknownKind),
        (mixed, EventError::UnknownSource("aws:s3` and `aws:sqs".to_owned())),
        (json!({"Records": [sns]}), EventError::UnknownSource("aws:dynamodb".to_owned())),
        (json!({"Records": [{}]}), EventError::Missing("eventSource".to_owned())),
        (
            json!({"Records": [notification("ObjectCreated:Put", "%ff")]}),
            EventError::BadEncoding("%ff".to_owned()),
        ),
    ] {
        assert_eq!(decode(&event), Err(expected), "{event}");
    }
}

#[test]
fn a_queue_carries_right_and_wrong_messages() {
    let upload = json!({"Records": [notification("ObjectCreated:Put", "a")]});
    let nested = json!({"Records": [message("x", &direct())]});
    let event = json!({"Records": [
        message("1", &direct()),
        message("2", &upload),
        message("3", &bridge("aws.s3", "Object Created")),
        message("4", &"not JSON"),
        message("5", &nested),
        message("6", &json!({})),
    ]});
    let Ok(Event::Queue(records)) = decode(&event) else {
        panic!("no queue");
    };
    let outcome: Vec<(&str, bool)> =
        records.iter().map(|record| (record.id.as_str(), record.event.is_ok())).collect();
    let expected =
        [("1", true), ("2", true), ("3", true), ("4", false), ("5", false), ("6", false)];
    assert_eq!(outcome, expected);
    assert_eq!(records[4].event, Err(EventError::NestedMessage));
}

/// As SNS sends it to a queue without raw message delivery.
fn wrapped(body: &impl ToString) -> Value {
    json!({
        "Type": "Notification", "MessageId": "n", "TopicArn": "arn:aws:sns:us-east-1:1:uploads",
        "Subject": "Amazon S3 Notification", "Message": body.to_string(),
    })
}

/// As SNS invokes a function.
fn topic(messages: &[&dyn ToString]) -> Value {
    let record = |(index, body): (usize, &&dyn ToString)| {
        let mut sns = wrapped(&body.to_string());
        sns["MessageId"] = json!(index.to_string());
        json!({"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": sns})
    };
    json!({"Records": messages.iter().enumerate().map(record).collect::<Vec<_>>()})
}

#[test]
fn a_topic_wraps_the_same_events() {
    let upload = json!({"Records": [notification("ObjectCreated:Put", "a+b")]});
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"});
    let good = [direct(), upload.clone(), bridge("aws.s3", "Object Created"), test];
    for event in &good {
        let bare = decode(event);
        assert!(bare.is_ok(), "{bare:?}");
        let Ok(Event::Topic(records)) = decode(&topic(&[event])) else { panic!("no topic") };
        assert_eq!(records[0].event, bare);
        let queue = json!({"Records": [message("1", &wrapped(event))]});
        let Ok(Event::Queue(records)) = decode(&queue) else { panic!("no queue") };
        assert_eq!(records[0].event, bare);
        assert_eq!(records[0].body, wrapped(event).to_string());
    }
    let queue = json!({"Records": [message("x", &direct())]});
    let own = json!({"accepted": {}});
    let step = json!({"step": "join", "task": crate::task::example().task_id, "bucket": "tasks",
        "run": "0123456789abcdef"});
    assert!(matches!(decode(&step), Ok(Event::Step(_))));
    let change = json!({"detail-type": "Step Functions Execution Status Change", "detail": step});
    let twice = wrapped(&wrapped(&upload));
    let wrong: [(&dyn ToString, EventError); 6] = [
        (&queue, EventError::NestedMessage),
        (&own, EventError::UnknownKind),
        (&step, EventError::UnknownKind),
        (&change, EventError::UnknownKind),
        (&twice, EventError::UnknownKind),
        (&json!({"Type": "SubscriptionConfirmation", "Message": "m"}), EventError::UnknownKind),
    ];
    for (event, error) in wrong {
        let event = event.to_string();
        let queue = json!({"Records": [message("1", &wrapped(&event))]});
        let Ok(Event::Queue(records)) = decode(&queue) else { panic!("no queue") };
        assert_eq!(records[0].event, Err(error.clone()), "{event}");
        if error != EventError::UnknownKind || !event.contains("Notification") {
            let Ok(Event::Topic(records)) = decode(&topic(&[&event])) else { panic!("no topic") };
            assert_eq!(records[0].event, Err(error), "{event}");
        }
    }
    let bodyless = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"MessageId": "1"}}]});
    let Ok(Event::Topic(records)) = decode(&bodyless) else { panic!("no topic") };
    assert_eq!(records[0].event, Err(EventError::Missing("Sns.Message".to_owned())));
}

/// JSON made of the words that occur in events.
fn eventish() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(json!(true)),
        Just(json!(7)),
        prop::sample::select(vec![
            "",
            "aws:s3",
            "aws:sqs",
            "ObjectCreated:Put",
            "%",
            "{\"Records\":[]}"
        ])
        .prop_map(|text| json!(text)),
    ];
    let names = prop::sample::select(vec![
        "Records",
        "eventSource",
        "eventName",
        "s3",
        "bucket",
        "object",
        "name",
        "key",
        "body",
        "messageId",
        "requestContext",
        "http",
        "method",
        "detail-type",
        "source",
        "process",
        "rawPath",
        "headers",
    ]);
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(names.clone(), inner, 0..6).prop_map(|map| {
                map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_event_makes_decoding_panic(event in eventish()) {
        if let Ok(Event::Http(request)) = decode(&event) {
            drop(request.route(Some("b"), None));
        }
    }

    #[test]
    fn keys_survive_the_notifications_encoding(key in "[a +%é/=&]{1,8}") {
        use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
        let encoded = utf8_percent_encode(&key, NON_ALPHANUMERIC).to_string().replace("%20", "+");
        let event = json!({"Records": [notification("ObjectCreated:Put", &encoded)]});
        prop_assert_eq!(one(&event).object, key);
    }
}
