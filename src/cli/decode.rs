//! `decode`: shows a process string with decoded names.

use std::fmt::Write as _;

use clap::Args;
use serde_json::json;
use video_concat::process::{ProcessSpec, parse};
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
                json!({
                    "Process": request.canonical,
                    "Operations": spec.in_clear(),
                    "Warnings": request.warnings,
                })
            })?;
        }
        Ok(())
    }
}

fn text(spec: &ProcessSpec) -> String {
    let mut text = String::new();
    for operation in spec.operations() {
        // Writing to a String never fails.
        let _ = writeln!(text, "{}", operation.operation);
        for given in &operation.parameters {
            let unit = given.parameter.unit.map_or_else(String::new, |unit| format!(" {unit}"));
            let (name, value) = (given.parameter.name, given.clear(&spec.source));
            let _ = writeln!(text, "  {name:9} {}{unit}", escaped(&value));
        }
    }
    text
}

/// Names may contain characters that would spoil lines in a terminal.
fn escaped(value: &str) -> String {
    value
        .chars()
        .map(|c| if c.is_control() { printable(&c.to_string()) } else { c.into() })
        .collect()
}
