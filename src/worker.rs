//! The worker: it runs the steps of a task in order.
//!
//! Head, claim, fetch, probe, plan, run, verify, store, publish. A step that fails ends the task;
//! the values that the earlier steps returned remove their files when they are dropped.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{Instrument, Span, error, info, info_span, warn};

use crate::clamped::clamped;
use crate::code::Code;
use crate::engine::ffmpeg::Ffmpeg;
use crate::event_bus::EventBus;
use crate::executions::Executions;
use crate::ledger::{Begun, Claimed, Journal, Ledger, Wanted};
use crate::metrics::{embedded, is_cold_start};
use crate::notify::Publisher;
use crate::process::{Limits, Request, parse, resolve};
use crate::quote::{LONGEST_MESSAGE, shortened};
use crate::settings::Settings;
use crate::storage::{Meter, ObjectStore};
use crate::task::{EventId, Moment, RequestId, Status, TaskId, TaskRecord};

pub use accept::Acceptance;
use deadline::Deadline;
pub use error::TaskError;
pub use job::Job;
use prepared::Prepared;

mod accept;
pub mod announce;
mod budget;
mod deadline;
mod deliver;
pub mod describe;
mod distributed;
mod encode;
mod error;
mod files;
mod job;
mod prepared;
mod report;
mod sources;
mod steps;

/// How many percent of a task are finished after a step, from rough experience.
const FETCHED: u8 = 10;
const PROBED: u8 = 15;
const ENCODED: u8 = 90;

/// The error for a start event that this function did not send itself.
const NOT_ACCEPTED: &str = "no such task has been accepted under this event id: send a direct event, or \
                            `POST` the request";

const USER_DATA_KEPT: &str = "the `userData` of this request was ignored: the same task was \
                              requested before, and keeps its first `userData`";

/// Time reserved for the reply.
const REPLY: Duration = Duration::from_millis(500);

/// How long a finished task waits until the event about its start has been sent to the bus.
const LATE_START: Duration = Duration::from_millis(500);

/// What a task needs from outside.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Settings of the function.
    pub settings: std::sync::Arc<Settings>,
    /// Object storage.
    pub store: ObjectStore,
    /// Notification.
    pub publisher: Publisher,
    /// Executions of distributed tasks.
    pub executions: Executions,
    /// The destination of events about tasks, if any.
    pub bus: Option<EventBus>,
}

/// The invocation in which a task runs.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The platform's request id.
    pub request_id: RequestId,
    /// ARN of the function that was invoked.
    pub function_arn: String,
    /// When the platform started the invocation.
    pub started: Instant,
    /// How long the function's initialisation took; zero except in its first invocation. It is
    /// billed as well.
    pub init: Duration,
    /// When the platform kills the function.
    pub deadline: Instant,
}

impl Invocation {
    /// The time that is billed so far.
    fn billed(&self) -> Duration {
        self.init + self.started.elapsed()
    }

    /// The time limit for work that must leave `reserve` to what follows; now if that time has
    /// passed.
    fn end_before(&self, reserve: Duration) -> Instant {
        self.deadline.checked_sub(reserve).unwrap_or_else(Instant::now)
    }
}

/// How a task that did not fail was left.
#[derive(Clone, Copy, Debug)]
enum Done {
    /// Its result is stored.
    Here,
    /// It was handed over to an execution.
    HandedOver,
}

/// The lease was lost: another run has the task.
#[derive(Clone, Copy, Debug)]
struct Superseded;

impl Worker {
    /// Runs a task to its end and reports it, unless that has already been done. The record says
    /// how it went; nothing else of the task is left. If other functions are still working on it
    /// when the time is over, the record says `Running`.
    pub async fn perform(&self, job: Job, invocation: &Invocation) -> TaskRecord {
        let metered = self.store.metered(std::sync::Arc::new(Meter::default()));
        let worker = Self { store: metered, ..self.clone() };
        loop {
            // On the heap, since the state of this future is large.
            let outcome = Box::pin(worker.attempt(&job, invocation)).await;
            // After the reply, background work would stop until the next event.
            timeout_at(invocation.end_before(REPLY), worker.store.finish()).await.ok();
            if let Ok(mut record) = outcome {
                record.warnings.extend(dropped_user_data(&job, &record).map(str::to_owned));
                return record;
            }
            warn!("another run has taken the task over");
        }
    }

