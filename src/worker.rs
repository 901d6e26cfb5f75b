//! The worker: the one place that knows the order of the steps.
//!
//! Head, fetch, probe, plan, run, verify, store, publish. A step that fails
//! ends the task; what the steps before it made goes away with its owner.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use tracing::{Span, error, info, warn};

use crate::code::Code;
use crate::ffmpeg::Ffmpeg;
use crate::message::completion;
use crate::metrics::{embedded, is_cold_start};
use crate::notify::{Publisher, topic_arn};
use crate::object_store::{Meter, ObjectStore, ObjectUri};
use crate::process::{Limits, MainObject, Request, check_main, parse, resolve};
use crate::settings::Settings;
use crate::task::{EventId, Moment, RequestId, Status, TaskId, TaskRecord};

pub use accept::Acceptance;
pub use error::TaskError;
pub use job::Job;
use journal::Journal;
pub use journal::OWN_MARK;

mod accept;
mod artifacts;
mod damage;
mod deliver;
mod describe;
mod error;
mod job;
mod journal;
mod sources;
mod steps;

/// How long before the function's deadline the work is given up, so that the
/// failure can still be recorded and published: a tenth of what is left, at
/// most this long.
const LONGEST_MARGIN: Duration = Duration::from_secs(10);

/// What a task needs from outside.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Settings of the function.
    pub settings: std::sync::Arc<Settings>,
    /// Object storage.
    pub store: ObjectStore,
    /// Notification.
    pub publisher: Publisher,
}

/// The invocation that a task runs in.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The platform's request id.
    pub request_id: RequestId,
    /// ARN of the function that was invoked.
    pub function_arn: String,
    /// When the platform ends the function.
    pub deadline: Instant,
}

impl Worker {
    /// Carries out a task to its end and reports it. The record says how it
    /// went; nothing of the task is left anywhere else.
    pub async fn perform(&self, job: Job, invocation: &Invocation) -> TaskRecord {
        let mut record = job.begin(&invocation.request_id, now());
        name_span(&record);
        match self.read(&job) {
            Err(error) => {
                record.fail(error.code(), error.to_string(), now());
                // Who listens to the topic may hear of it nowhere else.
                let topic = parse(&job.process).ok().and_then(|spec| spec.topic());
                let journal = self.journal(&job);
                self.report(topic.as_deref(), invocation, &journal, &mut record).await;
            }
            Ok(request) => {
                let worker = Self {
                    store: self.store.metered(std::sync::Arc::new(Meter::default())),
                    ..self.clone()
                };
                worker.carry_out(&request, &job, invocation, &mut record).await;
            }
        }
        log_end(&record);
        record
    }

    /// The record of an event that could not even be read.
    #[must_use]
    pub fn refuse(
        &self,
        process: &str,
        code: Code,
        message: &str,
        invocation: &Invocation,
    ) -> TaskRecord {
        let unread = TaskId::derive(&ObjectUri::new("", ""), [], process);
        let request_id = invocation.request_id.clone();
        let mut record =
            TaskRecord::begin(unread, EventId::random(), request_id, now(), process.to_owned());
        record.fail(code, message, now());
        log_end(&record);
        record
    }

    /// Parses and resolves: no I/O, so a mistake costs nothing.
    ///
    /// # Errors
    /// [`TaskError::Process`] and [`TaskError::Object`].
    pub fn read(&self, job: &Job) -> Result<Request, TaskError> {
        let main = MainObject { bucket: job.main.bucket.clone(), key: job.main.key.clone() };
        check_main(&main)?;
        let limits = Limits { max_sources: self.settings.max_sources };
        Ok(resolve(&parse(&job.process)?, &main, limits)?)
    }

    /// Whoever was told of the task finds it ended, even if it never began.
    fn journal(&self, job: &Job) -> Journal {
        let mut journal = Journal::new(&self.store, &self.settings);
        if let Some(told) = &job.told {
            journal.resume(&told.record_bucket);
        }
        journal
    }

    async fn carry_out(
        &self,
        request: &Request,
        job: &Job,
        invocation: &Invocation,
        record: &mut TaskRecord,
    ) {
        let started = Instant::now();
        record.process.clone_from(&request.canonical);
        record.warnings.clone_from(&request.warnings);
        let mut journal = self.journal(job);
        let deadline = give_up(invocation.deadline);
        let steps = self.steps(request, job, &mut journal, record);
        let outcome = tokio::time::timeout_at(deadline.into(), steps).await;
        let error = match outcome {
            Ok(outcome) => outcome.err(),
            Err(_) => Some(TaskError::Deadline { after: started.elapsed() }),
        };
        match &error {
            None => record.succeed(now()),
            Some(error) => record.fail(error.code(), error.to_string(), now()),
        }
        record.timings.total_ms = millis(started);
        record.usage.count(self.store.meter().read());
        self.report(request.topic.as_deref(), invocation, &journal, record).await;
    }

    /// Writes the record, then tells the topic: who hears of the task finds it
    /// ended.
    async fn report(
        &self,
        topic: Option<&str>,
        invocation: &Invocation,
        journal: &Journal,
        record: &mut TaskRecord,
    ) {
        record.notified = topic.is_some();
        journal.keep(record).await;
        let Some(topic) = topic else { return };
        if let Err(error) = self.publish(topic, invocation, record).await {
            warn!(%error, "the completion message could not be sent");
            record.notified = false;
            record.warnings.push(format!("the completion message could not be sent: {error}"));
            journal.keep(record).await;
        }
    }

    async fn publish(
        &self,
        topic: &str,
        invocation: &Invocation,
        record: &TaskRecord,
    ) -> Result<(), crate::notify::NotifyError> {
        let prefix = self.settings.topic_arn_prefix.as_deref();
        let arn = topic_arn(topic, prefix, &invocation.function_arn)?;
        let time = Timestamp::now().as_millisecond();
        let message = completion(record, &invocation.function_arn, time);
        self.publisher.publish(&arn, &message).await
    }

    fn ffmpeg(&self) -> Ffmpeg {
        Ffmpeg::new(&self.settings.ffmpeg, &self.settings.ffprobe)
    }
}

fn give_up(deadline: Instant) -> Instant {
    let now = Instant::now();
    let left = deadline.saturating_duration_since(now);
    now + left.saturating_sub((left / 10).min(LONGEST_MARGIN))
}

fn log_end(record: &TaskRecord) {
    match record.status {
        Status::Succeeded => info!(total_ms = record.timings.total_ms, "succeeded"),
        Status::Failed | Status::Running => {
            let code = record.code.map(Code::as_str);
            error!(code, reason = record.message, "failed");
        }
    }
    // CloudWatch reads metrics from whole lines only, so this one is no event.
    let time = Timestamp::now().as_millisecond();
    println!("{}", embedded(record, is_cold_start(), time));
}

/// Puts the task's id on every line that is logged from here on.
fn name_span(record: &TaskRecord) {
    Span::current().record("task_id", record.task_id.to_string());
}

fn now() -> Moment {
    Moment::new(Timestamp::now())
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
