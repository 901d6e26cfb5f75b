//! Parses text to operations and parameters, each with its byte range.
//!
//! Written by hand, since there are only four separators: `,` before a parameter, `_` after its
//! name, `/` before an operation, and `|` before an operation that follows the work. Only `_` of
//! these occurs in URL-safe Base64.

use super::error::{ProcessError, ProcessErrorKind};
use super::name::without_line_break;
use super::span::Span;
use super::table::{self, Kind, LONGEST_PROCESS, Operation, Parameter};

/// A process string that follows the grammar. Its values are not read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessSpec {
    /// The whole text, to which all spans refer, without a line break at its end.
    pub source: String,
    /// Whether a line break at the end was dropped.
    pub line_break_dropped: bool,
    /// `video/concat`.
    pub concat: OperationSpec,
    /// Every `/pre` and `/sur`, in the order of the text.
    pub clips: Vec<OperationSpec>,
    /// `/segment`.
    pub segment: Option<OperationSpec>,
    /// `sys/saveas`.
    pub target: OperationSpec,
    /// `notify`.
    pub notify: Option<OperationSpec>,
}

impl ProcessSpec {
    /// The topic for the completion message, if its name can be read: known even if the rest of the
    /// string is wrong.
    #[must_use]
    pub fn topic(&self) -> Option<String> {
        let notify = self.notify.as_ref()?;
        let parameter = notify.parameters.iter().find(|p| p.parameter.name == "topic")?;
        super::name::decode_topic(parameter.value.of(&self.source)).ok().map(|name| name.text)
    }
}

impl ProcessSpec {
    /// Every operation, in the order of the text.
    pub fn operations(&self) -> impl Iterator<Item = &OperationSpec> {
        let mut all: Vec<&OperationSpec> = std::iter::once(&self.concat)
            .chain(&self.clips)
            .chain(&self.segment)
            .chain(std::iter::once(&self.target))
            .chain(&self.notify)
            .collect();
        all.sort_by_key(|operation| operation.span.start);
        all.into_iter()
    }

    /// The operations as JSON, with decoded names.
    #[must_use]
    pub fn in_clear(&self) -> Vec<serde_json::Value> {
        let operations = self.operations().map(|operation| {
            let parameters = operation.parameters.iter();
            let parameters: serde_json::Map<String, serde_json::Value> = parameters
                .map(|given| (given.parameter.name.to_owned(), given.clear(&self.source).into()))
                .collect();
            let name = operation.operation.name();
            serde_json::json!({"Operation": name, "Parameters": parameters})
        });
        operations.collect()
    }
}

/// An operation as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationSpec {
    /// The kind of operation.
    pub operation: Operation,
    /// The place of its separator and name.
    pub span: Span,
    /// Its parameters in the order of the text, each at most once.
    pub parameters: Vec<ParameterSpec>,
}

/// A parameter as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterSpec {
    /// The parameter's row of the table.
    pub parameter: &'static Parameter,
    /// The place of its name.
    pub key: Span,
    /// The place of its value. Never empty.
    pub value: Span,
}

impl ParameterSpec {
    /// The value; decoded if it is a name.
    #[must_use]
    pub fn clear(&self, source: &str) -> String {
        let value = self.value.of(source);
        let name = self.parameter.kind.is_name().then(|| super::name::decode(value).ok()).flatten();
        name.map_or_else(|| value.to_owned(), |name| name.text)
    }

    /// The place of name and value.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.key.to(self.value)
    }
}

