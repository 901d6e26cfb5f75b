//! Whether a task fits the remaining time: work that can't fit is rejected at once, and work that
//! turns out too slow is stopped early, instead of being paid for until the deadline.

use std::thread::available_parallelism;
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

use crate::clamped::clamped;
use crate::codec::Preset;
use crate::plan::{Chunk, Plan};

/// Bytes per second, more than any function has been seen to fetch.
const FASTEST_FETCH: u64 = 1 << 30;

/// The measured speed counts only after this share of the available time.
const SPEED_CHECK_SHARE: u32 = 8;
/// The rest may be easier to encode, but not by more than this factor.
const MAX_OVERRUN_FACTOR: u32 = 2;

/// Why a task is not started, or is stopped.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BudgetError {
    /// Too many bytes to fetch.
    #[error(
        "{bytes} bytes of the sources are needed, which take at least {} s to fetch, and {} s are left: use \
         fewer or smaller sources", least.as_secs(), left.as_secs()
    )]
    Fetch {
        /// The bytes of the sources that are needed.
        bytes: u64,
        /// The least time for fetching.
        least: Duration,
        /// The function's remaining time.
        left: Duration,
    },
    /// Too much to encode.
    #[error(
        "encoding {frames} frames of {size} as `{codec}` with preset `{preset}` takes at least {} s \
         on {cores} processors, and {} s are left: {FASTER}", least.as_secs(), left.as_secs()
    )]
    Encode {
        /// Number of frames of the output.
        frames: u64,
        /// Their size.
        size: String,
        /// The encoder's codec.
        codec: &'static str,
        /// The encoder's preset.
        preset: Preset,
        /// Number of processors of the function.
        cores: u32,
        /// The least time for encoding.
        least: Duration,
        /// The function's remaining time.
        left: Duration,
    },
    /// Encoding is too slow.
    #[error(
        "after {} s of encoding {percent} % is done: the rest takes about {} s more, and {} s are \
         left: {FASTER}", spent.as_secs(), rest.as_secs(), left.as_secs()
    )]
    Slow {
        /// The time spent on encoding so far.
        spent: Duration,
        /// How many percent are finished.
        percent: u64,
        /// The time that the rest takes at this speed.
        rest: Duration,
        /// The function's remaining time.
        left: Duration,
    },
}

/// Advice on how to make encoding faster.
const FASTER: &str = "ask for a smaller `s` or `fps` or for shorter clips, set `VIDEO_PRESET` to a \
    faster one, or give the function more memory, which brings more processors";

/// Time to store a segment, from experience; many are stored at the same time.
const STORING: Duration = Duration::from_millis(100);
/// At least this many segments are stored at the same time.
const STORED_AT_ONCE: u32 = 8;

/// The time to store the segments, from experience; zero for a single file, which is uploaded while
/// it is checked.
pub(super) fn storing(plan: &Plan) -> Duration {
    let count = clamped::<u32>(plan.segment_files());
    STORING * count.div_ceil(STORED_AT_ONCE)
}

/// Checks that this many bytes can be fetched before the deadline.
pub(super) fn check_fetch(bytes: u64, deadline: Instant) -> Result<(), BudgetError> {
    let least = Duration::from_secs(bytes / FASTEST_FETCH);
    let left = deadline.saturating_duration_since(Instant::now());
    if least > left { Err(BudgetError::Fetch { bytes, least, left }) } else { Ok(()) }
}

/// Checks that the output can be encoded before the deadline.
pub(super) fn check(plan: &Plan, deadline: Instant) -> Result<(), BudgetError> {
    check_range(plan, &Chunk { frames: plan.frames() }, deadline)
}

/// Checks that a range of the video can be encoded before the deadline.
pub(super) fn check_range(
    plan: &Plan,
    range: &Chunk,
    deadline: Instant,
) -> Result<(), BudgetError> {
    let Some(video) = &plan.output.video else {
        return Ok(());
    };
    let cores = available_parallelism().map_or(1, |cores| clamped(cores.get()));
    let least = plan.least_encoding_of(range, cores);
    let left = deadline.saturating_duration_since(Instant::now());
    if least <= left {
        return Ok(());
    }
    Err(BudgetError::Encode {
        frames: range.frames.end - range.frames.start,
        size: video.size.to_string(),
        codec: video.codec.name(),
        preset: plan.preset,
        cores,
        least,
        left,
    })
}

/// Checks that encoding is fast enough, if `done` of `whole` has been encoded since `started`.
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
    let rest = Duration::from_nanos(clamped::<u64>(nanoseconds));
    if rest <= left * MAX_OVERRUN_FACTOR {
        return Ok(());
    }
    Err(BudgetError::Slow { spent, percent: done * 100 / whole, rest, left })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{BudgetError, judge_speed};

    #[test]
    fn speed_is_judged_when_it_is_known() {
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
