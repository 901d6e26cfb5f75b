//! Verify and store: nothing appears before all of it has been checked, and
//! the playlist not before the segments that it names.

use std::time::Instant;

use futures::{StreamExt, TryStreamExt, stream};
use tracing::{Instrument, info, warn};

use super::artifacts::{Artifact, Artifacts};
use super::journal::{Journal, JournalError, result_description};
use super::{TaskError, Worker, describe, millis, stage};
use crate::plan::Plan;
use crate::task::{TargetRecord, TaskRecord};
use crate::upload::{self, PendingUpload, UploadError};
use crate::verify::{Verified, VerifyError, verify, verify_segments};

/// Segments that are stored at the same time.
const PARALLEL_FILES: usize = 4;

impl Worker {
    /// Sends large files while the output is being checked; they appear only
    /// after the check.
    pub(super) async fn deliver(
        &self,
        plan: &Plan,
        artifacts: &Artifacts,
        journal: &Journal,
        record: &mut TaskRecord,
    ) -> Result<(), TaskError> {
        let started = Instant::now();
        let check = self.check(plan, artifacts).instrument(stage("verify", record));
        let sending =
            self.begin(&artifacts.files, journal, record).instrument(stage("store", record));
        let (verified, uploads) = tokio::join!(check, sending);
        record.timings.verify_ms = millis(started);
        match verified {
            Ok(verified) => describe::verified(plan, &verified, record),
            Err(error) => {
                abort(uploads.unwrap_or_default()).await;
                return Err(error.into());
            }
        }
        let span = stage("store", record);
        self.store(&artifacts.files, uploads?, journal, record).instrument(span).await
    }

    async fn check(&self, plan: &Plan, artifacts: &Artifacts) -> Result<Verified, VerifyError> {
        let started = Instant::now();
        let verified = verify(&self.ffmpeg(), plan, &artifacts.readable).await?;
        if let Some(found) = artifacts.segments {
            verify_segments(plan, found)?;
        }
        info!(ms = millis(started), "verify");
        Ok(verified)
    }

    async fn store(
        &self,
        files: &[Artifact],
        uploads: Vec<PendingUpload>,
        journal: &Journal,
        record: &mut TaskRecord,
    ) -> Result<(), TaskError> {
        let started = Instant::now();
        let storing = files.iter().map(|file| file.uri.clone()).collect();
        if let Err(error) = journal.confirm(record, storing).await {
            abort(uploads).await;
            return Err(match error {
                JournalError::Lost => TaskError::Superseded,
                JournalError::Store(error) => TaskError::Record(error),
            });
        }
        record.targets = self.complete(files, uploads).await?;
        record.timings.store_ms = millis(started);
        info!(ms = record.timings.store_ms, objects = record.targets.len(), "store");
        Ok(())
    }

    async fn begin(
        &self,
        files: &[Artifact],
        journal: &Journal,
        record: &TaskRecord,
    ) -> Result<Vec<PendingUpload>, UploadError> {
        let (task, run) = (record.task_id, journal.holder());
        stream::iter(files)
            .map(|file| async move {
                let description = result_description(file.content_type, task, run);
                upload::begin(&self.store, &file.uri, &file.path, &description).await
            })
            .buffered(PARALLEL_FILES)
            .try_collect()
            .await
    }

    /// Makes the objects appear, the last one after all others. Where one
    /// fails, those that have appeared are taken back.
    async fn complete(
        &self,
        files: &[Artifact],
        mut uploads: Vec<PendingUpload>,
    ) -> Result<Vec<TargetRecord>, UploadError> {
        let last = uploads.split_off(uploads.len().saturating_sub(1));
        let mut stored = Vec::with_capacity(files.len());
        for group in [uploads, last] {
            let group: Vec<_> = files[stored.len()..].iter().zip(group).collect();
            let results: Vec<_> = stream::iter(group)
                .map(|(file, upload)| complete_one(file, upload))
                .buffered(PARALLEL_FILES)
                .collect()
                .await;
            let mut failure = None;
            for result in results {
                match result {
                    Ok(target) => stored.push(target),
                    Err(error) => failure = failure.or(Some(error)),
                }
            }
            if let Some(error) = failure {
                self.take_back(&stored).await;
                return Err(error);
            }
        }
        Ok(stored)
    }

    async fn take_back(&self, stored: &[TargetRecord]) {
        for target in stored {
            if let Err(error) = self.store.delete(&target.uri).await {
                warn!(%error, "an object of the failed task could not be removed");
            }
        }
    }
}

async fn complete_one(file: &Artifact, upload: PendingUpload) -> Result<TargetRecord, UploadError> {
    let stored = upload.complete().await?;
    Ok(TargetRecord {
        uri: file.uri.clone(),
        etag: stored.etag,
        size: stored.size,
        content_type: file.content_type.to_owned(),
    })
}

async fn abort(uploads: Vec<PendingUpload>) {
    for upload in uploads {
        if let Err(error) = upload.abort().await {
            warn!(%error, "an upload of the failed task could not be given up");
        }
    }
}
