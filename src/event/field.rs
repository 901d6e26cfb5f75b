//! Reads fields of an event by their path, with errors that name the path.

use serde_json::Value;

use super::EventError;

/// The text at `path`, which must exist and not be empty.
pub(super) fn text<'a>(value: &'a Value, path: &[&str]) -> Result<&'a str, EventError> {
    match optional_text(value, path)? {
        Some("") => Err(EventError::Empty(path.join("."))),
        Some(text) => Ok(text),
        None => Err(EventError::Missing(path.join("."))),
    }
}

/// The text at `path`; `null` counts as absent.
pub(super) fn optional_text<'a>(
    value: &'a Value,
    path: &[&str],
) -> Result<Option<&'a str>, EventError> {
    match at(value, path) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(wrong_kind(path, "a text", other)),
    }
}

/// The list at `path`, which must exist.
pub(super) fn list<'a>(value: &'a Value, path: &[&str]) -> Result<&'a [Value], EventError> {
    match at(value, path) {
        None => Err(EventError::Missing(path.join("."))),
        Some(Value::Array(items)) => Ok(items),
        Some(other) => Err(wrong_kind(path, "a list", other)),
    }
}

/// The value at `path`.
pub(super) fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| value.get(name))
}

fn wrong_kind(path: &[&str], expected: &'static str, found: &Value) -> EventError {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    EventError::WrongKind { field: path.join("."), expected, found }
}
