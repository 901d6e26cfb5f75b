//! Levels of H.264 and H.265: the limits that a stream declares for its decoder.

use num_rational::Ratio;

use super::VideoCodec;
use crate::clamped::clamped;

/// The limits of a level.
struct Level {
    /// Size of a frame: macroblocks of 16 by 16 in H.264, luma samples in H.265.
    frame: u64,
    /// The same per second.
    second: u64,
    /// Bit rate in kbit/s.
    rate: u64,
    /// The decoder's buffer in kbit.
    buffer: u64,
}

const fn level(frame: u64, second: u64, rate: u64, buffer: u64) -> Level {
    Level { frame, second, rate, buffer }
}

/// The levels' numbers, times ten.
const H264_NUMBERS: [u32; 19] =
    [10, 11, 12, 13, 20, 21, 22, 30, 31, 32, 40, 41, 42, 50, 51, 52, 60, 61, 62];
/// Size of the decoded picture buffer in macroblocks.
const H264_KEPT: [u64; 19] = [
    396, 900, 2376, 2376, 2376, 4752, 8100, 8100, 18_000, 20_480, 32_768, 32_768, 34_816, 110_400,
    184_320, 184_320, 696_320, 696_320, 696_320,
];
/// Number of reference frames that encoders usually use.
const USUALLY_KEPT: u64 = 4;

/// H.264's lowest level, times ten, for a stream of this size and bit rate with the usual number of
/// reference frames; `None` if no level allows it.
#[must_use]
pub fn least_level(
    (width, height): (u32, u32),
    frame_rate: Ratio<i64>,
    bit_rate: u64,
) -> Option<u32> {
    let blocks = u64::from(width.div_ceil(16)) * u64::from(height.div_ceil(16));
    let rate = u64::try_from(frame_rate.ceil().to_integer()).ok()?;
    let fits = |&n: &usize| {
        let level = &H264[n];
        blocks <= level.frame
            && blocks * rate <= level.second
            && bit_rate <= level.rate * 1000
            && blocks * USUALLY_KEPT <= H264_KEPT[n]
    };
    (0..H264.len()).find(fits).map(|n| H264_NUMBERS[n])
}

/// A codec's levels, and a frame's size in the levels' units.
struct Levels {
    all: &'static [Level],
    /// The index of level 5.2.
    at_5_2: usize,
    frame: u64,
}

/// `None` for VP9, whose decoders are not chosen by level.
fn levels(codec: VideoCodec, (width, height): (u32, u32)) -> Option<Levels> {
    match codec {
        VideoCodec::H264 => {
            let blocks = |side: u32| u64::from(side.div_ceil(16));
            Some(Levels { all: &H264, at_5_2: 15, frame: blocks(width) * blocks(height) })
        }
        VideoCodec::H265 => {
            let frame = u64::from(width) * u64::from(height);
            Some(Levels { all: &H265, at_5_2: 9, frame })
        }
        VideoCodec::Vp9 => None,
    }
}

/// Whether video of this size and frame rate needs a level that few decoders support.
#[must_use]
pub fn is_beyond_level_5_2(codec: VideoCodec, size: (u32, u32), frame_rate: Ratio<i64>) -> bool {
    let Some(Levels { all, at_5_2, frame }) = levels(codec, size) else {
        return false;
    };
    let level = &all[at_5_2];
    let rate = clamped::<u64>(frame_rate.ceil().to_integer());
    frame > level.frame || frame.saturating_mul(rate) > level.second
}

/// ITU-T H.264, table A-1, from level 1 to 6.2.
const H264: [Level; 19] = [
    level(99, 1485, 64, 175),
    level(396, 3000, 192, 500),
    level(396, 6000, 384, 1000),
    level(396, 11_880, 768, 2000),
    level(396, 11_880, 2000, 2000),
    level(792, 19_800, 4000, 4000),
    level(1620, 20_250, 4000, 4000),
    level(1620, 40_500, 10_000, 10_000),
    level(3600, 108_000, 14_000, 14_000),
    level(5120, 216_000, 20_000, 20_000),
    level(8192, 245_760, 20_000, 25_000),
    level(8192, 245_760, 50_000, 62_500),
    level(8704, 522_240, 50_000, 62_500),
    level(22_080, 589_824, 135_000, 135_000),
    level(36_864, 983_040, 240_000, 240_000),
    level(36_864, 2_073_600, 240_000, 240_000),
    level(139_264, 4_177_920, 240_000, 240_000),
    level(139_264, 8_355_840, 480_000, 480_000),
    level(139_264, 16_711_680, 800_000, 800_000),
];

