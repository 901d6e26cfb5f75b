//! Determines what an HTTP request asks for. Other code decides whether the caller may do that.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{EventError, HttpRequest, ProcessSource, Submission, Trigger, direct};
use crate::object::Bucket;
use crate::task::TaskId;

/// The name of the only parameter, in the query and in the body.
const PROCESS: &str = "x-oss-async-process";

/// What an HTTP request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Run a task.
    Submit(Submission),
    /// Return the record of a task.
    Task(TaskId),
    /// Cancel a task.
    Cancel(TaskId),
    /// Return the records of all tasks, or of some.
    List(ListQuery),
}

/// Which records to list, as written in the query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// The status of the tasks.
    pub status: Option<String>,
    /// The start of the key of a source or target, or of its bucket and key.
    pub prefix: Option<String>,
    /// The end of the previous page.
    pub marker: Option<String>,
}

/// The bucket and the key that OSS clients sign; both are empty for the service itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// Bucket.
    pub bucket: String,
    /// Key, decoded.
    pub key: String,
}

impl HttpRequest {
    /// Every possible meaning of the path: a bucket and a key; a key in the bucket that the host
    /// name starts with; or a key in `default_bucket`, because clients with a custom domain leave
    /// the bucket out. Only the signature, which always covers the bucket, decides.
    #[must_use]
    pub fn resources(&self, default_bucket: Option<&str>) -> Vec<Resource> {
        let path = self.path_in_bucket();
        let text = decoded(path).ok();
        // Some gateways decode the path although they should not.
        let raw = text.as_deref() != Some(path);
        let texts = text.iter().map(String::as_str).chain(raw.then_some(path));
        let buckets = [default_bucket, self.host_bucket()];
        texts
            .flat_map(|text| {
                let (bucket, key) = text.split_once('/').unwrap_or((text, ""));
                // The bucket is empty only for the service itself, which is `/`.
                let whole = (!bucket.is_empty() || path.is_empty()).then_some((bucket, key));
                let keys = buckets.into_iter().flatten().map(move |bucket| (bucket, text));
                whole.into_iter().chain(keys)
            })
            .map(|(bucket, key)| Resource::new(bucket, key))
            .collect()
    }

    /// Whether only the body names bucket and object.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.method == "POST" && self.path_in_bucket().is_empty()
    }

    fn path_in_bucket(&self) -> &str {
        self.path.strip_prefix('/').unwrap_or(&self.path)
    }

    /// The first label of the host, if it can be a bucket.
    fn host_bucket(&self) -> Option<&str> {
        let (label, _) = self.host().split_once('.')?;
        let is_number = label.chars().all(|c| c.is_ascii_digit());
        Some(label).filter(|label| Bucket::new(*label).is_ok() && !is_number)
    }

    /// Determines what the request asks for. `signed` is the resource in the signature; without a
    /// signature, a path that holds only a key means a key in `default_bucket`.
    ///
    /// # Errors
    /// When there is no such route.
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

    /// The body looks like a form, but nothing in it is encoded.
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
    /// The resource `key` in `bucket`.
    pub fn new(bucket: impl Into<String>, key: impl Into<String>) -> Self {
        Self { bucket: bucket.into(), key: key.into() }
    }
}

/// Splits `bucket/key`. If the first part can't be a bucket, it belongs to the key: SDKs with a
/// custom domain send `/dir/key` or `/dir%2Fkey`.
fn bucket_and_key(path: &str, default: Option<&str>) -> Result<Resource, EventError> {
    match (path.split_once('/'), default) {
        (Some((bucket, key)), _) if Bucket::new(bucket).is_ok() && !key.is_empty() => {
            Ok(Resource::new(bucket, decoded(key)?))
        }
        (_, Some(bucket)) => Ok(Resource::new(bucket, decoded(path)?)),
        (_, None) => Err(EventError::NoBucket(format!("/{path}"))),
    }
}

/// Percent-decodes; `+` stays, since this is not a form.
pub(super) fn decoded(text: &str) -> Result<String, EventError> {
    percent_decode_str(text)
        .decode_utf8()
        .map(Cow::into_owned)
        .map_err(|_| EventError::BadEncoding(text.to_owned()))
}
