//! Reports how a task ended: first in its record, then to its topic.
//!
//! The record is written first, so that a receiver of the message finds the task ended. The lease
//! is kept until the message has been sent: if this run dies in between, the next run sends it.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{timeout, timeout_at};
use tracing::{Instrument, warn};

use super::deadline::REPORT_RESERVE;
use super::{Invocation, Job, Superseded, Worker, announce, log_end, now, stage};
use crate::code::Code;
use crate::ledger::{CANCELED, Canceling, Journal, Keep, LeaseError};
use crate::message::completion;
use crate::notify::{NotifyError, topic_arn};
use crate::object::Bucket;
use crate::process::parse;
use crate::storage::StoreError;
use crate::task::{TaskId, TaskRecord};

/// How long the event for the bus waits for the topic's answer, so that its record can include it.
const PROMPT: Duration = Duration::from_millis(500);

const NOT_SENT: &str = "the completion message could not be sent";

impl Worker {
    /// Writes the record and notifies the topic and the bus. Returns the record that says whether
    /// they accepted it.
    pub(super) async fn report(
        &self,
        job: &Job,
        journal: &Journal,
        mut record: TaskRecord,
        invocation: &Invocation,
    ) -> Result<TaskRecord, Superseded> {
        record.notified = false;
        let topic = topic(job);
        if topic.is_some() || self.bus.is_some() {
            record.warnings.extend(still_ours(journal.write(&record, Keep::Lease).await)?);
            let span = stage("publish", &record);
            record = tokio::select! {
                told = self.tell(topic.as_deref(), record, invocation).instrument(span) => told,
                LeaseError::Superseded = journal.keep_alive() => return Err(Superseded),
            };
        }
        record.warnings.extend(still_ours(journal.write(&record, Keep::Nothing).await)?);
        Ok(record)
    }

    /// Cancels a task, and ends its record if no run is working on it.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn cancel(
        &self,
        bucket: &Bucket,
        task: TaskId,
        invocation: &Invocation,
    ) -> Result<Canceling, StoreError> {
        let ledger = self.ledger();
        let canceling = ledger.cancel(&ledger.uri(bucket, task)).await?;
        if let Canceling::Taken(journal, record) = &canceling {
            let mut record = (**record).clone();
            record = self.count_pieces(record, bucket).await;
            record.fail(Code::Canceled, CANCELED, now());
            let job = Job::new("", "", record.process.clone());
            let reported = self.report(&job, journal, record.clone(), invocation);
            // If another run has taken the task in the meantime, that run ends it.
            if let Ok(reported) = Box::pin(reported).await {
                record = reported;
            }
            self.stop(&record, bucket).await;
            log_end(&record, invocation);
        }
        Ok(canceling)
    }

    /// Notifies the topic and the bus. Returns the record that says whether they accepted it.
    pub(super) async fn tell(
        &self,
        topic: Option<&str>,
        record: TaskRecord,
        invocation: &Invocation,
    ) -> TaskRecord {
        let ended = record.clone();
        let publish = async {
            match topic {
                Some(topic) => Some(self.publish(topic, &ended, invocation).await),
                None => None,
            }
        };
        tokio::pin!(publish);
        if let Ok(said) = timeout(PROMPT, &mut publish).await {
            let record = noted(said, record);
            let put = self.announce(&record, invocation).await;
            announce::noted(&put, record)
        } else {
            let (said, put) = tokio::join!(publish, self.announce(&record, invocation));
            announce::noted(&put, noted(said, record))
        }
    }

    async fn publish(
        &self,
        topic: &str,
        record: &TaskRecord,
        invocation: &Invocation,
    ) -> Result<(), NotifyError> {
        let prefix = self.settings.topic_arn_prefix.as_deref();
        let arn = topic_arn(topic, prefix, &invocation.function_arn)?;
        let time = Timestamp::now().as_millisecond();
        // The record in the message says that the message was sent.
        let told = TaskRecord { notified: true, ..record.clone() };
        let message = completion(&told, &invocation.function_arn, time);
        let deadline = invocation.end_before(REPORT_RESERVE);
        let sent = timeout_at(deadline, self.publisher.publish(&arn, &message)).await;
        sent.map_err(|_| NotifyError::NoAnswer(arn))?
    }
}

/// The record that says whether the topic accepted the message.
fn noted(said: Option<Result<(), NotifyError>>, mut record: TaskRecord) -> TaskRecord {
    let Some(said) = said else { return record };
    // The warning of an earlier try.
    record.warnings.retain(|warning| !warning.starts_with(NOT_SENT));
    record.notified = said.is_ok();
    if let Err(error) = said {
        warn!(%error, NOT_SENT);
        record.warnings.push(format!("{NOT_SENT}: {error}"));
    }
    record
}

/// The topic of the task, even if the rest of its process string is wrong.
pub(super) fn topic(job: &Job) -> Option<String> {
    parse(&job.process).ok().and_then(|spec| spec.topic())
}

/// Fails if the task is no longer this run's. Returns a warning if the record could not be written,
/// since that is no reason to hide how the task ended.
fn still_ours(written: Result<(), LeaseError>) -> Result<Option<String>, Superseded> {
    match written {
        // If it was to be canceled, it has ended before that.
        Ok(()) | Err(LeaseError::Canceled) => Ok(None),
        Err(LeaseError::Superseded) => Err(Superseded),
        Err(LeaseError::Store(error)) => {
            warn!(%error, "the task's record could not be written");
            Ok(Some(format!("the task's record could not be written: {error}")))
        }
    }
}
