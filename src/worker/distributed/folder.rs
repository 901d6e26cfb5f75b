//! The folder of a run, in which its steps leave data for each other.
//!
//! Everything is written once. A piece's note is written after the piece, so if the note exists,
//! both do.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::warn;
use uuid::Uuid;

use super::super::TaskError;
use super::notes::FailureNote;
use crate::event::RunOfTask;
use crate::ledger::own_description;
use crate::object::{Bucket, Key, ObjectUri};
use crate::plan::Chunk;
use crate::storage::{Description, ObjectStore, Precondition, Problem, StoreError};
use crate::task::TaskId;

/// The largest plan in bytes. Plans are longest for sources in which every frame is a key frame.
const LARGEST_PLAN: u64 = 256 * 1024 * 1024;

/// The suffix of notes' names.
const NOTE: &str = ".json";

/// The folder of a run.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    bucket: Bucket,
    prefix: String,
    task: TaskId,
}

/// What a step makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Plan,
    /// A range of the video, by its index.
    Range(usize),
    Sound,
    Join,
}

/// The objects in the folder.
#[derive(Debug, Default)]
pub(super) struct Listing {
    keys: Vec<Key>,
    names: BTreeSet<String>,
}

/// One line of the list that the state machine reads: one range.
#[derive(Serialize)]
struct RangeItem {
    index: usize,
    first: u64,
    frames: u64,
}

impl Piece {
    /// The stage in its log lines.
    pub(super) const fn stage(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Range(_) => "render",
            Self::Sound => "sound",
            Self::Join => "join",
        }
    }

    fn name(self) -> String {
        match self {
            Self::Plan => "plan".to_owned(),
            Self::Range(index) => format!("r-{index:05}"),
            Self::Sound => "sound".to_owned(),
            Self::Join => "join".to_owned(),
        }
    }

    fn note(self) -> String {
        format!("{}{NOTE}", self.name())
    }

    fn media(self) -> String {
        let extension = if self == Self::Sound { "mov" } else { "video" };
        format!("{}.{extension}", self.name())
    }

    fn failure(self) -> String {
        format!("failed-{}{NOTE}", self.name())
    }
}

impl Listing {
    /// How many ranges have been rendered.
    pub(super) fn ranges(&self) -> usize {
        let names = self.names.iter().filter_map(|name| name.strip_suffix(NOTE));
        names.filter(|name| name.starts_with("r-")).count()
    }

    /// Names of failures whose pieces have not been made since then.
    pub(super) fn failures(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str).filter(|name| {
            name.strip_prefix("failed-").is_some_and(|note| !self.names.contains(note))
        })
    }
}

impl Folder {
    pub(super) fn of(of: &RunOfTask, prefix: &str) -> Self {
        let prefix = of.run.folder(prefix, of.task);
        Self { bucket: of.bucket.clone(), prefix, task: of.task }
    }

    fn uri(&self, name: &str) -> ObjectUri {
        let key = Key::new(format!("{}{name}", self.prefix));
        ObjectUri::new(self.bucket.clone(), key.expect("settings keep the prefix short"))
    }

    pub(super) fn media(&self, piece: Piece) -> ObjectUri {
        self.uri(&piece.media())
    }

    pub(super) fn note(&self, piece: Piece) -> ObjectUri {
        self.uri(&piece.note())
    }

    /// The beginning of the first range as rendered; only the samples of ranges are kept otherwise.
    pub(super) fn first(&self) -> ObjectUri {
        self.uri("first.video")
    }

    /// The common start of the names of the segments that one try at a range stores. It differs for
    /// each try, so that tries don't mix.
    pub(super) fn segments_of(piece: Piece) -> String {
        format!("{}-{}", piece.name(), Uuid::new_v4().simple())
    }

    /// A segment of a range.
    pub(super) fn segment(&self, stored_as: &str, suffix: &str) -> ObjectUri {
        self.uri(&format!("{stored_as}{suffix}"))
    }

    /// The audio of the first range as encoded.
    pub(super) fn first_audio(&self) -> ObjectUri {
        self.uri("first.audio")
    }

    /// The output as it was muxed, before it was checked.
    pub(super) fn joined(&self) -> ObjectUri {
        self.uri("joined")
    }

    /// The list that the state machine reads.
    pub(super) fn ranges(&self) -> ObjectUri {
        self.uri("ranges.json")
    }

