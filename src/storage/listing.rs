//! Lists and removes many objects at once.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures::{StreamExt, stream};
use jiff::Timestamp;

use super::head::timestamp;
use super::{ObjectStore, Operation, Problem, StoreError};
use crate::object::{Bucket, ETag, Key, ObjectUri};

/// Storage's limit for one request.
const MOST_AT_ONCE: usize = 1000;
/// Parallel requests.
const PARALLEL: usize = 8;

/// An object in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: Key,
    /// Its entity tag.
    pub etag: ETag,
    /// Its length in bytes.
    pub size: u64,
    /// Time of its last modification.
    pub changed: Timestamp,
}

impl ObjectStore {
    /// The objects in a bucket whose keys start with `prefix`, by key.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn list(&self, bucket: &Bucket, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        let request = self.client.list_objects_v2().bucket(bucket).prefix(prefix);
        let mut pages = request.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            self.meter.get();
            let page = page.map_err(|error| {
                self.failed(&error, Operation::ListObjects, &named(bucket, prefix))
            })?;
            found.extend(page.contents.into_iter().flatten().filter_map(listed));
        }
        Ok(found)
    }

    /// Removes objects of one bucket, many per request. Objects that do not exist count as removed.
    ///
    /// # Errors
    /// See [`Problem`]. As many objects as possible are removed nevertheless.
    pub async fn delete_all(&self, bucket: &Bucket, keys: &[Key]) -> Result<(), StoreError> {
        let groups: Vec<Vec<Key>> = keys.chunks(MOST_AT_ONCE).map(<[_]>::to_vec).collect();
        let results: Vec<_> = stream::iter(groups)
            .map(|keys| async move { self.delete_group(bucket, &keys).await })
            .buffer_unordered(PARALLEL)
            .collect()
            .await;
        results.into_iter().collect()
    }

    async fn delete_group(&self, bucket: &Bucket, keys: &[Key]) -> Result<(), StoreError> {
        if let [key] = keys {
            return self.delete(&ObjectUri::new(bucket.clone(), key.clone())).await;
        }
        let left = match self.delete_at_once(bucket, keys).await {
            Ok(left) if left.is_empty() => return Ok(()),
            Ok(left) => left,
            Err(error) if error.is_transient() => return Err(error),
            // Some compatible stores, and some policies, do not allow removing several objects at
            // once.
            Err(_) => keys.to_vec(),
        };
        let results: Vec<_> = stream::iter(left)
            .map(|key| async move { self.delete(&ObjectUri::new(bucket.clone(), key)).await })
            .buffer_unordered(PARALLEL)
            .collect()
            .await;
        results.into_iter().collect()
    }

    /// The keys that storage did not remove.
    async fn delete_at_once(&self, bucket: &Bucket, keys: &[Key]) -> Result<Vec<Key>, StoreError> {
        const OPERATION: Operation = Operation::DeleteObjects;
        let Some(first) = keys.first() else { return Ok(Vec::new()) };
        let uri = ObjectUri::new(bucket.clone(), first.clone());
        let failed = |error: &dyn std::error::Error| {
            StoreError::new(Problem::Unexpected(error.to_string()), OPERATION, &uri)
        };
        let named = keys.iter().map(|key| ObjectIdentifier::builder().key(key).build());
        let named: Result<Vec<_>, _> = named.collect();
        let named = named.map_err(|error| failed(&error))?;
        let delete = Delete::builder().set_objects(Some(named)).quiet(true).build();
        let delete = delete.map_err(|error| failed(&error))?;
        self.meter.put();
        let request = self.client.delete_objects().bucket(bucket).delete(delete);
        let answer = request.send().await;
        let answer = answer.map_err(|error| self.failed(&error, OPERATION, &uri))?;
        let refused = answer.errors.into_iter().flatten();
        Ok(refused.filter_map(|error| Key::new(error.key?).ok()).collect())
    }
}

/// A prefix as the key of an object, for messages.
fn named(bucket: &Bucket, prefix: &str) -> ObjectUri {
    let key = Key::new(prefix).or_else(|_| Key::new("*"));
    ObjectUri::new(bucket.clone(), key.expect("a key of one byte is valid"))
}

fn listed(object: aws_sdk_s3::types::Object) -> Option<Listed> {
    let changed = object.last_modified.as_ref().and_then(timestamp)?;
    Some(Listed {
        etag: ETag::new(object.e_tag.as_deref().unwrap_or_default()),
        size: object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
        changed,
        key: Key::new(object.key?).ok()?,
    })
}
