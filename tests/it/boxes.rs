//! Changes payloads of boxes in an MP4 file, and the sizes of all boxes around them. The media have
//! to come first, or their offsets would no longer be right.

use std::ops::Range;

/// A box of this kind.
pub(crate) fn boxed(kind: &str, payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(8 + payload.len()).unwrap();
    [&size.to_be_bytes(), kind.as_bytes(), payload].concat()
}

/// Every box in `bytes`, with its type.
pub(crate) fn children(bytes: &[u8]) -> Vec<(&[u8], Range<usize>)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(head) = bytes.get(at..at + 8) {
        let size = u32::from_be_bytes(head[..4].try_into().unwrap()) as usize;
        let end = (at + size.max(8)).min(bytes.len());
        found.push((&head[4..], at..end));
        at = end;
    }
    found
}

/// The bytes with the payload of every box at `path` changed.
pub(crate) fn changed(bytes: &[u8], path: &[&str], change: &dyn Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let Some((first, rest)) = path.split_first() else {
        return change(bytes);
    };
    let change_one = |(kind, range): (&[u8], Range<usize>)| {
        if kind == first.as_bytes() {
            boxed(first, &changed(&bytes[range.start + 8..range.end], rest, change))
        } else {
            bytes[range].to_vec()
        }
    };
    children(bytes).into_iter().flat_map(change_one).collect()
}

/// The bytes with a big-endian number written at this place.
pub(crate) fn with_number(bytes: &[u8], at: usize, number: u32) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at..at + 4].copy_from_slice(&number.to_be_bytes());
    bytes
}
