//! The form: the table of parameters, and process strings with decoded names.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::codec::{AudioCodec, Container, VideoCodec, audio_ban, video_ban};
use crate::process::table::{self, Absent, Kind, Parameter};
use crate::process::{name, parse};
use crate::quantity::converted;

/// An operation with its values as people write them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Operation {
    operation: String,
    parameters: BTreeMap<String, String>,
}

/// Every operation with its parameters, and the codecs that a container can't hold, with the
/// reasons.
pub(super) fn table() -> Value {
    let operations = table::Operation::ALL.map(|operation| {
        let parameters: Vec<Value> = operation.parameters().map(row).collect();
        json!({"Operation": operation.name(), "Parameters": parameters})
    });
    let mut bans = Vec::new();
    for &container in Container::ALL {
        let video = VideoCodec::ALL.iter().map(|&c| ("vcodec", c.name(), video_ban(container, c)));
        let audio = AudioCodec::ALL.iter().map(|&c| ("acodec", c.name(), audio_ban(container, c)));
        for (parameter, codec, reason) in video.chain(audio) {
            if let Some(reason) = reason {
                bans.push(json!([container, parameter, codec, reason]));
            }
        }
    }
    json!({"Operations": operations, "Bans": bans})
}

fn row(parameter: &Parameter) -> Value {
    let choices: Vec<String> = match parameter.kind {
        Kind::Word(words) => words.iter().map(ToString::to_string).collect(),
        Kind::OneOf(numbers) => numbers.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    };
    let name = parameter.name;
    json!({
        "Name": name,
        "Choices": choices,
        "Allowed": table::values(&parameter.kind),
        "IsName": parameter.kind.is_name(),
        "IsRequired": parameter.absent == Absent::Required,
        "Unit": parameter.unit,
        "Absent": table::absent(&parameter.absent),
        "Meaning": table::meaning(parameter),
    })
}

/// The operations of a process string; a `Problem` if it violates the grammar.
pub(super) fn read(process: &str) -> Value {
    match parse(process) {
        Ok(spec) => json!({"Operations": spec.in_clear()}),
        Err(error) => super::problem(error),
    }
}

/// The process string for these operations, unchecked.
pub(super) fn write(operations: &[Operation]) -> String {
    let mut process = String::new();
    for asked in operations {
        let known = table::Operation::ALL.into_iter().find(|o| o.name() == asked.operation);
        let Some(operation) = known else { continue };
        process.push_str(operation.written());
        for parameter in operation.parameters() {
            let value = asked.parameters.get(parameter.name).filter(|value| !value.is_empty());
            let Some(value) = value else { continue };
            let value = if parameter.kind.is_name() {
                name::encode(value)
            } else {
                converted(parameter, value)
            };
            // Writing to a String never fails.
            let _ = write!(process, ",{}_{value}", parameter.name);
        }
    }
    process
}