    pub(super) fn description(&self, content_type: &str) -> Description {
        own_description(content_type, self.task)
    }

    /// Reads a note, if it exists.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        store: &ObjectStore,
        uri: &ObjectUri,
    ) -> Result<Option<T>, TaskError> {
        let found = store.get_up_to(uri, LARGEST_PLAN).await.map_err(TaskError::Record)?;
        let read = |bytes: &[u8]| serde_json::from_slice(bytes);
        let note = found.map(|(bytes, _)| read(&bytes)).transpose();
        note.map_err(|error| TaskError::Note { uri: uri.clone(), said: error.to_string() })
    }

    /// Writes a note, unless it exists.
    pub(super) async fn write<T: Serialize>(
        &self,
        store: &ObjectStore,
        uri: &ObjectUri,
        note: &T,
    ) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(note).expect("notes have text keys only");
        let description = self.description("application/json");
        match store.put_small(uri, bytes, &description, Precondition::IfAbsent).await {
            Err(error) if *error.problem() != Problem::Precondition => Err(error),
            _ => Ok(()),
        }
    }

    /// Writes the list that the state machine reads.
    pub(super) async fn write_ranges(
        &self,
        store: &ObjectStore,
        ranges: &[Chunk],
    ) -> Result<(), StoreError> {
        let items = ranges.iter().enumerate().map(|(index, range)| RangeItem {
            index,
            first: range.frames.start,
            frames: range.frames.end - range.frames.start,
        });
        self.write(store, &self.ranges(), &items.collect::<Vec<_>>()).await
    }

    /// Records why a try failed; the last one counts.
    pub(super) async fn write_failure(
        &self,
        store: &ObjectStore,
        piece: Piece,
        note: &FailureNote,
    ) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(note).expect("notes have text keys only");
        let description = self.description("application/json");
        let uri = self.uri(&piece.failure());
        store.put_small(&uri, bytes, &description, Precondition::None).await.map(drop)
    }

    /// The recorded failure with this name from a [`Listing`].
    pub(super) async fn failure(
        &self,
        store: &ObjectStore,
        name: &str,
    ) -> Result<Option<FailureNote>, TaskError> {
        self.read(store, &self.uri(name)).await
    }

    /// The object that a step writes when it announces the task's progress.
    pub(super) fn turn(&self) -> ObjectUri {
        self.uri("progress.json")
    }

    /// Whether this step may announce the task's progress, because no other step has done so within
    /// `wait`.
    pub(super) async fn take_turn(
        &self,
        store: &ObjectStore,
        now: Timestamp,
        wait: Duration,
    ) -> Result<bool, StoreError> {
        let uri = self.turn();
        let before = match store.head(&uri, None).await {
            Ok(head) if now < head.last_modified + wait => return Ok(false),
            Ok(head) => Precondition::IfMatch(head.etag),
            Err(error) if *error.problem() == Problem::NoSuchKey => Precondition::IfAbsent,
            Err(error) => return Err(error),
        };
        // Random content, so that each write gets an entity tag of its own.
        let content = serde_json::to_vec(&Uuid::new_v4()).expect("it is text");
        let description = self.description("application/json");
        match store.put_small(&uri, content, &description, before).await {
            Err(error) if matches!(error.problem(), Problem::Precondition | Problem::Conflict) => {
                Ok(false)
            }
            put => put.map(|_| true),
        }
    }

    pub(super) async fn list(&self, store: &ObjectStore) -> Result<Listing, StoreError> {
        let found = store.list(&self.bucket, &self.prefix).await?;
        let keys: Vec<Key> = found.into_iter().map(|object| object.key).collect();
        let names = keys.iter().filter_map(|key| key.strip_prefix(&self.prefix));
        Ok(Listing { names: names.map(str::to_owned).collect(), keys })
    }

    /// Removes everything. What can't be removed now is left to the bucket's lifecycle rules.
    pub(super) async fn remove(&self, store: &ObjectStore) {
        let listing = match self.list(store).await {
            Ok(listing) => listing,
            Err(error) => return warn!(%error, "the run's folder can't be listed"),
        };
        if let Err(error) = store.delete_all(&self.bucket, &listing.keys).await {
            warn!(%error, "pieces were not removed");
        }
    }
}
