//! Runs ffmpeg and ffprobe.
//!
//! Each process has an empty environment (no credentials, and no address of the runtime API), no
//! standard input, limits on resources and system calls, and a process group of its own. The group
//! is killed after the process has ended, and when the future that waits for it is dropped.

pub mod confine;
mod limits;
mod live;
mod partial;
mod process;

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, ExitStatus};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use ffmpeg_sidecar::command::FfmpegCommand;
use thiserror::Error;

use super::stream::Stream;
use crate::code::Code;
use crate::plan::input::Input;
use limits::{Limits, ran_out};
use process::{Ended, KillGuard, each_line, run};

pub use limits::shrink_stacks;
pub use live::all_ended;

/// Options of every encoding. With an error rate of 1, ffmpeg uses whatever decodes, even if more
/// than two thirds of the frames fail.
pub const ENCODING: &str = "-nostdin -y -hide_banner -nostats -loglevel error -max_error_rate 1";
/// Makes an encoding report its progress.
const PROGRESS: &[&str] = &["-progress", "pipe:1"];
/// Most bytes of a process's output that are kept: enough for a header and a frame of any size.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of a process's output that are read at once.
const PIECE: usize = 256 * 1024;

/// The two programs, and the memory limit of their processes.
#[derive(Clone, Debug)]
pub struct Ffmpeg {
    encoder: PathBuf,
    prober: PathBuf,
    limits: Limits,
    /// Partial files, which are filled while ffmpeg reads them.
    partial: Arc<[PathBuf]>,
}

/// Why a process failed.
#[derive(Debug, Error)]
pub enum RunError {
    /// It could not be started, or waiting for it failed.
    #[error("can't run `{}`: {source}", program.display())]
    Start {
        /// Its path.
        program: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It ended with an error.
    #[error("{program} ended with {status}: {log}")]
    Failed {
        /// `ffmpeg` or `ffprobe`.
        program: String,
        /// Exit code or signal.
        status: ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// Its output could not be passed on.
    #[error("the output of {program} can't be passed on: {source}")]
    Stream {
        /// `ffmpeg` or `ffprobe`.
        program: String,
        /// The system's reason.
        source: io::Error,
    },
    /// It needed more memory than its limit.
    #[error(
        "{program} ran out of the {megabytes} MB of memory that it may use: give the function more \
         memory, unless the source is damaged or made to ask for it: {log}"
    )]
    OutOfMemory {
        /// `ffmpeg` or `ffprobe`.
        program: String,
        /// Its memory limit in megabytes.
        megabytes: u64,
        /// The end of its log.
        log: String,
    },
}

impl RunError {
    /// The outward code. ffmpeg reports a full disk only as text. A process that was killed by a
    /// signal may succeed on a retry, unless ffmpeg raised the signal itself.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Failed { log, .. } if log.contains("No space left on device") => {
                Code::InsufficientStorage
            }
            Self::Failed { status, log, .. }
                if status.code().is_some() || log.contains("Assertion ") =>
            {
                Code::UnsupportedMedia
            }
            Self::OutOfMemory { .. } => Code::UnsupportedMedia,
            Self::Failed { .. } | Self::Start { .. } | Self::Stream { .. } => Code::InternalError,
        }
    }
}

impl Ffmpeg {
    /// The programs at these paths, for a function with this much memory. Processes may use all of
    /// it except what the function itself needs.
    #[must_use]
    pub fn new(
        ffmpeg: impl Into<PathBuf>,
        ffprobe: impl Into<PathBuf>,
        function_megabytes: u64,
    ) -> Self {
        let limits = Limits::of_function(function_megabytes);
        Self { encoder: ffmpeg.into(), prober: ffprobe.into(), limits, partial: Arc::default() }
    }

    /// The same for `processes` processes at a time, which share the memory equally.
    #[must_use]
    pub fn shared(&self, processes: usize) -> Self {
        Self { limits: self.limits.shared(processes), ..self.clone() }
    }

    /// The same with this percentage of the memory; other processes use the rest.
    #[must_use]
    pub fn portion(&self, percent: u64) -> Self {
        Self { limits: self.limits.portion(percent), ..self.clone() }
    }

    /// The same with another limit for the size of a written file, for files whose blocks are freed
    /// while they are written.
    #[must_use]
    pub fn writing(&self, file_bytes: u64) -> Self {
        Self { limits: self.limits.writing(file_bytes), ..self.clone() }
    }

