//! What is wrong with a process string, where, and what would be right.

mod conflict;
mod wording;

use std::error::Error;
use std::fmt;

pub(in crate::process) use self::wording::{list, nearest};
use super::span::Span;
use super::table::{Need, Operation, Parameter};
use super::target::TargetError;
use super::template::RenderError;
use super::value::ValueError;
use crate::codec::{AudioCodec, Container, PixelFormat, VideoCodec};

/// The first mistake in a process string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessError {
    // Boxed to keep every `Result` of the parser small.
    kind: Box<ProcessErrorKind>,
    span: Span,
    argument: Argument,
}

/// The words that the mistake is about, as OSS clients are told them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Argument {
    name: String,
    value: String,
}

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

impl ProcessError {
    /// A mistake at `span` in `source`, about the words there.
    pub(super) fn new(kind: impl Into<ProcessErrorKind>, span: Span, source: &str) -> Self {
        Self::about(kind, span, "x-oss-async-process", span.of(source))
    }

    /// A mistake at `span` about a parameter.
    pub(super) fn about(
        kind: impl Into<ProcessErrorKind>,
        span: Span,
        name: &str,
        value: &str,
    ) -> Self {
        let argument = Argument { name: name.to_owned(), value: value.to_owned() };
        Self { kind: Box::new(kind.into()), span, argument }
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> &ProcessErrorKind {
        &self.kind
    }

    /// What is wrong, in words, without the place and without what would be right.
    #[must_use]
    pub fn problem(&self) -> String {
        wording::problem(&self.kind)
    }

    /// What would be right, in words, where that can be told.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        wording::remedy(&self.kind)
    }

    /// Where it stands.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// The byte that it starts at.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.span.start
    }

    /// The parameter that is to blame, else `x-oss-async-process`.
    #[must_use]
    pub fn argument_name(&self) -> &str {
        &self.argument.name
    }

    /// The value that is to blame, as it was written; empty where it is
    /// missing.
    #[must_use]
    pub fn argument_value(&self) -> &str {
        &self.argument.value
    }

    /// The line of `source` that the mistake is in, with carets under it.
    ///
    /// Columns are counted in characters, which is right for all but wide ones.
    #[must_use]
    pub fn caret(&self, source: &str) -> String {
        let start = source.floor_char_boundary(self.span.start);
        let line_start = source[..start].rfind('\n').map_or(0, |at| at + 1);
        let line = source[line_start..].lines().next().unwrap_or_default();
        let line_end = line_start + line.len();
        let end = source.floor_char_boundary(self.span.end).clamp(start, line_end.max(start));
        let indent = source[line_start..start].chars().count();
        let width = source[start..end].chars().count().max(1);
        // A tab or an escape would shift the carets, if not more.
        let line = line.replace(char::is_control, "\u{fffd}");
        format!("{line}\n{}{}", " ".repeat(indent), "^".repeat(width))
    }
}

impl fmt::Display for ProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", wording::problem(&self.kind), self.span.start)?;
        match wording::remedy(&self.kind) {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

impl Error for ProcessError {}
