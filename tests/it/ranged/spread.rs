//! MP4 files whose media are far apart, so that the parts that nobody reads need not exist.

use crate::boxes::{boxed, changed, children};

/// Boundaries of the blocks that are fetched one by one.
const BLOCK: usize = 64 * 1024;
const CHUNKS: [&str; 6] = ["moov", "trak", "mdia", "minf", "stbl", "stco"];

/// The place of a file's index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Index {
    Front,
    Behind,
}

/// The file with each chunk of its media in a block of its own.
pub(super) fn spread(file: &[u8], index: Index) -> Vec<u8> {
    let found = |kind: &[u8; 4]| {
        let boxes = children(file);
        let (_, range) = boxes.into_iter().find(|(other, _)| *other == kind).unwrap();
        range
    };
    let (movie, media) = (&file[found(b"moov")], found(b"mdat"));
    let starts = chunks(movie);
    let ends = starts.iter().copied().skip(1).chain([media.end]);
    let head = match index {
        Index::Front => [&file[found(b"ftyp")], movie].concat(),
        Index::Behind => file[found(b"ftyp")].to_vec(),
    };
    let mut bytes = Vec::new();
    let mut moved = Vec::new();
    let first = (head.len() + 8).next_multiple_of(BLOCK);
    for (&start, end) in starts.iter().zip(ends) {
        moved.push((start, first + bytes.len()));
        bytes.extend_from_slice(&file[start..end]);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    }
    let movie =
        with_chunks(movie, &|old| moved[moved.binary_search_by_key(&old, |m| m.0).unwrap()].1);
    let padding = vec![0; first - head.len() - 8];
    let media = boxed("mdat", &[padding, bytes].concat());
    let ftyp = &file[found(b"ftyp")];
    match index {
        Index::Front => [ftyp, &movie, &media].concat(),
        Index::Behind => [ftyp, &media, &movie].concat(),
    }
}

/// The file with free space before each of its fragments, which refer only to their own place.
pub(super) fn spread_fragments(file: &[u8]) -> Vec<u8> {
    let free = boxed("free", &vec![0; 2 * 1024 * 1024]);
    let part = |(kind, range): (&[u8], std::ops::Range<usize>)| match kind {
        b"moof" => [&free, &file[range]].concat(),
        // It contains the former places of the fragments.
        b"mfra" => Vec::new(),
        _ => file[range].to_vec(),
    };
    children(file).into_iter().flat_map(part).collect()
}

/// The places of the chunks of all tracks, in order.
fn chunks(movie: &[u8]) -> Vec<usize> {
    let found = std::cell::RefCell::new(Vec::new());
    with_chunks(movie, &|place| {
        found.borrow_mut().push(place);
        place
    });
    let mut found = found.into_inner();
    found.sort_unstable();
    found
}

/// The movie box with other places of the chunks.
pub(super) fn with_chunks(movie: &[u8], place: &dyn Fn(usize) -> usize) -> Vec<u8> {
    changed(movie, &CHUNKS, &|table| {
        let (head, places) = table.split_at(8);
        let moved = places.chunks_exact(4).flat_map(|old| {
            let old = u32::from_be_bytes(old.try_into().unwrap());
            u32::try_from(place(old as usize)).unwrap().to_be_bytes()
        });
        head.iter().copied().chain(moved).collect()
    })
}
