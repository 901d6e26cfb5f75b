//! The tables of a track: runs of equal numbers, and places.

use super::Mp4Error;
use super::boxes::{Fields, boxed, child};
use crate::clamped::clamped;

/// The time scale of the movie, from the content of its `moov`.
pub(super) fn movie_scale(moov: &[u8]) -> Result<u32, Mp4Error> {
    let mut fields = Fields::new(*b"mvhd", child(moov, *b"mvhd")?);
    let (version, _) = fields.version()?;
    // Times of creation and modification.
    fields.take(if version == 0 { 8 } else { 16 })?;
    fields.u32()
}

/// A duration of a track in ticks of the movie, rounded up.
pub(super) fn in_movie(ticks: u64, time_scale: u32, movie_scale: u32) -> u64 {
    let ticks = u128::from(ticks) * u128::from(movie_scale);
    clamped(ticks.div_ceil(u128::from(time_scale.max(1))))
}

/// A full box of version 0 without flags.
fn table(kind: [u8; 4], count: usize, entries: &[u8]) -> Vec<u8> {
    let count = u32::try_from(count).expect("a file has less than 2^32 samples");
    boxed(kind, &[&[0; 4][..], &count.to_be_bytes(), entries].concat())
}

/// A table of runs of equal numbers.
pub(super) fn runs(kind: [u8; 4], numbers: impl IntoIterator<Item = u32>) -> Vec<u8> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((count, last)) if *last == number => *count += 1,
            _ => runs.push((1, number)),
        }
    }
    let entries: Vec<u8> = runs
        .iter()
        .flat_map(|(count, number)| [count.to_be_bytes(), number.to_be_bytes()].concat())
        .collect();
    table(kind, runs.len(), &entries)
}

/// `stss`: the numbers, from 1, of samples with which decoding can begin.
pub(super) fn sync_samples(numbers: &[u32]) -> Vec<u8> {
    let entries: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
    table(*b"stss", numbers.len(), &entries)
}

/// `stsz`.
pub(super) fn sizes(sizes: impl ExactSizeIterator<Item = u32>) -> Vec<u8> {
    let count = u32::try_from(sizes.len()).expect("a file has less than 2^32 samples");
    let entries: Vec<u8> = sizes.flat_map(u32::to_be_bytes).collect();
    boxed(*b"stsz", &[&[0; 8][..], &count.to_be_bytes(), &entries].concat())
}

/// The same for samples of equal size.
pub(super) fn same_sizes(size: u32, count: usize) -> Vec<u8> {
    let count = u32::try_from(count).expect("a file has less than 2^32 samples");
    boxed(*b"stsz", &[[0; 4], size.to_be_bytes(), count.to_be_bytes()].concat())
}

/// `stsc`: the number of samples in each chunk.
pub(super) fn chunks(samples: impl IntoIterator<Item = u32>) -> Vec<u8> {
    let (mut entries, mut count, mut last) = (Vec::new(), 0, None);
    for (number, samples) in (1_u32..).zip(samples) {
        if last != Some(samples) {
            entries.extend([number, samples, 1].iter().flat_map(|field| field.to_be_bytes()));
            (count, last) = (count + 1, Some(samples));
        }
    }
    table(*b"stsc", count, &entries)
}

/// `stco`, or `co64` if the places are `far`.
pub(super) fn places(places: &[u64], far: bool) -> Vec<u8> {
    let near = |place: u64| clamped::<u32>(place).to_be_bytes();
    let (kind, entries): (_, Vec<u8>) = if far {
        (*b"co64", places.iter().flat_map(|place| place.to_be_bytes()).collect())
    } else {
        (*b"stco", places.iter().flat_map(|&place| near(place)).collect())
    };
    table(kind, places.len(), &entries)
}

/// The entries of a table, with N numbers each.
pub(super) fn read<const N: usize>(kind: [u8; 4], body: &[u8]) -> Result<Vec<[u32; N]>, Mp4Error> {
    let mut fields = Fields::new(kind, body);
    fields.version()?;
    let count = fields.u32()? as usize;
    if fields.rest().len() / (4 * N) < count {
        return Err(Mp4Error::Cut(kind));
    }
    (0..count)
        .map(|_| {
            let mut entry = [0; N];
            for field in &mut entry {
                *field = fields.u32()?;
            }
            Ok(entry)
        })
        .collect()
}

/// The same box with another duration, in version 1 if the duration takes 64 bits. `before` and
/// `between` are the numbers of fields before the duration that both versions have: first those
/// that are as long as a duration, then those of 32 bits.
pub(super) fn with_duration(
    kind: [u8; 4],
    body: &[u8],
    (before, between): (usize, usize),
    duration: u64,
) -> Result<Vec<u8>, Mp4Error> {
    let mut fields = Fields::new(kind, body);
    let (version, flags) = fields.version()?;
    let long = (0..before).map(|_| fields.long(version)).collect::<Result<Vec<_>, _>>()?;
    let plain = fields.take(4 * between)?;
    fields.long(version)?;
    let is_long = version > 0 || u32::try_from(duration).is_err();
    let number = |number: u64| match u32::try_from(number) {
        Ok(number) if !is_long => number.to_be_bytes().to_vec(),
        _ => number.to_be_bytes().to_vec(),
    };
    let mut content = (u32::from(is_long) << 24 | flags).to_be_bytes().to_vec();
    content.extend(long.into_iter().flat_map(number));
    content.extend_from_slice(plain);
    content.extend(number(duration));
    content.extend_from_slice(fields.rest());
    Ok(boxed(kind, &content))
}
