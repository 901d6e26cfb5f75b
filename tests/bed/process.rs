//! Child processes that end when the value that holds them is dropped.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

pub struct Running(pub Child);

impl Running {
    pub fn start(command: &mut Command) -> Self {
        let child = command.spawn();
        Self(child.unwrap_or_else(|error| panic!("{} does not start: {error}", show(command))))
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    pub fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("our own child").is_some()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Once it has been reaped, another process may have its number.
        if self.has_ended() {
            return;
        }
        // First the child's own children (ffmpeg below the function, the function below the
        // emulator), since nobody else would end them.
        for pid in descendants(self.0.id()) {
            end(pid);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a command to its end; a failure panics with the program's output.
pub fn run(command: &mut Command) -> Output {
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{} does not start: {error}", show(command)));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{}: {said}", show(command), output.status);
    output
}

/// `VmHWM`: the peak memory of the process.
pub fn peak_memory(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Every descendant of this process, the deepest last.
pub fn descendants(pid: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parents: Vec<(u32, u32)> = pids.filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&above) = found.get(next) {
        found.extend(parents.iter().filter(|&&(_, parent)| parent == above).map(|&(pid, _)| pid));
        next += 1;
    }
    found.split_off(1)
}

fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may contain anything, including brackets.
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// Kills a process.
pub fn end(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// Kills a process and its descendants, as in a crash.
pub fn end_with_descendants(pid: u32) {
    let below = descendants(pid);
    end(pid);
    below.into_iter().for_each(end);
}

pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Python with the packages of `tests/requirements.txt`.
pub fn python() -> Command {
    let path = std::env::var_os("TEST_PYTHON");
    Command::new(path.map_or_else(|| repository().join("target/venv/bin/python"), PathBuf::from))
}

/// The first path that is a file.
pub fn first_file(paths: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    paths.into_iter().find(|path| path.is_file())
}

fn show(command: &Command) -> String {
    format!("{command:?}")
}
