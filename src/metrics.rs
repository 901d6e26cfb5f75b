//! Metrics of a task, as one log line in CloudWatch's embedded metric format.
//!
//! CloudWatch makes the metrics from the log: no request, no further
//! permission, and nothing that could fail a task.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::task::{Status, TaskRecord};

/// The metrics' namespace.
const NAMESPACE: &str = "video-concat";

/// True once in the life of a process: for its first task.
#[must_use]
pub fn is_cold_start() -> bool {
    static STARTED: AtomicBool = AtomicBool::new(false);
    !STARTED.swap(true, Ordering::Relaxed)
}

/// The line for a task that has ended, at `time` in epoch milliseconds.
#[must_use]
pub fn embedded(record: &TaskRecord, cold_start: bool, time: i64) -> Value {
    let code = match (record.status, record.code) {
        (Status::Failed, Some(code)) => code.as_str(),
        _ => "OK",
    };
    let definition = record.usage.definition.map(crate::task::Definition::as_str);
    let metric = |name: &str, unit: &str| json!({"Name": name, "Unit": unit});
    json!({
        "_aws": {
            "Timestamp": time,
            "CloudWatchMetrics": [
                {
                    "Namespace": NAMESPACE,
                    "Dimensions": [["Code"]],
                    "Metrics": [metric("Tasks", "Count")],
                },
                {
                    "Namespace": NAMESPACE,
                    "Dimensions": [["Definition"]],
                    "Metrics": [metric("OutputSeconds", "Seconds")],
                },
                {
                    "Namespace": NAMESPACE,
                    "Dimensions": [[]],
                    "Metrics": [
                        metric("BytesFetched", "Bytes"),
                        metric("BytesStored", "Bytes"),
                        metric("FetchTime", "Milliseconds"),
                        metric("EncodeTime", "Milliseconds"),
                        metric("StoreTime", "Milliseconds"),
                        metric("ColdStarts", "Count"),
                    ],
                },
            ],
        },
        "Code": code,
        "Definition": definition.unwrap_or("NONE"),
        "TaskId": record.task_id,
        "RequestId": record.request_id,
        "Tasks": 1,
        "OutputSeconds": record.usage.output_seconds,
        "BytesFetched": record.usage.bytes_fetched,
        "BytesStored": record.usage.bytes_stored,
        "FetchTime": record.timings.fetch_ms,
        "EncodeTime": record.timings.encode_ms,
        "StoreTime": record.timings.store_ms,
        "ColdStarts": u8::from(cold_start),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::embedded;
    use crate::code::Code;
    use crate::task::{Status, example};

    /// Every metric and dimension that is announced has a value of its kind.
    fn assert_complete(line: &Value) {
        for group in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
            for metric in group["Metrics"].as_array().unwrap() {
                assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{metric}");
            }
            for dimension in group["Dimensions"][0].as_array().unwrap() {
                assert!(line[dimension.as_str().unwrap()].is_string(), "{dimension}");
            }
        }
    }

    #[test]
    fn what_is_announced_is_there() {
        let record = example();
        let line = embedded(&record, true, 1_744_872_010_123);
        assert_complete(&line);
        assert_eq!(line["_aws"]["Timestamp"], 1_744_872_010_123_i64);
        assert_eq!((&line["Code"], &line["ColdStarts"]), (&"OK".into(), &1.into()));
    }

    #[test]
    fn failures_are_counted_by_code() {
        let mut record = example();
        record.status = Status::Failed;
        record.code = Some(Code::NoSuchKey);
        record.usage.definition = None;
        let line = embedded(&record, false, 0);
        assert_complete(&line);
        assert_eq!((&line["Code"], &line["ColdStarts"]), (&"NoSuchKey".into(), &0.into()));
    }
}
