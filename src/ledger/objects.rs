//! The storage operations that the ledger needs, as a trait, so that its rules can also be tested
//! with a model of storage.

use std::fmt::Debug;

use bytes::Bytes;

use crate::object::{Bucket, ETag, Key, ObjectUri, UploadName};
use crate::storage::{
    Description, Listed, ObjectHead, ObjectStore, Precondition, Problem, StoreError,
};

/// Storage, as far as the ledger needs it.
pub trait Objects: Clone + Debug + Send + Sync {
    /// Reads a small object; `None` if there is none.
    fn get(
        &self,
        uri: &ObjectUri,
    ) -> impl Future<Output = Result<Option<(Bytes, ETag)>, StoreError>> + Send;

    /// Writes a small object.
    fn put(
        &self,
        uri: &ObjectUri,
        bytes: Vec<u8>,
        description: &Description,
        precondition: Precondition,
    ) -> impl Future<Output = Result<ETag, StoreError>> + Send;

    /// Reads an object's head.
    fn head(&self, uri: &ObjectUri) -> impl Future<Output = Result<ObjectHead, StoreError>> + Send;

    /// The objects whose keys start with `prefix`.
    fn list(
        &self,
        bucket: &Bucket,
        prefix: &str,
    ) -> impl Future<Output = Result<Vec<Listed>, StoreError>> + Send;

    /// Removes objects.
    fn delete(
        &self,
        bucket: &Bucket,
        keys: &[Key],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Aborts an upload; succeeds if it is no longer open.
    fn abort(&self, name: &UploadName) -> impl Future<Output = Result<(), StoreError>> + Send;
}

impl Objects for ObjectStore {
    async fn get(&self, uri: &ObjectUri) -> Result<Option<(Bytes, ETag)>, StoreError> {
        self.get_small(uri).await
    }

    async fn put(
        &self,
        uri: &ObjectUri,
        bytes: Vec<u8>,
        description: &Description,
        precondition: Precondition,
    ) -> Result<ETag, StoreError> {
        self.put_small(uri, bytes, description, precondition).await
    }

    async fn head(&self, uri: &ObjectUri) -> Result<ObjectHead, StoreError> {
        ObjectStore::head(self, uri, None).await
    }

    async fn list(&self, bucket: &Bucket, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        ObjectStore::list(self, bucket, prefix).await
    }

    async fn delete(&self, bucket: &Bucket, keys: &[Key]) -> Result<(), StoreError> {
        self.delete_all(bucket, keys).await
    }

    async fn abort(&self, name: &UploadName) -> Result<(), StoreError> {
        match self.abort_multipart(name).await {
            Err(error) if *error.problem() == Problem::NoSuchUpload => Ok(()),
            answer => answer,
        }
    }
}
