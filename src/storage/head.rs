//! The properties of an object, read before its content.

use std::collections::BTreeMap;

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::DateTime;
use jiff::Timestamp;

use super::{ObjectStore, Operation, Problem, StoreError};
use crate::object::{ETag, ObjectUri};

/// The properties of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectHead {
    /// Its entity tag. Every later read names it.
    pub etag: ETag,
    /// Its length in bytes.
    pub size: u64,
    /// The version, if one was requested. The current version of a versioned bucket is left out,
    /// since reading a version by its id needs another permission.
    pub version: Option<String>,
    /// Time of its last modification.
    pub last_modified: Timestamp,
    /// Its media type.
    pub content_type: Option<String>,
    /// User metadata, names without `x-amz-meta-`.
    pub metadata: BTreeMap<String, String>,
}

impl ObjectStore {
    /// Reads the head of an object, or of one of its versions.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn head(
        &self,
        uri: &ObjectUri,
        version: Option<&str>,
    ) -> Result<ObjectHead, StoreError> {
        self.meter.head();
        let request = self.client.head_object().bucket(&uri.bucket).key(&uri.key);
        match request.set_version_id(version.map(str::to_owned)).send().await {
            Ok(output) => object_head(output, version)
                .map_err(|problem| StoreError::new(problem, Operation::HeadObject, uri)),
            Err(error) => {
                let error = self.failed_on(&error, Operation::HeadObject, uri, version.is_some());
                Err(self.tell_bucket_from_key(error).await)
            }
        }
    }

    /// A HEAD answer has no body, so a 404 doesn't say whether the bucket or the key is missing.
    async fn tell_bucket_from_key(&self, error: StoreError) -> StoreError {
        if *error.problem() != Problem::NoSuchKey {
            return error;
        }
        // For any other answer, the key's own 404 is more useful.
        match self.check_bucket(error.uri()).await {
            Err(_) => error.with_problem(Problem::NoSuchBucket),
            Ok(()) => error,
        }
    }

    /// Checks that the bucket of this object exists, as far as the role may know it (403 without
    /// `s3:ListBucket` says nothing).
    ///
    /// # Errors
    /// [`Problem::NoSuchBucket`].
    pub async fn check_bucket(&self, uri: &ObjectUri) -> Result<(), StoreError> {
        self.meter.head();
        let answer = self.client.head_bucket().bucket(&uri.bucket).send().await;
        match answer.map_err(|error| self.failed(&error, Operation::HeadBucket, uri)) {
            Err(missing) if *missing.problem() == Problem::NoSuchBucket => Err(missing),
            _ => Ok(()),
        }
    }
}

/// The entity tag of an answer; an error if it has none, since changes could not be detected.
pub(super) fn tag(
    given: Option<&str>,
    operation: Operation,
    uri: &ObjectUri,
) -> Result<ETag, StoreError> {
    let missing = || Problem::Unexpected("its answer has no ETag".to_owned());
    given.map(ETag::new).ok_or_else(|| StoreError::new(missing(), operation, uri))
}

fn object_head(output: HeadObjectOutput, version: Option<&str>) -> Result<ObjectHead, Problem> {
    let missing = |name: &str| Problem::Unexpected(format!("its answer has no {name}"));
    let size = output.content_length.and_then(|length| u64::try_from(length).ok());
    Ok(ObjectHead {
        etag: output.e_tag().map(ETag::new).ok_or_else(|| missing("ETag"))?,
        size: size.ok_or_else(|| missing("Content-Length"))?,
        version: version.map(str::to_owned),
        last_modified: output
            .last_modified()
            .and_then(timestamp)
            .ok_or_else(|| missing("Last-Modified"))?,
        content_type: output.content_type,
        metadata: output.metadata.into_iter().flatten().collect(),
    })
}

pub(super) fn timestamp(time: &DateTime) -> Option<Timestamp> {
    let nanoseconds = i32::try_from(time.subsec_nanos()).ok()?;
    Timestamp::new(time.secs(), nanoseconds).ok()
}
