//! Encoded audio whose packets are stored in the ranges of the video, and the track for it.

use serde::{Deserialize, Serialize};

use super::Mp4Error;
use super::boxes::{Fields, boxed, child, children};
use super::sound::{self, Extent, Samples, Sizes, rewrite};
use super::tables;
use super::video::{edits, is_of, most_in_a_row};
use crate::clamped::clamped;

/// Length of the fixed fields of an audio description, by its version.
const DESCRIPTIONS: [usize; 3] = [28, 44, 64];
/// Length of the fields in `esds` before the decoder's descriptor, and in the latter before its bit
/// rates.
const ES_HEAD: usize = 3;
const RATES: usize = 5;

/// Packets of encoded audio, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packets {
    /// Ticks a second.
    pub time_scale: u32,
    /// The length of each packet in bytes.
    pub sizes: Vec<u32>,
    /// Runs of packets with equal durations: the number of packets, and the duration in ticks.
    pub steps: Vec<(u32, u32)>,
}

impl Packets {
    /// The packets of the audio in a `moov` with this content, and their places.
    ///
    /// # Errors
    /// When there is no audio.
    pub fn read(moov: &[u8]) -> Result<(Self, Vec<Extent>), Mp4Error> {
        let traks = children(moov)?.into_iter().filter(|child| child.kind == *b"trak");
        for trak in traks {
            if is_of(trak.body, *b"soun")? {
                let Samples { sizes, steps, places } = sound::samples(trak.body)?;
                let packets = Self::new(sound::time_scale(trak.body)?, &sizes, &steps)?;
                return Ok((packets, places));
            }
        }
        Err(Mp4Error::Missing(*b"trak"))
    }

    fn new(time_scale: u32, sizes: &Sizes, steps: &[[u32; 2]]) -> Result<Self, Mp4Error> {
        let steps: Vec<(u32, u32)> = steps.iter().map(|&[count, step]| (count, step)).collect();
        let lasting: u64 = steps.iter().map(|(count, _)| u64::from(*count)).sum();
        let sizes = sizes.each().filter(|sizes| sizes.len() as u64 == lasting);
        Ok(Self { time_scale, sizes: sizes.ok_or(Mp4Error::Unfit(*b"stsz"))?, steps })
    }

    /// The packets from `first` on, at most `count`.
    #[must_use]
    pub fn part(&self, first: usize, count: usize) -> Self {
        let start = first.min(self.sizes.len());
        let end = start.saturating_add(count).min(self.sizes.len());
        let (mut before, mut left) = (start, end - start);
        let mut steps = Vec::new();
        for &(count, step) in &self.steps {
            let skipped = before.min(count as usize);
            before -= skipped;
            let taken = left.min(count as usize - skipped);
            left -= taken;
            if let (1.., Ok(taken)) = (taken, u32::try_from(taken)) {
                steps.push((taken, step));
            }
        }
        Self { sizes: self.sizes[start..end].to_vec(), steps, ..*self }
    }

    /// The same packets, each with a duration of `ticks`.
    #[must_use]
    pub fn lasting(self, ticks: u32) -> Self {
        let count = u32::try_from(self.sizes.len()).unwrap_or(u32::MAX);
        Self { steps: vec![(count, ticks)], ..self }
    }

    /// Length of all packets in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.sizes.iter().map(|&size| u64::from(size)).sum()
    }

    /// Duration of all packets in ticks.
    #[must_use]
    pub fn duration(&self) -> u64 {
        self.steps.iter().map(|&(count, step)| u64::from(count) * u64::from(step)).sum()
    }

    /// The length in bytes and the duration in ticks of each packet.
    pub fn each(&self) -> impl Iterator<Item = (u32, u32)> {
        self.sizes.iter().copied().zip(self.each_step())
    }

    /// The duration of each packet in ticks.
    pub(super) fn each_step(&self) -> impl Iterator<Item = u32> {
        self.steps.iter().flat_map(|&(count, step)| std::iter::repeat_n(step, count as usize))
    }
}

/// An audio track whose packets are stored in the ranges.
#[derive(Clone, Debug)]
pub(super) struct Woven<'a> {
    trak: &'a [u8],
    /// The packets of all ranges.
    packets: Packets,
    /// The encoder's delay in ticks.
    delay: u64,
}

impl<'a> Woven<'a> {
    pub(super) fn read(trak: &'a [u8], ranges: &[&Packets]) -> Result<Self, Mp4Error> {
        let time_scale = sound::time_scale(trak)?;
        let mut packets = Packets { time_scale, ..Packets::default() };
        for range in ranges.iter().filter(|range| !range.sizes.is_empty()) {
            if range.time_scale != time_scale {
                return Err(Mp4Error::Times);
            }
            packets.sizes.extend(&range.sizes);
            packets.steps.extend(&range.steps);
        }
        let edts = child(trak, *b"edts")?;
        Ok(Self { trak, packets, delay: delay(child(edts, *b"elst")?)? })
    }

    /// How long the audio is played, in ticks of the movie, rounded up.
    pub(super) fn movie_duration(&self, movie_scale: u32) -> u64 {
        let heard = self.packets.duration().saturating_sub(self.delay);
        tables::in_movie(heard, self.packets.time_scale, movie_scale)
    }

