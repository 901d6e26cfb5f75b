//! Changes to a file that a reader has to survive.

use std::ops::Range;

use proptest::prelude::{Strategy, any};
use proptest::prop_oneof;
use proptest::sample::{Index, select};

/// Most bytes that one change moves, so that files stay small.
const MOST: usize = 4096;
/// Headers are at the start or at the end of a file.
const HEADER: usize = 1024;

/// Sizes and counts that programs get wrong.
const NUMBERS: &[u32] =
    &[0, 1, 7, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, u32::MAX];

#[derive(Clone, Debug)]
pub(super) enum Mutation {
    Flip(Place, u8),
    Cut(Place),
    Remove(Place, usize),
    Repeat(Place, usize, u8),
    Exchange(Place, Place, usize),
    /// Bytes of another file.
    Splice(Place, Place, usize),
    Number(Place, u32),
    /// The size of a box, before or after its name.
    Resize(Index, u32, bool),
}

#[derive(Clone, Debug)]
pub(super) enum Place {
    Start(Index),
    End(Index),
    Anywhere(Index),
}

impl Place {
    fn of(&self, length: usize) -> usize {
        let header = length.min(HEADER);
        match self {
            _ if length == 0 => 0,
            Self::Start(index) => index.index(header),
            Self::End(index) => length - 1 - index.index(header),
            Self::Anywhere(index) => index.index(length),
        }
    }

    fn range(&self, length: usize, bytes: usize) -> Range<usize> {
        let start = self.of(length);
        start..(start + bytes).min(length)
    }
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![
        any::<Index>().prop_map(Place::Start),
        any::<Index>().prop_map(Place::End),
        any::<Index>().prop_map(Place::Anywhere),
    ]
}

pub(super) fn mutation() -> impl Strategy<Value = Mutation> {
    let number = || prop_oneof![select(NUMBERS), any::<u32>()];
    let length = || prop_oneof![1..16_usize, 1..MOST];
    prop_oneof![
        3 => (place(), 0_u8..8).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        1 => place().prop_map(Mutation::Cut),
        2 => (place(), length()).prop_map(|(at, bytes)| Mutation::Remove(at, bytes)),
        2 => (place(), length(), 1_u8..4).prop_map(|(at, bytes, n)| Mutation::Repeat(at, bytes, n)),
        2 => (place(), place(), length()).prop_map(|(a, b, n)| Mutation::Exchange(a, b, n)),
        2 => (place(), place(), length()).prop_map(|(a, b, n)| Mutation::Splice(a, b, n)),
        4 => (place(), number()).prop_map(|(at, number)| Mutation::Number(at, number)),
        4 => (any::<Index>(), number(), any::<bool>())
            .prop_map(|(which, size, front)| Mutation::Resize(which, size, front)),
    ]
}

impl Mutation {
    pub(super) fn apply(&self, bytes: &mut Vec<u8>, other: &[u8]) {
        let length = bytes.len();
        match self {
            Self::Flip(at, bit) => {
                bytes.get_mut(at.of(length)).into_iter().for_each(|byte| *byte ^= 1 << bit);
            }
            Self::Cut(at) => bytes.truncate(at.of(length)),
            Self::Remove(at, count) => drop(bytes.drain(at.range(length, *count))),
            Self::Repeat(at, count, times) => {
                let range = at.range(length, *count);
                let again = bytes[range.clone()].repeat((*times).into());
                bytes.splice(range.end..range.end, again);
            }
            Self::Exchange(one, another, count) => {
                let one = bytes[one.range(length, *count)].to_vec();
                let range = another.range(length, *count);
                bytes.splice(range, one);
            }
            Self::Splice(at, from, count) => {
                let at = at.of(length);
                bytes.splice(at..at, other[from.range(other.len(), *count)].iter().copied());
            }
            Self::Number(at, number) => write(bytes, at.of(length), &number.to_be_bytes()),
            Self::Resize(which, size, front) => {
                let names = names(bytes);
                if !names.is_empty() {
                    let name = *which.get(&names);
                    let at = if *front { name - 4 } else { name + 4 };
                    let size = if *front { size.to_be_bytes() } else { size.to_le_bytes() };
                    write(bytes, at, &size);
                }
            }
        }
    }
}

fn write(bytes: &mut [u8], at: usize, number: &[u8]) {
    let places = bytes.iter_mut().skip(at);
    places.zip(number).for_each(|(byte, new)| *byte = *new);
}

/// The positions of four letters that may be the name of a box in MP4, AVI and similar formats.
fn names(bytes: &[u8]) -> Vec<usize> {
    let is_name = |four: &[u8]| four.iter().all(u8::is_ascii_alphanumeric);
    let starts = bytes.windows(4).enumerate().skip(4);
    starts.filter(|(_, four)| is_name(four)).map(|(at, _)| at).collect()
}
