//! Target names with variables, such as `done/{barename}.{autoext}`.

use std::fmt::Write as _;

use thiserror::Error;

use super::text::{list, nearest};
use crate::named::named;

named! {
    /// The names that are allowed between braces.
    Variable {
        /// Bucket of the main object.
        Bucket = "bucket",
        /// Key of the main object.
        Key = "key",
        /// The key up to its last `/`, without it; empty if there is none.
        Dirname = "dirname",
        /// The key after its last `/`.
        Basename = "basename",
        /// The basename without its extension.
        Barename = "barename",
        /// The main object's extension without dot; empty if there is none.
        Ext = "ext",
        /// The output's extension without dot.
        Autoext = "autoext",
        /// Width and height of the output, such as `1280x720`.
        Resolution = "resolution",
        /// Number of a segment, from 1; 1 for a whole file or a playlist.
        Index = "index",
        /// Number of a segment's stream, from 0; 0 for a whole file or a playlist.
        Streamindex = "streamindex",
        /// Year of the task's creation, UTC.
        TaskYear = "t_year",
        /// Month of the task's creation.
        TaskMonth = "t_mon",
        /// Day of the task's creation.
        TaskDay = "t_day",
        /// Hour of the task's creation.
        TaskHour = "t_hour",
        /// Minute of the task's creation.
        TaskMinute = "t_min",
        /// Second of the task's creation.
        TaskSecond = "t_sec",
        /// Year of the main object's last modification, UTC.
        Year = "year",
        /// Month of the main object's last modification.
        Month = "mon",
        /// Day of the main object's last modification.
        Day = "day",
        /// Hour of the main object's last modification.
        Hour = "hour",
        /// Minute of the main object's last modification.
        Minute = "min",
        /// Second of the main object's last modification.
        Second = "sec",
    }
}

impl Variable {
    /// Whether its value is known from the request alone, before any object is read and without a
    /// clock.
    #[must_use]
    pub const fn is_known_early(self) -> bool {
        matches!(
            self,
            Self::Bucket
                | Self::Key
                | Self::Dirname
                | Self::Basename
                | Self::Barename
                | Self::Ext
                | Self::Autoext
                | Self::Index
                | Self::Streamindex
        )
    }
}

/// A date and time of day in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CivilTime {
    /// For example 2025.
    pub year: u16,
    /// From 1.
    pub month: u8,
    /// From 1.
    pub day: u8,
    /// From 0.
    pub hour: u8,
    /// From 0.
    pub minute: u8,
    /// From 0.
    pub second: u8,
}

/// The values of the variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    /// Bucket of the main object.
    pub bucket: String,
    /// Key of the main object.
    pub key: String,
    /// The output's extension without dot.
    pub autoext: String,
    /// For example `1280x720`; `None` if the output has no video.
    pub resolution: Option<String>,
    /// When the task was created.
    pub created: CivilTime,
    /// When the main object was last modified.
    pub modified: CivilTime,
}

/// A target name whose variables have been parsed but not filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Variable(Variable),
}

/// Why a target name can't be parsed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// No such variable.
    #[error("unknown variable `{{{}}}`{}", crate::quote::printable(name), suggestion(name))]
    UnknownVariable {
        /// The text between the braces.
        name: String,
    },
    /// A `{` that is never closed.
    #[error("`{{` at byte {offset} of the decoded name is not closed; a literal brace is `{{{{`")]
    Unclosed {
        /// Its byte offset.
        offset: usize,
    },
    /// A `}` that was never opened.
    #[error("`}}` at byte {offset} of the decoded name closes nothing; a literal brace is `}}}}`")]
    Unopened {
        /// Its byte offset.
        offset: usize,
    },
}

/// Why a target name can't be filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RenderError {
    /// The output has no video.
    #[error("`{{resolution}}` has no value: the output has no video")]
    NoResolution,
}

