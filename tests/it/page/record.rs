//! Task records: clips, stages, join offsets, cost.

use serde_json::{Value, json};

use super::Page;

fn example() -> Value {
    serde_json::from_str(include_str!("../../../src/task/example.json")).unwrap()
}

/// The record of a task with two clips, at a rate whose frames are no whole milliseconds.
fn two_clips() -> Value {
    let mut record = example();
    let first = record["Sources"][0].clone();
    record["Sources"] = json!([first, first]);
    record["Sources"][1]["URI"] = "s3://clips/b.mp4".into();
    record["Sources"][1]["Filled"] = json!([]);
    record["Timeline"] = json!([
        {"Source": 0, "FirstFrame": 0, "Frames": 31, "FirstSample": 0, "Samples": 49_600},
        {"Source": 1, "FirstFrame": 31, "Frames": 29, "FirstSample": 49_600, "Samples": 46_496},
    ]);
    record["Output"]["Video"]["FrameRate"] = (30_000.0 / 1001.0).into();
    record["Output"]["Video"]["Frames"] = 60.into();
    record
}

#[test]
fn frames_samples_and_join_offsets_are_drawn() {
    let mut page = Page::open("");
    page.enter("record", &two_clips().to_string());
    let expected = json!([
        ["0", "example.mkv", "0 s to 2 s", "silence", "0", "31", "0", "49600", "–"],
        ["1", "b.mp4", "0 s to 2 s", "–", "31", "29", "49600", "46496", "1.033 ms"],
    ]);
    assert_eq!(page.table("#record-shown", "Clips"), expected);
    let drawn = page.text("#record-shown svg");
    for numbers in
        ["31 frames from 0", "29 frames from 31", "46496 samples from 49600", "0 silence"]
    {
        assert!(drawn.contains(numbers), "{numbers}: {drawn}");
    }
    let stages = json!([
        ["Fetch", "100"],
        ["Probe", "20"],
        ["Encode", "2000"],
        ["Verify", "100"],
        ["Store", "100"],
        ["between them", "25"],
        ["all", "2345"],
    ]);
    assert_eq!(page.table("#record-shown", "Stages"), stages);
    let words = page.text("#record-shown");
    for word in ["0.5 ms", "5.875 GB-seconds", "$0.000109 on x86_64", "$0.000089 on arm64"] {
        assert!(words.contains(word), "{word}: {words}");
    }
    assert_eq!(page.text("#record-note"), "Succeeded, 100 %");
}

#[test]
fn a_completion_message_holds_a_record() {
    let mut page = Page::open("");
    let message = json!({"id": "x", "source": "video-concat", "content": example().to_string()});
    page.enter("record", &message.to_string());
    assert!(page.text("#record-shown").contains("50 frames from 0"));
}

#[test]
fn a_failed_task_tells_why_and_another_text_is_no_record() {
    let mut page = Page::open("");
    let mut record = example();
    for field in ["Output", "Verified"] {
        record.as_object_mut().unwrap().remove(field);
    }
    record["Status"] = "Failed".into();
    record["Code"] = "NoSuchKey".into();
    record["Message"] = "it is <b>gone</b>".into();
    record["Timeline"] = json!([]);
    page.enter("record", &record.to_string());
    assert_eq!(page.text("#record-note"), "Failed, 100 %: NoSuchKey, it is <b>gone</b>");
    page.enter("record", "{\"TaskId\": 1}");
    assert!(page.text("#record-note").starts_with("this is not a task record: "));
}

#[test]
fn of_many_segments_the_first_are_named_and_chunks_are_counted() {
    let mut page = Page::open("");
    let mut record = example();
    record["Chunks"] = json!({"Total": 60, "Done": 17});
    record["ExecutionArn"] = "arn:aws:states:us-east-1:123456789012:execution:long:run".into();
    let targets =
        (0..40).map(|n| json!({"URI": format!("s3://b/film-{n}.ts"), "ETag": "e", "Size": 100}));
    record["Targets"] = targets.collect();
    page.enter("record", &record.to_string());
    let words = page.text("#record-shown");
    let named = "s3://b/film-2.ts (100 bytes), and 37 more (3700 bytes)";
    for word in ["17 of 60", "execution:long:run", named] {
        assert!(words.contains(word), "{word}: {words}");
    }
    assert!(!words.contains("film-3.ts"), "{words}");
}
