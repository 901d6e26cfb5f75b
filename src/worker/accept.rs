//! Accepting a task: all that can be known at once is checked, and the record
//! is there before its id is told to anybody.

use tracing::info;

use super::prepared::Prepared;
use super::{Job, TaskError, Worker, name_span, now};
use crate::event::{Accepted, Told};
use crate::ledger::Beginning;
use crate::process::Request;
use crate::task::{RequestId, TaskRecord};

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
        let ledger = self.ledger();
        let uri = ledger.uri(&prepared.record_bucket, record.task_id);
        Ok(match ledger.begin(&uri, record).await.map_err(TaskError::Record)? {
            Beginning::Begun(record) => {
                Acceptance::Begun(Box::new(accepted(job, prepared, &record)), record)
            }
            Beginning::Known(known) => {
                info!("the task is known already");
                Acceptance::Known(known)
            }
        })
    }
}

fn accepted(job: &Job, prepared: Prepared, record: &TaskRecord) -> Accepted {
    let seen = prepared.sources.distinct.into_iter();
    Accepted {
        bucket: job.main.bucket.clone(),
        object: job.main.key.clone(),
        version: job.version.clone(),
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
