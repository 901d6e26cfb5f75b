//! What the page asks the core: a question in JSON, an answer in JSON.
//!
//! The page draws and listens, and decides nothing: verdicts, names, frames and costs all come from
//! here, so that a browser tells what the function would do.

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

/// What can be asked.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Question {
    /// The table of parameters, for the form.
    Table,
    /// Whether a process string is right, and the names in it.
    Check(Asked),
    /// A process string with its names in clear, for the form.
    Read { process: String },
    /// The process string of a form.
    Write { operations: Vec<form::Operation> },
    /// What sends a request.
    Send(Asked),
    /// Where each clip would be, by what is known of the sources.
    Film {
        asked: Asked,
        /// Descriptions by key; the main object's by an empty one where it is unknown.
        sources: BTreeMap<String, String>,
    },
    /// Descriptions of files from what ffprobe printed.
    Probe { report: String },
    /// A finished task.
    Record { record: String },
    /// A name as the process string has it.
    Encode { text: String },
    /// What such a name stands for.
    Decode { name: String },
}

/// A process string and its main object, of which nothing need be known.
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

/// Answers a question. What can't be answered has a `Problem`.
#[must_use]
pub fn answer(question: &str) -> String {
    let answer = match read(question) {
        Ok(question) => answer_to(question),
        Err(error) => problem(error),
    };
    answer.to_string()
}

/// By way of a [`Value`] everywhere: one way of reading each type makes half the code of two.
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
