//! The template for an output whose ranges are joined in storage: a file from the muxer with all
//! audio and the first fragment of the video.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use super::ffmpeg::{Ffmpeg, RunError};
use super::media_data::{content, head_at, unfit};
use super::render::{Fed, join};
use crate::mp4::Extent;
use crate::plan::{Listings, Plan};

/// Bytes that are moved at once.
const STEP: usize = 1 << 20;
/// More bytes than the audio of a range has in one piece.
const LARGEST_READ: u64 = 256 << 20;

/// The parts of the muxer's file that are used.
#[derive(Debug)]
pub struct Template {
    /// The file.
    pub path: PathBuf,
    file: File,
    /// The whole `ftyp`.
    pub ftyp: Vec<u8>,
    /// The content of the `moov`.
    pub moov: Vec<u8>,
    /// The type of the empty box before the media data.
    pub filler: [u8; 4],
}

/// Makes a template from the file with the first fragment and from the audio in `sound`.
///
/// # Errors
/// When ffmpeg can't be run or fails, and when its file has an unexpected form.
///
/// # Panics
/// Never: the channel has room for three pieces.
pub async fn template(
    ffmpeg: &Ffmpeg,
    plan: &Plan,
    sound: &Path,
    first: &Path,
    target: &Path,
) -> Result<Template, RunError> {
    let unreadable = |source| RunError::Stream { program: "ffmpeg".to_owned(), source };
    let bytes = std::fs::read(first).map_err(unreadable)?;
    let (feed, pieces) = mpsc::channel(3);
    for piece in [Fed::Bytes(bytes), Fed::End, Fed::Last] {
        feed.try_send(piece).expect("there is room for three");
    }
    join(ffmpeg, plan, sound, Listings::default(), target, pieces).await?;
    Template::open(target).map_err(unreadable)
}

impl Template {
    /// Opens the muxer's file.
    ///
    /// # Errors
    /// When it is not an MP4 file with its index first.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let (mut at, mut ftyp, mut moov, mut filler) = (0, None, None, *b"free");
        loop {
            let head = head_at(&file, at)?;
            match &head.kind {
                b"ftyp" => {
                    ftyp = Some(crate::mp4::boxed(head.kind, &content(&file, at, head)?));
                }
                b"moov" => moov = Some(content(&file, at, head)?),
                b"mdat" => break,
                _ => filler = head.kind,
            }
            at += head.head + head.body;
        }
        let (Some(ftyp), Some(moov)) = (ftyp, moov) else { return Err(unfit("it has no index")) };
        Ok(Self { path: path.to_owned(), file, ftyp, moov, filler })
    }

    /// Appends audio from the file to `target`.
    ///
    /// # Errors
    /// When it can't be read.
    pub(super) fn read(&self, from: Extent, target: &mut Vec<u8>) -> io::Result<()> {
        let end = from.offset.checked_add(from.length).filter(|_| from.length <= LARGEST_READ);
        if end.is_none_or(|end| self.file.metadata().is_ok_and(|found| found.len() < end)) {
            return Err(unfit("its audio is cut off"));
        }
        let start = target.len();
        target.resize(start + usize::try_from(from.length).map_err(unfit)?, 0);
        self.file.read_exact_at(&mut target[start..], from.offset)
    }

    /// Copies audio to offset `at` in another file.
    ///
    /// # Errors
    /// When one of the files can't be read or written.
    pub fn copy(&self, from: Extent, target: &File, at: u64) -> io::Result<()> {
        let mut buffer = vec![0; STEP];
        let mut done = 0;
        while done < from.length {
            let count = usize::try_from(from.length - done).map_or(STEP, |left| left.min(STEP));
            self.file.read_exact_at(&mut buffer[..count], from.offset + done)?;
            target.write_all_at(&buffer[..count], at + done)?;
            done += count as u64;
        }
        Ok(())
    }
}
