//! Checks the `OpenAPI` description against the function, with a program that generates valid and
//! invalid requests from it.

use std::io::Write;
use std::process::{Command, Stdio};

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;
use video_concat::code::Code;
use video_concat::object::{ETag, ObjectUri};
use video_concat::task::{
    AudioRecord, ChunkCount, Definition, EventId, Filled, Moment, OutputRecord, RequestId,
    SourceRecord, Status, TargetRecord, TaskId, TaskRecord, TaskType, TimelineRecord, Timings,
    Usage, VerifiedRecord, VideoRecord,
};

use super::{CALLER, Doors, post, process};
use crate::bed::gateway::{Gateway, Kind};
use crate::bed::process::repository;

#[test]
fn no_request_is_answered_otherwise_than_described() {
    let doors = Doors::new();
    let gateway = Gateway::iam(Kind::FunctionUrl, &doors.front, CALLER);
    let output = Command::new(repository().join("target/venv/bin/schemathesis"))
        .arg("run")
        .arg(repository().join("events/openapi.yaml"))
        .args(["--url", &gateway.url(), "--workers", "1", "--no-color"])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "25"])
        .args(["--generation-deterministic", "--continue-on-failure"])
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance",
        ])
        .current_dir(doors.front.work_dir())
        .output()
        .expect("schemathesis starts");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
}

const DEFINITIONS: [Definition; 7] = [
    Definition::Audio,
    Definition::Low,
    Definition::Standard,
    Definition::High,
    Definition::TwoK,
    Definition::FourK,
    Definition::Larger,
];

#[test]
fn the_description_is_openapi() {
    let output = Command::new(repository().join("target/venv/bin/openapi-spec-validator"))
        .arg(repository().join("events/openapi.yaml"))
        .output()
        .expect("the validator starts");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn every_field_of_a_record_is_described_and_no_other() {
    let records: Vec<Value> = possible_records().into_iter().chain(real_records()).collect();
    let mut judge = Command::new(repository().join("target/venv/bin/python"));
    judge.arg(repository().join("tests/it/doors/record_schema.py"));
    judge.arg(repository().join("events/openapi.yaml"));
    assert_takes(&mut judge, &json!(records));
}

#[test]
fn a_generated_client_reads_whole_records() {
    let doors = Doors::with(|mut settings| {
        settings.environment.retain(|(name, _)| name != "AWS_ENDPOINT_URL_LAMBDA");
        settings.set("AWS_SAM_LOCAL", "true").set("HTTP_AUTH", "none")
    });
    let gateway = Gateway::open(Kind::HttpApi, &doors.front);
    let task = post(&gateway, "/sources/a.mp4", &process("out.mp4")).json()["TaskId"].take();
    let mut client = Command::new(repository().join("target/venv/bin/python"));
    client.arg(repository().join("tests/it/doors/generated_client.py"));
    client.arg(repository().join("events/openapi.yaml")).arg(gateway.url());
    assert_takes(client.arg(task.as_str().unwrap()), &json!(possible_records()));
}

fn assert_takes(program: &mut Command, input: &Value) {
    let mut child = program.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Of every kind: of each code, of each definition, and one that has begun.
fn possible_records() -> Vec<Value> {
    let ids = (EventId::from_uuid(Uuid::nil()), RequestId::from_uuid(Uuid::nil()));
    let task = TaskId::derive(("clips", "a.mp4"), [], "p");
    let start = Moment::new(Timestamp::UNIX_EPOCH);
    let begun = TaskRecord::begin(task, ids.0, ids.1, start, "p".to_owned());
    let failed = Code::ALL.map(|code| {
        let mut record = begun.clone();
        record.fail(code, "why", start);
        record
    });
    let defined = DEFINITIONS.map(|definition| {
        let mut record = full(&begun);
        record.usage.definition = Some(definition);
        record
    });
    let all = failed.iter().chain(&defined).chain([&begun]);
    all.map(|record| serde_json::to_value(record).unwrap()).collect()
}

/// As they are stored: of a task that waits, and of one that is done.
fn real_records() -> Vec<Value> {
    let doors = Doors::new();
    let gateway = doors.iam(Kind::HttpApi);
    let ask = |target: &str| post(&gateway, "/sources/a.mp4", &process(target)).json();
    let waiting = doors.record(&ask("out.mp4")["TaskId"]);
    let done = doors.deliver();
    vec![waiting, done]
}

/// Every field is named here, so that a new one can't be forgotten.
fn full(begun: &TaskRecord) -> TaskRecord {
    let uri = ObjectUri::named("clips", "a.mp4").unwrap();
    let etag = ETag::new("tag");
    TaskRecord {
        task_id: begun.task_id,
        event_id: begun.event_id.clone(),
        request_id: begun.request_id.clone(),
        task_type: TaskType::MediaConvert,
        status: Status::Succeeded,
        code: None,
        message: None,
        user_data: Some("order 7".to_owned()),
        start_time: begun.start_time,
        end_time: Some(begun.start_time),
        progress: 100,
        process: "p".to_owned(),
        warnings: vec!["w".to_owned()],
        sources: vec![SourceRecord {
            uri: uri.clone(),
            etag: etag.clone(),
            size: 1 << 40,
            bytes_fetched: 1 << 40,
            start_ms: 1,
            duration_ms: 1,
            filled: vec![Filled::Audio, Filled::Video],
        }],
        targets: vec![TargetRecord { uri, etag, size: 1, content_type: "video/mp4".to_owned() }],
        output: Some(output()),
        timeline: vec![TimelineRecord {
            source: 0,
            first_frame: 0,
            frames: 1,
            copied: 1,
            first_sample: 0,
            samples: 1,
        }],
        verified: Some(VerifiedRecord {
            frames: 1,
            samples: 1,
            max_join_offset_ms: 0.5,
            decoded: true,
            decoded_frames: 1,
        }),
        timings: Timings::default(),
        usage: Usage::default(),
        notified: true,
        execution_arn: Some("arn".to_owned()),
        chunks: Some(ChunkCount { total: 2, done: 1 }),
    }
}

fn output() -> OutputRecord {
    OutputRecord {
        container: "mp4".to_owned(),
        duration_ms: 1,
        video: Some(VideoRecord {
            codec: "h264".to_owned(),
            width: 1,
            height: 1,
            frame_rate: 29.97,
            pixel_format: "yuv420p".to_owned(),
            frames: 1,
            bit_rate: Some(1),
        }),
        audio: Some(AudioRecord {
            codec: "aac".to_owned(),
            sample_rate: 48_000,
            channels: 2,
            bit_rate: Some(1),
            samples: 1,
        }),
    }
}
