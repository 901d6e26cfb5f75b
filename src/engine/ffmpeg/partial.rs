//! Inputs that may be incomplete.

use std::path::PathBuf;
use std::process::ChildStdout;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ffmpeg_sidecar::command::FfmpegCommand;

use super::process::each_line;
use super::{Ffmpeg, RunError};
use crate::plan::input::file_url;

/// An option for files that only the layer's ffmpeg has; see its patches.
const PARTIAL: [&str; 2] = ["-partial", "1"];

impl Ffmpeg {
    /// The same for these partial files: ffmpeg waits for missing parts of them.
    #[must_use]
    pub fn waiting(&self, partial: Vec<PathBuf>) -> Self {
        Self { partial: partial.into(), ..self.clone() }
    }

    /// Whether this ffmpeg has the option for partial files. (If ffprobe lacks it, it reports that
    /// when it is used.)
    ///
    /// # Errors
    /// When it can't be run.
    pub async fn can_wait(&self) -> Result<bool, RunError> {
        let mut command = FfmpegCommand::new_with_path(&self.encoder);
        command.args("-hide_banner -loglevel error -h protocol=file".split(' '));
        let found = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&found);
        let mut on_line = move |line: &str| {
            if line.split_whitespace().next() == Some(PARTIAL[0]) {
                seen.store(true, Ordering::Relaxed);
            }
        };
        let read = move |stdout: ChildStdout| each_line(stdout, &mut on_line);
        match self.supervise(command, &self.encoder, None, read).await {
            Ok(_) | Err(RunError::Failed { .. }) => Ok(found.load(Ordering::Relaxed)),
            Err(error) => Err(error),
        }
    }

    /// The arguments with the option for partial files. An ffmpeg without the option ends with an
    /// error at once.
    pub(super) fn awaited(&self, arguments: Vec<String>) -> Vec<String> {
        let mut awaited = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let is_partial = || self.partial.iter().any(|path| file_url(path) == argument);
            if awaited.last().is_some_and(|last| last == "-i") && is_partial() {
                let place = awaited.len() - 1;
                awaited.splice(place..place, PARTIAL.map(str::to_owned));
            }
            awaited.push(argument);
        }
        awaited
    }
}
