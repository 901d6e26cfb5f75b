//! Decodes events: what the caller asks for, whichever way the event came.
//!
//! The kind of an event is determined by markers of its sender, never by trying one type after the
//! other: if every field is optional, an S3 event can be read as an SQS event.

mod accepted;
mod direct;
mod error;
mod field;
mod http;
mod queue;
mod route;
mod step;
#[cfg(test)]
mod tests;
mod upload;

use serde_json::Value;

pub use accepted::{Accepted, Told};
pub use error::EventError;
pub use http::HttpRequest;
pub use queue::MessageRecord;
pub use route::{ListQuery, Resource, Route};
pub use step::{Failure, RunOfTask, Step, Work, execution_input};

use crate::object::ETag;
use crate::task::TaskId;

/// A request for a task. It is complete, but its content has not been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Bucket of the main object.
    pub bucket: String,
    /// Key of the main object, decoded.
    pub object: String,
    /// Its version, if the event names one.
    pub version: Option<String>,
    /// Its entity tag, if the event names it.
    pub etag: Option<ETag>,
    /// Where the process string comes from.
    pub process: ProcessSource,
    /// Text that the caller gets back in the message.
    pub user_data: Option<String>,
    /// The way in which the request came.
    pub trigger: Trigger,
}

/// Where the process string comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessSource {
    /// From the event.
    Given(String),
    /// From the metadata of the uploaded object, else from the settings.
    FromUpload,
}

/// The ways into the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Invoked with a direct event.
    Direct,
    /// Invoked by S3.
    S3Notification,
    /// Invoked by `EventBridge`.
    EventBridge,
    /// Invoked by a gateway.
    Http,
}

/// A decoded event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Requests for tasks: one, or one for each record of a notification.
    Submissions(Vec<Submission>),
    /// A task whose id an HTTP caller already has.
    Accepted(Box<Accepted>),
    /// A request to cancel a task.
    Cancel(TaskId),
    /// A step of a distributed task.
    Step(Box<Step>),
    /// An HTTP request.
    Http(Box<HttpRequest>),
    /// Messages of a queue.
    Queue(Vec<MessageRecord>),
    /// Messages of a topic.
    Topic(Vec<MessageRecord>),
    /// Nothing to do, for this reason.
    Ignored(String),
}

/// Decodes the payload of an invocation.
///
/// # Errors
/// When its kind is unknown, or a required field is missing.
pub fn decode(event: &Value) -> Result<Event, EventError> {
    let has = |name: &str| event.get(name).is_some();
    if has("Records") {
        decode_records(event)
    } else if has("requestContext") {
        http::decode(event)
    } else if event.get("detail-type").and_then(Value::as_str) == Some(step::EXECUTION_CHANGE) {
        step::decode_change(event).map(|step| Event::Step(Box::new(step)))
    } else if has("detail-type") {
        upload::decode_bridge(event)
    } else if event.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        Ok(Event::Ignored("S3 tests the notification".to_owned()))
    } else if has("cancel") {
        Ok(Event::Cancel(field::text(event, &["cancel"])?.parse()?))
    } else if has(step::FIELD) {
        step::decode(event).map(|step| Event::Step(Box::new(step)))
    } else if has(accepted::FIELD) {
        accepted::decode(event).map(|task| Event::Accepted(Box::new(task)))
    } else if ["bucket", "object", "process"].into_iter().any(has) {
        Ok(Event::Submissions(vec![direct::decode(event, Trigger::Direct)?]))
    } else {
        Err(EventError::UnknownKind)
    }
}

fn decode_records(event: &Value) -> Result<Event, EventError> {
    let records = field::list(event, &["Records"])?;
    let mut sources = Vec::new();
    for record in records {
        // Only SNS spells the name like this.
        let name = if record.get("EventSource").is_some() { "EventSource" } else { "eventSource" };
        sources.push(field::text(record, &[name])?);
    }
    let other = |known: &str| sources.iter().find(|source| **source != known);
    match sources.first() {
        None => Ok(Event::Ignored("the event has no records".to_owned())),
        Some(&"aws:s3") if other("aws:s3").is_none() => upload::decode_records(records),
        Some(&"aws:sqs") if other("aws:sqs").is_none() => queue::decode_queue(records),
        Some(&"aws:sns") if other("aws:sns").is_none() => queue::decode_topic(records),
        Some(_) => {
            let unknown =
                sources.iter().find(|source| !["aws:s3", "aws:sqs", "aws:sns"].contains(source));
            Err(EventError::UnknownSource(
                unknown.map_or_else(|| sources.join("` and `"), |source| (*source).to_owned()),
            ))
        }
    }
}
