//! The task record: what is known of a task, by the names of the outside.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::requests::Requests;
use super::{Definition, EventId, Moment, RequestId, TaskId};
use crate::code::Code;
use crate::object::{ETag, ObjectUri};
use crate::process::parse;
use crate::quote::{LONGEST_MESSAGE, shortened};

/// The only kind of task there is, by the original service's name for it.
pub const TASK_TYPE: &str = "MediaConvert";

/// [`TASK_TYPE`], as a field of every record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskType {
    /// The one.
    #[default]
    MediaConvert,
}

/// How far a task has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It is being worked on.
    Running,
    /// The output has been checked and is stored.
    Succeeded,
    /// It ended without a result.
    Failed,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        })
    }
}

/// A task, whatever its state. What does not apply (yet) is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TaskRecord {
    /// What the task is.
    pub task_id: TaskId,
    /// The event that started it.
    pub event_id: EventId,
    /// The request that started it.
    pub request_id: RequestId,
    /// The kind of task.
    pub task_type: TaskType,
    /// How far it has come.
    pub status: Status,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// Why it failed, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What the caller gave to have back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_data: Option<String>,
    /// When the work began.
    pub start_time: Moment,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Moment>,
    /// From 0 to 100.
    pub progress: u8,
    /// The canonical process string; as given, where it could not be read.
    pub process: String,
    /// What was accepted but should be known, in words.
    pub warnings: Vec<String>,
    /// The concatenation list.
    pub sources: Vec<SourceRecord>,
    /// What was stored, the playlist last where there is one.
    pub targets: Vec<TargetRecord>,
    /// What the output is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputRecord>,
    /// Where each source is in the output.
    pub timeline: Vec<TimelineRecord>,
    /// What was counted on the finished output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<VerifiedRecord>,
    /// How long each stage took.
    pub timings: Timings,
    /// What the task is billed by.
    pub usage: Usage,
    /// Whether the completion message was sent.
    pub notified: bool,
    /// The execution that the task is distributed by.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub execution_arn: Option<String>,
    /// The pieces of its video.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub chunks: Option<ChunkCount>,
}

/// How many pieces the video of a distributed task has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChunkCount {
    /// In all.
    pub total: usize,
    /// That have been rendered.
    pub done: usize,
}

/// An entry of the concatenation list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SourceRecord {
    /// Where it is.
    #[serde(rename = "URI")]
    pub uri: ObjectUri,
    /// Its content, as first seen.
    #[serde(rename = "ETag")]
    pub etag: ETag,
    /// Bytes.
    pub size: u64,
    /// Bytes of it that were read; 0 where an earlier entry is the same object.
    pub bytes_fetched: u64,
    /// Where the clip's cut starts.
    pub start_ms: u64,
    /// How long the clip's cut is.
    pub duration_ms: u64,
    /// What it lacked and was given.
    pub filled: Vec<Filled>,
}

/// A stream that a source lacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Filled {
    /// Silence.
    Audio,
    /// Black.
    Video,
}

/// An object that was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TargetRecord {
    /// Where it is.
    #[serde(rename = "URI")]
    pub uri: ObjectUri,
    /// Its content.
    #[serde(rename = "ETag")]
    pub etag: ETag,
    /// Bytes.
    pub size: u64,
    /// Media type.
    pub content_type: String,
}

/// The finished output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OutputRecord {
    /// Container, as `f` names it.
    pub container: String,
    /// Length.
    pub duration_ms: u64,
    /// Its video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoRecord>,
    /// Its audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<AudioRecord>,
}

/// The output's video.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VideoRecord {
    /// Codec, as `vcodec` names it.
    pub codec: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames per second, as near as a JSON number gets.
    pub frame_rate: f64,
    /// Pixel format, as `pixfmt` names it.
    pub pixel_format: String,
    /// Frames.
    pub frames: u64,
    /// bit/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_rate: Option<u64>,
}

/// The output's audio.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AudioRecord {
    /// Codec, as `acodec` names it.
    pub codec: String,
    /// Hz.
    pub sample_rate: u32,
    /// Channels.
    pub channels: u8,
    /// bit/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_rate: Option<u64>,
    /// Samples of one channel.
    pub samples: u64,
}

/// Where a source is in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TimelineRecord {
    /// Index into the sources.
    pub source: usize,
    /// Its first frame.
    pub first_frame: u64,
    /// Its frames.
    pub frames: u64,
    /// Those of them that were copied and not encoded.
    #[serde(default)]
    pub copied: u64,
    /// Its first sample.
    pub first_sample: u64,
    /// Its samples.
    pub samples: u64,
}

