//! Why a command failed.

use std::ops::Range;

use serde_json::{Map, Value};
use video_concat::code::Code;

/// Exit status if a task failed.
const FAILED: u8 = 1;
/// Exit status if the request was wrong.
const WRONG: u8 = 2;

/// See the module.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    code: Option<String>,
    is_wrong: bool,
    argument: Option<Box<(String, String)>>,
    pub(crate) place: Option<Box<Place>>,
    /// The record of the task that failed.
    record: Option<Box<Value>>,
}

/// The place of a mistake in a text.
#[derive(Debug)]
pub(crate) struct Place {
    /// The file that contains the text, if it is one.
    pub(crate) file: Option<String>,
    pub(crate) text: String,
    pub(crate) at: Range<usize>,
    /// The problem, without the offset.
    pub(crate) problem: String,
    /// What would be right there.
    pub(crate) remedy: Option<String>,
    /// The earlier part of the text that it conflicts with.
    pub(crate) first: Option<Range<usize>>,
    /// The same place in the process string.
    pub(crate) in_process: Option<Range<usize>>,
}

impl Failure {
    /// The request is wrong.
    pub(crate) fn wrong(message: impl Into<String>) -> Self {
        Self::with_code(Code::InvalidArgument, message)
    }

    /// Something other than the request failed.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: None,
            is_wrong: false,
            argument: None,
            place: None,
            record: None,
        }
    }

    /// The error with which a task would fail.
    pub(crate) fn with_code(code: Code, message: impl Into<String>) -> Self {
        let is_wrong = code == Code::InvalidArgument;
        Self { code: Some(code.to_string()), is_wrong, ..Self::failed(message) }
    }

    /// The error of an endpoint, or of a failed task.
    pub(crate) fn refused(code: &str, message: impl Into<String>) -> Self {
        let is_wrong = ["InvalidArgument", "InvalidRequest", "MethodNotAllowed"].contains(&code);
        Self { code: Some(code.to_owned()), is_wrong, ..Self::failed(message) }
    }

    pub(crate) fn with_record(self, record: Value) -> Self {
        Self { record: Some(Box::new(record)), ..self }
    }

    pub(crate) fn argument(self, name: &str, value: &str) -> Self {
        Self { argument: Some(Box::new((name.to_owned(), value.to_owned()))), ..self }
    }

    pub(crate) fn at(self, place: Place) -> Self {
        Self { place: Some(Box::new(place)), ..self }
    }

    /// The exit status of the process.
    pub(crate) fn status(&self) -> u8 {
        if self.is_wrong { WRONG } else { FAILED }
    }

    /// The failure as JSON, with the field names of records and error answers.
    pub(crate) fn to_json(&self) -> Value {
        if let Some(record) = &self.record {
            return (**record).clone();
        }
        let mut fields = Map::new();
        let mut set = |name: &str, value: Value| _ = fields.insert(name.to_owned(), value);
        set("Code", self.code.clone().into());
        set("Message", self.message.clone().into());
        if let Some((name, value)) = self.argument.as_deref() {
            set("ArgumentName", name.clone().into());
            set("ArgumentValue", value.clone().into());
        }
        if let Some(place) = self.place.as_deref() {
            if let Some(at) = &place.in_process {
                set("Start", at.start.into());
                set("End", at.end.into());
            }
            if let Some(file) = &place.file {
                set("File", file.clone().into());
                set("FileStart", place.at.start.into());
                set("FileEnd", place.at.end.into());
            }
        }
        Value::Object(fields)
    }
}
