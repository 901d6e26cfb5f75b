//! Accepting a task: all that can be known at once is checked, and the record
//! is there before its id is told to anybody.

use jiff::{SignedDuration, Timestamp};
use tracing::info;

use super::journal::{Found, MAX_CONFLICTS, is_conflict, look, put};
use super::prepared::Prepared;
use super::{Job, TaskError, Worker, name_span, now};
use crate::code::Code;
use crate::event::{Accepted, Told};
use crate::object::ObjectUri;
use crate::process::Request;
use crate::storage::{Precondition, StoreError};
use crate::task::{RequestId, Status, StoredRecord, TaskId, TaskRecord};

/// An invocation that has not begun after this is asked for once more. Should
/// the first come after all, it finds the task taken.
const START: SignedDuration = SignedDuration::from_mins(1);

/// What becomes of a task that was asked for.
#[derive(Clone, Debug)]
pub enum Acceptance {
    /// Its record has been begun; the work is still to be started.
    Begun(Box<Accepted>, Box<TaskRecord>),
    /// It runs already, or its result is there, as this record says.
    Known(Box<TaskRecord>),
}

impl Worker {
    /// Looks at every source and begins the record of the task.
    ///
    /// # Errors
    /// Where the task could only fail, or storage does.
    pub async fn accept(
        &self,
        request: Request,
        job: &Job,
        request_id: &RequestId,
    ) -> Result<Acceptance, TaskError> {
        let mut record = job.begin(request_id, now());
        let prepared = self.prepare(request, job, &mut record).await?;
        name_span(&record);
        let uri = self.record_uri(&prepared.record_bucket, record.task_id);
        let begun = self.begin_record(&uri, record).await.map_err(TaskError::Record)?;
        Ok(match begun {
            Ok(record) => {
                Acceptance::Begun(Box::new(accepted(job, prepared, &record)), Box::new(record))
            }
            Err(known) => {
                info!("the task is known already");
                Acceptance::Known(known)
            }
        })
    }

    /// Ends the record of an accepted task whose work can't be started, unless
    /// somebody else has begun it.
    ///
    /// # Errors
    /// Where storage fails.
    pub async fn give_up(&self, told: &Told, message: &str) -> Result<(), StoreError> {
        let uri = self.record_uri(&told.record_bucket, told.task_id);
        let Some(Found { stored: Some(stored), tag }) = look(&self.store, &uri).await? else {
            return Ok(());
        };
        let StoredRecord { mut record, lease } = stored;
        if lease.is_some() || record.status != Status::Running || record.event_id != told.event_id {
            return Ok(());
        }
        record.fail(Code::InternalError, message, now());
        let failed = StoredRecord { record, lease: None };
        match put(&self.store, &uri, &failed, Precondition::IfMatch(tag)).await {
            Err(error) if !is_conflict(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// The record of a task in `bucket`, as it is stored.
    ///
    /// # Errors
    /// Where storage fails.
    pub async fn find_record(
        &self,
        bucket: &str,
        task: TaskId,
    ) -> Result<Option<TaskRecord>, StoreError> {
        let found = look(&self.store, &self.record_uri(bucket, task)).await?;
        Ok(found.and_then(|found| found.stored).map(|stored| stored.record))
    }

    /// Writes the record, unless the one that is there still stands; that is
    /// the error then. Of several that ask for the same task at once, one
    /// begins it and the others find it.
    async fn begin_record(
        &self,
        uri: &ObjectUri,
        record: TaskRecord,
    ) -> Result<Result<TaskRecord, Box<TaskRecord>>, StoreError> {
        let fresh = StoredRecord { record, lease: None };
        let mut precondition = Precondition::IfAbsent;
        let mut conflicts = 0;
        loop {
            match put(&self.store, uri, &fresh, precondition).await {
                Ok(_) => return Ok(Ok(fresh.record)),
                Err(error) if is_conflict(&error) && conflicts < MAX_CONFLICTS => conflicts += 1,
                Err(error) => return Err(error),
            }
            precondition = match look(&self.store, uri).await? {
                None => Precondition::IfAbsent,
                Some(Found { stored, tag }) => match stored {
                    Some(stored) if self.is_under_way(&stored).await => {
                        return Ok(Err(Box::new(stored.record)));
                    }
                    Some(stored) if is_stuck(&stored) => return Ok(Ok(stored.record)),
                    _ => Precondition::IfMatch(tag),
                },
            };
        }
    }

    /// Whether there is nothing to start: the task runs, will run soon, or its
    /// result is there.
    async fn is_under_way(&self, stored: &StoredRecord) -> bool {
        let record = &stored.record;
        let now = Timestamp::now();
        stored.is_held(now)
            || stored.lease.is_none()
                && match record.status {
                    Status::Failed => false,
                    Status::Running => now.duration_since(record.start_time.timestamp()) < START,
                    Status::Succeeded => self.stands(record).await,
                }
    }

    /// Where the record of a task is.
    pub(super) fn record_uri(&self, bucket: &str, task: TaskId) -> ObjectUri {
        ObjectUri::new(bucket, format!("{}{task}.json", self.settings.task_prefix))
    }
}

/// Whether a task was begun and never ended, or never told of. Its ids are
/// known to whoever asked first, so it goes on under them.
fn is_stuck(stored: &StoredRecord) -> bool {
    match stored.record.status {
        Status::Running => true,
        Status::Succeeded => stored.lease.is_some(),
        Status::Failed => false,
    }
}

fn accepted(job: &Job, prepared: Prepared, record: &TaskRecord) -> Accepted {
    let seen = prepared.sources.distinct.into_iter();
    Accepted {
        bucket: job.main.bucket.clone(),
        object: job.main.key.clone(),
        process: job.process.clone(),
        user_data: record.user_data.clone(),
        etags: seen.map(|source| (source.uri.key, source.head.etag)).collect(),
        told: Told {
            task_id: record.task_id,
            event_id: record.event_id.clone(),
            request_id: record.request_id.clone(),
            created: record.start_time,
            record_bucket: prepared.record_bucket,
        },
    }
}
