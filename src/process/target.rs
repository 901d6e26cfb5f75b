//! Whether the result can be stored where the request wants it.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use thiserror::Error;

use crate::object::has_parent_segment;

use super::name::{NameError, check_bucket, check_key};
use super::request::Request;
use super::template::{CivilTime, RenderError, Variables};

/// Why nothing can be stored there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TargetError {
    /// The target is also a source.
    #[error("the target `{bucket}/{key}` is also a source")]
    IsSource {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
    /// The target is where task records are kept.
    #[error("the target key `{key}` starts with `{prefix}`, as only task records may there")]
    IsRecord {
        /// The key.
        key: String,
        /// What the keys of task records start with.
        prefix: String,
    },
    /// No bucket can be called so.
    #[error("invalid target bucket: {0}")]
    Bucket(NameError),
    /// No object can be called so.
    #[error("invalid target key: {0}")]
    Key(NameError),
}

impl TargetError {
    /// The parameter of `sys/saveas` that is to blame.
    #[must_use]
    pub const fn argument_name(&self) -> &'static str {
        match self {
            Self::IsSource { .. } | Self::IsRecord { .. } | Self::Key(_) => "o",
            Self::Bucket(_) => "b",
        }
    }
}

/// Checks a target whose variables are all filled in.
///
/// # Errors
///
/// Where it is a source, or bucket or key cannot be called so.
pub fn check_target(request: &Request, bucket: &str, key: &str) -> Result<(), TargetError> {
    if bucket != request.bucket {
        check_bucket(bucket).map_err(TargetError::Bucket)?;
    }
    check_key(key).map_err(TargetError::Key)?;
    if has_parent_segment(key) {
        return Err(TargetError::Key(NameError::ParentSegment));
    }
    let is_source = bucket == request.bucket && request.clips.iter().any(|clip| clip.key == key);
    if is_source {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        return Err(TargetError::IsSource { bucket, key });
    }
    Ok(())
}

impl Request {
    /// The values of the variables that are known before the media are: of a task that was created
    /// then, whose main object was last modified then.
    #[must_use]
    pub fn variables(&self, created: Timestamp, modified: Timestamp) -> Variables {
        Variables {
            bucket: self.bucket.clone(),
            key: self.clips[self.main].key.clone(),
            autoext: self.auto_extension().to_owned(),
            resolution: None,
            index: None,
            streamindex: 0,
            created: civil(created),
            modified: civil(modified),
        }
    }

    /// The bucket that the result goes to.
    ///
    /// # Errors
    ///
    /// As [`Template::render`].
    pub fn target_bucket(&self, variables: &Variables) -> Result<String, RenderError> {
        match &self.target.bucket {
            Some(template) => template.render(variables),
            None => Ok(self.bucket.clone()),
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

/// Checks as much of a target as is known.
pub(super) fn check_known(
    request: &Request,
    bucket: Option<&str>,
    key: Option<&str>,
) -> Result<(), TargetError> {
    match (bucket, key) {
        (Some(bucket), Some(key)) => check_target(request, bucket, key),
        (Some(bucket), None) if bucket != request.bucket => {
            check_bucket(bucket).map_err(TargetError::Bucket)
        }
        (None, Some(key)) => check_key(key).map_err(TargetError::Key),
        _ => Ok(()),
    }
}