    /// The memory limit of a process in bytes.
    #[must_use]
    pub const fn memory_bytes(&self) -> u64 {
        self.limits.bytes()
    }

    /// Runs ffmpeg; calls `progress` with the part of the output that is finished. Returns the log.
    ///
    /// # Errors
    /// When it can't be run or fails.
    pub async fn encode(
        &self,
        arguments: Vec<String>,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<String, RunError> {
        let command = self.encoding(PROGRESS, arguments);
        self.supervise(command, &self.encoder, None, on_progress(progress)).await
    }

    /// Runs ffmpeg; calls `on_line` with every line of its standard output. Returns the log.
    ///
    /// # Errors
    /// When it can't be run or fails.
    pub async fn list(
        &self,
        arguments: Vec<String>,
        mut on_line: impl FnMut(&str) + Send + 'static,
    ) -> Result<String, RunError> {
        let command = self.encoding(&[], arguments);
        let read = move |stdout: ChildStdout| each_line(stdout, &mut on_line);
        self.supervise(command, &self.encoder, None, read).await
    }

    /// Runs ffmpeg. Returns its standard output, of which only the first [`MOST_BYTES`] are kept.
    ///
    /// # Errors
    /// When it can't be run or fails.
    pub(super) async fn bytes(&self, arguments: Vec<String>) -> Result<Vec<u8>, RunError> {
        let command = self.encoding(&[], arguments);
        let (returned, back) = sync_channel(1);
        let read = move |stdout: ChildStdout| {
            let mut bytes = Vec::new();
            stdout.take(MOST_BYTES).read_to_end(&mut bytes)?;
            // Received below, once the process has ended.
            let _ = returned.send(bytes);
            Ok(())
        };
        self.supervise(command, &self.encoder, None, read).await?;
        let program = program(&self.encoder);
        back.recv().map_err(|error| RunError::Stream { program, source: io::Error::other(error) })
    }

    /// Runs ffmpeg with a standard input: the receiver gets its writing end as soon as the process
    /// has started.
    pub(super) fn join(
        &self,
        arguments: Vec<String>,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> (Receiver<ChildStdin>, impl Future<Output = Result<String, RunError>>) {
        let command = self.encoding(PROGRESS, arguments);
        let (sender, receiver) = sync_channel(1);
        let run = self.supervise(command, &self.encoder, Some(sender), on_progress(progress));
        (receiver, run)
    }

    /// Runs ffmpeg, and passes its standard output to `stream`. Returns the log and the stream.
    pub(super) async fn render(
        &self,
        arguments: Vec<String>,
        stream: Stream,
    ) -> Result<(String, Stream), RunError> {
        let command = self.encoding(&[], arguments);
        let (returned, back) = sync_channel(1);
        let hand_on = move |mut stdout: ChildStdout| {
            let mut stream = stream;
            let mut piece = vec![0; PIECE];
            loop {
                let length = stdout.read(&mut piece)?;
                if length == 0 {
                    break;
                }
                stream.push(&piece[..length])?;
            }
            // Received below, once the process has ended.
            let _ = returned.send(stream);
            Ok(())
        };
        let log = self.supervise(command, &self.encoder, None, hand_on).await?;
        let program = program(&self.encoder);
        let stream = back.recv().map_err(io::Error::other).and_then(|mut stream| {
            stream.end()?;
            Ok(stream)
        });
        match stream {
            Ok(stream) => Ok((log, stream)),
            Err(source) => Err(RunError::Stream { program, source }),
        }
    }

    /// Runs ffprobe on a file; calls `on_line` with every line that it prints. Returns the log.
    ///
    /// # Errors
    /// When it can't be run or fails.
    pub async fn inspect(
        &self,
        input: Input<'_>,
        arguments: &[&str],
        mut on_line: impl FnMut(&str) + Send + 'static,
    ) -> Result<String, RunError> {
        // ffprobe has other options for decoding.
        let input = Input { video: None, ..input };
        let mut command = FfmpegCommand::new_with_path(&self.prober);
        command.args("-hide_banner -loglevel error".split(' '));
        command.args(arguments).args(self.awaited(input.arguments()));
        let read = move |stdout: ChildStdout| each_line(stdout, &mut on_line);
        self.supervise(command, &self.prober, None, read).await
    }

    fn encoding(&self, reports: &[&str], arguments: Vec<String>) -> FfmpegCommand {
        let mut command = FfmpegCommand::new_with_path(&self.encoder);
        command.args(reports).args(ENCODING.split(' ')).args(self.awaited(arguments));
        command
    }

    /// Runs a process to its end on a thread of its own. Sends its standard input to `stdin` (or
    /// gives it none), and lets `read` read its output. Returns the log.
    async fn supervise(
        &self,
        command: FfmpegCommand,
        path: &Path,
        stdin: Option<SyncSender<ChildStdin>>,
        read: impl FnOnce(ChildStdout) -> io::Result<()> + Send + 'static,
    ) -> Result<String, RunError> {
        let guard = KillGuard::default();
        let held = Arc::clone(&guard.0);
        let limits = self.limits;
        let run = tokio::task::spawn_blocking(move || run(command, limits, &held, stdin, read));
        let outcome = run.await.map_err(io::Error::other).and_then(|outcome| outcome);
        let Ended { status, log, read } =
            outcome.map_err(|source| RunError::Start { program: path.to_owned(), source })?;
        if let Some(source) = confine::not_started(status, &log) {
            return Err(RunError::Start { program: path.to_owned(), source });
        }
        let program = program(path);
        // Decoders skip frames for which they have no memory; so the process may succeed, but its
        // output is incomplete.
        if ran_out(&log) {
            return Err(RunError::OutOfMemory { program, megabytes: limits.megabytes(), log });
        }
        match read {
            Err(source) => Err(RunError::Stream { program, source }),
            Ok(()) if status.success() => Ok(log),
            Ok(()) => Err(RunError::Failed { program, status, log }),
        }
    }
}

fn program(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Parses ffmpeg's progress reports.
fn on_progress(
    mut progress: impl FnMut(Progress) + Send + 'static,
) -> impl FnOnce(ChildStdout) -> io::Result<()> + Send + 'static {
    move |stdout| {
        let mut current = Progress::default();
        each_line(stdout, &mut |line: &str| {
            if current.read(line) {
                progress(current);
            }
        })
    }
}

/// Sets `number` if the text is one.
fn replace(number: &mut u64, text: &str) {
    if let Ok(new) = text.trim().parse() {
        *number = new;
    }
}

/// The part of the output that is finished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Frames; 0 without video.
    pub frames: u64,
    /// Microseconds.
    pub micros: u64,
}

impl Progress {
    /// Parses one line of ffmpeg's `-progress` output; returns `true` at the end of a report.
    fn read(&mut self, line: &str) -> bool {
        match line.split_once('=') {
            // Both may be `N/A` at first.
            Some(("frame", value)) => replace(&mut self.frames, value),
            Some(("out_time_us", value)) => replace(&mut self.micros, value),
            Some(("progress", _)) => return true,
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use super::{Ffmpeg, Progress, RunError};

    #[test]
    fn progress_is_reported_block_by_block() {
        let mut progress = Progress::default();
        let lines = ["frame=12", "fps=30.1", "out_time_us=480000", "progress=continue"];
        assert_eq!(lines.map(|line| progress.read(line)), [false, false, false, true]);
        assert_eq!(progress, Progress { frames: 12, micros: 480_000 });
        assert!(!progress.read("out_time_us=N/A"));
        assert_eq!(progress.micros, 480_000);
    }

    #[tokio::test]
    async fn a_missing_program_differs_from_a_failing_one() {
        let missing = Ffmpeg::new("/nowhere/ffmpeg", "/nowhere/ffprobe", 512);
        let error = missing.encode(vec![], |_| ()).await.unwrap_err();
        assert!(error.to_string().starts_with("can't run `/nowhere/ffmpeg`"), "{error}");
        let failing = Ffmpeg::new("/bin/false", "/bin/false", 512);
        let error = failing.encode(vec![], |_| ()).await.unwrap_err();
        assert!(matches!(error, RunError::Failed { .. }), "{error}");
    }

    /// If the process were not killed, the thread that reads its output would prevent the runtime
    /// from shutting down.
    #[test]
    fn giving_up_the_wait_ends_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let endless = folder.path().join("endless");
        fs::write(&endless, "#!/bin/sh\nexec sleep 1000\n").unwrap();
        fs::set_permissions(&endless, fs::Permissions::from_mode(0o700)).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let ffmpeg = Ffmpeg::new(&endless, &endless, 512);
            let wait =
                tokio::time::timeout(Duration::from_millis(50), ffmpeg.encode(vec![], |_| ()));
            assert!(wait.await.is_err());
        });
        drop(runtime);
    }
}
