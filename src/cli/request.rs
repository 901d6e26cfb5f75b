//! A request as given to a command: a process string, or an event in JSON.

use std::io::Read;
use std::path::Path;

use clap::Args;
use serde_json::Value;
use video_concat::event::{Event, EventError, ProcessSource, Route, Submission, decode};
use video_concat::process::{
    Limits, ProcessError, ProcessErrorKind, Request, Span, known_main, parse, resolve,
};

use super::failure::{Failure, Place};
use super::json::{literal_offset, member};
use super::side::Side;

/// A request, and what it leaves open.
#[derive(Args, Clone, Debug)]
pub(crate) struct RequestArgs {
    /// A process string, or a file that holds an event in JSON; `-` reads either of them from the
    /// standard input.
    #[arg(value_name = "REQUEST")]
    request: String,
    /// Key of the main object, if REQUEST is a process string.
    #[arg(long, value_name = "KEY")]
    object: Option<String>,
    /// Bucket of the main object, if REQUEST is a process string.
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,
    /// The longest concatenation list.
    #[arg(
        long,
        value_name = "N",
        env = "MAX_SOURCES",
        default_value_t = 11,
        value_parser = clap::value_parser!(u16).range(1..=64)
    )]
    max_sources: u16,
}

/// One requested task.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) bucket: Option<String>,
    pub(crate) object: Option<String>,
    pub(crate) process: String,
    pub(crate) user_data: Option<String>,
    origin: Origin,
    limits: Limits,
}

/// Where the process string comes from.
#[derive(Clone, Debug)]
enum Origin {
    /// From the command line.
    Alone,
    /// From a file: the string literal at these offsets.
    Literal { file: String, text: String, start: usize, end: usize },
    /// Somewhere inside a file.
    Inside(String),
}

impl RequestArgs {
    /// The only task of the request.
    pub(crate) fn one(&self) -> Result<Asked, Failure> {
        let mut all = self.all()?;
        match (all.pop(), all.len()) {
            (Some(only), 0) => Ok(only),
            (_, others) => {
                let count = others + 1;
                Err(Failure::wrong(format!("the event contains {count} tasks: pass one at a time")))
            }
        }
    }

    /// All tasks of the request, at least one.
    pub(crate) fn all(&self) -> Result<Vec<Asked>, Failure> {
        if self.request == "-" {
            let mut text = String::new();
            let read = std::io::stdin().lock().read_to_string(&mut text);
            read.map_err(|error| {
                Failure::wrong(format!("can't read the standard input: {error}"))
            })?;
            return match text.trim() {
                event if event.starts_with(['{', '[']) => self.event("<stdin>", &text),
                process => Ok(vec![self.string(process)]),
            };
        }
        let path = Path::new(&self.request);
        let is_file = path.is_file();
        if !is_file && path.extension().is_none_or(|extension| extension != "json") {
            return Ok(vec![self.string(&self.request)]);
        }
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::wrong(format!("can't read the event `{}`: {error}", self.request))
        })?;
        self.event(&self.request, &text)
    }

    fn limits(&self) -> Limits {
        Limits { max_sources: self.max_sources.into() }
    }

    fn string(&self, process: &str) -> Asked {
        Asked {
            bucket: self.bucket.clone(),
            object: self.object.clone(),
            process: process.to_owned(),
            user_data: None,
            origin: Origin::Alone,
            limits: self.limits(),
        }
    }

    fn event(&self, file: &str, text: &str) -> Result<Vec<Asked>, Failure> {
        let event: Value =
            serde_json::from_str(text).map_err(|error| bad_json(file, text, &error))?;
        let submissions =
            self.submissions(&event).map_err(|error| bad_event(file, text, &error))?;
        if submissions.is_empty() {
            return Err(Failure::wrong(format!("the event `{file}` contains no task")));
        }
        let single = submissions.len() == 1;
        let asked = submissions.into_iter().map(|submission| {
            let ProcessSource::Given(process) = submission.process else {
                return Err(Failure::wrong(format!(
                    "the event `{file}` is about an upload: its process string is in the \
                     object's metadata `x-oss-async-process`, or in the function's settings"
                )));
            };
            Ok(Asked {
                bucket: Some(submission.bucket),
                object: Some(submission.object),
                origin: origin(file, text, single),
                process,
                user_data: submission.user_data,
                limits: self.limits(),
            })
        });
        asked.collect()
    }

    fn submissions(&self, event: &Value) -> Result<Vec<Submission>, EventError> {
        match decode(event)? {
            Event::Submissions(submissions) => Ok(submissions),
            Event::Http(request) => Ok(match request.route(self.bucket.as_deref(), None)? {
                Route::Submit(submission) => vec![submission],
                Route::Task(_) | Route::Cancel(_) | Route::List(_) => Vec::new(),
            }),
            Event::Queue(messages) | Event::Topic(messages) => {
                let mut all = Vec::new();
                for message in messages {
                    if let Event::Submissions(submissions) = message.event? {
                        all.extend(submissions);
                    }
                }
                Ok(all)
            }
            Event::Accepted(_) | Event::Cancel(_) | Event::Step(_) | Event::Ignored(_) => {
                Ok(Vec::new())
            }
        }
    }
}

