//! Checks whether a record's result is what a request wants. If records are kept in the bucket of
//! the results, anyone with write access there can also write a record, so a record is not believed
//! if it contains what the request can't produce.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Ledger, OWN_MARK, Objects};
use crate::object::{ETag, Key, ObjectUri};
use crate::playlist::SegmentNames;
use crate::process::Request;
use crate::task::{Lease, TargetRecord, TaskRecord};

/// Up to this many targets are looked at one by one; more are listed.
const FEW: usize = 4;

/// A task as requested.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its first record.
    pub record: TaskRecord,
    /// Where its result has to be stored, if the request was valid.
    pub result: Option<Place>,
}

/// Where a request's result has to be stored.
#[derive(Clone, Debug)]
pub struct Place {
    /// The request.
    pub request: Request,
    /// The last modification of its main object.
    pub modified: Timestamp,
}

impl Place {
    /// The target of the run with this record, and the places of its segments' numbers in its key.
    fn of(&self, record: &TaskRecord) -> Option<(ObjectUri, Vec<usize>)> {
        let mut variables = self.request.variables(record.start_time.timestamp(), self.modified);
        let video = record.output.as_ref().and_then(|output| output.video.as_ref());
        variables.resolution = video.map(|video| format!("{}x{}", video.width, video.height));
        let bucket = self.request.target_bucket(&variables).ok()?;
        let key = self.request.target.key.target_key(&variables).ok()?;
        let numbers = self.request.segment_numbers(&variables).ok()?;
        Some((ObjectUri::named(bucket, key).ok()?, numbers))
    }
}

impl Wanted {
    /// Whether the targets in a record can belong to the task.
    fn can_have(&self, record: &TaskRecord) -> bool {
        let Some((last, segments)) = record.targets.split_last() else { return false };
        let Some(place) = &self.result else { return true };
        let Some((target, numbers)) = place.of(record) else { return false };
        let names = SegmentNames::new(&target.key, &numbers, None);
        let is_segment = |segment: &TargetRecord| {
            segment.uri.bucket == target.bucket && names.could_contain(&segment.uri.key)
        };
        record.task_id == self.record.task_id
            && record.process == self.record.process
            && target == last.uri
            && place.request.segment.is_some() != segments.is_empty()
            && segments.iter().all(is_segment)
    }

    /// Whether a run of the task can have been about to store what its lease names.
    pub(super) fn can_store(&self, record: &TaskRecord, lease: &Lease) -> bool {
        let Some(place) = &self.result else { return true };
        place.of(record).is_some_and(|(target, numbers)| {
            lease.storing.iter().all(|uri| *uri == target)
                && lease.segments.as_ref().is_none_or(|segments| segments.places == numbers)
        })
    }
}

impl<S: Objects> Ledger<S> {
    /// Whether everything that a task stored is still unchanged. If a target can't be looked at,
    /// the result is made again.
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
        let keys: BTreeSet<&Key> = segments.iter().map(|segment| &segment.uri.key).collect();
        let is_segment = |key: &Key| keys.contains(key);
        let listed = self.tagged(&first.uri.bucket, start, is_segment).await;
        let Ok(listed) = listed else { return false };
        let there: BTreeMap<Key, ETag> =
            listed.into_iter().map(|object| (object.key, object.etag)).collect();
        segments.iter().all(|segment| there.get(&segment.uri.key) == Some(&segment.etag))
    }
}
