//! The ffmpeg commands that would be run.

use std::path::{Path, PathBuf};

use video_concat::engine::ffmpeg::ENCODING;
use video_concat::plan::{Chunk, Files};

use crate::task::Task;

/// The commands for each chunk, then the one that joins them, which reads the others' output.
pub(super) fn of(task: &Task, chunks: &[Chunk], files: &Files<'_>) -> Vec<Vec<String>> {
    // Shows the user's own files instead of the links to them.
    let real: Vec<PathBuf> =
        files.sources.iter().map(|file| file.read_link().unwrap_or((*file).to_owned())).collect();
    let real: Vec<&Path> = real.iter().map(PathBuf::as_path).collect();
    let files = Files { sources: &real, ..*files };
    let output = PathBuf::from(format!("output.{}", task.request.auto_extension()));
    let command = |arguments: Vec<String>| {
        let begin = std::iter::once("ffmpeg").chain(ENCODING.split(' ')).map(str::to_owned);
        begin.chain(arguments).collect()
    };
    let render = chunks.iter().map(|chunk| task.plan.render_arguments(chunk, &files));
    render.chain([task.plan.join_arguments(&files, &output)]).map(command).collect()
}
