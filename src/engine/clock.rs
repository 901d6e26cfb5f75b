//! Finds where the audio of clips with unsteady timestamps belongs.

use std::sync::Arc;

use parking_lot::Mutex;

use super::ffmpeg::{Ffmpeg, RunError};
use crate::media::{Clock, Stretch};
use crate::plan::{Files, Listed, Plan};

/// For each clip, the stretches of its audio; none if its timestamps can be used as they are.
///
/// # Errors
/// When ffmpeg can't be run.
pub async fn stretches(
    ffmpeg: &Ffmpeg,
    plan: &Plan,
    files: &Files<'_>,
) -> Result<Vec<Vec<Stretch>>, RunError> {
    let mut all = Vec::with_capacity(plan.clips.len());
    for clip in 0..plan.clips.len() {
        let mut of_clip = Vec::new();
        if let Some(stream) = plan.clip(clip).media.audio.as_ref()
            && let Some(arguments) = plan.clock_arguments(clip, files)
        {
            of_clip = list(ffmpeg, arguments, stream.sample_rate).await?;
        }
        all.push(of_clip);
    }
    Ok(all)
}

async fn list(
    ffmpeg: &Ffmpeg,
    arguments: Vec<String>,
    rate: u32,
) -> Result<Vec<Stretch>, RunError> {
    let listing = Arc::new(Mutex::new((Clock::new(rate), Listed::default())));
    let listed = Arc::clone(&listing);
    let on_line = move |line: &str| {
        let (clock, listing) = &mut *listed.lock();
        if let Some((offset, samples)) = listing.read(line) {
            clock.push(clock.samples() + offset, samples);
        }
    };
    match ffmpeg.list(arguments, on_line).await {
        // Errors of the source are diagnosed when the output is joined.
        Ok(_) | Err(RunError::Failed { .. }) => {}
        Err(error) => return Err(error),
    }
    let (clock, listed) = &*listing.lock();
    let Some(first) = listed.first() else { return Ok(Vec::new()) };
    let stretches = clock.stretches().into_iter();
    Ok(stretches.map(|stretch| Stretch { offset: stretch.offset + first, ..stretch }).collect())
}
