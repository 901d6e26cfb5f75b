//! Joins fragmented MP4 from several encoders to one stream.
//!
//! Each encoder writes a header (`ftyp`, `moov`), fragments (`moof`, `mdat`) and an index at the
//! end (`mfra`), ISO/IEC 14496-12. The stream keeps the first header and every fragment; the other
//! headers have to equal the first.

use std::io;

/// The largest header, which is kept in memory for comparison.
const LARGEST_HEADER: u64 = 1 << 20;

/// Passes on the output of encoders that run one after the other.
#[derive(Debug, Default)]
pub struct Fragments {
    /// The first encoder's `moov`.
    header: Vec<u8>,
    /// Number of encoders that have ended.
    ended: usize,
    /// A header to use instead of the encoders' headers, which may then differ.
    common: Option<Vec<u8>>,
    /// The header of the box that is being read.
    head: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Between two boxes.
    #[default]
    Head,
    /// Inside a box that is passed on or dropped.
    Body { left: u64, pass: bool },
    /// Inside a `moov`.
    Header { left: u64 },
}

impl Fragments {
    /// Uses this header instead of those of the encoders, which may differ.
    #[must_use]
    pub fn with_header(header: Vec<u8>) -> Self {
        Self { common: Some(header), ..Self::default() }
    }

