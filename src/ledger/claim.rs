//! Claiming a task: of all that ask for it, one does the work, and the others
//! get its record.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::time::sleep;
use tracing::{info, warn};
use uuid::Uuid;

use super::journal::{Found, Journal, MAX_CONFLICTS, RUN_MARK, is_conflict, look};
use super::{CANCELED, Ledger};
use crate::code::Code;
use crate::object::ObjectUri;
use crate::storage::{ObjectHead, Precondition, Problem, StoreError};
use crate::task::{
    EventId, Execution, Lease, Moment, State, StoredRecord, TargetRecord, TaskRecord,
};

/// How long a record that others hold is left alone before it is looked at
/// again: at first, and at most.
pub(super) const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(2)];

/// What came of claiming a task.
#[derive(Debug)]
pub enum Claimed {
    /// It is ours.
    Ours(Box<Journal>, Begun),
    /// An execution is at it, or should be.
    Distributed(Box<TaskRecord>, Execution),
    /// It has been done; or others are still at it, as the record says.
    Known(Box<TaskRecord>),
}

/// What is left to do of a task.
#[derive(Clone, Debug)]
pub enum Begun {
    /// All of it.
    Work(Box<TaskRecord>),
    /// Its result is there, but whoever stored it never came to telling so.
    Stored(Box<TaskRecord>),
    /// Its result is there and known, but its topic did not take the message.
    Untold(Box<TaskRecord>),
}

/// What a record says to whoever wants the task done.
enum Verdict {
    Known(Box<TaskRecord>),
    Held(Box<TaskRecord>),
    Distributed(Box<TaskRecord>, Execution),
    Free(Begun),
}

impl Begun {
    pub(super) fn record(&self) -> &TaskRecord {
        match self {
            Self::Work(record) | Self::Stored(record) | Self::Untold(record) => record,
        }
    }
}

impl Ledger {
    /// Takes the lease of the task that `fresh` is the record of, unless the
    /// task is done. While others hold it, waits until `patience` ends.
    pub async fn claim(
        &self,
        uri: &ObjectUri,
        fresh: &TaskRecord,
        patience: Instant,
    ) -> Result<Claimed, StoreError> {
        let holder = Uuid::new_v4();
        let mut watched = None;
        let [mut pause, longest] = PAUSES;
        let mut conflicts = 0;
        // Mostly there is none, and a look would only cost time.
        let mut found: Option<Found> = None;
        loop {
            let (begun, precondition) = match &found {
                None => (Begun::Work(Box::new(fresh.clone())), Precondition::IfAbsent),
                Some(seen) => match self.judge(seen, fresh, watched.as_ref()).await {
                    Verdict::Free(begun) => (begun, Precondition::IfMatch(seen.tag.clone())),
                    Verdict::Known(record) => return Ok(Claimed::Known(record)),
                    Verdict::Distributed(record, execution) => {
                        return Ok(Claimed::Distributed(record, execution));
                    }
                    Verdict::Held(record) if Instant::now() + pause >= patience => {
                        return Ok(Claimed::Known(record));
                    }
                    Verdict::Held(record) => {
                        if watched.is_none() {
                            info!("another run is at it");
                        }
                        watched = Some(record.event_id.clone());
                        sleep(pause).await;
                        pause = (pause * 2).min(longest);
                        found = look(&self.store, uri).await?;
                        continue;
                    }
                },
            };
            let record = begun.record();
            match Journal::open(&self.store, uri, holder, record, precondition).await {
                Ok(journal) => return Ok(Claimed::Ours(Box::new(journal), begun)),
                Err(error) if is_conflict(&error) && conflicts < MAX_CONFLICTS => conflicts += 1,
                Err(error) => return Err(error),
            }
            found = look(&self.store, uri).await?;
        }
    }

