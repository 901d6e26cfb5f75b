//! Claims a task: of all runs that want it, one does the work, and the others get its record.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::info;
use uuid::Uuid;

use super::journal::{Found, Journal, LeaseError, MAX_CONFLICTS, is_conflict, look};
use super::{CANCELED, Ledger, Objects, Wanted};
use crate::clamped::clamped;
use crate::code::Code;
use crate::object::ObjectUri;
use crate::storage::{ObjectStore, Precondition, StoreError};
use crate::task::{
    EventId, Execution, Lease, Moment, State, StoredRecord, TargetRecord, TaskRecord,
};

/// The pause before a record with another run's lease is read again: at first, and at most.
pub(super) const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(2)];
/// The longest wait for other runs, since waiting is billed like work. A lease expires sooner, so
/// the task of a dead run is taken over within this time.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The result of claiming a task.
#[derive(Debug)]
pub enum Claimed<S = ObjectStore> {
    /// This run has the lease.
    Ours(Box<Journal<S>>, Begun),
    /// An execution works on the task, or should.
    Distributed(Box<TaskRecord>, Execution),
    /// The task is finished, or others still work on it, as the record says.
    Known(Box<TaskRecord>),
}

/// What remains to be done for a task.
#[derive(Clone, Debug)]
pub enum Begun {
    /// Everything.
    Work(Box<TaskRecord>),
    /// Its result is stored, but the run that stored it did not report it.
    Stored(Box<TaskRecord>),
    /// Its result is stored and recorded, but the topic did not accept the message.
    Untold(Box<TaskRecord>),
}

/// What the existing record means for a new request.
enum Verdict {
    Known(Box<TaskRecord>),
    Held(Box<TaskRecord>),
    Distributed(Box<TaskRecord>, Execution),
    Free(Begun, Option<Left>),
}

/// The remains of a dead run.
struct Left {
    lease: Lease,
    /// Whether it died at work. Then the objects that it stored may be the whole result, which its
    /// record names.
    was_running: bool,
}

impl Begun {
    pub(super) fn record(&self) -> &TaskRecord {
        match self {
            Self::Work(record) | Self::Stored(record) | Self::Untold(record) => record,
        }
    }
}

impl<S: Objects> Ledger<S> {
    /// Takes the lease of a task, unless the task is finished. While others have the lease, waits
    /// for a limited time, and not beyond `patience`.
    pub async fn claim(
        &self,
        uri: &ObjectUri,
        wanted: &Wanted,
        patience: Instant,
    ) -> Result<Claimed<S>, StoreError> {
        let patience = patience.min(Instant::now() + LONGEST_WAIT);
        let mut watched = None;
        let [mut pause, longest] = PAUSES;
        let mut conflicts = 0;
        // Usually there is no record yet, and reading would only cost time.
        let mut found: Option<Found> = None;
        loop {
            let (begun, left, precondition) = match &found {
                None => {
                    let fresh = Box::new(wanted.record.clone());
                    (Begun::Work(fresh), None, Precondition::IfAbsent)
                }
                Some(seen) => match Box::pin(self.judge(seen, wanted, watched.as_ref())).await {
                    Verdict::Free(begun, left) => {
                        (begun, left, Precondition::IfMatch(seen.tag.clone()))
                    }
                    Verdict::Known(record) => return Ok(Claimed::Known(record)),
                    Verdict::Distributed(record, execution) => {
                        return Ok(Claimed::Distributed(record, execution));
                    }
                    Verdict::Held(record) if Instant::now() + pause >= patience => {
                        return Ok(Claimed::Known(record));
                    }
                    Verdict::Held(record) => {
                        if watched.is_none() {
                            info!("another run is working on the task");
                        }
                        watched = Some(record.event_id.clone());
                        sleep(pause).await;
                        pause = (pause * 2).min(longest);
                        found = look(&self.store, uri).await?;
                        continue;
                    }
                },
            };
            let taken = Box::pin(self.take_lease(uri, begun, left, precondition, wanted)).await;
            match taken {
                Ok(Some((journal, begun))) => return Ok(Claimed::Ours(Box::new(journal), begun)),
                Ok(None) => conflicts += 1,
                Err(error) if is_conflict(&error) && conflicts < MAX_CONFLICTS => conflicts += 1,
                Err(error) => return Err(error),
            }
            found = look(&self.store, uri).await?;
        }
    }

