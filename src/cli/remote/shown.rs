//! A task's record as text: the fields that matter most.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::Value;
use video_concat::quote::printable;

use crate::failure::Failure;

/// The fields of a record that are shown. Fields that the function leaves out, because it is older
/// or newer, are empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Shown {
    task_id: String,
    pub(super) status: String,
    pub(super) progress: u64,
    start_time: Option<String>,
    end_time: Option<String>,
    process: Option<String>,
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
    user_data: Option<String>,
    sources: Vec<Object>,
    targets: Vec<Object>,
    warnings: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Object {
    #[serde(rename = "URI")]
    uri: String,
    size: u64,
}

impl Shown {
    /// # Errors
    /// When a field has another type than in a record.
    pub(super) fn of(record: &Value) -> Result<Self, Failure> {
        Self::deserialize(record)
            .map_err(|error| Failure::failed(format!("the task's record can't be read: {error}")))
    }

    /// The task as one line.
    pub(super) fn line(&self) -> String {
        let target = self.targets.last().map(|target| &target.uri);
        let what = target.or(self.code.as_ref()).map_or_else(String::new, |text| printable(text));
        let started = self.start_time.as_ref().map_or_else(|| "-".to_owned(), |at| printable(at));
        let (id, status) = (printable(&self.task_id), printable(&self.status));
        format!("{id}  {started}  {status:9}  {:>3} %  {what}\n", self.progress)
            .replace("  \n", "\n")
    }

    /// The record as lines with a name and a value each.
    pub(super) fn described(&self) -> String {
        let mut text = String::new();
        let mut push = |name: &str, value: &str| {
            // Writing to a String never fails.
            let _ = writeln!(text, "{name:9}{}", plain(value));
        };
        push("task", &self.task_id);
        push("status", &format!("{}, {} %", self.status, self.progress));
        let given = [
            ("started", &self.start_time),
            ("ended", &self.end_time),
            ("process", &self.process),
            ("code", &self.code),
            ("message", &self.message),
            ("data", &self.user_data),
        ];
        for (name, value) in given {
            if let Some(value) = value {
                push(name, value);
            }
        }
        for source in &self.sources {
            push("source", &source.uri);
        }
        for target in &self.targets {
            push("target", &format!("{}, {} bytes", target.uri, target.size));
        }
        for warning in &self.warnings {
            push("warning", warning);
        }
        text
    }
}

/// The text without characters that would spoil lines in a terminal.
fn plain(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}
