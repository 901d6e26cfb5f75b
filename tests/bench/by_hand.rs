//! The job as it is written by hand today: fetch whole files one after another, one ffmpeg call
//! with scale, pad, fps and concat, one upload. Nothing is checked.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::bed::ffmpeg::ffmpeg;
use crate::bed::process::run;
use crate::bed::reading::Reading;
use crate::bed::s3::S3;
use crate::cpu::Cpu;
use crate::job::{SOURCE_BUCKET, TARGET_BUCKET};
use crate::media::NAMES;

const TARGET: &str = "by-hand.mp4";

pub(crate) struct ByHand {
    client: Client,
    runtime: Runtime,
    preset: &'static str,
}

impl ByHand {
    pub(crate) fn new(s3: &S3, preset: &'static str) -> Self {
        Self { client: s3.client(), runtime: Runtime::new().expect("no threads left"), preset }
    }

    /// Times in seconds.
    pub(crate) fn round(&self, size: (usize, usize)) -> Value {
        let folder = tempfile::tempdir().expect("no temporary folder");
        let output = folder.path().join(TARGET);
        let before = Cpu::of(std::process::id());
        let started = Instant::now();
        let mut stages = vec![started];
        for name in NAMES {
            self.runtime.block_on(self.fetch(name, &folder.path().join(name)));
        }
        stages.push(Instant::now());
        run(&mut self.command(folder.path(), size, &output));
        stages.push(Instant::now());
        self.runtime.block_on(self.store(&output));
        stages.push(Instant::now());
        let stage = |index: usize| (stages[index + 1] - stages[index]).as_secs_f64();
        let cpu = Cpu::of(std::process::id()).since(before);
        let frames = Reading::of(&output).packets("video").len();
        json!({
            "total": (stages[3] - stages[0]).as_secs_f64(),
            "fetch": stage(0),
            "encode": stage(1),
            "store": stage(2),
            "ffmpeg_cpu": cpu.children,
            "frames": frames,
            "bytes": std::fs::metadata(&output).map_or(0, |file| file.len()),
        })
    }

    async fn fetch(&self, name: &str, to: &Path) {
        let get = self.client.get_object().bucket(SOURCE_BUCKET).key(name);
        let object = get.send().await.expect("the bed has the source");
        let mut body = object.body.into_async_read();
        let mut file = tokio::fs::File::create(to).await.expect("the folder is ours");
        tokio::io::copy(&mut body, &mut file).await.expect("the bed gives all of the source");
        tokio::io::AsyncWriteExt::flush(&mut file).await.expect("the folder is ours");
    }

    fn command(
        &self,
        folder: &Path,
        (width, height): (usize, usize),
        output: &Path,
    ) -> std::process::Command {
        let fit = format!(
            "scale={width}:{height}:force_original_aspect_ratio=decrease,\
             pad={width}:{height}:(ow-iw)/2:(oh-ih)/2,setsar=1,fps=25,format=yuv420p"
        );
        let audio = "aresample=48000,aformat=channel_layouts=stereo";
        let graph = format!(
            "[0:v]{fit}[v0];[1:v]{fit}[v1];color=black:s={width}x{height}:r=25:d=10,format=yuv420p[v2];\
             [0:a]{audio}[a0];[1:a]{audio}[a1];[2:a]{audio}[a2];\
             [v0][a0][v1][a1][v2][a2]concat=n=3:v=1:a=1[v][a]"
        );
        let [first, second, third] = NAMES.map(|name| folder.join(name));
        let mut command = ffmpeg();
        command.arg("-i").arg(first);
        command.args(["-ss", "10", "-i"]).arg(second);
        command.args(["-t", "10", "-i"]).arg(third);
        command.args(["-filter_complex", &graph, "-map", "[v]", "-map", "[a]"]);
        let encoders = format!(
            "-c:v libx264 -preset {} -b:v 1000000 -g 150 -c:a aac -b:a 96000 -ar 48000 -ac 2 \
             -movflags +faststart",
            self.preset
        );
        command.args(encoders.split(' ')).arg(output).stdin(Stdio::null());
        command
    }

    async fn store(&self, output: &Path) {
        let body = ByteStream::from_path(output).await.expect("the output can be read");
        let put = self.client.put_object().bucket(TARGET_BUCKET).key(TARGET).body(body);
        put.send().await.expect("the bed takes the output");
    }
}
