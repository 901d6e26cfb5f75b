//! Stores a local file as an object, completely or not at all.
//!
//! Small files are sent in one request. Larger ones are sent in parts, several at once, each
//! streamed from the file, so that memory does not grow with the file. [`begin`] opens an upload,
//! [`PendingUpload::send`] sends the parts, and [`PendingUpload::appear`] makes the object appear:
//! so a file can be sent while it is still being checked.
//!
//! If an answer is lost, the object's metadata show whether it was stored nevertheless. So no two
//! uploads may have the same metadata.

use std::io;
use std::path::{Path, PathBuf};

use futures::{StreamExt, TryStreamExt, stream};

use crate::clamped::clamped;
use crate::object::{ETag, ObjectUri, UploadName};
use crate::storage::assembly::{MAX_PARTS, MIB, PART_SIZE, PartOf, PlannedPart};
use crate::storage::{
    Description, FileSlice, MultipartUpload, ObjectStore, Part, Precondition, Problem, StoreError,
};

/// How many parts storage copies at the same time.
const PARALLEL_COPIES: usize = 16;
pub(super) const PARALLEL_PARTS: usize = 4;
/// How often a file is sent if other writers interfere.
pub const TRIES: u32 = 3;

/// An object that has been stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its entity tag.
    pub etag: ETag,
    /// Its length in bytes.
    pub size: u64,
}

/// Why a file could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The file cannot be read.
    #[error("cannot read the output file `{path}`: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's message.
        source: io::Error,
    },
    /// Storage failed or refused.
    #[error("cannot store the output: {0}")]
    Store(#[from] StoreError),
    /// It is unknown whether storage has stored it.
    #[error("cannot store the output: {0}; it may be stored nevertheless")]
    Unclear(StoreError),
}

/// Why an object did not appear.
#[derive(Debug)]
pub enum NotStored {
    /// Another write interfered, or somebody aborted the upload. A retry may succeed.
    InTheWay(StoreError),
    /// Storage failed or refused.
    Refused(UploadError),
}

impl From<NotStored> for UploadError {
    fn from(error: NotStored) -> Self {
        match error {
            NotStored::InTheWay(error) => Self::Store(error),
            NotStored::Refused(error) => error,
        }
    }
}

impl UploadError {
    /// The outward code.
    #[must_use]
    pub const fn code(&self) -> crate::code::Code {
        match self {
            Self::File { .. } => crate::code::Code::InternalError,
            Self::Store(error) | Self::Unclear(error) => error.code(),
        }
    }
}

/// A file that is being uploaded and is not an object yet. Dropping it aborts the upload.
#[derive(Debug)]
#[must_use = "an upload that is not completed is aborted"]
pub struct PendingUpload {
    store: ObjectStore,
    uri: ObjectUri,
    path: PathBuf,
    size: u64,
    description: Description,
    assembly: Vec<PlannedPart>,
    /// The object to copy, if there is no local file.
    copied: Option<(ObjectUri, ETag)>,
    parts: Option<(MultipartUpload, Vec<Part>)>,
}