    /// Adds bytes from the current encoder; writes to `out` what is passed on.
    ///
    /// # Errors
    /// When the bytes are not fragmented MP4, a header differs from the first, or `out` fails.
    pub fn push(
        &mut self,
        mut bytes: &[u8],
        out: &mut impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        while !bytes.is_empty() {
            let taken = match self.state {
                State::Head => self.read_head(bytes, out)?,
                State::Body { left, pass } => {
                    let taken = within(bytes, left);
                    if pass {
                        out(&bytes[..taken])?;
                    }
                    self.state = after(left, taken, |left| State::Body { left, pass });
                    taken
                }
                State::Header { left } => {
                    let taken = within(bytes, left);
                    self.head.extend_from_slice(&bytes[..taken]);
                    self.state = after(left, taken, |left| State::Header { left });
                    if self.state == State::Head {
                        self.end_header(out)?;
                    }
                    taken
                }
            };
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    /// Ends the current encoder's stream; another encoder may follow.
    ///
    /// # Errors
    /// When it ended inside a box.
    pub fn end(&mut self) -> io::Result<()> {
        self.ended += 1;
        if self.state == State::Head && self.head.is_empty() {
            Ok(())
        } else {
            Err(io::Error::other("the rendered video ends inside a box"))
        }
    }

    fn read_head(
        &mut self,
        bytes: &[u8],
        out: &mut impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<usize> {
        let wanted = if self.has_long_size() { 16 } else { 8 };
        let taken = bytes.len().min(wanted - self.head.len());
        self.head.extend_from_slice(&bytes[..taken]);
        if self.head.len() < wanted || (wanted == 8 && self.has_long_size()) {
            return Ok(taken);
        }
        let size = if wanted == 16 { number(&self.head[8..]) } else { number(&self.head[..4]) };
        let left = size.checked_sub(self.head.len() as u64);
        let left =
            left.ok_or_else(|| io::Error::other("a box of the rendered video has no size"))?;
        match &self.head[4..8] {
            b"moov" if left <= LARGEST_HEADER => self.state = State::Header { left },
            b"moov" => return Err(io::Error::other("the rendered video's header is too large")),
            kind => {
                let pass = kind == b"moof" || kind == b"mdat" || kind == b"ftyp" && self.ended == 0;
                if pass {
                    out(&self.head)?;
                }
                self.head.clear();
                self.state = if left == 0 { State::Head } else { State::Body { left, pass } };
            }
        }
        Ok(taken)
    }

    fn has_long_size(&self) -> bool {
        self.head.len() >= 8 && number(&self.head[..4]) == 1
    }

    fn end_header(&mut self, out: &mut impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let header = std::mem::take(&mut self.head);
        if let Some(common) = &self.common {
            if self.ended == 0 {
                out(common)?;
            }
        } else if self.ended == 0 {
            out(&header)?;
            self.header = header;
        } else if self.header != header {
            return Err(io::Error::other("the chunks' headers differ: they can't be joined"));
        }
        Ok(())
    }
}

fn within(bytes: &[u8], left: u64) -> usize {
    usize::try_from(left).map_or(bytes.len(), |left| bytes.len().min(left))
}

fn after(left: u64, taken: usize, more: impl Fn(u64) -> State) -> State {
    match left - taken as u64 {
        0 => State::Head,
        left => more(left),
    }
}

/// The header in the first bytes that an encoder writes.
///
/// # Errors
/// When there is none.
pub fn header(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut fragments = Fragments::default();
    fragments.push(bytes, &mut |_: &[u8]| Ok(()))?;
    if fragments.header.is_empty() {
        return Err(io::Error::other("the rendered video has no header"));
    }
    Ok(fragments.header)
}

/// A big-endian number.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Fragments;

    fn boxed(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len() + 8).unwrap();
        [&size.to_be_bytes(), &kind[..], body].concat()
    }

    fn encoder(header: &[u8], fragment: &[u8]) -> Vec<u8> {
        let long = [&1_u32.to_be_bytes()[..], b"mdat", &20_u64.to_be_bytes(), b"long"].concat();
        let parts =
            [boxed(*b"ftyp", b"isom"), boxed(*b"moov", header), boxed(*b"moof", fragment), long];
        [parts.concat(), boxed(*b"mfra", b"index")].concat()
    }

    fn joined(encoders: &[Vec<u8>], step: usize) -> std::io::Result<Vec<u8>> {
        let mut stream = Vec::new();
        let mut fragments = Fragments::default();
        for bytes in encoders {
            for piece in bytes.chunks(step) {
                fragments.push(piece, &mut |bytes: &[u8]| {
                    stream.extend_from_slice(bytes);
                    Ok(())
                })?;
            }
            fragments.end()?;
        }
        Ok(stream)
    }

    proptest! {
        #[test]
        fn one_header_and_every_fragment_are_passed_on(step in 1..64_usize) {
            let all = joined(&[encoder(b"h", b"one"), encoder(b"h", b"two")], step).unwrap();
            let one = joined(&[encoder(b"h", b"one")], 1000).unwrap();
            let two = joined(&[encoder(b"h", b"two")], 1000).unwrap();
            let header = boxed(*b"ftyp", b"isom").len() + boxed(*b"moov", b"h").len();
            prop_assert_eq!(all, [&one[..], &two[header..]].concat());
        }

        #[test]
        fn anything_else_is_an_error_and_no_panic(bytes: Vec<u8>, step in 1..9_usize) {
            let _ = joined(&[bytes], step);
        }
    }

    #[test]
    fn a_common_header_stands_for_those_that_differ() {
        let other = boxed(*b"moov", b"common");
        let mut fragments = Fragments::with_header(other.clone());
        let mut stream = Vec::new();
        for bytes in [encoder(b"h", b"one"), encoder(b"i", b"two")] {
            let mut out = |bytes: &[u8]| {
                stream.extend_from_slice(bytes);
                Ok(())
            };
            fragments.push(&bytes, &mut out).unwrap();
            fragments.end().unwrap();
        }
        let same = joined(&[encoder(b"common", b"one"), encoder(b"common", b"two")], 1000).unwrap();
        assert_eq!(stream, same);
        assert_eq!(super::header(&encoder(b"common", b"one")).unwrap(), other);
        assert!(super::header(&boxed(*b"ftyp", b"isom")).is_err());
    }

    #[test]
    fn chunks_of_other_headers_and_broken_ones_are_refused() {
        let other = joined(&[encoder(b"h", b"one"), encoder(b"i", b"two")], 7).unwrap_err();
        assert!(other.to_string().contains("headers differ"), "{other}");
        let whole = encoder(b"h", b"one");
        let broken = joined(&[whole[..whole.len() - 1].to_vec()], 7).unwrap_err();
        assert!(broken.to_string().contains("inside a box"), "{broken}");
    }
}
