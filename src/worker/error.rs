//! Why a task failed, and the only mapping from that to the outward code.

use std::io;
use std::time::Duration;

use thiserror::Error;

use super::budget::BudgetError;
use crate::code::Code;
use crate::engine::ffmpeg::RunError;
use crate::engine::probe::ProbeError;
use crate::engine::verify::VerifyError;
use crate::executions::ExecutionError;
use crate::ledger::{CANCELED, LeaseError, PlaceError};
use crate::mp4::Mp4Error;
use crate::object::{Bucket, ObjectUri};
use crate::plan::PlanError;
use crate::process::template::RenderError;
use crate::process::{MainObjectError, ProcessError, TargetError};
use crate::reply::{Refusal, Refused};
use crate::storage::StoreError;
use crate::storage::fetch::FetchError;
use crate::storage::upload::UploadError;

/// Why a task failed.
#[derive(Debug, Error)]
pub enum TaskError {
    /// The process string is wrong.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The main object's bucket or key is not a valid name.
    #[error(transparent)]
    Object(#[from] MainObjectError),
    /// The head of a source can't be read.
    #[error("clip {clip} can't be used: {source}")]
    Head {
        /// Index in the concatenation list.
        clip: usize,
        /// Storage's answer.
        source: StoreError,
    },
    /// The task's record can't be written, so the result could not be stored either.
    #[error("the task's record can't be written: {0}")]
    Record(StoreError),
    /// The sources don't fit on the disk.
    #[error(
        "{needed} bytes of the sources are needed and the work folder has room for {free}: give the \
         function more ephemeral storage"
    )]
    Space {
        /// The bytes of the sources that are needed.
        needed: u64,
        /// Free bytes.
        free: u64,
    },
    /// The files that joining the output needs don't fit on the disk.
    #[error(
        "joining the output takes about {needed} bytes and the work folder has room for {free}: give the \
         function more ephemeral storage"
    )]
    OutputSpace {
        /// Bytes that it takes.
        needed: u64,
        /// Free bytes.
        free: u64,
    },
    /// A source could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A source is not a media file, or is unusable.
    #[error("clip {clip} (`{uri}`) can't be used: {source}")]
    Probe {
        /// Index in the concatenation list.
        clip: usize,
        /// The object.
        uri: ObjectUri,
        /// The reason.
        source: ProbeError,
    },
    /// The request does not fit the sources.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The target's name can't be filled in.
    #[error("`sys/saveas`: {0}")]
    Name(#[from] RenderError),
    /// Nothing can be stored under the target's name.
    #[error("`{name}` in `|sys/saveas`: {0}", name = .0.argument_name())]
    Target(#[from] TargetError),
    /// ffmpeg failed.
    #[error("the output could not be made: {0}")]
    Run(#[from] RunError),
    /// The output is not as planned.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The output could not be stored.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// The output could not be stored, and what was already stored could not be removed.
    #[error("{0}; some of it may be stored nevertheless")]
    Leftover(Box<TaskError>),
    /// The work folder can't be used.
    #[error("the work folder can't be used: {0}")]
    Workspace(#[from] io::Error),
    /// The record could not name all segments.
    #[error(
        "the output would have about {count} segments with such names, and a record holds {most} of \
         them: ask for a longer `t` of `/segment`, or for a shorter name"
    )]
    Segments {
        /// Number of segments of all streams.
        count: u64,
        /// The most that fit.
        most: u64,
    },
    /// Even in the best case it would take too long.
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// Step Functions failed.
    #[error("the task can't be distributed: {0}")]
    Execution(#[from] ExecutionError),
    /// Another step has the lease.
    #[error("another step of the task is at work")]
    Busy,
    /// The sources or the settings have changed since the task was handed over.
    #[error("the sources have changed since the task was begun")]
    Changed,
    /// There is no such range.
    #[error("there is no range {0}")]
    NoRange(usize),
    /// A step names a bucket that is not the one for task records.
    #[error("task records are not in bucket `{0}`: this is not a step of this stack's tasks")]
    StrangeBucket(Bucket),
    /// An earlier step has left nothing.
    #[error("`{0}` is missing: a step that was to make it failed")]
    Missing(ObjectUri),
    /// The data of an earlier step can't be read.
    #[error("`{uri}` can't be read: {said}")]
    Note {
        /// The object.
        uri: ObjectUri,
        /// The parser's message.
        said: String,
    },
    /// The pieces can't be joined with one index.
    #[error("the ranges can't be joined: {0}")]
    Index(#[from] Mp4Error),
    /// One piece can't be joined.
    #[error("range {0} can't be joined with the others: it is not what was planned")]
    OddRange(usize),
    /// The pieces don't have all frames.
    #[error("the pieces have {frames} frames together, not {planned}")]
    Frames {
        /// The frames of all pieces.
        frames: u64,
        /// The frames of the plan.
        planned: u64,
    },
    /// The lease expired while this run was stalled, and another run has taken the task over.
    #[error("another run has taken the task over")]
    Superseded,
    /// The caller canceled the task.
    #[error("{CANCELED}")]
    Canceled,
    /// The function's time ran out.
    #[error(
        "the work did not end within the function's time and was given up after {} s: ask for less, \
         or give the function more memory (which brings more processors) or a longer timeout",
        after.as_secs()
    )]
    Deadline {
        /// How long the task has run.
        after: Duration,
    },
}

impl From<LeaseError> for TaskError {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Superseded => Self::Superseded,
            LeaseError::Canceled => Self::Canceled,
            LeaseError::Store(error) => Self::Record(error),
        }
    }
}

