//! The task's record as stored: the public record, and the lease of the run that works on the task.
//!
//! The lease decides who works on a task. Its holder does the work, renews the lease meanwhile, and
//! removes it with the last write. If a lease has expired, its holder has died.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Moment, Run, Status, TaskRecord};
use crate::object::{ObjectUri, UploadName};

/// How long a lease is valid after a renewal. Renewals are several times as frequent, so that one
/// slow renewal does not lose the lease.
pub const LEASE: SignedDuration = SignedDuration::from_secs(20);

/// The greatest difference between the clocks of two sandboxes.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(2);

/// A record in storage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredRecord {
    /// The record that callers read.
    #[serde(flatten)]
    pub record: TaskRecord,
    /// The lease of the run that works on the task, if any.
    #[serde(rename = "Lease", skip_serializing_if = "Option::is_none", default)]
    pub lease: Option<Lease>,
}

/// Segments that a run stores before their playlist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Segments {
    /// The places of their numbers in the key of their playlist, see
    /// [`SegmentNames`](crate::playlist::SegmentNames).
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub places: Vec<usize>,
    /// Number of segments.
    pub count: usize,
}

/// The right to work on a task, for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Lease {
    /// The id of the run, which also marks the objects that it stores.
    pub holder: Uuid,
    /// When it expires.
    pub until: Moment,
    /// The objects, all of them checked, that the holder makes appear from now on.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub storing: Vec<ObjectUri>,
    /// Segments that appear before them. They are not named one by one, since there may be
    /// thousands and the record is written every few seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub segments: Option<Segments>,
    /// Uploads that the holder has started. A run that takes over aborts them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub uploads: Vec<UploadName>,
    /// Whether the caller has canceled the task. The holder notices it at its next renewal.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub canceled: bool,
    /// The lease of a dead run, until its remains have been cleaned up.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub left: Option<Box<Lease>>,
    /// The execution to which the task has been handed over. Its steps have the lease in turn.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub execution: Option<Execution>,
}

/// An execution that works on a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Execution {
    /// Its ARN.
    pub arn: String,
    /// The try at the task.
    pub run: Run,
    /// Whether none of its steps is writing the record now.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub idle: bool,
}

impl Lease {
    /// A lease that begins at `now`.
    #[must_use]
    pub fn new(holder: Uuid, now: Timestamp) -> Self {
        let until = Moment::new(now.saturating_add(LEASE).unwrap_or(Timestamp::MAX));
        Self {
            holder,
            until,
            storing: Vec::new(),
            segments: None,
            uploads: Vec::new(),
            canceled: false,
            left: None,
            execution: None,
        }
    }

    /// Whether its holder has renewed it in time. A lease that is valid for longer than any lease
    /// can be is ignored.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        let left = self.until.timestamp().duration_since(now);
        left > SignedDuration::ZERO && left <= LEASE + CLOCK_SKEW
    }

    /// Whether somebody is working under it now: a run, or a step of an execution that writes the
    /// record.
    #[must_use]
    pub fn is_at_work(&self, now: Timestamp) -> bool {
        self.is_live(now) && self.execution.as_ref().is_none_or(|execution| !execution.idle)
    }
}

/// An accepted task that has not begun after this time is requested again. If the first invocation
/// still comes, it finds that the task has been taken.
pub const START: SignedDuration = SignedDuration::from_mins(1);

/// The meaning of a stored record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Accepted a moment ago; its work begins soon.
    Pending,
    /// Accepted, and its work has never begun.
    Overdue,
    /// A run has the lease.
    Held,
    /// An execution works on it, whether its lease has expired or not.
    Distributed,
    /// The run that had the lease died before the task ended.
    Abandoned,
    /// The result is stored, but the run died before it reported it.
    Unreported,
    /// The result is stored, but the topic did not accept the message.
    Untold,
    /// The result is stored.
    Succeeded,
    /// It failed.
    Failed,
}

