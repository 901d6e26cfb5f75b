//! Whether a task fits the time that is left: what can't be done is refused at
//! once, and what turns out to go too slowly is given up early, instead of
//! being paid for until the deadline.

use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use thiserror::Error;

use super::sources::Sources;
use crate::codec::{Preset, VideoCodec};
use crate::plan::Plan;

/// Bytes a second that no function has been seen to fetch.
const FASTEST_FETCH: u64 = 1 << 30;

/// Processor time per pixel in nanoseconds, by [`Preset`]: half of what the
/// layer's encoders took on one core of an AMD EPYC for a still grey video of
/// 1280x720, so that no processor and no film is faster.
const X264_COST: [f64; 10] = [1.4, 1.8, 2.2, 2.5, 3.0, 3.0, 4.0, 4.5, 5.0, 7.5];
const X265_COST: [f64; 10] = [7.5, 8.5, 9.5, 10.5, 12.0, 12.0, 22.0, 30.0, 30.0, 30.0];
const VP9_COST: f64 = 2.9;

/// Encoding is judged by its own speed after this share of its time.
const SPEED_CHECK_SHARE: u32 = 8;
/// What is left may well be easier; but not so much.
const MAX_OVERRUN_FACTOR: u32 = 2;

/// Why a task is not begun.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BudgetError {
    /// There is too much to fetch.
    #[error(
        "the sources have {bytes} bytes, which take at least {} s to fetch, and {} s are left: use \
         fewer or smaller sources", least.as_secs(), left.as_secs()
    )]
    Fetch {
        /// Bytes of all sources.
        bytes: u64,
        /// What fetching takes at least.
        least: Duration,
        /// What is left of the function's time.
        left: Duration,
    },
    /// There is too much to encode.
    #[error(
        "encoding {frames} frames of {size} as `{codec}` with preset `{preset}` takes at least {} s \
         on {cores} processors, and {} s are left: {FASTER}", least.as_secs(), left.as_secs()
    )]
    Encode {
        /// Frames of the output.
        frames: u64,
        /// Their size.
        size: String,
        /// The encoder's codec.
        codec: &'static str,
        /// The encoder's preset.
        preset: Preset,
        /// Processors of the function.
        cores: u32,
        /// What encoding takes at least.
        least: Duration,
        /// What is left of the function's time.
        left: Duration,
    },
    /// Encoding is too slow.
    #[error(
        "after {} s of encoding {percent} % is done: the rest takes about {} s more, and {} s are \
         left: {FASTER}", spent.as_secs(), rest.as_secs(), left.as_secs()
    )]
    Slow {
        /// How long encoding has gone on.
        spent: Duration,
        /// Percent that is done.
        percent: u64,
        /// What the rest takes at that speed.
        rest: Duration,
        /// What is left of the function's time.
        left: Duration,
    },
}

/// What makes encoding fit.
const FASTER: &str = "ask for a smaller `s` or `fps` or for shorter clips, set `VIDEO_PRESET` to a \
    faster one, or give the function more memory, which brings more processors";

/// Checks that the sources can be fetched by then.
pub(super) fn check_fetch(sources: &Sources, deadline: Instant) -> Result<(), BudgetError> {
    let bytes = sources.distinct.iter().map(|source| source.head.size).sum();
    let least = Duration::from_secs(bytes / FASTEST_FETCH);
    let left = deadline.saturating_duration_since(Instant::now());
    if least > left { Err(BudgetError::Fetch { bytes, least, left }) } else { Ok(()) }
}

/// Checks that the output can be encoded by then.
pub(super) fn check(plan: &Plan, deadline: Instant) -> Result<(), BudgetError> {
    let Some(video) = &plan.output.video else {
        return Ok(());
    };
    let cores = available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
    let frames = plan.timeline.frames();
    let pixels = u64::from(video.size.width) * u64::from(video.size.height) * frames;
    let least = least(video.codec, plan.preset, pixels, cores);
    let left = deadline.saturating_duration_since(Instant::now());
    if least <= left {
        return Ok(());
    }
    Err(BudgetError::Encode {
        frames,
        size: video.size.to_string(),
        codec: video.codec.name(),
        preset: plan.preset,
        cores,
        least,
        left,
    })
}

fn least(codec: VideoCodec, preset: Preset, pixels: u64, cores: u32) -> Duration {
    let preset = preset as usize;
    let cost = match codec {
        VideoCodec::H264 => X264_COST[preset],
        VideoCodec::H265 => X265_COST[preset],
        VideoCodec::Vp9 => VP9_COST,
    };
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let nanoseconds = pixels as f64 * cost / f64::from(cores);
    Duration::try_from_secs_f64(nanoseconds / 1e9).unwrap_or(Duration::MAX)
}

/// Checks that encoding goes fast enough, when `done` of `whole` has been
/// encoded since `started`.
pub(super) fn check_speed(
    done: u64,
    whole: u64,
    started: Instant,
    deadline: Instant,
) -> Result<(), BudgetError> {
    let now = Instant::now();
    judge_speed(done, whole, now - started, deadline.saturating_duration_since(now))
}

fn judge_speed(done: u64, whole: u64, spent: Duration, left: Duration) -> Result<(), BudgetError> {
    if done == 0 || spent * SPEED_CHECK_SHARE < spent + left {
        return Ok(());
    }
    let to_do = whole.saturating_sub(done);
    let nanoseconds = spent.as_nanos() * u128::from(to_do) / u128::from(done);
    let rest = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
    if rest <= left * MAX_OVERRUN_FACTOR {
        return Ok(());
    }
    Err(BudgetError::Slow { spent, percent: done * 100 / whole, rest, left })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{BudgetError, judge_speed, least};
    use crate::codec::{Preset, VideoCodec};

    #[test]
    fn the_least_time_grows_with_pixels_and_slowness_and_shrinks_with_processors() {
        let least =
            |codec, preset, frames, cores| least(codec, preset, 1920 * 1080 * frames, cores);
        let hour = 60 * 60 * 25;
        let base = least(VideoCodec::H264, Preset::Fast, hour, 2);
        assert_eq!(base.as_secs(), 279);
        assert!(least(VideoCodec::H264, Preset::Fast, hour, 4) < base);
        assert!(least(VideoCodec::H264, Preset::Veryfast, hour, 2) < base);
        assert!(least(VideoCodec::H265, Preset::Fast, hour, 2) > base);
        assert!(least(VideoCodec::H264, Preset::Fast, 2 * hour, 2) > base);
        assert!(
            least(VideoCodec::Vp9, Preset::Placebo, u64::from(u32::MAX), 1)
                > Duration::from_hours(1)
        );
    }

    #[test]
    fn speed_is_judged_when_it_can_be_told() {
        let seconds = Duration::from_secs;
        for (name, done, spent, left, fits) in [
            ("too early to tell", 1, 100, 800, true),
            ("nothing yet", 0, 400, 500, true),
            ("in time", 50, 450, 450, true),
            ("may still get easier", 20, 200, 700, true),
            ("hopeless", 5, 200, 700, false),
            ("nearly done", 99, 890, 10, true),
        ] {
            let judged = judge_speed(done, 100, seconds(spent), seconds(left));
            assert_eq!(judged.is_ok(), fits, "{name}");
        }
        let hopeless = judge_speed(5, 100, seconds(200), seconds(700)).unwrap_err();
        assert!(matches!(hopeless, BudgetError::Slow { percent: 5, .. }));
        let text = "after 200 s of encoding 5 % is done: the rest takes about 3800 s more, and 700 s are left: ask for";
        assert!(hopeless.to_string().starts_with(text), "{hopeless}");
    }
}
