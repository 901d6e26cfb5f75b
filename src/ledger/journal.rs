//! The record of a running task: the holder of the lease updates the record and renews the lease
//! with it.
//!
//! Every write is conditional on the entity tag of the previous one, so a run that has lost the
//! lease notices at its next write.

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

/// User metadata on everything that this service writes: the task's id. An object with it never
/// starts a task.
pub const OWN_MARK: &str = "video-concat-task";
/// User metadata on results: the holder of the lease that stored them.
pub const RUN_MARK: &str = "video-concat-run";

/// User metadata on playlists: the places of their segments' numbers in their key, if any.
const NUMBERS_MARK: &str = "video-concat-numbers";

/// How often the record is written while the task runs: several times within a lease, and often
/// enough for a caller who watches the progress.
const RENEWAL: Duration = Duration::from_secs(3);
/// A renewal that takes longer is tried again, since the lease continues to expire.
const PATIENCE: Duration = Duration::from_secs(5);
/// Within this time after a renewal the lease is still valid, however slow the next request is.
const RECENT: Duration = Duration::from_secs(7);
/// How often an operation is tried again after somebody else has changed the record.
pub(super) const MAX_CONFLICTS: usize = 8;

/// Why a record could not be written.
#[derive(Debug, Error)]
pub enum LeaseError {
    /// The lease expired, and another run has taken the task over.
    #[error("another run has taken the task over")]
    Superseded,
    /// The caller has canceled the task.
    #[error("the task was canceled")]
    Canceled,
    /// Storage failed or refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What happens to the lease after a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The run keeps it and continues.
    Lease,
    /// It is released to the next step of an execution.
    Execution,
    /// The task has ended; the lease is removed.
    Nothing,
}

/// The objects that are about to appear.
#[derive(Clone, Debug)]
pub struct Storing {
    /// The only object, or the playlist.
    pub last: ObjectUri,
    /// The segments that appear before it.
    pub segments: Option<Segments>,
}

/// The record of a task whose lease this run has.
#[derive(Debug)]
pub struct Journal<S = ObjectStore> {
    pub(super) store: S,
    clock: Clock,
    uri: ObjectUri,
    holder: Uuid,
    /// When the last successful write of the record was started.
    renewed: SyncMutex<(Instant, Timestamp)>,
    /// The tag of the stored record. Locked while the record is being written.
    tag: Mutex<ETag>,
    /// The record that the next renewal writes.
    latest: SyncMutex<StoredRecord>,
    /// Whether the last object of the result may have appeared, or may still appear.
    pub(super) is_appearing: AtomicBool,
}

impl<S: Objects> Journal<S> {
    /// Writes the first record of a run, and thereby takes the lease. The lease of a dead run,
    /// `left`, is kept in the record until [`Journal::settled`] is called.
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

    /// The id of this run, which marks the objects that it stores.
    pub fn holder(&self) -> Uuid {
        self.holder
    }

    /// The object of the record.
    pub fn uri(&self) -> &ObjectUri {
        &self.uri
    }

    /// Adds an entry to the record. The next renewal writes it.
    pub fn note(&self, entry: Entry) {
        self.change(|latest| latest.record.note(entry));
    }

    /// Adds several entries in order.
    pub fn note_all(&self, entries: impl IntoIterator<Item = Entry>) {
        self.change(|latest| latest.record.note_all(entries));
    }

    /// The current record.
    pub fn latest(&self) -> TaskRecord {
        self.change(|_| {}).record
    }

    /// Makes sure that this run still has the lease, just before these objects appear. The record
    /// names them, so that a run that takes over can recognise them.
    pub async fn confirm(&self, storing: Storing) -> Result<(), LeaseError> {
        self.change(|latest| {
            if let Some(lease) = &mut latest.lease {
                lease.storing = vec![storing.last];
                lease.segments = storing.segments;
            }
        });
        self.renew(Keep::Lease).await
    }

