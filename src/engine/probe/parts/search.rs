//! Searches for the start of the next file after one of unknown length.

use std::io::{self, Read};

use super::Walk;

/// Bytes that are read at once.
const WINDOW: usize = 64 * 1024;
/// Length of the longest pattern below.
const LONGEST: usize = 16;
/// Matches any byte.
const ANY: u8 = b'?';

/// The first bytes of an ASF file.
pub(super) const ASF: &[u8; 16] =
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c";

/// First bytes of files, long enough to be unambiguous, each with the number of bytes that precede
/// the pattern.
const BEGINNINGS: [(&[u8], u64); 11] = [
    // A first metadata block of the only length that is valid.
    (b"fLaC\x00\x00\x00\x22", 0),
    (b"fLaC\x80\x00\x00\x22", 0),
    (b"RIFF????WAVE????", 0),
    (b"RF64????WAVEds64", 0),
    (b"RIFF????AVI LIST", 0),
    (b"caff\x00\x01\x00\x00desc", 0),
    (ASF, 0),
    (b".RMF\x00\x00\x00?\x00", 0),
    (b"ftypisom\x00\x00\x02\x00", 4),
    (b"ftypM4A \x00\x00\x02\x00", 4),
    (b"ftypqt  \x00\x00\x02\x00", 4),
];

impl Walk {
    /// Goes on to the first start of a file at or after `from`, or to the end if there is none.
    pub(super) fn search(&mut self, from: u64) -> io::Result<()> {
        self.go_to(from.min(self.length))?;
        let mut window = Vec::with_capacity(WINDOW + LONGEST);
        let mut at = self.at;
        loop {
            let read = self.file.by_ref().take(WINDOW as u64).read_to_end(&mut window)?;
            if let Some((place, before)) = find(&window) {
                return self.go_to((at + place as u64).saturating_sub(before).max(from));
            }
            if read < WINDOW {
                return self.go_to_end();
            }
            let kept = window.len() - (LONGEST - 1);
            window.drain(..kept);
            at += kept as u64;
        }
    }
}

fn find(bytes: &[u8]) -> Option<(usize, u64)> {
    let begins = |place: usize| {
        let rest = &bytes[place..];
        let is = |row: &&(&[u8], u64)| {
            rest.len() >= row.0.len()
                && row.0.iter().zip(rest).all(|(wanted, found)| wanted == &ANY || wanted == found)
        };
        BEGINNINGS.iter().find(is).map(|row| (place, row.1))
    };
    let may_begin = |&place: &usize| matches!(bytes[place], b'f' | b'R' | b'c' | b'.' | 0x30);
    (0..bytes.len()).filter(may_begin).find_map(begins)
}
