//! The kinds of mistakes, each with the data for its message.

use crate::codec::{AudioCodec, Container, PixelFormat, VideoCodec};
use crate::process::span::Span;
use crate::process::table::{Need, Operation, Parameter};
use crate::process::target::TargetError;
use crate::process::template::RenderError;
use crate::process::value::ValueError;

/// The kind of a mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessErrorKind {
    /// The text is empty.
    Empty,
    /// It is too long for an asynchronous event.
    TooLong {
        /// The length.
        bytes: usize,
    },
    /// It starts with something other than `video/concat`.
    UnknownProcess {
        /// The word at the start.
        found: String,
    },
    /// An unknown operation.
    UnknownOperation {
        /// The separator and the word.
        found: String,
        /// The operations that may be here.
        expected: &'static [&'static str],
        /// Whether a name precedes it, which may contain a `/` of the other Base64 alphabet.
        follows_name: bool,
    },
    /// A known operation in the wrong place, or once too often.
    MisplacedOperation {
        /// The separator and the word.
        found: String,
        /// The operation.
        operation: Operation,
    },
    /// A second `/segment`.
    RepeatedOperation(Operation),
    /// `sys/saveas` is missing.
    MissingOperation(Operation),
    /// Two commas in a row, or a comma at the end.
    EmptyParameter(Operation),
    /// An unknown parameter.
    UnknownParameter {
        /// Its operation.
        operation: Operation,
        /// Its name.
        name: String,
    },
    /// A parameter is given twice.
    RepeatedParameter {
        /// The parameter.
        parameter: &'static Parameter,
        /// Where it is given first.
        first: Span,
    },
    /// A parameter without `_`, or with nothing after it.
    MissingValue(&'static Parameter),
    /// A required parameter is missing.
    MissingParameter(&'static Parameter),
    /// A value that the parameter does not allow.
    BadValue {
        /// The parameter.
        parameter: &'static Parameter,
        /// The value.
        value: String,
        /// The reason.
        error: ValueError,
    },
    /// A parameter without another that it needs.
    Needs {
        /// The parameter.
        parameter: &'static Parameter,
        /// What it needs.
        need: Need,
    },
    /// Two parameters that exclude each other.
    Excludes {
        /// The first.
        parameter: &'static Parameter,
        /// The other.
        other: &'static str,
    },
    /// Words that are valid alone, but not together.
    Conflict(Conflict),
}

/// What can't be requested together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// `vn_1` and `an_1`.
    NothingLeft,
    /// A container that cannot hold the video.
    VideoBan(Container, VideoCodec, &'static str),
    /// A container that cannot hold the audio.
    AudioBan(Container, AudioCodec, &'static str),
    /// A video codec that cannot encode the pixel format.
    PixelFormatBan(PixelFormat, VideoCodec, &'static str),
    /// A container that cannot hold the pixel format.
    PixelFormatHolding(PixelFormat, Container, &'static str),
    /// A sample rate that the codec or the container does not support.
    SampleRate(Container, AudioCodec, u32),
    /// More channels than the codec or the container supports.
    Channels(Container, AudioCodec, u8),
    /// A container that can't be segmented in this format.
    SegmentBan {
        /// `f` of `/segment`.
        format: &'static str,
        /// `f` of `video/concat`.
        container: Container,
        /// The containers that are allowed.
        allowed: &'static [Container],
    },
    /// The list is too long.
    TooManySources {
        /// The number of clips.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// `align` is beyond the end of the list.
    AlignBeyondList {
        /// The requested number.
        align: u64,
        /// The number of clips.
        count: usize,
    },
    /// The target's name can't be determined.
    Render(RenderError),
    /// Nothing can be stored at the target.
    Target(TargetError),
}

impl From<Conflict> for ProcessErrorKind {
    fn from(conflict: Conflict) -> Self {
        Self::Conflict(conflict)
    }
}
