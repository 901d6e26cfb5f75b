//! The ledger: who does a task, and how it went.
//!
//! A task's record is an object. Whoever holds the lease inside it does the work; every write names
//! the tag of the one before, so of several that want the same task one gets it, and a holder whose
//! lease has lapsed finds out at its next write.

use jiff::Timestamp;

use crate::code::Code;
use crate::event::Told;
use crate::object::ObjectUri;
use crate::storage::{ObjectStore, Precondition, StoreError};
use crate::task::{Moment, State, StoredRecord, TaskId, TaskRecord};

pub use claim::{Begun, Claimed};
use journal::{Found, MAX_CONFLICTS, is_conflict, look, put};
pub use journal::{Journal, Keep, LeaseError, OWN_MARK, result_description};

mod claim;
mod journal;

/// The records of all tasks.
#[derive(Clone, Debug)]
pub struct Ledger {
    store: ObjectStore,
    prefix: String,
}

/// What became of a record that was to be begun.
#[derive(Clone, Debug)]
pub enum Beginning {
    /// It is there now; the work is still to be started.
    Begun(Box<TaskRecord>),
    /// There is nothing to start: the task runs, will run soon, or its result is there.
    Known(Box<TaskRecord>),
}

impl Ledger {
    /// The records whose keys start with `prefix`.
    #[must_use]
    pub fn new(store: ObjectStore, prefix: &str) -> Self {
        Self { store, prefix: prefix.to_owned() }
    }

    /// Where the record of a task is.
    #[must_use]
    pub fn uri(&self, bucket: &str, task: TaskId) -> ObjectUri {
        ObjectUri::new(bucket, format!("{}{task}.json", self.prefix))
    }

    /// The record of a task in `bucket`, as it is stored.
    ///
    /// # Errors
    /// Where storage fails.
    pub async fn find(&self, bucket: &str, task: TaskId) -> Result<Option<TaskRecord>, StoreError> {
        let found = look(&self.store, &self.uri(bucket, task)).await?;
        Ok(found.and_then(|found| found.stored).map(|stored| stored.record))
    }

    /// Writes the record of an accepted task, unless the one that is there still stands. Of several
    /// that ask for the same task at once, one begins it and the others find it.
    ///
    /// # Errors
    /// Where storage fails.
    pub async fn begin(
        &self,
        uri: &ObjectUri,
        record: TaskRecord,
    ) -> Result<Beginning, StoreError> {
        let fresh = StoredRecord { record, lease: None };
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
                    match stored.state(Timestamp::now()) {
                        State::Held | State::Pending => return Ok(Beginning::Known(record)),
                        State::Succeeded if self.stands(&record).await => {
                            return Ok(Beginning::Known(record));
                        }
                        // Its ids are known to the caller who asked first, so it goes on under them.
                        State::Untold if self.stands(&record).await => {
                            return Ok(Beginning::Begun(record));
                        }
                        State::Overdue | State::Abandoned | State::Unreported => {
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
    /// it has been started all the same.
    ///
    /// # Errors
    /// Where storage fails.
    pub async fn give_up(&self, told: &Told, message: &str) -> Result<(), StoreError> {
        let uri = self.uri(&told.record_bucket, told.task_id);
        let Some(Found { stored: Some(stored), tag }) = look(&self.store, &uri).await? else {
            return Ok(());
        };
        let waits = matches!(stored.state(Timestamp::now()), State::Pending | State::Overdue);
        let mut record = stored.record;
        if !waits || record.event_id != told.event_id {
            return Ok(());
        }
        record.fail(Code::InternalError, message, Moment::new(Timestamp::now()));
        let failed = StoredRecord { record, lease: None };
        match put(&self.store, &uri, &failed, Precondition::IfMatch(tag)).await {
            Err(error) if !is_conflict(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether all that a task stored is still what it stored. A target that
    /// can't be looked at is made again rather than promised.
    async fn stands(&self, record: &TaskRecord) -> bool {
        for target in &record.targets {
            let head = self.store.head(&target.uri, None).await;
            if !head.is_ok_and(|head| head.etag == target.etag) {
                return false;
            }
        }
        true
    }
}
