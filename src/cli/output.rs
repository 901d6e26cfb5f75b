//! Output: results go to the standard output, everything else to the standard error; colours are
//! used only in a terminal and if `NO_COLOR` is not set.

use std::io::{self, Write};
use std::process::ExitCode;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::Value;

use super::failure::{Failure, Place};

/// The format of results.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints a result: its text for people, or its JSON for programs.
    pub(crate) fn result(self, text: &str, json: impl FnOnce() -> Value) -> Result<(), Failure> {
        if self.json {
            self.bytes(format!("{}\n", json()).as_bytes())
        } else {
            self.bytes(shown(text).as_bytes())
        }
    }

    /// Prints bytes as they are.
    #[expect(clippy::unused_self, reason = "results are printed by `Output`")]
    pub(crate) fn bytes(self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            // The reader, such as `head`, does not want more.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(Failure::failed(format!("can't print the result: {error}"))),
            Ok(()) => Ok(()),
        }
    }

    /// Warnings. In JSON output, they are part of the result.
    pub(crate) fn warnings(self, warnings: &[String]) {
        if !self.json {
            for warning in warnings {
                print(Group::with_title(Level::WARNING.primary_title(shown(warning))));
            }
        }
    }

    /// A note beside the result. In JSON output, it is part of the result.
    pub(crate) fn note(self, text: &str) {
        if !self.json {
            anstream::eprintln!("{}", shown(text));
        }
    }

    pub(crate) fn failure(self, failure: &Failure) -> ExitCode {
        if self.json {
            // If even this can't be printed, the exit status still reports the failure.
            let _ = self.bytes(format!("{}\n", failure.to_json()).as_bytes());
        } else {
            match &failure.place {
                Some(place) => draw(place),
                None => {
                    print(Group::with_title(Level::ERROR.primary_title(shown(&failure.message))));
                }
            }
        }
        ExitCode::from(failure.status())
    }
}

/// The text without control characters, which a terminal would execute: the name of an object may
/// contain an escape sequence.
fn shown(text: &str) -> String {
    text.replace(|c: char| c.is_control() && c != '\n', "\u{fffd}")
}

fn print(report: Group<'_>) {
    anstream::eprintln!("{}", Renderer::styled().render(&[report]));
}

/// Prints the line of the mistake, with a caret under it.
fn draw(place: &Place) {
    let mut mistake = AnnotationKind::Primary.span(place.at.clone());
    if let Some(remedy) = &place.remedy {
        mistake = mistake.label(remedy.as_str());
    }
    let mut snippet = Snippet::source(place.text.as_str()).annotation(mistake);
    if let Some(file) = &place.file {
        snippet = snippet.path(file.as_str());
    }
    if let Some(first) = &place.first {
        snippet = snippet.annotation(AnnotationKind::Context.span(first.clone()));
    }
    print(Level::ERROR.primary_title(shown(&place.problem)).element(snippet));
}
