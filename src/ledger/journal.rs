//! The task's record as an object: its holder keeps it up to date, and keeps
//! the lease with it.
//!
//! Every write names the tag of the one before, so a run that has lost the lease learns it
//! at its next write.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex as SyncMutex;
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;
use uuid::Uuid;

use super::{Clock, Ledger, Objects};
use crate::object::{ETag, ObjectUri, UploadName};
use crate::storage::{Description, ObjectStore, Precondition, Problem, StoreError};
use crate::task::{Entry, Lease, Segments, Status, StoredRecord, TaskId, TaskRecord};

/// User metadata on everything that this service writes, with the task's id:
/// such an object never starts a task.
pub const OWN_MARK: &str = "video-concat-task";
/// User metadata on results, with the holder of the lease that stored them.
pub const RUN_MARK: &str = "video-concat-run";

/// How often the record is written while the task runs: several times in a
/// lease, and often enough for a caller who watches the progress.
const RENEWAL: Duration = Duration::from_secs(3);
/// A renewal that takes longer is tried again: the lease goes on lapsing.
const PATIENCE: Duration = Duration::from_secs(5);
/// A lease that was renewed so long ago holds, however slow the next request is.
const RECENT: Duration = Duration::from_secs(7);
/// How often a record is looked at again that somebody else may have written.
pub(super) const MAX_CONFLICTS: usize = 8;

/// Why a record could not be written.
#[derive(Debug, Error)]
pub enum LeaseError {
    /// The lease lapsed, and another run has taken the task over.
    #[error("another run has taken the task over")]
    Superseded,
    /// The caller has canceled the task.
    #[error("the task was canceled")]
    Canceled,
    /// Storage does not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether a write ends the work on the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// There is more to do.
    Lease,
    /// An execution goes on with it.
    Execution,
    /// It is over.
    Nothing,
}

/// What is about to appear.
#[derive(Clone, Debug)]
pub struct Storing {
    /// The only object, or the playlist.
    pub last: ObjectUri,
    /// What appears before it.
    pub segments: Option<Segments>,
}

/// The record of a task that is held.
#[derive(Debug)]
pub struct Journal<S = ObjectStore> {
    pub(super) store: S,
    clock: Clock,
    uri: ObjectUri,
    holder: Uuid,
    /// When the last write of the record that went well was begun.
    renewed: SyncMutex<(Instant, Timestamp)>,
    /// Of the record as it is stored. Locked while it is being written.
    tag: Mutex<ETag>,
    /// What the next renewal writes.
    latest: SyncMutex<StoredRecord>,
    /// Whether the last object of the result may have appeared, or may do so yet.
    pub(super) is_appearing: AtomicBool,
}

impl<S: Objects> Journal<S> {
    /// Writes the first record of a run, and with it takes the lease. What a run that died has `left`
    /// stays noted until it is [`Journal::settled`].
    pub(super) async fn open(
        ledger: &Ledger<S>,
        uri: &ObjectUri,
        holder: Uuid,
        record: &TaskRecord,
        precondition: Precondition,
        left: Option<&Lease>,
    ) -> Result<Self, StoreError> {
        let left = left.cloned().map(Box::new);
        let lease = Lease { left, ..Lease::new(holder, ledger.clock.now()) };
        Self::open_with(ledger, uri, lease, record, precondition).await
    }

    /// The same with a given lease.
    pub(super) async fn open_with(
        ledger: &Ledger<S>,
        uri: &ObjectUri,
        lease: Lease,
        record: &TaskRecord,
        precondition: Precondition,
    ) -> Result<Self, StoreError> {
        let now = (Instant::now(), ledger.clock.now());
        let holder = lease.holder;
        let latest = StoredRecord { record: record.clone(), lease: Some(lease) };
        let tag = put(&ledger.store, uri, &latest, precondition).await?;
        Ok(Self {
            store: ledger.store.clone(),
            clock: ledger.clock.clone(),
            uri: uri.clone(),
            holder,
            renewed: SyncMutex::new(now),
            tag: Mutex::new(tag),
            latest: SyncMutex::new(latest),
            is_appearing: AtomicBool::new(false),
        })
    }

