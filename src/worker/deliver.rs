//! Verify and store: nothing appears before all of it has been checked, and
//! the playlist not before the segments that it names.

use std::time::Instant;

use futures::{StreamExt, TryStreamExt, stream};
use tracing::{Instrument, info, warn};

use super::{Deadline, TaskError, Worker, describe, millis, stage};
use crate::engine::artifacts::{Artifact, Artifacts};
use crate::engine::verify::{Check, Verified, VerifyError};
use crate::ledger::{Journal, result_description};
use crate::object::ObjectUri;
use crate::storage::upload::{self, PendingUpload, UploadError};
use crate::task::{TargetRecord, TaskRecord};

/// Segments that are stored at the same time.
const PARALLEL_FILES: usize = 4;

impl Worker {
    /// Sends large files while the output is being checked; they appear only
    /// after the check.
    pub(super) async fn send(
        &self,
        check: &Check<'_>,
        artifacts: &Artifacts,
        journal: &Journal,
        record: &mut TaskRecord,
    ) -> Result<Vec<PendingUpload>, TaskError> {
        let started = Instant::now();
        let checking = self.check(check, artifacts).instrument(stage("verify", record));
        let sending =
            self.begin(&artifacts.files, journal, record).instrument(stage("store", record));
        let (verified, uploads) = tokio::join!(checking, sending);
        record.timings.verify_ms = millis(started);
        match verified {
            Ok(verified) => {
                describe::verified(check.plan, &verified, record);
                uploads
            }
            Err(error) => {
                abort(uploads.unwrap_or_default()).await;
                Err(error.into())
            }
        }
    }

    async fn check(
        &self,
        check: &Check<'_>,
        artifacts: &Artifacts,
    ) -> Result<Verified, VerifyError> {
        let started = Instant::now();
        let verified = artifacts.verify(check).await?;
        info!(ms = millis(started), "verify");
        Ok(verified)
    }

    /// Makes the result appear.
    pub(super) async fn store(
        &self,
        files: &[Artifact],
        uploads: Vec<PendingUpload>,
        journal: &Journal,
        deadline: Deadline,
        record: &mut TaskRecord,
    ) -> Result<(), TaskError> {
        let started = Instant::now();
        let storing = files.iter().map(|file| file.uri.clone()).collect();
        if let Err(error) = journal.confirm(record, storing).await {
            abort(uploads).await;
            return Err(error.into());
        }
        record.targets = self.complete(files, uploads, deadline).await?;
        record.timings.store_ms = millis(started);
        info!(ms = record.timings.store_ms, objects = record.targets.len(), "store");
        Ok(())
    }

    async fn begin(
        &self,
        files: &[Artifact],
        journal: &Journal,
        record: &TaskRecord,
    ) -> Result<Vec<PendingUpload>, TaskError> {
        let (task, run) = (record.task_id, journal.holder());
        stream::iter(files)
            .map(|file| async move {
                let description = result_description(file.content_type, task, run);
                let mut upload =
                    upload::begin(&self.store, &file.uri, &file.path, &description).await?;
                if let Some(name) = upload.name() {
                    journal.begin_upload(name.clone()).await?;
                }
                upload.send().await?;
                Ok(upload)
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
        uploads: Vec<PendingUpload>,
        deadline: Deadline,
    ) -> Result<Vec<TargetRecord>, TaskError> {
        let mut first: Vec<_> = files.iter().zip(uploads).collect();
        let last = first.split_off(first.len().saturating_sub(1));
        let mut stored = Vec::with_capacity(files.len());
        let mut appeared = Vec::with_capacity(files.len());
        for group in [first, last] {
            let results: Vec<_> = stream::iter(group)
                .map(|(file, upload)| complete_one(file, upload, deadline))
                .buffered(PARALLEL_FILES)
                .collect()
                .await;
            let mut failure = None;
            for (file, result) in files[stored.len()..].iter().zip(results) {
                appeared.extend(may_be_there(&result).then_some(&file.uri));
                match result {
                    Ok(target) => stored.push(target),
                    Err(error) => _ = failure.get_or_insert(error),
                }
            }
            match failure {
                // It may as well be the object that was there before.
                Some(error) if files.len() == 1 => return Err(error),
                Some(error) => return Err(self.take_back(&appeared, error).await),
                None => {}
            }
        }
        Ok(stored)
    }

    /// The last one first: a reader never finds a name that is not there.
    async fn take_back(&self, appeared: &[&ObjectUri], error: TaskError) -> TaskError {
        for uri in appeared.iter().rev() {
            if let Err(refusal) = self.store.delete(uri).await {
                warn!(error = %refusal, "an object of the failed task could not be removed");
                return TaskError::Leftover(Box::new(error));
            }
        }
        error
    }
}

async fn complete_one(
    file: &Artifact,
    upload: PendingUpload,
    deadline: Deadline,
) -> Result<TargetRecord, TaskError> {
    deadline.check()?;
    let stored = upload.complete().await?;
    Ok(TargetRecord {
        uri: file.uri.clone(),
        etag: stored.etag,
        size: stored.size,
        content_type: file.content_type.to_owned(),
    })
}

fn may_be_there(result: &Result<TargetRecord, TaskError>) -> bool {
    matches!(result, Ok(_) | Err(TaskError::Upload(UploadError::Unclear(_))))
}

async fn abort(uploads: Vec<PendingUpload>) {
    for upload in uploads {
        if let Err(error) = upload.abort().await {
            warn!(%error, "an upload of the failed task could not be given up");
        }
    }
}
