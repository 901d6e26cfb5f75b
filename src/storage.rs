//! Object storage: the only module that uses the S3 SDK.
//!
//! Every operation is counted by the store's [`Meter`], and every failure is a [`StoreError`] that
//! names the operation, the object and the request id.

pub mod assembly;
mod body;
mod chores;
pub mod client;
mod copy;
mod error;
pub mod fetch;
pub mod fill;
pub mod growing;
mod head;
mod listing;
mod meter;
mod multipart;
mod parts;
pub mod upload;

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use crate::answer::partition;
use crate::object::{ETag, ObjectUri};
pub use body::RangeBody;
use chores::Chores;
pub use error::{Operation, Problem, StoreError};
pub use head::ObjectHead;
pub use listing::Listed;
pub use meter::Meter;
pub use multipart::{FileSlice, MultipartUpload, Part};

/// Largest object that [`ObjectStore::get_small`] reads.
pub const SMALL_LIMIT: u64 = 4 * 1024 * 1024;

/// How often a write is tried that conflicts with another write of the same object.
const CONFLICT_TRIES: u32 = 3;
const CONFLICT_PAUSE: Duration = Duration::from_millis(100);

/// A handle to object storage; cheap to clone.
#[derive(Clone, Debug)]
pub struct ObjectStore {
    client: Client,
    meter: Arc<Meter>,
    chores: Chores,
}

/// Properties that are written together with an object's bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Media type.
    pub content_type: String,
    /// User metadata: names without `x-amz-meta-`, values in printable ASCII.
    pub metadata: BTreeMap<String, String>,
}

/// The condition for a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// No condition.
    None,
    /// The object does not exist yet.
    IfAbsent,
    /// The object still has this tag.
    IfMatch(ETag),
}

type PutResult = Result<PutObjectOutput, SdkError<PutObjectError, HttpResponse>>;

