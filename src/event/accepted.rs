//! The event that the function sends to itself: a task whose id an HTTP caller
//! already has.
//!
//! Only an invocation of the function takes it. HTTP bodies and queue messages of this form are
//! refused, so it gives a sender nothing that a direct event would not give.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::EventError;
use crate::object::{Bucket, ETag};
use crate::task::{EventId, Moment, RequestId, TaskId};

/// The only field of the event.
pub(super) const FIELD: &str = "accepted";

/// A task whose id an HTTP caller has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Accepted {
    /// Bucket of the main object.
    pub bucket: String,
    /// Key of the main object.
    pub object: String,
    /// Its version, where the event named one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
    /// The process string.
    pub process: String,
    /// What the message gives back.
    pub user_data: Option<String>,
    /// The entity tag of each source by its key, as seen when the task was accepted.
    pub etags: BTreeMap<String, ETag>,
    /// The ids that the caller has, and where the record is.
    pub told: Told,
}

/// What the caller was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Told {
    /// What the task is.
    pub task_id: TaskId,
    /// The event that started it.
    pub event_id: EventId,
    /// The request that started it.
    pub request_id: RequestId,
    /// When it was created.
    pub created: Moment,
    /// The bucket of its record.
    pub record_bucket: Bucket,
}

impl Accepted {
    /// The event.
    #[must_use]
    pub fn to_event(&self) -> Value {
        json!({ FIELD: self })
    }
}

pub(super) fn decode(event: &Value) -> Result<Accepted, EventError> {
    Accepted::deserialize(&event[FIELD]).map_err(|error| EventError::BadJson {
        what: "function's own event",
        said: error.to_string(),
    })
}
