//! Queues and topics: a message goes back to its queue if a retry can help, and is kept with the
//! reason if it can't be decoded.

use std::collections::HashSet;

use aws_lambda_events::sqs::SqsBatchResponse;
use serde_json::Value;
use tracing::{error, info, warn};

use super::{Function, retry_helps, uploads};
use crate::code::Code;
use crate::event::{Event, EventError, HttpRequest, MessageRecord, Route, Submission};
use crate::quote::printable;
use crate::reply::FunctionError;
use crate::worker::Invocation;

/// Works on messages of a queue one after another, and replies with the ids of those that go back
/// to the queue. If one of a message group goes back, so do all later ones of the group.
///
/// # Errors
/// Never in practice: the reply contains only texts.
pub(super) async fn work(
    function: &Function,
    records: Vec<MessageRecord>,
    invocation: &Invocation,
) -> Result<Value, FunctionError> {
    let mut back = SqsBatchResponse::default();
    let mut halted: HashSet<String> = HashSet::new();
    for (index, record) in records.into_iter().enumerate() {
        let goes_back = match submissions(function, &record) {
            // The queue delivers them again in their order, which work on this one would break.
            _ if record.group.as_ref().is_some_and(|group| halted.contains(group)) => true,
            // If it can't be kept with its reason, it goes back, and its queue keeps it after some
            // tries.
            Err(error) => !keep(function, &record, &error).await,
            Ok(submissions) => goes_back(function, submissions, invocation, index == 0).await,
        };
        if goes_back {
            warn!(message_id = printable(&record.id), "the message goes back to its queue");
            back.add_failure(record.id);
            halted.extend(record.group);
        }
    }
    serde_json::to_value(back)
        .map_err(|error| FunctionError { code: Code::InternalError, message: error.to_string() })
}

/// Works on messages of a topic, and replies with the list of records.
///
/// # Errors
/// When a retry may help one of the tasks, and when a message can neither be decoded nor kept: the
/// platform then keeps it.
pub(super) async fn work_on_topic(
    function: &Function,
    records: Vec<MessageRecord>,
    invocation: &Invocation,
) -> Result<Value, FunctionError> {
    let (mut all, mut lost) = (Vec::new(), None);
    for record in &records {
        match submissions(function, record) {
            Ok(submissions) => all.extend(submissions),
            Err(error) if keep(function, record, &error).await => {}
            Err(error) => {
                lost = Some(FunctionError { code: error.code(), message: error.to_string() });
            }
        }
    }
    let done = uploads::work(function, all, invocation).await?;
    lost.map_or(Ok(done), Err)
}

/// Keeps a message that can't be decoded in the queue of failed events; `false` if that is
/// impossible.
async fn keep(function: &Function, record: &MessageRecord, reason: &EventError) -> bool {
    let message_id = printable(&record.id);
    error!(message_id, error = %reason, "the message can't be read");
    let Some(failed) = &function.failed_events else {
        return false;
    };
    let kept = failed.keep(&record.id, &record.body, &reason.to_string()).await;
    if let Err(error) = &kept {
        error!(message_id, %error, "the message can't be kept");
    }
    kept.is_ok()
}

async fn goes_back(
    function: &Function,
    submissions: Vec<Submission>,
    invocation: &Invocation,
    mut is_first: bool,
) -> bool {
    let mut goes_back = false;
    for submission in submissions {
        let record = uploads::perform(function, submission, invocation).await;
        goes_back |= record.is_some_and(|record| retry_helps(&record, is_first));
        is_first = false;
    }
    goes_back
}

fn submissions(function: &Function, record: &MessageRecord) -> Result<Vec<Submission>, EventError> {
    match record.event.clone()? {
        Event::Submissions(submissions) => Ok(submissions),
        Event::Http(request) => submitted(function, &request),
        Event::Ignored(reason) => {
            info!(reason, "ignored");
            Ok(Vec::new())
        }
        Event::Cancel(_) => Err(EventError::NoTask),
        Event::Accepted(_) | Event::Step(_) | Event::Queue(_) | Event::Topic(_) => {
            Err(EventError::NestedMessage)
        }
    }
}

/// A sender of messages may request tasks. Claims about the caller in the message's request are
/// ignored, and no reply is sent.
fn submitted(function: &Function, request: &HttpRequest) -> Result<Vec<Submission>, EventError> {
    let default_bucket = function.worker.settings.default_bucket.as_deref();
    match request.route(default_bucket, None)? {
        Route::Submit(submission) => Ok(vec![submission]),
        // These need a reply, which a message doesn't get.
        Route::Task(_) | Route::List(_) | Route::Cancel(_) => Err(EventError::NoTask),
    }
}