    /// Makes sure that this run still has the lease. Sends no request if that was confirmed a
    /// moment ago, so it is cheap to call before each of many objects.
    pub async fn check(&self) -> Result<(), LeaseError> {
        for _ in 0..MAX_CONFLICTS {
            if self.age() < RECENT {
                return Ok(());
            }
            self.renew(Keep::Lease).await?;
        }
        // Each renewal took so long that the lease may have expired before the answer came.
        Err(LeaseError::Superseded)
    }

    /// The time since the last renewal, by the clock that shows the longer time: one of the two may
    /// have stopped while the sandbox was frozen.
    fn age(&self) -> Duration {
        let (instant, moment) = *self.renewed.lock();
        let passed: SignedDuration = self.clock.now().duration_since(moment);
        instant.elapsed().max(passed.try_into().unwrap_or_default())
    }

    /// Records that the remains of earlier runs have been cleaned up, and the record to continue
    /// with.
    pub(super) fn settled(&self, record: &TaskRecord) {
        self.change(|latest| {
            latest.record = record.clone();
            if let Some(lease) = &mut latest.lease {
                lease.left = None;
            }
        });
    }

    /// Records an upload before anything is sent, so that a run that takes over finds every upload
    /// that has parts.
    pub async fn begin_upload(&self, name: UploadName) -> Result<(), LeaseError> {
        self.change(|latest| {
            if let Some(lease) = &mut latest.lease {
                lease.uploads.push(name);
            }
        });
        self.renew(Keep::Lease).await
    }

    /// Renews the lease for as long as this is polled. Returns when the work has to stop.
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

    /// Writes the record. If the record says that the task has ended, a cancellation comes too
    /// late.
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
                    // An earlier renewal succeeded but its answer was lost, or the caller has
                    // canceled.
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

    /// Marks the lease as canceled; returns whether it was not marked before.
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
        // Even if a thread panicked with the lock, the record is complete.
        let mut latest = self.latest.lock();
        change(&mut latest);
        latest.clone()
    }
}

/// A stored record.
#[derive(Debug)]
pub(super) struct Found {
    /// `None` if the object is not a valid record.
    pub(super) stored: Option<StoredRecord>,
    pub(super) tag: ETag,
}

impl Found {
    /// Whether this run wrote it.
    fn is_of(&self, holder: Uuid) -> bool {
        let lease = self.stored.as_ref().and_then(|stored| stored.lease.as_ref());
        lease.is_some_and(|lease| lease.holder == holder)
    }

    fn is_canceled(&self) -> bool {
        let lease = self.stored.as_ref().and_then(|stored| stored.lease.as_ref());
        lease.is_some_and(|lease| lease.canceled)
    }
}

/// Reads a record.
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

/// Whether a conditional write failed because the record has changed or is gone.
pub(super) fn is_conflict(error: &StoreError) -> bool {
    matches!(error.problem(), Problem::Precondition | Problem::NoSuchKey)
}

/// Content type and metadata of an object that this service writes.
pub fn own_description(content_type: &str, task: TaskId) -> Description {
    Description {
        content_type: content_type.to_owned(),
        metadata: BTreeMap::from([(OWN_MARK.to_owned(), task.to_string())]),
    }
}

/// The places of numbers in the key of an object with this metadata.
pub(super) fn numbers_in(metadata: &BTreeMap<String, String>) -> Vec<usize> {
    let places = metadata.get(NUMBERS_MARK).into_iter().flat_map(|places| places.split(' '));
    places.filter_map(|place| place.parse().ok()).collect()
}

/// Content type and metadata of a playlist with the numbers of its segments at these places in its
/// key.
pub fn playlist_description(
    content_type: &str,
    task: TaskId,
    run: Uuid,
    numbers: &[usize],
) -> Description {
    let mut description = result_description(content_type, task, run);
    if !numbers.is_empty() {
        let places: Vec<String> = numbers.iter().map(usize::to_string).collect();
        description.metadata.insert(NUMBERS_MARK.to_owned(), places.join(" "));
    }
    description
}

/// Content type and metadata of a result.
pub fn result_description(content_type: &str, task: TaskId, run: Uuid) -> Description {
    let mut description = own_description(content_type, task);
    description.metadata.insert(RUN_MARK.to_owned(), run.to_string());
    description
}
