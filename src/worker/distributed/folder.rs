//! The folder of a run: what its steps leave for each other.
//!
//! Everything is written once. A piece's note is written after the piece, so where the note is, both
//! are.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tracing::warn;
use uuid::Uuid;

use super::super::TaskError;
use super::super::files::Share;
use crate::code::Code;
use crate::event::RunOfTask;
use crate::ledger::own_description;
use crate::mp4::{Packets, Samples};
use crate::object::{Bucket, ETag, Key, ObjectUri};
use crate::plan::{AudioRange, Chunk, Plan};
use crate::storage::{Description, ObjectHead, ObjectStore, Precondition, Problem, StoreError};
use crate::task::{Moment, TaskId, Timings, Usage};

/// The largest plan: film of which every frame is a key frame has the longest.
const LARGEST_PLAN: u64 = 256 * 1024 * 1024;

/// What names of notes end with.
const NOTE: &str = ".json";

/// Where a run keeps its pieces.
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

/// What the steps after the plan have to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PlanNote {
    pub(super) plan: Plan,
    pub(super) ranges: Vec<Chunk>,
    /// The distinct sources.
    pub(super) sources: Vec<SourceNote>,
    /// Of each clip, which of them it is of.
    pub(super) of_clip: Vec<usize>,
    pub(super) target: ObjectUri,
    pub(super) extension: String,
    /// The main object, by which a key of the target is judged.
    pub(super) main: ObjectUri,
    /// What each range reads of the sources, as far as that is foreseen.
    #[serde(default)]
    pub(super) shown: Vec<Vec<Share>>,
    /// The same of the audio of each clip.
    #[serde(default)]
    pub(super) heard: BTreeMap<usize, Share>,
    /// Whether each range has its audio itself.
    #[serde(default)]
    pub(super) audio_in_ranges: bool,
}

/// A source as the plan saw it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SourceNote {
    pub(super) uri: ObjectUri,
    pub(super) etag: ETag,
    pub(super) size: u64,
    pub(super) version: Option<String>,
    pub(super) modified: Moment,
    /// The first clip that it is used for.
    pub(super) clip: usize,
    /// Files that it is made of.
    pub(super) parts: usize,
    /// Whether it can be read as it is.
    pub(super) as_it_is: bool,
    /// What opening it reads, as far as that is foreseen. Nothing where all of it has to be there.
    #[serde(default)]
    pub(super) opening: Option<Vec<Range<u64>>>,
}

/// What is known of a piece.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct PieceNote {
    /// Frames that were decoded; 0 for the audio.
    pub(super) frames: u64,
    pub(super) size: u64,
    pub(super) etag: Option<ETag>,
    pub(super) warnings: Vec<String>,
    pub(super) usage: Usage,
    pub(super) timings: Timings,
    /// Bytes that were read of each source, by its index.
    pub(super) fetched: Vec<(usize, u64)>,
    /// What is stored of a range that becomes part of the output where it is: its samples alone.
    #[serde(default)]
    pub(super) samples: Samples,
    /// What described them.
    #[serde(default)]
    pub(super) header: Vec<u8>,
    /// The audio that is stored between these samples.
    #[serde(default)]
    pub(super) audio: Packets,
}

/// Why a try at a piece failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FailureNote {
    pub(super) code: Code,
    pub(super) message: String,
}

/// What is in the folder.
#[derive(Debug, Default)]
pub(super) struct Listing {
    keys: Vec<Key>,
    names: BTreeSet<String>,
}

/// The one range of a line of the list that the state machine reads.
#[derive(Serialize)]
struct RangeItem {
    index: usize,
    first: u64,
    frames: u64,
}

impl Piece {
    /// What its log lines say.
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

impl SourceNote {
    pub(super) fn head(&self) -> ObjectHead {
        ObjectHead {
            etag: self.etag.clone(),
            size: self.size,
            version: self.version.clone(),
            last_modified: self.modified.timestamp(),
            content_type: None,
            metadata: BTreeMap::new(),
        }
    }
}

impl PlanNote {
    /// Whether a step of its own makes the audio.
    pub(super) const fn has_sound(&self) -> bool {
        self.plan.output.audio.is_some() && !self.audio_in_ranges
    }

    /// The audio of a range, where that has it itself.
    pub(super) fn audio_of(&self, range: &Chunk) -> Option<AudioRange> {
        self.plan.audio_range(range).filter(|_| self.audio_in_ranges)
    }
}

impl PieceNote {
    /// The piece as it was stored.
    pub(super) fn head(&self) -> ObjectHead {
        ObjectHead {
            etag: self.etag.clone().expect("a piece is noted once it is stored"),
            size: self.size,
            version: None,
            last_modified: jiff::Timestamp::UNIX_EPOCH,
            content_type: None,
            metadata: BTreeMap::new(),
        }
    }
}

impl Listing {
    /// How many ranges have been rendered.
    pub(super) fn ranges(&self) -> usize {
        let names = self.names.iter().filter_map(|name| name.strip_suffix(NOTE));
        names.filter(|name| name.starts_with("r-")).count()
    }

    /// Names of failures whose pieces have not been made since.
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

    /// The start of the first range as it was rendered, where only its samples are kept otherwise.
    pub(super) fn first(&self) -> ObjectUri {
        self.uri("first.video")
    }

    /// The audio of the first range as it was encoded.
    pub(super) fn first_audio(&self) -> ObjectUri {
        self.uri("first.audio")
    }

    /// The list that the state machine reads.
    pub(super) fn ranges(&self) -> ObjectUri {
        self.uri("ranges.json")
    }

    pub(super) fn description(&self, content_type: &str) -> Description {
        own_description(content_type, self.task)
    }

    /// What was noted, where it was.
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

    /// Notes something, unless it has been noted.
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

    /// Notes what the state machine reads.
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

    /// Notes why a try failed; the last one counts.
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

    /// Why a try failed, by the name in a [`Listing`].
    pub(super) async fn failure(
        &self,
        store: &ObjectStore,
        name: &str,
    ) -> Result<Option<FailureNote>, TaskError> {
        self.read(store, &self.uri(name)).await
    }

    /// What a step writes when it announces the task's progress.
    pub(super) fn turn(&self) -> ObjectUri {
        self.uri("progress.json")
    }

    /// Whether this step may announce the task's progress: no other step has done so within `wait`.
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
        // Each has content, and with it a tag, of its own.
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
        let found = store.list(&self.uri("")).await?;
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