    /// `watched` is the event of the run that was waited for: its failure is the
    /// answer, while an older one is a reason to try again.
    async fn judge(&self, found: &Found, fresh: &TaskRecord, watched: Option<&EventId>) -> Verdict {
        let afresh = || Verdict::Free(Begun::Work(Box::new(fresh.clone())));
        let Some(stored) = found.stored.clone() else {
            return afresh();
        };
        let state = stored.state(Timestamp::now());
        let StoredRecord { record, lease } = stored;
        let record = Box::new(record);
        if let (State::Distributed, Some(Lease { execution: Some(execution), .. })) =
            (state, lease.clone())
        {
            return Verdict::Distributed(record, execution);
        }
        if let Some(lease) = lease.as_ref().filter(|_| state != State::Held) {
            self.abort(lease).await;
        }
        match (state, lease) {
            (State::Held, _) => Verdict::Held(record),
            (State::Abandoned, Some(lease)) if lease.canceled => {
                self.sweep(&lease).await;
                let mut record = record;
                record.fail(Code::Canceled, CANCELED, Moment::new(Timestamp::now()));
                Verdict::Free(Begun::Stored(record))
            }
            (State::Failed, None) if is_canceled_run(&record, fresh) => Verdict::Known(record),
            (State::Abandoned, Some(lease)) => {
                Verdict::Free(self.take_over(&record, &lease, fresh).await)
            }
            (State::Pending | State::Overdue | State::Abandoned | State::Distributed, _) => {
                Verdict::Free(Begun::Work(Box::new(again(&record, fresh))))
            }
            (State::Unreported, _) if self.stands(&record).await => {
                Verdict::Free(Begun::Stored(record))
            }
            // Whoever waited for this run has its answer; another try would be the same.
            (State::Failed | State::Untold, None) if watched == Some(&record.event_id) => {
                Verdict::Known(record)
            }
            (State::Untold, _) if self.stands(&record).await => {
                Verdict::Free(Begun::Untold(record))
            }
            (State::Succeeded, _) if self.stands(&record).await => Verdict::Known(record),
            (State::Unreported | State::Untold | State::Succeeded | State::Failed, _) => afresh(),
        }
    }

    /// Aborts what a run that died was sending. Only after that it is certain
    /// what it has stored.
    pub(super) async fn abort(&self, lease: &Lease) {
        for upload in &lease.uploads {
            match self.store.abort_multipart(upload).await {
                Err(error) if *error.problem() != Problem::NoSuchUpload => {
                    warn!(%error, "an upload of a run that died was not aborted");
                }
                _ => {}
            }
        }
    }

    /// What a run that died has left to do: nothing but to say so where all
    /// that it was about to store is there.
    pub(super) async fn take_over(
        &self,
        record: &TaskRecord,
        lease: &Lease,
        fresh: &TaskRecord,
    ) -> Begun {
        info!(progress = record.progress, "taking over from a run that died");
        let Some(targets) = self.stored(lease).await else {
            self.sweep(lease).await;
            return Begun::Work(Box::new(again(record, fresh)));
        };
        let mut record = record.clone();
        record.targets = targets;
        record.succeed(Moment::new(Timestamp::now()));
        let taken = record.end_time.unwrap_or(record.start_time).timestamp();
        let took = taken.duration_since(record.start_time.timestamp());
        record.timings.total_ms = u64::try_from(took.as_millis()).unwrap_or_default();
        Begun::Stored(Box::new(record))
    }

    /// Removes what a run that died has stored of a result that it never finished.
    pub(super) async fn sweep(&self, lease: &Lease) {
        for uri in lease.storing.iter().rev() {
            if self.stored_by(lease, uri).await.is_some()
                && let Err(error) = self.store.delete(uri).await
            {
                warn!(%error, "an object of a run that died was not removed");
            }
        }
    }

    /// All that the holder of the lease was about to store, if it is there.
    async fn stored(&self, lease: &Lease) -> Option<Vec<TargetRecord>> {
        let mut targets = Vec::with_capacity(lease.storing.len());
        for uri in &lease.storing {
            let head = self.stored_by(lease, uri).await?;
            targets.push(TargetRecord {
                uri: uri.clone(),
                etag: head.etag,
                size: head.size,
                content_type: head.content_type.unwrap_or_default(),
            });
        }
        Some(targets).filter(|targets| !targets.is_empty())
    }

    /// An object, if it is there and the holder of the lease stored it.
    async fn stored_by(&self, lease: &Lease, uri: &ObjectUri) -> Option<ObjectHead> {
        let head = self.store.head(uri, None).await.ok()?;
        (head.metadata.get(RUN_MARK) == Some(&lease.holder.to_string())).then_some(head)
    }
}

/// An accepted task that was canceled before its work began is not begun by its own event.
fn is_canceled_run(record: &TaskRecord, fresh: &TaskRecord) -> bool {
    record.code == Some(Code::Canceled) && record.event_id == fresh.event_id
}

/// The same run once more: whoever was told of it finds it by the same ids, and
/// names that tell the time stay the same.
fn again(before: &TaskRecord, fresh: &TaskRecord) -> TaskRecord {
    TaskRecord {
        event_id: before.event_id.clone(),
        request_id: before.request_id.clone(),
        start_time: before.start_time,
        user_data: before.user_data.clone(),
        ..fresh.clone()
    }
}
