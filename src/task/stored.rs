//! The task's record as it is stored: beside what the outside reads, who works
//! on the task.
//!
//! The lease makes the record the one place that decides: whoever holds it does
//! the work, renews it meanwhile, and takes it out with the last write. A lease
//! that lapsed was its holder's last sign of life.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Moment, TaskRecord};
use crate::object::{ObjectUri, UploadName};

/// How long a lease holds after it was last renewed. Renewals come several
/// times as often, so that a slow one is no lost one.
pub const LEASE: SignedDuration = SignedDuration::from_secs(20);

/// A record in storage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredRecord {
    /// What the outside reads.
    #[serde(flatten)]
    pub record: TaskRecord,
    /// Who works on the task, where anybody does.
    #[serde(rename = "Lease", skip_serializing_if = "Option::is_none", default)]
    pub lease: Option<Lease>,
}

/// The right to work on a task, for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Lease {
    /// One run of the task; what it stores is marked with this.
    pub holder: Uuid,
    /// When it lapses.
    pub until: Moment,
    /// Objects that the holder makes appear from now on, all of them checked.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub storing: Vec<ObjectUri>,
    /// Uploads that the holder has begun: whoever takes over aborts them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub uploads: Vec<UploadName>,
}

impl Lease {
    /// A lease from `now` on.
    #[must_use]
    pub fn new(holder: Uuid, now: Timestamp) -> Self {
        let until = Moment::new(now.saturating_add(LEASE).unwrap_or(Timestamp::MAX));
        Self { holder, until, storing: Vec::new(), uploads: Vec::new() }
    }

    /// Whether its holder has given a sign of life lately.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.until.timestamp()
    }
}

impl StoredRecord {
    /// Whether somebody works on the task.
    #[must_use]
    pub fn is_held(&self, now: Timestamp) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.is_live(now))
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use uuid::Uuid;

    use super::{LEASE, Lease, StoredRecord};
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
            storing: vec![ObjectUri::new("b", "k")],
            uploads: vec![UploadName { uri: ObjectUri::new("b", "k"), id: "u".to_owned() }],
            ..Lease::new(Uuid::from_u128(7), now)
        };
        let stored = StoredRecord { record: example(), lease: Some(lease) };
        let text = serde_json::to_string(&stored).unwrap();
        assert_eq!(serde_json::from_str::<StoredRecord>(&text).unwrap(), stored);
        let millisecond = SignedDuration::from_millis(1);
        assert!(stored.is_held(now + LEASE - millisecond));
        assert!(!stored.is_held(now + LEASE));
        assert!(!StoredRecord { lease: None, ..stored }.is_held(now));
    }
}
