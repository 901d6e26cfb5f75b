//! Removes a packet from AVI files that old players report as an error.
//!
//! The FLAC encoder ends with an empty packet that carries an updated header. The AVI muxer writes
//! it as a block of audio, which ffmpeg before version 7 can't decode.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Length of an index entry: name, flags, place, and size.
const ENTRY: usize = 16;
/// How many entries at the end of the index are searched for the last block of audio.
const LAST_ENTRIES: u64 = 4096;
/// Length of a chunk's header: name and size.
const HEADER: u64 = 8;
/// Offset of the block count in a stream's header list: the list's own header, the header of the
/// `strh` chunk, and the fields before the count.
const COUNT_AT: u64 = 12 + HEADER + 32;

/// The places of the chunks that are needed here.
#[derive(Default)]
struct Chunks {
    streams: Vec<u64>,
    blocks: Option<u64>,
    index: Option<(u64, u64)>,
}

/// Removes an empty block at the end of the audio, if there is one.
///
/// A file of more than 1 GB, which has further parts with an index each, is left as it is.
///
/// # Errors
/// When the file can't be read or written.
pub(super) fn without_empty_end(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let chunks = chunks(&mut file, length)?;
    let (Some(blocks), Some((index, size))) = (chunks.blocks, chunks.index) else {
        return Ok(());
    };
    if index + HEADER + size != length {
        return Ok(());
    }
    let read = size.min(LAST_ENTRIES * ENTRY as u64);
    let mut entries = vec![0; usize::try_from(read).map_err(io::Error::other)?];
    file.seek(SeekFrom::Start(length - read))?;
    file.read_exact(&mut entries)?;
    let last = entries.chunks_exact(ENTRY).rposition(|entry| &entry[2..4] == b"wb");
    let Some(at) = last.map(|number| number * ENTRY) else { return Ok(()) };
    let entry: Vec<u8> = entries.drain(at..at + ENTRY).collect();
    let block = blocks + HEADER + number(&entry[8..12]);
    let stream = std::str::from_utf8(&entry[..2]).ok().and_then(|digits| digits.parse().ok());
    let own = stream.and_then(|stream: usize| chunks.streams.get(stream));
    let (Some(own), (name, 0)) = (own, header(&mut file, block)?) else { return Ok(()) };
    if name != entry[..4] {
        return Ok(());
    }
    write(&mut file, block, b"JUNK")?;
    write(&mut file, length - read, &entries)?;
    for (at, less) in [(4, ENTRY), (index + 4, ENTRY), (own + COUNT_AT, 1)] {
        lower(&mut file, at, less as u64)?;
    }
    file.set_len(length - ENTRY as u64)
}

fn chunks(file: &mut File, length: u64) -> io::Result<Chunks> {
    let mut found = Chunks::default();
    // After `RIFF`, a size, and `AVI `.
    let mut at = 12;
    while at + HEADER + 4 <= length {
        let (name, size) = header(file, at)?;
        let mut kind = [0; 4];
        file.read_exact(&mut kind)?;
        match (&name, &kind) {
            (b"LIST", b"hdrl") => {
                // Goes on inside the list.
                at += HEADER + 4;
                continue;
            }
            (b"LIST", b"strl") => found.streams.push(at),
            (b"LIST", b"movi") => found.blocks = Some(at),
            (b"idx1", _) => found.index = Some((at, size)),
            _ => {}
        }
        at += HEADER + size + size % 2;
    }
    Ok(found)
}

fn header(file: &mut File, at: u64) -> io::Result<([u8; 4], u64)> {
    let mut bytes = [0; 8];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes)?;
    let [a, b, c, d, ..] = bytes;
    Ok(([a, b, c, d], number(&bytes[4..])))
}

/// A little-endian number.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

fn write(file: &mut File, at: u64, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)
}

/// Subtracts from a number of four bytes.
fn lower(file: &mut File, at: u64, less: u64) -> io::Result<()> {
    let mut bytes = [0; 4];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes)?;
    let lowered = u32::try_from(number(&bytes).saturating_sub(less)).map_err(io::Error::other)?;
    write(file, at, &lowered.to_le_bytes())
}
