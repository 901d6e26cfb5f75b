//! Messages of queues and topics, each of which is decoded by itself.

use aws_lambda_events::sqs::SqsMessage;
use serde::Deserialize;
use serde_json::Value;

use super::field::{optional_text, text};
use super::{Event, EventError, accepted};

/// A message, and the event in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRecord {
    /// Its id in a partial batch response.
    pub id: String,
    /// The group of a FIFO queue, whose messages must keep their order.
    pub group: Option<String>,
    /// Its text as it was sent.
    pub body: String,
    /// The event in it.
    pub event: Result<Event, EventError>,
}

/// Decodes the records of an SQS event.
pub(super) fn decode_queue(records: &[Value]) -> Result<Event, EventError> {
    let message = |record| {
        let id = text(record, &["messageId"])?.to_owned();
        let body = SqsMessage::deserialize(record).ok().and_then(|message| message.body);
        let event = text(record, &["body"]).and_then(|body| carried(body, "message's body"));
        Ok(MessageRecord { id, group: group(record), body: body.unwrap_or_default(), event })
    };
    Ok(Event::Queue(records.iter().map(message).collect::<Result<_, EventError>>()?))
}

/// Other queues have groups as well, to share themselves fairly between senders, and no order.
fn group(record: &Value) -> Option<String> {
    let field = |path: &[&str]| optional_text(record, path).ok().flatten();
    let group = field(&["attributes", "MessageGroupId"]);
    match field(&["eventSourceARN"]) {
        Some(queue) if queue.strip_suffix(".fifo").is_some() => {
            Some(group.unwrap_or_default().to_owned())
        }
        Some(_) => None,
        None => group.map(str::to_owned),
    }
}

/// Decodes the records of an SNS event.
pub(super) fn decode_topic(records: &[Value]) -> Result<Event, EventError> {
    let message = |record| {
        let id = text(record, &["Sns", "MessageId"])?.to_owned();
        let body = text(record, &["Sns", "Message"]);
        let event = body.clone().and_then(|body| carried(body, NOTIFICATION));
        let body = body.map(str::to_owned).unwrap_or_default();
        Ok(MessageRecord { id, group: None, body, event })
    };
    Ok(Event::Topic(records.iter().map(message).collect::<Result<_, EventError>>()?))
}

const NOTIFICATION: &str = "notification's `Message`";

/// The event in a message. A topic may have wrapped it in a message of its own.
fn carried(body: &str, what: &'static str) -> Result<Event, EventError> {
    let mut value = parsed(body, what)?;
    if value.get("Type").and_then(Value::as_str) == Some("Notification") {
        value = parsed(text(&value, &["Message"])?, NOTIFICATION)?;
    }
    if value.get(accepted::FIELD).is_some() {
        return Err(EventError::UnknownKind);
    }
    match super::decode(&value)? {
        Event::Queue(_) | Event::Topic(_) => Err(EventError::NestedMessage),
        // Steps are accepted only from the state machine, which invokes the function directly.
        Event::Step(_) => Err(EventError::UnknownKind),
        event => Ok(event),
    }
}

fn parsed(text: &str, what: &'static str) -> Result<Value, EventError> {
    serde_json::from_str(text)
        .map_err(|error| EventError::BadJson { what, said: error.to_string() })
}
