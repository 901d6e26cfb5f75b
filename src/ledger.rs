//! The ledger: who does a task, and how it went.
//!
//! A task's record is an object. Whoever holds the lease inside it does the work; every write names
//! the tag of the one before, so of several that want the same task one gets it, and a holder whose
//! lease has lapsed finds out at its next write.

use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::code::Code;
use crate::event::Told;
use crate::object::{Bucket, Key, ObjectUri};
use crate::storage::{Listed, ObjectStore, Precondition, StoreError};
use crate::task::{Moment, State, Status, StoredRecord, TaskId, TaskRecord};

pub use claim::{Begun, Claimed};
pub use clock::Clock;
pub use execution::Resumed;
use journal::{Found, MAX_CONFLICTS, is_conflict, look, put};
pub use journal::{
    Journal, Keep, LeaseError, OWN_MARK, RUN_MARK, Storing, own_description, result_description,
};
pub use objects::Objects;
pub use remains::run_name;
pub use target::{PlaceError, Seen, Upload};
pub use wanted::{Place, Wanted};

mod claim;
mod clock;
mod execution;
mod journal;
mod objects;
mod remains;
mod target;
#[cfg(test)]
mod tests;
mod wanted;

/// The records of all tasks.
#[derive(Clone, Debug)]
pub struct Ledger<S = ObjectStore> {
    store: S,
    prefix: String,
    clock: Clock,
}

/// What became of a record that was to be begun.
#[derive(Clone, Debug)]
pub enum Beginning {
    /// It is there now; the work is still to be started.
    Begun(Box<TaskRecord>),
    /// There is nothing to start: the task runs, will run soon, or its result is there.
    Known(Box<TaskRecord>),
}

/// A task's place in a list: tasks come by their last change, the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Epoch milliseconds.
    changed: i64,
    /// The task.
    pub task: TaskId,
}

impl Marker {
    fn order(&self) -> (Reverse<i64>, TaskId) {
        (Reverse(self.changed), self.task)
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.changed, self.task)
    }
}

impl FromStr for Marker {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (changed, task) = text.split_once('-').ok_or(())?;
        let changed = changed.parse().map_err(|_| ())?;
        Ok(Self { changed, task: task.parse().map_err(|_| ())? })
    }
}

/// What is said of a canceled task.
pub const CANCELED: &str = "the task was canceled by its caller";

/// What became of a task that was to be canceled.
#[derive(Debug)]
pub enum Canceling<S = ObjectStore> {
    /// There is no such task.
    Unknown,
    /// It has ended, or its result is appearing.
    Ended,
    /// The run that works on it ends it at its next renewal.
    Asked,
    /// No run worked on it: its record is held, to be ended.
    Taken(Box<Journal<S>>, Box<TaskRecord>),
}

impl<S: Objects> Ledger<S> {
    /// The records whose keys start with `prefix`.
    #[must_use]
    pub fn new(store: S, prefix: &str) -> Self {
        Self { store, prefix: prefix.to_owned(), clock: Clock::default() }
    }

    /// Where the record of a task is.
    #[must_use]
    pub fn uri(&self, bucket: &Bucket, task: TaskId) -> ObjectUri {
        self.named(bucket, &format!("{task}.json"))
    }

    fn named(&self, bucket: &Bucket, name: &str) -> ObjectUri {
        let key = Key::new(format!("{}{name}", self.prefix));
        ObjectUri::new(bucket.clone(), key.expect("settings keep the prefix short"))
    }

    /// The record of a task in `bucket`, as it is stored.
    ///
    /// # Errors
    /// Where storage fails.
    pub async fn find(
        &self,
        bucket: &Bucket,
        task: TaskId,
    ) -> Result<Option<TaskRecord>, StoreError> {
        let found = look(&self.store, &self.uri(bucket, task)).await?;
        Ok(found.and_then(|found| found.stored).map(|stored| stored.record))
    }

