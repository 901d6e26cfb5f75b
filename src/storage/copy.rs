//! Copies inside of storage.

use aws_sdk_s3::types::MetadataDirective;
use percent_encoding::utf8_percent_encode;

use super::client::bulk;
use super::error::Operation;
use super::head::tag;
use super::multipart::NOT_IN_NAMES;
use super::{Description, ObjectStore, Precondition, StoreError};
use crate::object::{ETag, ObjectUri};

impl ObjectStore {
    /// Copies a whole object of up to 5 GiB, with a new description.
    ///
    /// # Errors
    /// [`Problem::Precondition`](super::Problem::Precondition) if the source has changed, or
    /// `precondition` does not hold; see [`Problem`](super::Problem).
    pub async fn copy(
        &self,
        (source, etag, size): (&ObjectUri, &ETag, u64),
        uri: &ObjectUri,
        description: &Description,
        precondition: &Precondition,
    ) -> Result<ETag, StoreError> {
        const OPERATION: Operation = Operation::CopyObject;
        self.meter.put();
        let key = utf8_percent_encode(&source.key, NOT_IN_NAMES);
        let request = self.client.copy_object();
        let request = match precondition {
            Precondition::None => request,
            Precondition::IfAbsent => request.if_none_match("*"),
            Precondition::IfMatch(etag) => request.if_match(etag.quoted()),
        };
        let output = request
            .bucket(&uri.bucket)
            .key(&uri.key)
            .copy_source(format!("{}/{key}", source.bucket))
            .copy_source_if_match(etag.quoted())
            .metadata_directive(MetadataDirective::Replace)
            .content_type(&description.content_type)
            .set_metadata(Some(description.metadata.clone().into_iter().collect()))
            .customize()
            .config_override(bulk(&self.client))
            .send()
            .await
            .map_err(|error| self.failed(&error, OPERATION, uri))?;
        self.meter.stored(size);
        let copied = output.copy_object_result.and_then(|copied| copied.e_tag);
        tag(copied.as_deref(), OPERATION, uri)
    }
}
