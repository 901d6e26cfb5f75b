//! Reduces a rendered range to its media data, without the boxes around them.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::mp4::{BoxHead, Fragment, Samples, box_head, fragment, time_scale};

/// The largest box that is read into memory: a list of samples, of which a range has some
/// thousands.
const LARGEST_LIST: u64 = 64 << 20;
/// Bytes that are moved at once.
const STEP: usize = 1 << 20;

/// A range that consists only of media data.
#[derive(Clone, Debug, Default)]
pub struct Bare {
    /// Its samples, which are stored in this order without gaps.
    pub samples: Samples,
    /// The content of the `moov` box of the original file.
    pub header: Vec<u8>,
}

/// Removes everything except the samples from a fragmented MP4 file. Copies the file up to the end
/// of its first fragment to `first`.
///
/// # Errors
/// When it is not such a file, or can't be read and written.
pub fn bare(path: &Path, first: &Path) -> io::Result<Bare> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let (mut at, mut end, mut bare, mut listed) = (0, 0, Bare::default(), None);
    while at < length {
        let head = head_at(&file, at)?;
        let next = at.checked_add(head.head + head.body).filter(|&next| next <= length);
        let next = next.ok_or_else(|| unfit("a box is cut off"))?;
        match &head.kind {
            b"moov" if bare.header.is_empty() => {
                bare.header = content(&file, at, head)?;
                bare.samples.time_scale = time_scale(&bare.header).map_err(unfit)?;
            }
            b"moof" => {
                let moof = content(&file, at, head)?;
                listed = Some((at, fragment(&moof).map_err(unfit)?));
            }
            b"mdat" => {
                let (moof, Fragment { samples, data }) =
                    listed.take().ok_or_else(|| unfit("data are not listed"))?;
                let bytes: u64 = samples.iter().map(|sample| u64::from(sample.size)).sum();
                if bytes != head.body || moof + data != at + head.head {
                    return Err(unfit("the listed samples don't match the data"));
                }
                if bare.samples.samples.is_empty() {
                    copy(&file, next, first)?;
                }
                shift(&file, at + head.head, end, bytes)?;
                end += bytes;
                bare.samples.samples.extend(samples);
            }
            _ => {}
        }
        at = next;
    }
    file.set_len(end)?;
    if bare.samples.samples.is_empty() { Err(unfit("it has no samples")) } else { Ok(bare) }
}

/// The header of the box at `at`.
///
/// # Errors
/// When there is none, or the file can't be read.
pub(super) fn head_at(file: &File, at: u64) -> io::Result<BoxHead> {
    let mut bytes = [0; 16];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], at + filled as u64)? {
            0 => break,
            more => filled += more,
        }
    }
    box_head(&bytes[..filled]).ok_or_else(|| unfit("a box has no size"))
}

/// The content of the box at `at`.
///
/// # Errors
/// When it is too large for a list, or the file can't be read.
pub(super) fn content(file: &File, at: u64, head: BoxHead) -> io::Result<Vec<u8>> {
    if head.body > LARGEST_LIST {
        return Err(unfit("a list is too large"));
    }
    let mut bytes = vec![0; usize::try_from(head.body).map_err(unfit)?];
    file.read_exact_at(&mut bytes, at + head.head)?;
    Ok(bytes)
}

fn copy(file: &File, length: u64, target: &Path) -> io::Result<()> {
    let mut start = file.try_clone()?;
    io::Seek::rewind(&mut start)?;
    io::copy(&mut start.take(length), &mut File::create(target)?).map(drop)
}

/// Moves bytes towards the start of the file.
fn shift(file: &File, from: u64, to: u64, length: u64) -> io::Result<()> {
    let mut buffer = vec![0; STEP];
    let mut done = 0;
    while done < length {
        let count = usize::try_from(length - done).map_or(STEP, |left| left.min(STEP));
        file.read_exact_at(&mut buffer[..count], from + done)?;
        file.write_all_at(&buffer[..count], to + done)?;
        done += count as u64;
    }
    Ok(())
}

pub(super) fn unfit(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
