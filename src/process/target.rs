//! Whether the result can be stored at the requested target.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use thiserror::Error;

use crate::object::{Bucket, Key, ObjectNameError, ObjectUri};

use super::request::Request;
use super::template::{CivilTime, RenderError, Variables};

/// The message for a key like `a/../b`.
pub(super) const PARENT_SEGMENT: &str =
    "the name has `..` between slashes, which many programs take for the parent folder";

/// Why nothing can be stored there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TargetError {
    /// The target is also a source.
    #[error("the target `{}/{}` is also a source", .0.bucket, .0.key)]
    IsSource(ObjectUri),
    /// The target is in the folder of task records.
    #[error("the target key `{key}` starts with `{prefix}`, which is reserved for task records")]
    IsRecord {
        /// The key.
        key: Key,
        /// The prefix of task records' keys.
        prefix: String,
    },
    /// Not a valid name of a bucket.
    #[error("invalid target bucket: {0}")]
    Bucket(ObjectNameError),
    /// Not a valid key of an object.
    #[error("invalid target key: {0}")]
    Key(ObjectNameError),
    /// A name that other programs resolve to another name.
    #[error("invalid target key: {PARENT_SEGMENT}")]
    ParentSegment,
}

impl TargetError {
    /// The parameter of `sys/saveas` that the error is about.
    #[must_use]
    pub const fn argument_name(&self) -> &'static str {
        match self {
            Self::IsSource(_) | Self::IsRecord { .. } | Self::Key(_) | Self::ParentSegment => "o",
            Self::Bucket(_) => "b",
        }
    }
}

/// The target with these names, in which all variables are filled in.
///
/// # Errors
///
/// When a name is not valid, and like [`check_target`].
pub fn target_of(request: &Request, bucket: String, key: String) -> Result<ObjectUri, TargetError> {
    let uri = ObjectUri::new(bucket_of(request, bucket)?, named_key(key)?);
    check_target(request, &uri).map(|()| uri)
}

/// Checks whether a result may be stored there.
///
/// # Errors
///
/// When it is a source, or when other programs resolve the key to another one.
pub fn check_target(request: &Request, uri: &ObjectUri) -> Result<(), TargetError> {
    if uri.key.has_parent_segment() {
        return Err(TargetError::ParentSegment);
    }
    let is_source =
        uri.bucket == request.bucket && request.clips.iter().any(|clip| clip.key == uri.key);
    if is_source { Err(TargetError::IsSource(uri.clone())) } else { Ok(()) }
}

/// The request's own bucket is not checked: its name may be a placeholder.
fn bucket_of(request: &Request, name: String) -> Result<Bucket, TargetError> {
    if *name == *request.bucket {
        return Ok(request.bucket.clone());
    }
    Bucket::new(name).map_err(TargetError::Bucket)
}

fn named_key(key: String) -> Result<Key, TargetError> {
    Key::new(key).map_err(TargetError::Key)
}

impl Request {
    /// The source with this key.
    #[must_use]
    pub fn uri(&self, key: &Key) -> ObjectUri {
        ObjectUri::new(self.bucket.clone(), key.clone())
    }

    /// The values of the variables that are known before the media are, for a task created at
    /// `created` whose main object was last modified at `modified`.
    #[must_use]
    pub fn variables(&self, created: Timestamp, modified: Timestamp) -> Variables {
        Variables {
            bucket: self.bucket.to_string(),
            key: self.clips[self.main].key.to_string(),
            autoext: self.auto_extension().to_owned(),
            resolution: None,
            created: civil(created),
            modified: civil(modified),
        }
    }

    /// The places in the target's key of the numbers that differ for each segment.
    ///
    /// # Errors
    ///
    /// Like [`Template::render`].
    pub fn segment_numbers(&self, variables: &Variables) -> Result<Vec<usize>, RenderError> {
        if self.segment.is_none() {
            return Ok(Vec::new());
        }
        self.target.key.numbers(variables)
    }

    /// The bucket for the result.
    ///
    /// # Errors
    ///
    /// Like [`Template::render`].
    pub fn target_bucket(&self, variables: &Variables) -> Result<String, RenderError> {
        match &self.target.bucket {
            Some(template) => template.render(variables),
            None => Ok(self.bucket.to_string()),
        }
    }
}

fn civil(time: Timestamp) -> CivilTime {
    let utc = time.to_zoned(TimeZone::UTC);
    let small = |number: i8| number.unsigned_abs();
    CivilTime {
        year: utc.year().unsigned_abs(),
        month: small(utc.month()),
        day: small(utc.day()),
        hour: small(utc.hour()),
        minute: small(utc.minute()),
        second: small(utc.second()),
    }
}

/// Checks the known part of a target.
pub(super) fn check_known(
    request: &Request,
    bucket: Option<String>,
    key: Option<String>,
) -> Result<(), TargetError> {
    match (bucket, key) {
        (Some(bucket), Some(key)) => target_of(request, bucket, key).map(drop),
        (Some(bucket), None) => bucket_of(request, bucket).map(drop),
        (None, Some(key)) => named_key(key).map(drop),
        (None, None) => Ok(()),
    }
}
