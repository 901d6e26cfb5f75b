//! The progress of a distributed task, from the pieces in the run's folder, since the steps that
//! make pieces don't write the record.

use std::convert::Infallible;

use jiff::Timestamp;
use tokio::time::{sleep, timeout_at};
use tracing::info;

use super::super::announce::{PROGRESS, log};
use super::super::{ENCODED, PROBED, TaskError, Worker};
use super::Shift;
use super::folder::Folder;
use crate::event::RunOfTask;
use crate::message::EventKind;
use crate::object::Bucket;
use crate::task::{ChunkCount, Entry, Run, Status, TaskRecord};

impl Worker {
    /// The record with the number of existing pieces. The record of a task without pieces, or one
    /// that has ended, stays as it is.
    #[must_use = "the given record stays unchanged"]
    pub async fn count_pieces(&self, mut record: TaskRecord, bucket: &Bucket) -> TaskRecord {
        let (Some(chunks), Some(arn)) = (record.chunks, &record.execution_arn) else {
            return record;
        };
        let Ok((task, run)) = Run::of_execution(arn) else { return record };
        if record.status != Status::Running {
            return record;
        }
        let of = RunOfTask { task, run, bucket: bucket.clone() };
        let folder = Folder::of(&of, &self.settings.task_prefix);
        match folder.list(&self.store).await {
            Ok(there) => {
                let done = there.ranges().min(chunks.total).max(chunks.done);
                let chunks = ChunkCount { done, ..chunks };
                record.note_all([Entry::Chunks(chunks), Entry::Progress(percent(chunks))]);
            }
            Err(error) => info!(%error, "the pieces can't be counted"),
        }
        record
    }

    /// Sends the task's progress to the bus regularly, for as long as it is polled.
    pub(super) async fn announce_pieces(&self, shift: &Shift<'_>) -> Infallible {
        loop {
            sleep(PROGRESS).await;
            self.announce_piece(shift).await;
        }
    }

    /// Sends the task's progress to the bus, unless one of its steps has just done so: hundreds of
    /// steps may be running.
    pub(super) async fn announce_piece(&self, shift: &Shift<'_>) {
        if self.bus.is_none() {
            return;
        }
        let announced = timeout_at(shift.deadline.until, self.announce_in_turn(shift)).await;
        if let Ok(Err(error)) = announced {
            info!(%error, "the task's progress was not announced");
        }
    }

    async fn announce_in_turn(&self, shift: &Shift<'_>) -> Result<(), TaskError> {
        self.check_run(shift).await?;
        let (store, turn) = (&self.store, shift.folder.turn());
        let taken = shift.folder.take_turn(store, Timestamp::now(), PROGRESS).await;
        if !taken.map_err(TaskError::Record)? {
            return Ok(());
        }
        // The folder may have been removed in the meantime.
        if let Err(error) = self.check_run(shift).await {
            store.delete(&turn).await.map_err(TaskError::Record)?;
            return Err(error);
        }
        let found = self.ledger().find(&shift.of.bucket, shift.of.task).await;
        let found = found.map_err(TaskError::Record)?;
        if let Some(record) = found.filter(|record| record.status == Status::Running) {
            let record = self.count_pieces(record, &shift.of.bucket).await;
            log(&self.put(EventKind::Progress, &record, shift.invocation).await);
        }
        Ok(())
    }
}

/// How many percent of the task are finished with this number of pieces.
fn percent(chunks: ChunkCount) -> u8 {
    let span = usize::from(ENCODED - PROBED);
    let done = u8::try_from(span * chunks.done / chunks.total.max(1));
    PROBED + done.expect("there are never more pieces than planned")
}