/// Parses a process string. As in names, a line break at its end is ignored.
///
/// # Errors
///
/// When it violates the grammar, or a name is unknown or given twice.
pub fn parse(text: &str) -> Result<ProcessSpec, ProcessError> {
    let source = without_line_break(text);
    if source.len() > LONGEST_PROCESS {
        let end = source.floor_char_boundary(LONGEST_PROCESS);
        let kind = ProcessErrorKind::TooLong { bytes: source.len() };
        return Err(ProcessError::new(kind, Span::new(end, end), source));
    }
    let mut parser = Parser { source, at: 0 };
    let concat = parser.expect_concat()?;
    let mut clips = Vec::new();
    let mut segment = None;
    while parser.rest().starts_with('/') {
        let operation = parser.expect_sub()?;
        if operation.operation != Operation::Segment {
            clips.push(operation);
        } else if segment.is_none() {
            segment = Some(operation);
        } else {
            let kind = ProcessErrorKind::RepeatedOperation(Operation::Segment);
            return Err(ProcessError::new(kind, operation.span, source));
        }
    }
    let target = parser.expect_target()?;
    let notify = parser.expect_notify_or_end()?;
    parser.expect_end()?;
    let line_break_dropped = source.len() < text.len();
    let source = source.to_owned();
    Ok(ProcessSpec { source, line_break_dropped, concat, clips, segment, target, notify })
}

/// The characters that end a word.
const SEPARATORS: [char; 3] = [',', '/', '|'];