    /// The record for an event that could not be parsed.
    #[must_use]
    pub fn refuse(
        &self,
        process: &str,
        code: Code,
        message: &str,
        invocation: &Invocation,
    ) -> TaskRecord {
        let process = shortened(process, LONGEST_MESSAGE);
        let unread = TaskId::derive(("", ""), [], &process);
        let request_id = invocation.request_id.clone();
        let mut record = TaskRecord::begin(unread, EventId::random(), request_id, now(), process);
        record.fail(code, message, now());
        log_end(&record, invocation);
        record
    }

    /// Parses and resolves the request: no I/O, so a mistake costs nothing.
    ///
    /// # Errors
    /// [`TaskError::Process`] and [`TaskError::Object`].
    pub fn read(&self, job: &Job) -> Result<Request, TaskError> {
        let main = job.main()?;
        let limits = Limits { max_sources: self.settings.max_sources };
        Ok(resolve(&parse(&job.process)?, &main, limits)?)
    }

    async fn attempt(&self, job: &Job, invocation: &Invocation) -> Result<TaskRecord, Superseded> {
        let mut record = job.begin(&invocation.request_id, now());
        let deadline = Deadline::before(invocation.deadline);
        let prepared = deadline.limit(self.head(job, &mut record)).await;
        name_span(&record);
        if let Some(told) = &job.told {
            match deadline.limit(self.is_accepted(job, told)).await {
                Ok(true) => {}
                Ok(false) => {
                    return Ok(self.refuse("", Code::InvalidArgument, NOT_ACCEPTED, invocation));
                }
                Err(error) => {
                    return Ok(self.end_unrecorded(Some(error), job, record, invocation).await);
                }
            }
        }
        // A caller that got a task id always finds a final record.
        let told = job.told.as_ref().map(|told| &told.record_bucket);
        let Some(bucket) = told.or(prepared.as_ref().ok().map(|known| &known.record_bucket)) else {
            let error = prepared.err();
            return Ok(self.end_unrecorded(error, job, record, invocation).await);
        };
        let ledger = self.ledger();
        let uri = ledger.uri(bucket, record.task_id);
        let result = prepared.as_ref().ok().map(Prepared::place);
        let wanted = Wanted { record: record.clone(), result };
        let claim = async {
            let claim = Box::pin(ledger.claim(&uri, &wanted, deadline.until)).await;
            claim.map_err(TaskError::Record)
        };
        let claim = Box::pin(claim.instrument(stage("claim", &record)));
        // A claim that is canceled half-way could leave a record that says `Running` while nobody
        // works on the task.
        match deadline.limit_to_last(claim).await {
            Err(error) => Ok(self.end_unrecorded(Some(error), job, record, invocation).await),
            Ok(Claimed::Known(known)) => {
                info!(status = %known.status, "answered from the record");
                Ok(*known)
            }
            Ok(Claimed::Distributed(known, execution)) => {
                if self.follow(job, bucket, &known, &execution).await {
                    return Ok(self.count_pieces(*known, bucket).await);
                }
                if let Err(error) = ledger.bury(&uri, &execution).await {
                    let error = Some(TaskError::Record(error));
                    return Ok(self.end_unrecorded(error, job, record, invocation).await);
                }
                Err(Superseded)
            }
            Ok(Claimed::Ours(journal, begun)) => {
                Box::pin(self.carry_out(begun, prepared, job, &journal, invocation)).await
            }
        }
    }

    async fn head(&self, job: &Job, record: &mut TaskRecord) -> Result<Prepared, TaskError> {
        let request = self.read(job)?;
        self.prepare(request, job, record).await
    }

