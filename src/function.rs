//! The function's handler: gets the tasks from an event, runs them, and makes the reply from their
//! records.

mod authority;
mod http;
mod queue;
mod tasks;
mod uploads;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde_json::Value;
use tokio::time::{Instant, timeout};
use tracing::{Instrument, error, field, info, info_span};

use crate::async_invoke::AsyncInvoke;
use crate::code::Code;
use crate::credentials::CredentialsCache;
use crate::engine::ffmpeg::all_ended;
use crate::event::{Event, EventError, ProcessSource, Submission, Trigger, decode};
use crate::failed_events::FailedEvents;
use crate::log;
use crate::notify::topic_arn;
use crate::reply::{self, FunctionError, HttpReply, Refusal};
use crate::task::{RequestId, Status, TaskId, TaskRecord};
use crate::worker::{Invocation, Job, Worker};

/// The longest wait for a killed process to end.
const LAST_PROCESS: Duration = Duration::from_millis(300);

/// Everything that handling an event may need.
#[derive(Debug)]
pub struct Function {
    /// Runs tasks.
    pub worker: Worker,
    /// Looks up access keys.
    pub keys: CredentialsCache,
    /// Starts the work on accepted tasks.
    pub async_invoke: AsyncInvoke,
    /// Keeps messages that can't be decoded, if there is such a queue.
    pub failed_events: Option<FailedEvents>,
    /// The time of the function's initialisation, until an invocation has counted it.
    pub init: Mutex<Duration>,
}

/// Handles one event.
///
/// # Errors
/// When a retry may help; `error_type` is the code.
pub async fn handle(function: &Function, event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
    let init = std::mem::take(&mut *function.init.lock().unwrap_or_else(PoisonError::into_inner));
    let invocation = invocation(&event.context, init);
    log::trace(event.context.xray_trace_id.as_deref());
    let span = info_span!("task", request_id = %invocation.request_id, task_id = field::Empty);
    // On the heap: the state of the whole work would make every caller's future large.
    let work = Box::pin(dispatch(function, &event.payload, &invocation));
    let outcome = work.instrument(span).await;
    // No process that reads an untrusted file may remain when the next event arrives.
    if timeout(LAST_PROCESS, all_ended()).await.is_err() {
        error!("a process of ffmpeg has been killed, but has not ended yet");
    }
    outcome.map_err(|error| Diagnostic {
        error_type: error.code.to_string(),
        error_message: error.message,
    })
}

async fn dispatch(
    function: &Function,
    event: &Value,
    invocation: &Invocation,
) -> Result<Value, FunctionError> {
    match decode(event) {
        Ok(Event::Submissions(all)) => submissions(function, all, invocation).await,
        Ok(Event::Accepted(accepted)) => {
            let job = Job::from(*accepted);
            let record = Box::pin(function.worker.perform(job, invocation)).await;
            reply::direct(&record)
        }
        Ok(Event::Http(request)) => {
            let reply = http::answer(function, &request, invocation).await;
            Ok(reply.to_gateway())
        }
        Ok(Event::Step(step)) => Box::pin(function.worker.step(&step, invocation)).await,
        Ok(Event::Cancel(id)) => cancel(function, id, invocation).await,
        Ok(Event::Queue(records)) => queue::work(function, records, invocation).await,
        Ok(Event::Topic(records)) => queue::work_on_topic(function, records, invocation).await,
        Ok(Event::Ignored(reason)) => {
            info!(reason, "ignored");
            Ok(Value::Null)
        }
        Err(error) => undecoded(function, event, &error, invocation).await,
    }
}

/// Cancels a task, and replies with its current record.
async fn cancel(
    function: &Function,
    id: TaskId,
    invocation: &Invocation,
) -> Result<Value, FunctionError> {
    let worker = &function.worker;
    let refuse = |code, message: &str| reply::direct(&worker.refuse("", code, message, invocation));
    let Some(bucket) = worker.settings.record_bucket() else {
        let message = "set `TASK_BUCKET` (or `DEFAULT_BUCKET`) to have records found by their id";
        return refuse(Code::InvalidArgument, message);
    };
    let canceling = Box::pin(worker.cancel(bucket, id, invocation)).await;
    let found = match canceling {
        Ok(_) => worker.ledger().find(bucket, id).await,
        Err(error) => Err(error),
    };
    match found {
        Ok(Some(record)) => reply::direct(&record),
        Ok(None) => refuse(Code::NoSuchKey, &format!("there is no task `{id}`")),
        Err(error) => refuse(error.code(), &error.to_string()),
    }
}