struct Parser<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    /// Steps over `text` if it is next and ends a word.
    fn accept(&mut self, text: &str) -> Option<Span> {
        let after = self.rest().strip_prefix(text)?;
        if !after.is_empty() && !after.starts_with(SEPARATORS) {
            return None;
        }
        Some(self.presume(text.len()))
    }

    /// Steps over `length` bytes that are known to be there.
    fn presume(&mut self, length: usize) -> Span {
        let span = Span::new(self.at, self.at + length);
        debug_assert!(self.source.is_char_boundary(span.end));
        self.at = span.end;
        span
    }

    fn expect_concat(&mut self) -> Result<OperationSpec, ProcessError> {
        let Some(span) = self.accept(Operation::Concat.written()) else {
            return Err(self.not_concat());
        };
        self.operation(Operation::Concat, span)
    }

    fn expect_sub(&mut self) -> Result<OperationSpec, ProcessError> {
        for operation in [Operation::Pre, Operation::Sur, Operation::Segment] {
            if let Some(span) = self.accept(operation.written()) {
                return self.operation(operation, span);
            }
        }
        Err(self.misfit(&["/pre", "/sur", "/segment", "|sys/saveas"]))
    }

    fn expect_target(&mut self) -> Result<OperationSpec, ProcessError> {
        if let Some(span) = self.accept(Operation::SaveAs.written()) {
            return self.operation(Operation::SaveAs, span);
        }
        if self.rest().is_empty() {
            let kind = ProcessErrorKind::MissingOperation(Operation::SaveAs);
            let span = Span::at(self.at);
            return Err(ProcessError::about(kind, span, Operation::SaveAs.name(), ""));
        }
        Err(self.misfit(&["|sys/saveas"]))
    }

    fn expect_notify_or_end(&mut self) -> Result<Option<OperationSpec>, ProcessError> {
        for written in ["/notify", "|notify", "|sys/notify"] {
            if let Some(span) = self.accept(written) {
                return self.operation(Operation::Notify, span).map(Some);
            }
        }
        if self.rest().is_empty() {
            return Ok(None);
        }
        Err(self.misfit(&["/notify", "|notify", "|sys/notify"]))
    }

    fn expect_end(&self) -> Result<(), ProcessError> {
        if self.rest().is_empty() { Ok(()) } else { Err(self.misfit(&[])) }
    }

    /// Parses the parameters of the operation whose name was just read.
    fn operation(
        &mut self,
        operation: Operation,
        span: Span,
    ) -> Result<OperationSpec, ProcessError> {
        let mut parameters: Vec<ParameterSpec> = Vec::new();
        while self.rest().starts_with(',') {
            self.presume(1);
            let next = self.expect_parameter(operation)?;
            if let Some(first) = parameters.iter().find(|p| p.parameter == next.parameter) {
                return Err(self.repeated(first, &next));
            }
            parameters.push(next);
        }
        Ok(OperationSpec { operation, span, parameters })
    }

    fn expect_parameter(&mut self, operation: Operation) -> Result<ParameterSpec, ProcessError> {
        let rest = self.rest();
        let text = rest.split(SEPARATORS).next().expect("a split has a first part");
        let span = self.presume(text.len());
        if text.is_empty() {
            let kind = ProcessErrorKind::EmptyParameter(operation);
            return Err(ProcessError::new(kind, span, self.source));
        }
        let (name, value) = text.split_once('_').unwrap_or((text, ""));
        let key = Span::new(span.start, span.start + name.len());
        let Some(parameter) = table::find(operation, name) else {
            let kind = ProcessErrorKind::UnknownParameter { operation, name: name.to_owned() };
            return Err(ProcessError::about(kind, key, name, value));
        };
        if value.is_empty() {
            let kind = ProcessErrorKind::MissingValue(parameter);
            return Err(ProcessError::about(kind, span, name, ""));
        }
        let value = Span::new(key.end + 1, span.end);
        Ok(ParameterSpec { parameter, key, value })
    }

    fn repeated(&self, first: &ParameterSpec, second: &ParameterSpec) -> ProcessError {
        let parameter = second.parameter;
        let kind = ProcessErrorKind::RepeatedParameter { parameter, first: first.span() };
        ProcessError::about(kind, second.span(), parameter.name, second.value.of(self.source))
    }

    fn not_concat(&self) -> ProcessError {
        let first = self.rest().split([',', '|']).next().expect("a split has a first part");
        let second_slash = first.match_indices('/').nth(1);
        let found = second_slash.map_or(first, |(at, _)| &first[..at]);
        let kind = if self.rest().is_empty() {
            ProcessErrorKind::Empty
        } else {
            ProcessErrorKind::UnknownProcess { found: found.to_owned() }
        };
        ProcessError::new(kind, Span::new(0, found.len()), self.source)
    }

    /// The error for an operation here that is none of `expected`.
    fn misfit(&self, expected: &'static [&'static str]) -> ProcessError {
        let word = word_of_operation(self.rest());
        let span = Span::new(self.at, self.at + word.len());
        let found = word.to_owned();
        let name = word.trim_start_matches(['/', '|']);
        let kind = if let Some(operation) = known_operation(name) {
            ProcessErrorKind::MisplacedOperation { found, operation }
        } else {
            let follows_name = self.follows_name();
            ProcessErrorKind::UnknownOperation { found, expected, follows_name }
        };
        ProcessError::new(kind, span, self.source)
    }

    /// Whether the parameter before this place holds a name.
    fn follows_name(&self) -> bool {
        let before = &self.source[..self.at];
        let Some((_, last)) = before.rsplit_once(',') else {
            return false;
        };
        let name = last.split_once('_').map_or(last, |(name, _)| name);
        let is_name = |kind: Kind| matches!(kind, Kind::Key | Kind::Template | Kind::Topic);
        table::PARAMETERS.iter().any(|known| known.name == name && is_name(known.kind))
    }
}

/// The separator and the word at the start of `rest`; `sys/` alone does not count as a word.
fn word_of_operation(rest: &str) -> &str {
    let prefix = ["/sys/", "|sys/", "/video/", "|video/"]
        .into_iter()
        .find(|prefix| rest.starts_with(prefix))
        .map_or(1, str::len);
    let start = rest.floor_char_boundary(prefix);
    let length = rest[start..].find(SEPARATORS).unwrap_or(rest.len() - start);
    &rest[..start + length]
}

fn known_operation(name: &str) -> Option<Operation> {
    match name {
        "saveas" => Some(Operation::SaveAs),
        "sys/notify" => Some(Operation::Notify),
        _ => Operation::ALL.into_iter().find(|operation| operation.name() == name),
    }
}