    /// Writes the record of an accepted task, unless the one that is there still stands. Of several
    /// that ask for the same task at once, one begins it and the others find it.
    ///
    /// # Errors
    /// Where storage fails.
    pub async fn begin(&self, uri: &ObjectUri, wanted: &Wanted) -> Result<Beginning, StoreError> {
        let fresh = StoredRecord { record: wanted.record.clone(), lease: None };
        let mut precondition = Precondition::IfAbsent;
        let mut conflicts = 0;
        loop {
            match put(&self.store, uri, &fresh, precondition).await {
                Ok(_) => return Ok(Beginning::Begun(Box::new(fresh.record))),
                Err(error) if is_conflict(&error) && conflicts < MAX_CONFLICTS => conflicts += 1,
                Err(error) => return Err(error),
            }
            precondition = match look(&self.store, uri).await? {
                None => Precondition::IfAbsent,
                Some(Found { stored: None, tag }) => Precondition::IfMatch(tag),
                Some(Found { stored: Some(stored), tag }) => {
                    let record = Box::new(stored.record.clone());
                    match stored.state(self.clock.now()) {
                        State::Held | State::Pending => return Ok(Beginning::Known(record)),
                        State::Succeeded if self.stands(&record, wanted).await => {
                            return Ok(Beginning::Known(record));
                        }
                        // Its ids are known to the caller who asked first, so it goes on under them.
                        State::Untold if self.stands(&record, wanted).await => {
                            return Ok(Beginning::Begun(record));
                        }
                        // Where the execution is alive, its next asker finds it so.
                        State::Overdue
                        | State::Abandoned
                        | State::Distributed
                        | State::Unreported => {
                            return Ok(Beginning::Begun(record));
                        }
                        State::Untold | State::Succeeded | State::Failed => {
                            Precondition::IfMatch(tag)
                        }
                    }
                }
            };
        }
    }

    /// Ends the record of an accepted task whose work can't be started, unless
    /// it has been started all the same. Returns what was written.
    ///
    /// # Errors
    /// Where storage fails.
    pub async fn give_up(
        &self,
        told: &Told,
        message: &str,
    ) -> Result<Option<TaskRecord>, StoreError> {
        let uri = self.uri(&told.record_bucket, told.task_id);
        let Some(Found { stored: Some(stored), tag }) = look(&self.store, &uri).await? else {
            return Ok(None);
        };
        let waits = matches!(stored.state(self.clock.now()), State::Pending | State::Overdue);
        let mut record = stored.record;
        if !waits || record.event_id != told.event_id {
            return Ok(None);
        }
        record.fail(Code::InternalError, message, Moment::new(self.clock.now()));
        let failed = StoredRecord { record, lease: None };
        match put(&self.store, &uri, &failed, Precondition::IfMatch(tag)).await {
            Ok(_) => Ok(Some(failed.record)),
            Err(error) if is_conflict(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Cancels a task.
    ///
    /// # Errors
    /// Where storage fails.
    pub async fn cancel(&self, uri: &ObjectUri) -> Result<Canceling<S>, StoreError> {
        for _ in 0..MAX_CONFLICTS {
            let Some(Found { stored: Some(stored), tag }) = look(&self.store, uri).await? else {
                return Ok(Canceling::Unknown);
            };
            let state = stored.state(self.clock.now());
            let StoredRecord { record, lease } = stored;
            let precondition = Precondition::IfMatch(tag);
            let outcome = match (state, lease) {
                (State::Held | State::Distributed, Some(mut lease))
                    if record.status == Status::Running
                        && lease.is_at_work(self.clock.now())
                        && lease.storing.is_empty() =>
                {
                    lease.canceled = true;
                    let asked = StoredRecord { record, lease: Some(lease) };
                    put(&self.store, uri, &asked, precondition).await.map(|_| Canceling::Asked)
                }
                // Its result is appearing.
                (State::Distributed, Some(lease)) if lease.is_at_work(self.clock.now()) => {
                    return Ok(Canceling::Ended);
                }
                (State::Pending | State::Overdue | State::Abandoned | State::Distributed, left) => {
                    let holder = Uuid::new_v4();
                    let opened =
                        Journal::open(self, uri, holder, &record, precondition, left.as_ref());
                    match opened.await {
                        Ok(journal) => {
                            if let Some(left) = &left {
                                self.give_way(left).await;
                                journal.settled(&record);
                            }
                            Ok(Canceling::Taken(Box::new(journal), Box::new(record)))
                        }
                        Err(error) => Err(error),
                    }
                }
                _ => return Ok(Canceling::Ended),
            };
            match outcome {
                Err(error) if is_conflict(&error) => {}
                outcome => return outcome,
            }
        }
        Ok(Canceling::Ended)
    }

    /// The tasks of `bucket`, newest first, from behind `marker` on.
    ///
    /// # Errors
    /// Where storage fails.
    pub async fn list(
        &self,
        bucket: &Bucket,
        marker: Option<&Marker>,
    ) -> Result<Vec<Marker>, StoreError> {
        let mut found: Vec<Marker> = Vec::new();
        for Listed { key, changed, .. } in self.store.list(&self.named(bucket, "")).await? {
            let name = key.strip_prefix(&self.prefix).and_then(|name| name.strip_suffix(".json"));
            let Some(task) = name.and_then(|name| name.parse().ok()) else { continue };
            let place = Marker { changed: changed.as_millisecond(), task };
            if marker.is_none_or(|marker| place.order() > marker.order()) {
                found.push(place);
            }
        }
        found.sort_by_key(Marker::order);
        Ok(found)
    }
}
