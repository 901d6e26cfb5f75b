//! Finds the index of an MP4 file among its boxes.
//!
//! The walk reads only the boxes' headers, from the first to the last, so it finds an index at the
//! end, or one spread over fragments, without reading the media in between.

use std::ops::Range;

use thiserror::Error;

/// Longest header of a box, in bytes.
pub const HEADER: u64 = 16;
/// Most bytes that all boxes other than media may have: the index of some forty hours of film.
const MOST_INDEX: u64 = 64 * 1024 * 1024;
/// Number of boxes up to which a walk is worth it whatever their size.
const FEW_BOXES: u64 = 64;
/// Above that number, the mean box has to be this large: one request costs as much as reading so
/// many bytes.
const WORTH_ASKING: u64 = 2 * 1024 * 1024;

/// Why it is better to read the whole file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unindexed {
    /// The header is not one of a box, or the box ends after the end of the file.
    #[error("the box at byte {0} is damaged, or cut short")]
    Damaged(u64),
    /// There is no movie box.
    #[error("it has no index")]
    Nothing,
    /// Another file begins in the middle, as when two files were joined byte by byte.
    #[error("it is made of several files")]
    Several,
    /// The boxes other than media are too long.
    #[error("its index is too long")]
    Long,
    /// The file has too many short fragments.
    #[error("its index is in too many pieces")]
    Scattered,
}

/// A walk over the boxes of a file.
#[derive(Clone, Debug)]
pub struct Boxes {
    size: u64,
    at: u64,
    index: u64,
    count: u64,
    has_movie: bool,
    /// The kind of the first box. In a file without `ftyp` a second file begins with this kind,
    /// too.
    first: [u8; 4],
}

impl Boxes {
    /// A walk that starts at the first box of a file of `size` bytes.
    #[must_use]
    pub const fn new(size: u64) -> Self {
        Self { size, at: 0, index: 0, count: 0, has_movie: false, first: *b"ftyp" }
    }

    /// The byte range of the next box's header; `None` at the end of the file.
    ///
    /// # Errors
    /// At the end of the file, if it had no index.
    pub fn header(&self) -> Result<Option<Range<u64>>, Unindexed> {
        match (self.at < self.size, self.has_movie) {
            (true, _) => Ok(Some(self.at..self.size.min(self.at + HEADER))),
            (false, true) => Ok(None),
            (false, false) => Err(Unindexed::Nothing),
        }
    }

    /// Steps over the box that has this header. Returns the range of the whole box if it has to be
    /// read.
    ///
    /// # Errors
    /// See [`Unindexed`].
    pub fn step(&mut self, header: &[u8]) -> Result<Option<Range<u64>>, Unindexed> {
        let damaged = Unindexed::Damaged(self.at);
        let (kind, length) = read(header).ok_or(damaged)?;
        // Zero means: up to the end of the file.
        let length = if length == 0 { self.size - self.at } else { length };
        let end = self.at.checked_add(length).filter(|&end| end <= self.size).ok_or(damaged)?;
        let place = self.at..end;
        if self.at == 0 {
            self.first = kind;
        } else if &kind == b"ftyp" || self.has_movie && (&kind == b"moov" || kind == self.first) {
            return Err(Unindexed::Several);
        }
        (self.at, self.count) = (end, self.count + 1);
        if self.count > FEW_BOXES && self.size / self.count < WORTH_ASKING {
            return Err(Unindexed::Scattered);
        }
        if matches!(&kind, b"mdat" | b"free" | b"skip" | b"wide") {
            return Ok(None);
        }
        self.has_movie |= &kind == b"moov";
        self.index += length;
        if self.index > MOST_INDEX { Err(Unindexed::Long) } else { Ok(Some(place)) }
    }
}

