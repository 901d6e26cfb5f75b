//! Child processes that end with the value that holds them.

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
        // Once it is reaped, its number may be another's.
        if self.has_ended() {
            return;
        }
        // Children of the child (ffmpeg below the function, the function below the emulator) first,
        // as nobody else would end them.
        for pid in descendants(self.0.id()) {
            end(pid);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs to the end; a failure panics with what the program said.
pub fn run(command: &mut Command) -> Output {
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{} does not start: {error}", show(command)));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{}: {said}", show(command), output.status);
    output
}

/// `VmHWM`: the most memory the process ever held.
pub fn peak_memory(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Every process below this one, deepest last.
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
    // The name in brackets may hold anything, brackets included.
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// Kills a process.
pub fn end(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// Ends a process as a crash does, and what it has started.
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

/// The first of the paths that is a file.
pub fn first_file(paths: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    paths.into_iter().find(|path| path.is_file())
}

fn show(command: &Command) -> String {
    format!("{command:?}")
}
