//! Why an event can't be used.

use crate::code::Code;
use crate::quote::{quote, shortened};

/// The most bytes that are shown of what a parser says: it quotes, too.
const LONGEST_SAID: usize = 300;

/// A mistake in an event. The same event will always have it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Neither of the known kinds.
    #[error(
        "the event is of no known kind: expected a direct event with `bucket`, `object`, and `process`, an S3 notification, an EventBridge event, an HTTP request, or records of SQS or SNS"
    )]
    UnknownKind,
    /// Records of a service that is not served.
    #[error("the event's records come from {}, but must come from one of `aws:s3`, `aws:sns`, and `aws:sqs`", quote(.0))]
    UnknownSource(String),
    /// A field is not there.
    #[error("the event has no `{0}`")]
    Missing(String),
    /// A field holds something of another kind.
    #[error("`{field}` is {found}, but must be {expected}")]
    WrongKind {
        /// The field.
        field: String,
        /// What it has to be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A field holds nothing.
    #[error("`{0}` is empty")]
    Empty(String),
    /// A field that does not exist.
    #[error("unknown event field {}; {}", quote(.name), suggestion(*.nearest))]
    UnknownField {
        /// The field.
        name: String,
        /// What may have been meant.
        nearest: Option<&'static str>,
    },
    /// `userData` is too long to carry along.
    #[error("`userData` has {0} bytes, but must have at most 2048")]
    UserDataTooLong(usize),
    /// A name is percent-encoded wrongly.
    #[error("{} does not decode to UTF-8 text", quote(.0))]
    BadEncoding(String),
    /// Text that should be JSON is none.
    #[error("the {what} is not JSON: {}", shortened(.said, LONGEST_SAID))]
    BadJson {
        /// Which text.
        what: &'static str,
        /// What the parser said.
        said: String,
    },
    /// A step that there is none of.
    #[error("there is no step {}; expected plan, render, sound, join, or fail", quote(.0))]
    UnknownStep(String),
    /// A body is declared as Base64 and is not.
    #[error("the request's body is marked as Base64 but does not decode")]
    BadBase64,
    /// A message that holds a queue's or a topic's event itself.
    #[error("a message must carry a task, not further messages")]
    NestedMessage,
    /// A message that asks for what only a caller who waits can be given.
    #[error(
        "a message must carry a task: records are asked for over HTTP, and tasks are canceled over HTTP or by a direct event"
    )]
    NoTask,
    /// An HTTP request without the one query parameter there is.
    #[error(
        "the query must hold `x-oss-async-process`, as in `POST /bucket/key?x-oss-async-process`"
    )]
    NoProcessQuery,
    /// An HTTP body that carries no process string.
    #[error("the body must be `x-oss-async-process=` and the process string")]
    NoProcessBody,
    /// An HTTP path without a bucket.
    #[error("the path {} names no bucket; write `/bucket/key` or set `DEFAULT_BUCKET`", quote(.0))]
    NoBucket(String),
    /// An HTTP request for something that does not exist.
    #[error(
        "there is no {}; expected `POST /bucket/key?x-oss-async-process`, `POST /`, or `GET /tasks/TaskId`",
        quote(&format!("{method} {path}"))
    )]
    NoSuchRoute {
        /// Its method.
        method: String,
        /// Its path.
        path: String,
    },
    /// A task that cannot exist.
    #[error(transparent)]
    TaskId(#[from] crate::task::TaskIdError),
}

impl EventError {
    /// The outward code.
    #[must_use]
    pub const fn code(&self) -> Code {
        Code::InvalidArgument
    }

    /// The argument that is wrong, where it is a single one.
    #[must_use]
    pub fn argument(&self) -> Option<&str> {
        match self {
            Self::WrongKind { field, .. } => Some(field),
            Self::Missing(name) | Self::Empty(name) | Self::UnknownField { name, .. } => Some(name),
            Self::UserDataTooLong(_) => Some("userData"),
            Self::TaskId(_) => Some("TaskId"),
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
