//! Assembles an object, most of whose bytes are already stored.
//!
//! Storage can copy parts of other objects, but no part except the last may be small. So a part
//! with new bytes also takes bytes of the adjacent stored objects, which are downloaded and
//! uploaded again.

use crate::object::{ETag, ObjectUri};

pub(super) const MIB: u64 = 1024 * 1024;
/// The largest file that is sent in one request, and the least size of uploaded parts.
pub(super) const PART_SIZE: u64 = 16 * MIB;
/// The most parts that storage accepts.
pub(super) const MAX_PARTS: u64 = 10_000;
/// The least size of a part that storage accepts, except for the last part.
const LEAST_PART: u64 = 5 * MIB;
/// Storage copies several parts in parallel faster than one large part.
const LARGEST_COPY: u64 = 256 * MIB;

/// A part of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedPart {
    /// Number of bytes.
    pub length: u64,
    /// Where the bytes come from.
    pub from: PartOf,
}

/// Where a part comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartOf {
    /// From the local file, at the part's own offset.
    File,
    /// Another object.
    Object {
        /// The object.
        uri: ObjectUri,
        /// Its entity tag.
        etag: ETag,
        /// Offset of the bytes in it.
        start: u64,
    },
}

/// A run of bytes of the assembled object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bytes {
    /// New bytes, in the local file.
    Here(u64),
    /// A whole stored object.
    Stored {
        /// The object.
        uri: ObjectUri,
        /// Its entity tag.
        etag: ETag,
        /// Its length in bytes.
        length: u64,
    },
}

/// Bytes of a stored object that have to be downloaded into the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The run of bytes that they begin.
    pub run: usize,
    /// Number of bytes.
    pub length: u64,
    /// Their offset in the file.
    pub at: u64,
}

/// How an object is assembled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assembly {
    /// Its parts; empty if the file is so small that it is sent in one request.
    pub parts: Vec<PlannedPart>,
    /// The bytes to download first.
    pub wanted: Vec<Wanted>,
}

impl Assembly {
    /// Plans the assembly of these runs of bytes, in order.
    #[must_use]
    pub fn of(runs: &[Bytes]) -> Self {
        let total: u64 = runs.iter().map(Bytes::length).sum();
        // With parts of at least this size, there can't be too many.
        let least = LEAST_PART.max(total.div_ceil(MAX_PARTS / 2));
        let (mut assembly, mut at, mut open) = (Self::default(), 0, 0);
        for (run, bytes) in runs.iter().enumerate() {
            let length = bytes.length();
            if let Bytes::Stored { uri, etag, .. } = bytes {
                let missing = if open == 0 { 0 } else { least.saturating_sub(open) };
                let copied = length.saturating_sub(missing);
                let copied = if copied >= least && total > PART_SIZE { copied } else { 0 };
                let fetched = length - copied;
                if fetched > 0 {
                    assembly.wanted.push(Wanted { run, length: fetched, at });
                }
                open += fetched;
                if copied > 0 {
                    assembly.close(&mut open, least);
                    let from = |start| PartOf::Object {
                        uri: uri.clone(),
                        etag: etag.clone(),
                        start: fetched + start,
                    };
                    assembly.add(copied, LARGEST_COPY.max(2 * least), from);
                }
            } else {
                open += length;
            }
            at += length;
        }
        assembly.close(&mut open, least);
        if total <= PART_SIZE {
            assembly.parts.clear();
        }
        assembly
    }

    /// Ends the current part of new bytes.
    fn close(&mut self, open: &mut u64, least: u64) {
        self.add(std::mem::take(open), PART_SIZE.max(2 * least), |_| PartOf::File);
    }

    /// Adds parts of about equal size, none larger than `largest`.
    fn add(&mut self, length: u64, largest: u64, from: impl Fn(u64) -> PartOf) {
        let count = length.div_ceil(largest);
        let mut start = 0;
        for part in 1..=count {
            let end = u64::try_from(u128::from(length) * u128::from(part) / u128::from(count))
                .expect("it is a part of the length");
            self.parts.push(PlannedPart { length: end - start, from: from(start) });
            start = end;
        }
    }
}