    /// The track, with chunks of these numbers of samples at these places.
    pub(super) fn write(
        &self,
        movie_scale: u32,
        (chunks, places): (&[u32], &[u64]),
        far: bool,
    ) -> Result<Vec<u8>, Mp4Error> {
        let heard = self.movie_duration(movie_scale);
        let count = self.packets.sizes.len();
        rewrite(*b"trak", self.trak, &|kind, body| match &kind {
            b"tkhd" => tables::with_duration(kind, body, (2, 2), heard),
            b"mdhd" => tables::with_duration(kind, body, (2, 1), self.packets.duration()),
            b"elst" => edits(body, heard),
            b"stsd" => self.description(body),
            b"stts" => Ok(tables::runs(kind, self.packets.each_step())),
            b"stsc" => Ok(tables::chunks(chunks.iter().copied())),
            b"stsz" => Ok(self.sizes()),
            b"stco" | b"co64" => Ok(tables::places(places, far)),
            b"sbgp" => group(body, count),
            b"hdlr" | b"smhd" | b"dinf" | b"sgpd" => Ok(boxed(kind, body)),
            _ => Err(Mp4Error::Unexpected(kind)),
        })
    }

    fn sizes(&self) -> Vec<u8> {
        let sizes = &self.packets.sizes;
        match sizes.first() {
            Some(first) if sizes.iter().all(|size| size == first) => {
                tables::same_sizes(*first, sizes.len())
            }
            _ => tables::sizes(sizes.iter().copied()),
        }
    }

    /// The description, with the mean bit rate of the whole if it contains one.
    fn description(&self, stsd: &[u8]) -> Result<Vec<u8>, Mp4Error> {
        const UNFIT: Mp4Error = Mp4Error::Unfit(*b"stsd");
        let (head, entries) = stsd.split_at_checked(8).ok_or(Mp4Error::Cut(*b"stsd"))?;
        let [entry] = children(entries)?[..] else { return Err(UNFIT) };
        let version = entry.body.get(9).copied().ok_or(UNFIT)?;
        let fields = *DESCRIPTIONS.get(usize::from(version)).ok_or(UNFIT)?;
        let (fields, inner) = entry.body.split_at_checked(fields).ok_or(UNFIT)?;
        let entry = boxed(entry.kind, &[fields, &self.described(inner)?].concat());
        Ok(boxed(*b"stsd", &[head, &entry].concat()))
    }

    /// Rewrites the boxes inside a description.
    fn described(&self, boxes: &[u8]) -> Result<Vec<u8>, Mp4Error> {
        let mut all = Vec::new();
        for inner in children(boxes)? {
            let mut body = inner.body.to_vec();
            match &inner.kind {
                b"wave" => body = self.described(inner.body)?,
                b"esds" => self.set_rates(rates_of_esds(&body), &mut body),
                b"btrt" => self.set_rates(Some(4), &mut body),
                _ => {}
            }
            all.extend(boxed(inner.kind, &body));
        }
        Ok(all)
    }

    /// If `at` is a place, writes two bit rates there: the highest of any second, and the mean.
    fn set_rates(&self, at: Option<usize>, body: &mut [u8]) {
        let Some(fields) = at.and_then(|at| body.get_mut(at..at + 8)) else { return };
        let Packets { time_scale, sizes, steps } = &self.packets;
        let bits = u128::from(self.packets.bytes()) * 8 * u128::from(*time_scale);
        let mean = bits / u128::from(self.packets.duration().max(1));
        let step = steps.first().map_or(1, |(_, step)| (*step).max(1));
        let second = clamped::<usize>(time_scale.div_ceil(step));
        let sizes: Vec<u128> = sizes.iter().map(|&size| size.into()).collect();
        let peak = mean.max(most_in_a_row(&sizes, second) * 8);
        let number = |bits: u128| u32::try_from(bits).unwrap_or(u32::MAX).to_be_bytes();
        fields.copy_from_slice(&[number(peak), number(mean)].concat());
    }
}

/// The media time of the first played sample, from the last edit, in ticks of the track.
fn delay(elst: &[u8]) -> Result<u64, Mp4Error> {
    let mut fields = Fields::new(*b"elst", elst);
    let (version, _) = fields.version()?;
    let mut delay = 0;
    for _ in 0..fields.u32()? {
        (_, delay, _) = (fields.long(version)?, fields.long(version)?, fields.u32()?);
    }
    Ok(delay)
}

/// `sbgp`, in which all samples are in one group.
fn group(sbgp: &[u8], count: usize) -> Result<Vec<u8>, Mp4Error> {
    const UNFIT: Mp4Error = Mp4Error::Unfit(*b"sbgp");
    let mut fields = Fields::new(*b"sbgp", sbgp);
    let (version, _) = fields.version()?;
    let head = if version == 0 { 8 } else { 12 };
    fields.take(head - 4)?;
    if fields.u32()? != 1 {
        return Err(UNFIT);
    }
    fields.u32()?;
    let count = u32::try_from(count).map_err(|_| UNFIT)?.to_be_bytes();
    Ok(boxed(*b"sbgp", &[&sbgp[..head + 4], &count, fields.rest()].concat()))
}

/// The place of the highest and the mean bit rate in `esds`, ISO/IEC 14496-14.
fn rates_of_esds(esds: &[u8]) -> Option<usize> {
    let mut at = 4;
    for (tag, head) in [(3, ES_HEAD), (4, RATES)] {
        if *esds.get(at)? != tag {
            return None;
        }
        // The length takes up to four bytes; in all but the last, the top bit says that another
        // follows.
        let length = esds.get(at + 1..)?.iter().take(4).position(|byte| byte & 0x80 == 0)?;
        at += 2 + length + head;
    }
    Some(at)
}
