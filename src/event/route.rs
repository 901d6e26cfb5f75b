//! What an HTTP request asks for. Whether it may is decided elsewhere.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{Door, EventError, HttpRequest, ProcessSource, Submission, direct};
use crate::task::TaskId;

/// The one parameter: the name of the query's and of the body's.
const PROCESS: &str = "x-oss-async-process";

/// What an HTTP request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// A task to be done.
    Submit(Submission),
    /// The record of a task.
    Task(TaskId),
}

impl HttpRequest {
    /// Finds out what is asked for. A path that holds only a key means one in
    /// `default_bucket`.
    ///
    /// # Errors
    /// Where nothing is asked for that could be done.
    pub fn route(&self, default_bucket: Option<&str>) -> Result<Route, EventError> {
        let path = self.path.strip_prefix('/').unwrap_or(&self.path);
        match (self.method.as_str(), path.strip_prefix("tasks/")) {
            ("GET", Some(id)) => Ok(Route::Task(decoded(id)?.parse()?)),
            ("POST", _) if path.is_empty() => Ok(Route::Submit(self.direct()?)),
            ("POST", _) => Ok(Route::Submit(self.process(path, default_bucket)?)),
            _ => Err(EventError::NoSuchRoute {
                method: self.method.clone(),
                path: self.path.clone(),
            }),
        }
    }

    fn direct(&self) -> Result<Submission, EventError> {
        let event = serde_json::from_slice(&self.body).map_err(|error| EventError::BadJson {
            what: "request's body",
            said: error.to_string(),
        })?;
        direct::decode(&event, Door::Http)
    }

    fn process(&self, path: &str, default_bucket: Option<&str>) -> Result<Submission, EventError> {
        if self.query(PROCESS).is_none() {
            return Err(EventError::NoProcessQuery);
        }
        let (bucket, object) = bucket_and_key(path, default_bucket)?;
        Ok(Submission {
            bucket,
            object,
            version: None,
            etag: None,
            process: ProcessSource::Given(self.process_body()?),
            user_data: None,
            door: Door::Http,
        })
    }

    /// The body looks like a form and is none: nothing in it is encoded.
    fn process_body(&self) -> Result<String, EventError> {
        std::str::from_utf8(&self.body)
            .ok()
            .and_then(|body| body.split_once('='))
            .filter(|(name, process)| *name == PROCESS && !process.is_empty())
            .map(|(_, process)| process.to_owned())
            .ok_or(EventError::NoProcessBody)
    }
}

/// Splits `bucket/key`. A first part that can't be a bucket belongs to the key:
/// SDKs that are told to use a custom domain send `/dir/key` or `/dir%2Fkey`.
fn bucket_and_key(path: &str, default: Option<&str>) -> Result<(String, String), EventError> {
    match (path.split_once('/'), default) {
        (Some((bucket, key)), _) if can_be_bucket(bucket) && !key.is_empty() => {
            Ok((bucket.to_owned(), decoded(key)?))
        }
        (_, Some(bucket)) => Ok((bucket.to_owned(), decoded(path)?)),
        (_, None) => Err(EventError::NoBucket(format!("/{path}"))),
    }
}

fn can_be_bucket(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    (3..=63).contains(&name.len()) && name.chars().all(allowed)
}

/// Percent-decodes; `+` stays, since this is no form.
pub(super) fn decoded(text: &str) -> Result<String, EventError> {
    percent_decode_str(text)
        .decode_utf8()
        .map(Cow::into_owned)
        .map_err(|_| EventError::BadEncoding(text.to_owned()))
}
