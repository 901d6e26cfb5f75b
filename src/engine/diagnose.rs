//! Finds out which clips are damaged.
//!
//! ffmpeg's errors during encoding name decoders, not files. After errors, each stream that the
//! output uses is decoded again by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::ffmpeg::{Ffmpeg, RunError};
use crate::engine::probe::ProbeError;
use crate::flicks::Flicks;
use crate::media::Demuxer;
use crate::plan::input::Input;
use crate::plan::{Files, Plan};

/// Most lines that are reported: further lines only repeat them.
const MAX_LOG_LINES: usize = 5;

/// The result of decoding a clip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// No errors in the part that is used.
    Whole,
    /// Only these errors, reported while the file was opened. They may concern streams that are not
    /// used, since ffmpeg then tries the decoders of all streams.
    Opening(Vec<String>),
    /// Errors after opening the file at a frame that the container marks as a key frame, which may
    /// be wrong.
    Doubtful,
    /// These errors.
    Damaged(String),
}

/// The result of decoding part of a stream.
struct Decoded {
    frames: u64,
    log: String,
    /// Errors reported while the file is opened, if any.
    opening: Vec<String>,
}

/// Decodes the streams of a clip that the output uses.
///
/// # Errors
/// When no frame of a stream decodes, or ffprobe can't be run.
pub async fn diagnose(
    ffmpeg: &Ffmpeg,
    plan: &Plan,
    clip: usize,
    files: &Files<'_>,
) -> Result<Finding, ProbeError> {
    let seek = files.seek(plan, clip, plan.clip(clip).start());
    let (start, end) = (plan.clip(clip).start(), plan.clip(clip).end());
    let mut lines: Vec<String> = Vec::new();
    let mut opened = Vec::new();
    for (kind, index) in plan.streams(clip) {
        let source = Stream { ffmpeg, plan, clip, index, files };
        let Decoded { frames, log, opening } = source.decode(seek, end).await?;
        opened.extend(opening);
        if seek.is_some() {
            // Errors before the cut don't matter: that part is decoded only as a run-up.
            if frames == 0 || !log.is_empty() && !source.reports(seek, start, &log).await? {
                return Ok(Finding::Doubtful);
            }
            continue;
        }
        for line in log.lines().take(MAX_LOG_LINES) {
            if !lines.iter().any(|known| known == line) {
                lines.push(line.to_owned());
            }
        }
        if frames == 0 {
            return Err(ProbeError::Undecodable { kind, complaints: lines.join("; ") });
        }
    }
    Ok(match (lines.is_empty(), opened.is_empty()) {
        (true, true) => Finding::Whole,
        (true, false) => Finding::Opening(opened),
        (false, _) => Finding::Damaged(lines.join("; ")),
    })
}

/// A stream of a clip's file.
struct Stream<'a> {
    ffmpeg: &'a Ffmpeg,
    plan: &'a Plan,
    clip: usize,
    index: u32,
    files: &'a Files<'a>,
}

impl Stream<'_> {
    /// Whether decoding up to `until` reports exactly these errors.
    async fn reports(
        &self,
        from: Option<Flicks>,
        until: Flicks,
        log: &str,
    ) -> Result<bool, ProbeError> {
        let before = self.decode(from, until).await?;
        let sorted = |log: &str| {
            let mut lines: Vec<String> = log.lines().map(str::to_owned).collect();
            lines.sort_unstable();
            lines
        };
        Ok(sorted(&before.log) == sorted(log))
    }

    /// Decodes the stream from `from` to `until`.
    async fn decode(&self, from: Option<Flicks>, until: Flicks) -> Result<Decoded, ProbeError> {
        let frames = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&frames);
        let on_line = move |line: &str| {
            // A number or `N/A`; a comma follows if there could be more fields.
            if let Ok(number) = line.trim().trim_end_matches(',').parse() {
                count.fetch_max(number, Ordering::Relaxed);
            }
        };
        let from = from.map_or_else(String::new, Flicks::as_option);
        let (stream, interval) = (self.index.to_string(), format!("{from}%{}", until.as_option()));
        let arguments = ["-select_streams", &stream, "-read_intervals", &interval, "-count_frames"];
        let shown = ["-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"];
        let arguments: Vec<&str> = arguments.into_iter().chain(shown).collect();
        let source = self.files.sources[self.plan.clips[self.clip].source];
        let input = Input::of(self.plan.clip(self.clip).media, source);
        let log = reported(self.ffmpeg.inspect(input, &arguments, on_line).await)?;
        let frames = frames.load(Ordering::Relaxed);
        if log.is_empty() {
            return Ok(Decoded { frames, log, opening: Vec::new() });
        }
        let nothing = ["-show_entries", "format=filename"];
        let opening = reported(self.ffmpeg.inspect(input, &nothing, |_| ()).await)?;
        let log = without_opening(input.demuxer, &log, &opening);
        Ok(Decoded { frames, log, opening: opening.lines().map(str::to_owned).collect() })
    }
}

/// Whether a line of a log is reported where a file begins in an open group of pictures: a picture that
/// is to be dropped is not there, and no other one is decoded from it.
pub(super) fn is_harmless(line: &str) -> bool {
    line.ends_with("mmco: unref short failure")
}

fn reported(outcome: Result<String, RunError>) -> Result<String, ProbeError> {
    match outcome {
        Ok(log) | Err(RunError::Failed { log, .. }) => Ok(log),
        Err(error) => Err(ProbeError::Run(error)),
    }
}

/// Removes what is harmless, and what decoders report while a file is opened: that may concern streams
/// that are not used.
/// The decoder of this stream reports its errors again when it decodes.
fn without_opening(demuxer: Demuxer, log: &str, opening: &str) -> String {
    let own = format!("[{}", demuxer.name());
    let mut opening = opening.lines().peekable();
    let kept = log.lines().filter(|line| {
        let known = opening.next_if(|next| next == line).is_some();
        (!known || line.starts_with(&own)) && !is_harmless(line)
    });
    kept.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::without_opening;
    use crate::media::Demuxer;

    #[test]
    fn what_decoders_report_while_a_file_is_opened_does_not_count() {
        let opening = "[mov,mp4] bad atom\n[flac] bad header\n[flac] bad frame";
        let again = format!("{opening}\n[flac] bad header");
        for (name, log, opening, expected) in [
            ("another stream's", "[flac] bad", "[flac] bad", ""),
            ("the demuxer's", opening, opening, "[mov,mp4] bad atom"),
            ("its own", &again, opening, "[mov,mp4] bad atom\n[flac] bad header"),
            ("nothing", "[h264] mmco: unref short failure", "", ""),
            ("more of it", "[aac] bad band", opening, "[aac] bad band"),
        ] {
            assert_eq!(without_opening(Demuxer::Mov, log, opening), expected, "{name}");
        }
    }
}