impl StoredRecord {
    /// The meaning of the record at this time.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> State {
        match (self.record.status, &self.lease) {
            (Status::Running, Some(lease)) if lease.execution.is_some() => State::Distributed,
            (_, Some(lease)) if lease.is_live(now) => State::Held,
            (Status::Running, Some(_)) => State::Abandoned,
            (Status::Running, None) => {
                let waited = now.duration_since(self.record.start_time.timestamp());
                let lately = waited < START && waited >= SignedDuration::ZERO - CLOCK_SKEW;
                if lately { State::Pending } else { State::Overdue }
            }
            (Status::Succeeded, Some(_)) => State::Unreported,
            (Status::Succeeded, None) if self.record.owes_message() => State::Untold,
            (Status::Succeeded, None) => State::Succeeded,
            (Status::Failed, _) => State::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use uuid::Uuid;

    use super::{LEASE, Lease, State, Status, StoredRecord, TaskRecord};
    use crate::object::{ObjectUri, UploadName};
    use crate::task::example;

    #[test]
    fn a_record_without_a_lease_is_what_the_outside_reads() {
        let record = example();
        let written = serde_json::to_value(&record).unwrap();
        let stored: StoredRecord = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(stored, StoredRecord { record, lease: None });
        assert_eq!(serde_json::to_value(&stored).unwrap(), written);
    }

    #[test]
    fn a_lease_is_kept_and_lapses() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let lease = Lease {
            storing: vec![ObjectUri::named("clips", "k").unwrap()],
            uploads: vec![UploadName {
                uri: ObjectUri::named("clips", "k").unwrap(),
                id: "u".to_owned(),
            }],
            ..Lease::new(Uuid::from_u128(7), now)
        };
        let stored = StoredRecord { record: example(), lease: Some(lease) };
        let text = serde_json::to_string(&stored).unwrap();
        assert_eq!(serde_json::from_str::<StoredRecord>(&text).unwrap(), stored);
        let millisecond = SignedDuration::from_millis(1);
        assert_eq!(stored.state(now + LEASE - millisecond), State::Held);
        assert_ne!(stored.state(now + LEASE), State::Held);
        assert_ne!(StoredRecord { lease: None, ..stored }.state(now), State::Held);
    }

    #[test]
    fn every_record_has_one_meaning() {
        use Status::{Failed, Running, Succeeded};
        let start: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let lapsed = start - LEASE;
        for (status, leased, after, state) in [
            (Running, None, 0, State::Pending),
            (Running, None, 59, State::Pending),
            (Running, None, 60, State::Overdue),
            (Running, None, -120, State::Pending),
            (Running, None, -121, State::Overdue),
            (Running, Some(start), 19, State::Held),
            (Running, Some(start), 20, State::Abandoned),
            (Running, Some(start), -120, State::Held),
            (Running, Some(start), -121, State::Abandoned),
            (Succeeded, Some(start), 0, State::Held),
            (Succeeded, Some(lapsed), 0, State::Unreported),
            (Succeeded, None, 0, State::Succeeded),
            (Failed, Some(start), 0, State::Held),
            (Failed, Some(lapsed), 0, State::Failed),
            (Failed, None, 0, State::Failed),
        ] {
            let mut record = example();
            (record.status, record.start_time) = (status, super::Moment::new(start));
            let lease = leased.map(|since| Lease::new(Uuid::from_u128(7), since));
            let found =
                StoredRecord { record, lease }.state(start + SignedDuration::from_secs(after));
            assert_eq!(found, state, "{status:?} {leased:?} {after}");
        }
    }

    #[test]
    fn what_an_execution_works_on_is_its_own_until_it_ends() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let holder = Uuid::from_u128(7);
        let execution =
            super::Execution { arn: "arn".into(), run: super::Run::of(holder), idle: true };
        let lease = Lease { execution: Some(execution), ..Lease::new(holder, now) };
        let record = TaskRecord { status: Status::Running, ..example() };
        let mut stored = StoredRecord { record, lease: Some(lease) };
        let text = serde_json::to_string(&stored).unwrap();
        assert_eq!(serde_json::from_str::<StoredRecord>(&text).unwrap(), stored);
        for later in [SignedDuration::ZERO, LEASE, SignedDuration::from_hours(9)] {
            assert_eq!(stored.state(now + later), State::Distributed);
        }
        stored.record.status = Status::Succeeded;
        assert_eq!(stored.state(now + LEASE), State::Unreported);
    }

    #[test]
    fn a_message_is_owed_until_the_topic_has_taken_it() {
        let process = |notify: &str| {
            format!("video/concat,f_mp4,vcodec_h264,acodec_aac|sys/saveas,o_b3V0{notify}")
        };
        for (process, notified, state) in [
            (process("/notify,topic_ZG9uZQ"), false, State::Untold),
            (process("/notify,topic_ZG9uZQ"), true, State::Succeeded),
            (process(""), false, State::Succeeded),
            ("unreadable".to_owned(), false, State::Succeeded),
        ] {
            let record = TaskRecord { process, notified, ..example() };
            let stored = StoredRecord { record, lease: None };
            assert_eq!(stored.state(Timestamp::UNIX_EPOCH), state, "{notified}");
        }
    }
}
