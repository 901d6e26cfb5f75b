//! Tasks of an execution: its steps have the lease in turn, and other requests leave the task to
//! the execution while it runs.

use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::claim::{Begun, PAUSES};
use super::journal::{Found, Journal, Keep, LeaseError, MAX_CONFLICTS, is_conflict, look, put};
use super::{Ledger, Objects};
use crate::object::ObjectUri;
use crate::storage::{ObjectStore, Precondition, StoreError};
use crate::task::{Execution, Lease, Moment, Run, Status, StoredRecord, TaskRecord};

/// The result of resuming a run for one of its steps.
#[derive(Debug)]
pub enum Resumed<S = ObjectStore> {
    /// The step has the lease; this remains to be done.
    Ours(Box<Journal<S>>, Begun),
    /// The run is over: the task has ended, or belongs to another run.
    Over,
    /// Another step has the lease, and did not release it in time.
    Busy,
}

impl<S: Objects> Journal<S> {
    /// Hands the task over to an execution, whose first step will take the lease.
    pub async fn hand_over(
        &self,
        record: &TaskRecord,
        execution: Execution,
    ) -> Result<(), LeaseError> {
        self.change(|latest| {
            if let Some(lease) = &mut latest.lease {
                lease.execution = Some(execution);
                (lease.storing, lease.uploads) = (Vec::new(), Vec::new());
                lease.segments = None;
            }
        });
        self.write(record, Keep::Execution).await
    }
}

impl<S: Objects> Ledger<S> {
    /// Takes the lease for a step of this run; waits while another step has it.
    pub async fn resume(
        &self,
        uri: &ObjectUri,
        run: &Run,
        patience: Instant,
    ) -> Result<Resumed<S>, StoreError> {
        let [mut pause, longest] = PAUSES;
        let mut conflicts = 0;
        loop {
            let Some((found, lease)) = self.lease_of(uri, run).await? else {
                return Ok(Resumed::Over);
            };
            if lease.is_at_work(self.clock.now()) {
                if Instant::now() + pause >= patience {
                    return Ok(Resumed::Busy);
                }
                sleep(pause).await;
                pause = (pause * 2).min(longest);
                continue;
            }
            let Some(stored) = found.stored else { return Ok(Resumed::Over) };
            let taken = Box::pin(self.take(uri, &stored.record, lease.clone(), found.tag)).await;
            match taken {
                Ok(journal) => {
                    let begun = tokio::select! {
                        begun = Box::pin(self.left_to_do(stored.record, &lease)) => begun,
                        LeaseError::Superseded = Box::pin(journal.keep_alive()) => continue,
                    };
                    journal.settled(begun.record());
                    return Ok(Resumed::Ours(Box::new(journal), begun));
                }
                Err(error) if is_conflict(&error) && conflicts < MAX_CONFLICTS => conflicts += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the task still belongs to this run, and nobody has canceled it.
    pub async fn is_current(&self, uri: &ObjectUri, run: &Run) -> Result<bool, StoreError> {
        let found = self.lease_of(uri, run).await?;
        Ok(found.is_some_and(|(found, lease)| {
            let status = found.stored.map(|stored| stored.record.status);
            status == Some(Status::Running) && !lease.canceled
        }))
    }

    /// Takes the task from an execution that stopped without ending the task. The next request for
    /// the task starts it again.
    pub async fn bury(&self, uri: &ObjectUri, dead: &Execution) -> Result<(), StoreError> {
        let Some((found, mut lease)) = self.lease_of(uri, &dead.run).await? else { return Ok(()) };
        let Some(stored) = found.stored else { return Ok(()) };
        if !lease.is_at_work(self.clock.now()) {
            (lease.execution, lease.until) = (None, Moment::new(Timestamp::UNIX_EPOCH));
            let free = StoredRecord { lease: Some(lease), ..stored };
            match put(&self.store, uri, &free, Precondition::IfMatch(found.tag)).await {
                Err(error) if !is_conflict(&error) => return Err(error),
                // Somebody else has taken it in the meantime.
                _ => {}
            }
        }
        Ok(())
    }

    /// The record and its lease, if the lease belongs to this run.
    async fn lease_of(
        &self,
        uri: &ObjectUri,
        run: &Run,
    ) -> Result<Option<(Found, Lease)>, StoreError> {
        let found = look(&self.store, uri).await?;
        Ok(found.and_then(|found| {
            let lease = found.stored.as_ref()?.lease.clone()?;
            let is_its = lease.execution.as_ref().is_some_and(|execution| execution.run == *run);
            is_its.then_some((found, lease))
        }))
    }

    /// What a step has to do after another step that may have died.
    async fn left_to_do(&self, record: TaskRecord, lease: &Lease) -> Begun {
        if record.status != Status::Running {
            return Begun::Stored(Box::new(record));
        }
        if lease.canceled || lease.storing.is_empty() {
            self.give_way(lease).await;
            return Begun::Work(Box::new(record));
        }
        match self.settle(&record, lease, None).await {
            Some(targets) => self.found_stored(record, targets),
            None => Begun::Work(Box::new(record)),
        }
    }

    /// Takes the lease. The previous step's lease is kept in `left` until its remains have been
    /// cleaned up.
    async fn take(
        &self,
        uri: &ObjectUri,
        record: &TaskRecord,
        before: Lease,
        tag: crate::object::ETag,
    ) -> Result<Journal<S>, StoreError> {
        let execution = before.execution.clone();
        let execution = execution.map(|execution| Execution { idle: false, ..execution });
        let canceled = before.canceled;
        let fresh = Lease::new(Uuid::new_v4(), self.clock.now());
        let lease = Lease { canceled, execution, left: Some(Box::new(before)), ..fresh };
        Journal::open_with(self, uri, lease, record, Precondition::IfMatch(tag)).await
    }
}
