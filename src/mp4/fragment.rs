//! Reads the samples of a fragment from its `moof`.

use serde::{Deserialize, Serialize};

use super::Mp4Error;
use super::boxes::{Fields, child, children, descend};

/// Most samples of a fragment whose runs have no fields per sample, because all samples are alike.
const MOST_BARE: usize = 1 << 16;

/// An encoded frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "(u32, i64, i64, bool)", from = "(u32, i64, i64, bool)")]
pub struct Sample {
    /// Length in bytes.
    pub size: u32,
    /// Decoding time in ticks.
    pub dts: i64,
    /// Presentation time in ticks.
    pub pts: i64,
    /// Whether decoding can begin with this sample.
    pub sync: bool,
}

/// Encoded frames in decoding order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Samples {
    /// Ticks a second.
    pub time_scale: u32,
    /// The frames.
    pub samples: Vec<Sample>,
}

/// The samples that a `moof` declares in the `mdat` after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Its samples.
    pub samples: Vec<Sample>,
    /// The offset of their first byte from the start of the `moof`.
    pub data: u64,
}

impl From<(u32, i64, i64, bool)> for Sample {
    fn from((size, dts, pts, sync): (u32, i64, i64, bool)) -> Self {
        Self { size, dts, pts, sync }
    }
}

impl From<Sample> for (u32, i64, i64, bool) {
    fn from(Sample { size, dts, pts, sync }: Sample) -> Self {
        (size, dts, pts, sync)
    }
}

impl Samples {
    /// The first sample of each range, as if they were shown one after the other. Each is stored at
    /// the start of its range, and decoding can begin with it.
    #[must_use]
    pub fn beginnings(ranges: &[&Self]) -> Self {
        let time_scale = ranges.first().map_or(0, |range| range.time_scale);
        let frame =
            ranges.iter().find_map(|range| Some(range.samples.get(1)?.dts - range.samples[0].dts));
        let mut samples: Vec<Sample> =
            ranges.iter().filter_map(|range| range.samples.first().copied()).collect();
        let late = samples.first().map_or(0, |sample| sample.pts - sample.dts);
        for (number, sample) in (0..).zip(&mut samples) {
            sample.dts = frame.unwrap_or(1).saturating_mul(number);
            sample.pts = sample.dts.saturating_add(late);
        }
        Self { time_scale, samples }
    }

    /// Length of all samples in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.samples.iter().map(|sample| u64::from(sample.size)).sum()
    }
}

/// The time scale of the only track, from the content of a `moov`.
///
/// # Errors
/// When there is no track.
pub fn time_scale(moov: &[u8]) -> Result<u32, Mp4Error> {
    let mdhd = descend(moov, &[*b"trak", *b"mdia", *b"mdhd"])?;
    media_time_scale(mdhd)
}

pub(super) fn media_time_scale(mdhd: &[u8]) -> Result<u32, Mp4Error> {
    let mut fields = Fields::new(*b"mdhd", mdhd);
    let (version, _) = fields.version()?;
    fields.take(if version == 0 { 8 } else { 16 })?;
    let scale = fields.u32()?;
    if scale == 0 { Err(Mp4Error::Unfit(*b"mdhd")) } else { Ok(scale) }
}

/// The values in `tfhd` for samples that have none of their own.
#[derive(Clone, Copy, Debug, Default)]
struct Defaults {
    duration: Option<u32>,
    size: Option<u32>,
    flags: Option<u32>,
}

/// Reads the content of a `moof` with one track, whose offsets are relative to its own start.
///
/// # Errors
/// When it has another form.
pub fn fragment(moof: &[u8]) -> Result<Fragment, Mp4Error> {
    let traf = child(moof, *b"traf")?;
    let defaults = defaults(child(traf, *b"tfhd")?)?;
    let mut fields = Fields::new(*b"tfdt", child(traf, *b"tfdt")?);
    let (version, _) = fields.version()?;
    let start = fields.long(version)?;
    let mut dts = i64::try_from(start).map_err(|_| Mp4Error::Unfit(*b"tfdt"))?;
    let (mut samples, mut data) = (Vec::new(), None);
    for run in children(traf)?.into_iter().filter(|child| child.kind == *b"trun") {
        let (offset, bytes) = read_run(run.body, defaults, &mut dts, &mut samples)?;
        // The data of all runs have to be adjacent.
        match data {
            None => data = Some((offset, offset + bytes)),
            Some((first, end)) if end == offset => data = Some((first, end + bytes)),
            Some(_) => return Err(Mp4Error::Unfit(*b"trun")),
        }
    }
    let (data, _) = data.ok_or(Mp4Error::Missing(*b"trun"))?;
    Ok(Fragment { samples, data })
}

