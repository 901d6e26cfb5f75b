//! A task as it was submitted.

use std::collections::BTreeMap;

use crate::event::{Accepted, Told};
use crate::object::{Bucket, ETag, ObjectUri};
use crate::process::{MainObjectError, known_main};
use crate::quote::{LONGEST_MESSAGE, shortened};
use crate::task::{EventId, Moment, RequestId, TaskId, TaskRecord};

/// A task as it was submitted.
#[derive(Clone, Debug)]
pub struct Job {
    /// The main object's bucket as given.
    pub bucket: String,
    /// The main object's key as given.
    pub object: String,
    /// Its version, if the event named one.
    pub version: Option<String>,
    /// The process string.
    pub process: String,
    /// Text that the caller gets back.
    pub user_data: Option<String>,
    /// The entity tags of sources when the task was accepted, by key. If a source has changed since
    /// then, the task fails.
    pub seen: BTreeMap<String, ETag>,
    /// What the caller already knows about the task.
    pub told: Option<Told>,
}

impl Job {
    /// A job that has not been checked.
    #[must_use]
    pub fn new(bucket: impl Into<String>, object: impl Into<String>, process: String) -> Self {
        Self {
            bucket: bucket.into(),
            object: object.into(),
            version: None,
            process,
            user_data: None,
            seen: BTreeMap::new(),
            told: None,
        }
    }

    /// The main object, if its names are valid.
    ///
    /// # Errors
    /// When a name is not valid.
    pub fn main(&self) -> Result<ObjectUri, MainObjectError> {
        known_main(Some(&self.bucket), Some(&self.object))
    }

    /// Whether the source with this key has changed since it was seen.
    #[must_use]
    pub fn has_changed(&self, key: &str, etag: &ETag) -> bool {
        self.seen.get(key).is_some_and(|seen| seen != etag)
    }

    /// The data with which another process continues the job, with the ids of its record.
    pub(super) fn accepted(
        &self,
        record: &TaskRecord,
        record_bucket: Bucket,
        etags: BTreeMap<String, ETag>,
    ) -> Accepted {
        Accepted {
            bucket: self.bucket.clone(),
            object: self.object.clone(),
            version: self.version.clone(),
            process: self.process.clone(),
            user_data: record.user_data.clone(),
            etags,
            told: Told {
                task_id: record.task_id,
                event_id: record.event_id.clone(),
                request_id: record.request_id.clone(),
                created: record.start_time,
                record_bucket,
            },
        }
    }

    /// The first record. Its task id is final only if the caller already has it; otherwise the
    /// sources are still unknown.
    pub(super) fn begin(&self, request_id: &RequestId, now: Moment) -> TaskRecord {
        // If it is valid, it is replaced by the canonical string later.
        let process = shortened(&self.process, LONGEST_MESSAGE);
        let mut record = match self.told.clone() {
            Some(told) => TaskRecord::begin(
                told.task_id,
                told.event_id,
                told.request_id,
                told.created,
                process,
            ),
            None => TaskRecord::begin(
                TaskId::derive((&self.bucket, &self.object), [], &self.process),
                EventId::random(),
                request_id.clone(),
                now,
                process,
            ),
        };
        record.user_data.clone_from(&self.user_data);
        record
    }
}

impl From<Accepted> for Job {
    fn from(accepted: Accepted) -> Self {
        Self {
            version: accepted.version,
            user_data: accepted.user_data,
            seen: accepted.etags,
            told: Some(accepted.told),
            ..Self::new(accepted.bucket, accepted.object, accepted.process)
        }
    }
}
