//! Sends the parts of an upload, several at once.

use std::path::Path;

use futures::{StreamExt, TryStreamExt, stream};

use super::assembly::{MAX_PARTS, MIB, PART_SIZE, PartOf, PlannedPart};
use super::{FileSlice, MultipartUpload, Part, StoreError};
use crate::clamped::clamped;

/// How many parts storage copies at the same time.
const PARALLEL_COPIES: usize = 16;
pub(super) const PARALLEL_PARTS: usize = 4;

/// An upload and the parts that it has.
pub(super) type SentParts = (MultipartUpload, Vec<Part>);

/// Sends a file.
pub(super) async fn send_file(
    upload: MultipartUpload,
    path: &Path,
    size: u64,
) -> Result<SentParts, StoreError> {
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
pub(super) async fn assemble(
    upload: MultipartUpload,
    path: &Path,
    parts: &[PlannedPart],
) -> Result<SentParts, StoreError> {
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
) -> Result<SentParts, StoreError> {
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
