//! The function's handler: from an event to the tasks that it asks for, and
//! from their records to the reply.

use std::time::{Duration, Instant, SystemTime};

use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde_json::Value;
use tracing::{Instrument, field, info, info_span};

use crate::event::{Door, Event, ProcessSource, Submission, decode};
use crate::object_store::ObjectUri;
use crate::task::{RequestId, Status, TaskRecord};
use crate::worker::{Invocation, Job, Worker};

/// Handles one event.
///
/// # Errors
/// When a retry may mend what went wrong; `error_type` is the code.
pub async fn handle(worker: &Worker, event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
    let invocation = invocation(&event.context);
    let span = info_span!("task", request_id = %invocation.request_id, task_id = field::Empty);
    // On the heap: the whole work's state would make every caller's future large.
    let work = Box::pin(dispatch(worker, &event.payload, &invocation));
    work.instrument(span).await
}

async fn dispatch(
    worker: &Worker,
    event: &Value,
    invocation: &Invocation,
) -> Result<Value, Diagnostic> {
    match decode(event) {
        Ok(Event::Submissions(submissions)) => match <[Submission; 1]>::try_from(submissions) {
            Ok([submission]) if submission.door == Door::Direct => {
                reply(worker.perform(job(submission)?, invocation).await)
            }
            _ => Err(unsupported("uploads")),
        },
        Ok(Event::Ignored(reason)) => {
            info!(reason, "ignored");
            Ok(Value::Null)
        }
        Ok(Event::Http(_)) => Err(unsupported("HTTP requests")),
        Ok(Event::Queue(_)) => Err(unsupported("queues")),
        Err(error) => {
            let process = event
                .get("process")
                .and_then(Value::as_str)
                .unwrap_or_default();
            reply(worker.refuse(process, &error.to_string(), invocation))
        }
    }
}

fn job(submission: Submission) -> Result<Job, Diagnostic> {
    match submission.process {
        ProcessSource::Given(process) => Ok(Job {
            main: ObjectUri::new(submission.bucket, submission.object),
            version: submission.version,
            process,
            user_data: submission.user_data,
        }),
        ProcessSource::FromUpload => Err(unsupported("uploads")),
    }
}

/// The record; or a function error where the platform's retries may help.
fn reply(record: TaskRecord) -> Result<Value, Diagnostic> {
    match record.code {
        Some(code) if record.status == Status::Failed && code.is_retryable() => Err(Diagnostic {
            error_type: code.to_string(),
            error_message: record.message.unwrap_or_default(),
        }),
        _ => serde_json::to_value(record).map_err(|error| Diagnostic {
            error_type: "InternalError".to_owned(),
            error_message: error.to_string(),
        }),
    }
}

fn unsupported(what: &str) -> Diagnostic {
    Diagnostic {
        error_type: "InvalidArgument".to_owned(),
        error_message: format!(
            "{what} are understood but not served: invoke the function directly"
        ),
    }
}

/// The platform tells the deadline by the wall clock.
fn invocation(context: &Context) -> Invocation {
    let deadline = SystemTime::UNIX_EPOCH + Duration::from_millis(context.deadline);
    let left = deadline
        .duration_since(SystemTime::now())
        .unwrap_or_default();
    Invocation {
        request_id: RequestId::from_invocation(&context.request_id),
        function_arn: context.invoked_function_arn.clone(),
        deadline: Instant::now() + left,
    }
}
