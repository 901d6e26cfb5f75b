//! What an HTTP request asks for. Whether it may is decided elsewhere.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{EventError, HttpRequest, ProcessSource, Submission, Trigger, direct};
use crate::object::Bucket;
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
    /// A task that is to be canceled.
    Cancel(TaskId),
    /// The records of all tasks, or of some.
    List(ListQuery),
}

/// Which records are listed, as it stands in the query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Their status.
    pub status: Option<String>,
    /// What the key of a source or target begins with, or its bucket and key.
    pub prefix: Option<String>,
    /// Where the page before ended.
    pub marker: Option<String>,
}

/// A bucket and a key, as OSS clients sign them; both empty for the service itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// Bucket.
    pub bucket: String,
    /// Key, decoded.
    pub key: String,
}

impl HttpRequest {
    /// All that the path may mean: a bucket and a key, a key in the bucket
    /// that the host name starts with, or a key in `default_bucket`, because
    /// clients that are told to use a custom domain leave the bucket out. Only
    /// a signature, which names the bucket in each case, tells which.
    #[must_use]
    pub fn resources(&self, default_bucket: Option<&str>) -> Vec<Resource> {
        let path = self.path_in_bucket();
        let text = decoded(path).ok();
        // Where a gateway decodes what is believed to be untouched.
        let raw = text.as_deref() != Some(path);
        let texts = text.iter().map(String::as_str).chain(raw.then_some(path));
        let buckets = [default_bucket, self.host_bucket()];
        texts
            .flat_map(|text| {
                let (bucket, key) = text.split_once('/').unwrap_or((text, ""));
                // A bucket has a name, but for the service itself, which is `/` alone.
                let whole = (!bucket.is_empty() || path.is_empty()).then_some((bucket, key));
                let keys = buckets.into_iter().flatten().map(move |bucket| (bucket, text));
                whole.into_iter().chain(keys)
            })
            .map(|(bucket, key)| Resource::new(bucket, key))
            .collect()
    }

    /// Whether bucket and object are named by the body alone.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.method == "POST" && self.path_in_bucket().is_empty()
    }

    fn path_in_bucket(&self) -> &str {
        self.path.strip_prefix('/').unwrap_or(&self.path)
    }

    /// The first label of the host, where it can be a bucket.
    fn host_bucket(&self) -> Option<&str> {
        let (label, _) = self.host().split_once('.')?;
        let is_number = label.chars().all(|c| c.is_ascii_digit());
        Some(label).filter(|label| Bucket::new(*label).is_ok() && !is_number)
    }

    /// Finds out what is asked for. `signed` is the resource that a signature
    /// tells; without one, a path that holds only a key means one in
    /// `default_bucket`.
    ///
    /// # Errors
    /// Where nothing is asked for that could be done.
    pub fn route(
        &self,
        default_bucket: Option<&str>,
        signed: Option<&Resource>,
    ) -> Result<Route, EventError> {
        let path = self.path_in_bucket();
        match (self.method.as_str(), path.strip_prefix("tasks/")) {
            ("GET", Some(id)) if !id.is_empty() => Ok(Route::Task(decoded(id)?.parse()?)),
            ("DELETE", Some(id)) => Ok(Route::Cancel(decoded(id)?.parse()?)),
            ("GET", _) if path.trim_end_matches('/') == "tasks" => {
                let value = |name| self.query(name).filter(|text| !text.is_empty());
                let value = |name| value(name).map(str::to_owned);
                let (status, prefix) = (value("status"), value("prefix"));
                Ok(Route::List(ListQuery { status, prefix, marker: value("marker") }))
            }
            _ if self.is_direct() => Ok(Route::Submit(self.direct()?)),
            ("POST", _) => {
                let unsigned = || bucket_and_key(path, default_bucket);
                let resource = signed.cloned().map_or_else(unsigned, Ok)?;
                Ok(Route::Submit(self.process(resource)?))
            }
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
        direct::decode(&event, Trigger::Http)
    }

    fn process(&self, resource: Resource) -> Result<Submission, EventError> {
        if self.query(PROCESS).is_none() {
            return Err(EventError::NoProcessQuery);
        }
        let Resource { bucket, key } = resource;
        if bucket.is_empty() || key.is_empty() {
            return Err(EventError::NoBucket(self.path.clone()));
        }
        Ok(Submission {
            bucket,
            object: key,
            version: None,
            etag: None,
            process: ProcessSource::Given(self.process_body()?),
            user_data: None,
            trigger: Trigger::Http,
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

impl Resource {
    /// Names `key` in `bucket`.
    pub fn new(bucket: impl Into<String>, key: impl Into<String>) -> Self {
        Self { bucket: bucket.into(), key: key.into() }
    }
}

/// Splits `bucket/key`. A first part that can't be a bucket belongs to the key:
/// SDKs that are told to use a custom domain send `/dir/key` or `/dir%2Fkey`.
fn bucket_and_key(path: &str, default: Option<&str>) -> Result<Resource, EventError> {
    match (path.split_once('/'), default) {
        (Some((bucket, key)), _) if Bucket::new(bucket).is_ok() && !key.is_empty() => {
            Ok(Resource::new(bucket, decoded(key)?))
        }
        (_, Some(bucket)) => Ok(Resource::new(bucket, decoded(path)?)),
        (_, None) => Err(EventError::NoBucket(format!("/{path}"))),
    }
}

/// Percent-decodes; `+` stays, since this is no form.
pub(super) fn decoded(text: &str) -> Result<String, EventError> {
    percent_decode_str(text)
        .decode_utf8()
        .map(Cow::into_owned)
        .map_err(|_| EventError::BadEncoding(text.to_owned()))
}
