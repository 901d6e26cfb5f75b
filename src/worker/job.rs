//! A task as it was submitted.

use std::collections::BTreeMap;

use crate::event::{Accepted, Told};
use crate::object::{Bucket, ETag, ObjectNameError, ObjectUri};
use crate::quote::{LONGEST_MESSAGE, shortened};
use crate::task::{EventId, Moment, RequestId, TaskId, TaskRecord};

/// A task as it was submitted.
#[derive(Clone, Debug)]
pub struct Job {
    /// The main object's bucket, as it was given.
    pub bucket: String,
    /// The main object's key, as it was given.
    pub object: String,
    /// The version of it, where the event named one.
    pub version: Option<String>,
    /// The process string.
    pub process: String,
    /// What the caller wants to have back.
    pub user_data: Option<String>,
    /// The entity tags of sources that have been seen before, by key: a source
    /// that is another by now fails the task.
    pub seen: BTreeMap<String, ETag>,
    /// What a caller already knows of the task.
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

    /// The main object, where objects can be called so.
    ///
    /// # Errors
    /// Where they can't.
    pub fn main(&self) -> Result<ObjectUri, ObjectNameError> {
        ObjectUri::named(&self.bucket, &self.object)
    }

    /// Whether the source of that key is another than was seen before.
    #[must_use]
    pub fn has_changed(&self, key: &str, etag: &ETag) -> bool {
        self.seen.get(key).is_some_and(|seen| seen != etag)
    }

    /// What carries the job on to another process, under the ids of its record.
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

    /// The record of its beginning. The task's id is final only where somebody
    /// has been told; else the sources are still unknown.
    pub(super) fn begin(&self, request_id: &RequestId, now: Moment) -> TaskRecord {
        // One that can be read becomes the canonical one.
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
