//! Trial: how long an output takes to make here, by making a part of it.
//!
//! Of every clip a short piece and a longer one are rendered. The difference is what its frames take,
//! without the start of the process and the run-up to the cut.

use std::time::{Duration, Instant};

use super::ffmpeg::{Ffmpeg, RunError};
use crate::clamped::seconds;
use crate::plan::{Chunk, Files, Plan};
use crate::timeline::Place;

/// Frames of a short piece and of a long one.
const SHORT: u64 = 12;
const LONG: u64 = 72;
/// Long pieces of a clip, evenly spread: no part of a clip is as hard as all of it.
const PIECES: u64 = 3;
/// Seconds of audio that one processor encodes in a second.
const AUDIO_SPEED: f64 = 45.0;
/// Processor time in nanoseconds that the check takes for a pixel, by experience.
const CHECK_COST: f64 = 2.7;
/// What rendering takes in one go, of what its pieces take one after the other: it keeps the processors
/// busier, and joining takes some of that. By ten jobs in h264, h265, and VP9 from 360p to 1080p, of
/// which none took less than nine tenths of the estimate, nor a tenth more.
const IN_ONE_GO: f64 = 0.95;

/// How long it takes to make the output and to check it, on so many processors.
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
        // Short clips are made whole.
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

/// What a clip takes, of which a short piece and the long ones took so much.
fn clip(short: Duration, long: Duration, frames: u64) -> Duration {
    let pieces = as_float(PIECES);
    let more = (long.as_secs_f64() - pieces * short.as_secs_f64()).max(0.0);
    let each = more / (pieces * as_float(LONG - SHORT));
    // The start is paid for once, with the short piece.
    short.saturating_add(seconds(as_float(frames - SHORT) * each))
}

/// What an output takes whose clips take so much to render, with so much audio, and so many pixels.
fn whole(clips: Duration, audio: Duration, pixels: u64, processors: u32) -> Duration {
    let audio = audio.as_secs_f64() / AUDIO_SPEED;
    let check = as_float(pixels) * CHECK_COST / 1e9;
    let others = (audio + check) / f64::from(processors.max(1));
    seconds(clips.as_secs_f64() * IN_ONE_GO + others)
}

/// How long it takes to render so many frames of a clip.
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
        // 200 ms of start, and 10 ms for each frame.
        let (short, long) = (millis(200 + 12 * 10), millis(3 * (200 + 72 * 10)));
        assert_eq!(clip(short, long, 1000), millis(200 + 1000 * 10));
        // A longer piece that took no more tells nothing of the frames.
        assert_eq!(clip(short, short, 1000), short);
    }

    /// What making and checking took of ten jobs with two processors that did nothing else, and what
    /// rendering their pieces had taken.
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
