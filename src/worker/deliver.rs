//! Verify and store: nothing appears before all of it has been checked, and
//! the playlist not before the segments that it names.

use std::time::Instant;

use futures::{StreamExt, TryStreamExt, stream};
use tracing::{info, warn};

use super::artifacts::{Artifact, Artifacts};
use super::journal::description;
use super::{TaskError, Worker, describe, millis};
use crate::plan::Plan;
use crate::task::{TargetRecord, TaskRecord};
use crate::upload::{self, PendingUpload, UploadError};
use crate::verify::{verify, verify_segments};

/// Segments that are stored at the same time.
const PARALLEL_FILES: usize = 4;

impl Worker {
    /// Sends large files while the output is being checked; they appear only
    /// after the check.
    pub(super) async fn deliver(
        &self,
        plan: &Plan,
        artifacts: &Artifacts,
        record: &mut TaskRecord,
    ) -> Result<(), TaskError> {
        let started = Instant::now();
        let ffmpeg = self.ffmpeg();
        let check = verify(&ffmpeg, plan, &artifacts.readable);
        let (verified, uploads) = tokio::join!(check, self.begin(&artifacts.files, record));
        record.timings.verify_ms = millis(started);
        let counted = artifacts.segments.map_or(Ok(()), |found| verify_segments(plan, found));
        let verified = match verified.and_then(|verified| counted.map(|()| verified)) {
            Ok(verified) => verified,
            Err(error) => {
                abort(uploads.unwrap_or_default()).await;
                return Err(error.into());
            }
        };
        info!(ms = record.timings.verify_ms, "verify");
        let completed = Instant::now();
        record.targets = self.complete(&artifacts.files, uploads?).await?;
        record.timings.store_ms = millis(completed);
        info!(ms = record.timings.store_ms, objects = record.targets.len(), "store");
        describe::verified(plan, &verified, record);
        Ok(())
    }

    async fn begin(
        &self,
        files: &[Artifact],
        record: &TaskRecord,
    ) -> Result<Vec<PendingUpload>, UploadError> {
        let task = record.task_id;
        stream::iter(files)
            .map(|file| async move {
                let description = description(file.content_type, task);
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