    /// The run, as what it stores is marked.
    pub fn holder(&self) -> Uuid {
        self.holder
    }

    /// Where the record is.
    pub fn uri(&self) -> &ObjectUri {
        &self.uri
    }

    /// Notes what is known of the task by now. The next renewal writes it.
    pub fn note(&self, entry: Entry) {
        self.change(|latest| latest.record.note(entry));
    }

    /// Notes all of them, in their order.
    pub fn note_all(&self, entries: impl IntoIterator<Item = Entry>) {
        self.change(|latest| latest.record.note_all(entries));
    }

    /// The record as it is known now.
    pub fn latest(&self) -> TaskRecord {
        self.change(|_| {}).record
    }

    /// Makes sure that the task is still held, right before these objects
    /// appear. The record names them, so that a run that takes over can recognise them.
    pub async fn confirm(&self, storing: Storing) -> Result<(), LeaseError> {
        self.change(|latest| {
            if let Some(lease) = &mut latest.lease {
                lease.storing = vec![storing.last];
                lease.segments = storing.segments;
            }
        });
        self.renew(Keep::Lease).await
    }

    /// Makes sure that the task is still held, without a request where that was so a moment ago: for
    /// before each of many objects.
    pub async fn check(&self) -> Result<(), LeaseError> {
        for _ in 0..MAX_CONFLICTS {
            if self.age() < RECENT {
                return Ok(());
            }
            self.renew(Keep::Lease).await?;
        }
        // Each renewal took so long that it may have lapsed before its answer came.
        Err(LeaseError::Superseded)
    }

    /// How long ago the lease was renewed. Of two clocks, the longer time counts: one of them may have
    /// stopped while the sandbox was frozen.
    fn age(&self) -> Duration {
        let (instant, moment) = *self.renewed.lock();
        let passed: SignedDuration = self.clock.now().duration_since(moment);
        instant.elapsed().max(passed.try_into().unwrap_or_default())
    }

    /// Notes that the remains of earlier runs have been cleaned up, and the record to go on with.
    pub(super) fn settled(&self, record: &TaskRecord) {
        self.change(|latest| {
            latest.record = record.clone();
            if let Some(lease) = &mut latest.lease {
                lease.left = None;
            }
        });
    }

    /// Notes an upload before anything of it is sent, so that a run that takes over finds
    /// every upload that has parts.
    pub async fn begin_upload(&self, name: UploadName) -> Result<(), LeaseError> {
        self.change(|latest| {
            if let Some(lease) = &mut latest.lease {
                lease.uploads.push(name);
            }
        });
        self.renew(Keep::Lease).await
    }

    /// Renews the lease for as long as this is polled, and ends where the work has to.
    pub async fn keep_alive(&self) -> LeaseError {
        loop {
            sleep(RENEWAL).await;
            let Ok(renewed) = timeout(PATIENCE, self.renew(Keep::Lease)).await else { continue };
            match renewed {
                Ok(()) => {}
                Err(LeaseError::Store(error)) => warn!(%error, "the lease was not renewed"),
                Err(ended) => return ended,
            }
        }
    }

    /// Writes the record. Where the task has ended, it is too late to cancel it.
    pub async fn write(&self, record: &TaskRecord, keep: Keep) -> Result<(), LeaseError> {
        self.change(|latest| latest.record = record.clone());
        match self.renew(keep).await {
            Err(LeaseError::Canceled) if record.status != Status::Running => self.renew(keep).await,
            written => written,
        }
    }

