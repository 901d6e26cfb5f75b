//! Assembly: an object of bytes of which the most are stored already.
//!
//! Storage copies parts of other objects by itself, but no part may be small, except for the last. So
//! what is new takes some of its neighbours' bytes with it: these are fetched, and sent again.

use crate::object::{ETag, ObjectUri};

pub(super) const MIB: u64 = 1024 * 1024;
/// Largest file that goes in one request, and least size of a part that is sent.
pub(super) const PART_SIZE: u64 = 16 * MIB;
/// Storage takes no more parts than this.
pub(super) const MAX_PARTS: u64 = 10_000;
/// Storage takes no smaller parts, except for the last.
const LEAST_PART: u64 = 5 * MIB;
/// Storage copies several parts at once faster than one large one.
const LARGEST_COPY: u64 = 256 * MIB;

/// A part of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedPart {
    /// Bytes.
    pub length: u64,
    /// Where they come from.
    pub from: PartOf,
}

/// Where a part comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartOf {
    /// The file, at the part's own place.
    File,
    /// Another object.
    Object {
        /// Which.
        uri: ObjectUri,
        /// Its content.
        etag: ETag,
        /// Where the bytes begin in it.
        start: u64,
    },
}

/// A run of bytes of the object that is put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bytes {
    /// They are in the file.
    Here(u64),
    /// They are a whole object.
    Stored {
        /// Which.
        uri: ObjectUri,
        /// Its content.
        etag: ETag,
        /// Its bytes.
        length: u64,
    },
}

/// Bytes of an object that have to be in the file after all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Which run of bytes they are the start of.
    pub run: usize,
    /// How many.
    pub length: u64,
    /// Where they belong in the file.
    pub at: u64,
}

/// How an object is put together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assembly {
    /// Its parts; none where the file is so small that it goes in one request.
    pub parts: Vec<PlannedPart>,
    /// What has to be fetched first.
    pub wanted: Vec<Wanted>,
}

impl Assembly {
    /// Of these bytes, in their order.
    #[must_use]
    pub fn of(runs: &[Bytes]) -> Self {
        let total: u64 = runs.iter().map(Bytes::length).sum();
        // Of parts of this size there can't be too many.
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

    /// Ends the part that has new bytes.
    fn close(&mut self, open: &mut u64, least: u64) {
        self.add(std::mem::take(open), PART_SIZE.max(2 * least), |_| PartOf::File);
    }

    /// Adds parts of about the same size, none of them larger.
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

    /// Where each byte of the object comes from: the run, and the place in it.
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
        // However many there are, storage takes them all.
        let many: Vec<Bytes> =
            (0..20_000).map(|index| run(index, index % 2 == 0, 6 * MIB)).collect();
        check(&many).unwrap();
    }
}
