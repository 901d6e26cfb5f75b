//! Partial files: they have the object's full size, but only the blocks that are needed are filled.
//!
//! ffmpeg's option `-partial` uses two files beside a partial file. `.filled` has one byte for each
//! block, which is zero while the block is missing. To the FIFO `.wanted`, ffmpeg writes which byte
//! it waits for. So ffmpeg never takes a missing block for zeros, and stops waiting when the FIFO
//! is closed.
//!
//! A file that is larger than the disk can drop the blocks that were filled first. If a process
//! reads them again, it waits for them again. Since a process may have seen that a block is filled
//! just before it is dropped, the bytes stay for a while.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use rustix::fs::{CWD, FallocateFlags, FileType, Mode, mknodat};
use rustix::io::Errno;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::{OpenOptions, Receiver};

use crate::clamped::clamped;

/// Bytes of a block, the same number as in ffmpeg's patch.
pub const BLOCK: u64 = 64 * 1024;

/// The suffixes of the two files beside it.
const FILLED: &str = ".filled";
const WANTED: &str = ".wanted";
/// How long the bytes of a dropped block stay: ffmpeg reads a block right after it has seen that it is
/// filled.
const STAY: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub struct PartialFile {
    path: PathBuf,
    size: u64,
    file: File,
    filled: File,
    blocks: Mutex<Vec<Block>>,
    window: Mutex<Window>,
}

/// The blocks of a file that keeps only what was filled last.
#[derive(Debug, Default)]
struct Window {
    /// The filled blocks, in the order in which they were filled.
    filled: VecDeque<usize>,
    /// The blocks that were dropped but still have their bytes, and the times.
    dropped: VecDeque<(Instant, usize)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Missing,
    Coming,
    There,
}

/// The places that ffmpeg waits for, in the order of its requests.
#[derive(Debug)]
pub struct Wanted(Receiver);

