//! The HTTP trigger: tasks are accepted at once and run later.

use std::time::Duration;

use tokio::time::timeout;
use tracing::{error, info};

use super::authority::{Authority, establish};
use super::{Function, given, job, tasks, topic_arns};
use crate::async_invoke::{AsyncInvoke, AsyncInvokeError, invoke};
use crate::code::Code;
use crate::event::{Accepted, HttpRequest, Route, Submission};
use crate::reply::{HttpReply, Refusal, Refused};
use crate::worker::{Acceptance, Invocation, Job, announce, dropped_user_data};

/// How long the caller of an accepted task waits until the bus has its event.
const BEGINNING: Duration = Duration::from_secs(1);

/// Answers a request of any kind.
pub(super) async fn answer(
    function: &Function,
    request: &HttpRequest,
    invocation: &Invocation,
) -> HttpReply {
    match serve(function, request, invocation).await {
        Ok(reply) => reply,
        Err(refusal) => {
            info!(code = refusal.code.as_str(), reason = refusal.message, "refused");
            HttpReply::refused(&refusal, &invocation.request_id, request.host())
        }
    }
}

async fn serve(
    function: &Function,
    request: &HttpRequest,
    invocation: &Invocation,
) -> Result<HttpReply, Refusal> {
    let authority = establish(function, request).await?;
    authority.check_body(request)?;
    let default_bucket = function.worker.settings.default_bucket.as_deref();
    let route = request.route(default_bucket, authority.resource());
    match route.map_err(|error| Refusal::from(&error))? {
        Route::Submit(submission) => submit(function, submission, &authority, invocation).await,
        Route::Task(id) => tasks::show(function, id, &authority, invocation).await,
        Route::Cancel(id) => tasks::cancel(function, id, &authority, invocation).await,
        Route::List(query) => tasks::list(function, &query, &authority, invocation).await,
    }
}

async fn submit(
    function: &Function,
    submission: Submission,
    authority: &Authority,
    invocation: &Invocation,
) -> Result<HttpReply, Refusal> {
    let worker = &function.worker;
    let process = given(&submission).unwrap_or_default();
    let job = job(submission, process);
    let refusal = |error| Refusal::from(&error);
    let request = worker.read(&job).map_err(refusal)?;
    authority.check(&request, topic_arns(function, invocation))?;
    let id = &invocation.request_id;
    let record = match worker.accept(request, &job, id).await.map_err(refusal)? {
        Acceptance::Known(record) => record,
        Acceptance::Begun(accepted, record) => {
            let begin = async {
                // For a task that began earlier, the event has already been sent.
                if record.request_id == *id {
                    let put =
                        timeout(BEGINNING, Box::pin(worker.announce(&record, invocation))).await;
                    put.iter().for_each(announce::log);
                }
            };
            let (handed, ()) =
                tokio::join!(Box::pin(hand_on(function, *accepted, invocation)), begin);
            handed?;
            record
        }
    };
    let warning = dropped_user_data(&job, &record);
    Ok(HttpReply::accepted(&record, warning, id))
}

async fn hand_on(
    function: &Function,
    accepted: Accepted,
    invocation: &Invocation,
) -> Result<(), Refusal> {
    let AsyncInvoke::Lambda(client) = &function.async_invoke else {
        info!("there is no function to invoke: the task runs before the reply");
        let job = Job::from(accepted);
        Box::pin(function.worker.perform(job, invocation)).await;
        return Ok(());
    };
    let Err(error) = invoke(client, &invocation.function_arn, &accepted).await else {
        return Ok(());
    };
    error!(%error, "the task could not be started");
    let code = match error {
        AsyncInvokeError::TooLarge(_) => Refused::InvalidRequest,
        AsyncInvokeError::AccessDenied { .. } | AsyncInvokeError::Failed { .. } => {
            Refused::Task(Code::InternalError)
        }
    };
    let message = error.to_string();
    let told = &accepted.told;
    let worker = &function.worker;
    match worker.ledger().give_up(told, &message).await {
        Ok(None) => {}
        Ok(Some(record)) => announce::log(&Box::pin(worker.announce(&record, invocation)).await),
        Err(error) => error!(%error, "the task's record could not be ended"),
    }
    Err(Refusal::new(code, message))
}
