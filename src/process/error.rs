//! What is wrong with a process string, where, and what would be right.

mod conflict;
mod kind;
mod wording;

use std::error::Error;
use std::fmt;

pub use self::kind::{Conflict, ProcessErrorKind};
use super::span::Span;
use crate::quote::quote;

/// OSS's name for the string as a whole.
const WHOLE: &str = "x-oss-async-process";

/// The first mistake in a process string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessError {
    // Boxed to keep the parser's `Result`s small.
    kind: Box<ProcessErrorKind>,
    span: Span,
    argument: Argument,
}

/// The argument that the error is about, as OSS's error responses name it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Argument {
    name: String,
    value: String,
}

impl Argument {
    /// As written in the string.
    fn quoted(&self) -> String {
        if self.name == WHOLE {
            quote(&self.value)
        } else {
            quote(&written(&self.name, &self.value))
        }
    }
}

/// A parameter with its value, or alone if it has none.
fn written(name: &str, value: &str) -> String {
    if value.is_empty() { name.to_owned() } else { format!("{name}_{value}") }
}

impl ProcessError {
    /// An error about the text at `span` in `source`.
    pub(super) fn new(kind: impl Into<ProcessErrorKind>, span: Span, source: &str) -> Self {
        Self::about(kind, span, WHOLE, span.of(source))
    }

    /// An error at `span` about a parameter.
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

    /// What is wrong, as text, without the place and without what would be right.
    #[must_use]
    pub fn problem(&self) -> String {
        match &*self.kind {
            ProcessErrorKind::Conflict(conflict) => {
                format!("{}: {}", self.argument.quoted(), conflict.problem())
            }
            kind => wording::problem(kind, &self.argument.value),
        }
    }

    /// What would be right, as text, if known.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        wording::remedy(&self.kind)
    }

    /// The place of the mistake.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// The byte offset of the mistake.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.span.start
    }

    /// The parameter that the error is about, else `x-oss-async-process`.
    #[must_use]
    pub fn argument_name(&self) -> &str {
        &self.argument.name
    }

    /// The value that the error is about, as written; empty if it is missing.
    #[must_use]
    pub fn argument_value(&self) -> &str {
        &self.argument.value
    }

    /// The line of `source` that contains the mistake, with carets under it.
    ///
    /// Columns count characters, which is right except for wide ones.
    #[must_use]
    pub fn caret(&self, source: &str) -> String {
        let start = source.floor_char_boundary(self.span.start);
        let line_start = source[..start].rfind('\n').map_or(0, |at| at + 1);
        let line = source[line_start..].lines().next().unwrap_or_default();
        let line_end = line_start + line.len();
        let end = source.floor_char_boundary(self.span.end).clamp(start, line_end.max(start));
        let indent = source[line_start..start].chars().count();
        let width = source[start..end].chars().count().max(1);
        // A tab or an escape sequence would shift the carets, or worse.
        let line = line.replace(char::is_control, "\u{fffd}");
        format!("{line}\n{}{}", " ".repeat(indent), "^".repeat(width))
    }
}

impl fmt::Display for ProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.problem(), self.span.start)?;
        match wording::remedy(&self.kind) {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

impl Error for ProcessError {}
