//! Renders the video in chunks, and joins them with the audio in another process.
//!
//! Both run at the same time. Each chunk's process writes encoded frames to its standard output;
//! they are passed to the joining process at once, so nothing is stored in between. A task that is
//! distributed over several functions does the two separately: each range of the video is written
//! to a file, and later the ranges are passed to the joining process.

use std::fs::File;
use std::io;
use std::path::Path;

use tokio::sync::mpsc;

use super::avi;
use super::ffmpeg::{Ffmpeg, Progress, RunError};
use super::header::common_header;
use super::stream::{Sink, Stream};
use crate::codec::{AudioCodec, Container};
use crate::plan::{Chunk, Files, Listings, Plan, Policy};

/// Percentage of the memory for the joining process, which runs at the same time as a chunk's.
const JOIN_PERCENT: u64 = 25;
/// Percentage of the memory for the decoders of one chunk; the chunk's filters and encoder use the
/// rest.
const DECODERS_PERCENT: u64 = 30;

/// The chunks in which the video is rendered.
#[must_use]
pub fn chunks(ffmpeg: &Ffmpeg, plan: &Plan) -> Vec<Chunk> {
    plan.chunks(Policy { memory: ffmpeg.portion(DECODERS_PERCENT).memory_bytes() })
}

/// Renders the output to `target`. Returns the log of the processes.
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
        let log = ffmpeg.encode(join, progress).await?;
        finish(plan, target)?;
        return Ok(log);
    }
    let join_ffmpeg = ffmpeg.portion(JOIN_PERCENT);
    let (stdin, joined) = join_ffmpeg.join(join, progress);
    let header = common_header(ffmpeg, plan, &chunks, files).await?;
    let stream = Stream::new(plan.intermediate(), Sink::Waiting(stdin)).with_header(header);
    let chunk_ffmpeg = ffmpeg.portion(100 - JOIN_PERCENT);
    let log = both(render_chunks(&chunk_ffmpeg, plan, &chunks, files, stream), joined).await?;
    finish(plan, target)?;
    Ok(log)
}

/// Corrects a joined file.
fn finish(plan: &Plan, target: &Path) -> Result<(), RunError> {
    let flac = plan.output.audio.as_ref().is_some_and(|audio| audio.codec == AudioCodec::Flac);
    if plan.output.container == Container::Avi && flac {
        avi::without_empty_end(target).map_err(|source| unwritable(target, source))?;
    }
    Ok(())
}

/// Renders a range of the video to `target`, in the form that the joining process reads. Returns
/// the log.
///
/// # Errors
/// When a process can't be run or fails, and when the file can't be written.
pub async fn render_range(
    ffmpeg: &Ffmpeg,
    plan: &Plan,
    files: &Files<'_>,
    range: &Chunk,
    target: &Path,
) -> Result<String, RunError> {
    let file = File::create(target).map_err(|source| unwritable(target, source))?;
    let stream = Stream::new(plan.intermediate(), Sink::Open(Box::new(file)));
    let memory = ffmpeg.portion(DECODERS_PERCENT).memory_bytes();
    let chunks = plan.chunks_of(&range.frames, Policy { memory });
    render_chunks(ffmpeg, plan, &chunks, files, stream).await
}

/// Input of the process that joins ranges.
#[derive(Debug)]
pub enum Fed {
    /// The next bytes of a range.
    Bytes(Vec<u8>),
    /// The end of a range.
    End,
    /// The end of the last range.
    Last,
}

/// Joins ranges, which arrive through `feed`, with the audio in `sound`.
///
/// # Errors
/// When the process can't be run or fails, and when the feed ends before the last range does.
pub async fn join(
    ffmpeg: &Ffmpeg,
    plan: &Plan,
    sound: &Path,
    listings: Listings<'_>,
    target: &Path,
    mut feed: mpsc::Receiver<Fed>,
) -> Result<String, RunError> {
    let join = plan.join_made_arguments(sound, listings, target);
    if plan.output.video.is_none() {
        let log = ffmpeg.encode(join, |_| ()).await?;
        finish(plan, target)?;
        return Ok(log);
    }
    let (stdin, joined) = ffmpeg.join(join, |_| ());
    let mut stream = Stream::new(plan.intermediate(), Sink::Waiting(stdin));
    let written = async {
        let writing = tokio::task::spawn_blocking(move || {
            loop {
                match feed.blocking_recv() {
                    Some(Fed::Bytes(bytes)) => stream.push(&bytes)?,
                    Some(Fed::End) => stream.end()?,
                    Some(Fed::Last) => return Ok(()),
                    None => return Err(io::Error::other("the ranges did not all come")),
                }
            }
        });
        let done = writing.await.map_err(io::Error::other).and_then(|done| done);
        done.map(|()| String::new())
            .map_err(|source| RunError::Stream { program: "ffmpeg".to_owned(), source })
    };
    let log = both(written, joined).await?;
    finish(plan, target)?;
    Ok(log)
}

fn unwritable(target: &Path, source: io::Error) -> RunError {
    RunError::Stream { program: format!("ffmpeg (`{}`)", target.display()), source }
}

async fn render_chunks(
    ffmpeg: &Ffmpeg,
    plan: &Plan,
    chunks: &[Chunk],
    files: &Files<'_>,
    mut stream: Stream,
) -> Result<String, RunError> {
    let mut log = String::new();
    for chunk in chunks {
        let arguments = plan.render_arguments(chunk, files);
        let (more, returned) = ffmpeg.render(arguments, stream).await?;
        append(&mut log, &more);
        stream = returned;
    }
    // At the end of its input, the joining process ends.
    drop(stream);
    Ok(log)
}

/// Waits for the processes that write the stream and for the process that reads it.
async fn both(
    rendered: impl Future<Output = Result<String, RunError>>,
    joined: impl Future<Output = Result<String, RunError>>,
) -> Result<String, RunError> {
    tokio::pin!(rendered);
    tokio::pin!(joined);
    let mut log = tokio::select! {
        outcome = &mut rendered => match outcome {
            Ok(log) => log,
            // The reader has ended: its error is the reason.
            Err(error @ RunError::Stream { .. }) => {
                joined.await?;
                return Err(error);
            }
            Err(error) => return Err(error),
        },
        // The reader can't succeed before its input ends.
        outcome = &mut joined => {
            let mut log = outcome?;
            append(&mut log, &rendered.await?);
            return Ok(log);
        }
    };
    append(&mut log, &joined.await?);
    Ok(log)
}

/// Appends another process's log on a line of its own.
fn append(log: &mut String, more: &str) {
    if !log.is_empty() && !more.is_empty() {
        log.push('\n');
    }
    log.push_str(more);
}
