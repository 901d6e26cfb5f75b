//! Where ffmpeg and ffprobe are, in two kinds: the layer's, with which the function works, and
//! those that make the tests' sources and judge its results. The layer can do neither of the two.

use std::path::PathBuf;
use std::process::Command;

use super::process::{first_file, repository};

/// Named by the environment, built for the layer, or installed.
pub fn ffmpeg_path() -> PathBuf {
    shipped("FFMPEG_PATH", "ffmpeg")
}

/// Its neighbour, likewise.
pub fn ffprobe_path() -> PathBuf {
    shipped("FFPROBE_PATH", "ffprobe")
}

/// Built for the tests, named by the environment, or installed.
pub fn tool_path() -> PathBuf {
    tool("FFMPEG_PATH", "ffmpeg")
}

/// The tests' own, which makes sources and reads results.
pub fn ffmpeg() -> Command {
    let mut command = Command::new(tool_path());
    command.args(["-v", "error", "-hide_banner", "-nostats", "-y"]);
    command
}

/// Its neighbour, likewise.
pub fn ffprobe() -> Command {
    let mut command = Command::new(tool("FFPROBE_PATH", "ffprobe"));
    command.args(["-v", "error"]);
    command
}

/// The settings with which the tested program finds the layer's.
pub fn environment() -> Vec<(String, String)> {
    [("FFMPEG_PATH", ffmpeg_path()), ("FFPROBE_PATH", ffprobe_path())]
        .map(|(name, path)| (name.to_owned(), path.to_str().expect("a plain path").to_owned()))
        .to_vec()
}

fn shipped(variable: &str, name: &str) -> PathBuf {
    named(variable)
        .or_else(|| built("target/layers/ffmpeg/bin", name))
        .or_else(|| installed(name))
        .unwrap_or_else(|| panic!("no {name}: run `make build`, install it, or set {variable}"))
}

fn tool(variable: &str, name: &str) -> PathBuf {
    built("target/tools/ffmpeg/bin", name)
        .or_else(|| named(variable))
        .or_else(|| installed(name))
        .unwrap_or_else(|| {
            panic!("no {name}: run `make tools-ffmpeg`, install it, or set {variable}")
        })
}

fn named(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from)
}

fn built(folder: &str, name: &str) -> Option<PathBuf> {
    first_file(std::iter::once(repository().join(folder).join(name)))
}

fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    first_file(std::env::split_paths(&path).map(|folder| folder.join(name)))
}