impl From<PlaceError> for TaskError {
    fn from(error: PlaceError) -> Self {
        match error {
            PlaceError::Lease(error) => error.into(),
            PlaceError::Upload(error) => error.into(),
        }
    }
}

impl TaskError {
    /// The outward code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Process(_)
            | Self::Object(_)
            | Self::Plan(_)
            | Self::Name(_)
            | Self::Target(_)
            | Self::Segments { .. }
            | Self::NoRange(_)
            | Self::StrangeBucket(_)
            | Self::Changed => Code::InvalidArgument,
            Self::Head { source, .. } | Self::Record(source) => source.code(),
            Self::Space { .. } | Self::OutputSpace { .. } => Code::InsufficientStorage,
            Self::Fetch(error) => error.code(),
            Self::Probe { source, .. } => source.code(),
            Self::Run(error) => error.code(),
            Self::Verify(error) => error.code(),
            Self::Upload(error) => error.code(),
            Self::Leftover(error) => error.code(),
            Self::Workspace(error) => io_code(error),
            Self::Busy | Self::Missing(_) | Self::Note { .. } => Code::InternalError,
            Self::Frames { .. } | Self::Index(_) | Self::OddRange(_) => Code::OutputMismatch,
            Self::Execution(error) => error.code(),
            // No step of such a run should be repeated.
            Self::Superseded | Self::Canceled => Code::Canceled,
            Self::Budget(_) | Self::Deadline { .. } => Code::DeadlineExceeded,
        }
    }
}

impl From<&TaskError> for Refusal {
    fn from(error: &TaskError) -> Self {
        let argument = match error {
            TaskError::Process(error) => {
                let (name, value) = (error.argument_name(), error.argument_value());
                Some((name.to_owned(), value.to_owned()))
            }
            TaskError::Object(MainObjectError { argument, value, .. }) => {
                Some(((*argument).to_owned(), value.clone()))
            }
            TaskError::Target(error) => Some((error.argument_name().to_owned(), String::new())),
            _ => None,
        };
        Self { argument, ..Self::new(Refused::Task(error.code()), error.to_string()) }
    }
}

fn io_code(error: &io::Error) -> Code {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::InsufficientStorage,
        _ => Code::InternalError,
    }
}
