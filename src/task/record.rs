//! The task record: what is known about a task, under the names that callers use.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::requests::Requests;
use super::{Definition, EventId, Moment, RequestId, TaskId};
use crate::code::Code;
use crate::object::{ETag, ObjectUri};
use crate::process::parse;
use crate::quote::{LONGEST_MESSAGE, shortened};

/// The only kind of task, by the original service's name.
pub const TASK_TYPE: &str = "MediaConvert";

/// [`TASK_TYPE`], as a field of every record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskType {
    /// The only kind.
    #[default]
    MediaConvert,
}

/// The state of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It is running.
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

/// A task in any state. Fields that do not apply (yet) are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TaskRecord {
    /// The task's id.
    pub task_id: TaskId,
    /// The event that started it.
    pub event_id: EventId,
    /// The request that started it.
    pub request_id: RequestId,
    /// The kind of task.
    pub task_type: TaskType,
    /// The state of the task.
    pub status: Status,
    /// The code of its failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// The message of its failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The text that the caller gets back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_data: Option<String>,
    /// When the work began.
    pub start_time: Moment,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Moment>,
    /// Percentage, from 0 to 100.
    pub progress: u8,
    /// The canonical process string; if it is invalid, as given.
    pub process: String,
    /// Warnings about accepted but unusual input, as text.
    pub warnings: Vec<String>,
    /// The concatenation list.
    pub sources: Vec<SourceRecord>,
    /// The stored objects; the playlist, if any, comes last.
    pub targets: Vec<TargetRecord>,
    /// The properties of the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputRecord>,
    /// The place of each source in the output.
    pub timeline: Vec<TimelineRecord>,
    /// Numbers that were counted in the finished output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<VerifiedRecord>,
    /// How long each stage took.
    pub timings: Timings,
    /// What the task is billed for.
    pub usage: Usage,
    /// Whether the completion message was sent.
    pub notified: bool,
    /// The execution that does the task, if it is distributed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub execution_arn: Option<String>,
    /// The pieces of its video, if it is distributed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub chunks: Option<ChunkCount>,
}

/// Number of pieces of a distributed task's video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChunkCount {
    /// All pieces.
    pub total: usize,
    /// Pieces that have been rendered.
    pub done: usize,
}

/// An entry of the concatenation list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SourceRecord {
    /// The object.
    #[serde(rename = "URI")]
    pub uri: ObjectUri,
    /// Its entity tag when it was first looked at.
    #[serde(rename = "ETag")]
    pub etag: ETag,
    /// Its length in bytes.
    pub size: u64,
    /// Bytes of it that were read; 0 if an earlier entry is the same object.
    pub bytes_fetched: u64,
    /// Start of the clip's cut in milliseconds.
    pub start_ms: u64,
    /// Length of the clip's cut in milliseconds.
    pub duration_ms: u64,
    /// Which streams it lacks, so that black or silence takes their place.
    pub filled: Vec<Filled>,
}

/// A stream that a source lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Filled {
    /// Audio: replaced by silence.
    Audio,
    /// Video: replaced by black.
    Video,
}

/// An object that was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TargetRecord {
    /// The object.
    #[serde(rename = "URI")]
    pub uri: ObjectUri,
    /// Its entity tag.
    #[serde(rename = "ETag")]
    pub etag: ETag,
    /// Its length in bytes.
    pub size: u64,
    /// Media type.
    pub content_type: String,
}

/// The finished output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OutputRecord {
    /// Container, by its name in `f`.
    pub container: String,
    /// Length in milliseconds.
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
    /// Codec, by its name in `vcodec`.
    pub codec: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames per second, rounded to a JSON number.
    pub frame_rate: f64,
    /// Pixel format, by its name in `pixfmt`.
    pub pixel_format: String,
    /// Number of frames.
    pub frames: u64,
    /// bit/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_rate: Option<u64>,
}

/// The output's audio.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AudioRecord {
    /// Codec, by its name in `acodec`.
    pub codec: String,
    /// Hz.
    pub sample_rate: u32,
    /// Number of channels.
    pub channels: u8,
    /// bit/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_rate: Option<u64>,
    /// Number of samples per channel.
    pub samples: u64,
}

/// The place of a source in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TimelineRecord {
    /// Index into the sources.
    pub source: usize,
    /// Its first frame.
    pub first_frame: u64,
    /// Number of its frames.
    pub frames: u64,
    /// How many of these were copied and not encoded.
    #[serde(default)]
    pub copied: u64,
    /// Its first sample.
    pub first_sample: u64,
    /// Number of its samples.
    pub samples: u64,
}

/// Numbers that were counted in the finished output, not planned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VerifiedRecord {
    /// Number of frames.
    pub frames: u64,
    /// Number of samples per channel.
    pub samples: u64,
    /// Largest distance between video and audio at a join, in milliseconds.
    pub max_join_offset_ms: f64,
    /// Whether everything was decoded, and not only the packets counted.
    pub decoded: bool,
    /// How many frames were decoded.
    #[serde(default)]
    pub decoded_frames: u64,
}

/// How long each stage took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "each is named after its stage")]
pub struct Timings {
    pub fetch_ms: u64,
    pub probe_ms: u64,
    pub encode_ms: u64,
    pub verify_ms: u64,
    pub store_ms: u64,
    pub total_ms: u64,
}

/// What the task is billed for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Usage {
    /// HEAD requests to object storage.
    pub head_requests: u64,
    /// GET requests to object storage.
    pub get_requests: u64,
    /// PUT requests to object storage, including the steps of multipart uploads.
    pub put_requests: u64,
    /// Bytes read from object storage.
    pub bytes_fetched: u64,
    /// Bytes written to object storage.
    pub bytes_stored: u64,
    /// Length of the output, with milliseconds.
    pub output_seconds: f64,
    /// Memory of the function, in MB.
    #[serde(default)]
    pub memory_mb: u32,
    /// Gigabyte-seconds: the function's memory times the billed duration, which includes the
    /// function's start if the invocation is its first.
    #[serde(default)]
    pub gb_seconds: f64,
    /// Billing class of the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<Definition>,
}

impl Usage {
    /// Sets the function's memory and its billed time, with milliseconds.
    pub fn count_memory(&mut self, megabytes: u32, billed: Duration) {
        self.memory_mb = megabytes;
        let gigabytes = f64::from(megabytes) / 1024.0;
        self.gb_seconds = (gigabytes * billed.as_secs_f64() * 1000.0).round() / 1000.0;
    }

    /// Sets what the meter has counted.
    pub fn count(&mut self, requests: Requests) {
        self.head_requests = requests.head_requests;
        self.get_requests = requests.get_requests;
        self.put_requests = requests.put_requests;
        self.bytes_fetched = requests.bytes_fetched;
        self.bytes_stored = requests.bytes_stored;
    }

    /// Adds the usage of another invocation for the same task.
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
    /// The record of a task whose work begins.
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

    /// The record as JSON.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "it can't fail")]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a record has text keys only")
    }

    /// Whether the task has a topic that has not received the completion message.
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
