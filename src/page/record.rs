//! A task: its timeline, its stages, and its cost.

use serde::Deserialize;
use serde_json::{Value, json};

use super::film::Film;
use super::{problem, read};
use crate::clamped::clamped;
use crate::cost::{Architecture, Cost, PRICES, Work};
use crate::task::{OutputRecord, SourceRecord, Status, TimelineRecord, Timings, Usage};

/// The fields of a record that are drawn. The others are shown as they are.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Record {
    #[expect(dead_code, reason = "a JSON value without it is not a record")]
    status: Status,
    sources: Vec<SourceRecord>,
    timeline: Vec<TimelineRecord>,
    output: Option<OutputRecord>,
    #[expect(dead_code, reason = "a JSON value without it is not a record")]
    timings: Timings,
    usage: Usage,
}

/// The record as it is, and what follows from it. In a completion message, the record is a text
/// inside the message.
pub(super) fn show(text: &str) -> Value {
    let value = read::<Value>(text).and_then(|value| match value.get("content") {
        Some(Value::String(content)) => read(content),
        _ => Ok(value),
    });
    let record = value.and_then(|value| Ok((serde_json::from_value(value.clone())?, value)));
    match record {
        Ok((record, value)) => {
            let record: Record = record;
            json!({
                "Film": Film::of_record(&record.sources, &record.timeline, record.output.as_ref()),
                "Cost": cost(&record.usage),
                "Prices": format!("list prices of {}, {}", PRICES.region, PRICES.as_of),
                "Record": value,
            })
        }
        Err(error) => problem(format!("this is not a task record: {error}")),
    }
}

/// The cost on each processor architecture; `None` if the record is too old to contain the memory.
/// The record does not contain the size of `/tmp`: the least is assumed, which is free.
fn cost(usage: &Usage) -> Option<[Cost; 2]> {
    if usage.memory_mb == 0 {
        return None;
    }
    let small = |number: u64| clamped::<u32>(number);
    let work = Work {
        memory_mb: usage.memory_mb,
        disk_mb: 0,
        seconds: usage.gb_seconds * 1024.0 / f64::from(usage.memory_mb),
        invocations: 1,
        puts: small(usage.put_requests),
        gets: small(usage.get_requests.saturating_add(usage.head_requests)),
    };
    Some([Architecture::X86, Architecture::Arm].map(|processor| PRICES.cost(&work, processor)))
}
