//! Examine: which clips are damaged.
//!
//! What ffmpeg complains of while it encodes names decoders, not files. Where it
//! did, the streams that the output uses are decoded once more, each by itself.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::ffmpeg::{Ffmpeg, RunError};
use crate::engine::probe::ProbeError;
use crate::plan::input::Input;
use crate::plan::{Clip, Plan};

/// As many lines of complaints are told: the rest repeats them.
const MAX_LOG_LINES: usize = 5;

/// What the decoders of one clip complain of; nothing where it is whole.
///
/// # Errors
/// When nothing at all of a stream decodes, or it can't be tried.
pub async fn diagnose(
    ffmpeg: &Ffmpeg,
    plan: &Plan,
    clip: usize,
    source: &Path,
) -> Result<String, ProbeError> {
    let mut lines: Vec<String> = Vec::new();
    for (kind, index) in plan.streams(clip) {
        let (frames, complaints) = decode(ffmpeg, plan.clip(clip), index, source).await?;
        for line in complaints.lines().take(MAX_LOG_LINES) {
            if !lines.iter().any(|known| known == line) {
                lines.push(line.to_owned());
            }
        }
        if frames == 0 {
            return Err(ProbeError::Undecodable { kind, complaints: lines.join("; ") });
        }
    }
    Ok(lines.join("; "))
}

/// How many frames of a stream decode as far as the clip goes, and with what
/// complaints.
async fn decode(
    ffmpeg: &Ffmpeg,
    clip: Clip<'_>,
    index: u32,
    source: &Path,
) -> Result<(u64, String), ProbeError> {
    let frames = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&frames);
    let on_line = move |line: &str| {
        // A number or `N/A`, and a comma where more could follow.
        let number = line.trim().trim_end_matches(',').parse();
        count.fetch_max(number.unwrap_or(0), Ordering::Relaxed);
    };
    let (stream, interval) = (index.to_string(), clip.read_interval());
    let arguments = ["-select_streams", &stream, "-read_intervals", &interval, "-count_frames"];
    let shown = ["-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"];
    let arguments: Vec<&str> = arguments.into_iter().chain(shown).collect();
    let input = Input::whole(clip.media.demuxer, source);
    let complaints = match ffmpeg.inspect(input, &arguments, on_line).await {
        Ok(complaints) | Err(RunError::Failed { log: complaints, .. }) => complaints,
        Err(error) => return Err(ProbeError::Run(error)),
    };
    Ok((frames.load(Ordering::Relaxed), complaints))
}
