//! The segments of a range in a task that is distributed over several functions.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::artifacts::{count, is_initialisation, name_of, streams};
use super::ffmpeg::{Ffmpeg, RunError};
use super::workspace::{OUTPUT, Workspace};
use crate::plan::{AudioRange, Chunk, Plan};
use crate::process::request::SegmentFormat;

/// The segments of a range.
#[derive(Debug)]
pub struct RangeSegments {
    /// The playlist of only these segments, as the muxer wrote it.
    pub playlist: String,
    /// The end of each segment's name in the whole output, and its file.
    pub files: Vec<(String, PathBuf)>,
    /// Files that together contain the streams, for the check.
    pub readable: Vec<PathBuf>,
    /// The number of segments of each stream.
    pub counts: Vec<u64>,
}

/// Makes the segments of a range from its video and its own audio.
///
/// # Errors
/// When ffmpeg can't be run or fails.
pub async fn make_segments(
    ffmpeg: &Ffmpeg,
    plan: &Plan,
    range: &Chunk,
    video: &Path,
    audio: Option<(&AudioRange, &Path)>,
    target: &Path,
) -> Result<(), RunError> {
    let arguments = plan.segment_arguments(range, video, audio, target).unwrap_or_default();
    ffmpeg.encode(arguments, |_| ()).await.map(drop)
}

impl RangeSegments {
    /// Finds the segments. Only the first range keeps the initialisation segment of each stream.
    ///
    /// # Errors
    /// When the workspace can't be read.
    pub fn of(workspace: &Workspace, plan: &Plan, range: &Chunk) -> io::Result<Self> {
        let paths = workspace.outputs()?;
        let format = plan.output.segments.map_or(SegmentFormat::Hls, |segments| segments.format);
        let Some((playlist, _)) = paths.split_last() else {
            return Err(io::Error::other("the muxer wrote no playlist"));
        };
        let streams = streams(&paths, format);
        let (mut readable, mut counts) = (Vec::new(), Vec::new());
        for (index, parts) in streams.iter().enumerate() {
            readable.push(workspace.join(&format!("stream-{index}"), parts)?);
            counts.push(count(parts).unwrap_or(u64::MAX));
        }
        let before = match format {
            SegmentFormat::Hls => 0,
            SegmentFormat::Dash => plan.segments_before(range),
        };
        let kept = streams.into_iter().flatten();
        let kept = kept.filter(|path| range.frames.start == 0 || !is_initialisation(path));
        let files = kept.map(|path| Ok((suffix(&name_of(&path), before)?, path)));
        Ok(Self {
            playlist: fs::read_to_string(playlist)?,
            files: files.collect::<io::Result<_>>()?,
            readable,
            counts,
        })
    }
}

/// The end of a segment's name, if `before` segments precede those of its range.
fn suffix(name: &str, before: u64) -> io::Result<String> {
    let suffix = name.strip_prefix(OUTPUT).expect("the workspace lists files with this prefix");
    let numbered = suffix.rsplit_once('.').and_then(|(start, extension)| {
        let (start, number) = start.rsplit_once('-')?;
        let number: u64 = number.parse().ok()?;
        Some(format!("{start}-{:05}.{extension}", number + before))
    });
    match numbered {
        Some(name) => Ok(name),
        None if suffix.ends_with("-init.mp4") => Ok(suffix.to_owned()),
        None => Err(io::Error::other(format!("`{name}` is no segment's name"))),
    }
}

#[cfg(test)]
mod tests {
    use super::suffix;

    #[test]
    fn numbers_go_on_after_the_ranges_before() {
        for (name, before, expected) in [
            ("output-00003.ts", 0, "-00003.ts"),
            ("output-1-00003.m4s", 40, "-1-00043.m4s"),
            ("output-0-99999.m4s", 1, "-0-100000.m4s"),
            ("output-init.mp4", 7, "-init.mp4"),
            ("output-1-init.mp4", 7, "-1-init.mp4"),
        ] {
            assert_eq!(suffix(name, before).unwrap(), expected, "{name}");
        }
        assert!(suffix("output-x.ts", 0).is_err());
    }
}