impl Template {
    /// Parses a target name.
    ///
    /// # Errors
    ///
    /// When a variable is unknown or a brace has no partner.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = source;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, tail) = rest.split_at(at);
            literal.push_str(before);
            let offset = source.len() - tail.len();
            if let Some(after) = escaped_brace(tail) {
                literal.push_str(&tail[..1]);
                rest = after;
            } else {
                let (variable, after) = expect_variable(tail, offset)?;
                push_literal(&mut parts, &mut literal);
                parts.push(Part::Variable(variable));
                rest = after;
            }
        }
        literal.push_str(rest);
        push_literal(&mut parts, &mut literal);
        Ok(Self { source: source.to_owned(), parts })
    }

    /// The text that was parsed.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The variables in it, in order.
    pub fn variables(&self) -> impl Iterator<Item = Variable> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Variable(variable) => Some(*variable),
        })
    }

    /// The common start of all names that this template can produce, as far as the request alone
    /// determines it, and whether that is the whole name.
    #[must_use]
    pub fn known_start(&self, values: &Variables) -> (String, bool) {
        let mut start = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => start.push_str(text),
                // Each segment has another number.
                Part::Variable(Variable::Index | Variable::Streamindex) => return (start, false),
                Part::Variable(variable) if variable.is_known_early() => {
                    if values.push(*variable, &mut start).is_err() {
                        return (start, false);
                    }
                }
                Part::Variable(_) => return (start, false),
            }
        }
        (start, true)
    }

    /// The name with all variables filled in.
    ///
    /// # Errors
    ///
    /// When it contains the resolution of an output without video.
    pub fn render(&self, values: &Variables) -> Result<String, RenderError> {
        self.render_with(values, |_, _| ())
    }

    /// The places in a rendered name of the numbers that differ for each segment.
    ///
    /// # Errors
    ///
    /// Like [`Self::render`].
    pub fn numbers(&self, values: &Variables) -> Result<Vec<usize>, RenderError> {
        let mut places = Vec::new();
        self.render_with(values, |variable, place| {
            if matches!(variable, Variable::Index | Variable::Streamindex) {
                places.push(place);
            }
        })?;
        Ok(places)
    }

    fn render_with(
        &self,
        values: &Variables,
        mut visit: impl FnMut(Variable, usize),
    ) -> Result<String, RenderError> {
        let mut name = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => name.push_str(text),
                Part::Variable(variable) => {
                    visit(*variable, name.len());
                    values.push(*variable, &mut name)?;
                }
            }
        }
        Ok(name)
    }

    /// The name as a target key: without an extension of its own it gets `.` and `{autoext}`.
    ///
    /// # Errors
    ///
    /// Like [`Self::render`].
    pub fn target_key(&self, values: &Variables) -> Result<String, RenderError> {
        let mut key = self.render(values)?;
        let (_, basename) = split_directory(&key);
        if split_extension(basename).1.is_empty() {
            key.push('.');
            key.push_str(&values.autoext);
        }
        Ok(key)
    }
}

impl Variables {
    fn push(&self, variable: Variable, out: &mut String) -> Result<(), RenderError> {
        let (dirname, basename) = split_directory(&self.key);
        let (stem, ext) = split_extension(basename);
        match variable {
            Variable::Bucket => out.push_str(&self.bucket),
            Variable::Key => out.push_str(&self.key),
            Variable::Dirname => out.push_str(dirname),
            Variable::Basename => out.push_str(basename),
            Variable::Barename => out.push_str(stem),
            Variable::Ext => out.push_str(ext),
            Variable::Autoext => out.push_str(&self.autoext),
            Variable::Resolution => {
                out.push_str(self.resolution.as_deref().ok_or(RenderError::NoResolution)?);
            }
            Variable::Index => out.push('1'),
            Variable::Streamindex => out.push('0'),
            Variable::TaskYear => push_number(out, self.created.year.into(), 4),
            Variable::TaskMonth => push_number(out, self.created.month.into(), 2),
            Variable::TaskDay => push_number(out, self.created.day.into(), 2),
            Variable::TaskHour => push_number(out, self.created.hour.into(), 2),
            Variable::TaskMinute => push_number(out, self.created.minute.into(), 2),
            Variable::TaskSecond => push_number(out, self.created.second.into(), 2),
            Variable::Year => push_number(out, self.modified.year.into(), 4),
            Variable::Month => push_number(out, self.modified.month.into(), 2),
            Variable::Day => push_number(out, self.modified.day.into(), 2),
            Variable::Hour => push_number(out, self.modified.hour.into(), 2),
            Variable::Minute => push_number(out, self.modified.minute.into(), 2),
            Variable::Second => push_number(out, self.modified.second.into(), 2),
        }
        Ok(())
    }
}

fn push_number(out: &mut String, number: u32, width: usize) {
    // Writing to a String never fails.
    let _ = write!(out, "{number:0width$}");
}

fn push_literal(parts: &mut Vec<Part>, literal: &mut String) {
    if !literal.is_empty() {
        parts.push(Part::Literal(std::mem::take(literal)));
    }
}

/// The rest after a doubled brace at the start of `tail`.
fn escaped_brace(tail: &str) -> Option<&str> {
    tail.strip_prefix("{{").or_else(|| tail.strip_prefix("}}"))
}

/// The variable at the start of `tail`, which starts with a brace, and the rest after it.
fn expect_variable(tail: &str, offset: usize) -> Result<(Variable, &str), TemplateError> {
    let inside = tail.strip_prefix('{').ok_or(TemplateError::Unopened { offset })?;
    let (name, after) = inside.split_once('}').ok_or(TemplateError::Unclosed { offset })?;
    if name.contains('{') {
        return Err(TemplateError::Unclosed { offset });
    }
    let unknown = || TemplateError::UnknownVariable { name: name.to_owned() };
    Ok((Variable::from_name(name).ok_or_else(unknown)?, after))
}

fn suggestion(name: &str) -> String {
    match nearest(name, Variable::NAMES.iter().copied()) {
        Some(known) => format!("; did you mean `{{{known}}}`?"),
        None => format!("; expected {}", list(Variable::NAMES, "or")),
    }
}

/// The part before the last `/` and the part after it.
fn split_directory(key: &str) -> (&str, &str) {
    key.rsplit_once('/').unwrap_or(("", key))
}

/// The part before the last dot and the part after it. A dot at the start marks a hidden file, not
/// an extension.
fn split_extension(basename: &str) -> (&str, &str) {
    match basename.rsplit_once('.') {
        Some((bare, ext)) if !bare.is_empty() => (bare, ext),
        _ => (basename, ""),
    }
}
