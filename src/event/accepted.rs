//! The event that the function sends to itself: a task whose id an HTTP caller already has.
//!
//! It is accepted only as a direct invocation of the function. HTTP bodies and queue messages of
//! this form are rejected, so a sender gains nothing over a direct event.

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
    /// Its version, if the event named one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
    /// The process string.
    pub process: String,
    /// Text that the caller gets back in the message.
    pub user_data: Option<String>,
    /// The entity tag of each source when the task was accepted, by key.
    pub etags: BTreeMap<String, ETag>,
    /// The ids that the caller has, and the place of the record.
    pub told: Told,
}

/// The ids that the caller has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Told {
    /// The task's id.
    pub task_id: TaskId,
    /// The event that started it.
    pub event_id: EventId,
    /// The request that started it.
    pub request_id: RequestId,
    /// When the task was created.
    pub created: Moment,
    /// The bucket of its record.
    pub record_bucket: Bucket,
}

impl Accepted {
    /// The event as JSON.
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
