//! The header of a video of which parts are copied: it contains the parameter sets of copied and of
//! encoded chunks.

use std::io;

use super::ffmpeg::{Ffmpeg, RunError};
use super::fragments;
use crate::plan::copy::Sets;
use crate::plan::{Chunk, Files, Plan};

/// The header for a video with copied and encoded chunks; `None` if all are of one kind.
pub(super) async fn common_header(
    ffmpeg: &Ffmpeg,
    plan: &Plan,
    chunks: &[Chunk],
    files: &Files<'_>,
) -> Result<Option<Vec<u8>>, RunError> {
    let copied = chunks.iter().find(|chunk| plan.run(chunk).is_some());
    let encoded = chunks.iter().find(|chunk| plan.run(chunk).is_none());
    let Some(copied) = copied else { return Ok(None) };
    let copied = header_of(ffmpeg, plan.first_packet_arguments(copied, files)).await?;
    let Some(encoded) = encoded else {
        // The headers of several clips' runs may differ in fields that don't matter.
        return Ok(Some(copied));
    };
    let first = encoded.frames.start;
    let first = Chunk { frames: first..first + 1 };
    let encoded = header_of(ffmpeg, plan.render_arguments(&first, files)).await?;
    let joined = || Sets::of(&encoded)?.join(&Sets::of(&copied)?, &encoded);
    joined().map(Some).ok_or_else(|| unreadable("it has a header without parameter sets"))
}

/// The header that a process writes.
pub(super) async fn header_of(
    ffmpeg: &Ffmpeg,
    arguments: Vec<String>,
) -> Result<Vec<u8>, RunError> {
    fragments::header(&ffmpeg.bytes(arguments).await?).map_err(unreadable)
}

fn unreadable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> RunError {
    RunError::Stream { program: "ffmpeg".to_owned(), source: io::Error::other(source) }
}
