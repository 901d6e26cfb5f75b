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

use super::assembly::{PART_SIZE, PlannedPart};
use super::parts::{SentParts, assemble, send_file};
use super::{Description, FileSlice, ObjectStore, Precondition, Problem, StoreError};
use crate::object::{ETag, ObjectUri, UploadName};

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
    content: Content,
    size: u64,
    description: Description,
    /// What is open, if the object is uploaded in parts.
    parts: Option<SentParts>,
}

/// What an object is made of.
#[derive(Debug)]
enum Content {
    /// A local file.
    File(PathBuf),
    /// A local file with holes, which are filled by copying parts of stored objects.
    Assembly(PathBuf, Vec<PlannedPart>),
    /// A stored object, which is copied when the new one appears.
    Object(ObjectUri, ETag),
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
    let mut pending = begin(store, uri, (path, &[]), description).await?;
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

/// Opens an upload for a file; nothing is sent yet. If the file has holes, the list says which parts
/// of stored objects fill them.
///
/// # Errors
/// Like [`store_file`].
pub async fn begin(
    store: &ObjectStore,
    uri: &ObjectUri,
    (path, assembly): (&Path, &[PlannedPart]),
    description: &Description,
) -> Result<PendingUpload, UploadError> {
    let size = file_size(path).await?;
    let path = path.to_owned();
    let content = match assembly {
        [] => Content::File(path),
        _ => Content::Assembly(path, assembly.to_vec()),
    };
    let mut pending = PendingUpload::new(store, uri, content, size, description);
    pending.reopen().await?;
    Ok(pending)
}

/// The same for a stored object, which is copied when it appears.
pub fn begin_copy(
    store: &ObjectStore,
    uri: &ObjectUri,
    (from, etag, size): (&ObjectUri, &ETag, u64),
    description: &Description,
) -> PendingUpload {
    let content = Content::Object(from.clone(), etag.clone());
    PendingUpload::new(store, uri, content, size, description)
}

impl PendingUpload {
    fn new(
        store: &ObjectStore,
        uri: &ObjectUri,
        content: Content,
        size: u64,
        description: &Description,
    ) -> Self {
        Self {
            store: store.clone(),
            uri: uri.clone(),
            content,
            size,
            description: description.clone(),
            parts: None,
        }
    }

    /// The upload of a file of `size` bytes, whose parts have been sent.
    pub(super) fn sent(
        parts: SentParts,
        path: &Path,
        size: u64,
        description: &Description,
    ) -> Self {
        let (store, uri) = (parts.0.store().clone(), parts.0.name().uri.clone());
        let mut pending =
            Self::new(&store, &uri, Content::File(path.to_owned()), size, description);
        pending.parts = Some(parts);
        pending
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
        if let Some((upload, _)) = self.parts.take() {
            self.parts = match &self.content {
                Content::File(path) => Some(send_file(upload, path, self.size).await?),
                Content::Assembly(path, parts) => Some(assemble(upload, path, parts).await?),
                Content::Object(..) => None,
            };
        }
        Ok(())
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

    /// Opens the upload, or opens it again after its object did not appear: then its parts have to be
    /// sent again.
    ///
    /// # Errors
    /// Like [`store_file`].
    pub async fn reopen(&mut self) -> Result<(), UploadError> {
        if self.size > PART_SIZE && !matches!(self.content, Content::Object(..)) {
            let upload = self.store.create_multipart(&self.uri, &self.description).await?;
            self.parts = Some((upload, Vec::new()));
        }
        Ok(())
    }

    async fn try_to_appear(&mut self, precondition: &Precondition) -> Result<ETag, StoreError> {
        if let Some((upload, parts)) = &mut self.parts {
            return upload.complete(parts, precondition).await;
        }
        match &self.content {
            Content::Object(from, etag) => {
                let from = (from, etag, self.size);
                self.store.copy(from, &self.uri, &self.description, precondition).await
            }
            Content::File(path) | Content::Assembly(path, _) => {
                let slice = FileSlice { path, offset: 0, length: self.size };
                self.store.put_file(&self.uri, &slice, &self.description, precondition).await
            }
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
