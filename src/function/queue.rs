//! Queues: what a retry can mend goes back, what it can't doesn't.

use aws_lambda_events::sqs::SqsBatchResponse;
use serde_json::Value;
use tracing::{error, info, warn};

use super::{Function, retry_helps, uploads};
use crate::code::Code;
use crate::event::{Event, EventError, HttpRequest, QueueRecord, Route, Submission};
use crate::reply::FunctionError;
use crate::worker::Invocation;

/// Works on messages one after another, and replies with those that go back.
///
/// # Errors
/// Never in practice: the reply is made of texts.
pub(super) async fn work(
    function: &Function,
    records: Vec<QueueRecord>,
    invocation: &Invocation,
) -> Result<Value, FunctionError> {
    let mut back = SqsBatchResponse::default();
    for (index, record) in records.into_iter().enumerate() {
        let id = record.message_id;
        match record.event.and_then(|event| submissions(function, event)) {
            Err(error) => error!(message = id, %error, "the message asks for nothing"),
            Ok(submissions) => {
                if goes_back(function, submissions, invocation, index == 0).await {
                    warn!(message = id, "the message goes back");
                    back.add_failure(id);
                }
            }
        }
    }
    serde_json::to_value(back)
        .map_err(|error| FunctionError { code: Code::InternalError, message: error.to_string() })
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

fn submissions(function: &Function, event: Event) -> Result<Vec<Submission>, EventError> {
    match event {
        Event::Submissions(submissions) => Ok(submissions),
        Event::Http(request) => submitted(function, &request),
        Event::Ignored(reason) => {
            info!(reason, "ignored");
            Ok(Vec::new())
        }
        Event::Accepted(_) | Event::Cancel(_) | Event::Queue(_) => Err(EventError::NestedQueue),
    }
}

/// Whoever may send messages may ask for tasks: what the request in one says of
/// its caller counts for nothing, and nobody waits for a reply.
fn submitted(function: &Function, request: &HttpRequest) -> Result<Vec<Submission>, EventError> {
    let default_bucket = function.worker.settings.default_bucket.as_deref();
    match request.route(default_bucket, None)? {
        Route::Submit(submission) => Ok(vec![submission]),
        // They ask for a reply, and nobody waits for one.
        Route::Task(_) | Route::List { .. } | Route::Cancel(_) => Ok(Vec::new()),
    }
}