    /// Does the rest of the work, and reports.
    async fn carry_out(
        &self,
        begun: Begun,
        prepared: Result<Prepared, TaskError>,
        job: &Job,
        journal: &Journal,
        invocation: &Invocation,
    ) -> Result<TaskRecord, Superseded> {
        let started = Instant::now();
        let is_known = matches!(begun, Begun::Untold(_));
        let record = match begun {
            Begun::Stored(record) | Begun::Untold(record) => *record,
            Begun::Work(_) => {
                let outcome = self.work(prepared, job, journal, invocation).await;
                let mut record = journal.latest();
                match outcome {
                    Ok(Done::Here) => record.succeed(now()),
                    Ok(Done::HandedOver) => return Ok(record),
                    Err(TaskError::Superseded) => {
                        self.ledger().withdraw(journal).await;
                        return Err(Superseded);
                    }
                    Err(error) => {
                        record.execution_arn = None;
                        record.fail(error.code(), error.to_string(), now());
                    }
                }
                record.timings.total_ms = millis(started);
                record.usage.count_memory(self.settings.memory_mb, invocation.billed());
                record.usage.count(self.store.meter().read());
                record
            }
        };
        // The earlier run has already sent the event to the bus, so only the topic lacks its
        // message.
        let bus = self.bus.clone().filter(|_| !is_known);
        let reporter = Self { bus, ..self.clone() };
        let record = Box::pin(reporter.report(job, journal, record, invocation)).await?;
        if is_known {
            info!(notified = record.notified, "reported again");
        } else {
            log_end(&record, invocation);
        }
        Ok(record)
    }

    /// Does the work, and announces that on the bus. The results are in the journal.
    async fn work(
        &self,
        prepared: Result<Prepared, TaskError>,
        job: &Job,
        journal: &Journal,
        invocation: &Invocation,
    ) -> Result<Done, TaskError> {
        // The start of an accepted task has been announced already.
        let is_new = job.told.is_none();
        let mut start = is_new.then(|| self.announce_start(journal.latest(), invocation));
        let outcome = match prepared {
            Err(error) => Err(error),
            Ok(prepared) => {
                let progress = self.announce_progress(journal, invocation);
                let steps = self.here_or_elsewhere(&prepared, job, journal, invocation);
                tokio::select! {
                    outcome = Box::pin(steps) => outcome,
                    ended = journal.keep_alive() => Err(ended.into()),
                    never = progress => match never {},
                }
            }
        };
        if let Some(start) = &mut start {
            timeout(LATE_START, start.join_next()).await.ok();
        }
        outcome
    }

    /// Ends a task that has no record.
    async fn end_unrecorded(
        &self,
        error: Option<TaskError>,
        job: &Job,
        mut record: TaskRecord,
        invocation: &Invocation,
    ) -> TaskRecord {
        if let Some(error) = error {
            record.fail(error.code(), error.to_string(), now());
        }
        // Since there is no record, only the message tells subscribers about it.
        let record = self.tell(report::topic(job).as_deref(), record, invocation).await;
        log_end(&record, invocation);
        record
    }

    /// The records of all tasks.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        Ledger::new(self.store.clone(), &self.settings.task_prefix)
    }

    fn ffmpeg(&self) -> Ffmpeg {
        let Settings { ffmpeg, ffprobe, memory_mb, .. } = &*self.settings;
        Ffmpeg::new(ffmpeg, ffprobe, (*memory_mb).into())
    }
}

/// A warning if an existing task keeps another `userData` than this request's.
#[must_use]
pub fn dropped_user_data(job: &Job, record: &TaskRecord) -> Option<&'static str> {
    let given = job.user_data.as_ref().filter(|_| job.told.is_none())?;
    if record.user_data.as_ref() == Some(given) {
        return None;
    }
    warn!(USER_DATA_KEPT);
    Some(USER_DATA_KEPT)
}

fn log_end(record: &TaskRecord, invocation: &Invocation) {
    match record.status {
        Status::Succeeded => info!(total_ms = record.timings.total_ms, "succeeded"),
        Status::Failed | Status::Running => {
            let code = record.code.map(Code::as_str);
            error!(code, reason = record.message, "failed");
        }
    }
    // CloudWatch reads metrics only from whole lines of JSON, so this line is not a log event.
    let time = Timestamp::now().as_millisecond();
    println!("{}", embedded(record, &invocation.function_arn, is_cold_start(), time));
}

/// The span of one stage. A log line shows only its innermost span, so each span has the ids.
fn stage(name: &'static str, record: &TaskRecord) -> Span {
    stage_of(name, &record.request_id, record.task_id)
}

fn stage_of(name: &'static str, request: &RequestId, task: TaskId) -> Span {
    info_span!("stage", stage = name, request_id = %request, task_id = %task)
}

/// Adds the task's id to every later log line.
fn name_span(record: &TaskRecord) {
    name_task(record.task_id);
}

fn name_task(task: TaskId) {
    Span::current().record("task_id", task.to_string());
}

fn now() -> Moment {
    Moment::new(Timestamp::now())
}

fn millis(since: Instant) -> u64 {
    clamped::<u64>(since.elapsed().as_millis())
}
