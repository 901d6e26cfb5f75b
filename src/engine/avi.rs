//! AVI files without what old players report as an error.
//!
//! The encoder of FLAC ends with a packet of no bytes, which tells what its header should have said.
//! The muxer of AVI writes it as a block of audio, and ffmpeg before its version 7 can't decode it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Bytes of an entry of the index: a name, flags, a place, and a size.
const ENTRY: usize = 16;
/// The last block of audio is among these entries.
const LAST_ENTRIES: u64 = 4096;
/// Of a chunk: a name and a size.
const HEADER: u64 = 8;
/// Of a stream's header list before the stream's header, and in that before its count of blocks.
const COUNT_AT: u64 = 12 + HEADER + 32;

/// The chunks of a file that count here: where each begins, and how many bytes it holds.
#[derive(Default)]
struct Chunks {
    streams: Vec<u64>,
    blocks: Option<u64>,
    index: Option<(u64, u64)>,
}

/// Takes an empty block from the end of the audio, where there is one.
///
/// A file of more than 1 GB, which has further parts and an index in each, is left as it is.
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
    // Behind `RIFF`, a size, and `AVI `.
    let mut at = 12;
    while at + HEADER + 4 <= length {
        let (name, size) = header(file, at)?;
        let mut kind = [0; 4];
        file.read_exact(&mut kind)?;
        match (&name, &kind) {
            (b"LIST", b"hdrl") => {
                // Into it.
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

/// Little-endian.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

fn write(file: &mut File, at: u64, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)
}

/// Lowers a number of four bytes.
fn lower(file: &mut File, at: u64, less: u64) -> io::Result<()> {
    let mut bytes = [0; 4];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes)?;
    let lowered = u32::try_from(number(&bytes).saturating_sub(less)).map_err(io::Error::other)?;
    write(file, at, &lowered.to_le_bytes())
}
