//! The video of the whole file: the template's track, with the tables of all ranges.

use num_rational::Ratio;

use super::boxes::{Fields, boxed, child, children, descend};
use super::fragment::{Sample, Samples, media_time_scale};
use super::sound::rewrite;
use super::{Mp4Error, tables};
use crate::clamped::clamped;

/// Length of the fixed fields of a video description.
const DESCRIPTION: usize = 78;

/// A video track.
#[derive(Clone, Debug)]
pub(super) struct Video<'a> {
    trak: &'a [u8],
    pub(super) time_scale: u32,
    /// The samples of each range, with times in ticks of the track.
    pub(super) ranges: Vec<Vec<Sample>>,
    /// The duration of a frame in ticks.
    frame: u64,
}

/// Samples that are stored contiguously.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct VideoChunk {
    pub(super) samples: u32,
    pub(super) bytes: u64,
}

impl<'a> Video<'a> {
    pub(super) fn read(
        trak: &'a [u8],
        ranges: &[&Samples],
        rate: Ratio<i64>,
    ) -> Result<Self, Mp4Error> {
        let mdhd = descend(trak, &[*b"mdia", *b"mdhd"])?;
        let time_scale = media_time_scale(mdhd)?;
        let frame = whole(Ratio::from_integer(i64::from(time_scale)) / rate)?;
        let frame = u64::try_from(frame).map_err(|_| Mp4Error::Times)?;
        let ranges: Vec<Vec<Sample>> =
            ranges.iter().map(|samples| in_ticks(samples, time_scale)).collect::<Result<_, _>>()?;
        let video = Self { trak, time_scale, ranges, frame };
        video.check()?;
        Ok(video)
    }

    fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.ranges.iter().flatten()
    }

    fn check(&self) -> Result<(), Mp4Error> {
        let mut before = None;
        for sample in self.samples() {
            let shown = sample.pts.checked_sub(sample.dts);
            let is_late = before.is_none_or(|before| before < sample.dts);
            if !is_late || shown.and_then(|offset| u32::try_from(offset).ok()).is_none() {
                return Err(Mp4Error::Times);
            }
            before = Some(sample.dts);
        }
        before.map(|_| ()).ok_or(Mp4Error::Times)
    }

    /// The chunks of a range: each begins with a sample with which decoding can begin.
    pub(super) fn chunks(samples: &[Sample]) -> Vec<VideoChunk> {
        let mut chunks: Vec<VideoChunk> = Vec::new();
        for sample in samples {
            let bytes = u64::from(sample.size);
            match chunks.last_mut() {
                Some(chunk) if !sample.sync => {
                    (chunk.samples, chunk.bytes) = (chunk.samples + 1, chunk.bytes + bytes);
                }
                _ => chunks.push(VideoChunk { samples: 1, bytes }),
            }
        }
        chunks
    }

    /// The end of each range, in ticks from the first frame.
    pub(super) fn ends(&self) -> Vec<u64> {
        let mut count = 0;
        let ends = self.ranges.iter().map(|samples| {
            count += samples.len() as u64;
            count * self.frame
        });
        ends.collect()
    }

    /// The duration of all frames, in ticks.
    fn duration(&self) -> u64 {
        self.samples().count() as u64 * self.frame
    }

    /// The same in ticks of the movie, rounded up.
    pub(super) fn movie_duration(&self, movie_scale: u32) -> u64 {
        tables::in_movie(self.duration(), self.time_scale, movie_scale)
    }

    /// The track, with chunks of these numbers of samples at these places.
    pub(super) fn write(
        &self,
        movie_scale: u32,
        (chunks, places): (&[u32], &[u64]),
        far: bool,
    ) -> Result<Vec<u8>, Mp4Error> {
        let shown = self.movie_duration(movie_scale);
        rewrite(*b"trak", self.trak, &|kind, body| match &kind {
            b"tkhd" => tables::with_duration(kind, body, (2, 2), shown),
            b"mdhd" => tables::with_duration(kind, body, (2, 1), self.duration()),
            b"elst" => edits(body, shown),
            b"stsd" => self.description(body),
            b"stts" => self.times(),
            b"ctts" | b"stss" => Ok(Vec::new()),
            b"stsc" => Ok(tables::chunks(chunks.iter().copied())),
            b"stsz" => {
                let sizes: Vec<u32> = self.samples().map(|sample| sample.size).collect();
                Ok(tables::sizes(sizes.into_iter()))
            }
            b"stco" | b"co64" => Ok(tables::places(places, far)),
            b"hdlr" | b"vmhd" | b"dinf" => Ok(boxed(kind, body)),
            _ => Err(Mp4Error::Unexpected(kind)),
        })
    }

    /// The tables of decoding times, of samples with which decoding can begin, and of composition
    /// offsets.
    fn times(&self) -> Result<Vec<u8>, Mp4Error> {
        let stamps: Vec<i64> = self.samples().map(|sample| sample.dts).collect();
        let last = i64::try_from(self.frame).map_err(|_| Mp4Error::Times)?;
        let steps = stamps.windows(2).map(|pair| pair[1] - pair[0]).chain([last]);
        let steps: Result<Vec<u32>, _> = steps.map(u32::try_from).collect();
        let mut boxes = tables::runs(*b"stts", steps.map_err(|_| Mp4Error::Times)?);
        let syncs = (1..).zip(self.samples()).filter(|(_, sample)| sample.sync);
        let syncs: Vec<u32> = syncs.map(|(number, _)| number).collect();
        if syncs.len() < stamps.len() {
            boxes.extend(tables::sync_samples(&syncs));
        }
        let later = self.samples().map(|sample| u32::try_from(sample.pts - sample.dts));
        let later: Vec<u32> = later.collect::<Result<_, _>>().map_err(|_| Mp4Error::Times)?;
        if later.iter().any(|&later| later > 0) {
            boxes.extend(tables::runs(*b"ctts", later));
        }
        Ok(boxes)
    }

    /// The description, with the mean bit rate of the whole if it contains one.
    fn description(&self, stsd: &[u8]) -> Result<Vec<u8>, Mp4Error> {
        const UNFIT: Mp4Error = Mp4Error::Unfit(*b"stsd");
        let (head, entries) = stsd.split_at_checked(8).ok_or(Mp4Error::Cut(*b"stsd"))?;
        let [entry] = children(entries)?[..] else { return Err(UNFIT) };
        let (fields, inner) = entry.body.split_at_checked(DESCRIPTION).ok_or(UNFIT)?;
        let mut boxes = Vec::new();
        for inner in children(inner)? {
            boxes.extend(match &inner.kind {
                b"btrt" => self.bit_rate(inner.body)?,
                _ => inner.whole.to_vec(),
            });
        }
        let entry = boxed(entry.kind, &[fields, &boxes].concat());
        Ok(boxed(*b"stsd", &[head, &entry].concat()))
    }

    /// `btrt`, ISO/IEC 14496-12: the highest bit rate of any second, which muxers estimate from the
    /// first packets, and the mean.
    fn bit_rate(&self, btrt: &[u8]) -> Result<Vec<u8>, Mp4Error> {
        let buffer = Fields::new(*b"btrt", btrt).u32()?;
        let sizes: Vec<u128> = self.samples().map(|sample| u128::from(sample.size)).collect();
        let bits = sizes.iter().sum::<u128>() * 8;
        let mean = bits * u128::from(self.time_scale) / u128::from(self.duration().max(1));
        let second = u64::from(self.time_scale).div_ceil(self.frame.max(1)).max(1);
        let second = clamped::<usize>(second);
        let peak = mean.max(most_in_a_row(&sizes, second) * 8);
        let number = |bits: u128| clamped::<u32>(bits);
        let fields = [buffer, number(peak), number(mean)].map(u32::to_be_bytes);
        Ok(boxed(*b"btrt", &fields.concat()))
    }
}

