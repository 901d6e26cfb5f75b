//! HTTP requests through gateways that have authorised the caller.

use serde_json::{Value, json};

use super::{Doors, ODD_KEY, get, post, process};
use crate::bed::client::send;
use crate::bed::gateway::{Gateway, Kind};
use crate::bed::invocation::FUNCTION_ARN;
use crate::scene::b64;

const ODD_PATH: &str = "/sources/dir%2Fclip%20a+b%20%C3%A9%2541%20~%281%29.mp4";

#[test]
fn a_post_is_answered_before_the_work_is_done() {
    for kind in Kind::ALL {
        let doors = Doors::new();
        let gateway = doors.iam(kind);
        let answer = post(&gateway, ODD_PATH, &process("out.mp4"));
        assert_eq!(answer.status, 200, "{kind:?} {answer:?}");
        assert_eq!(answer.headers["content-type"], "application/json");
        let ids = answer.json();
        let request = ids["RequestId"].as_str().unwrap().replace('-', "");
        assert_eq!(answer.headers["x-oss-request-id"], request[..24]);

        let methods: Vec<String> = doors.s3.calls().into_iter().map(|c| c.method).collect();
        let expected = ["HEAD", "HEAD", "PUT"];
        assert_eq!(methods, expected, "head the source and the target's bucket, write the record");
        let running = get(&gateway, &ids["TaskId"]);
        assert_eq!(running.status, 200, "{running:?}");
        assert_eq!(running.headers["content-type"], "application/json");
        assert_eq!(running.json()["Status"], "Running");

        let invocation = doors.lambda.take();
        assert_eq!(invocation.function, FUNCTION_ARN);
        doors.back.invoke(&invocation.event).unwrap();
        let done = get(&gateway, &ids["TaskId"]).json();
        assert_eq!(done["Status"], "Succeeded", "{done:#}");
        assert_eq!(done["Sources"][0]["URI"], format!("s3://sources/{ODD_KEY}"));
        for id in ["EventId", "RequestId", "TaskId"] {
            assert_eq!(done[id], ids[id], "{id}");
        }
        assert!(doors.s3.head("results", "out.mp4").is_some());
    }
}

