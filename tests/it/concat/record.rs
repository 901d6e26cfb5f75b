//! The task record says what happened.

use serde_json::Value;

use crate::bed::source::Source;
use crate::scene::{Scene, USUAL, sur};

fn stored(scene: &Scene, record: &Value) -> Value {
    let key = format!(".tasks/{}.json", record["TaskId"].as_str().unwrap());
    serde_json::from_slice(&scene.s3.get("results", &key).expect("the record is kept")).unwrap()
}

fn scene() -> Scene {
    Scene::new().source("a.mp4", &Source::new(1)).source("b.mp4", &Source::new(2))
}

#[test]
fn is_kept_beside_the_target_and_equals_the_reply() {
    let scene = scene();
    let outcome = scene.run("a.mp4", &format!("f_mp4,{USUAL}{}", sur("b.mp4"))).succeeded();
    assert_eq!(stored(&scene, &outcome.record), outcome.record);
    let head = scene.s3.head("results", "result.mp4").unwrap();
    assert_eq!(head.content_type(), Some("video/mp4"));
    let mark = head.metadata().unwrap().get("video-concat-task").unwrap();
    assert_eq!(outcome.record["TaskId"], mark.as_str());
}

#[test]
fn counts_what_was_asked_of_storage() {
    let scene = scene();
    scene.s3.forget_calls();
    let outcome = scene.run("a.mp4", &format!("f_mp4,{USUAL}{}", sur("b.mp4"))).succeeded();
    let usage = &outcome.record["Usage"];
    let calls = |method| scene.s3.calls().iter().filter(|call| call.method == method).count();
    assert_eq!(usage["HeadRequests"], calls("HEAD"));
    assert_eq!(usage["GetRequests"], calls("GET"));
    // The record that carries the numbers is written after them.
    assert_eq!(usage["PutRequests"].as_u64().unwrap() + 1, calls("PUT") as u64);
    let size = |name: &str| std::fs::metadata(scene.s3.path("sources", name)).unwrap().len();
    assert_eq!(usage["BytesFetched"], size("a.mp4") + size("b.mp4"));
    assert_eq!(usage["OutputSeconds"], 4.0);
    assert_eq!(usage["Definition"], "LD");
}

#[test]
fn every_read_names_the_entity_tag_that_was_seen() {
    let scene = scene();
    let outcome = scene.run("a.mp4", &format!("f_mp4,{USUAL}")).succeeded();
    let gets = scene.s3.calls_of("GET", "/sources/a.mp4");
    let tag = outcome.record["Sources"][0]["ETag"].as_str().unwrap();
    assert!(!gets.is_empty());
    assert!(gets.iter().all(|get| get.if_match.as_deref().is_some_and(|m| m.contains(tag))));
}

#[test]
fn the_same_task_has_the_same_id_and_another_has_not() {
    let scene = scene();
    let id = |main: &str, parameters: &str| {
        scene.run(main, parameters).succeeded().record["TaskId"].clone()
    };
    let first = id("a.mp4", &format!("f_mp4,{USUAL}"));
    assert_eq!(id("a.mp4", "acodec_aac,vcodec_h264,f_mp4"), first);
    assert_ne!(id("b.mp4", &format!("f_mp4,{USUAL}")), first);
    scene.s3.put_file("sources", "a.mp4", &Source::new(3).write("a.mp4"));
    assert_ne!(id("a.mp4", &format!("f_mp4,{USUAL}")), first);
}

#[test]
fn every_log_line_is_json_and_names_request_and_task() {
    let scene = scene();
    let outcome = scene.run("a.mp4", &format!("f_mp4,{USUAL}")).succeeded();
    let ended = |lines: &[Value]| lines.iter().any(|line| line["message"] == "succeeded");
    let logs = scene.function.logs_until(ended);
    for stage in ["fetch", "probe", "encode", "verify", "store"] {
        let told = logs.iter().find(|line| line["message"] == stage);
        let told = told.unwrap_or_else(|| panic!("nothing of {stage}: {logs:#?}"));
        assert_eq!(told["span"]["stage"], stage, "{told}");
    }
    let of_task: Vec<_> = logs.iter().filter(|line| line["span"].is_object()).collect();
    assert!(of_task.len() >= 5, "{logs:#?}");
    for line in of_task {
        assert_eq!(line["span"]["task_id"], outcome.record["TaskId"], "{line}");
        assert_eq!(line["span"]["request_id"], outcome.record["RequestId"], "{line}");
        assert!(!line.to_string().contains("tested-secret"), "{line}");
    }
}

#[test]
fn metrics_are_logged_as_cloudwatch_reads_them() {
    let scene = scene();
    scene.run("a.mp4", &format!("f_mp4,{USUAL}")).succeeded();
    scene.run("none.mp4", &format!("f_mp4,{USUAL}")).failed("NoSuchKey");
    let metrics = |lines: &[Value]| -> Vec<Value> {
        lines.iter().filter(|line| line["_aws"].is_object()).cloned().collect()
    };
    let logs = scene.function.logs_until(|lines| metrics(lines).len() == 2);
    let found = metrics(&logs);
    assert_eq!((&found[0]["Code"], &found[0]["ColdStarts"]), (&"OK".into(), &1.into()));
    assert_eq!((&found[1]["Code"], &found[1]["ColdStarts"]), (&"NoSuchKey".into(), &0.into()));
    assert_eq!(found[0]["OutputSeconds"], 2.0);
}
