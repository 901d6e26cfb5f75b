//! SQS records: each a message of its own, right or wrong for itself.

use serde_json::Value;

use super::field::text;
use super::{Event, EventError};

/// A message and what it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueRecord {
    /// What a partial batch response names it by.
    pub message_id: String,
    /// The event in its body.
    pub event: Result<Event, EventError>,
}

/// Decodes the records of an SQS event.
pub(super) fn decode_records(records: &[Value]) -> Result<Event, EventError> {
    let records: Result<Vec<_>, EventError> = records
        .iter()
        .map(|record| {
            Ok(QueueRecord {
                message_id: text(record, &["messageId"])?.to_owned(),
                event: decode_body(record),
            })
        })
        .collect();
    Ok(Event::Queue(records?))
}

fn decode_body(record: &Value) -> Result<Event, EventError> {
    let body = text(record, &["body"])?;
    let body = serde_json::from_str(body)
        .map_err(|error| EventError::BadJson { what: "message's body", said: error.to_string() })?;
    match super::decode(&body)? {
        Event::Queue(_) => Err(EventError::NestedQueue),
        Event::Accepted(_) => Err(EventError::UnknownKind),
        event => Ok(event),
    }
}