/// Stores a file.
///
/// # Errors
/// When the file can't be read or storage fails. Then nothing is left behind, and an existing
/// object with this key is unchanged.
pub async fn store_file(
    store: &ObjectStore,
    uri: &ObjectUri,
    path: &Path,
    description: &Description,
) -> Result<Stored, UploadError> {
    let mut pending = begin(store, uri, path, description).await?;
    let mut tries = 1;
    loop {
        pending.send().await?;
        match pending.appear(&Precondition::None).await {
            Ok(stored) => return Ok(stored),
            Err(NotStored::InTheWay(error)) if tries < TRIES => {
                tracing::warn!(%error, "the upload starts again");
                tries += 1;
                pending.reopen().await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Opens an upload for a file; nothing is sent yet.
///
/// # Errors
/// Like [`store_file`].
pub async fn begin(
    store: &ObjectStore,
    uri: &ObjectUri,
    path: &Path,
    description: &Description,
) -> Result<PendingUpload, UploadError> {
    begin_assembly(store, uri, path, description, Vec::new()).await
}

/// The same for a file with holes, which are filled by copying parts of stored objects.
///
/// # Errors
/// Like [`store_file`].
pub async fn begin_assembly(
    store: &ObjectStore,
    uri: &ObjectUri,
    path: &Path,
    description: &Description,
    assembly: Vec<PlannedPart>,
) -> Result<PendingUpload, UploadError> {
    let mut pending = PendingUpload {
        store: store.clone(),
        uri: uri.clone(),
        path: path.to_owned(),
        size: file_size(path).await?,
        description: description.clone(),
        assembly,
        copied: None,
        parts: None,
    };
    pending.open().await?;
    Ok(pending)
}

/// The same for a stored object, which is copied when it appears.
pub fn begin_copy(
    store: &ObjectStore,
    uri: &ObjectUri,
    (from, etag, size): (&ObjectUri, &ETag, u64),
    description: &Description,
) -> PendingUpload {
    PendingUpload {
        store: store.clone(),
        uri: uri.clone(),
        path: PathBuf::new(),
        size,
        description: description.clone(),
        assembly: Vec::new(),
        copied: Some((from.clone(), etag.clone())),
        parts: None,
    }
}

impl PendingUpload {
    /// An upload of `size` bytes whose parts have been sent. The file no longer exists, so the parts
    /// can't be sent again.
    pub(super) fn sent(
        upload: MultipartUpload,
        parts: Vec<Part>,
        size: u64,
        description: Description,
    ) -> Self {
        Self {
            store: upload.store().clone(),
            uri: upload.name().uri.clone(),
            path: PathBuf::new(),
            size,
            description,
            assembly: Vec::new(),
            copied: None,
            parts: Some((upload, parts)),
        }
    }

    /// The name of the open upload, which has to be aborted if this process dies.
    #[must_use]
    pub fn name(&self) -> Option<&UploadName> {
        self.parts.as_ref().map(|(upload, _)| upload.name())
    }

    /// Sends everything that can be sent without making an object. Small files are sent only when
    /// they appear.
    ///
    /// # Errors
    /// Like [`store_file`].
    pub async fn send(&mut self) -> Result<(), UploadError> {
        Ok(self.send_parts().await?)
    }

    /// Makes the object appear, once, if `precondition` holds. Must not be canceled: it would be
    /// unknown whether the object has appeared.
    ///
    /// # Errors
    /// See [`NotStored`].
    pub async fn appear(&mut self, precondition: &Precondition) -> Result<Stored, NotStored> {
        let size = self.size;
        let error = match self.try_to_appear(precondition).await {
            Ok(etag) => return Ok(Stored { etag, size }),
            Err(error) => error,
        };
        match self.find(&error).await {
            Ok(Some(etag)) => Ok(Stored { etag, size }),
            Ok(None) if starts_again(&error) => Err(NotStored::InTheWay(error)),
            Ok(None) => Err(NotStored::Refused(error.into())),
            Err(_) => Err(NotStored::Refused(UploadError::Unclear(error))),
        }
    }

    /// Opens an upload again after its object did not appear; its parts have to be sent again.
    ///
    /// # Errors
    /// Like [`store_file`].
    pub async fn reopen(&mut self) -> Result<(), UploadError> {
        Ok(self.open().await?)
    }

    async fn try_to_appear(&mut self, precondition: &Precondition) -> Result<ETag, StoreError> {
        if let Some((upload, parts)) = &mut self.parts {
            upload.complete(parts, precondition).await
        } else if let Some((from, etag)) = &self.copied {
            let size = self.size;
            self.store.copy((from, etag, size), &self.uri, &self.description, precondition).await
        } else {
            let slice = FileSlice { path: &self.path, offset: 0, length: self.size };
            self.store.put_file(&self.uri, &slice, &self.description, precondition).await
        }
    }

    /// The object's tag, if it has appeared although storage reported an error.
    async fn find(&mut self, error: &StoreError) -> Result<Option<ETag>, StoreError> {
        // Aborted first, so that a request that is still in progress can't make it appear later.
        let aborted = match self.parts.take() {
            Some((upload, _)) => upload.abort().await.is_ok(),
            None => false,
        };
        if aborted || !is_unclear(error) {
            return Ok(None);
        }
        match self.store.head(&self.uri, None).await {
            Ok(head) => {
                let is_own = head.size == self.size && head.metadata == self.description.metadata;
                Ok(is_own.then_some(head.etag))
            }
            Err(error) if *error.problem() == Problem::NoSuchKey => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn open(&mut self) -> Result<(), StoreError> {
        if self.size > PART_SIZE && self.copied.is_none() {
            let upload = self.store.create_multipart(&self.uri, &self.description).await?;
            self.parts = Some((upload, Vec::new()));
        }
        Ok(())
    }

    async fn send_parts(&mut self) -> Result<(), StoreError> {
        if let Some((upload, _)) = self.parts.take() {
            let parts = if self.assembly.is_empty() {
                send_parts(upload, &self.path, self.size).await?
            } else {
                assemble(upload, &self.path, &self.assembly).await?
            };
            self.parts = Some(parts);
        }
        Ok(())
    }

    /// Aborts the upload.
    ///
    /// # Errors
    /// When storage can't be reached.
    pub async fn abort(self) -> Result<(), StoreError> {
        match self.parts {
            Some((upload, _)) => upload.abort().await,
            None => Ok(()),
        }
    }
}

/// Whether storage may have done the operation although it reported an error.
const fn is_unclear(error: &StoreError) -> bool {
    // A condition also fails if the same request was sent twice and the first one succeeded.
    matches!(error.problem(), Problem::Transient(_)) || starts_again(error)
}

/// Whether the upload has to start again: S3 requires that after a conflict; an upload that
/// somebody else aborted is gone; and if an object that has to match is missing, S3 reports that
/// there is no such key.
const fn starts_again(error: &StoreError) -> bool {
    matches!(
        error.problem(),
        Problem::Conflict | Problem::NoSuchUpload | Problem::Precondition | Problem::NoSuchKey
    )
}

async fn file_size(path: &Path) -> Result<u64, UploadError> {
    match tokio::fs::metadata(path).await {
        Ok(metadata) => Ok(metadata.len()),
        Err(source) => Err(UploadError::File { path: path.to_owned(), source }),
    }
}

async fn send_parts(
    upload: MultipartUpload,
    path: &Path,
    size: u64,
) -> Result<(MultipartUpload, Vec<Part>), StoreError> {
    let slices =
        part_slices(path, size).map(|(number, slice)| (number, slice.offset, slice.length));
    let upload_ref = &upload;
    let sent: Result<Vec<Part>, StoreError> = stream::iter(slices.collect::<Vec<_>>())
        .map(|(number, offset, length)| async move {
            upload_ref.put_part(number, FileSlice { path, offset, length }).await
        })
        .buffered(PARALLEL_PARTS)
        .try_collect()
        .await;
    all_or_nothing(upload, sent).await
}

/// Sends the parts that the file contains, and makes storage copy the others.
async fn assemble(
    upload: MultipartUpload,
    path: &Path,
    parts: &[PlannedPart],
) -> Result<(MultipartUpload, Vec<Part>), StoreError> {
    let (upload_ref, mut next) = (&upload, 0);
    let numbered = (1..).zip(parts).map(|(number, part)| {
        let offset = next;
        next += part.length;
        (number, offset, part.clone())
    });
    let sent: Result<Vec<Part>, StoreError> = stream::iter(numbered.collect::<Vec<_>>())
        .map(|(number, offset, PlannedPart { length, from })| async move {
            match from {
                PartOf::File => {
                    upload_ref.put_part(number, FileSlice { path, offset, length }).await
                }
                PartOf::Object { uri, etag, start } => {
                    upload_ref.copy_part(number, (&uri, &etag), start..start + length).await
                }
            }
        })
        .buffered(PARALLEL_COPIES)
        .try_collect()
        .await;
    all_or_nothing(upload, sent).await
}

async fn all_or_nothing(
    upload: MultipartUpload,
    sent: Result<Vec<Part>, StoreError>,
) -> Result<(MultipartUpload, Vec<Part>), StoreError> {
    match sent {
        Ok(parts) => Ok((upload, parts)),
        Err(error) => {
            // The cause is more important than whether the abort succeeded.
            upload.abort().await.ok();
            Err(error)
        }
    }
}

/// The parts of a file: equal except for the last, as few as the limits allow.
fn part_slices(path: &Path, size: u64) -> impl Iterator<Item = (u32, FileSlice<'_>)> {
    let step = part_size(size);
    (1..).zip((0..size).step_by(clamped::<usize>(step))).map(move |(number, offset)| {
        let length = step.min(size - offset);
        (number, FileSlice { path, offset, length })
    })
}

/// The number of bytes in each part except the last.
pub(super) const fn part_size(size: u64) -> u64 {
    let least = size.div_ceil(MAX_PARTS);
    if least <= PART_SIZE { PART_SIZE } else { least.div_ceil(MIB) * MIB }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::{MAX_PARTS, MIB, PART_SIZE, part_size, part_slices};

    #[test]
    fn parts_grow_only_when_there_would_be_too_many() {
        assert_eq!(part_size(1024 * MIB), PART_SIZE);
        assert_eq!(part_size(PART_SIZE * MAX_PARTS), PART_SIZE);
        assert_eq!(part_size(PART_SIZE * MAX_PARTS + 1), 17 * MIB);
    }

    proptest! {
        #[test]
        fn parts_cover_the_file_once(size in 1..50_u64 * 1024 * 1024 * MIB) {
            let mut next = 0;
            let mut count = 0;
            for (number, slice) in part_slices(Path::new("f"), size) {
                count += 1;
                prop_assert_eq!(u64::from(number), count);
                prop_assert_eq!(slice.offset, next);
                prop_assert!(slice.length > 0);
                next += slice.length;
            }
            prop_assert_eq!(next, size);
            prop_assert!(count <= MAX_PARTS);
        }
    }
}
