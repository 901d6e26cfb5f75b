//! The job as people do it by hand today: fetch whole files one after another, one ffmpeg call with
//! scale, pad, fps and concat, one upload. Nothing is checked; the time for decoding the result
//! once as a check is measured separately.

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
use crate::cpu::Cpu;
use crate::job::{Job, SOURCE_BUCKET, TARGET_BUCKET};

const TARGET: &str = "by-hand.mp4";

pub(crate) struct ByHand {
    client: Client,
    runtime: Runtime,
    preset: &'static str,
}

impl ByHand {
    pub(crate) fn new(client: Client, preset: &'static str) -> Self {
        Self { client, runtime: Runtime::new().expect("no threads left"), preset }
    }

    /// Times in seconds.
    pub(crate) fn round(&self, job: &Job) -> Value {
        let folder = tempfile::tempdir().expect("no temporary folder");
        let output = folder.path().join(TARGET);
        let before = Cpu::of(std::process::id());
        let started = Instant::now();
        let mut stages = vec![started];
        for (key, _) in &job.sources {
            self.runtime.block_on(self.fetch(key, &folder.path().join(key)));
        }
        stages.push(Instant::now());
        run(&mut self.command(folder.path(), job, &output));
        stages.push(Instant::now());
        self.runtime.block_on(self.store(&output));
        stages.push(Instant::now());
        let cpu = Cpu::of(std::process::id()).since(before);
        run(ffmpeg().arg("-i").arg(&output).args(["-f", "null", "-"]).stdin(Stdio::null()));
        stages.push(Instant::now());
        let stage = |index: usize| (stages[index + 1] - stages[index]).as_secs_f64();
        let bytes = job.sources.iter().map(|(_, file)| size(file)).sum::<u64>();
        json!({
            "total": (stages[3] - stages[0]).as_secs_f64(),
            "checked": (stages[4] - stages[0]).as_secs_f64(),
            "fetch": stage(0),
            "encode": stage(1),
            "store": stage(2),
            "verify": stage(3),
            "ffmpeg_cpu": cpu.children,
            "fetched_mb": megabytes(bytes),
            "frames": Reading::of(&output).packets("video").len(),
            "bytes": size(&output),
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

    fn command(&self, folder: &Path, job: &Job, output: &Path) -> std::process::Command {
        let (width, height) = job.size;
        let mut command = ffmpeg();
        let mut graph = String::new();
        let mut joined = String::new();
        for (index, (key, options)) in job.inputs.iter().enumerate() {
            command.args(options.split_whitespace()).arg("-i").arg(folder.join(key));
            if Path::new(key).extension().is_some_and(|extension| extension == "aac") {
                let black =
                    format!("color=black:s={width}x{height}:r=25:d=10,format=yuv420p[v{index}];");
                graph.push_str(&black);
            } else {
                graph.push_str(&format!("[{index}:v]{}[v{index}];", fit(job.size)));
            }
            graph.push_str(&format!(
                "[{index}:a]aresample=48000,aformat=channel_layouts=stereo[a{index}];"
            ));
            joined.push_str(&format!("[v{index}][a{index}]"));
        }
        graph.push_str(&format!("{joined}concat=n={}:v=1:a=1[v][a]", job.inputs.len()));
        command.args(["-filter_complex", &graph, "-map", "[v]", "-map", "[a]"]);
        command.args(self.encoders(job.bit_rate).split(' ')).arg(output).stdin(Stdio::null());
        command
    }

    fn encoders(&self, bit_rate: u32) -> String {
        format!(
            "-c:v libx264 -preset {} -b:v {bit_rate} -g 150 -c:a aac -b:a 96000 -ar 48000 -ac 2 \
             -movflags +faststart",
            self.preset
        )
    }

    async fn store(&self, output: &Path) {
        let body = ByteStream::from_path(output).await.expect("the output can be read");
        let put = self.client.put_object().bucket(TARGET_BUCKET).key(TARGET).body(body);
        put.send().await.expect("the bed takes the output");
    }
}

/// The filters that fit a clip into that frame.
pub(crate) fn fit((width, height): (usize, usize)) -> String {
    format!(
        "scale={width}:{height}:force_original_aspect_ratio=decrease,\
         pad={width}:{height}:(ow-iw)/2:(oh-ih)/2,setsar=1,fps=25,format=yuv420p"
    )
}

pub(crate) fn megabytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1000).unwrap_or(u32::MAX)) / 1000.0
}

fn size(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |file| file.len())
}
