//! Makes a result appear. A stalled run may have lost its task in the meantime. So it looks at the
//! target, then makes sure that it still has the lease, then writes on condition that the target
//! has not changed since: this never overwrites what another run has stored after that.

use std::sync::atomic::Ordering;

use thiserror::Error;
use tracing::warn;

use super::journal::{RUN_MARK, numbers_in};
use super::{Journal, LeaseError, OWN_MARK, Objects, Storing, run_name};
use crate::object::{ObjectUri, UploadName};
use crate::playlist::SegmentNames;
use crate::storage::upload::{NotStored, PendingUpload, Stored, TRIES, UploadError};
use crate::storage::{Precondition, Problem, StoreError};

/// The state of a target when it was looked at.
#[derive(Clone, Debug)]
pub struct Seen {
    precondition: Precondition,
    /// The names of its segments, if the target was a playlist of this service.
    pub segments: Option<SegmentNames>,
}

/// Why an object did not appear.
#[derive(Debug, Error)]
pub enum PlaceError {
    /// This run no longer has the lease.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// Storage failed or refused.
    #[error(transparent)]
    Upload(#[from] UploadError),
}

/// A file that is being uploaded.
pub trait Upload: Send {
    /// Makes the object appear, if the precondition holds.
    fn appear(
        &mut self,
        precondition: &Precondition,
    ) -> impl Future<Output = Result<Stored, NotStored>> + Send;

    /// Opens the upload again. Returns its name if there is something to abort later.
    fn reopen(&mut self) -> impl Future<Output = Result<Option<UploadName>, UploadError>> + Send;

    /// Sends everything that can be sent before the object appears.
    fn send(&mut self) -> impl Future<Output = Result<(), UploadError>> + Send;
}

impl Upload for PendingUpload {
    async fn appear(&mut self, precondition: &Precondition) -> Result<Stored, NotStored> {
        PendingUpload::appear(self, precondition).await
    }

    async fn reopen(&mut self) -> Result<Option<UploadName>, UploadError> {
        PendingUpload::reopen(self).await?;
        Ok(self.name().cloned())
    }

    async fn send(&mut self) -> Result<(), UploadError> {
        PendingUpload::send(self).await
    }
}

impl<S: Objects> Journal<S> {
    /// Looks at a target; [`Journal::confirm`] has to follow.
    pub async fn look_at(&self, target: &ObjectUri) -> Result<Seen, StoreError> {
        match self.store.head(target).await {
            Ok(head) => {
                let run = head.metadata.get(RUN_MARK).and_then(|run| run.parse().ok());
                let run = run.filter(|&run| run != self.holder());
                let run = run.filter(|_| head.metadata.contains_key(OWN_MARK));
                let places = numbers_in(&head.metadata);
                let names = |run| SegmentNames::new(&target.key, &places, Some(&run_name(run)));
                Ok(Seen {
                    precondition: Precondition::IfMatch(head.etag),
                    segments: run.map(names),
                })
            }
            Err(error) => match error.problem() {
                Problem::NoSuchKey => {
                    Ok(Seen { precondition: Precondition::IfAbsent, segments: None })
                }
                // Writing may still be allowed.
                Problem::AccessDenied(_) => {
                    Ok(Seen { precondition: Precondition::None, segments: None })
                }
                _ => Err(error),
            },
        }
    }

    /// Makes the last object of a result appear, replacing what was `seen` there.
    pub async fn place_last(
        &self,
        upload: &mut impl Upload,
        storing: &Storing,
        mut seen: Seen,
    ) -> Result<(Stored, Seen), PlaceError> {
        let mut tries = 1;
        loop {
            self.check().await?;
            self.is_appearing.store(true, Ordering::Relaxed);
            match upload.appear(&seen.precondition).await {
                Ok(stored) => return Ok((stored, seen)),
                Err(NotStored::InTheWay(error)) if tries < TRIES => {
                    warn!(%error, "the upload starts again");
                    tries += 1;
                    seen = self.look_at(&storing.last).await.map_err(UploadError::from)?;
                    self.confirm(storing.clone()).await?;
                    self.again(upload).await?;
                }
                Err(error) => return Err(UploadError::from(error).into()),
            }
        }
    }

    /// Makes a segment appear, under a name that only this run uses.
    pub async fn place_segment(&self, upload: &mut impl Upload) -> Result<Stored, PlaceError> {
        let mut tries = 1;
        loop {
            self.check().await?;
            match upload.appear(&Precondition::IfAbsent).await {
                Ok(stored) => return Ok(stored),
                Err(NotStored::InTheWay(error)) if tries < TRIES => {
                    warn!(%error, "the upload starts again");
                    tries += 1;
                    self.again(upload).await?;
                }
                Err(error) => return Err(UploadError::from(error).into()),
            }
        }
    }

    async fn again(&self, upload: &mut impl Upload) -> Result<(), PlaceError> {
        if let Some(name) = upload.reopen().await? {
            self.begin_upload(name).await?;
        }
        Ok(upload.send().await?)
    }
}
