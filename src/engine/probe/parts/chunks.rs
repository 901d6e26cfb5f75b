//! Formats that consist of chunks with a length each.

use std::io;

use super::Walk;
use super::search::ASF;
use crate::media::Demuxer;

/// Length of an AMR frame after its first byte, by frame type, 3GPP TS 26.101 and 26.201.
const NARROW: [u64; 16] = [12, 13, 15, 17, 19, 20, 26, 31, 5, 6, 5, 5, 0, 0, 0, 0];
const WIDE: [u64; 16] = [17, 23, 32, 36, 40, 46, 50, 58, 60, 5, 0, 0, 0, 0, 0, 0];

/// The key of an MXF header partition, SMPTE 377-1, without its last two bytes.
const HEADER_PARTITION: [u8; 14] = [6, 14, 43, 52, 2, 5, 1, 1, 13, 1, 2, 1, 1, 2];
const KEY: [u8; 4] = [6, 14, 43, 52];

impl Walk {
    /// Boxes. A file begins with `ftyp` or, in old files, with the same kind of box as the first
    /// file.
    pub(super) fn mov(&mut self) -> io::Result<()> {
        let mut indexed = false;
        let mut first = *b"ftyp";
        while let Some(head) = self.peek::<8>()? {
            let [size, kind] =
                [&head[..4], &head[4..]].map(|four| [four[0], four[1], four[2], four[3]]);
            if !kind.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') {
                return Ok(());
            }
            if self.is_at_begin() {
                first = kind;
            } else if kind == *b"ftyp" || indexed && first != *b"ftyp" && kind == first {
                self.begin();
                (indexed, first) = (false, kind);
            }
            indexed |= kind == *b"moov";
            let size = match u32::from_be_bytes(size) {
                0 => u64::MAX,
                1 => self.peek::<16>()?.map_or(u64::MAX, |head| number(&head[8..], false)),
                size => u64::from(size),
            };
            if size < 8 {
                return Ok(());
            }
            if !self.skip(size)? {
                break;
            }
        }
        Ok(())
    }

    /// A file is one chunk, except a long AVI file, which has several.
    pub(super) fn riff(&mut self, demuxer: Demuxer) -> io::Result<()> {
        let kind = if demuxer == Demuxer::Avi { b"AVI " } else { b"WAVE" };
        while let Some(head) = self.peek::<12>()? {
            let (begins, goes_on) = (&head[8..] == kind, &head[8..] == b"AVIX");
            if !matches!(&head[..4], b"RIFF" | b"RF64" | b"BW64") || !begins && !goes_on {
                return Ok(());
            }
            if begins {
                self.begin();
            }
            let from = self.at;
            let size = match self.peek::<28>()? {
                Some(long) if &long[..4] != b"RIFF" && &long[12..16] == b"ds64" => {
                    number(&long[20..28], true)
                }
                _ => number(&head[4..8], true),
            };
            let size = size.saturating_add(8);
            if !self.skip(size.saturating_add(size & 1))? {
                // The size was unknown when the chunk was begun.
                return self.search(from + 12);
            }
        }
        self.go_to_end()
    }

    pub(super) fn aiff(&mut self) -> io::Result<()> {
        while let Some(head) = self.peek::<12>()? {
            if &head[..4] != b"FORM" || !matches!(&head[8..], b"AIFF" | b"AIFC") {
                return Ok(());
            }
            self.begin();
            let size = number(&head[4..8], false);
            if !self.skip(size + 8 + (size & 1))? {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn caf(&mut self) -> io::Result<()> {
        while let Some(head) = self.peek::<12>()? {
            let size = if head.starts_with(b"caff") {
                self.begin();
                8
            } else if head[..4].iter().all(u8::is_ascii_graphic) {
                number(&head[4..12], false).saturating_add(12)
            } else {
                return Ok(());
            };
            let from = self.at;
            if !self.skip(size)? {
                return self.search(from + 12);
            }
        }
        self.go_to_end()
    }

    pub(super) fn wave64(&mut self) -> io::Result<()> {
        while let Some(head) = self.peek::<24>()? {
            if !head.starts_with(b"riff\x2e\x91\xcf\x11") {
                return Ok(());
            }
            self.begin();
            let size = number(&head[16..], true);
            if size < 24 || !self.skip(size.saturating_add(7) & !7)? {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn asf(&mut self) -> io::Result<()> {
        while let Some(head) = self.peek::<24>()? {
            if head.starts_with(ASF) {
                self.begin();
            } else if head.starts_with(&[0; 16]) {
                return Ok(());
            }
            let (from, size) = (self.at, number(&head[16..], true));
            if size < 24 || !self.skip(size)? {
                return self.search(from + 24);
            }
        }
        self.go_to_end()
    }

    pub(super) fn mxf(&mut self) -> io::Result<()> {
        while let Some(head) = self.peek::<17>()? {
            if !head.starts_with(&KEY) {
                return Ok(());
            }
            if head.starts_with(&HEADER_PARTITION) {
                self.begin();
            }
            let bytes = usize::from(head[16] & 0x7f);
            let size = match (head[16] < 0x80, self.peek::<25>()?) {
                (true, _) => u64::from(head[16]) + 17,
                (false, Some(long)) if (1..=8).contains(&bytes) => {
                    number(&long[17..17 + bytes], false).saturating_add(17 + bytes as u64)
                }
                _ => break,
            };
            if !self.skip(size)? {
                break;
            }
        }
        self.go_to_end()
    }

    /// FLAC frames don't store their length: after the metadata, the next file is searched for.
    pub(super) fn flac(&mut self) -> io::Result<()> {
        self.begin();
        let mut goes_on = self.skip(4)?;
        while goes_on && let Some(head) = self.peek::<4>()? {
            goes_on = self.skip(number(&head[1..], false) + 4)? && head[0] & 0x80 == 0;
        }
        self.search(self.at)
    }

    /// Chunks may have another length than they declare: after the first, the next file is searched
    /// for.
    pub(super) fn real_media(&mut self) -> io::Result<()> {
        self.begin();
        self.search(self.at + 10)
    }

    pub(super) fn amr(&mut self) -> io::Result<()> {
        let mut lengths = &NARROW;
        while let Some([byte]) = self.peek()? {
            let size = if byte == b'#' {
                let wide = self.peek()?.is_some_and(|head: [u8; 9]| &head == b"#!AMR-WB\n");
                if !wide && self.peek()?.is_none_or(|head: [u8; 6]| &head != b"#!AMR\n") {
                    break;
                }
                self.begin();
                lengths = if wide { &WIDE } else { &NARROW };
                if wide { 9 } else { 6 }
            } else {
                lengths[usize::from(byte >> 3 & 15)] + 1
            };
            if !self.skip(size)? {
                break;
            }
        }
        self.go_to_end()
    }
}

fn number(bytes: &[u8], little: bool) -> u64 {
    let add = |sum: u64, &byte: &u8| sum << 8 | u64::from(byte);
    if little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) }
}