impl PartialFile {
    /// Makes a file of this size without any block.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn create(path: &Path, size: u64) -> io::Result<(Self, Wanted)> {
        let file = File::create_new(path)?;
        file.set_len(size)?;
        let count = size.div_ceil(BLOCK);
        let filled = File::create_new(beside(path, FILLED))?;
        filled.set_len(count)?;
        let fifo = beside(path, WANTED);
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        // Opened for reading and writing, so that the FIFO does not reach its end between two
        // ffmpeg processes.
        let wanted = Wanted(OpenOptions::new().read_write(true).open_receiver(&fifo)?);
        let count = usize::try_from(count).map_err(io::Error::other)?;
        let blocks = Mutex::new(vec![Block::Missing; count]);
        let window = Mutex::default();
        Ok((Self { path: path.to_owned(), size, file, filled, blocks, window }, wanted))
    }

    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its full size.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Reserves the disk space for the whole file, so that a full disk shows before anything is
    /// downloaded.
    ///
    /// # Errors
    /// When there is not enough space.
    pub fn reserve(&self) -> io::Result<()> {
        match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, self.size.max(1)) {
            // Some file systems don't support it.
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(()),
            other => Ok(other?),
        }
    }

    /// Whether all blocks of a range are filled.
    #[must_use]
    pub fn holds(&self, range: &Range<u64>) -> bool {
        self.blocks()[self.indices(range)].iter().all(|block| *block == Block::There)
    }

    /// How many bytes of the range's blocks are neither filled nor claimed.
    #[must_use]
    pub fn missing(&self, range: &Range<u64>) -> u64 {
        let indices = self.indices(range);
        let blocks = self.blocks();
        BLOCK * blocks[indices].iter().filter(|block| **block == Block::Missing).count() as u64
    }

    /// Claims the first run of missing blocks in a range, at most `most` bytes, for the caller to
    /// fill.
    pub fn claim(&self, range: &Range<u64>, most: u64) -> Option<Range<u64>> {
        let indices = self.indices(range);
        let mut blocks = self.blocks();
        let first = indices.clone().find(|&index| blocks[index] == Block::Missing)?;
        let most = clamped::<usize>(most / BLOCK).max(1);
        let run = (first..indices.end).take(most);
        let count = run.take_while(|&index| blocks[index] == Block::Missing).count();
        blocks[first..first + count].fill(Block::Coming);
        let (start, end) = (first as u64 * BLOCK, (first + count) as u64 * BLOCK);
        Some(start..end.min(self.size))
    }

    /// Fills the blocks from `at` on. `bytes` has to consist of whole blocks, except at the file's
    /// end.
    ///
    /// # Errors
    /// When they can't be written.
    pub fn fill(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let indices = self.indices(&(at..at + bytes.len() as u64));
        // This writes to the page cache and takes a few microseconds: not worth another thread.
        self.file.write_all_at(bytes, at)?;
        self.filled.write_all_at(&vec![1; indices.len()], indices.start as u64)?;
        self.blocks()[indices].fill(Block::There);
        Ok(())
    }

    /// Like [`PartialFile::fill`], but keeps only the `most` bytes that were filled last.
    ///
    /// # Errors
    /// When they can't be written.
    pub fn fill_and_drop(&self, at: u64, bytes: &[u8], most: u64) -> io::Result<()> {
        let indices = self.indices(&(at..at + bytes.len() as u64));
        let mut window = self.window.lock();
        // A dropped block that is filled again stays.
        window.dropped.retain(|(_, index)| !indices.contains(index));
        self.fill(at, bytes)?;
        window.filled.extend(indices);
        let most = clamped::<usize>(most / BLOCK).max(1);
        while window.filled.len() > most
            && let Some(index) = window.filled.pop_front()
        {
            self.filled.write_all_at(&[0], index as u64)?;
            self.blocks()[index] = Block::Missing;
            window.dropped.push_back((Instant::now(), index));
        }
        let is_over = |(since, _): &mut (Instant, usize)| since.elapsed() > STAY;
        while let Some((_, index)) = window.dropped.pop_front_if(is_over) {
            free(&self.file, index as u64 * BLOCK..(index as u64 + 1) * BLOCK)?;
        }
        Ok(())
    }

    /// The runs of blocks that are filled.
    #[must_use]
    pub fn there(&self) -> Vec<Range<u64>> {
        let blocks = self.blocks();
        let mut at = 0;
        let runs = blocks.chunk_by(|one, next| (*one == Block::There) == (*next == Block::There));
        let places = runs.map(|run| {
            let start = at;
            at += run.len() as u64 * BLOCK;
            (run[0], start..at.min(self.size))
        });
        places.filter(|(block, _)| *block == Block::There).map(|(_, place)| place).collect()
    }

    /// Frees the disk space. Nothing can be read afterwards.
    ///
    /// # Errors
    /// When that fails.
    pub fn remove(&self) -> io::Result<()> {
        self.file.set_len(0)?;
        for suffix in [FILLED, WANTED] {
            std::fs::remove_file(beside(&self.path, suffix))?;
        }
        std::fs::remove_file(&self.path)
    }

    /// Reads a range whose blocks are filled.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn read(&self, range: &Range<u64>) -> io::Result<Vec<u8>> {
        let length = range.end.min(self.size).saturating_sub(range.start);
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        File::open(&self.path)?.read_exact_at(&mut bytes, range.start)?;
        Ok(bytes)
    }

    /// The indices of the blocks that a range touches.
    fn indices(&self, range: &Range<u64>) -> Range<usize> {
        let end = range.end.min(self.size).div_ceil(BLOCK);
        let start = (range.start / BLOCK).min(end);
        let index = |block| usize::try_from(block).expect("all blocks are in memory");
        index(start)..index(end)
    }

    fn blocks(&self) -> MutexGuard<'_, Vec<Block>> {
        self.blocks.lock()
    }
}

