//! EBML: nested elements, each of which has an identifier, a size and a body.

/// The header of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: u32,
    /// Bytes of the header.
    pub(super) length: u64,
    /// Bytes of the body; `None` if the writer did not know it.
    pub(super) size: Option<u64>,
}

impl Header {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let id_length = length(bytes, 4)?;
        let id = bytes.get(..id_length)?.iter().fold(0, |id, &byte| id << 8 | u32::from(byte));
        let rest = bytes.get(id_length..)?;
        let size_length = length(rest, 8)?;
        let size = number(rest.get(..size_length)?)?;
        // The position of the first set bit gives the number's length. All other bits set means an
        // unknown size.
        let marker = 1_u64 << (7 * size_length);
        let size = size & (marker - 1);
        let size = (size != marker - 1).then_some(size);
        Some(Self { id, length: (id_length + size_length) as u64, size })
    }
}

/// The length of the number that begins here.
fn length(bytes: &[u8], most: usize) -> Option<usize> {
    let length = bytes.first()?.leading_zeros() as usize + 1;
    (length <= most).then_some(length)
}

/// An unsigned number.
pub(super) fn number(bytes: &[u8]) -> Option<u64> {
    let fits = bytes.len() <= 8;
    fits.then(|| bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}

/// The elements in a body, each with its own body. If the body is damaged, the last one has no
/// identifier.
pub(super) fn children(mut body: &[u8]) -> impl Iterator<Item = (Option<u32>, &[u8])> {
    std::iter::from_fn(move || {
        if body.is_empty() {
            return None;
        }
        let (id, child, rest) = match split(body) {
            Some((id, child, rest)) => (Some(id), child, rest),
            None => (None, body, &[][..]),
        };
        body = rest;
        Some((id, child))
    })
}

fn split(body: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let Header { id, length, size } = Header::read(body)?;
    let rest = body.get(usize::try_from(length).ok()?..)?;
    let (child, rest) = rest.split_at_checked(usize::try_from(size?).ok()?)?;
    Some((id, child, rest))
}
