//! Accepting a task: all that can be known at once is checked, and the record
//! is there before its id is told to anybody.

use jiff::SignedDuration;
use tracing::info;

use super::journal::{put_record, record_uri};
use super::sources::Sources;
use super::steps::target_bucket;
use super::{Job, TaskError, Worker, describe, name_span, now};
use crate::code::Code;
use crate::event::{Accepted, Told};
use crate::object_store::{ObjectUri, Precondition, Problem, StoreError};
use crate::process::template::{Variable, Variables};
use crate::process::{Request, check_target};
use crate::task::{RequestId, Status, TargetRecord, TaskId, TaskRecord};

/// A task that still runs after this is taken for dead: the platform tries an
/// asynchronous event three times, with 15 minutes for each and short pauses.
const LONGEST_RUN: SignedDuration = SignedDuration::from_mins(60);

/// How often a record is looked at again that somebody else writes as well.
const LOOKS: usize = 3;

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
        request: &Request,
        job: &Job,
        request_id: &RequestId,
    ) -> Result<Acceptance, TaskError> {
        let sources = Sources::head(&self.store, request, job).await?;
        let mut record = job.begin(request_id, now());
        record.task_id = sources.task_id(request, job);
        name_span(&record);
        record.process.clone_from(&request.canonical);
        record.warnings.clone_from(&request.warnings);
        record.sources = describe::sources(request, &sources);
        let variables = describe::variables(request, &sources, record.start_time);
        let target_bucket = check_known_target(request, &variables)?;
        let bucket = self.settings.task_bucket.clone().unwrap_or(target_bucket);
        if let Some(known) = self.begin_record(&bucket, &record).await? {
            info!("the task is known already");
            return Ok(Acceptance::Known(Box::new(known)));
        }
        let seen = sources.distinct.iter();
        let seen = seen.map(|source| (source.uri.key.clone(), source.head.etag.clone()));
        let accepted = Accepted {
            bucket: job.main.bucket.clone(),
            object: job.main.key.clone(),
            process: job.process.clone(),
            user_data: job.user_data.clone(),
            etags: seen.collect(),
            told: Told {
                task_id: record.task_id,
                event_id: record.event_id.clone(),
                request_id: record.request_id.clone(),
                created: record.start_time,
                record_bucket: bucket,
            },
        };
        Ok(Acceptance::Begun(Box::new(accepted), Box::new(record)))
    }

    /// Ends the record of an accepted task whose work can't be started.
    ///
    /// # Errors
    /// Where storage fails.
    pub async fn give_up(
        &self,
        told: &Told,
        mut record: TaskRecord,
        message: &str,
    ) -> Result<(), StoreError> {
        record.fail(Code::InternalError, message, now());
        let uri = self.record_uri(&told.record_bucket, told.task_id);
        put_record(&self.store, &uri, &record, Precondition::None).await
    }

    /// The record of a task in `bucket`, as it is stored.
    ///
    /// # Errors
    /// Where storage fails.
    pub async fn find_record(
        &self,
        bucket: &str,
        task: TaskId,
    ) -> Result<Option<String>, StoreError> {
        let uri = self.record_uri(bucket, task);
        let stored = self.store.get_small(&uri).await?;
        Ok(stored.map(|(bytes, _)| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Writes the record, unless the one that is there still stands. Of several
    /// that ask for the same task at once, one begins it and the others find it.
    async fn begin_record(
        &self,
        bucket: &str,
        record: &TaskRecord,
    ) -> Result<Option<TaskRecord>, TaskError> {
        let uri = self.record_uri(bucket, record.task_id);
        let mut looks = 0;
        loop {
            let stored = self.store.get_small(&uri).await.map_err(TaskError::Record)?;
            let precondition = match stored {
                None => Precondition::IfAbsent,
                Some((bytes, etag)) => match serde_json::from_slice(&bytes) {
                    Ok(known) if self.stands(&known).await => return Ok(Some(known)),
                    _ => Precondition::IfMatch(etag),
                },
            };
            looks += 1;
            match put_record(&self.store, &uri, record, precondition).await {
                Ok(()) => return Ok(None),
                Err(error) if *error.problem() == Problem::Precondition && looks < LOOKS => {}
                Err(error) => return Err(TaskError::Record(error)),
            }
        }
    }

    async fn stands(&self, known: &TaskRecord) -> bool {
        match known.status {
            Status::Failed => false,
            Status::Running => {
                let age = now().timestamp().duration_since(known.start_time.timestamp());
                age < LONGEST_RUN
            }
            Status::Succeeded => {
                for target in &known.targets {
                    if !self.is_there(target).await {
                        return false;
                    }
                }
                true
            }
        }
    }

    /// A target that can't be looked at is made again rather than promised.
    async fn is_there(&self, target: &TargetRecord) -> bool {
        let head = self.store.head(&target.uri, None).await;
        head.is_ok_and(|head| head.etag == target.etag)
    }

    fn record_uri(&self, bucket: &str, task: TaskId) -> ObjectUri {
        record_uri(bucket, &self.settings.task_prefix, task)
    }
}

/// The target's bucket. Its key is checked as far as it is known before any
/// source has been read.
fn check_known_target(request: &Request, variables: &Variables) -> Result<String, TaskError> {
    let bucket = target_bucket(request, variables)?;
    let target = &request.target;
    let is_late = |variable| variable == Variable::Resolution;
    if !target.key.variables().any(is_late) {
        let key = target.key.target_key(variables)?;
        check_target(request, &bucket, &key)?;
    }
    Ok(bucket)
}
