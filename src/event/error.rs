//! Why an event can't be used.

use crate::code::Code;
use crate::quote::{quote, shortened};

/// Most bytes of a parser's message that are shown, since the message quotes the input.
const LONGEST_SAID: usize = 300;

/// A mistake in an event. The same event will always fail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The kind of the event is unknown.
    #[error(
        "the kind of the event is unknown: expected a direct event with `bucket`, `object`, and `process`, an S3 notification, an EventBridge event, an HTTP request, or records of SQS or SNS"
    )]
    UnknownKind,
    /// Records of an unknown service.
    #[error("the event's records come from {}, but must come from one of `aws:s3`, `aws:sns`, and `aws:sqs`", quote(.0))]
    UnknownSource(String),
    /// A field is missing.
    #[error("the event has no `{0}`")]
    Missing(String),
    /// A field has the wrong type.
    #[error("`{field}` is {found}, but must be {expected}")]
    WrongKind {
        /// The field.
        field: String,
        /// The expected type.
        expected: &'static str,
        /// The type that was found.
        found: &'static str,
    },
    /// A field is empty.
    #[error("`{0}` is empty")]
    Empty(String),
    /// A field that does not exist.
    #[error("unknown event field {}; {}", quote(.name), suggestion(*.nearest))]
    UnknownField {
        /// The field.
        name: String,
        /// The known field that may be meant.
        nearest: Option<&'static str>,
    },
    /// `userData` is too long.
    #[error("`userData` has {0} bytes, but must have at most 2048")]
    UserDataTooLong(usize),
    /// A name with invalid percent-encoding.
    #[error("{} does not decode to UTF-8 text", quote(.0))]
    BadEncoding(String),
    /// Text that is not valid JSON.
    #[error("the {what} is not JSON: {}", shortened(.said, LONGEST_SAID))]
    BadJson {
        /// Which text.
        what: &'static str,
        /// The parser's message.
        said: String,
    },
    /// An unknown step.
    #[error("there is no step {}; expected plan, render, sound, join, or fail", quote(.0))]
    UnknownStep(String),
    /// A body that is marked as Base64 and is not valid Base64.
    #[error("the request's body is marked as Base64 but does not decode")]
    BadBase64,
    /// A message that contains an event of a queue or a topic.
    #[error("a message must carry a task, not further messages")]
    NestedMessage,
    /// A message that asks for something that only a waiting caller can receive.
    #[error(
        "a message must carry a task: records are asked for over HTTP, and tasks are canceled over HTTP or by a direct event"
    )]
    NoTask,
    /// An HTTP request without the only query parameter.
    #[error(
        "the query must hold `x-oss-async-process`, as in `POST /bucket/key?x-oss-async-process`"
    )]
    NoProcessQuery,
    /// An HTTP body without a process string.
    #[error("the body must be `x-oss-async-process=` and the process string")]
    NoProcessBody,
    /// An HTTP path without a bucket.
    #[error("the path {} names no bucket; write `/bucket/key` or set `DEFAULT_BUCKET`", quote(.0))]
    NoBucket(String),
    /// An HTTP request for an unknown route.
    #[error(
        "there is no {}; expected `POST /bucket/key?x-oss-async-process`, `POST /`, `GET /tasks`, or `GET` or `DELETE /tasks/TaskId`",
        quote(&format!("{method} {path}"))
    )]
    NoSuchRoute {
        /// Its method.
        method: String,
        /// Its path.
        path: String,
    },
    /// An invalid task id.
    #[error(transparent)]
    TaskId(#[from] crate::task::TaskIdError),
}

impl EventError {
    /// The outward code.
    #[must_use]
    pub const fn code(&self) -> Code {
        Code::InvalidArgument
    }

    /// The argument that is wrong, if it is a single one, and its value if that is short.
    #[must_use]
    pub fn argument(&self) -> Option<(&str, &str)> {
        match self {
            Self::WrongKind { field, .. } => Some((field, "")),
            Self::Missing(name) | Self::Empty(name) | Self::UnknownField { name, .. } => {
                Some((name, ""))
            }
            Self::UserDataTooLong(_) => Some(("userData", "")),
            Self::TaskId(error) => Some(("TaskId", error.text())),
            Self::UnknownKind
            | Self::UnknownSource(_)
            | Self::BadEncoding(_)
            | Self::BadJson { .. }
            | Self::UnknownStep(_)
            | Self::BadBase64
            | Self::NestedMessage
            | Self::NoTask
            | Self::NoProcessQuery
            | Self::NoProcessBody
            | Self::NoBucket(_)
            | Self::NoSuchRoute { .. } => None,
        }
    }
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(
        || "expected `bucket`, `object`, `process`, or `userData`".to_owned(),
        |name| format!("did you mean `{name}`?"),
    )
}
