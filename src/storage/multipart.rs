//! Multipart uploads that never outlive their owner.
//!
//! An upload that is neither completed nor aborted stays in the bucket, invisible but billed. So an
//! open [`MultipartUpload`] aborts itself when it is dropped; [`ObjectStore::finish`] waits for
//! that.

use std::ops::Range;
use std::path::Path;

use aws_sdk_s3::primitives::{ByteStream, Length};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::client::bulk;
use super::head::tag;
use super::{Description, ObjectStore, Operation, Precondition, Problem, StoreError};
use crate::clamped::clamped;
use crate::object::{ETag, ObjectUri, UploadName};

/// Read buffer of a streamed body. With the SDK's 4 KiB, every 4 KiB would cost a switch between
/// threads.
const READ_BUFFER: usize = 64 * 1024;

/// Characters of a key that need no escaping in a header.
pub(super) const NOT_IN_NAMES: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A run of bytes of a local file.
#[derive(Clone, Copy, Debug)]
pub struct FileSlice<'a> {
    /// The file.
    pub path: &'a Path,
    /// Offset of the run.
    pub offset: u64,
    /// Length of the run.
    pub length: u64,
}

impl FileSlice<'_> {
    pub(super) async fn body(
        &self,
        operation: Operation,
        uri: &ObjectUri,
    ) -> Result<ByteStream, StoreError> {
        ByteStream::read_from()
            .path(self.path)
            .buffer_size(READ_BUFFER)
            .offset(self.offset)
            .length(Length::Exact(self.length))
            .build()
            .await
            .map_err(|error| StoreError::new(Problem::File(error.to_string()), operation, uri))
    }

    pub(super) fn content_length(&self) -> i64 {
        clamped::<i64>(self.length)
    }
}

/// A part that has been uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its number, from 1.
    pub number: u32,
    /// The part's own tag.
    pub etag: ETag,
}

/// An open multipart upload.
#[derive(Debug)]
pub struct MultipartUpload {
    store: ObjectStore,
    name: UploadName,
    open: bool,
}

impl ObjectStore {
    /// Opens a multipart upload.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn create_multipart(
        &self,
        uri: &ObjectUri,
        description: &Description,
    ) -> Result<MultipartUpload, StoreError> {
        let (store, target, meta) = (self.clone(), uri.clone(), description.clone());
        // A caller that is dropped half-way would never learn the id of the upload that it has to
        // abort.
        let created = self.chores.run(create(store, target, meta)).await;
        created.ok_or_else(|| ending(Operation::CreateMultipartUpload, uri))?
    }

    /// Aborts an upload by its name, even if another process has opened it.
    ///
    /// # Errors
    /// [`Problem::NoSuchUpload`] if it has already ended; see [`Problem`].
    pub async fn abort_multipart(&self, name: &UploadName) -> Result<(), StoreError> {
        self.meter.put();
        let request = self.client.abort_multipart_upload();
        let aborted =
            request.bucket(&name.uri.bucket).key(&name.uri.key).upload_id(&name.id).send().await;
        aborted
            .map(drop)
            .map_err(|error| self.failed(&error, Operation::AbortMultipartUpload, &name.uri))
    }
}

async fn create(
    store: ObjectStore,
    uri: ObjectUri,
    description: Description,
) -> Result<MultipartUpload, StoreError> {
    const OPERATION: Operation = Operation::CreateMultipartUpload;
    store.meter.put();
    let request = store.client.create_multipart_upload();
    let output = request
        .bucket(&uri.bucket)
        .key(&uri.key)
        .content_type(description.content_type)
        .set_metadata(Some(description.metadata.into_iter().collect()))
        .send()
        .await
        .map_err(|error| store.failed(&error, OPERATION, &uri))?;
    let Some(id) = output.upload_id else {
        let problem = Problem::Unexpected("it named no upload id".to_owned());
        return Err(StoreError::new(problem, OPERATION, &uri));
    };
    Ok(MultipartUpload { store, name: UploadName { uri, id }, open: true })
}

impl MultipartUpload {
    /// The storage that has it.
    pub(super) const fn store(&self) -> &ObjectStore {
        &self.store
    }

    /// Its name, with which another process can abort it if this one dies.
    #[must_use]
    pub fn name(&self) -> &UploadName {
        &self.name
    }

