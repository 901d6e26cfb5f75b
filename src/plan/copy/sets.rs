//! Parameter sets of H.264 in the header of an MP4 file, which holds those of copied groups and our
//! own together, ISO/IEC 14496-15.

use std::collections::BTreeSet;

/// The nested boxes that lead to the parameter sets, each with the number of bytes in it before the
/// next box.
const WAY: [(&[u8; 4], usize); 8] = [
    (b"moov", 8),
    (b"trak", 8),
    (b"mdia", 8),
    (b"minf", 8),
    (b"stbl", 8),
    (b"stsd", 16),
    (b"avc1", 86),
    (b"avcC", 8),
];
/// Length of the part of an `avcC` box that precedes the parameter sets.
const FIXED: usize = 5;

/// The parameter sets of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sets {
    /// Version, profile, compatibility, level, and the size of the length fields.
    fixed: [u8; FIXED],
    sequence: Vec<Vec<u8>>,
    picture: Vec<Vec<u8>>,
    /// The bytes after the parameter sets.
    rest: Vec<u8>,
}

impl Sets {
    /// The sets of a `moov` box; `None` if it has none.
    #[must_use]
    pub fn of(moov: &[u8]) -> Option<Self> {
        let (_, mut body) = find(moov)?;
        let fixed = take(&mut body, FIXED)?.try_into().ok()?;
        let count = take(&mut body, 1)?[0] & 0x1f;
        let sequence = (0..count).map(|_| unit(&mut body)).collect::<Option<Vec<_>>>()?;
        let count = take(&mut body, 1)?[0];
        let picture = (0..count).map(|_| unit(&mut body)).collect::<Option<Vec<_>>>()?;
        Some(Self { fixed, sequence, picture, rest: body.to_vec() })
    }

    /// A number that no set uses.
    #[must_use]
    pub fn free_number(&self) -> Option<u8> {
        // Bytes before the number: the unit's header, and in a sequence set also profile,
        // constraints, and level.
        let sequence = self.sequence.iter().map(|set| number(set, 4));
        let picture = self.picture.iter().map(|set| number(set, 1));
        let taken: Option<BTreeSet<u32>> = sequence.chain(picture).collect();
        let taken = taken?;
        (0..32).find(|number| !taken.contains(&u32::from(*number)))
    }

    /// The number of its first sequence set.
    #[must_use]
    pub fn first_number(&self) -> Option<u8> {
        u8::try_from(number(self.sequence.first()?, 4)?).ok()
    }

    /// The header `moov` with the sets of both.
    #[must_use]
    pub fn join(&self, other: &Self, moov: &[u8]) -> Option<Vec<u8>> {
        let mut fixed = self.fixed;
        fixed[3] = fixed[3].max(other.fixed[3]);
        let mut body = fixed.to_vec();
        for (mine, theirs, mark) in
            [(&self.sequence, &other.sequence, 0xe0), (&self.picture, &other.picture, 0)]
        {
            let all: Vec<&Vec<u8>> =
                mine.iter().chain(theirs.iter().filter(|set| !mine.contains(set))).collect();
            let count = u8::try_from(all.len()).ok().filter(|&count| count < 32)?;
            body.push(mark | count);
            for set in all {
                body.extend(u16::try_from(set.len()).ok()?.to_be_bytes());
                body.extend(set);
            }
        }
        body.extend(&self.rest);
        replace(moov, &body)
    }
}

/// The offsets of these boxes, and the body of the innermost one.
fn find(moov: &[u8]) -> Option<(Vec<usize>, &[u8])> {
    let mut starts = Vec::new();
    let (mut at, mut end) = (0, moov.len());
    for (kind, before) in WAY {
        loop {
            let head = moov.get(at..end)?.get(..8)?;
            let size = usize::try_from(u32::from_be_bytes(head[..4].try_into().ok()?)).ok()?;
            if size < 8 || at + size > end {
                return None;
            }
            if &head[4..8] == kind {
                starts.push(at);
                (at, end) = (at + before, at + size);
                break;
            }
            at += size;
        }
    }
    Some((starts, moov.get(at..end)?))
}

