//! The sample events, each sent to the real binary.

use serde_json::Value;

use super::Doors;
use crate::bed::process::repository;

fn samples() -> Vec<(String, Value)> {
    let files = std::fs::read_dir(repository().join("events")).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let json = paths.filter(|path| {
        let name = path.to_string_lossy();
        name.ends_with(".json") && !name.ends_with(".env.json")
    });
    json.map(|path| {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, serde_json::from_str(&text).unwrap())
    })
    .collect()
}

/// The samples' buckets don't exist here. If only that is reported, the event was understood.
#[test]
fn every_sample_is_understood() {
    let doors = Doors::new();
    let samples = samples();
    assert!(samples.len() >= 8);
    for (name, event) in samples {
        let reply = doors.front.invoke(&event).unwrap();
        match name.as_str() {
            "direct.json" => assert_eq!(reply["Code"], "NoSuchBucket", "{name} {reply:#}"),
            "upload-s3.json" | "upload-sns.json" | "upload-eventbridge.json" => {
                assert_eq!(reply[0]["Code"], "NoSuchBucket", "{name} {reply:#}");
            }
            "sqs.json" => assert_eq!(reply["batchItemFailures"], serde_json::json!([]), "{name}"),
            "s3-test-event.json" => assert_eq!(reply, Value::Null, "{name}"),
            _ => {
                assert_eq!(reply["statusCode"], 404, "{name} {reply:#}");
                assert!(reply["body"].as_str().unwrap().contains("NoSuchBucket"), "{name}");
            }
        }
    }
}
