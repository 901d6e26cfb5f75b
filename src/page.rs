//! The page's interface to the core: a question in JSON, an answer in JSON.
//!
//! The page only shows and reads input. Verdicts, names, frames and costs all come from here, so
//! that the browser shows what the function would do.

mod description;
mod film;
mod form;
mod record;
mod verdict;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::process::name;

/// The possible questions.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Question {
    /// The table of parameters, for the form.
    Table,
    /// Whether a process string is valid, and the names in it.
    Check(Asked),
    /// A process string with decoded names, for the form.
    Read { process: String },
    /// The process string for a filled-in form.
    Write { operations: Vec<form::Operation> },
    /// The commands that send a request.
    Send(Asked),
    /// The place of each clip, computed from descriptions of the sources.
    Film {
        asked: Asked,
        /// Descriptions by key; the main object's key is empty if it is unknown.
        sources: BTreeMap<String, String>,
    },
    /// Descriptions of files, from ffprobe's output.
    Probe { report: String },
    /// A finished task.
    Record { record: String },
    /// A name, encoded for the process string.
    Encode { text: String },
    /// The decoded form of such a name.
    Decode { name: String },
}

/// A process string and its main object, both of whose names are optional.
#[derive(Debug, Deserialize)]
struct Asked {
    process: String,
    #[serde(default)]
    bucket: String,
    #[serde(default)]
    object: String,
}

impl Asked {
    fn bucket(&self) -> Option<&str> {
        Some(&*self.bucket).filter(|name| !name.is_empty())
    }

    fn object(&self) -> Option<&str> {
        Some(&*self.object).filter(|name| !name.is_empty())
    }
}

/// Answers a question. If that fails, the answer is a `Problem`.
#[must_use]
pub fn answer(question: &str) -> String {
    let answer = match read(question) {
        Ok(question) => answer_to(question),
        Err(error) => problem(error),
    };
    answer.to_string()
}

/// Everything is parsed through a [`Value`]: with one way to read each type, the code is half as
/// large.
fn read<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    serde_json::from_str::<Value>(text).and_then(serde_json::from_value)
}

fn answer_to(question: Question) -> Value {
    match question {
        Question::Table => form::table(),
        Question::Check(asked) => verdict::check(&asked),
        Question::Read { process } => form::read(&process),
        Question::Write { operations } => json!({"Process": form::write(&operations)}),
        Question::Send(asked) => verdict::send(&asked),
        Question::Film { asked, sources } => film::film(&asked, &sources),
        Question::Probe { report } => description::probe(&report),
        Question::Record { record } => record::show(&record),
        Question::Encode { text } => json!({"Name": name::encode(&text)}),
        Question::Decode { name } => match name::decode(name.trim()) {
            Ok(name) => json!({"Text": name.text}),
            Err(error) => problem(error),
        },
    }
}

fn problem(error: impl std::fmt::Display) -> Value {
    json!({"Problem": error.to_string()})
}

#[cfg(test)]
mod tests;
