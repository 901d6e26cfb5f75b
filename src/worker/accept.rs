//! Accepts a task: everything that can be checked at once is checked, and the record is written
//! before anybody gets the task's id.

use tracing::info;

use super::{Job, TaskError, Worker, name_span, now};
use crate::event::{Accepted, Told};
use crate::ledger::{Beginning, Wanted};
use crate::process::Request;
use crate::task::{RequestId, TaskId, TaskRecord};

/// The result of accepting a task.
#[derive(Clone, Debug)]
pub enum Acceptance {
    /// Its record has been created; the work still has to be started.
    Begun(Box<Accepted>, Box<TaskRecord>),
    /// It is already running, or its result exists, as this record says.
    Known(Box<TaskRecord>),
}

impl Worker {
    /// Looks at every source and creates the record of the task.
    ///
    /// # Errors
    /// When the task would fail in any case, or storage fails.
    pub async fn accept(
        &self,
        request: Request,
        job: &Job,
        request_id: &RequestId,
    ) -> Result<Acceptance, TaskError> {
        let mut record = job.begin(request_id, now());
        let prepared = self.prepare(request, job, &mut record).await?;
        name_span(&record);
        let ledger = self.ledger();
        let uri = ledger.uri(&prepared.record_bucket, record.task_id);
        let wanted = Wanted { record, result: Some(prepared.place()) };
        let beginning = ledger.begin(&uri, &wanted).await.map_err(TaskError::Record)?;
        Ok(match beginning {
            Beginning::Begun(record) => {
                let seen = prepared.sources.distinct.into_iter();
                let etags =
                    seen.map(|source| (String::from(&source.uri.key), source.head.etag)).collect();
                let accepted = job.accepted(&record, prepared.record_bucket, etags);
                Acceptance::Begun(Box::new(accepted), record)
            }
            Beginning::Known(known) => {
                info!("the task is known already");
                Acceptance::Known(known)
            }
        })
    }

    /// Whether the task of a start event has been accepted: its record exists with the same event
    /// id, and belongs to the same objects and request. Without this check, a start event could
    /// overwrite any record.
    pub(super) async fn is_accepted(&self, job: &Job, told: &Told) -> Result<bool, TaskError> {
        let bucket = &told.record_bucket;
        if self.settings.task_bucket.as_ref().is_some_and(|own| own != bucket) {
            return Ok(false);
        }
        // If the request is no longer valid because the settings have changed, the task fails and
        // its record says so.
        let is_another = self.read(job).is_ok_and(|request| {
            let keys = request.sources().keys.into_iter();
            let uris = keys.map(|(key, _)| request.uri(key));
            let sources: Vec<_> = uris.map(|uri| (job.seen.get(&*uri.key), uri)).collect();
            let seen = sources.iter().filter_map(|(etag, uri)| Some((uri, (*etag)?)));
            TaskId::derive((&job.bucket, &job.object), seen, &self.definition(&request))
                != told.task_id
        });
        if is_another {
            return Ok(false);
        }
        let record = self.ledger().find(bucket, told.task_id).await.map_err(TaskError::Record)?;
        Ok(record.is_some_and(|record| record.event_id == told.event_id))
    }
}
