//! Diagnose: which clips are damaged.
//!
//! What ffmpeg reports while it encodes names decoders, not files. Where it
//! reported errors, the streams that the output uses are decoded once more,
//! each by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::ffmpeg::{Ffmpeg, RunError};
use crate::engine::probe::ProbeError;
use crate::flicks::Flicks;
use crate::media::Demuxer;
use crate::plan::input::Input;
use crate::plan::{Files, Plan};

/// As many lines are told: the rest repeats them.
const MAX_LOG_LINES: usize = 5;

/// What the decoders of a clip report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Nothing of what is shown or heard.
    Whole,
    /// These lines, which may be about streams that are not used: decoders of all streams report
    /// while a file is opened.
    Opening(Vec<String>),
    /// Errors, though it was opened where the container has a key frame: it may
    /// be none.
    Doubtful,
    /// Errors, in these words.
    Damaged(String),
}

/// What a stream gives in a part of a file.
struct Decoded {
    frames: u64,
    log: String,
    /// What is reported while the file is opened, where anything is.
    opening: Vec<String>,
}

/// Decodes what the output uses of a clip.
///
/// # Errors
/// When nothing at all of a stream decodes, or it can't be tried.
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
            // What comes before the cut is decoded for its sake alone.
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
    /// Whether just this is reported up to a moment.
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

    /// Decodes a part of the file.
    async fn decode(&self, from: Option<Flicks>, until: Flicks) -> Result<Decoded, ProbeError> {
        let frames = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&frames);
        let on_line = move |line: &str| {
            // A number or `N/A`, and a comma where more could follow.
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

fn reported(outcome: Result<String, RunError>) -> Result<String, ProbeError> {
    match outcome {
        Ok(log) | Err(RunError::Failed { log, .. }) => Ok(log),
        Err(error) => Err(ProbeError::Run(error)),
    }
}

/// A log without what decoders report while a file is opened: they may be those of streams that
/// are not used. Those of the stream in question report again when it is decoded.
fn without_opening(demuxer: Demuxer, log: &str, opening: &str) -> String {
    let own = format!("[{}", demuxer.name());
    let mut opening = opening.lines().peekable();
    let kept = log.lines().filter(|line| {
        let known = opening.next_if(|next| next == line).is_some();
        !known || line.starts_with(&own)
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
            ("more of it", "[aac] bad band", opening, "[aac] bad band"),
        ] {
            assert_eq!(without_opening(Demuxer::Mov, log, opening), expected, "{name}");
        }
    }
}
