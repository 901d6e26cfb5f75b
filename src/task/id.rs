//! Ids of tasks, events and requests.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::object::{ETag, ObjectUri};
use crate::quote::quote;

const PREFIX: &str = "MediaConvert-";

/// The id of a task. The same request for the same objects has the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TaskId(Uuid);

/// Text that is not a task id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is not a task id; expected `MediaConvert-` and a UUID in lower case", quote(.0))]
pub struct TaskIdError(String);

impl TaskIdError {
    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl TaskId {
    /// Derives the id from the main object, from every source with its entity tag in list order,
    /// and from the canonical process string.
    pub fn derive<'a>(
        (bucket, key): (&str, &str),
        sources: impl IntoIterator<Item = (&'a ObjectUri, &'a ETag)>,
        canonical_process: &str,
    ) -> Self {
        let mut hash = Sha256::new();
        let mut field = |text: &str| {
            // Lengths distinguish `ab` + `c` from `a` + `bc`.
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        };
        for text in [canonical_process, bucket, key] {
            field(text);
        }
        for (uri, etag) in sources {
            for text in [&*uri.bucket, &*uri.key, etag.as_str()] {
                field(text);
            }
        }
        let digest = hash.finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.0.hyphenated())
    }
}

impl FromStr for TaskId {
    type Err = TaskIdError;

    fn from_str(text: &str) -> Result<Self, TaskIdError> {
        let id = text.strip_prefix(PREFIX).and_then(|uuid| Uuid::try_parse(uuid).ok()).map(Self);
        // Only one spelling is accepted, since the id is part of an object key.
        id.filter(|id| id.to_string() == text).ok_or_else(|| TaskIdError(text.to_owned()))
    }
}

impl From<TaskId> for String {
    fn from(id: TaskId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for TaskId {
    type Error = TaskIdError;

    fn try_from(text: String) -> Result<Self, TaskIdError> {
        text.parse()
    }
}

/// The id of an event that asked for a task: three hex digits, a hyphen and 27 letters and digits,
/// the form that clients of the original service know.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EventId(String);

impl EventId {
    /// Derives the id from 16 bytes that differ from event to event.
    #[must_use]
    pub fn from_uuid(uuid: Uuid) -> Self {
        const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let digest = Sha256::digest(uuid.as_bytes());
        let (head, rest) = digest.split_at(2);
        let head = u16::from_be_bytes([head[0], head[1]]) >> 4;
        let tail = rest[..27].iter().map(|byte| char::from(DIGITS[usize::from(*byte) % 62]));
        Self(format!("{head:03X}-{}", tail.collect::<String>()))
    }

    /// A new id.
    #[cfg(feature = "service")]
    #[must_use]
    pub fn random() -> Self {
        Self::from_uuid(Uuid::new_v4())
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One request: a UUID in upper case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestId(String);

impl RequestId {
    /// Uses the id that the platform gave, so that its logs can be found.
    #[must_use]
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid.hyphenated().to_string().to_uppercase())
    }

    /// The platform's id if it is a UUID, else a new one.
    #[cfg(feature = "service")]
    #[must_use]
    pub fn from_invocation(id: &str) -> Self {
        Self::from_uuid(Uuid::try_parse(id).unwrap_or_else(|_| Uuid::new_v4()))
    }

    /// The first 24 hex digits, the form of the header `x-oss-request-id`.
    #[must_use]
    pub fn header(&self) -> String {
        self.0.chars().filter(|c| *c != '-').take(24).collect()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::{EventId, RequestId, TaskId};
    use crate::object::{ETag, ObjectUri};

    fn derive(sources: &[(ObjectUri, ETag)], process: &str) -> TaskId {
        TaskId::derive(("clips", "main"), sources.iter().map(|(uri, tag)| (uri, tag)), process)
    }

    fn sources() -> impl Strategy<Value = Vec<(ObjectUri, ETag)>> {
        let source = ("[ab]{3,4}", "[ab]{1,2}", "[ab]{0,2}").prop_map(|(bucket, key, tag)| {
            (ObjectUri::named(bucket, key).unwrap(), ETag::new(&tag))
        });
        prop::collection::vec(source, 0..3)
    }

    proptest! {
        #[test]
        fn a_task_is_its_inputs_and_nothing_else(
            (a, b) in (sources(), sources()),
            (p, q) in ("[ab]{0,2}", "[ab]{0,2}"),
        ) {
            prop_assert_eq!(derive(&a, &p) == derive(&b, &q), a == b && p == q);
        }

        #[test]
        fn task_ids_survive_text(sources in sources()) {
            let id = derive(&sources, "p");
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn the_id_of_a_task_never_changes() {
        // A change here would make every finished task run again.
        let source = (ObjectUri::named("clips", "main").unwrap(), ETag::new("tag"));
        assert_eq!(
            derive(&[source], "video/concat,f_mp4").to_string(),
            "MediaConvert-fc8d3fc7-5de1-83c2-b9aa-931fe7e101b2"
        );
    }

    #[test]
    fn other_spellings_are_no_task_ids() {
        for text in [
            "",
            "MediaConvert-",
            "MediaConvert-../../x",
            "MediaConvert-0190D0C0-0000-8000-8000-000000000000",
            "0190d0c0-0000-8000-8000-000000000000",
        ] {
            assert!(text.parse::<TaskId>().is_err(), "{text}");
        }
    }

    #[test]
    fn ids_look_as_clients_know_them() {
        let uuid = Uuid::from_u128(0x0190_d0c0_aaaa_4bbb_8ccc_1234_5678_9abc);
        let request = RequestId::from_uuid(uuid);
        assert_eq!(request.to_string(), "0190D0C0-AAAA-4BBB-8CCC-123456789ABC");
        assert_eq!(request.header(), "0190D0C0AAAA4BBB8CCC1234");
        let event = EventId::from_uuid(uuid).to_string();
        let (head, tail) = event.split_once('-').unwrap();
        assert_eq!((head.len(), tail.len()), (3, 27));
        assert!(tail.chars().all(|c| c.is_ascii_alphanumeric()));
    }
}
