//! Making a result appear. A run that was stalled may have lost its task meanwhile, so each object is
//! written where nothing has changed since the run looked and then made sure that it still held the
//! lease: what another run stored after that is never overwritten.

use std::sync::atomic::Ordering;

use thiserror::Error;
use tracing::warn;

use super::journal::RUN_MARK;
use super::{Journal, LeaseError, OWN_MARK, Objects, Storing, run_name};
use crate::object::{ObjectUri, UploadName};
use crate::playlist::stem;
use crate::storage::upload::{NotStored, PendingUpload, Stored, TRIES, UploadError};
use crate::storage::{Precondition, Problem, StoreError};

/// What had a target's name when it was looked at.
#[derive(Clone, Debug)]
pub struct Seen {
    precondition: Precondition,
    /// What the segments of the playlist start with that it was, where it was one.
    pub segments: Option<ObjectUri>,
}

/// Why an object was not made to appear.
#[derive(Debug, Error)]
pub enum PlaceError {
    /// The task is not held any more.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// Storage did not take it.
    #[error(transparent)]
    Upload(#[from] UploadError),
}

/// A file that is on its way to be an object.
pub trait Upload: Send {
    /// Makes the object appear, where the precondition holds.
    fn appear(
        &mut self,
        precondition: &Precondition,
    ) -> impl Future<Output = Result<Stored, NotStored>> + Send;

    /// Opens it again; its name, where there is something to abort.
    fn reopen(&mut self) -> impl Future<Output = Result<Option<UploadName>, UploadError>> + Send;

    /// Sends what can be sent before it appears.
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
    /// Looks at a target; to be followed by [`Journal::confirm`].
    pub async fn look_at(&self, target: &ObjectUri) -> Result<Seen, StoreError> {
        match self.store.head(target).await {
            Ok(head) => {
                let run = head.metadata.get(RUN_MARK).and_then(|run| run.parse().ok());
                let run = run.filter(|&run| run != self.holder());
                let run = run.filter(|_| head.metadata.contains_key(OWN_MARK));
                let start =
                    |run| target.beside(format!("{}-{}-", stem(&target.key), run_name(run)));
                Ok(Seen {
                    precondition: Precondition::IfMatch(head.etag),
                    segments: run.and_then(|run| start(run).ok()),
                })
            }
            Err(error) => match error.problem() {
                Problem::NoSuchKey => {
                    Ok(Seen { precondition: Precondition::IfAbsent, segments: None })
                }
                // It can be written all the same, perhaps.
                Problem::AccessDenied(_) => {
                    Ok(Seen { precondition: Precondition::None, segments: None })
                }
                _ => Err(error),
            },
        }
    }

    /// Makes the last object of a result appear in the place of what was `seen` there.
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

    /// Makes a segment appear, under a name that is this run's own.
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
