//! Checks and stores the result: no object appears before everything has been checked, and the
//! playlist appears after the segments that it names.

use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, info, warn};

use super::{Deadline, TaskError, Worker, describe, millis, stage};
use crate::engine::artifacts::{Artifact, Artifacts, Copied, Kind};
use crate::engine::verify::{Check, Verified, VerifyError};
use crate::ledger::{Journal, Seen, Storing, playlist_description, run_name};
use crate::object::Key;
use crate::plan::Plan;
use crate::playlist::SegmentNames;
use crate::storage::StoreError;
use crate::storage::assembly::PlannedPart;
use crate::storage::upload::{self, PendingUpload, Stored, UploadError};
use crate::task::{Entry, Segments, Stage, TargetRecord};

/// How many segments are stored at the same time.
const PARALLEL_FILES: usize = 16;

/// The files to store.
#[derive(Clone, Copy)]
pub(super) struct Goods<'a> {
    pub(super) files: &'a [Artifact],
    /// The parts of the only file, if it has holes.
    pub(super) assembly: &'a [PlannedPart],
}

impl Worker {
    /// Uploads large files while the output is being checked; the objects appear only after the
    /// check.
    pub(super) async fn send(
        &self,
        check: &Check<'_>,
        artifacts: &Artifacts,
        journal: &Journal,
    ) -> Result<Vec<PendingUpload>, TaskError> {
        let goods = Goods { files: &artifacts.files, assembly: &[] };
        let verify = artifacts.verify(check);
        Box::pin(self.send_checked(check.plan, goods, verify, journal)).await
    }

    /// Uploads files while a check runs.
    pub(super) async fn send_checked(
        &self,
        plan: &Plan,
        goods: Goods<'_>,
        verify: impl Future<Output = Result<Verified, VerifyError>>,
        journal: &Journal,
    ) -> Result<Vec<PendingUpload>, TaskError> {
        let started = Instant::now();
        let checking = async {
            let verified = verify.await?;
            info!(ms = millis(started), "verify");
            Ok::<_, VerifyError>(verified)
        };
        let checking = checking.instrument(stage("verify", &journal.latest()));
        let sending = self.begin(goods, journal).instrument(stage("store", &journal.latest()));
        let (verified, uploads) = tokio::join!(checking, sending);
        journal.note(Entry::Took(Stage::Verify, millis(started)));
        match verified {
            Ok(verified) => {
                journal.note(describe::verified(plan, &verified));
                uploads
            }
            Err(error) => {
                if let Ok(uploads) = uploads {
                    abort(uploads).await;
                }
                Err(error.into())
            }
        }
    }

    /// Makes the uploaded objects appear.
    pub(super) async fn store(
        &self,
        files: &[Artifact],
        uploads: Vec<PendingUpload>,
        journal: &Journal,
        deadline: Deadline,
    ) -> Result<(), TaskError> {
        let started = Instant::now();
        let (last, segments) = files.split_last().expect("an output has a file at least");
        let count = segments.len();
        let named = (count > 0).then(|| Segments { places: last.numbers().to_vec(), count });
        let storing = Storing { last: last.uri.clone(), segments: named };
        let seen = async {
            let seen = journal.look_at(&last.uri).await.map_err(UploadError::from)?;
            journal.confirm(storing.clone()).await?;
            Ok(seen)
        };
        let seen = match seen.await {
            Ok(seen) => seen,
            Err(error) => {
                abort(uploads).await;
                return Err(error);
            }
        };
        let delivery = Delivery { worker: self, journal, deadline, storing, seen };
        let targets = delivery.complete(last, segments, uploads).await?;
        let ms = millis(started);
        info!(ms, objects = targets.len(), "store");
        journal.note_all([Entry::Stored(targets), Entry::Took(Stage::Store, ms)]);
        Ok(())
    }

