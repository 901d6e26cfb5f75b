//! Distributed tasks: the steps that the state machine runs in several functions.
//!
//! Here, too, the record decides. Its lease names the execution. Steps that write the record take
//! the lease in turn; the other steps check it before and after they write. Everything else is in a
//! folder beside the record, which only this run writes to. So each step may be repeated.

mod fail;
mod folder;
mod hand_over;
mod in_place;
mod join;
mod notes;
mod planning;
mod progress;
mod render;
mod segments;
mod share;
mod sound;
mod streamed;

use serde_json::{Value, json};
use tracing::{Instrument, error};

use super::{Deadline, Invocation, TaskError, Worker, name_task, stage_of};
use crate::code::Code;
use crate::event::{RunOfTask, Step, Work};
use crate::object::ObjectUri;
use crate::reply::FunctionError;
use crate::storage::Meter;
use crate::task::Usage;
use folder::{Folder, Piece};

/// A step that is running.
struct Shift<'a> {
    of: &'a RunOfTask,
    /// The object of the record.
    record: ObjectUri,
    folder: Folder,
    invocation: &'a Invocation,
    deadline: Deadline,
}

impl Worker {
    /// Runs a step of a distributed task.
    ///
    /// # Errors
    /// When the step failed. The state machine repeats it, or ends the task.
    pub async fn step(&self, step: &Step, invocation: &Invocation) -> Result<Value, FunctionError> {
        let metered = self.store.metered(std::sync::Arc::new(Meter::default()));
        let worker = Self { store: metered, ..self.clone() };
        name_task(step.of.task);
        let done = Box::pin(worker.step_metered(step, invocation)).await;
        let last = invocation.end_before(super::REPLY);
        tokio::time::timeout_at(last, worker.store.finish()).await.ok();
        done.map_err(|error| {
            error!(%error, code = error.code().as_str(), "the step failed");
            FunctionError { code: error.code(), message: error.to_string() }
        })
    }

    async fn step_metered(
        &self,
        Step { of, work }: &Step,
        invocation: &Invocation,
    ) -> Result<Value, TaskError> {
        // Otherwise anybody who may write to any bucket could control what the functions do.
        if self.settings.task_bucket.as_ref().is_some_and(|own| *own != of.bucket) {
            return Err(TaskError::StrangeBucket(of.bucket.clone()));
        }
        let shift = Shift {
            of,
            record: self.ledger().uri(&of.bucket, of.task),
            folder: Folder::of(of, &self.settings.task_prefix),
            invocation,
            deadline: Deadline::before(invocation.deadline),
        };
        let piece = match work {
            Work::Plan(_) => Piece::Plan,
            Work::Render(index) => Piece::Range(*index),
            Work::Sound => Piece::Sound,
            Work::Join => Piece::Join,
            Work::Fail(failure) => {
                return Box::pin(self.end_failed(&shift, failure)).await;
            }
        };
        let span = stage_of(piece.stage(), &invocation.request_id, of.task);
        let done = async {
            match work {
                Work::Plan(accepted) => Box::pin(self.plan_ranges(&shift, accepted)).await,
                Work::Join => Box::pin(self.join_ranges(&shift)).await,
                _ => {
                    let made = Box::pin(self.make_piece(&shift, piece));
                    tokio::select! {
                        made = shift.deadline.limit(made) => made,
                        never = self.announce_pieces(&shift) => match never {},
                    }
                }
            }
        };
        let done = Box::pin(done.instrument(span)).await;
        // An error that only says that this is not a step of the current run does not explain why
        // the run fails.
        if let Err(error) = &done
            && !matches!(
                error,
                TaskError::Superseded
                    | TaskError::Canceled
                    | TaskError::NoRange(_)
                    | TaskError::StrangeBucket(_)
            )
        {
            // When the task is ended, the state machine's report may lack the reason.
            self.note_failure(&shift, piece, error).await;
        }
        done
    }

    /// Fails unless the record still belongs to this run.
    async fn check_run(&self, shift: &Shift<'_>) -> Result<(), TaskError> {
        let current = self.ledger().is_current(&shift.record, &shift.of.run).await;
        if current.map_err(TaskError::Record)? { Ok(()) } else { Err(TaskError::Superseded) }
    }

    /// What this invocation has used so far.
    fn used(&self, invocation: &Invocation) -> Usage {
        let mut usage = Usage::default();
        usage.count(self.store.meter().read());
        usage.count_memory(self.settings.memory_mb, invocation.billed());
        usage
    }
}

/// The reply of a successful step.
fn done(status: &str) -> Value {
    json!({"status": status})
}

/// Whether another function, or several, could do what this one could not.
pub(super) fn wants_more_room(error: &TaskError) -> bool {
    matches!(error.code(), Code::DeadlineExceeded | Code::InsufficientStorage)
}
