//! Whether a record's result is what is wanted. Where records are kept in the bucket of the results,
//! anyone with the right to write there can also write a record, so none is believed that the request
//! can't have.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Ledger, OWN_MARK, Objects};
use crate::object::{ETag, Key, ObjectUri};
use crate::playlist::stem;
use crate::process::Request;
use crate::task::{TargetRecord, TaskRecord};

/// Targets that are looked at one by one; of more, a list is made.
const FEW: usize = 4;

/// A task as it is asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The record of its beginning.
    pub record: TaskRecord,
    /// Where its result has to be, where the request could be read.
    pub result: Option<Place>,
}

/// Where a request's result has to be.
#[derive(Clone, Debug)]
pub struct Place {
    /// The request.
    pub request: Request,
    /// When its main object was last modified.
    pub modified: Timestamp,
}

impl Place {
    /// The target of the run that this is the record of.
    fn of(&self, record: &TaskRecord) -> Option<ObjectUri> {
        let mut variables = self.request.variables(record.start_time.timestamp(), self.modified);
        let video = record.output.as_ref().and_then(|output| output.video.as_ref());
        variables.resolution = video.map(|video| format!("{}x{}", video.width, video.height));
        let bucket = self.request.target_bucket(&variables).ok()?;
        let key = self.request.target.key.target_key(&variables).ok()?;
        ObjectUri::named(bucket, key).ok()
    }
}

impl Wanted {
    /// Whether these can be the targets of the task.
    fn can_have(&self, record: &TaskRecord) -> bool {
        let Some((last, segments)) = record.targets.split_last() else { return false };
        let Some(place) = &self.result else { return true };
        let start = format!("{}-", stem(&last.uri.key));
        let beside = |segment: &TargetRecord| {
            segment.uri.bucket == last.uri.bucket && segment.uri.key.starts_with(&start)
        };
        record.task_id == self.record.task_id
            && record.process == self.record.process
            && place.of(record).is_some_and(|target| target == last.uri)
            && place.request.segment.is_some() != segments.is_empty()
            && segments.iter().all(beside)
    }

    /// Whether a run can have been about to store this.
    pub(super) fn can_store(&self, record: &TaskRecord, uri: &ObjectUri) -> bool {
        let Some(place) = &self.result else { return true };
        place.of(record).is_some_and(|target| {
            uri.bucket == target.bucket && uri.key.starts_with(stem(&target.key))
        })
    }
}

impl<S: Objects> Ledger<S> {
    /// Whether all that a task stored is still what it stored. A target that
    /// can't be looked at is made again rather than promised.
    pub(super) async fn stands(&self, record: &TaskRecord, wanted: &Wanted) -> bool {
        if !wanted.can_have(record) {
            return false;
        }
        let Some((last, segments)) = record.targets.split_last() else { return false };
        let task = record.task_id.to_string();
        let head = self.store.head(&last.uri).await;
        let is_own = head.is_ok_and(|head| {
            head.etag == last.etag && head.metadata.get(OWN_MARK).is_some_and(|mark| *mark == task)
        });
        is_own && self.segments_stand(segments).await
    }

    async fn segments_stand(&self, segments: &[TargetRecord]) -> bool {
        if segments.len() > FEW {
            return self.listed_as(segments).await;
        }
        for segment in segments {
            let head = self.store.head(&segment.uri).await;
            if !head.is_ok_and(|head| head.etag == segment.etag) {
                return false;
            }
        }
        true
    }

    async fn listed_as(&self, segments: &[TargetRecord]) -> bool {
        let Some(first) = segments.first() else { return true };
        let start = segments.iter().fold(&*first.uri.key, |start, segment| {
            let same = start.chars().zip(segment.uri.key.chars()).take_while(|(a, b)| a == b);
            &start[..same.map(|(a, _)| a.len_utf8()).sum()]
        });
        let Ok(start) = first.uri.beside(start) else { return false };
        let Ok(listed) = self.tagged(&start).await else { return false };
        let there: BTreeMap<Key, ETag> =
            listed.into_iter().map(|object| (object.key, object.etag)).collect();
        segments.iter().all(|segment| there.get(&segment.uri.key) == Some(&segment.etag))
    }
}
