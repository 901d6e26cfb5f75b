//! The fail step: ends the task of an execution that can't continue, or that was ended from
//! outside.

use serde_json::Value;
use tracing::info;

use super::super::{TaskError, Worker, now};
use super::folder::Listing;
use super::notes::FailureNote;
use super::{Shift, done};
use crate::code::Code;
use crate::event::Failure;
use crate::ledger::{Begun, Resumed};
use crate::quote::{LONGEST_MESSAGE, shortened};

impl Worker {
    /// Ends the task, unless it has ended or belongs to another run, and removes the run's folder.
    pub(super) async fn end_failed(
        &self,
        shift: &Shift<'_>,
        failure: &Failure,
    ) -> Result<Value, TaskError> {
        let ledger = self.ledger();
        let resumed =
            Box::pin(ledger.resume(&shift.record, &shift.of.run, shift.deadline.until)).await;
        match resumed.map_err(TaskError::Record)? {
            Resumed::Ours(journal, Begun::Work(record)) => {
                let FailureNote { code, message } = self.reason(shift, failure).await?;
                let mut record = self.count_pieces(*record, &shift.of.bucket).await;
                record.fail(code, message, now());
                self.end(shift, &journal, record).await
            }
            // The task had ended when a step was cut off before reporting it.
            Resumed::Ours(journal, Begun::Stored(record) | Begun::Untold(record)) => {
                self.end(shift, &journal, *record).await
            }
            Resumed::Over => {
                info!("the run is over");
                shift.folder.remove(&self.store).await;
                Ok(done("Over"))
            }
            Resumed::Busy => Err(TaskError::Busy),
        }
    }

    /// Why the task failed: the failure that a step has recorded, else what the state machine
    /// reports. If the execution was stopped or ran out of time, that comes first, even if a step
    /// was being repeated.
    async fn reason(&self, shift: &Shift<'_>, failure: &Failure) -> Result<FailureNote, TaskError> {
        let listing = shift.folder.list(&self.store).await.map_err(TaskError::Record)?;
        let noted = self.noted(shift, &listing).await?;
        let told = told(failure);
        let status = failure.status.as_deref();
        Ok(match (status, noted) {
            (_, None) => told,
            (Some("ABORTED" | "TIMED_OUT"), Some(noted)) => {
                let message = format!("{}; before that: {}", told.message, noted.message);
                FailureNote { code: told.code, message: shortened(&message, LONGEST_MESSAGE) }
            }
            (_, Some(noted)) => noted,
        })
    }

    /// Why a piece is missing: the failure that its step has recorded.
    pub(super) async fn why_missing(
        &self,
        shift: &Shift<'_>,
        error: &TaskError,
    ) -> Result<FailureNote, TaskError> {
        let listing = shift.folder.list(&self.store).await.map_err(TaskError::Record)?;
        let noted = self.noted(shift, &listing).await?;
        Ok(noted.unwrap_or_else(|| FailureNote { code: error.code(), message: error.to_string() }))
    }

    /// The first recorded failure that a retry would not help, else the first one.
    async fn noted(
        &self,
        shift: &Shift<'_>,
        listing: &Listing,
    ) -> Result<Option<FailureNote>, TaskError> {
        let mut first = None;
        for name in listing.failures() {
            let Some(note) = shift.folder.failure(&self.store, name).await? else { continue };
            if !note.code.is_retryable() {
                return Ok(Some(note));
            }
            first.get_or_insert(note);
        }
        Ok(first)
    }
}

/// The failure as the state machine reports it.
fn told(failure: &Failure) -> FailureNote {
    let Failure { error, cause, status } = failure;
    let note = |code, message: String| FailureNote { code, message };
    match status.as_deref() {
        Some("ABORTED") => note(Code::Canceled, "the task's execution was stopped".to_owned()),
        Some("TIMED_OUT") => {
            let message = "the task's execution did not end in its time";
            note(Code::DeadlineExceeded, message.to_owned())
        }
        _ => {
            let error = error.as_deref().unwrap_or("no reason is known");
            let said = cause.as_deref().map_or_else(String::new, said);
            if let Ok(code) = serde_json::from_value::<Code>(Value::from(error)) {
                return note(code, said);
            }
            let message = format!("a step of the task failed: {error}: {said}");
            note(Code::InternalError, shortened(&message, LONGEST_MESSAGE))
        }
    }
}

/// The message of a function error, which the state machine quotes as JSON.
fn said(cause: &str) -> String {
    let error: Option<Value> = serde_json::from_str(cause).ok();
    let message = error.as_ref().and_then(|error| error.get("errorMessage")?.as_str());
    message.unwrap_or(cause).to_owned()
}

#[cfg(test)]
mod tests {
    use super::told;
    use crate::code::Code;
    use crate::event::Failure;

    #[test]
    fn the_engine_tells_why_where_no_step_could() {
        let text = |text: &str| Some(text.to_owned());
        let function = r#"{"errorType":"UnsupportedMedia","errorMessage":"clip 1 is empty"}"#;
        for (failure, code, message) in [
            (
                Failure { error: text("UnsupportedMedia"), cause: text(function), status: None },
                Code::UnsupportedMedia,
                "clip 1 is empty",
            ),
            (
                Failure { error: text("States.Timeout"), cause: None, status: None },
                Code::InternalError,
                "a step of the task failed: States.Timeout: ",
            ),
            (
                Failure { status: text("ABORTED"), ..Failure::default() },
                Code::Canceled,
                "the task's execution was stopped",
            ),
            (
                Failure { status: text("TIMED_OUT"), ..Failure::default() },
                Code::DeadlineExceeded,
                "the task's execution did not end in its time",
            ),
        ] {
            let note = told(&failure);
            assert_eq!((note.code, note.message.as_str()), (code, message));
        }
    }
}
