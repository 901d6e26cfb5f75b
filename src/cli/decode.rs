//! `decode`: a process string with its names in clear.

use std::fmt::Write as _;

use clap::Args;
use serde_json::{Map, Value, json};
use video_concat::process::name::{self, Name};
use video_concat::process::table::Kind;
use video_concat::process::{OperationSpec, ParameterSpec, ProcessSpec, parse};
use video_concat::quote::printable;

use super::failure::Failure;
use super::output::Output;
use super::request::RequestArgs;

/// The arguments.
#[derive(Args, Debug)]
pub(crate) struct Decode {
    #[command(flatten)]
    request: RequestArgs,
}

impl Decode {
    pub(crate) fn run(&self, output: Output) -> Result<(), Failure> {
        for asked in self.request.all()? {
            let request = asked.resolve()?;
            let spec = parse(&asked.process).map_err(|error| asked.mistake(&error))?;
            output.warnings(&request.warnings);
            output.result(&text(&spec), || {
                let operations: Vec<Value> = operations(&spec).map(|o| to_json(&spec, o)).collect();
                json!({
                    "Process": request.canonical,
                    "Operations": operations,
                    "Warnings": request.warnings,
                })
            })?;
        }
        Ok(())
    }
}

/// Every operation, as they stand.
fn operations(spec: &ProcessSpec) -> impl Iterator<Item = &OperationSpec> {
    let mut all: Vec<&OperationSpec> = std::iter::once(&spec.concat)
        .chain(&spec.clips)
        .chain(&spec.segment)
        .chain(std::iter::once(&spec.target))
        .chain(&spec.notify)
        .collect();
    all.sort_by_key(|operation| operation.span.start);
    all.into_iter()
}

fn text(spec: &ProcessSpec) -> String {
    let mut text = String::new();
    for operation in operations(spec) {
        // Writing into a String never fails.
        let _ = writeln!(text, "{}", operation.operation);
        for given in &operation.parameters {
            let unit = given.parameter.unit.map(|unit| format!(" {unit}")).unwrap_or_default();
            let (name, value) = (given.parameter.name, clear(spec, given));
            let _ = writeln!(text, "  {name:9} {}{unit}", escaped(&value));
        }
    }
    text
}

/// Names may hold what would spoil the lines of a terminal.
fn escaped(value: &str) -> String {
    value
        .chars()
        .map(|c| if c.is_control() { printable(&c.to_string()) } else { c.into() })
        .collect()
}

fn to_json(spec: &ProcessSpec, operation: &OperationSpec) -> Value {
    let parameters = operation.parameters.iter();
    let parameters: Map<String, Value> = parameters
        .map(|given| (given.parameter.name.to_owned(), clear(spec, given).into()))
        .collect();
    json!({"Operation": operation.operation.name(), "Parameters": parameters})
}

/// The value, decoded where it is a name.
fn clear(spec: &ProcessSpec, given: &ParameterSpec) -> String {
    let value = given.value.of(&spec.source);
    match given.parameter.kind {
        Kind::Key | Kind::Template | Kind::Topic => {
            name::decode(value).map_or_else(|_| value.to_owned(), |Name { text, .. }| text)
        }
        _ => value.to_owned(),
    }
}