#[test]
fn the_direct_event_comes_in_by_http_too() {
    let doors = Doors::new();
    let event = json!({
        "bucket": "sources", "object": "a.mp4", "process": process("out.mp4"), "userData": "order 7",
    });
    let answer = send(doors.iam(Kind::HttpApi).port(), "POST /", &[], &event.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    let record = doors.deliver();
    assert_eq!(record["Status"], "Succeeded", "{record:#}");
    assert_eq!(record["UserData"], "order 7");
}

#[test]
fn the_topic_hears_of_an_accepted_task_by_the_ids_of_the_reply() {
    let doors = Doors::new();
    let notify = format!("{}/notify,topic_{}", process("out.mp4"), b64("done"));
    let ids = post(&doors.iam(Kind::Rest), "/sources/a.mp4", &notify).json();
    doors.deliver();
    let messages = doors.sns.messages();
    let body: Value = serde_json::from_str(&messages[0].body).unwrap();
    assert_eq!(body["id"], ids["EventId"]);
    assert_eq!(json!(messages[0].attributes["TaskId"].1), ids["TaskId"]);
}

#[test]
fn a_source_that_changes_after_the_reply_fails_the_task_of_the_reply() {
    let doors = Doors::new();
    let gateway = doors.iam(Kind::FunctionUrl);
    let ids = post(&gateway, "/sources/a.mp4", &process("out.mp4")).json();
    doors.s3.put("sources", "a.mp4", "another");
    doors.deliver();
    let record = doors.record(&ids["TaskId"]);
    assert_eq!(record["Status"], "Failed", "{record:#}");
    assert!(record["Message"].as_str().unwrap().contains("changed"), "{record:#}");
}

/// Requests with their bodies, and the pair of status and code that each gets.
fn refused() -> Vec<(&'static str, String, u16, &'static str)> {
    const CLIP: &str = "POST /sources/a.mp4?x-oss-async-process";
    let form = |process: &str| format!("x-oss-async-process={process}");
    let good = process("out.mp4");
    let wrong = good.replace("h264", "h266");
    let onto_itself =
        good.replace(&b64("results"), &b64("sources")).replace(&b64("out.mp4"), &b64("a.mp4"));
    let nowhere = good.replace(&b64("results"), &b64("nowhere"));
    let late = nowhere.replace(&b64("out.mp4"), &b64("{resolution}.mp4"));
    let none = "GET /tasks/MediaConvert-0190d0c0-aaaa-8bbb-8ccc-123456789abc";
    let other_key = "POST /sources/none.mp4?x-oss-async-process";
    let other_bucket = "POST /nowhere/a.mp4?x-oss-async-process";
    vec![
        (CLIP, form(&wrong), 400, "InvalidArgument"),
        (CLIP, form(&onto_itself), 400, "InvalidArgument"),
        (other_key, form(&good), 404, "NoSuchKey"),
        (other_bucket, form(&good), 404, "NoSuchBucket"),
        (CLIP, form(&nowhere), 404, "NoSuchBucket"),
        (CLIP, form(&late), 404, "NoSuchBucket"),
        ("POST /sources/a.mp4", form(&good), 400, "InvalidRequest"),
        (CLIP, good.clone(), 400, "InvalidRequest"),
        ("POST /a.mp4?x-oss-async-process", form(&good), 400, "InvalidRequest"),
        ("POST /", "{".to_owned(), 400, "InvalidRequest"),
        ("POST /", "{}".to_owned(), 400, "InvalidArgument"),
        ("GET /tasks/x", String::new(), 400, "InvalidArgument"),
        (none, String::new(), 404, "NoSuchKey"),
        ("GET /sources/a.mp4", String::new(), 405, "MethodNotAllowed"),
        ("DELETE /tasks/x", String::new(), 400, "InvalidArgument"),
        ("PUT /tasks/x", String::new(), 405, "MethodNotAllowed"),
    ]
}

#[test]
fn what_can_be_known_at_once_is_refused_at_once() {
    let doors = Doors::new();
    let table = refused();
    for kind in Kind::ALL {
        let gateway = doors.iam(kind);
        for (request, body, status, code) in &table {
            let answer = send(gateway.port(), request, &[], body);
            let found = (answer.status, answer.element("Code"));
            assert_eq!(found, (*status, *code), "{kind:?} {request} {answer:?}");
            assert_eq!(answer.headers["content-type"], "application/xml");
            assert_eq!(answer.headers["x-oss-request-id"], answer.element("RequestId"));
            assert!(!answer.element("Message").is_empty());
        }
    }
    let answer = send(doors.iam(Kind::Rest).port(), table[0].0, &[], &table[0].1);
    assert_eq!(answer.element("ArgumentName"), "vcodec");
    assert_eq!(answer.element("ArgumentValue"), "h266");
    let nameless = json!({"bucket": "No_Bucket", "object": "a.mp4", "process": process("o")});
    for (request, body, name, value) in [
        ("POST /", nameless.to_string(), "bucket", "No_Bucket"),
        ("GET /tasks/x", String::new(), "TaskId", "x"),
    ] {
        let answer = send(doors.iam(Kind::Rest).port(), request, &[], &body);
        let found = ["Code", "ArgumentName", "ArgumentValue"].map(|name| answer.element(name));
        assert_eq!(found, ["InvalidArgument", name, value], "{answer:?}");
    }
    assert_eq!(doors.lambda.waiting(), 0);
    assert_eq!(doors.s3.keys("tasks"), Vec::<String>::new());
}

#[test]
fn no_request_passes_without_authority() {
    let doors = Doors::new();
    for kind in Kind::ALL {
        let gateway = Gateway::open(kind, &doors.front);
        for request in ["POST /sources/a.mp4?x-oss-async-process", "POST /", "GET /tasks/x"] {
            for authorization in ["", "Bearer x", "OSS AKID:c2lnbmF0dXJl", "AWS4-HMAC-SHA256 x"] {
                let headers = [("authorization", authorization)];
                let answer = send(gateway.port(), request, &headers, "x");
                let found = (answer.status, answer.element("Code"));
                assert_eq!(found, (403, "AccessDenied"), "{kind:?} {request} {authorization}");
            }
        }
    }
    assert!(doors.s3.calls().is_empty());
}

type Change<'a> = (&'a str, &'a dyn Fn(&mut Value));

/// A caller who may invoke the function may send its own event, but not to write over records.
#[test]
fn an_accepted_event_has_to_name_a_task_that_was_accepted() {
    let doors = Doors::new();
    let gateway = doors.iam(Kind::HttpApi);
    let ids = post(&gateway, "/sources/a.mp4", &process("out.mp4")).json();
    let event = doors.lambda.take().event;
    let other = post(&gateway, "/sources/a.mp4", &process("other.mp4")).json();
    let before = [doors.record(&ids["TaskId"]), doors.record(&other["TaskId"])];
    let key = |id: &Value| format!(".tasks/{}.json", id.as_str().unwrap());
    doors.s3.put("results", &key(&ids["TaskId"]), before[0].to_string());
    let changes: [Change<'_>; 7] = [
        ("another event", &|told| told["told"]["eventId"] = other["EventId"].clone()),
        ("another task", &|told| told["told"]["taskId"] = other["TaskId"].clone()),
        ("both of another", &|told| {
            told["told"]["taskId"] = other["TaskId"].clone();
            told["told"]["eventId"] = other["EventId"].clone();
        }),
        ("a task that is not", &|told| {
            told["told"]["taskId"] = json!("MediaConvert-0190d0c0-aaaa-8bbb-8ccc-123456789abc");
        }),
        ("another bucket", &|told| told["told"]["recordBucket"] = json!("results")),
        ("another process", &|told| told["process"] = json!(process("third.mp4"))),
        ("another content", &|told| told["etags"]["a.mp4"] = json!("tag")),
    ];
    for (name, change) in changes {
        let mut event = event.clone();
        change(&mut event["accepted"]);
        let reply = doors.back.invoke(&event).unwrap();
        assert_eq!(reply["Code"], "InvalidArgument", "{name}: {reply:#}");
        assert!(reply["Message"].as_str().unwrap().contains("accepted"), "{name}: {reply:#}");
        let after = [doors.record(&ids["TaskId"]), doors.record(&other["TaskId"])];
        assert_eq!(after, before, "{name}");
    }
    assert_eq!(doors.s3.keys("results"), [key(&ids["TaskId"])]);
    assert_eq!(doors.back.invoke(&event).unwrap()["Status"], "Succeeded");
}

#[test]
fn the_functions_own_event_can_not_come_from_outside() {
    let doors = Doors::new();
    let gateway = doors.iam(Kind::HttpApi);
    post(&gateway, "/sources/a.mp4", &process("out.mp4"));
    let own = doors.lambda.take().event;
    let answer = send(gateway.port(), "POST /", &[], &own.to_string());
    let found = (answer.status, answer.element("Code"));
    assert_eq!(found, (400, "InvalidArgument"), "{answer:?}");
    assert_eq!(doors.lambda.waiting(), 0);
}

#[test]
fn a_task_that_can_not_be_handed_on_is_an_error_and_no_running_record() {
    let doors = Doors::new();
    doors.lambda.refuse();
    let answer = post(&doors.iam(Kind::HttpApi), "/sources/a.mp4", &process("out.mp4"));
    assert_eq!((answer.status, answer.element("Code")), (500, "InternalError"));
    let key = doors.s3.keys("tasks").remove(0);
    let record: Value = serde_json::from_slice(&doors.s3.get("tasks", &key).unwrap()).unwrap();
    assert_eq!(record["Status"], "Failed", "{record:#}");
}

#[test]
fn without_a_task_bucket_records_can_not_be_found_by_id() {
    let doors = Doors::with(|settings| settings.set("TASK_BUCKET", ""));
    let gateway = doors.iam(Kind::HttpApi);
    let ids = post(&gateway, "/sources/a.mp4", &process("out.mp4")).json();
    let answer = get(&gateway, &ids["TaskId"]);
    assert_eq!((answer.status, answer.element("Code")), (400, "InvalidRequest"));
    assert!(answer.element("Message").contains("TASK_BUCKET"), "{answer:?}");
}