    async fn begin(
        &self,
        Goods { files, assembly }: Goods<'_>,
        journal: &Journal,
    ) -> Result<Vec<PendingUpload>, TaskError> {
        let (task, run) = (journal.latest().task_id, journal.holder());
        stream::iter(files)
            .map(|file| async move {
                let description =
                    playlist_description(file.content_type, task, run, file.numbers());
                let (uri, path) = (&file.uri, &file.path);
                if let Kind::Stored(Copied { uri: from, etag, size }) = &file.kind {
                    let from = (from, etag, *size);
                    return Ok(upload::begin_copy(&self.store, uri, from, &description));
                }
                let mut upload =
                    upload::begin(&self.store, uri, (path, assembly), &description).await?;
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
}

/// A result that is about to appear.
struct Delivery<'a> {
    worker: &'a Worker,
    journal: &'a Journal,
    deadline: Deadline,
    storing: Storing,
    seen: Seen,
}

impl Delivery<'_> {
    /// Makes the objects appear, the last one after all others. If one fails, those that have
    /// appeared are removed.
    async fn complete(
        self,
        last: &Artifact,
        segments: &[Artifact],
        mut uploads: Vec<PendingUpload>,
    ) -> Result<Vec<TargetRecord>, TaskError> {
        let mut upload = uploads.pop().expect("every file has an upload");
        let mut stored: Vec<TargetRecord> = match self.segments(segments, uploads).await {
            Ok(stored) => stored,
            Err(error) => {
                abort(vec![upload]).await;
                return Err(self.take_back(error).await);
            }
        };
        if let Err(error) = self.deadline.check() {
            abort(vec![upload]).await;
            return Err(self.take_back(error).await);
        }
        let Self { journal, storing, seen, .. } = &self;
        match journal.place_last(&mut upload, storing, seen.clone()).await {
            Ok((object, replaced)) => {
                stored.push(target(last, object));
                self.sweep_replaced(replaced).await;
                Ok(stored)
            }
            Err(error) => Err(self.without_last(error.into()).await),
        }
    }

    async fn segments(
        &self,
        files: &[Artifact],
        uploads: Vec<PendingUpload>,
    ) -> Result<Vec<TargetRecord>, TaskError> {
        stream::iter(files.iter().zip(uploads))
            .map(|(file, mut upload)| async move {
                self.deadline.check()?;
                // If this is canceled half-way, the segment is removed like all others.
                let placed =
                    timeout_at(self.deadline.until, self.journal.place_segment(&mut upload));
                let placed = placed.await.map_err(|_| self.deadline.over())?;
                Ok(target(file, placed?))
            })
            .buffered(PARALLEL_FILES)
            .try_collect()
            .await
    }

    /// Segments stay if it is unknown whether their playlist exists.
    async fn without_last(&self, error: TaskError) -> TaskError {
        let is_unclear = matches!(error, TaskError::Upload(UploadError::Unclear(_)));
        if is_unclear || self.storing.segments.is_none() {
            error
        } else {
            self.take_back(error).await
        }
    }

    /// Removes the segments that have appeared.
    async fn take_back(&self, error: TaskError) -> TaskError {
        let Some(Segments { places, .. }) = &self.storing.segments else { return error };
        // Another run has the task, and cleans up what this one has left.
        if matches!(error, TaskError::Superseded) {
            return error;
        }
        let run = run_name(self.journal.holder());
        let names = SegmentNames::new(&self.storing.last.key, places, Some(&run));
        let removed = timeout_at(self.deadline.last, self.remove(&names)).await;
        match removed {
            Ok(Ok(())) => error,
            Ok(Err(refusal)) => {
                warn!(error = %refusal, "segments of the failed task could not be removed");
                TaskError::Leftover(Box::new(error))
            }
            Err(_) => {
                warn!("there was no time to remove the segments of the failed task");
                TaskError::Leftover(Box::new(error))
            }
        }
    }

    /// Lists again until nothing is left: an upload that was still under way may have completed in
    /// the meantime.
    async fn remove(&self, names: &SegmentNames) -> Result<(), StoreError> {
        let (store, bucket) = (&self.worker.store, &self.storing.last.bucket);
        loop {
            let listed = store.list(bucket, &names.prefix()).await?;
            let keys = listed.into_iter().map(|object| object.key);
            let keys: Vec<Key> = keys.filter(|key| names.contains(key)).collect();
            if keys.is_empty() {
                return Ok(());
            }
            store.delete_all(bucket, &keys).await?;
        }
    }

    /// Removes the segments of the playlist that was replaced, since no playlist names them any
    /// more.
    async fn sweep_replaced(&self, replaced: Seen) {
        if let (Some(_), Some(names)) = (&self.storing.segments, &replaced.segments) {
            let removed = timeout_at(self.deadline.until, self.remove(names)).await;
            if !matches!(removed, Ok(Ok(()))) {
                warn!(
                    prefix = names.prefix(),
                    "segments of the replaced playlist could not be removed"
                );
            }
        }
    }
}

fn target(file: &Artifact, stored: Stored) -> TargetRecord {
    TargetRecord {
        uri: file.uri.clone(),
        etag: stored.etag,
        size: stored.size,
        content_type: file.content_type.to_owned(),
    }
}

async fn abort(uploads: Vec<PendingUpload>) {
    for upload in uploads {
        if let Err(error) = upload.abort().await {
            warn!(%error, "an upload of the failed task could not be aborted");
        }
    }
}
