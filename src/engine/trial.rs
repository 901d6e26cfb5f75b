//! Estimates how long an output takes to make on this machine, by making a part of it.
//!
//! From every clip, a short piece and longer ones are rendered. The difference is the time for the
//! frames alone, without the start of the process and the run-up to the cut.

use std::time::{Duration, Instant};

use super::ffmpeg::{Ffmpeg, RunError};
use crate::clamped::seconds;
use crate::plan::{Chunk, Files, Plan};
use crate::timeline::Place;

/// Frames of a short piece and of a long one.
const SHORT: u64 = 12;
const LONG: u64 = 72;
/// Number of long pieces per clip, evenly spread, since some parts of a clip take longer than
/// others.
const PIECES: u64 = 3;
/// Seconds of audio that one processor encodes in a second.
const AUDIO_SPEED: f64 = 45.0;
/// Processor time of the check per pixel in nanoseconds, as measured.
const CHECK_COST: f64 = 2.7;
/// Time for rendering a whole, relative to the sum of its pieces: a whole keeps the processors
/// busier, but the joining process takes some of that. Measured with ten jobs in h264, h265, and
/// VP9 from 360p to 1080p: each took between 0.9 and 1.1 times the estimate.
const IN_ONE_GO: f64 = 0.95;

/// The time to make the output and check it, on this many processors.
///
/// # Errors
/// When a piece can't be rendered.
pub async fn estimate(
    ffmpeg: &Ffmpeg,
    plan: &Plan,
    files: &Files<'_>,
    processors: u32,
) -> Result<Duration, RunError> {
    let mut total = Duration::ZERO;
    for place in plan.timeline.places.iter().filter(|place| place.frames > 0) {
        // Short clips are rendered whole.
        if place.frames <= LONG * PIECES {
            total += time(ffmpeg, plan, place, 0, place.frames, files).await?;
            continue;
        }
        let room = place.frames - LONG;
        let short = time(ffmpeg, plan, place, room / 2, SHORT, files).await?;
        let mut long = Duration::ZERO;
        for piece in 0..PIECES {
            let first = room * (2 * piece + 1) / (2 * PIECES);
            long += time(ffmpeg, plan, place, first, LONG, files).await?;
        }
        total = total.saturating_add(clip(short, long, place.frames));
    }
    let audio = plan.output.audio.as_ref().map_or(0, |_| plan.length().to_millis().unsigned_abs());
    Ok(whole(total, Duration::from_millis(audio), plan.pixels(), processors))
}

/// The time for a clip, from the time for a short piece and for all long pieces.
fn clip(short: Duration, long: Duration, frames: u64) -> Duration {
    let pieces = as_float(PIECES);
    let more = (long.as_secs_f64() - pieces * short.as_secs_f64()).max(0.0);
    let each = more / (pieces * as_float(LONG - SHORT));
    // The start of the process counts once, as part of the short piece.
    short.saturating_add(seconds(as_float(frames - SHORT) * each))
}

/// The time for an output, from the time to render its clips, the length of its audio, and its
/// number of pixels.
fn whole(clips: Duration, audio: Duration, pixels: u64, processors: u32) -> Duration {
    let audio = audio.as_secs_f64() / AUDIO_SPEED;
    let check = as_float(pixels) * CHECK_COST / 1e9;
    let others = (audio + check) / f64::from(processors.max(1));
    seconds(clips.as_secs_f64() * IN_ONE_GO + others)
}

/// Measures the time to render this many frames of a clip.
async fn time(
    ffmpeg: &Ffmpeg,
    plan: &Plan,
    place: &Place,
    first: u64,
    frames: u64,
    files: &Files<'_>,
) -> Result<Duration, RunError> {
    let first = place.first_frame + first;
    let chunk = Chunk { frames: first..first + frames };
    let started = Instant::now();
    ffmpeg.list(plan.render_arguments(&chunk, files), |_| ()).await?;
    Ok(started.elapsed())
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
const fn as_float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{clip, whole};

    fn millis(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    #[test]
    fn the_start_of_a_process_is_counted_once_for_a_clip() {
        // 200 ms for the start, and 10 ms for each frame.
        let (short, long) = (millis(200 + 12 * 10), millis(3 * (200 + 72 * 10)));
        assert_eq!(clip(short, long, 1000), millis(200 + 1000 * 10));
        // If the long pieces took no more time, nothing is known about the frames.
        assert_eq!(clip(short, short, 1000), short);
    }

    /// The times of ten jobs (making and checking) on two otherwise idle processors, with the times
    /// that rendering their pieces had taken.
    #[test]
    fn jobs_took_what_was_estimated_within_a_third() {
        const MS: [(&str, u64, u64, u64, u64); 10] = [
            ("h264 360p", 3_330, 50_000, 1_250 * 640 * 360, 3_810),
            ("h264 720p", 4_650, 24_000, 600 * 1280 * 720, 5_830),
            ("h264 720p to 360p", 2_950, 24_000, 600 * 640 * 360, 2_930),
            ("h264 1080p", 2_850, 8_000, 200 * 1920 * 1080, 3_110),
            ("h265 360p", 4_200, 18_000, 450 * 640 * 360, 3_900),
            ("vp9 360p", 7_030, 12_000, 300 * 640 * 360, 6_840),
            ("h264 360p, five cuts", 1_830, 18_500, 462 * 640 * 360, 2_250),
            ("h264 720p, segments", 5_630, 24_000, 600 * 1280 * 720, 6_060),
            ("h264 360p to 1080p", 2_040, 6_000, 150 * 1920 * 1080, 2_330),
            ("audio", 0, 50_000, 0, 520),
        ];
        for (name, pieces, audio, pixels, took) in MS {
            let estimate = whole(millis(pieces), millis(audio), pixels, 2).as_secs_f64();
            let ratio = estimate / millis(took).as_secs_f64();
            assert!((0.7..1.3).contains(&ratio), "{name}: {ratio:.2}");
        }
    }

    #[test]
    fn more_processors_share_what_is_beside_the_video() {
        let of = |processors| whole(Duration::ZERO, millis(90_000), 0, processors);
        assert_eq!((of(1), of(2), of(0)), (millis(2_000), millis(1_000), millis(2_000)));
    }
}
