//! The task's record as an object, kept up to date while the task runs.

use std::collections::BTreeMap;

use tracing::{info, warn};

use crate::object_store::{Description, ObjectStore, ObjectUri, Precondition, StoreError};
use crate::settings::Settings;
use crate::task::{TaskId, TaskRecord};

/// User metadata on everything that this service writes, with the task's id:
/// such an object never starts a task.
pub const OWN_MARK: &str = "video-concat-task";

/// A record is written again when the progress has grown by this many percent.
const STEP: u8 = 5;

/// Where a task's record is kept.
#[derive(Debug)]
pub(super) struct Journal {
    store: ObjectStore,
    bucket: Option<String>,
    prefix: String,
    open: bool,
    written: u8,
}

impl Journal {
    pub(super) fn new(store: &ObjectStore, settings: &Settings) -> Self {
        Self {
            store: store.clone(),
            bucket: settings.task_bucket.clone(),
            prefix: settings.task_prefix.clone(),
            open: false,
            written: 0,
        }
    }

    /// Goes on with a record that has been written before, so that even a task
    /// whose sources are gone by now comes to an end in it.
    pub(super) fn resume(&mut self, bucket: &str) {
        self.bucket = Some(bucket.to_owned());
        self.open = true;
    }

    /// Writes the first record, in `bucket` unless the settings name another.
    pub(super) async fn open(
        &mut self,
        bucket: &str,
        record: &TaskRecord,
    ) -> Result<(), StoreError> {
        self.bucket.get_or_insert_with(|| bucket.to_owned());
        self.write(record).await?;
        self.open = true;
        Ok(())
    }

    /// Notes how far the task is. A record that can't be written now is no
    /// reason to stop.
    pub(super) async fn progress(&mut self, record: &mut TaskRecord, percent: u8) {
        record.progress = percent.min(99);
        if record.progress < self.written + STEP {
            return;
        }
        self.written = record.progress;
        info!(percent = record.progress, "progress");
        self.keep(record).await;
    }

    /// Writes the record where one has been written before.
    pub(super) async fn keep(&self, record: &TaskRecord) {
        if !self.open {
            return;
        }
        if let Err(error) = self.write(record).await {
            warn!(%error, "the task's record could not be written");
        }
    }

    async fn write(&self, record: &TaskRecord) -> Result<(), StoreError> {
        let Some(bucket) = &self.bucket else {
            return Ok(());
        };
        let uri = record_uri(bucket, &self.prefix, record.task_id);
        put_record(&self.store, &uri, record, Precondition::None).await
    }
}

/// Writes a record as an object.
pub(super) async fn put_record(
    store: &ObjectStore,
    uri: &ObjectUri,
    record: &TaskRecord,
    precondition: Precondition,
) -> Result<(), StoreError> {
    let body = serde_json::to_vec(record).unwrap_or_default();
    let description = description("application/json", record.task_id);
    let put = store.put_small(uri, body, &description, precondition);
    put.await.map(drop)
}

/// Where a task's record is.
pub(super) fn record_uri(bucket: &str, prefix: &str, task: TaskId) -> ObjectUri {
    ObjectUri::new(bucket, format!("{prefix}{task}.json"))
}

/// How an object of this service is described.
pub(super) fn description(content_type: &str, task: TaskId) -> Description {
    Description {
        content_type: content_type.to_owned(),
        metadata: BTreeMap::from([(OWN_MARK.to_owned(), task.to_string())]),
    }
}
