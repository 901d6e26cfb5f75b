//! Mistakes and faults cost nothing, leave nothing behind, and are reported clearly.

use crate::bed::source::Source;
use crate::scene::{Scene, TOPIC, USUAL, b64, sur};

fn scene() -> Scene {
    Scene::new().source("a.mp4", &Source::new(1))
}

#[test]
fn a_wrong_string_is_refused_before_any_request() {
    let scene = scene();
    scene.s3.forget_calls();
    let message = scene.run("a.mp4", "f_mp4,vcodec_h266,acodec_aac").failed("InvalidArgument");
    assert!(message.contains("`h266`") && message.contains("h264"), "{message}");
    assert!(scene.s3.calls().is_empty());
    scene.assert_clean();
}

#[test]
fn a_missing_source_is_named_before_any_download() {
    let scene = scene();
    scene.s3.forget_calls();
    let outcome = scene.run("a.mp4", &format!("f_mp4,{USUAL}{}", sur("none.mp4")));
    let message = outcome.failed("NoSuchKey");
    assert!(message.contains("s3://sources/none.mp4"), "{message}");
    assert!(scene.s3.calls().iter().all(|call| call.method == "HEAD"));
    scene.assert_clean();
}

#[test]
fn a_missing_bucket_differs_from_a_missing_object() {
    let scene = scene();
    let event = serde_json::json!({
        "bucket": "nowhere", "object": "a.mp4",
        "process": format!("video/concat,f_mp4,{USUAL}|sys/saveas,o_{}", b64("x.mp4")),
    });
    let record = scene.function.invoke(&event).unwrap();
    assert_eq!(record["Code"], "NoSuchBucket", "{record:#}");
}

#[test]
fn a_missing_bucket_of_the_target_costs_no_byte() {
    let scene = Scene::with(|settings| settings.set("TASK_BUCKET", "tasks"))
        .source("a.mp4", &Source::new(1));
    scene.s3.create_bucket("tasks");
    scene.s3.forget_calls();
    let name = |key: &str| format!("|sys/saveas,b_{},o_{}", b64("nowhere"), b64(key));
    for key in ["x.mp4", "{resolution}.mp4"] {
        let process = format!("video/concat,f_mp4,{USUAL}{}", name(key));
        let message = scene.process("a.mp4", &process).failed("NoSuchBucket");
        assert!(message.contains("`s3://nowhere`"), "{message}");
    }
    assert!(scene.s3.calls().iter().all(|call| call.method == "HEAD"));
}

#[test]
fn no_result_is_stored_over_task_records() {
    let scene = scene();
    let target = ".tasks/MediaConvert-00000000-0000-8000-8000-000000000000.json";
    for name in [target, ".tasks/{barename}"] {
        let process =
            format!("video/concat,f_mp4,{USUAL}|sys/saveas,b_{},o_{}", b64("results"), b64(name));
        let message = scene.process("a.mp4", &process).failed("InvalidArgument");
        assert!(message.contains("`.tasks/`"), "{message}");
    }
}

#[test]
fn a_cut_after_the_end_names_clip_and_length() {
    let outcome = scene().run("a.mp4", &format!("ss_2000,f_mp4,{USUAL}"));
    let message = outcome.failed("InvalidArgument");
    assert!(message.contains("clip 0") && message.contains("lasts 2000 ms"), "{message}");
}

#[test]
fn files_that_are_no_media_are_unsupported() {
    let scene = scene();
    for (name, body) in [
        ("empty.mp4", ""),
        ("text.mp4", "just words\n"),
        ("list.m3u8", "#EXTM3U\nfile:///etc/passwd\n"),
        ("concat.mp4", "ffconcat version 1.0\nfile /etc/passwd\n"),
    ] {
        scene.s3.put("sources", name, body);
        let outcome = scene.run("a.mp4", &format!("f_mp4,{USUAL}{}", sur(name)));
        let message = outcome.failed("UnsupportedMedia");
        assert!(message.contains("clip 1") && message.contains(name), "{message}");
        scene.assert_clean();
    }
}

#[test]
fn after_every_failure_the_next_task_works() {
    let scene = scene();
    scene.run("a.mp4", "f_mp4").failed("InvalidArgument");
    scene.run("none.mp4", &format!("f_mp4,{USUAL}")).failed("NoSuchKey");
    scene.run("a.mp4", &format!("f_mp4,{USUAL}")).succeeded();
    scene.assert_clean();
}

#[test]
fn a_failure_is_published_with_its_code() {
    let scene = scene();
    let process = format!(
        "video/concat,ss_9000,f_mp4,{USUAL}|sys/saveas,o_{}/notify,topic_{}",
        b64("x.mp4"),
        b64(TOPIC),
    );
    scene.process("a.mp4", &process).failed("InvalidArgument");
    let messages = scene.sns.messages();
    assert_eq!(messages[0].attributes["Status"].1, "Failed");
    assert_eq!(messages[0].attributes["Code"].1, "InvalidArgument");
}

#[test]
fn a_string_that_does_not_hold_together_is_published_too() {
    let scene = scene();
    let process = format!(
        "video/concat,f_mp4,{USUAL},align_7|sys/saveas,o_{}/notify,topic_{}",
        b64("x.mp4"),
        b64(TOPIC),
    );
    scene.process("a.mp4", &process).failed("InvalidArgument");
    assert_eq!(scene.sns.messages()[0].attributes["Code"].1, "InvalidArgument");
}

#[test]
fn names_that_can_t_be_are_refused_before_any_request() {
    let scene = scene();
    scene.s3.forget_calls();
    for bucket in ["NO", "s3://sources", "a/b"] {
        let event = serde_json::json!({
            "bucket": bucket, "object": "a.mp4",
            "process": format!("video/concat,f_mp4,{USUAL}|sys/saveas,o_{}", b64("x.mp4")),
        });
        let record = scene.function.invoke(&event).unwrap();
        assert_eq!(record["Code"], "InvalidArgument", "{record:#}");
    }
    assert!(scene.s3.calls().is_empty());
}

#[test]
fn a_message_that_can_t_be_sent_leaves_the_result() {
    let scene = scene();
    let process = format!(
        "video/concat,f_mp4,{USUAL}|sys/saveas,o_{}/notify,topic_{}",
        b64("x.mp4"),
        b64("unknown"),
    );
    let outcome = scene.process("a.mp4", &process).succeeded();
    assert_eq!(outcome.record["Notified"], false);
    assert!(outcome.warnings().contains("unknown"), "{}", outcome.warnings());
    assert!(outcome.file().is_file());
}

#[test]
fn an_event_of_no_known_kind_is_a_failed_record() {
    let record = scene().function.invoke(&serde_json::json!({"bucket": "sources"})).unwrap();
    assert_eq!(record["Code"], "InvalidArgument", "{record:#}");
}