impl ObjectStore {
    /// Wraps a client, with a new meter.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, meter: Arc::default(), chores: Chores::default() }
    }

    /// The same store for one task, counted by `meter`.
    #[must_use]
    pub fn metered(&self, meter: Arc<Meter>) -> Self {
        Self { client: self.client.clone(), meter, chores: Chores::default() }
    }

    fn failed<E>(
        &self,
        error: &SdkError<E, HttpResponse>,
        operation: Operation,
        uri: &ObjectUri,
    ) -> StoreError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        SdkError<E, HttpResponse>: RequestId,
    {
        self.failed_on(error, operation, uri, false)
    }

    fn failed_on<E>(
        &self,
        error: &SdkError<E, HttpResponse>,
        operation: Operation,
        uri: &ObjectUri,
        names_version: bool,
    ) -> StoreError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        SdkError<E, HttpResponse>: RequestId,
    {
        let region = self.client.config().region().map(AsRef::as_ref);
        let action = operation.action(names_version);
        StoreError::from_sdk(error, operation, uri, action, partition(region))
    }

    /// The meter of this handle.
    #[must_use]
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Starts reading a range of the object whose `head` is given.
    ///
    /// # Errors
    /// [`Problem::Changed`] if the object has changed since then; see [`Problem`].
    pub async fn read_range(
        &self,
        uri: &ObjectUri,
        head: &ObjectHead,
        range: Range<u64>,
    ) -> Result<RangeBody, StoreError> {
        self.meter.get();
        let request = self.client.get_object().bucket(&uri.bucket).key(&uri.key);
        let output = request
            .set_version_id(head.version.clone())
            .if_match(head.etag.quoted())
            .range(format!("bytes={}-{}", range.start, range.end - 1))
            .send()
            .await
            .map_err(|error| {
                self.failed_on(&error, Operation::GetObject, uri, head.version.is_some())
            })?;
        check_range(&output, head, &range)
            .map_err(|problem| StoreError::new(problem, Operation::GetObject, uri))?;
        Ok(RangeBody { stream: output.body, meter: Arc::clone(&self.meter), uri: uri.clone() })
    }

    /// Reads a whole object of at most [`SMALL_LIMIT`] bytes; `None` if it does not exist.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn get_small(&self, uri: &ObjectUri) -> Result<Option<(Bytes, ETag)>, StoreError> {
        self.get_up_to(uri, SMALL_LIMIT).await
    }

    /// The same for an object of at most `limit` bytes.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn get_up_to(
        &self,
        uri: &ObjectUri,
        limit: u64,
    ) -> Result<Option<(Bytes, ETag)>, StoreError> {
        self.meter.get();
        let request = self.client.get_object().bucket(&uri.bucket).key(&uri.key);
        let output = match request.send().await {
            Ok(output) => output,
            Err(error) => {
                let error = self.failed(&error, Operation::GetObject, uri);
                return match error.problem() {
                    Problem::NoSuchKey => Ok(None),
                    _ => Err(error),
                };
            }
        };
        let etag = head::tag(output.e_tag(), Operation::GetObject, uri)?;
        let mut body =
            RangeBody { stream: output.body, meter: Arc::clone(&self.meter), uri: uri.clone() };
        Ok(Some((body.collect(limit).await?, etag)))
    }

    /// Waits until abandoned uploads have been aborted.
    pub async fn finish(&self) {
        self.chores.finish().await;
    }

    /// Writes a whole object from memory. With a `precondition`, no other writer may write the same
    /// bytes: if an answer is lost, the bytes show whose write it was.
    ///
    /// # Errors
    /// [`Problem::Precondition`] if `precondition` does not hold; see [`Problem`].
    pub async fn put_small(
        &self,
        uri: &ObjectUri,
        bytes: impl Into<Bytes>,
        description: &Description,
        precondition: Precondition,
    ) -> Result<ETag, StoreError> {
        let bytes = bytes.into();
        let mut tries = 1;
        loop {
            let put = self.try_put_small(uri, bytes.clone(), description, &precondition).await;
            let Err(error) = put else { return put };
            match error.problem() {
                Problem::Conflict if tries < CONFLICT_TRIES => {
                    tries += 1;
                    tokio::time::sleep(CONFLICT_PAUSE).await;
                }
                Problem::Precondition => return self.find_own(uri, &bytes).await?.ok_or(error),
                _ => return Err(error),
            }
        }
    }

    async fn try_put_small(
        &self,
        uri: &ObjectUri,
        bytes: Bytes,
        description: &Description,
        precondition: &Precondition,
    ) -> Result<ETag, StoreError> {
        let length = bytes.len() as u64;
        let request = conditional(self.put(uri, description, bytes.into()), precondition);
        self.count_put(Box::pin(request.send()), uri, length).await
    }

    /// Checks whether the object that made a write fail is that write itself, whose answer was
    /// lost.
    async fn find_own(&self, uri: &ObjectUri, bytes: &Bytes) -> Result<Option<ETag>, StoreError> {
        let stored = self.get_small(uri).await?;
        Ok(stored.and_then(|(stored, etag)| (stored == bytes).then_some(etag)))
    }

    /// Writes a whole object from a file, in one request.
    ///
    /// # Errors
    /// [`Problem::Precondition`] if `precondition` does not hold, possibly because the same request
    /// has already stored the object and its answer was lost; see [`Problem`].
    pub async fn put_file(
        &self,
        uri: &ObjectUri,
        slice: &FileSlice<'_>,
        description: &Description,
        precondition: &Precondition,
    ) -> Result<ETag, StoreError> {
        let body = slice.body(Operation::PutObject, uri).await?;
        let request = self.put(uri, description, body).content_length(slice.content_length());
        let request = conditional(request, precondition);
        let sent = request.customize().config_override(client::bulk(&self.client)).send();
        self.count_put(Box::pin(sent), uri, slice.length).await
    }

    fn put(
        &self,
        uri: &ObjectUri,
        description: &Description,
        body: ByteStream,
    ) -> PutObjectFluentBuilder {
        self.client
            .put_object()
            .bucket(&uri.bucket)
            .key(&uri.key)
            .content_type(&description.content_type)
            .set_metadata(Some(description.metadata.clone().into_iter().collect()))
            .body(body)
    }

    /// Boxed, since `sent` is large and would make every caller's future large.
    async fn count_put(
        &self,
        sent: Pin<Box<impl Future<Output = PutResult>>>,
        uri: &ObjectUri,
        length: u64,
    ) -> Result<ETag, StoreError> {
        self.meter.put();
        let output = sent.await.map_err(|error| self.failed(&error, Operation::PutObject, uri))?;
        self.meter.stored(length);
        head::tag(output.e_tag(), Operation::PutObject, uri)
    }

    /// Removes an object; succeeds if it does not exist.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn delete(&self, uri: &ObjectUri) -> Result<(), StoreError> {
        let request = self.client.delete_object().bucket(&uri.bucket).key(&uri.key);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => match self.failed(&error, Operation::DeleteObject, uri) {
                // AWS never returns this error, but some compatible stores do.
                error if *error.problem() == Problem::NoSuchKey => Ok(()),
                error => Err(error),
            },
        }
    }
}

fn conditional(
    request: PutObjectFluentBuilder,
    precondition: &Precondition,
) -> PutObjectFluentBuilder {
    match precondition {
        Precondition::None => request,
        Precondition::IfAbsent => request.if_none_match("*"),
        Precondition::IfMatch(etag) => request.if_match(etag.quoted()),
    }
}

/// Some stores ignore `If-Match` and `Range` on reads, and bytes of two objects must never be
/// mixed: so the answer is checked, too.
fn check_range(
    output: &GetObjectOutput,
    head: &ObjectHead,
    range: &Range<u64>,
) -> Result<(), Problem> {
    if output.e_tag().is_some_and(|tag| ETag::new(tag) != head.etag) {
        return Err(Problem::Changed);
    }
    let expected = format!("bytes {}-{}/{}", range.start, range.end - 1, head.size);
    let whole = *range == (0..head.size);
    match output.content_range() {
        Some(given) if given == expected => Ok(()),
        None if whole => Ok(()),
        given => {
            let given = given.unwrap_or("the whole object");
            Err(Problem::Unexpected(format!("asked for `{expected}`, it sent `{given}`")))
        }
    }
}
