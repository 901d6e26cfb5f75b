//! `run`: runs a request on this machine.

use std::fmt::Write as _;
use std::future::Future;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use video_concat::engine::ffmpeg::all_ended;
use video_concat::task::TaskRecord;

use super::engine::EngineArgs;
use super::failure::Failure;
use super::output::Output;
use super::progress::Progress;
use super::request::RequestArgs;
use super::side::Side;
use super::task::Task;

/// The arguments.
#[derive(Args, Debug)]
pub(crate) struct Run {
    #[command(flatten)]
    request: RequestArgs,
    /// Where the sources are: a folder whose files are the objects, or a bucket.
    #[arg(long, value_name = "DIR|s3://BUCKET")]
    sources: Side,
    /// Where the result is stored: a folder, or a bucket instead of the request's own.
    #[arg(long, value_name = "DIR|s3://BUCKET")]
    out: Side,
    #[command(flatten)]
    engine: EngineArgs,
}

impl Run {
    pub(crate) fn run(&self, output: Output) -> Result<(), Failure> {
        let asked = self.request.one()?;
        let request = asked.resolve_whole(&self.sources)?;
        let progress = Progress::new();
        let outcome = wait(async {
            let mut task = Task::prepare(request, &self.sources, &self.engine, &progress).await?;
            task.record.user_data.clone_from(&asked.user_data);
            task.check(&task.target, &self.out)?;
            let files = Box::pin(task.make(&progress)).await?;
            let stored = task.store(&files, &self.out, &progress).await?;
            Ok((task.record, stored))
        });
        progress.clear();
        let (record, stored) = outcome?;
        output.warnings(&record.warnings);
        output.note(&summary(&record));
        let last = stored.last().expect("an output has a file").clone();
        output.result(&format!("{last}\n"), || {
            let mut fields = serde_json::to_value(&record).expect("a record has text keys only");
            fields["Stored"] = stored.into();
            fields
        })
    }
}

/// Runs the work until it ends or the process receives a signal. After a signal, nothing of the
/// work is left.
pub(crate) fn wait<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime
        .map_err(|error| Failure::failed(format!("can't start this program's threads: {error}")))?;
    runtime.block_on(async {
        let ended = |kind| async move {
            match signal(kind) {
                Ok(mut signal) => _ = signal.recv().await,
                Err(_) => std::future::pending().await,
            }
        };
        let outcome = tokio::select! {
            outcome = work => outcome,
            () = ended(SignalKind::interrupt()) => Err(Failure::failed("interrupted")),
            () = ended(SignalKind::terminate()) => Err(Failure::failed("terminated")),
        };
        all_ended().await;
        outcome
    })
}

/// The result as text.
fn summary(record: &TaskRecord) -> String {
    let mut text = String::new();
    let Some(output) = &record.output else { return text };
    let clips = record.timeline.len();
    let tenths = output.duration_ms / 100;
    // Writing to a String never fails.
    let _ = write!(
        text,
        "{clips} {} in {}.{} s of {}",
        if clips == 1 { "clip" } else { "clips" },
        tenths / 10,
        tenths % 10,
        output.container
    );
    if let Some(video) = &output.video {
        let _ = write!(
            text,
            ", {} {}x{} {} frames at {}/s",
            video.codec, video.width, video.height, video.frames, video.frame_rate
        );
    }
    if let Some(audio) = &output.audio {
        let _ =
            write!(text, ", {} {} samples at {} Hz", audio.codec, audio.samples, audio.sample_rate);
    }
    let bytes: u64 = record.targets.iter().map(|target| target.size).sum();
    let _ = write!(text, ", {bytes} bytes");
    text
}