/// The largest sum of `count` consecutive sizes.
pub(super) fn most_in_a_row(sizes: &[u128], count: usize) -> u128 {
    let (mut within, mut most) = (0, 0);
    for (index, size) in sizes.iter().enumerate() {
        within += size;
        within -= index.checked_sub(count).map_or(0, |before| sizes[before]);
        most = most.max(within);
    }
    most
}

/// The same edit list, in which the last edit, that of the media, gets this duration.
pub(super) fn edits(elst: &[u8], shown: u64) -> Result<Vec<u8>, Mp4Error> {
    let mut fields = Fields::new(*b"elst", elst);
    let (version, _) = fields.version()?;
    let count = fields.u32()?;
    let mut edits = Vec::new();
    for _ in 0..count {
        let (length, start) = (fields.long(version)?, fields.long(version)?);
        // Minus one stands for an empty edit, before the media begin.
        let start = if version == 0 { sign_extended(start) } else { start };
        edits.push((length, start, fields.u32()?));
    }
    let video = edits.last_mut().ok_or(Mp4Error::Unfit(*b"elst"))?;
    video.0 = shown;
    let is_long = version > 0 || edits.iter().any(|(length, ..)| u32::try_from(*length).is_err());
    let number = |number: u64| {
        let [.., e, f, g, h] = number.to_be_bytes();
        if is_long { number.to_be_bytes().to_vec() } else { vec![e, f, g, h] }
    };
    let mut content = (u32::from(is_long) << 24).to_be_bytes().to_vec();
    content.extend(count.to_be_bytes());
    for (length, start, rate) in edits {
        content.extend([number(length), number(start), rate.to_be_bytes().to_vec()].concat());
    }
    Ok(boxed(*b"elst", &content))
}

fn sign_extended(number: u64) -> u64 {
    let low = u32::try_from(number & u64::from(u32::MAX)).expect("it has 32 bits").cast_signed();
    i64::from(low).cast_unsigned()
}

/// Whether a track has this handler: `vide` or `soun`.
pub(super) fn is_of(trak: &[u8], kind: [u8; 4]) -> Result<bool, Mp4Error> {
    let hdlr = child(child(trak, *b"mdia")?, *b"hdlr")?;
    Ok(hdlr.get(8..12) == Some(&kind[..]))
}

fn in_ticks(samples: &Samples, time_scale: u32) -> Result<Vec<Sample>, Mp4Error> {
    let factor = Ratio::new(i64::from(time_scale), i64::from(samples.time_scale.max(1)));
    let ticks = |stamp: i64| {
        let product = stamp.checked_mul(*factor.numer()).ok_or(Mp4Error::Times)?;
        whole(Ratio::new(product, *factor.denom()))
    };
    let all = samples.samples.iter();
    all.map(|&sample| Ok(Sample { dts: ticks(sample.dts)?, pts: ticks(sample.pts)?, ..sample }))
        .collect()
}

fn whole(ticks: Ratio<i64>) -> Result<i64, Mp4Error> {
    if ticks.is_integer() { Ok(ticks.to_integer()) } else { Err(Mp4Error::Times) }
}