impl Wanted {
    /// Waits for the next place that ffmpeg needs.
    ///
    /// # Errors
    /// When the FIFO can't be read.
    pub async fn next(&mut self) -> io::Result<u64> {
        let mut place = [0; 8];
        self.0.read_exact(&mut place).await?;
        u64::try_from(i64::from_ne_bytes(place)).map_err(|_| ErrorKind::InvalidData.into())
    }
}

/// Frees the disk space of a range of a file, which then reads as zeros. Does nothing if the file
/// system does not support this.
///
/// # Errors
/// When the file system fails.
pub fn free(file: &File, range: Range<u64>) -> io::Result<()> {
    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    match rustix::fs::fallocate(file, hole, range.start, range.end - range.start) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        other => Ok(other?),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, PartialFile, STAY};

    #[tokio::test]
    async fn blocks_are_claimed_once_and_filled() {
        let folder = tempfile::tempdir().unwrap();
        let size = 10 * BLOCK + 100;
        let (file, _wanted) = PartialFile::create(&folder.path().join("x"), size).unwrap();
        assert_eq!(file.missing(&(0..size)), 11 * BLOCK);
        let range = BLOCK + 5..3 * BLOCK + 1;
        assert_eq!(file.claim(&range, u64::MAX), Some(BLOCK..4 * BLOCK));
        assert_eq!(file.claim(&range, u64::MAX), None);
        assert_eq!(file.claim(&(0..size), u64::MAX), Some(0..BLOCK));
        assert_eq!(file.claim(&(0..size), 2 * BLOCK), Some(4 * BLOCK..6 * BLOCK));
        assert_eq!(file.claim(&(0..u64::MAX), u64::MAX), Some(6 * BLOCK..size));
        assert!(!file.holds(&range));
        file.fill(BLOCK, &vec![7; usize::try_from(3 * BLOCK).unwrap()]).unwrap();
        assert!(file.holds(&range) && !file.holds(&(0..range.end)));
        assert_eq!(file.there(), std::slice::from_ref(&(BLOCK..4 * BLOCK)));
        file.fill(10 * BLOCK, &[8; 100]).unwrap();
        assert_eq!(file.read(&(size - 2..size + 5)).unwrap(), [8, 8]);
        assert_eq!(file.there(), [BLOCK..4 * BLOCK, 10 * BLOCK..size]);
        file.remove().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_file_keeps_what_was_filled_last() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let size = 10 * BLOCK + 100;
        let (file, _wanted) = PartialFile::create(&path, size).unwrap();
        let block = vec![7; usize::try_from(BLOCK).unwrap()];
        for index in 0..10 {
            file.fill_and_drop(index * BLOCK, &block, 4 * BLOCK).unwrap();
        }
        file.fill_and_drop(10 * BLOCK, &[8; 100], 4 * BLOCK).unwrap();
        assert_eq!(file.there(), std::slice::from_ref(&(7 * BLOCK..size)));
        assert_eq!(file.missing(&(0..size)), 7 * BLOCK);
        let filled = std::fs::read(folder.path().join("x.filled")).unwrap();
        assert_eq!(filled, [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
        // The bytes of a block that was just dropped are still there; a block that is filled again stays.
        assert_eq!(file.read(&(0..1)).unwrap(), [7]);
        file.fill_and_drop(0, &block, 4 * BLOCK).unwrap();
        file.window.lock().dropped.iter_mut().for_each(|(since, _)| *since -= 2 * STAY);
        file.fill_and_drop(5 * BLOCK, &block, 4 * BLOCK).unwrap();
        let firsts: Vec<u8> =
            (0..11).map(|at| file.read(&(at * BLOCK..size)).unwrap()[0]).collect();
        assert_eq!(firsts, [7, 0, 0, 0, 0, 7, 0, 0, 7, 7, 8]);
        assert_eq!(file.there(), [0..BLOCK, 5 * BLOCK..6 * BLOCK, 9 * BLOCK..size]);
    }
}
