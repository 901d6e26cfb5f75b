//! The segments of a range are checked by the function that made them; those of all ranges by
//! combining these results.

use std::path::PathBuf;

use super::content::decode;
use super::{TICK_MS, Verified, VerifyError, demuxer, expect, within};
use crate::clamped::clamped;
use crate::codec::Container;
use crate::engine::ffmpeg::Ffmpeg;
use crate::engine::probe::{ProbeError, scan};
use crate::flicks::Flicks;
use crate::media::Media;
use crate::media::report::ReportError;
use crate::output::AudioOutput;
use crate::plan::input::Input;
use crate::plan::{Chunk, Plan, signed};

/// Decodes all segments of a range. `files` contain them: one file, or one for each stream, with
/// the video first. Returns their description.
///
/// # Errors
/// When they do not decode, or are not exactly the frames of the range.
pub async fn verify_range(
    ffmpeg: &Ffmpeg,
    plan: &Plan,
    range: &Chunk,
    files: &[PathBuf],
) -> Result<Media, VerifyError> {
    let demuxer = demuxer(plan.output.container);
    let mut whole: Option<Media> = None;
    let mut decoded = 0;
    for file in files {
        let (part, frames) =
            tokio::join!(scan(ffmpeg, demuxer, file), decode(ffmpeg, Input::whole(demuxer, file)));
        let part = part?;
        decoded += frames?;
        whole = Some(match whole {
            Some(whole) => whole.joined(part),
            None => part,
        });
    }
    let media = whole.ok_or(ReportError::NoStreams).map_err(ProbeError::from)?;
    let planned = range.frames.end - range.frames.start;
    let found = media.video.as_ref().map_or(0, |video| video.frames);
    expect("the number of frames", &found, &planned)?;
    expect("the number of decoded frames", &decoded, &planned)?;
    Ok(media)
}

/// Checks that the segments of all ranges, from the description of each, are together what was
/// planned.
///
/// # Errors
/// When they are not.
pub fn verify_ranges(plan: &Plan, found: &[Media]) -> Result<Verified, VerifyError> {
    let mut ranges = found.iter().enumerate().map(|(index, range)| placed(plan, index, range));
    let first = ranges.next().ok_or(ReportError::NoStreams).map_err(ProbeError::from)?;
    let media = ranges.try_fold(first, |whole, next| behind(plan, whole, next))?;
    Verified::by_parts(plan, media)
}

/// The description of a range at its place in the whole. Its own header does not declare the
/// encoder's delay, so its audio appears later than by the first range's header.
fn placed(plan: &Plan, index: usize, range: &Media) -> Media {
    let mut range = range.clone();
    if index > 0 && plan.output.container == Container::Mp4 {
        let rate = i64::from(plan.timeline.sample_rate).into();
        let delay = plan.output.audio.as_ref().map_or(0, AudioOutput::encoder_delay);
        let delay = Flicks::of_units(delay, rate);
        if let Some(audio) = &mut range.audio {
            (audio.start, audio.end) = (audio.start - delay, audio.end - delay);
        }
    }
    range
}

/// Appends the next range.
fn behind(plan: &Plan, mut whole: Media, next: Media) -> Result<Media, VerifyError> {
    let frame = Flicks::of_units(signed(1), plan.timeline.frame_rate);
    let (before, length) = (whole.length, next.length);
    if let (Some(video), Some(more)) = (&mut whole.video, next.video) {
        let start = video.last + frame;
        within("the time of a range's first frame", more.start, start, TICK_MS, TICK_MS)?;
        expect("the video codec of a range", &more.codec, &video.codec)?;
        expect("the size of a range", &more.display_size(), &video.display_size())?;
        video.bit_rate = mean((video.bit_rate, before), (more.bit_rate, length));
        video.frames += more.frames;
        (video.last, video.end) = (more.last, more.end);
    }
    if let (Some(audio), Some(more)) = (&mut whole.audio, next.audio) {
        within("the time of a range's audio", more.start, audio.end, TICK_MS, TICK_MS)?;
        expect("the audio codec of a range", &more.codec, &audio.codec)?;
        audio.bit_rate = mean((audio.bit_rate, before), (more.bit_rate, length));
        audio.end = more.end;
    }
    let further = next.further.streams + next.further.chapters;
    expect("the number of a range's further streams", &further, &0)?;
    let ends = [whole.video.as_ref().map(|it| it.end), whole.audio.as_ref().map(|it| it.end)];
    let end = ends.into_iter().flatten().max().unwrap_or(whole.start);
    whole.length = end - whole.start;
    Ok(whole)
}

/// The mean of two bit rates, weighted by length.
fn mean(one: (u64, Flicks), other: (u64, Flicks)) -> u64 {
    let weight = |length: Flicks| u128::from(length.count().unsigned_abs());
    let (first, second) = (weight(one.1), weight(other.1));
    let sum = u128::from(one.0) * first + u128::from(other.0) * second;
    clamped(sum / (first + second).max(1))
}
