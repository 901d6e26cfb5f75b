//! Claiming a task: of all that ask for it, one does the work, and the others
//! get its record.

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

/// How long a record that others hold is left alone before it is looked at
/// again: at first, and at most.
pub(super) const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(2)];
/// How long others are waited for: time that is billed like work. A lease lapses sooner, so a run
/// that died is taken over.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What came of claiming a task.
#[derive(Debug)]
pub enum Claimed<S = ObjectStore> {
    /// It is ours.
    Ours(Box<Journal<S>>, Begun),
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
    /// Its result is there, but the run that stored it did not report it.
    Stored(Box<TaskRecord>),
    /// Its result is there and known, but its topic did not take the message.
    Untold(Box<TaskRecord>),
}

/// What a record means for a request for the task.
enum Verdict {
    Known(Box<TaskRecord>),
    Held(Box<TaskRecord>),
    Distributed(Box<TaskRecord>, Execution),
    Free(Begun, Option<Left>),
}

/// What a dead run has left.
struct Left {
    lease: Lease,
    /// Whether it was still at work. What it stored may then be the whole result, which its record names.
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
    /// Takes the lease of a task, unless the task is done. While others hold it, waits, but not for
    /// long, and not beyond `patience`.
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
        // Mostly there is none, and a look would only cost time.
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

    /// Takes the lease, and then cleans up after a dead run. Returns nothing if the lease is lost
    /// meanwhile.
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

    /// What is left to do after a dead run. If everything that it was about to store is there, only the
    /// report is.
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

    /// The result is there and has not been reported.
    pub(super) fn found_stored(&self, mut record: TaskRecord, targets: Vec<TargetRecord>) -> Begun {
        record.targets = targets;
        let end = Moment::new(self.clock.now());
        record.succeed(end);
        let took = end.timestamp().duration_since(record.start_time.timestamp());
        record.timings.total_ms = clamped(took.as_millis());
        Begun::Stored(Box::new(record))
    }

    /// `watched` is the event of the run that was waited for: its failure is the
    /// answer, while an older one is a reason to try again.
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
            // Whoever waited for this run has its answer; another try would be the same.
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

/// An accepted task that was canceled before its work began is not begun by its own event.
fn is_canceled_run(record: &TaskRecord, fresh: &TaskRecord) -> bool {
    record.code == Some(Code::Canceled) && record.event_id == fresh.event_id
}

/// The same run once more. It keeps its ids, by which a caller may be asking for it, and its start time,
/// which names of targets may contain.
fn again(before: &TaskRecord, fresh: &TaskRecord) -> TaskRecord {
    TaskRecord {
        event_id: before.event_id.clone(),
        request_id: before.request_id.clone(),
        start_time: before.start_time,
        user_data: before.user_data.clone(),
        ..fresh.clone()
    }
}