/// The reply is one record for a direct event, and a list for uploads.
async fn submissions(
    function: &Function,
    submissions: Vec<Submission>,
    invocation: &Invocation,
) -> Result<Value, FunctionError> {
    match <[Submission; 1]>::try_from(submissions) {
        Ok([submission]) if submission.trigger == Trigger::Direct => {
            let record = uploads::perform(function, submission, invocation).await;
            record.map_or(Ok(Value::Null), |record| reply::direct(&record))
        }
        Ok([upload]) => uploads::work(function, vec![upload], invocation).await,
        Err(uploads) => uploads::work(function, uploads, invocation).await,
    }
}

/// An HTTP caller gets an HTTP reply even if the request can't be decoded. A notification has no
/// caller who waits for the reply, so it is kept in the queue of failed events.
async fn undecoded(
    function: &Function,
    event: &Value,
    error: &EventError,
    invocation: &Invocation,
) -> Result<Value, FunctionError> {
    if event.get("requestContext").is_some() {
        let refusal = Refusal::from(error);
        let reply = HttpReply::refused(&refusal, &invocation.request_id, "video-concat");
        return Ok(reply.to_gateway());
    }
    if let Some(failed) = &function.failed_events
        && ["Records", "detail-type"].into_iter().any(|mark| event.get(mark).is_some())
    {
        let id = invocation.request_id.to_string();
        let kept = failed.keep(&id, &event.to_string(), &error.to_string()).await;
        if let Err(error) = kept {
            error!(%error, "the event can't be kept");
        }
    }
    let process = event.get("process").and_then(Value::as_str);
    let record = function.worker.refuse(
        process.unwrap_or_default(),
        error.code(),
        &error.to_string(),
        invocation,
    );
    reply::direct(&record)
}

/// Returns the ARN for a topic's name, or the name itself if the ARN is unknown.
fn topic_arns<'a>(
    function: &'a Function,
    invocation: &'a Invocation,
) -> impl Fn(&str) -> String + 'a {
    let prefix = function.worker.settings.topic_arn_prefix.as_deref();
    move |topic| {
        let arn = topic_arn(topic, prefix, &invocation.function_arn);
        arn.unwrap_or_else(|_| topic.to_owned())
    }
}

/// The job of a submission with this process string.
fn job(submission: Submission, process: String) -> Job {
    Job {
        version: submission.version,
        user_data: submission.user_data,
        ..Job::new(submission.bucket, submission.object, process)
    }
}

/// The process string of a submission that contains it.
fn given(submission: &Submission) -> Option<String> {
    match &submission.process {
        ProcessSource::Given(process) => Some(process.clone()),
        ProcessSource::FromUpload => None,
    }
}

/// Whether another try may succeed. A task that was not the first of its event had only the time
/// that the others left; and if another run has the task and dies, the next try takes it over.
fn retry_helps(record: &TaskRecord, was_first: bool) -> bool {
    let helps = |code: Code| code.is_retryable() || code == Code::DeadlineExceeded && !was_first;
    match record.status {
        // An execution continues without further events.
        Status::Running => record.execution_arn.is_none(),
        Status::Succeeded => false,
        Status::Failed => record.code.is_some_and(helps),
    }
}

/// The platform gives the deadline in wall-clock time.
fn invocation(context: &Context, init: Duration) -> Invocation {
    let deadline = SystemTime::UNIX_EPOCH + Duration::from_millis(context.deadline);
    let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
    Invocation {
        started: Instant::now(),
        init,
        request_id: RequestId::from_invocation(&context.request_id),
        function_arn: context.invoked_function_arn.clone(),
        deadline: Instant::now() + left,
    }
}