fn defaults(tfhd: &[u8]) -> Result<Defaults, Mp4Error> {
    let mut fields = Fields::new(*b"tfhd", tfhd);
    let (_, flags) = fields.version()?;
    fields.u32()?;
    // Base data offset and description index; fragments of one encoder need neither.
    for (flag, bytes) in [(0x01, 8), (0x02, 4)] {
        if flags & flag != 0 {
            fields.take(bytes)?;
        }
    }
    let mut optional = |flag| (flags & flag != 0).then(|| fields.u32()).transpose();
    Ok(Defaults { duration: optional(0x08)?, size: optional(0x10)?, flags: optional(0x20)? })
}

/// Adds the samples of a `trun`. Returns the offset of their data, and its length.
fn read_run(
    trun: &[u8],
    defaults: Defaults,
    dts: &mut i64,
    samples: &mut Vec<Sample>,
) -> Result<(u64, u64), Mp4Error> {
    const UNFIT: Mp4Error = Mp4Error::Unfit(*b"trun");
    let mut fields = Fields::new(*b"trun", trun);
    let (version, flags) = fields.version()?;
    let count = fields.u32()?;
    let offset = if flags & 0x01 == 0 { 0 } else { fields.u32()? };
    let first_flags = (flags & 0x04 != 0).then(|| fields.u32()).transpose()?;
    // Without fields per sample, a small box could declare any number of samples.
    if flags & 0xf00 == 0 && samples.len().saturating_add(count as usize) > MOST_BARE {
        return Err(UNFIT);
    }
    let mut bytes = 0;
    for index in 0..count {
        let mut field = |flag| (flags & flag != 0).then(|| fields.u32()).transpose();
        let duration = field(0x100)?.or(defaults.duration).ok_or(UNFIT)?;
        let size = field(0x200)?.or(defaults.size).ok_or(UNFIT)?;
        let own = field(0x400)?.or(first_flags.filter(|_| index == 0)).or(defaults.flags);
        let offset = field(0x800)?.unwrap_or_default();
        let offset = if version == 0 { i64::from(offset) } else { i64::from(offset.cast_signed()) };
        let sync = own.unwrap_or_default() & 0x0001_0000 == 0;
        let pts = dts.checked_add(offset).ok_or(UNFIT)?;
        samples.push(Sample { size, dts: *dts, pts, sync });
        *dts = dts.checked_add(i64::from(duration)).ok_or(UNFIT)?;
        bytes += u64::from(size);
    }
    Ok((u64::from(offset), bytes))
}

#[cfg(test)]
mod tests {
    use super::fragment;
    use crate::mp4::boxed;

    fn full(kind: [u8; 4], fields: &[u32]) -> Vec<u8> {
        boxed(kind, &fields.iter().flat_map(|field| field.to_be_bytes()).collect::<Vec<_>>())
    }

    /// A `moof` with this number of runs and of samples in each, without fields per sample.
    fn bare(runs: usize, samples: u32) -> Vec<u8> {
        let head = full(*b"tfhd", &[0x18, 1, 1, 0]);
        let start = full(*b"tfdt", &[0, 0]);
        let run = full(*b"trun", &[0, samples]);
        boxed(*b"traf", &[head, start, run.repeat(runs)].concat())
    }

    #[test]
    fn runs_without_fields_are_not_without_end() {
        assert_eq!(fragment(&bare(1, 1 << 16)).unwrap().samples.len(), 1 << 16);
        assert_eq!(fragment(&bare(1000, 60)).unwrap().samples.len(), 60_000);
        assert!(fragment(&bare(1, u32::MAX)).is_err());
        assert!(fragment(&bare(1000, 1 << 16)).is_err());
    }
}
