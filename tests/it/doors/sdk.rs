//! The original service's own SDKs, unchanged, with the function.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use super::{Doors, ODD_KEY, process};
use crate::bed::gateway::{Gateway, Kind};
use crate::bed::process::{python, repository};
use crate::bed::secrets::Secrets;

const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "SECRETEXAMPLE";

/// The outcome of each case.
fn clients(gateway: &Gateway, cases: &[Value]) -> Vec<Value> {
    let mut child = python()
        .arg(repository().join("tests/doors/oss_clients.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let work = json!({"port": gateway.port(), "cases": cases}).to_string();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(work.as_bytes()).unwrap();
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn case(client: &str, style: &str, key: &str, target: &str) -> Value {
    json!({
        "client": client, "style": style, "id": ID, "secret": SECRET,
        "bucket": "sources", "key": key, "process": process(target),
    })
}

fn with(mut case: Value, name: &str, value: Value) -> Value {
    case[name] = value;
    case
}

fn doors(keys: &str) -> Doors {
    Doors::with(|settings| settings.set("OSS_ACCESS_KEYS", keys).set("DEFAULT_BUCKET", "sources"))
}

fn plain_keys() -> String {
    json!({ID: SECRET}).to_string()
}

#[test]
fn every_client_is_served_through_every_gateway() {
    for kind in Kind::ALL {
        let doors = doors(&plain_keys());
        let gateway = Gateway::open(kind, &doors.front);
        let mut cases = vec![case("signed URL", "path", ODD_KEY, "url.mp4")];
        // Not V1 of the second SDK: it leaves the operation out of what it signs.
        for client in ["oss2 V1", "oss2 V4", "v2 V4"] {
            for style in ["path", "host", "cname"] {
                cases.push(case(client, style, ODD_KEY, &format!("{client} {style}.mp4")));
            }
        }
        let results = clients(&gateway, &cases);
        for (case, result) in cases.iter().zip(&results) {
            let name = format!("{kind:?} {} {}", case["client"], case["style"]);
            assert_eq!(result["status"], 200, "{name} {result}");
            let record = doors.record(&result["ids"][2]);
            let ids = json!([record["EventId"], record["RequestId"], record["TaskId"]]);
            assert_eq!(result["ids"], ids, "{name}");
            let main = format!("s3://sources/{ODD_KEY}");
            assert_eq!(record["Sources"][0]["URI"], main, "{name}");
        }
        assert_eq!(doors.lambda.waiting(), cases.len());
        let done = doors.deliver();
        assert_eq!(done["Status"], "Succeeded", "{done:#}");
        let id = done["TaskId"].as_str().unwrap();
        let read = case("read task", "path", id, "");
        let read = clients(&gateway, &[read]).remove(0);
        assert_eq!(read["record"]["Status"], "Succeeded", "{read}");
    }
}

/// A change to the usual request; status, code and the SDK's class for it.
const REFUSED: [(&str, &str, u16, &str, &str); 5] = [
    ("secret", "wrong", 403, "SignatureDoesNotMatch", "SignatureDoesNotMatch"),
    ("id", "NOBODY", 403, "InvalidAccessKeyId", "ServerError"),
    ("key", "none.mp4", 404, "NoSuchKey", "NoSuchKey"),
    ("bucket", "nowhere", 404, "NoSuchBucket", "NoSuchBucket"),
    ("process", "video/concat", 400, "InvalidArgument", "InvalidArgument"),
];

#[test]
fn clients_know_each_refusal_by_its_class() {
    let doors = doors(&plain_keys());
    let gateway = Gateway::open(Kind::HttpApi, &doors.front);
    let usual = || case("oss2 V1", "path", "a.mp4", "out.mp4");
    let cases = REFUSED.map(|(name, value, ..)| with(usual(), name, json!(value)));
    for ((name, _, status, code, class), result) in REFUSED.iter().zip(clients(&gateway, &cases)) {
        let expected = json!({"status": status, "code": code, "class": class});
        assert_eq!(result, expected, "{name}");
    }
    assert_eq!(doors.lambda.waiting(), 0);
}

#[test]
fn clocks_may_differ_by_15_minutes() {
    let doors = doors(&plain_keys());
    let gateway = Gateway::open(Kind::HttpApi, &doors.front);
    let usual = |clock: i32| {
        let case = case("oss2 V1", "path", "a.mp4", "out.mp4");
        with(case, "clock", json!(clock))
    };
    let results = clients(&gateway, &[-1000, -800, 800, 1000].map(usual));
    let codes: Vec<_> = results.iter().map(|result| &result["code"]).collect();
    let skewed = json!("RequestTimeTooSkewed");
    assert_eq!(codes, [&skewed, &Value::Null, &Value::Null, &skewed], "{results:?}");
}

#[test]
fn secrets_and_signatures_are_never_logged() {
    let doors = doors(&plain_keys());
    let gateway = Gateway::open(Kind::HttpApi, &doors.front);
    let good = |client| case(client, "path", "a.mp4", "out.mp4");
    let wrong = |client| with(good(client), "secret", json!("wrong"));
    let cases = [good("v2 V4"), wrong("v2 V4"), wrong("oss2 V4"), wrong("oss2 V1")];
    let results = clients(&gateway, &cases);
    assert_eq!(results[0]["status"], 200, "{results:?}");
    for result in &results[1..] {
        assert_eq!(result["code"], "SignatureDoesNotMatch", "{result}");
    }
    let refused = |logs: &[Value]| format!("{logs:?}").matches("SignatureDoesNotMatch").count();
    let logs = doors.front.logs_until(|logs| refused(logs) >= 3);
    let logs = format!("{logs:?}");
    assert!(logs.contains(ID), "{logs}");
    assert!(!logs.contains(SECRET) && !logs.contains("Signature="), "{logs}");
}

#[test]
fn a_limited_key_reaches_its_objects_only() {
    let limited = json!({
        ID: {"secret": SECRET, "sources": ["sources/dir/*"], "targets": ["results/mine/*"]},
        "FREE": SECRET,
    });
    let doors = doors(&limited.to_string());
    let gateway = Gateway::open(Kind::FunctionUrl, &doors.front);
    let inside = || case("oss2 V4", "path", ODD_KEY, "mine/out.mp4");
    let second = format!("/sur,o_{}|sys", crate::scene::b64("a.mp4"));
    let foreign = process("mine/out.mp4").replace("|sys", &second);
    let outside = [
        with(inside(), "key", json!("a.mp4")),
        with(inside(), "process", json!(foreign)),
        with(inside(), "process", json!(process("out.mp4"))),
        with(inside(), "process", json!(process("{t_year}/out.mp4"))),
        with(inside(), "key", json!("none.mp4")),
    ];
    for result in clients(&gateway, &outside) {
        assert_eq!(result["code"], "AccessDenied", "{result}");
    }
    assert!(doors.s3.calls().is_empty());
    let free = with(case("oss2 V4", "path", "a.mp4", "out.mp4"), "id", json!("FREE"));
    let results = clients(&gateway, &[inside(), free]);
    let [mine, foreign] = &results[..] else { panic!() };
    let read = |ids: &Value| case("read task", "path", ids["ids"][2].as_str().unwrap(), "");
    let results = clients(&gateway, &[read(mine), read(foreign)]);
    assert_eq!(results[0]["record"]["Status"], "Running", "{results:?}");
    assert_eq!(results[1]["code"], "AccessDenied", "{results:?}");
}

/// Each is limited on one side only, and nobody has stored anything yet.
#[test]
fn a_limited_key_sees_no_record_of_others() {
    let keys = json!({
        ID: {"secret": SECRET, "targets": ["results/mine/*"]},
        "OTHER": {"secret": SECRET, "targets": ["results/other/*"]},
        "READER": {"secret": SECRET, "sources": ["sources/dir/*"]},
        "TELLER": {"secret": SECRET, "topics": ["done"]},
    });
    let doors = doors(&keys.to_string());
    let gateway = Gateway::open(Kind::HttpApi, &doors.front);
    let notify = format!("{}/notify,topic_{}", process("mine/out.mp4"), crate::scene::b64("else"));
    let mine = with(case("oss2 V4", "path", "a.mp4", ""), "process", json!(notify));
    let mine = clients(&gateway, &[mine]).remove(0);
    assert_eq!(mine["status"], 200, "{mine}");
    let id = mine["ids"][2].as_str().unwrap();
    let read = || {
        let as_key = |key: &str| with(case("read task", "path", id, ""), "id", json!(key));
        let results = clients(&gateway, &[ID, "OTHER", "READER", "TELLER"].map(as_key));
        results.into_iter().map(|result| result["code"].clone()).collect::<Vec<_>>()
    };
    let denied = json!("AccessDenied");
    assert_eq!(read(), [Value::Null, denied.clone(), denied.clone(), denied.clone()]);
    // A task that ended before it knew its sources.
    let mut record = doors.record(&json!(id));
    record["Sources"] = json!([]);
    doors.s3.put("tasks", &format!(".tasks/{id}.json"), record.to_string());
    assert_eq!(read(), [(); 4].map(|()| denied.clone()));
}

#[test]
fn a_limited_key_tells_its_topics_only() {
    let keys = json!({ID: {"secret": SECRET, "topics": ["done", "mine-*"]}});
    let doors = doors(&keys.to_string());
    let gateway = Gateway::open(Kind::FunctionUrl, &doors.front);
    let own = "arn:aws:sns:us-east-1:123456789012";
    let ask = |topic: String| {
        let notify = format!("{}/notify,topic_{}", process("out.mp4"), crate::scene::b64(&topic));
        with(case("oss2 V4", "path", "a.mp4", ""), "process", json!(notify))
    };
    let good = ["done".to_owned(), format!("{own}:done"), "mine-1".to_owned()];
    for result in clients(&gateway, &good.map(ask)) {
        assert_eq!(result["status"], 200, "{result}");
    }
    let other = ["other", "done2", "arn:aws:sns:us-east-1:999999999999:done", "mine"];
    for result in clients(&gateway, &other.map(|topic| ask(topic.to_owned()))) {
        assert_eq!(result["code"], "AccessDenied", "{result}");
    }
}

#[test]
fn keys_may_be_kept_in_secrets_manager() {
    let secrets = Secrets::start("video-concat/keys", &plain_keys());
    let doors = Doors::with(|settings| {
        settings.with(secrets.environment()).set("OSS_ACCESS_KEYS_SECRET", "video-concat/keys")
    });
    let gateway = Gateway::open(Kind::HttpApi, &doors.front);
    let usual = |target: &str| case("oss2 V4", "path", "a.mp4", target);
    let unknown = || with(usual("x.mp4"), "id", json!("NOBODY"));
    let cases = [usual("1.mp4"), usual("2.mp4"), unknown(), unknown()];
    let results = clients(&gateway, &cases);
    let codes: Vec<_> = results.iter().map(|result| &result["status"]).collect();
    assert_eq!(codes, [200, 200, 403, 403], "{results:?}");
    assert_eq!(results[2]["code"], "InvalidAccessKeyId");
    assert_eq!(secrets.asked(), 1, "fetched once, and guessing does not multiply it");
}

#[test]
fn a_secret_that_can_not_be_read_admits_no_request() {
    let secrets = Secrets::start("other", &plain_keys());
    let doors = Doors::with(|settings| {
        settings.with(secrets.environment()).set("OSS_ACCESS_KEYS_SECRET", "video-concat/keys")
    });
    let gateway = Gateway::open(Kind::HttpApi, &doors.front);
    let result = clients(&gateway, &[case("oss2 V1", "path", "a.mp4", "1.mp4")]).remove(0);
    assert_eq!(result["code"], "InternalError", "{result}");
    let told = |logs: &[Value]| format!("{logs:?}").contains("ResourceNotFoundException");
    assert!(told(&doors.front.logs_until(told)));
}