/// The header with another body in the innermost box.
fn replace(moov: &[u8], body: &[u8]) -> Option<Vec<u8>> {
    let (starts, old) = find(moov)?;
    let at = starts.last()? + 8;
    let mut new = [&moov[..at], body, &moov[at + old.len()..]].concat();
    for start in starts {
        let size = u32::from_be_bytes(new[start..start + 4].try_into().ok()?);
        let size = usize::try_from(size).ok()? + body.len() - old.len();
        new[start..start + 4].copy_from_slice(&u32::try_from(size).ok()?.to_be_bytes());
    }
    Some(new)
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

fn unit(bytes: &mut &[u8]) -> Option<Vec<u8>> {
    let length = u16::from_be_bytes(take(bytes, 2)?.try_into().ok()?);
    take(bytes, length.into()).map(<[u8]>::to_vec)
}

/// The first number of a parameter set, an Exp-Golomb code after `behind` bytes.
fn number(set: &[u8], behind: usize) -> Option<u32> {
    let bits = |n: usize| {
        let byte = set.get(behind + n / 8)?;
        Some(u32::from(byte >> (7 - n % 8) & 1))
    };
    let mut zeros = 0;
    while bits(zeros)? == 0 {
        zeros += 1;
        if zeros > 8 {
            return None;
        }
    }
    let mut value = 0;
    for n in zeros..=2 * zeros {
        value = value << 1 | bits(n)?;
    }
    Some(value - 1)
}

#[cfg(test)]
mod tests {
    use super::{Sets, WAY};

    /// A header with these parameter sets, and one more box next to each nested box.
    fn header(sequence: &[&[u8]], picture: &[&[u8]]) -> Vec<u8> {
        let mut body = vec![1, 100, 0, 12, 255, 0xe0 | u8::try_from(sequence.len()).unwrap()];
        let add = |body: &mut Vec<u8>, set: &[u8]| {
            body.extend(u16::try_from(set.len()).unwrap().to_be_bytes());
            body.extend(set);
        };
        for set in sequence {
            add(&mut body, set);
        }
        body.push(u8::try_from(picture.len()).unwrap());
        for set in picture {
            add(&mut body, set);
        }
        body.extend([253, 248, 248, 0]);
        for (kind, before) in WAY.iter().rev() {
            let size = u32::try_from(body.len() + before).unwrap();
            let filled = vec![7; before - 8];
            let mut whole = [&size.to_be_bytes()[..], &kind[..], &filled, &body].concat();
            if *kind != b"moov" {
                whole = [&[0, 0, 0, 9][..], b"free!", &whole].concat();
            }
            body = whole;
        }
        body
    }

    /// `1` codes the number 0, `010` codes 1, `011` codes 2.
    const FIRST: [&[u8]; 2] = [&[0x67, 100, 0, 12, 0b1010_0000], &[0x68, 0b1110_0000]];
    const SECOND: [&[u8]; 2] = [&[0x67, 100, 0, 12, 0b0101_0000], &[0x68, 0b0100_1000]];

    #[test]
    fn the_sets_of_two_headers_stand_side_by_side() {
        let [first, second] = [FIRST, SECOND].map(|[s, p]| header(&[s], &[p]));
        let (sets, other) = (Sets::of(&first).unwrap(), Sets::of(&second).unwrap());
        let joined = sets.join(&other, &first).unwrap();
        assert_eq!(joined, header(&[FIRST[0], SECOND[0]], &[FIRST[1], SECOND[1]]));
        assert_eq!(sets.join(&sets, &first), Some(first));
        assert_eq!(Sets::of(&joined).unwrap().free_number(), Some(2));
        assert_eq!((sets.first_number(), other.first_number()), (Some(0), Some(1)));
    }

    #[test]
    fn a_number_is_free_that_no_set_has() {
        let free = |s: &[&[u8]], p: &[&[u8]]| Sets::of(&header(s, p)).unwrap().free_number();
        assert_eq!(free(&[FIRST[0]], &[FIRST[1]]), Some(1));
        assert_eq!(free(&[SECOND[0]], &[SECOND[1]]), Some(0));
        assert_eq!(free(&[FIRST[0]], &[FIRST[1], SECOND[1]]), Some(2));
        assert_eq!(free(&[&[0x67]], &[FIRST[1]]), None);
    }

    #[test]
    fn a_broken_header_has_none() {
        let whole = header(&[FIRST[0]], &[FIRST[1]]);
        for length in 0..whole.len() {
            assert_eq!(Sets::of(&whole[..length]), None, "{length}");
        }
        let mut other = whole.clone();
        let at = other.windows(4).position(|kind| kind == b"avcC").unwrap();
        other[at] = b'h';
        assert_eq!(Sets::of(&other), None);
    }
}
