//! A finished task: its timeline, its stages, and what it cost.

use serde_json::{Value, json};

use super::film::Film;
use super::problem;
use crate::cost::{Architecture, Cost, PRICES, Work};
use crate::task::{TaskRecord, Usage};

/// The record as it is read, and what follows from it. A completion message has it as a text.
pub(super) fn show(text: &str) -> Value {
    let record = serde_json::from_str::<Value>(text).and_then(|value| {
        match value.get("content").and_then(Value::as_str) {
            Some(content) => serde_json::from_str::<TaskRecord>(content),
            None => serde_json::from_value(value),
        }
    });
    match record {
        Ok(record) => json!({
            "Record": record,
            "Film": Film::of_record(&record),
            "Cost": cost(&record.usage),
            "Prices": format!("list prices of {}, {}", PRICES.region, PRICES.as_of),
        }),
        Err(error) => problem(format!("this is no task record: {error}")),
    }
}

/// On each processor; nothing where the record is too old to tell the memory. It does not tell the
/// size of `/tmp`: the least is assumed, which costs nothing.
fn cost(usage: &Usage) -> Option<[Cost; 2]> {
    if usage.memory_mb == 0 {
        return None;
    }
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
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
