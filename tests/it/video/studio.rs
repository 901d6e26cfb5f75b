//! Sources made by ffmpeg's own generators, and frames as plain pixels.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;

use crate::bed::cache;
use crate::bed::ffmpeg::ffmpeg;
use crate::bed::process::{Running, run};
use crate::scene::Scene;

/// A folder for sources that are made once.
pub(crate) struct Studio(TempDir);

impl Studio {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs ffmpeg with `arguments`, which contain no spaces, followed by `name`. What depends on no
    /// other file here is kept for later runs of the tests.
    pub(crate) fn make(&self, name: &str, arguments: &str) -> PathBuf {
        let file = self.path(name);
        if arguments.contains(self.0.path().to_str().unwrap()) {
            run(ffmpeg().args(arguments.split_whitespace()).arg(&file));
        } else {
            std::fs::copy(cache::generated(arguments, name), &file).unwrap();
        }
        file
    }
}

pub(crate) fn put(scene: &Scene, file: &Path) {
    let name = file.file_name().unwrap().to_str().unwrap();
    scene.s3.put_file("sources", name, file);
}

/// The bytes of frame `number` in a pixel format of `bytes` a frame.
pub(crate) fn frame(file: &Path, number: usize, format: &str, bytes: usize) -> Vec<u8> {
    let mut command = ffmpeg();
    command.arg("-i").arg(file).args(["-map", "0:v:0"]);
    command.args(["-fps_mode", "passthrough", "-f", "rawvideo"]);
    command.args(["-frames:v", &(number + 1).to_string()]);
    command.args(["-pix_fmt", format, "pipe:1"]);
    let mut decoder = Running::start(command.stdin(Stdio::null()).stdout(Stdio::piped()));
    let mut pipe = decoder.0.stdout.take().unwrap();
    let mut video = vec![0; bytes];
    for _ in 0..=number {
        pipe.read_exact(&mut video).unwrap();
    }
    video
}
