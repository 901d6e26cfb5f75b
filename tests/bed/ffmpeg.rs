//! Where ffmpeg and ffprobe are: named by the environment, built for the layer, or installed.

use std::path::PathBuf;
use std::process::Command;

use super::process::{first_file, repository};

pub fn ffmpeg_path() -> PathBuf {
    find("FFMPEG_PATH", "ffmpeg")
}

pub fn ffprobe_path() -> PathBuf {
    find("FFPROBE_PATH", "ffprobe")
}

pub fn ffmpeg() -> Command {
    let mut command = Command::new(ffmpeg_path());
    command.args(["-v", "error", "-hide_banner", "-nostats", "-y"]);
    command
}

pub fn ffprobe() -> Command {
    let mut command = Command::new(ffprobe_path());
    command.args(["-v", "error"]);
    command
}

/// The settings with which the tested program finds the same binaries.
pub fn environment() -> Vec<(String, String)> {
    [("FFMPEG_PATH", ffmpeg_path()), ("FFPROBE_PATH", ffprobe_path())]
        .map(|(name, path)| (name.to_owned(), path.to_str().expect("a plain path").to_owned()))
        .to_vec()
}

fn find(variable: &str, name: &str) -> PathBuf {
    if let Some(path) = std::env::var_os(variable) {
        return path.into();
    }
    let built = repository().join("target/layers/ffmpeg/bin").join(name);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&path).map(|folder| folder.join(name));
    first_file(std::iter::once(built).chain(installed))
        .unwrap_or_else(|| panic!("no {name}: run `make build`, install it, or set {variable}"))
}
