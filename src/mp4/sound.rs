//! The audio of a template that contains all of it: its tables stay as they are, except for the
//! places.

use super::Mp4Error;
use super::boxes::{Fields, boxed, child, children, descend, optional};
use super::fragment::media_time_scale;
use super::tables;
use crate::clamped::clamped;

/// More chunks than weeks of video have.
const MOST_CHUNKS: u64 = 1 << 22;

/// More equal samples than a range has.
const MOST_EQUAL: u32 = 1 << 24;

/// A range of bytes in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Offset of the first byte.
    pub offset: u64,
    /// Number of bytes.
    pub length: u64,
}

/// About a second of audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SoundChunk {
    pub(super) samples: u32,
    pub(super) bytes: u64,
    /// Its start in ticks.
    pub(super) start: u64,
}

/// An audio track.
#[derive(Clone, Debug)]
pub(super) struct Sound<'a> {
    trak: &'a [u8],
    pub(super) time_scale: u32,
    pub(super) chunks: Vec<SoundChunk>,
    /// The places of the audio in the template.
    pub(super) extents: Vec<Extent>,
}

/// Sizes of samples.
pub(super) enum Sizes {
    Each(Vec<[u32; 1]>),
    All { size: u32, count: u32 },
}

impl Sizes {
    fn read(stsz: &[u8]) -> Result<Self, Mp4Error> {
        let mut fields = Fields::new(*b"stsz", stsz);
        fields.version()?;
        match (fields.u32()?, fields.u32()?) {
            (0, _) => {
                let each = [&stsz[..4], &stsz[8..]].concat();
                tables::read(*b"stsz", &each).map(Self::Each)
            }
            (size, count) => Ok(Self::All { size, count }),
        }
    }

    /// The size of each sample; `None` if there are more than any real file has.
    pub(super) fn each(&self) -> Option<Vec<u32>> {
        match self {
            Self::Each(sizes) => Some(sizes.iter().map(|[size]| *size).collect()),
            Self::All { size, count } if *count <= MOST_EQUAL => {
                Some(vec![*size; usize::try_from(*count).ok()?])
            }
            Self::All { .. } => None,
        }
    }

    fn count(&self) -> u64 {
        match self {
            Self::Each(sizes) => sizes.len() as u64,
            Self::All { count, .. } => u64::from(*count),
        }
    }

    /// The length of `count` samples from `first` on.
    fn bytes(&self, first: u64, count: u64) -> Option<u64> {
        let end = first.checked_add(count).filter(|&end| end <= self.count())?;
        match self {
            Self::All { size, .. } => count.checked_mul(u64::from(*size)),
            Self::Each(sizes) => {
                let range = usize::try_from(first).ok()?..usize::try_from(end).ok()?;
                Some(sizes[range].iter().map(|[size]| u64::from(*size)).sum())
            }
        }
    }
}

impl<'a> Sound<'a> {
    pub(super) fn read(trak: &'a [u8]) -> Result<Self, Mp4Error> {
        let mdia = child(trak, *b"mdia")?;
        let time_scale = media_time_scale(child(mdia, *b"mdhd")?)?;
        let stbl = descend(mdia, &[*b"minf", *b"stbl"])?;
        let sizes = Sizes::read(child(stbl, *b"stsz")?)?;
        let times: Vec<[u32; 2]> = tables::read(*b"stts", child(stbl, *b"stts")?)?;
        let chunks = split(time_scale, &sizes, &times)?;
        let extents = extents(stbl, &sizes)?;
        Ok(Self { trak, time_scale, chunks, extents })
    }

    /// The track, with its chunks at these places.
    pub(super) fn write(&self, places: &[u64], far: bool) -> Result<Vec<u8>, Mp4Error> {
        rewrite(*b"trak", self.trak, &|kind, body| {
            Ok(match &kind {
                b"stsc" => tables::chunks(self.chunks.iter().map(|chunk| chunk.samples)),
                b"stco" | b"co64" => tables::places(places, far),
                _ => boxed(kind, body),
            })
        })
    }

    /// The duration in this track's header, in ticks of the movie.
    pub(super) fn movie_duration(&self) -> Result<u64, Mp4Error> {
        let mut fields = Fields::new(*b"tkhd", child(self.trak, *b"tkhd")?);
        let (version, _) = fields.version()?;
        fields.take(if version == 0 { 16 } else { 24 })?;
        fields.long(version)
    }
}

/// The time scale of a track.
pub(super) fn time_scale(trak: &[u8]) -> Result<u32, Mp4Error> {
    media_time_scale(descend(trak, &[*b"mdia", *b"mdhd"])?)
}

