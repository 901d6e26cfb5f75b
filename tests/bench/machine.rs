//! The machine and the programs with which the numbers were measured.

use std::process::Command;

use serde_json::{Value, json};

use crate::bed::ffmpeg::ffmpeg_path;
use crate::bed::process::{repository, run};

pub(crate) fn describe() -> Value {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    json!({
        "cores": cores,
        "processor": processor(),
        "memory": field("/proc/meminfo", "MemTotal"),
        "kernel": read("/proc/sys/kernel/osrelease"),
        "load": read("/proc/loadavg"),
        "architecture": std::env::consts::ARCH,
        "ffmpeg": version(Command::new(ffmpeg_path()).arg("-version")),
        "ffmpeg_path": ffmpeg_path(),
        "video_concat": env!("CARGO_PKG_VERSION"),
        "commit": commit(),
        "time": jiff::Timestamp::now().to_string(),
    })
}

/// On ARM, the kernel does not report a name.
fn processor() -> String {
    field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned())
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let values = text.lines().filter_map(|line| line.split_once(':'));
    let mut named = values.filter(|(key, _)| key.trim() == name);
    named.next().map(|(_, value)| value.trim().to_owned())
}

fn read(file: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    Some(text.trim().to_owned())
}

/// The third word of its version message.
fn version(command: &mut Command) -> String {
    let output = run(command).stdout;
    let text = String::from_utf8_lossy(&output);
    text.split(' ').nth(2).unwrap_or("unknown").to_owned()
}

/// `None` outside of a git checkout.
fn commit() -> Option<String> {
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--dirty"]);
    let output = git.current_dir(repository()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
