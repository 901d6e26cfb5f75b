//! The paths of ffmpeg and ffprobe, of which there are two kinds: the layer's, which the function
//! uses, and the tests' own, which make sources and judge results. The layer's can do neither.

use std::path::PathBuf;
use std::process::Command;

use super::process::{first_file, repository};

/// From the environment, from the layer's build, or installed.
pub fn ffmpeg_path() -> PathBuf {
    shipped("FFMPEG_PATH", "ffmpeg")
}

/// ffprobe from the same places.
pub fn ffprobe_path() -> PathBuf {
    shipped("FFPROBE_PATH", "ffprobe")
}

/// From the tests' build, from the environment, or installed.
pub fn tool_path() -> PathBuf {
    tool("FFMPEG_PATH", "ffmpeg")
}

/// The tests' own ffmpeg, which makes sources and reads results.
pub fn ffmpeg() -> Command {
    let mut command = Command::new(tool_path());
    command.args(["-v", "error", "-hide_banner", "-nostats", "-y"]);
    command
}

/// The tests' own ffprobe.
pub fn ffprobe() -> Command {
    let mut command = Command::new(tool("FFPROBE_PATH", "ffprobe"));
    command.args(["-v", "error"]);
    command
}

/// The settings with which the tested program finds the layer's programs.
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
