//! The ledger: who does a task, and how it went.
//!
//! A task's record is an object. The holder of the lease inside it does the work. Every write is
//! conditional on the entity tag of the previous one, so only one of several runs that want a task
//! gets it, and a holder whose lease has expired notices at its next write.

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
    Journal, Keep, LeaseError, OWN_MARK, RUN_MARK, Storing, own_description, playlist_description,
    result_description,
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

/// The result of creating a record.
#[derive(Clone, Debug)]
pub enum Beginning {
    /// The record exists; the work still has to be started.
    Begun(Box<TaskRecord>),
    /// There is nothing to start: the task runs, will run soon, or its result exists.
    Known(Box<TaskRecord>),
}

/// A stored record, by what a list of objects has about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordFile {
    /// The time of the last change, in epoch milliseconds. Most stores count in whole seconds.
    pub changed: Reverse<i64>,
    /// The task.
    pub task: TaskId,
}

impl RecordFile {
    /// Its place in the list, by the times in the record itself.
    #[must_use]
    pub fn place(self, record: &TaskRecord) -> Marker {
        let recorded = record.end_time.unwrap_or(record.start_time).timestamp().as_millisecond();
        Marker { changed: self.changed, recorded: Reverse(recorded), task: self.task }
    }
}

/// A task's place in a list. Tasks are listed by their last change, the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Marker {
    changed: Reverse<i64>,
    /// The task's end by its record, or else its start.
    recorded: Reverse<i64>,
    task: TaskId,
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.changed.0, self.recorded.0, self.task)
    }
}

impl FromStr for Marker {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (changed, rest) = text.split_once('-').ok_or(())?;
        let (recorded, task) = rest.split_once('-').ok_or(())?;
        let milliseconds = |text: &str| text.parse().map(Reverse).map_err(|_| ());
        let (changed, recorded) = (milliseconds(changed)?, milliseconds(recorded)?);
        Ok(Self { changed, recorded, task: task.parse().map_err(|_| ())? })
    }
}

/// The message of a canceled task.
pub const CANCELED: &str = "the task was canceled by its caller";

/// The result of canceling a task.
#[derive(Debug)]
pub enum Canceling<S = ObjectStore> {
    /// There is no such task.
    Unknown,
    /// The task has ended, or its result is already appearing.
    Ended,
    /// A run is working on it and will stop at its next renewal.
    Asked,
    /// No run was working on it. The caller now has the lease, and has to end the record.
    Taken(Box<Journal<S>>, Box<TaskRecord>),
}

impl<S: Objects> Ledger<S> {
    /// The ledger of records whose keys start with `prefix`.
    #[must_use]
    pub fn new(store: S, prefix: &str) -> Self {
        Self { store, prefix: prefix.to_owned(), clock: Clock::default() }
    }

    /// The object of a task's record.
    #[must_use]
    pub fn uri(&self, bucket: &Bucket, task: TaskId) -> ObjectUri {
        self.named(bucket, &format!("{task}.json"))
    }

    fn named(&self, bucket: &Bucket, name: &str) -> ObjectUri {
        let key = Key::new(format!("{}{name}", self.prefix));
        ObjectUri::new(bucket.clone(), key.expect("settings keep the prefix short"))
    }

    /// The record of a task in `bucket`, as stored.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn find(
        &self,
        bucket: &Bucket,
        task: TaskId,
    ) -> Result<Option<TaskRecord>, StoreError> {
        let found = look(&self.store, &self.uri(bucket, task)).await?;
        Ok(found.and_then(|found| found.stored).map(|stored| stored.record))
    }

    /// Writes the record of an accepted task, unless the existing one is still valid. Of several
    /// callers that ask for the same task at once, one begins it and the others get its record.
    ///
    /// # Errors
    /// When storage fails.
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
                        // The first caller knows the ids of this record, so the task keeps them.
                        State::Untold if self.stands(&record, wanted).await => {
                            return Ok(Beginning::Begun(record));
                        }
                        // If the execution is still running, the run that is started now will
                        // notice it.
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

    /// Ends the record of an accepted task whose work can't be started, unless the work has started
    /// nevertheless. Returns the record that was written.
    ///
    /// # Errors
    /// When storage fails.
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
    /// When storage fails.
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
                // The result is already appearing.
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

    /// The tasks of `bucket`, newest first, from the time of `marker` on.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn list(
        &self,
        bucket: &Bucket,
        marker: Option<&Marker>,
    ) -> Result<Vec<RecordFile>, StoreError> {
        let mut found: Vec<RecordFile> = Vec::new();
        for Listed { key, changed, .. } in self.store.list(bucket, &self.prefix).await? {
            let name = key.strip_prefix(&self.prefix).and_then(|name| name.strip_suffix(".json"));
            let Some(task) = name.and_then(|name| name.parse().ok()) else { continue };
            let file = RecordFile { changed: Reverse(changed.as_millisecond()), task };
            if marker.is_none_or(|marker| file.changed >= marker.changed) {
                found.push(file);
            }
        }
        found.sort_unstable();
        Ok(found)
    }
}
