//! Parts: files that were written one behind the other, and how to part them.
//!
//! Each format is followed by its own structure: what looks like the beginning of a file inside of
//! a packet is none.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::media::Demuxer;

/// Parts that a file is made of at most.
const MOST_PARTS: usize = 64;

/// Parts a file. The first part takes its place, the others stand beside it. One that is a single
/// file is let be.
///
/// # Errors
/// When it can't be read or written.
pub(super) fn part(path: &Path, demuxer: Demuxer) -> io::Result<Vec<PathBuf>> {
    let begins = beginnings(path, demuxer)?;
    if begins.len() < 2 {
        return Ok(vec![path.to_owned()]);
    }
    let length = std::fs::metadata(path)?.len();
    let ends = begins[1..].iter().copied().chain([length]);
    let mut files = Vec::with_capacity(begins.len());
    for (number, (begin, end)) in begins.iter().zip(ends).enumerate() {
        let file = path.with_extension(format!("part{number}"));
        let mut source = File::open(path)?;
        source.seek(SeekFrom::Start(*begin))?;
        io::copy(&mut source.take(end - begin), &mut File::create(&file)?)?;
        files.push(file);
    }
    // The source may be a link to a file that is not ours: it is not written to.
    std::fs::rename(&files[0], path)?;
    path.clone_into(&mut files[0]);
    Ok(files)
}

/// Where each part begins, the first at 0.
fn beginnings(path: &Path, demuxer: Demuxer) -> io::Result<Vec<u64>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut walk = Walk { file: BufReader::new(file), at: 0, length, begins: vec![0] };
    match demuxer {
        Demuxer::Ogg => walk.ogg()?,
        Demuxer::Matroska => walk.matroska()?,
        Demuxer::Flv => walk.flv()?,
        _ => {}
    }
    walk.begins.truncate(MOST_PARTS);
    Ok(walk.begins)
}

/// A way through a file, from one of its units to the next.
struct Walk {
    file: BufReader<File>,
    at: u64,
    length: u64,
    begins: Vec<u64>,
}

impl Walk {
    /// The next bytes, or `None` where there are not as many.
    fn peek<const LENGTH: usize>(&mut self) -> io::Result<Option<[u8; LENGTH]>> {
        if self.length.saturating_sub(self.at) < LENGTH as u64 {
            return Ok(None);
        }
        let mut bytes = [0; LENGTH];
        self.file.read_exact(&mut bytes)?;
        self.file.seek_relative(-i64::try_from(LENGTH).unwrap_or(0))?;
        Ok(Some(bytes))
    }

    /// False where the file ends before.
    fn skip(&mut self, bytes: u64) -> io::Result<bool> {
        let Some(next) = self.at.checked_add(bytes).filter(|next| *next < self.length) else {
            return Ok(false);
        };
        self.file.seek_relative(i64::try_from(bytes).unwrap_or(i64::MAX))?;
        self.at = next;
        Ok(true)
    }

    fn begin(&mut self) {
        if self.at > 0 {
            self.begins.push(self.at);
        }
    }

    /// A chain: streams begin behind the packets of others.
    fn ogg(&mut self) -> io::Result<()> {
        let mut packets = false;
        while let Some(head) = self.peek::<27>()? {
            if !head.starts_with(b"OggS") {
                break;
            }
            let first = head[5] & 2 != 0;
            if first && packets {
                self.begin();
            }
            packets = !first;
            let mut sizes = [0; 27 + 255];
            let table = 27 + usize::from(head[26]);
            if self.length - self.at < table as u64 {
                break;
            }
            self.file.read_exact(&mut sizes[..table])?;
            self.at += table as u64;
            let body = sizes[27..table].iter().map(|&size| u64::from(size)).sum();
            if !self.skip(body)? {
                break;
            }
        }
        Ok(())
    }

    /// Elements; those whose size nobody knew when they were begun are gone through.
    fn matroska(&mut self) -> io::Result<()> {
        const HEADER: u64 = 0x1a45_dfa3;
        const SEGMENT: u64 = 0x1853_8067;
        const CLUSTER: u64 = 0x1f43_b675;
        loop {
            let at = self.at;
            let (Some(id), Some(size)) = (self.number(4, false)?, self.number(8, true)?) else {
                return Ok(());
            };
            if id == HEADER && at > 0 {
                self.begins.push(at);
            }
            let goes_on = match (id, size) {
                (SEGMENT | CLUSTER, u64::MAX) => true,
                (_, u64::MAX) => false,
                (_, size) => self.skip(size)?,
            };
            if !goes_on {
                return Ok(());
            }
        }
    }

    /// A number of EBML. The greatest stands for none.
    fn number(&mut self, most: u32, value: bool) -> io::Result<Option<u64>> {
        let Some([first]) = self.peek()? else { return Ok(None) };
        let length = first.leading_zeros() + 1;
        let mut bytes = [0; 8];
        if length > most || self.length - self.at < u64::from(length) {
            return Ok(None);
        }
        self.file.read_exact(&mut bytes[8 - length as usize..])?;
        self.at += u64::from(length);
        let number = u64::from_be_bytes(bytes);
        let marker = 1 << (7 * length);
        if !value {
            return Ok(Some(number));
        }
        let number = number - marker;
        Ok(Some(if number == marker - 1 { u64::MAX } else { number }))
    }

    /// Tags, each followed by its size.
    fn flv(&mut self) -> io::Result<()> {
        while let Some(head) = self.peek::<9>()? {
            let size = if head.starts_with(b"FLV\x01") {
                self.begin();
                u64::from(u32::from_be_bytes([head[5], head[6], head[7], head[8]])) + 4
            } else if matches!(head[0] & 0x1f, 8 | 9 | 18) {
                u64::from(u32::from_be_bytes([0, head[1], head[2], head[3]])) + 15
            } else {
                break;
            };
            if !self.skip(size)? {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Demuxer, part};

    /// A page of Ogg, with so many bytes of packets.
    fn page(kind: u8, bytes: u8) -> Vec<u8> {
        let mut page = b"OggS\0".to_vec();
        page.push(kind);
        page.extend([0; 20]);
        page.extend([1, bytes]);
        page.extend(vec![b'O'; usize::from(bytes)]);
        page
    }

    #[test]
    fn a_file_made_of_several_is_parted_where_each_begins() {
        let ogg = [page(2, 9), page(2, 9), page(0, 200), page(4, 3)].concat();
        let known = b"\x1a\x45\xdf\xa3\x82aa\x18\x53\x80\x67\x88\x1a\x45\xdf\xa3\x82aab";
        let live = b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff\
                     \x1f\x43\xb6\x75\xff\xe7\x81a\xa3\x84\x1a\x45\xdf\xa3";
        let flv = b"FLV\x01\x05\0\0\0\x09\0\0\0\0\x09\0\0\x04\0\0\0\0\0\0\0FLV\x01\0\0\0\x0f";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("source");
        for (demuxer, one) in [
            (Demuxer::Ogg, &ogg[..]),
            (Demuxer::Matroska, known),
            (Demuxer::Matroska, live),
            (Demuxer::Flv, flv),
        ] {
            for count in 1..4 {
                fs::write(&path, one.repeat(count)).unwrap();
                let parts = part(&path, demuxer).unwrap();
                assert_eq!(parts.len(), count, "{demuxer:?}");
                assert!(parts.iter().all(|file| fs::read(file).unwrap() == one), "{demuxer:?}");
            }
        }
        for length in 0..ogg.len() {
            fs::write(&path, &ogg[..length]).unwrap();
            assert_eq!(part(&path, Demuxer::Ogg).unwrap().len(), 1);
        }
    }
}
