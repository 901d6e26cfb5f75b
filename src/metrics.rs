//! Metrics of a task, as one log line in CloudWatch's embedded metric format.
//!
//! CloudWatch extracts the metrics from the log, so this needs no request and no further
//! permission, and can't make a task fail. The function's name is a dimension of each metric, which
//! keeps several stacks in one account apart.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value, json};

use crate::code::Code;
use crate::task::{Status, TaskRecord};

/// The metrics' namespace.
const NAMESPACE: &str = "video-concat";

/// Name, unit and value of a metric.
type Metric = (&'static str, &'static str, Value);

/// Returns `true` once in the life of a process: for its first task.
#[must_use]
pub fn is_cold_start() -> bool {
    static STARTED: AtomicBool = AtomicBool::new(false);
    !STARTED.swap(true, Ordering::Relaxed)
}

/// The line for a task that has ended, at `time` in epoch milliseconds.
#[must_use]
pub fn embedded(record: &TaskRecord, function_arn: &str, cold_start: bool, time: i64) -> Value {
    let failure = record.code.filter(|_| record.status == Status::Failed);
    let usage = &record.usage;
    let mut line = Line::new(record, function_arn);
    let code = failure.map_or("OK", Code::as_str);
    line.announce(Some(("Code", code)), [("Tasks", "Count", json!(1))]);
    if let Some(definition) = usage.definition {
        let seconds = ("OutputSeconds", "Seconds", json!(usage.output_seconds));
        line.announce(Some(("Definition", definition.as_str())), [seconds]);
    }
    let counts = [
        ("BytesFetched", "Bytes", json!(usage.bytes_fetched)),
        ("BytesStored", "Bytes", json!(usage.bytes_stored)),
        ("Faults", "Count", json!(u8::from(failure.is_some_and(Code::is_fault)))),
        ("ColdStarts", "Count", json!(u8::from(cold_start))),
    ];
    line.announce(None, counts.into_iter().chain(times(record)));
    line.end(time)
}

/// The times of the stages that the task reached; others would count as zero.
fn times(record: &TaskRecord) -> impl Iterator<Item = Metric> {
    let times = [
        ("FetchTime", record.timings.fetch_ms),
        ("EncodeTime", record.timings.encode_ms),
        ("StoreTime", record.timings.store_ms),
    ];
    let reached = times.into_iter().filter(|(_, ms)| *ms > 0);
    reached.map(|(name, ms)| (name, "Milliseconds", json!(ms)))
}

/// The line under construction.
struct Line {
    properties: Map<String, Value>,
    groups: Vec<Value>,
}

impl Line {
    fn new(record: &TaskRecord, function_arn: &str) -> Self {
        let properties = [
            ("FunctionName", json!(function_name(function_arn))),
            ("TaskId", json!(record.task_id)),
            ("RequestId", json!(record.request_id)),
        ];
        let properties = properties.map(|(name, value)| (name.to_owned(), value));
        Self { properties: properties.into_iter().collect(), groups: Vec::new() }
    }

    /// Declares metrics that have one dimension besides the function, or none.
    fn announce(
        &mut self,
        dimension: Option<(&str, &str)>,
        metrics: impl IntoIterator<Item = Metric>,
    ) {
        let mut dimensions = vec!["FunctionName"];
        if let Some((name, value)) = dimension {
            dimensions.push(name);
            self.properties.insert(name.to_owned(), json!(value));
        }
        let mut announced = Vec::new();
        for (name, unit, value) in metrics {
            announced.push(json!({"Name": name, "Unit": unit}));
            self.properties.insert(name.to_owned(), value);
        }
        self.groups.push(json!({
            "Namespace": NAMESPACE,
            "Dimensions": [dimensions],
            "Metrics": announced,
        }));
    }

    fn end(mut self, time: i64) -> Value {
        let header = json!({"Timestamp": time, "CloudWatchMetrics": self.groups});
        self.properties.insert("_aws".to_owned(), header);
        self.properties.into()
    }
}

/// The name in `arn:aws:lambda:region:account:function:name`, which a version
/// or an alias may follow.
fn function_name(arn: &str) -> &str {
    arn.split(':').nth(6).unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::embedded;
    use crate::code::Code;
    use crate::task::{Status, TaskRecord, Timings, example};

    const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:joiner:live";

    /// Checks that every declared metric and dimension has a value of its type.
    fn announced(line: &Value) -> Vec<&str> {
        let mut names = Vec::new();
        for group in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
            for metric in group["Metrics"].as_array().unwrap() {
                names.push(metric["Name"].as_str().unwrap());
                assert!(line[names[names.len() - 1]].is_number(), "{metric}");
            }
            for dimension in group["Dimensions"][0].as_array().unwrap() {
                assert!(line[dimension.as_str().unwrap()].is_string(), "{dimension}");
            }
        }
        names
    }

    fn failed(code: Code) -> TaskRecord {
        let mut record = example();
        record.status = Status::Failed;
        record.code = Some(code);
        record.usage.definition = None;
        record.timings = Timings::default();
        record
    }

    #[test]
    fn what_is_announced_is_there() {
        let record = example();
        let line = embedded(&record, ARN, true, 1_744_872_010_123);
        assert_eq!(announced(&line).len(), 9);
        assert_eq!(line["_aws"]["Timestamp"], 1_744_872_010_123_i64);
        assert_eq!(line["FunctionName"], "joiner");
        assert_eq!((&line["Code"], &line["ColdStarts"]), (&"OK".into(), &1.into()));
    }

    #[test]
    fn failures_are_counted_by_code_and_faults_apart() {
        for (code, faults) in [(Code::NoSuchKey, 0), (Code::OutputMismatch, 1)] {
            let line = embedded(&failed(code), ARN, false, 0);
            let expected = ["Tasks", "BytesFetched", "BytesStored", "Faults", "ColdStarts"];
            assert_eq!(announced(&line), expected);
            assert_eq!((&line["Code"], &line["ColdStarts"]), (&code.as_str().into(), &0.into()));
            assert_eq!(line["Faults"], faults);
        }
    }
}