    async fn renew(&self, keep: Keep) -> Result<(), LeaseError> {
        let mut tag = self.tag.lock().await;
        for _ in 1..MAX_CONFLICTS {
            let now = (Instant::now(), self.clock.now());
            let next = self.next(keep, now.1);
            let put = put(&self.store, &self.uri, &next, Precondition::IfMatch(tag.clone()));
            match put.await {
                Ok(written) => {
                    *tag = written;
                    *self.renewed.lock() = now;
                    return Ok(());
                }
                Err(error) if is_conflict(&error) => match look(&self.store, &self.uri).await? {
                    // A renewal whose answer was not awaited, or the caller has canceled.
                    Some(found) if found.is_of(self.holder) => {
                        let canceled = found.is_canceled();
                        *tag = found.tag;
                        if canceled && self.note_cancel() {
                            return Err(LeaseError::Canceled);
                        }
                    }
                    _ => return Err(LeaseError::Superseded),
                },
                Err(error) => return Err(error.into()),
            }
        }
        Err(LeaseError::Superseded)
    }

    /// Whether it is news that the task was canceled.
    fn note_cancel(&self) -> bool {
        let mut is_news = false;
        self.change(|latest| {
            if let Some(lease) = &mut latest.lease {
                is_news = !std::mem::replace(&mut lease.canceled, true);
            }
        });
        is_news
    }

    fn next(&self, keep: Keep, now: Timestamp) -> StoredRecord {
        let until = Lease::new(self.holder, now).until;
        self.change(|latest| match (&mut latest.lease, keep) {
            (Some(lease), Keep::Lease | Keep::Execution) => {
                lease.until = until;
                if let Some(execution) = &mut lease.execution {
                    execution.idle = keep == Keep::Execution;
                }
            }
            (lease, _) => *lease = None,
        })
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut StoredRecord)) -> StoredRecord {
        // Where a holder panicked, the record is whole all the same.
        let mut latest = self.latest.lock();
        change(&mut latest);
        latest.clone()
    }
}

/// A record as it was found.
#[derive(Debug)]
pub(super) struct Found {
    /// `None` where it is no record that can be read.
    pub(super) stored: Option<StoredRecord>,
    pub(super) tag: ETag,
}

impl Found {
    /// Whether the run of this name wrote it.
    fn is_of(&self, holder: Uuid) -> bool {
        let lease = self.stored.as_ref().and_then(|stored| stored.lease.as_ref());
        lease.is_some_and(|lease| lease.holder == holder)
    }

    fn is_canceled(&self) -> bool {
        let lease = self.stored.as_ref().and_then(|stored| stored.lease.as_ref());
        lease.is_some_and(|lease| lease.canceled)
    }
}

/// Looks at a record.
pub(super) async fn look<S: Objects>(
    store: &S,
    uri: &ObjectUri,
) -> Result<Option<Found>, StoreError> {
    let found = store.get(uri).await?;
    Ok(found.map(|(bytes, tag)| Found { stored: serde_json::from_slice(&bytes).ok(), tag }))
}

/// Writes a record as an object.
pub(super) async fn put<S: Objects>(
    store: &S,
    uri: &ObjectUri,
    stored: &StoredRecord,
    precondition: Precondition,
) -> Result<ETag, StoreError> {
    let description = own_description("application/json", stored.record.task_id);
    let body = serde_json::to_vec(stored).expect("a record has text keys only");
    store.put(uri, body, &description, precondition).await
}

/// Whether a conditional write failed because the record is another by now, or
/// gone.
pub(super) fn is_conflict(error: &StoreError) -> bool {
    matches!(error.problem(), Problem::Precondition | Problem::NoSuchKey)
}

/// How an object of this service is described.
pub fn own_description(content_type: &str, task: TaskId) -> Description {
    Description {
        content_type: content_type.to_owned(),
        metadata: BTreeMap::from([(OWN_MARK.to_owned(), task.to_string())]),
    }
}

/// How a result is described.
pub fn result_description(content_type: &str, task: TaskId, run: Uuid) -> Description {
    let mut description = own_description(content_type, task);
    description.metadata.insert(RUN_MARK.to_owned(), run.to_string());
    description
}
