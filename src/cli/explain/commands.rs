//! The commands of ffmpeg, as they would be run.

use std::path::{Path, PathBuf};

use video_concat::engine::ffmpeg::ENCODING;
use video_concat::plan::{Chunk, Files};

use crate::task::Task;

/// Each chunk's, then the joining one's, which reads what the others write.
pub(super) fn of(task: &Task, chunks: &[Chunk], files: &Files<'_>) -> Vec<Vec<String>> {
    // Links lead to the files that a reader knows.
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
