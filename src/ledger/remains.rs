//! The remains of a dead run: open uploads, objects that it stored, and perhaps a complete result
//! that it did not report.

use std::sync::atomic::Ordering;

use futures::{StreamExt, TryStreamExt, stream};
use tracing::{info, warn};
use uuid::Uuid;

use super::journal::RUN_MARK;
use super::{Journal, Ledger, Objects, Wanted};
use crate::object::{Bucket, Key, ObjectUri};
use crate::playlist::{SegmentNames, segment_content_type};
use crate::storage::{Listed, ObjectHead, StoreError};
use crate::task::{Lease, Segments, TargetRecord, TaskRecord};

/// How many objects are looked at at the same time.
const PARALLEL_LOOKS: usize = 16;

/// The part of a segment's name between the target's name and the segment's number. It differs for
/// each run, so no playlist ever names segments of two runs.
#[must_use]
pub fn run_name(run: Uuid) -> String {
    format!("{:08x}", run.as_fields().0)
}

impl<S: Objects> Ledger<S> {
    /// Cleans up after dead runs. If one of them has stored everything that it wanted to store,
    /// returns these targets; otherwise removes all of it. Only the holder of the lease may call
    /// this, since the other run may still be alive and would find its objects gone.
    pub(super) async fn settle(
        &self,
        record: &TaskRecord,
        left: &Lease,
        wanted: Option<&Wanted>,
    ) -> Option<Vec<TargetRecord>> {
        info!(progress = record.progress, "taking over from a run that died");
        let mut next = Some(left);
        while let Some(lease) = next {
            // Uploads are aborted first: only then is it certain what the run has stored.
            self.abort(lease).await;
            if wanted.is_some_and(|wanted| !wanted.can_store(record, lease)) {
                warn!("the record names objects that its task can't have stored: they stay");
            } else if let Some(targets) = self.stored(lease).await {
                return Some(targets);
            } else {
                self.sweep(lease).await;
            }
            next = lease.left.as_deref();
        }
        None
    }

    /// Removes everything that a dead run and the dead runs before it have left.
    pub(super) async fn give_way(&self, left: &Lease) {
        let mut next = Some(left);
        while let Some(lease) = next {
            self.abort(lease).await;
            self.sweep(lease).await;
            next = lease.left.as_deref();
        }
    }

    /// Removes the segments of a run that was taken for dead, since some may have appeared after
    /// the next run had cleaned up. Not if its playlist may be appearing: then the next run may
    /// have taken the segments over.
    pub async fn withdraw(&self, journal: &Journal<S>) {
        let lease = journal.change(|_| {}).lease;
        let segments = lease.as_ref().and_then(OwnSegments::of);
        if let Some(segments) = segments.filter(|_| !journal.is_appearing.load(Ordering::Relaxed)) {
            self.sweep_segments(&segments).await;
        }
    }

    /// Aborts the uploads of a dead run.
    pub(super) async fn abort(&self, lease: &Lease) {
        for upload in &lease.uploads {
            if let Err(error) = self.store.abort(upload).await {
                warn!(%error, "an upload of a run that died was not aborted");
            }
        }
    }

    /// Removes the unfinished result of a dead run, the playlist first, so that a reader never
    /// finds a name of a missing segment.
    pub(super) async fn sweep(&self, lease: &Lease) {
        for uri in lease.storing.iter().rev() {
            if self.stored_by(lease, uri).await.is_some()
                && let Err(error) =
                    self.store.delete(&uri.bucket, std::slice::from_ref(&uri.key)).await
            {
                warn!(%error, "an object of a run that died was not removed");
            }
        }
        if let Some(segments) = OwnSegments::of(lease) {
            self.sweep_segments(&segments).await;
        }
    }

    /// Removes segments whose playlist is gone.
    pub(super) async fn sweep_segments(&self, OwnSegments { playlist, names, .. }: &OwnSegments) {
        let removed = async {
            let listed = self.store.list(&playlist.bucket, &names.prefix()).await?;
            let keys = listed.into_iter().map(|object| object.key);
            let keys: Vec<Key> = keys.filter(|key| names.contains(key)).collect();
            self.store.delete(&playlist.bucket, &keys).await
        };
        if let Err(error) = removed.await {
            warn!(%error, "segments without a playlist were not removed");
        }
    }

    /// Everything that the holder of the lease wanted to store, if it is complete.
    async fn stored(&self, lease: &Lease) -> Option<Vec<TargetRecord>> {
        let mut last = Vec::with_capacity(lease.storing.len());
        for uri in &lease.storing {
            let head = self.stored_by(lease, uri).await?;
            last.push(TargetRecord {
                uri: uri.clone(),
                etag: head.etag,
                size: head.size,
                content_type: head.content_type.unwrap_or_default(),
            });
        }
        let mut targets = Vec::new();
        if lease.segments.is_some() {
            let OwnSegments { playlist, names, count } = OwnSegments::of(lease)?;
            let is_own = |key: &Key| names.contains(key);
            let bucket = &playlist.bucket;
            let listed = self.tagged(bucket, &names.prefix(), is_own).await.ok()?;
            if listed.len() != count {
                return None;
            }
            targets.extend(listed.into_iter().map(|object| TargetRecord {
                content_type: segment_content_type(&object.key).to_owned(),
                uri: ObjectUri::new(bucket.clone(), object.key),
                etag: object.etag,
                size: object.size,
            }));
        }
        targets.extend(last);
        Some(targets).filter(|targets| !targets.is_empty())
    }

    /// Lists objects with entity tags, which some compatible stores omit.
    pub(super) async fn tagged(
        &self,
        bucket: &Bucket,
        prefix: &str,
        is_wanted: impl Fn(&Key) -> bool,
    ) -> Result<Vec<Listed>, StoreError> {
        let mut listed = self.store.list(bucket, prefix).await?;
        listed.retain(|object| is_wanted(&object.key));
        stream::iter(listed)
            .map(|mut object| async move {
                if object.etag.as_str().is_empty() {
                    let uri = ObjectUri::new(bucket.clone(), object.key.clone());
                    object.etag = self.store.head(&uri).await?.etag;
                }
                Ok(object)
            })
            .buffered(PARALLEL_LOOKS)
            .try_collect()
            .await
    }

    /// An object's head, if it exists and the holder of the lease stored it.
    async fn stored_by(&self, lease: &Lease, uri: &ObjectUri) -> Option<ObjectHead> {
        let head = self.store.head(uri).await.ok()?;
        (head.metadata.get(RUN_MARK) == Some(&lease.holder.to_string())).then_some(head)
    }
}

/// The segments of a lease's holder.
pub(super) struct OwnSegments {
    playlist: ObjectUri,
    names: SegmentNames,
    count: usize,
}

impl OwnSegments {
    fn of(lease: &Lease) -> Option<Self> {
        let Segments { places, count } = lease.segments.as_ref()?;
        let playlist = lease.storing.last()?.clone();
        let names = SegmentNames::new(&playlist.key, places, Some(&run_name(lease.holder)));
        Some(Self { playlist, names, count: *count })
    }
}
