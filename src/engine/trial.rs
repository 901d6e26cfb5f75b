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
/// What rendering takes more while its output is joined, by experience.
const JOINING: f64 = 1.15;

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
        let pieces = as_float(PIECES);
        let frames = pieces * as_float(LONG - SHORT);
        let each = (long.as_secs_f64() - pieces * short.as_secs_f64()).max(0.0) / frames;
        // The start is paid for once, with the short piece.
        let rest = as_float(place.frames - SHORT) * each;
        total += short + seconds(rest);
    }
    let rendering = total.as_secs_f64() * JOINING;
    let audio = if plan.output.audio.is_some() {
        as_float(plan.length().to_millis().unsigned_abs()) / 1000.0 / AUDIO_SPEED
    } else {
        0.0
    };
    let check = as_float(plan.pixels()) * CHECK_COST / 1e9;
    let others = (audio + check) / f64::from(processors.max(1));
    Ok(seconds(rendering + others))
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