    /// Takes the lease, and then cleans up after a dead run. Returns `None` if the lease is lost in
    /// the meantime.
    async fn take_lease(
        &self,
        uri: &ObjectUri,
        begun: Begun,
        left: Option<Left>,
        precondition: Precondition,
        wanted: &Wanted,
    ) -> Result<Option<(Journal<S>, Begun)>, StoreError> {
        let (holder, record) = (Uuid::new_v4(), begun.record().clone());
        let lease = left.as_ref().map(|left| &left.lease);
        let journal = Journal::open(self, uri, holder, &record, precondition, lease).await?;
        let Some(left) = left else { return Ok(Some((journal, begun))) };
        let begun = tokio::select! {
            begun = Box::pin(self.go_on(begun, &left, wanted)) => begun,
            ended = Box::pin(journal.keep_alive()) => match ended {
                LeaseError::Canceled => self.canceled(record),
                LeaseError::Superseded | LeaseError::Store(_) => return Ok(None),
            },
        };
        journal.settled(begun.record());
        Ok(Some((journal, begun)))
    }

    /// What remains to be done after a dead run. If it has stored everything that it wanted to
    /// store, only the report remains.
    async fn go_on(&self, begun: Begun, left: &Left, wanted: &Wanted) -> Begun {
        let Begun::Work(record) = begun else {
            self.abort(&left.lease).await;
            return begun;
        };
        if left.lease.canceled || !left.was_running {
            self.give_way(&left.lease).await;
            return if left.lease.canceled { self.canceled(*record) } else { Begun::Work(record) };
        }
        let Some(targets) = self.settle(&record, &left.lease, Some(wanted)).await else {
            return Begun::Work(Box::new(again(&record, &wanted.record)));
        };
        self.found_stored(*record, targets)
    }

    /// The record of a result that is stored but not reported.
    pub(super) fn found_stored(&self, mut record: TaskRecord, targets: Vec<TargetRecord>) -> Begun {
        record.targets = targets;
        let end = Moment::new(self.clock.now());
        record.succeed(end);
        let took = end.timestamp().duration_since(record.start_time.timestamp());
        record.timings.total_ms = clamped(took.as_millis());
        Begun::Stored(Box::new(record))
    }

    /// `watched` is the event of the run that was waited for: if that run failed, its failure is
    /// the answer; an older failure is a reason to try again.
    async fn judge(&self, found: &Found, wanted: &Wanted, watched: Option<&EventId>) -> Verdict {
        let fresh = &wanted.record;
        let left =
            |lease: Option<Lease>, was_running| lease.map(|lease| Left { lease, was_running });
        let afresh =
            |lease| Verdict::Free(Begun::Work(Box::new(fresh.clone())), left(lease, false));
        let Some(stored) = found.stored.clone() else {
            return afresh(None);
        };
        let state = stored.state(self.clock.now());
        let StoredRecord { record, lease } = stored;
        let record = Box::new(record);
        if let (State::Distributed, Some(Lease { execution: Some(execution), .. })) =
            (state, lease.clone())
        {
            return Verdict::Distributed(record, execution);
        }
        match (state, lease) {
            (State::Held, _) => Verdict::Held(record),
            (State::Failed, None) if is_canceled_run(&record, fresh) => Verdict::Known(record),
            (State::Abandoned | State::Distributed, lease) => {
                Verdict::Free(Begun::Work(record), left(lease, true))
            }
            (State::Pending | State::Overdue, _) => {
                Verdict::Free(Begun::Work(Box::new(again(&record, fresh))), None)
            }
            (State::Unreported, lease) if self.stands(&record, wanted).await => {
                Verdict::Free(Begun::Stored(record), left(lease, false))
            }
            // A caller that has waited for this run gets its failure: another try would fail in the
            // same way.
            (State::Failed | State::Untold, None) if watched == Some(&record.event_id) => {
                Verdict::Known(record)
            }
            (State::Untold, _) if self.stands(&record, wanted).await => {
                Verdict::Free(Begun::Untold(record), None)
            }
            (State::Succeeded, _) if self.stands(&record, wanted).await => Verdict::Known(record),
            (State::Unreported | State::Untold | State::Succeeded | State::Failed, lease) => {
                afresh(lease)
            }
        }
    }

    fn canceled(&self, mut record: TaskRecord) -> Begun {
        record.fail(Code::Canceled, CANCELED, Moment::new(self.clock.now()));
        Begun::Stored(Box::new(record))
    }
}

/// Whether this is an accepted task that was canceled before its work began. Its own start event
/// must not begin it.
fn is_canceled_run(record: &TaskRecord, fresh: &TaskRecord) -> bool {
    record.code == Some(Code::Canceled) && record.event_id == fresh.event_id
}

/// The first record of another try at the same task. It keeps the ids, since a caller may ask for
/// the task by them, and the start time, which names of targets may contain.
fn again(before: &TaskRecord, fresh: &TaskRecord) -> TaskRecord {
    TaskRecord {
        event_id: before.event_id.clone(),
        request_id: before.request_id.clone(),
        start_time: before.start_time,
        user_data: before.user_data.clone(),
        ..fresh.clone()
    }
}