impl Asked {
    /// A process string from the command line.
    pub(crate) fn alone(process: String, bucket: Option<String>, object: Option<String>) -> Self {
        let (origin, limits) = (Origin::Alone, Limits::default());
        Self { bucket, object, process, user_data: None, origin, limits }
    }

    /// The request, for a main object that may be unknown.
    pub(crate) fn resolve(&self) -> Result<Request, Failure> {
        let main = known_main(self.bucket.as_deref(), self.object.as_deref());
        let main = main.map_err(|error| {
            Failure::wrong(error.to_string()).argument(error.argument, &error.value)
        })?;
        let spec = parse(&self.process).map_err(|error| self.mistake(&error))?;
        resolve(&spec, &main, self.limits).map_err(|error| self.mistake(&error))
    }

    /// The request, for a main object that must be known. If the bucket is not given, it is that of
    /// `side`.
    pub(crate) fn resolve_whole(&self, side: &Side) -> Result<Request, Failure> {
        if self.object.is_none() {
            let message = "the main object is unknown: name it with `--object`";
            return Err(Failure::wrong(message).argument("object", ""));
        }
        let of_side = || match side {
            Side::Bucket(name) => name.to_string(),
            // Any name does: only the variable `{bucket}` shows it.
            Side::Folder(_) => "sources".to_owned(),
        };
        let bucket = self.bucket.clone().unwrap_or_else(of_side);
        Self { bucket: Some(bucket), ..self.clone() }.resolve()
    }

    /// The failure for a mistake, with its place.
    pub(crate) fn mistake(&self, error: &ProcessError) -> Failure {
        let failure = Failure::wrong(error.to_string())
            .argument(error.argument_name(), error.argument_value());
        let Span { start, end } = error.span();
        let first = match error.kind() {
            ProcessErrorKind::RepeatedParameter { first, .. } => Some(first.start..first.end),
            _ => None,
        };
        let (file, text, start_of_literal) = match &self.origin {
            Origin::Alone => (None, self.process.clone(), None),
            Origin::Inside(file) => (Some(file.clone()), self.process.clone(), None),
            Origin::Literal { file, text, start, end } => {
                (Some(file.clone()), text.clone(), Some(*start..*end))
            }
        };
        let map = |offset: usize| match &start_of_literal {
            Some(inside) => inside.start + literal_offset(&text[inside.clone()], offset),
            None => offset,
        };
        failure.at(Place {
            file,
            at: map(start)..map(end),
            first: first.map(|first| map(first.start)..map(first.end)),
            problem: format!("{} at byte {start}", error.problem()),
            remedy: error.remedy(),
            in_process: Some(start..end),
            text: text.clone(),
        })
    }
}

/// The place of the process string in an event with a single task.
fn origin(file: &str, text: &str, single: bool) -> Origin {
    let place = member(text, "process").filter(|_| single).map(|member| member.value);
    match place {
        Some(literal) if text[literal.clone()].starts_with('"') => Origin::Literal {
            file: file.to_owned(),
            text: text.to_owned(),
            start: literal.start + 1,
            end: literal.end - 1,
        },
        _ => Origin::Inside(file.to_owned()),
    }
}

fn bad_json(file: &str, text: &str, error: &serde_json::Error) -> Failure {
    let line_start: usize =
        text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let at = text.floor_char_boundary(line_start + error.column().saturating_sub(1));
    let problem = format!("the event `{file}` is not JSON: {error}");
    Failure::wrong(problem.clone()).at(Place {
        file: Some(file.to_owned()),
        text: text.to_owned(),
        at: at..at,
        problem,
        remedy: None,
        first: None,
        in_process: None,
    })
}

fn bad_event(file: &str, text: &str, error: &EventError) -> Failure {
    let failure = Failure::wrong(error.to_string());
    let Some((name, value)) = error.argument() else {
        return failure;
    };
    let failure = failure.argument(name, value);
    let Some(member) = member(text, name) else {
        return failure;
    };
    let at = match error {
        EventError::UnknownField { .. } => member.name,
        _ => member.value,
    };
    failure.at(Place {
        file: Some(file.to_owned()),
        text: text.to_owned(),
        at,
        problem: error.to_string(),
        remedy: None,
        first: None,
        in_process: None,
    })
}
