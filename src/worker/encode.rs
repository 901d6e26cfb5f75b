//! Run: the output is made, by one ffmpeg where its sources allow it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tracing::{debug, info};

use super::damage::refuse_undecodable;
use super::journal::Journal;
use super::sources::Sources;
use super::steps::{ENCODED, PROBED};
use super::{TaskError, Worker, budget, millis};
use crate::engine::ffmpeg::{Progress, RunError};
use crate::engine::workspace::Workspace;
use crate::plan::Plan;
use crate::task::TaskRecord;

/// How often the progress of an encoding is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What an encoding reads and writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Files<'a> {
    pub(super) sources: &'a [&'a Path],
    pub(super) output: &'a Path,
    pub(super) workspace: &'a Workspace,
}

impl Worker {
    /// Makes the output, and warns of clips that are damaged.
    pub(super) async fn run(
        &self,
        plan: &mut Plan,
        sources: &Sources,
        files: Files<'_>,
        journal: &Journal,
        record: &mut TaskRecord,
        deadline: Instant,
    ) -> Result<(), TaskError> {
        refuse_undecodable(plan, sources)?;
        let mut outcome = self.encode(plan, files, journal, record, deadline).await?;
        if let Err(RunError::Failed { log, .. }) = &outcome
            && plan.needs_conforming(log)
        {
            self.conform(plan, files.sources, files.workspace).await?;
            outcome = self.encode(plan, files, journal, record, deadline).await?;
        }
        record.warnings.extend(self.diagnose(plan, sources, files.sources, outcome).await?);
        Ok(())
    }

    async fn encode(
        &self,
        plan: &Plan,
        files: Files<'_>,
        journal: &Journal,
        record: &mut TaskRecord,
        deadline: Instant,
    ) -> Result<Result<String, RunError>, TaskError> {
        let started = Instant::now();
        let whole = plan.length().to_micros().max(1).unsigned_abs();
        let arguments = plan.arguments(&plan.whole(), files.sources, files.output);
        debug!(?arguments, "run");
        let done = Arc::new(AtomicU64::new(0));
        let reached = Arc::clone(&done);
        let ffmpeg = self.ffmpeg();
        let run = ffmpeg.encode(arguments, move |progress: Progress| {
            reached.store(progress.micros, Ordering::Relaxed);
        });
        tokio::pin!(run);
        let mut ticks = tokio::time::interval(LOOK);
        let outcome = loop {
            tokio::select! {
                outcome = &mut run => break outcome,
                _ = ticks.tick() => {
                    let done = done.load(Ordering::Relaxed).min(whole);
                    journal.progress(record, percent(done, whole));
                    budget::check_speed(done, whole, started, deadline)?;
                }
            }
        };
        record.timings.encode_ms = millis(started);
        info!(ms = record.timings.encode_ms, "run");
        Ok(outcome)
    }
}

/// How far a task is when so much of its output has been made.
fn percent(done: u64, whole: u64) -> u8 {
    let span = u64::from(ENCODED - PROBED);
    PROBED + u8::try_from(done * span / whole).unwrap_or(0)
}