/// ITU-T H.265, tables A.8 and A.9, main tier, from level 1 to 6.2.
const H265: [Level; 13] = [
    level(36_864, 552_960, 128, 350),
    level(122_880, 3_686_400, 1500, 1500),
    level(245_760, 7_372_800, 3000, 3000),
    level(552_960, 16_588_800, 6000, 6000),
    level(983_040, 33_177_600, 10_000, 10_000),
    level(2_228_224, 66_846_720, 12_000, 12_000),
    level(2_228_224, 133_693_440, 20_000, 20_000),
    level(8_912_896, 267_386_880, 25_000, 25_000),
    level(8_912_896, 534_773_760, 40_000, 40_000),
    level(8_912_896, 1_069_547_520, 60_000, 60_000),
    level(35_651_584, 1_069_547_520, 60_000, 60_000),
    level(35_651_584, 2_139_095_040, 120_000, 120_000),
    level(35_651_584, 4_278_190_080, 240_000, 240_000),
];

/// The largest buffer, in bit, with which a stream of this bit rate keeps the level that its size
/// and frame rate need; `None` if no level limits it.
#[must_use]
pub fn largest_buffer(
    codec: VideoCodec,
    size: (u32, u32),
    frame_rate: Ratio<i64>,
    bit_rate: u64,
) -> Option<u64> {
    let Levels { all, frame, .. } = levels(codec, size)?;
    let rate = u64::try_from(frame_rate.ceil().to_integer()).ok()?;
    let fits = |level: &&Level| {
        frame <= level.frame && frame * rate <= level.second && bit_rate <= level.rate * 1000
    };
    all.iter().find(fits).map(|level| level.buffer * 1000)
}

#[cfg(test)]
mod tests {
    use super::{VideoCodec, largest_buffer, least_level};

    #[test]
    fn a_level_is_what_size_rate_and_kept_frames_need() {
        for (size, fps, rate, expected) in [
            ((320, 180), 25, 300_000, Some(12)),
            ((320, 180), 25, 1_000_000, Some(20)),
            ((1280, 720), 25, 3_000_000, Some(31)),
            ((1920, 1080), 25, 5_000_000, Some(40)),
            ((1920, 1080), 60, 5_000_000, Some(42)),
            ((4096, 4096), 240, 900_000_000, None),
        ] {
            assert_eq!(least_level(size, fps.into(), rate), expected, "{size:?} {fps} {rate}");
        }
    }

    #[test]
    fn a_buffer_stays_within_the_level_that_size_and_rate_need() {
        for (codec, size, fps, rate, expected) in [
            (VideoCodec::H264, (1280, 720), 25, 1_000_000, Some(14_000_000)),
            (VideoCodec::H264, (1280, 720), 60, 1_000_000, Some(20_000_000)),
            (VideoCodec::H264, (1920, 1080), 30, 5_000_000, Some(25_000_000)),
            (VideoCodec::H264, (1920, 1080), 30, 30_000_000, Some(62_500_000)),
            (VideoCodec::H264, (320, 180), 25, 100_000, Some(1_000_000)),
            (VideoCodec::H264, (4096, 4096), 240, 1, Some(800_000_000)),
            (VideoCodec::H264, (4096, 4096), 240, 900_000_000, None),
            (VideoCodec::H265, (1280, 720), 25, 1_000_000, Some(10_000_000)),
            (VideoCodec::H265, (3840, 2160), 60, 20_000_000, Some(40_000_000)),
            (VideoCodec::Vp9, (1280, 720), 25, 1_000_000, None),
        ] {
            let found = largest_buffer(codec, size, fps.into(), rate);
            assert_eq!(found, expected, "{codec} {size:?} {fps} {rate}");
        }
    }
}
