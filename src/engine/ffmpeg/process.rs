//! One process: its start, its output, and its end, including all processes that it started.

use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use ffmpeg_sidecar::command::FfmpegCommand;
use parking_lot::Mutex;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::limits::{Limits, limit};
use super::{confine, live};

/// How much of a process's log is kept: its last bytes.
const LOG_LIMIT: usize = 4096;
/// The longest line that is kept whole, in bytes.
const LINE_LIMIT: u64 = 64 * 1024;

/// Owns a process group; kills it if dropped before the process has ended.
#[derive(Debug, Default)]
pub(super) struct KillGuard(pub(super) Arc<Mutex<Held>>);

#[derive(Debug, Default)]
pub(super) struct Held {
    group: Option<Pid>,
    dropped: bool,
}

impl Drop for KillGuard {
    fn drop(&mut self) {
        let mut held = self.0.lock();
        held.dropped = true;
        if let Some(group) = held.group.take() {
            // It may have just ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// How a process ended, its log, and whether its output was read.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) log: String,
    pub(super) read: io::Result<()>,
}

pub(super) fn run(
    mut command: FfmpegCommand,
    limits: Limits,
    held: &Mutex<Held>,
    stdin: Option<SyncSender<ChildStdin>>,
    read: impl FnOnce(ChildStdout) -> io::Result<()>,
) -> io::Result<Ended> {
    // The inner command, since the wrapper would add an option that ffprobe lacks.
    let program = std::mem::replace(command.as_inner_mut(), Command::new(""));
    let mut command = confine::confined(program);
    command.env_clear().process_group(0);
    let input = if stdin.is_some() { Stdio::piped() } else { Stdio::null() };
    command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
    let _live = live::Process::new();
    let (mut child, group) = {
        let mut held = held.lock();
        if held.dropped {
            return Err(io::Error::other("the task was given up"));
        }
        let child = command.spawn()?;
        let group = Pid::from_child(&child);
        held.group = Some(group);
        limit(group, limits);
        (child, group)
    };
    if let (Some(sender), Some(stdin)) = (stdin, child.stdin.take()) {
        // If the receiver is dropped, the process reads the end of its input.
        let _ = sender.send(stdin);
    }
    let (log, read) = std::thread::scope(|scope| {
        scope.spawn(|| end_with_first(group));
        drain(&mut child, read)
    });
    held.lock().group = None;
    Ok(Ended { status: child.wait()?, log: log?, read })
}

/// Waits until the first process of a group has ended, then kills the rest of the group. The first
/// one is reaped later, so no other group can have its number yet.
fn end_with_first(group: Pid) {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while matches!(waitid(WaitId::Pid(group), options), Err(Errno::INTR)) {}
    // Usually no process is left.
    let _ = kill_process_group(group, Signal::KILL);
}

/// Reads both outputs until they close; an undrained pipe would block the process.
fn drain(
    child: &mut Child,
    read: impl FnOnce(ChildStdout) -> io::Result<()>,
) -> (io::Result<String>, io::Result<()>) {
    let stdout = child.stdout.take();
    let stderr = child.stderr.take();
    std::thread::scope(|scope| {
        let log = scope.spawn(|| stderr.map_or_else(|| Ok(String::new()), tail));
        let read = stdout.map_or(Ok(()), read);
        let log = log.join().expect("the reader of the log does not panic");
        (log, read)
    })
}

/// Calls `on_line` with every line; a line that is too long comes in pieces.
pub(super) fn each_line(stream: impl Read, on_line: &mut impl FnMut(&str)) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while stream.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut line)? > 0 {
        on_line(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']));
        line.clear();
    }
    Ok(())
}

/// The last [`LOG_LIMIT`] bytes of a stream, however long it is.
fn tail(mut stream: impl Read) -> io::Result<String> {
    let mut kept = Vec::with_capacity(2 * LOG_LIMIT);
    let mut chunk = [0; LOG_LIMIT];
    loop {
        let length = stream.read(&mut chunk)?;
        if length == 0 {
            break;
        }
        kept.extend_from_slice(&chunk[..length]);
        let surplus = kept.len().saturating_sub(LOG_LIMIT);
        kept.drain(..surplus);
    }
    Ok(without_addresses(String::from_utf8_lossy(&kept).trim()))
}

/// ffmpeg's messages contain addresses of its components, `[mp4 @ 0x55d0]`, which differ in every
/// run.
fn without_addresses(log: &str) -> String {
    let mut parts = log.split(" @ 0x");
    let mut clean = parts.next().expect("a split has a first part").to_owned();
    for part in parts {
        clean.push_str(part.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    }
    clean.replace("[error] ", "")
}

#[cfg(test)]
mod tests {
    use super::{LOG_LIMIT, each_line, tail};

    #[test]
    fn complaints_are_quoted_without_addresses() {
        let log = "[mp4 @ 0x55ab] [error] no tag\n[out#0/mp4 @ 0x1f] [error] Failed";
        assert_eq!(tail(log.as_bytes()).unwrap(), "[mp4] no tag\n[out#0/mp4] Failed");
    }

    #[test]
    fn only_the_end_of_a_log_is_kept() {
        let log = format!("{}the end", "x".repeat(1_000_000));
        let kept = tail(log.as_bytes()).unwrap();
        assert!(kept.len() <= LOG_LIMIT && kept.ends_with("the end"));
    }

    #[test]
    fn a_line_without_end_is_read_in_pieces() {
        let text = format!("frame=1\r\n{}\nend", "x".repeat(150_000));
        let mut lengths = Vec::new();
        each_line(text.as_bytes(), &mut |line: &str| lengths.push(line.len())).unwrap();
        assert_eq!(lengths, [7, 65_536, 65_536, 18_928, 3]);
    }
}
