//! Decode: what an event asks for, whichever way it came.
//!
//! Kinds are told apart by the marks that their senders put on them, never by
//! trying one after the other: with everything optional, an S3 event reads as
//! an SQS one.

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

/// A task that somebody asks for; not yet read, only complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Bucket of the main object.
    pub bucket: String,
    /// Key of the main object, decoded.
    pub object: String,
    /// Its version, where the event names one.
    pub version: Option<String>,
    /// Its content, where the event names it.
    pub etag: Option<ETag>,
    /// What to do with it.
    pub process: ProcessSource,
    /// What the message gives back.
    pub user_data: Option<String>,
    /// Which way it came.
    pub trigger: Trigger,
}

/// Where the process string is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessSource {
    /// In the event.
    Given(String),
    /// In the metadata of the uploaded object, else in the settings.
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

/// What an event is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Tasks to be done: one, or as many as a notification has records.
    Submissions(Vec<Submission>),
    /// A task that an HTTP caller has been told of.
    Accepted(Box<Accepted>),
    /// A task that is to be canceled.
    Cancel(TaskId),
    /// A step of a distributed task.
    Step(Box<Step>),
    /// A request that waits for an HTTP reply.
    Http(Box<HttpRequest>),
    /// Messages of a queue.
    Queue(Vec<MessageRecord>),
    /// Messages of a topic.
    Topic(Vec<MessageRecord>),
    /// Nothing to be done, and why.
    Ignored(String),
}

/// Decodes the payload of an invocation.
///
/// # Errors
/// Where it is of no known kind, or lacks what its kind must have.
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
    } else if let Some(id) = event.get("cancel") {
        let id = id.as_str().ok_or(EventError::Missing("cancel".to_owned()));
        Ok(Event::Cancel(id?.parse()?))
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
        // SNS alone writes it so.
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