/// What a track's tables say about its samples.
pub(super) struct Samples {
    pub(super) sizes: Sizes,
    /// Runs of samples with equal durations: the number of samples, and the duration in ticks.
    pub(super) steps: Vec<[u32; 2]>,
    pub(super) places: Vec<Extent>,
}

/// The samples of a track.
pub(super) fn samples(trak: &[u8]) -> Result<Samples, Mp4Error> {
    let stbl = descend(trak, &[*b"mdia", *b"minf", *b"stbl"])?;
    let sizes = Sizes::read(child(stbl, *b"stsz")?)?;
    let steps = tables::read(*b"stts", child(stbl, *b"stts")?)?;
    let places = extents(stbl, &sizes)?;
    Ok(Samples { sizes, steps, places })
}

/// Boxes that contain only boxes.
const FOLDERS: [&[u8; 4]; 5] = [b"trak", b"edts", b"mdia", b"minf", b"stbl"];

/// Rewrites a box that contains no boxes, given its type and content.
type Leaf<'a> = dyn Fn([u8; 4], &[u8]) -> Result<Vec<u8>, Mp4Error> + 'a;

/// Rewrites a box; `leaf` rewrites each box inside of it that contains no boxes.
pub(super) fn rewrite(kind: [u8; 4], body: &[u8], leaf: &Leaf<'_>) -> Result<Vec<u8>, Mp4Error> {
    if !FOLDERS.contains(&&kind) {
        return leaf(kind, body);
    }
    let inner = children(body)?.into_iter().map(|child| rewrite(child.kind, child.body, leaf));
    Ok(boxed(kind, &inner.collect::<Result<Vec<_>, _>>()?.concat()))
}

/// Splits the audio into chunks of about a second.
fn split(time_scale: u32, sizes: &Sizes, times: &[[u32; 2]]) -> Result<Vec<SoundChunk>, Mp4Error> {
    const UNFIT: Mp4Error = Mp4Error::Unfit(*b"stts");
    let all = sizes.count();
    let step = times.first().map_or(1, |[_, step]| (*step).max(1));
    let each = u64::from((time_scale / step).max(1));
    if all / each > MOST_CHUNKS {
        return Err(UNFIT);
    }
    let (mut runs, mut left, mut start) = (times.iter(), (0_u64, 0_u64), 0_u64);
    let mut chunks = Vec::new();
    for first in (0..all).step_by(clamped::<usize>(each)) {
        let count = each.min(all - first);
        let bytes = sizes.bytes(first, count).ok_or(UNFIT)?;
        let samples = u32::try_from(count).map_err(|_| UNFIT)?;
        chunks.push(SoundChunk { samples, bytes, start });
        let mut wanted = count;
        while wanted > 0 {
            if left.0 == 0 {
                let [count, step] = runs.next().ok_or(UNFIT)?;
                left = (u64::from(*count), u64::from(*step));
                continue;
            }
            let taken = wanted.min(left.0);
            start = start.checked_add(taken * left.1).ok_or(UNFIT)?;
            (wanted, left.0) = (wanted - taken, left.0 - taken);
        }
    }
    Ok(chunks)
}

/// The places of the samples in the template, in order.
fn extents(stbl: &[u8], sizes: &Sizes) -> Result<Vec<Extent>, Mp4Error> {
    const UNFIT: Mp4Error = Mp4Error::Unfit(*b"stsc");
    let places: Vec<u64> = if let Some(stco) = optional(stbl, *b"stco")? {
        let near: Vec<[u32; 1]> = tables::read(*b"stco", stco)?;
        near.into_iter().map(|[place]| u64::from(place)).collect()
    } else {
        let far: Vec<[u32; 2]> = tables::read(*b"co64", child(stbl, *b"co64")?)?;
        far.into_iter().map(|[high, low]| u64::from(high) << 32 | u64::from(low)).collect()
    };
    let runs: Vec<[u32; 3]> = tables::read(*b"stsc", child(stbl, *b"stsc")?)?;
    let (mut extents, mut first, mut run) = (Vec::new(), 0_u64, 0);
    for (number, offset) in (1_u32..).zip(places) {
        while runs.get(run + 1).is_some_and(|[chunk, ..]| *chunk <= number) {
            run += 1;
        }
        let [_, samples, _] = runs.get(run).ok_or(UNFIT)?;
        let length = sizes.bytes(first, u64::from(*samples)).ok_or(UNFIT)?;
        first += u64::from(*samples);
        extents.push(Extent { offset, length });
    }
    if first == sizes.count() { Ok(extents) } else { Err(UNFIT) }
}