    /// Uploads one part.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn put_part(&self, number: u32, slice: FileSlice<'_>) -> Result<Part, StoreError> {
        let body = slice.body(Operation::UploadPart, &self.name.uri).await?;
        self.store.meter.put();
        let request = self.store.client.upload_part();
        let output = request
            .bucket(&self.name.uri.bucket)
            .key(&self.name.uri.key)
            .upload_id(&self.name.id)
            .part_number(part_number(number))
            .content_length(slice.content_length())
            .body(body)
            .customize()
            .config_override(bulk(&self.store.client))
            .send()
            .await
            .map_err(|error| self.store.failed(&error, Operation::UploadPart, &self.name.uri))?;
        self.store.meter.stored(slice.length);
        let etag = tag(output.e_tag(), Operation::UploadPart, &self.name.uri)?;
        Ok(Part { number, etag })
    }

    /// Makes one part by copying a range of another object, which must have this tag.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn copy_part(
        &self,
        number: u32,
        (source, etag): (&ObjectUri, &ETag),
        bytes: Range<u64>,
    ) -> Result<Part, StoreError> {
        const OPERATION: Operation = Operation::UploadPartCopy;
        self.store.meter.put();
        let key = utf8_percent_encode(&source.key, NOT_IN_NAMES);
        let request = self.store.client.upload_part_copy();
        let output = request
            .bucket(&self.name.uri.bucket)
            .key(&self.name.uri.key)
            .upload_id(&self.name.id)
            .part_number(part_number(number))
            .copy_source(format!("{}/{key}", source.bucket))
            .copy_source_if_match(etag.quoted())
            .copy_source_range(format!("bytes={}-{}", bytes.start, bytes.end.saturating_sub(1)))
            .customize()
            .config_override(bulk(&self.store.client))
            .send()
            .await
            .map_err(|error| self.store.failed(&error, OPERATION, &self.name.uri))?;
        self.store.meter.stored(bytes.end - bytes.start);
        let copied = output.copy_part_result.and_then(|copied| copied.e_tag);
        Ok(Part { number, etag: tag(copied.as_deref(), OPERATION, &self.name.uri)? })
    }

    /// Combines the parts to one object, in order of their numbers.
    ///
    /// # Errors
    /// See [`Problem`]; the upload is still open, unless an answer was lost.
    pub async fn complete(
        &mut self,
        parts: &[Part],
        precondition: &Precondition,
    ) -> Result<ETag, StoreError> {
        let etag = self.send_complete(parts, precondition).await?;
        self.open = false;
        Ok(etag)
    }

    async fn send_complete(
        &self,
        parts: &[Part],
        precondition: &Precondition,
    ) -> Result<ETag, StoreError> {
        self.store.meter.put();
        let parts = parts.iter().map(completed_part).collect();
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = self.store.client.complete_multipart_upload();
        let request = match precondition {
            Precondition::None => request,
            Precondition::IfAbsent => request.if_none_match("*"),
            Precondition::IfMatch(etag) => request.if_match(etag.quoted()),
        };
        let output = request
            .bucket(&self.name.uri.bucket)
            .key(&self.name.uri.key)
            .upload_id(&self.name.id)
            .multipart_upload(parts)
            .customize()
            .config_override(bulk(&self.store.client))
            .send()
            .await
            .map_err(|error| {
                self.store.failed(&error, Operation::CompleteMultipartUpload, &self.name.uri)
            })?;
        tag(output.e_tag(), Operation::CompleteMultipartUpload, &self.name.uri)
    }

    /// Aborts the upload and removes its parts.
    ///
    /// # Errors
    /// [`Problem::NoSuchUpload`] if it has been completed; see [`Problem`].
    pub async fn abort(mut self) -> Result<(), StoreError> {
        self.open = false;
        let (store, name) = (self.store.clone(), self.name.clone());
        let aborted = self.store.chores.run(async move { store.abort_multipart(&name).await });
        aborted.await.ok_or_else(|| ending(Operation::AbortMultipartUpload, &self.name.uri))?
    }
}

impl Drop for MultipartUpload {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let (store, name) = (self.store.clone(), self.name.clone());
        self.store.chores.begin(async move {
            if let Err(error) = store.abort_multipart(&name).await {
                tracing::warn!(%error, "an abandoned upload was not aborted");
            }
        });
    }
}

fn ending(operation: Operation, uri: &ObjectUri) -> StoreError {
    let problem = Problem::Unexpected("the process is about to end".to_owned());
    StoreError::new(problem, operation, uri)
}

fn completed_part(part: &Part) -> CompletedPart {
    CompletedPart::builder().part_number(part_number(part.number)).e_tag(part.etag.quoted()).build()
}

fn part_number(number: u32) -> i32 {
    clamped::<i32>(number)
}
