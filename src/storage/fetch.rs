//! Fetches an object into a local file.
//!
//! Several ranges are read in parallel, and each is written to its place as its bytes arrive, so
//! that memory does not grow with the object. A range that breaks is continued from there. Every
//! read names the entity tag that was seen first, so the file never mixes two objects.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use crate::clamped::clamped;
use crate::code::Code;
use crate::object::ObjectUri;
use crate::storage::{ObjectHead, ObjectStore, StoreError};

pub(super) const RANGE_SIZE: u64 = 8 * 1024 * 1024;
pub(super) const PARALLEL_RANGES: usize = 6;
/// Tries of one range; each continues where the previous one ended.
pub(super) const ATTEMPTS: u32 = 6;
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// How many bytes of a file arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchedBytes(pub u64);

/// Why an object could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Storage failed or refused.
    #[error("cannot fetch a source: {0}")]
    Store(#[from] StoreError),
    /// Storage repeatedly sends less than it announced.
    #[error("cannot fetch `{uri}`: its body ended at byte {at} of {size}")]
    Short {
        /// The object.
        uri: ObjectUri,
        /// The offset at which the body ended.
        at: u64,
        /// The object's size.
        size: u64,
    },
    /// The work folder's disk is full.
    #[error(
        "`{uri}` ({size} bytes) does not fit the work folder; give the function more ephemeral storage"
    )]
    InsufficientStorage {
        /// The object.
        uri: ObjectUri,
        /// The object's size.
        size: u64,
    },
    /// The local file cannot be written.
    #[error("cannot write `{path}`: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's message.
        source: io::Error,
    },
}

impl FetchError {
    /// The outward code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Store(error) => error.code(),
            Self::InsufficientStorage { .. } => Code::InsufficientStorage,
            Self::Short { .. } | Self::File { .. } => Code::InternalError,
        }
    }

    pub(super) const fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => error.is_transient(),
            Self::Short { .. } => true,
            Self::InsufficientStorage { .. } | Self::File { .. } => false,
        }
    }
}

/// Fetches the object whose `head` is given into the file `dest`.
///
/// # Errors
/// See [`FetchError`]; the content of `dest` is then useless.
pub async fn fetch(
    store: &ObjectStore,
    uri: &ObjectUri,
    head: &ObjectHead,
    dest: &Path,
) -> Result<FetchedBytes, FetchError> {
    let fetch = Fetch {
        store,
        uri,
        head,
        dest,
        file: File::create(dest)
            .map_err(|source| FetchError::File { path: dest.to_owned(), source })?,
    };
    fetch.reserve()?;
    let arrived: Vec<u64> = stream::iter(ranges(head.size))
        .map(|range| fetch.range(range))
        .buffer_unordered(PARALLEL_RANGES)
        .try_collect()
        .await?;
    Ok(FetchedBytes(arrived.iter().sum()))
}

/// Reads the object whose `head` is given from start to end; `take` gets the bytes in order, and
/// returns whether it wants more.
///
/// # Errors
/// See [`FetchError`].
pub async fn read_whole<T, F>(
    store: &ObjectStore,
    uri: &ObjectUri,
    head: &ObjectHead,
    take: T,
) -> Result<(), FetchError>
where
    T: FnMut(Vec<u8>) -> F,
    F: Future<Output = bool>,
{
    read_part(store, uri, head, 0..head.size, take).await
}

/// Writes a range of the object whose `head` is given into a file, from offset `at` on.
///
/// # Errors
/// See [`FetchError`].
pub async fn fetch_part(
    store: &ObjectStore,
    uri: &ObjectUri,
    head: &ObjectHead,
    part: Range<u64>,
    (path, file, mut at): (&Path, &File, u64),
) -> Result<(), FetchError> {
    let mut failed = None;
    let write = |bytes: Vec<u8>| {
        let written = file.write_all_at(&bytes, at);
        at += bytes.len() as u64;
        let is_written = written.is_ok();
        failed = failed.take().or(written.err());
        async move { is_written }
    };
    read_part(store, uri, head, part, write).await?;
    match failed {
        Some(source) => Err(FetchError::File { path: path.to_owned(), source }),
        None => Ok(()),
    }
}

