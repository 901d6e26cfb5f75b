//! Render: the video in chunks, and the process that joins them with the audio.
//!
//! Both run at the same time. Each chunk's process writes encoded frames to its
//! standard output; they are handed to the joining process as they come, so
//! nothing of them is stored in between.

use std::path::Path;

use super::ffmpeg::{Ffmpeg, Progress, RunError};
use super::stream::Stream;
use crate::plan::{Chunk, Files, Plan, Policy};

/// Percent of the memory that the joining process may use beside a chunk's.
const JOIN_PERCENT: u64 = 25;
/// Percent of the memory that the decoders of one chunk may use; the filters and the encoder use
/// the rest of the chunk's.
const DECODERS_PERCENT: u64 = 30;

/// The chunks that the video is rendered in.
#[must_use]
pub fn chunks(ffmpeg: &Ffmpeg, plan: &Plan) -> Vec<Chunk> {
    plan.chunks(Policy { memory: ffmpeg.portion(DECODERS_PERCENT).memory_bytes() })
}

/// Renders the output to `target`. Returns what the processes reported.
///
/// # Errors
/// When one of them can't be run or fails.
pub async fn render(
    ffmpeg: &Ffmpeg,
    plan: &Plan,
    files: &Files<'_>,
    target: &Path,
    progress: impl FnMut(Progress) + Send + 'static,
) -> Result<String, RunError> {
    let chunks = chunks(ffmpeg, plan);
    let join = plan.join_arguments(files, target);
    if chunks.is_empty() {
        return ffmpeg.encode(join, progress).await;
    }
    let join_ffmpeg = ffmpeg.portion(JOIN_PERCENT);
    let (stdin, joined) = join_ffmpeg.join(join, progress);
    tokio::pin!(joined);
    let mut stream = Stream::new(plan.intermediate(), stdin);
    let chunk_ffmpeg = ffmpeg.portion(100 - JOIN_PERCENT);
    let rendered = async {
        let mut log = String::new();
        for chunk in &chunks {
            let arguments = plan.render_arguments(chunk, files);
            let (more, returned) = chunk_ffmpeg.render(arguments, stream).await?;
            append(&mut log, &more);
            stream = returned;
        }
        // The end of the stream ends the other process.
        drop(stream);
        Ok::<String, RunError>(log)
    };
    tokio::pin!(rendered);
    let mut log = tokio::select! {
        outcome = &mut rendered => match outcome {
            Ok(log) => log,
            // The reader has gone: what it says is the reason.
            Err(error @ RunError::Stream { .. }) => {
                joined.await?;
                return Err(error);
            }
            Err(error) => return Err(error),
        },
        // It can't end well before its input does.
        outcome = &mut joined => {
            let mut log = outcome?;
            append(&mut log, &rendered.await?);
            return Ok(log);
        }
    };
    append(&mut log, &joined.await?);
    Ok(log)
}

/// Adds what another process reported, on a line of its own.
fn append(log: &mut String, more: &str) {
    if !log.is_empty() && !more.is_empty() {
        log.push('\n');
    }
    log.push_str(more);
}
