//! Uploads a file in parts while a process writes it, and frees the disk space of the uploaded parts.
//!
//! The process may only append, except that at its end it may rewrite the start of the file, as muxers
//! do to store lengths. So the first part is uploaded last.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::watch;
use tokio::time::sleep;

use super::parts::{PARALLEL_PARTS, part_size};
use super::upload::{PendingUpload, UploadError};
use super::{Description, FileSlice, MultipartUpload, ObjectStore, Part};
use crate::engine::partial::free;
use crate::object::{ObjectUri, UploadName};

/// How long to wait before looking again whether the file has grown.
const PAUSE: Duration = Duration::from_millis(20);
/// How many parts the file may have on the disk before its writer has to wait.
const PARTS_ON_DISK: u64 = 8;

/// See the module.
#[derive(Debug)]
pub struct GrowingUpload {
    path: PathBuf,
    file: File,
    part_size: u64,
    /// How many bytes have been freed.
    freed: watch::Sender<u64>,
    has_ended: watch::Sender<bool>,
    upload: MultipartUpload,
    description: Description,
}

impl GrowingUpload {
    /// Creates the file and its upload. The file will have `about` so many bytes.
    ///
    /// # Errors
    /// When the file can't be created, or storage refuses the upload.
    pub async fn open(
        store: &ObjectStore,
        uri: &ObjectUri,
        path: &Path,
        description: &Description,
        about: u64,
    ) -> Result<Self, UploadError> {
        let file = File::options().read(true).write(true).create_new(true).open(path);
        let file = file.map_err(|source| file_error(path, source))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            // There may be twice as many bytes.
            part_size: part_size(about.saturating_mul(2)),
            freed: watch::Sender::new(0),
            has_ended: watch::Sender::new(false),
            upload: store.create_multipart(uri, description).await?,
            description: description.clone(),
        })
    }

    /// The name of the upload, which has to be aborted if this process dies.
    #[must_use]
    pub fn name(&self) -> &UploadName {
        self.upload.name()
    }

    /// How much disk space the file needs at most if its writer waits for [`Self::room`].
    #[must_use]
    pub const fn most_on_disk(&self) -> u64 {
        self.part_size.saturating_mul(PARTS_ON_DISK)
    }

    /// Waits until the file may grow further.
    pub async fn room(&self) {
        let has_room = |freed: &u64| {
            let length = self.file.metadata().map_or(0, |found| found.len());
            length.saturating_sub(*freed) < self.most_on_disk()
        };
        // The sender lives as long as this.
        let _ = self.freed.subscribe().wait_for(has_room).await;
    }

    /// Notes that the process has succeeded, so that the file is complete.
    pub fn end(&self) {
        self.has_ended.send_replace(true);
    }

    /// Uploads the file until it is complete. The upload still has to be completed.
    ///
    /// # Errors
    /// When the file can't be read, or storage refuses a part.
    pub async fn send(&self) -> Result<Vec<Part>, UploadError> {
        let mut ended = self.has_ended.subscribe();
        let (mut next, mut sending, mut parts) = (1, FuturesUnordered::new(), Vec::new());
        loop {
            // Read before the length, which then is the final one.
            let is_whole = *ended.borrow_and_update();
            let length = self.length()?;
            while sending.len() < PARALLEL_PARTS && self.is_due(next, length, is_whole) {
                sending.push(self.send_part(next, length));
                next += 1;
            }
            if is_whole && sending.is_empty() {
                parts.push(self.send_part(0, length).await?);
                parts.sort_unstable_by_key(|part| part.number);
                return Ok(parts);
            }
            tokio::select! {
                Some(part) = sending.next() => parts.push(part?),
                _ = ended.changed(), if !is_whole => {}
                () = sleep(PAUSE), if !is_whole => {}
            }
        }
    }

    /// The upload with its parts, ready to be completed.
    ///
    /// # Errors
    /// When the file's length can't be read.
    pub fn sent(self, parts: Vec<Part>) -> Result<PendingUpload, UploadError> {
        let size = self.length()?;
        Ok(PendingUpload::sent((self.upload, parts), &self.path, size, &self.description))
    }

    /// Whether the file has all bytes of a part.
    fn is_due(&self, part: u64, length: u64, is_whole: bool) -> bool {
        let (start, end) = (part * self.part_size, (part + 1) * self.part_size);
        end <= length || is_whole && start < length
    }

    async fn send_part(&self, part: u64, length: u64) -> Result<Part, UploadError> {
        let offset = part * self.part_size;
        let length = self.part_size.min(length - offset);
        let number =
            u32::try_from(part + 1).map_err(|error| self.error(io::Error::other(error)))?;
        let slice = FileSlice { path: &self.path, offset, length };
        let sent = self.upload.put_part(number, slice).await?;
        free(&self.file, offset..offset + length).map_err(|error| self.error(error))?;
        self.freed.send_modify(|freed| *freed += length);
        Ok(sent)
    }

    fn length(&self) -> Result<u64, UploadError> {
        Ok(self.file.metadata().map_err(|error| self.error(error))?.len())
    }

    fn error(&self, source: io::Error) -> UploadError {
        file_error(&self.path, source)
    }
}

fn file_error(path: &Path, source: io::Error) -> UploadError {
    UploadError::File { path: path.to_owned(), source }
}