/// What was counted on the finished output, not what was planned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VerifiedRecord {
    /// Frames.
    pub frames: u64,
    /// Samples of one channel.
    pub samples: u64,
    /// Largest distance between video and audio at a join.
    pub max_join_offset_ms: f64,
    /// Whether all of it was decoded, not only its packets counted.
    pub decoded: bool,
    /// How many frames were decoded.
    #[serde(default)]
    pub decoded_frames: u64,
}

/// How long each stage took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "each is the stage of its name")]
pub struct Timings {
    pub fetch_ms: u64,
    pub probe_ms: u64,
    pub encode_ms: u64,
    pub verify_ms: u64,
    pub store_ms: u64,
    pub total_ms: u64,
}

/// What the task is billed by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Usage {
    /// HEAD requests to object storage.
    pub head_requests: u64,
    /// GET requests to object storage.
    pub get_requests: u64,
    /// PUT requests to object storage, steps of multipart uploads among them.
    pub put_requests: u64,
    /// Bytes read from object storage.
    pub bytes_fetched: u64,
    /// Bytes written to object storage.
    pub bytes_stored: u64,
    /// Length of the output, to the millisecond.
    pub output_seconds: f64,
    /// Memory of the function, in MB.
    #[serde(default)]
    pub memory_mb: u32,
    /// Gigabyte-seconds, by the function's memory and the time from the start of the invocation, or of
    /// the function where it is its first.
    #[serde(default)]
    pub gb_seconds: f64,
    /// Billing class of the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<Definition>,
}

impl Usage {
    /// Takes over what the function is billed by, to the millisecond.
    pub fn count_memory(&mut self, megabytes: u32, billed: Duration) {
        self.memory_mb = megabytes;
        let gigabytes = f64::from(megabytes) / 1024.0;
        self.gb_seconds = (gigabytes * billed.as_secs_f64() * 1000.0).round() / 1000.0;
    }

    /// Takes over what the meter counted.
    pub fn count(&mut self, requests: Requests) {
        self.head_requests = requests.head_requests;
        self.get_requests = requests.get_requests;
        self.put_requests = requests.put_requests;
        self.bytes_fetched = requests.bytes_fetched;
        self.bytes_stored = requests.bytes_stored;
    }

    /// Adds what another invocation used for the same task.
    pub fn add(&mut self, other: &Self) {
        self.head_requests += other.head_requests;
        self.get_requests += other.get_requests;
        self.put_requests += other.put_requests;
        self.bytes_fetched += other.bytes_fetched;
        self.bytes_stored += other.bytes_stored;
        self.gb_seconds = ((self.gb_seconds + other.gb_seconds) * 1000.0).round() / 1000.0;
        self.memory_mb = self.memory_mb.max(other.memory_mb);
    }
}

impl TaskRecord {
    /// A task whose work begins.
    #[must_use]
    pub fn begin(
        task_id: TaskId,
        event_id: EventId,
        request_id: RequestId,
        start: Moment,
        process: String,
    ) -> Self {
        Self {
            task_id,
            event_id,
            request_id,
            task_type: TaskType::MediaConvert,
            status: Status::Running,
            code: None,
            message: None,
            user_data: None,
            start_time: start,
            end_time: None,
            progress: 0,
            process,
            warnings: Vec::new(),
            sources: Vec::new(),
            targets: Vec::new(),
            output: None,
            timeline: Vec::new(),
            verified: None,
            timings: Timings::default(),
            usage: Usage::default(),
            notified: false,
            execution_arn: None,
            chunks: None,
        }
    }

    /// Ends the task without a result.
    pub fn fail(&mut self, code: Code, message: impl Into<String>, end: Moment) {
        self.status = Status::Failed;
        self.code = Some(code);
        self.message = Some(shortened(&message.into(), LONGEST_MESSAGE));
        self.end_time = Some(end);
    }

    /// The record as it is shown.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "it can't fail")]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a record has text keys only")
    }

    /// Whether a topic is to hear how it ended, and has not.
    #[must_use]
    pub fn owes_message(&self) -> bool {
        !self.notified && parse(&self.process).is_ok_and(|spec| spec.topic().is_some())
    }

    /// Ends the task with its result.
    pub fn succeed(&mut self, end: Moment) {
        self.status = Status::Succeeded;
        self.progress = 100;
        self.end_time = Some(end);
    }
}