async fn read_part<T, F>(
    store: &ObjectStore,
    uri: &ObjectUri,
    head: &ObjectHead,
    part: Range<u64>,
    mut take: T,
) -> Result<(), FetchError>
where
    T: FnMut(Vec<u8>) -> F,
    F: Future<Output = bool>,
{
    let (mut at, mut tries, mut pause) = (part.start, 1, FIRST_PAUSE);
    while at < part.end {
        let read = async {
            let mut body = store.read_range(uri, head, at..part.end).await?;
            while let Some(bytes) = body.next().await? {
                let room = clamped::<usize>(part.end - at);
                let bytes = &bytes[..bytes.len().min(room)];
                at += bytes.len() as u64;
                if !take(bytes.to_vec()).await {
                    at = part.end;
                }
            }
            Ok(())
        };
        let error = match read.await {
            Ok(()) if at == part.end => return Ok(()),
            Ok(()) => FetchError::Short { uri: uri.clone(), at, size: head.size },
            Err(error) => FetchError::Store(error),
        };
        if !error.is_transient() || tries == ATTEMPTS {
            return Err(error);
        }
        tracing::warn!(%error, at, "the read broke and is continued");
        tries += 1;
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    Ok(())
}

struct Fetch<'a> {
    store: &'a ObjectStore,
    uri: &'a ObjectUri,
    head: &'a ObjectHead,
    dest: &'a Path,
    file: File,
}

impl Fetch<'_> {
    /// Reserves the disk space first, so that a full disk shows before anything is downloaded.
    fn reserve(&self) -> Result<(), FetchError> {
        if self.head.size == 0 {
            return Ok(());
        }
        match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, self.head.size) {
            // Some file systems don't support it.
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
                self.file.set_len(self.head.size)
            }
            other => other.map_err(io::Error::from),
        }
        .map_err(|source| self.file_error(source))
    }

    async fn range(&self, range: Range<u64>) -> Result<u64, FetchError> {
        let mut at = range.start;
        let mut pause = FIRST_PAUSE;
        for _ in 1..ATTEMPTS {
            match self.copy(&mut at, range.end).await {
                Err(error) if error.is_transient() => {
                    tracing::warn!(%error, at, "a range broke and is continued");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                done => return done.map(|()| range.end - range.start),
            }
        }
        self.copy(&mut at, range.end).await?;
        Ok(range.end - range.start)
    }

    /// Copies up to `end`, and keeps in `at` the offset of the next byte.
    async fn copy(&self, at: &mut u64, end: u64) -> Result<(), FetchError> {
        if *at == end {
            return Ok(());
        }
        let mut body = self.store.read_range(self.uri, self.head, *at..end).await?;
        while let Some(bytes) = body.next().await? {
            // Limited, since a body longer than its range would overwrite the next range.
            let room = clamped::<usize>(end - *at);
            let bytes = &bytes[..bytes.len().min(room)];
            // This writes to the page cache and takes a few microseconds: not worth another thread.
            self.file.write_all_at(bytes, *at).map_err(|source| self.file_error(source))?;
            *at += bytes.len() as u64;
        }
        if *at == end {
            Ok(())
        } else {
            Err(FetchError::Short { uri: self.uri.clone(), at: *at, size: self.head.size })
        }
    }

    fn file_error(&self, source: io::Error) -> FetchError {
        file_error(self.uri, self.head.size, self.dest, source)
    }
}

pub(super) fn file_error(uri: &ObjectUri, size: u64, path: &Path, source: io::Error) -> FetchError {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            FetchError::InsufficientStorage { uri: uri.clone(), size }
        }
        _ => FetchError::File { path: path.to_owned(), source },
    }
}

/// How many requests fetch an object of this size.
#[must_use]
pub const fn request_count(size: u64) -> u64 {
    size.div_ceil(RANGE_SIZE)
}

fn ranges(size: u64) -> impl Iterator<Item = Range<u64>> {
    (0..size.div_ceil(RANGE_SIZE))
        .map(move |index| index * RANGE_SIZE..size.min((index + 1) * RANGE_SIZE))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{RANGE_SIZE, ranges};

    proptest! {
        #[test]
        fn ranges_cover_the_object_once(size in 0..40 * RANGE_SIZE) {
            let mut next = 0;
            for range in ranges(size) {
                prop_assert_eq!(range.start, next);
                prop_assert!(range.end > range.start && range.end - range.start <= RANGE_SIZE);
                next = range.end;
            }
            prop_assert_eq!(next, size);
        }
    }
}