/// A box's kind and its length including the header; 0 for "up to the end of the file".
fn read(header: &[u8]) -> Option<([u8; 4], u64)> {
    let (length, rest) = header.split_first_chunk::<4>()?;
    let (kind, rest) = rest.split_first_chunk::<4>()?;
    let (length, least) = match u32::from_be_bytes(*length) {
        1 => (u64::from_be_bytes(*rest.first_chunk::<8>()?), 16),
        length => (length.into(), 8),
    };
    let is_name = kind.iter().all(|byte| byte.is_ascii_graphic() || matches!(byte, b' ' | 0xa9));
    (is_name && (length == 0 || length >= least)).then_some((*kind, length))
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use proptest::prelude::*;

    use super::{Boxes, Unindexed, WORTH_ASKING};

    const MIB: u64 = 1024 * 1024;

    /// Walks a file given as boxes: kind, the length that the header declares (in its long form
    /// above 4 GB), and the file's size.
    fn walk(boxes: &[(&[u8; 4], u64)], size: u64) -> Result<Vec<Range<u64>>, Unindexed> {
        let mut walk = Boxes::new(size);
        let mut found = Vec::new();
        let mut boxes = boxes.iter();
        while let Some(header) = walk.header()? {
            let &(kind, length) = boxes.next().unwrap();
            let mut bytes = match u32::try_from(length) {
                Ok(length) => [&length.to_be_bytes()[..], kind].concat(),
                Err(_) => [&1_u32.to_be_bytes()[..], kind, &length.to_be_bytes()].concat(),
            };
            bytes.resize(usize::try_from(header.end - header.start).unwrap(), 0);
            found.extend(walk.step(&bytes)?);
        }
        Ok(found)
    }

    #[test]
    fn an_index_is_found_wherever_it_is() {
        let front = [(b"ftyp", 32), (b"moov", 1000), (b"free", 8), (b"mdat", 100 * MIB)];
        assert_eq!(walk(&front, 1040 + 100 * MIB).unwrap(), [0..32, 32..1032]);
        let behind = 32 + 5000 * MIB;
        let back = [(b"ftyp", 32), (b"mdat", 5000 * MIB), (b"moov", 1000)];
        assert_eq!(walk(&back, behind + 1000).unwrap(), [0..32, behind..behind + 1000]);
        let open = [(b"moov", 500), (b"mdat", 0)];
        assert_eq!(walk(&open, 100 * MIB).unwrap(), std::slice::from_ref(&(0..500)));
        let fragments =
            [(b"moov", 500), (b"moof", 100), (b"mdat", MIB), (b"moof", 100), (b"mdat", MIB)];
        let second = 600 + MIB;
        let found = walk(&fragments, 2 * MIB + 700).unwrap();
        assert_eq!(found, [0..500, 500..600, second..second + 100]);
    }

    #[test]
    fn an_index_that_is_no_good_is_not_trusted() {
        for (name, boxes, size, expected) in [
            ("none", vec![(b"ftyp", 32), (b"mdat", 100)], 132, Unindexed::Nothing),
            ("cut short", vec![(b"moov", 100), (b"mdat", 100)], 150, Unindexed::Damaged(100)),
            ("beyond", vec![(b"mdat", u64::MAX)], 1000, Unindexed::Damaged(0)),
            ("no length", vec![(b"moov", 100), (b"mdat", 7)], 200, Unindexed::Damaged(100)),
            ("no name", vec![(b"\0\0\0\0", 100)], 200, Unindexed::Damaged(0)),
            ("half a header", vec![(b"moov", 100), (b"mdat", 4)], 104, Unindexed::Damaged(100)),
            ("large", vec![(b"moov", 65 * MIB)], 65 * MIB, Unindexed::Long),
            ("large in all", vec![(b"uuid", 40 * MIB); 2], 80 * MIB, Unindexed::Long),
            ("two files", vec![(b"moov", 100), (b"ftyp", 100)], 200, Unindexed::Several),
            (
                "an old one more",
                vec![(b"mdat", 9), (b"moov", 9), (b"mdat", 9)],
                27,
                Unindexed::Several,
            ),
            ("two old files", vec![(b"moov", 100), (b"moov", 100)], 200, Unindexed::Several),
            ("short", vec![(b"moof", 8); 65], 100 * MIB, Unindexed::Scattered),
        ] {
            assert_eq!(walk(&boxes, size).unwrap_err(), expected, "{name}");
        }
        let long = [vec![(b"moov", WORTH_ASKING)], vec![(b"moof", WORTH_ASKING); 29]].concat();
        assert_eq!(walk(&long, 30 * WORTH_ASKING).unwrap().len(), 30);
    }

    proptest! {
        #[test]
        fn a_walk_over_anything_ends(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut walk = Boxes::new(bytes.len() as u64);
            while let Ok(Some(header)) = walk.header() {
                let header = usize::try_from(header.start).unwrap()..usize::try_from(header.end).unwrap();
                match walk.step(&bytes[header]) {
                    Ok(Some(place)) => prop_assert!(place.end <= bytes.len() as u64),
                    Ok(None) => {}
                    Err(_) => break,
                }
            }
        }
    }
}