impl Bytes {
    const fn length(&self) -> u64 {
        match self {
            Self::Here(length) | Self::Stored { length, .. } => *length,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Assembly, Bytes, LEAST_PART, MAX_PARTS, MIB, PART_SIZE, PartOf};
    use crate::object::{ETag, ObjectUri};

    fn run(index: usize, is_here: bool, length: u64) -> Bytes {
        if is_here {
            return Bytes::Here(length);
        }
        let uri = ObjectUri::named("bucket", index.to_string()).unwrap();
        Bytes::Stored { uri, etag: ETag::new("e"), length }
    }

    /// For each byte of the object: its run, and the offset in the run.
    fn check(runs: &[Bytes]) -> Result<Assembly, TestCaseError> {
        let assembly = Assembly::of(runs);
        let total: u64 = runs.iter().map(Bytes::length).sum();
        let starts: Vec<u64> = runs
            .iter()
            .scan(0, |next, run| Some(std::mem::replace(next, *next + run.length())))
            .collect();
        let mut holes: Vec<(u64, u64)> = Vec::new();
        for (index, run) in
            runs.iter().enumerate().filter(|(_, run)| matches!(run, Bytes::Stored { .. }))
        {
            let wanted = assembly.wanted.iter().find(|wanted| wanted.run == index);
            let fetched = wanted.map_or(0, |wanted| wanted.length);
            prop_assert!(wanted.is_none_or(|wanted| wanted.at == starts[index]));
            prop_assert!(fetched <= run.length());
            holes.push((starts[index] + fetched, starts[index] + run.length()));
        }
        if assembly.parts.is_empty() {
            prop_assert!(total <= PART_SIZE && holes.iter().all(|(start, end)| start == end));
            return Ok(assembly);
        }
        let mut at = 0;
        for (number, part) in assembly.parts.iter().enumerate() {
            let end = at + part.length;
            let is_last = number + 1 == assembly.parts.len();
            prop_assert!(part.length >= LEAST_PART || is_last && part.length > 0);
            match &part.from {
                PartOf::File => {
                    prop_assert!(
                        holes.iter().all(|hole| hole.0 >= end || hole.1 <= at || hole.0 == hole.1)
                    );
                }
                PartOf::Object { uri, start, .. } => {
                    let index: usize = uri.key.parse().unwrap();
                    prop_assert_eq!(starts[index] + start, at);
                    prop_assert!(start + part.length <= runs[index].length());
                }
            }
            at = end;
        }
        prop_assert_eq!(at, total);
        prop_assert!(assembly.parts.len() as u64 <= MAX_PARTS);
        Ok(assembly)
    }

    proptest! {
        #[test]
        fn every_byte_has_its_part_and_no_part_is_too_small(
            runs in prop::collection::vec((any::<bool>(), 0..40 * MIB), 1..40)
        ) {
            let runs: Vec<Bytes> =
                runs.iter().enumerate().map(|(index, run)| super::tests::run(index, run.0, run.1)).collect();
            check(&runs)?;
        }
    }

    #[test]
    fn most_of_what_is_stored_is_copied() {
        let runs: Vec<Bytes> = (0..81)
            .map(|index| run(index, index % 2 == 0, if index % 2 == 0 { MIB } else { 40 * MIB }))
            .collect();
        let assembly = check(&runs).unwrap();
        let fetched: u64 = assembly.wanted.iter().map(|wanted| wanted.length).sum();
        assert_eq!(fetched, 40 * 4 * MIB);
        // Storage accepts the parts of any number of runs.
        let many: Vec<Bytes> =
            (0..20_000).map(|index| run(index, index % 2 == 0, 6 * MIB)).collect();
        check(&many).unwrap();
    }
}
