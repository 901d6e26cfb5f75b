//! The kinds of mistakes, each with what its sentence tells.

use crate::codec::{AudioCodec, Container, PixelFormat, VideoCodec};
use crate::process::span::Span;
use crate::process::table::{Need, Operation, Parameter};
use crate::process::target::TargetError;
use crate::process::template::RenderError;
use crate::process::value::ValueError;

/// The kinds of mistakes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessErrorKind {
    /// There is no text at all.
    Empty,
    /// No event that starts work later could carry it.
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It starts with something other than `video/concat`.
    UnknownProcess {
        /// What it starts with.
        found: String,
    },
    /// No operation is called so.
    UnknownOperation {
        /// The separator and the word.
        found: String,
        /// What could stand here.
        expected: &'static [&'static str],
        /// Whether a name stands before it, which may hold a Base64 `/`.
        follows_name: bool,
    },
    /// A known operation where it cannot be, or once too often.
    MisplacedOperation {
        /// The separator and the word.
        found: String,
        /// The operation.
        operation: Operation,
    },
    /// `/segment` a second time.
    RepeatedOperation(Operation),
    /// `sys/saveas` does not occur.
    MissingOperation(Operation),
    /// Two commas in a row, or one at the end.
    EmptyParameter(Operation),
    /// No parameter is called so.
    UnknownParameter {
        /// Where it stands.
        operation: Operation,
        /// What it is called.
        name: String,
    },
    /// A parameter a second time.
    RepeatedParameter {
        /// The parameter.
        parameter: &'static Parameter,
        /// Where it stands first.
        first: Span,
    },
    /// A parameter without `_`, or with nothing behind it.
    MissingValue(&'static Parameter),
    /// A required parameter does not occur.
    MissingParameter(&'static Parameter),
    /// A value that the parameter cannot have.
    BadValue {
        /// The parameter.
        parameter: &'static Parameter,
        /// The value.
        value: String,
        /// What is wrong with it.
        error: ValueError,
    },
    /// A parameter without the other that it needs.
    Needs {
        /// The parameter.
        parameter: &'static Parameter,
        /// What it needs.
        need: Need,
    },
    /// Two parameters of which only one can be given.
    Excludes {
        /// The one.
        parameter: &'static Parameter,
        /// The other.
        other: &'static str,
    },
    /// Words that are valid each by itself, but not together.
    Conflict(Conflict),
}

/// What cannot be asked for at once.
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
    /// A sample rate that codec or container do not have.
    SampleRate(Container, AudioCodec, u32),
    /// More channels than codec or container have.
    Channels(Container, AudioCodec, u8),
    /// A container that cannot be segmented so.
    SegmentBan {
        /// `f` of `/segment`.
        format: &'static str,
        /// `f` of `video/concat`.
        container: Container,
        /// The containers that can.
        allowed: &'static [Container],
    },
    /// A list that is too long.
    TooManySources {
        /// How many clips there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// `align` beyond the end of the list.
    AlignBeyondList {
        /// The number asked for.
        align: u64,
        /// How many clips there are.
        count: usize,
    },
    /// A target that cannot be named.
    Render(RenderError),
    /// A target that nothing can be stored at.
    Target(TargetError),
}

impl From<Conflict> for ProcessErrorKind {
    fn from(conflict: Conflict) -> Self {
        Self::Conflict(conflict)
    }
}
