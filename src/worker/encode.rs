//! Runs the engine, records its progress, and stops it if it is too slow for the remaining time.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::sources::Sources;
use super::{ENCODED, PROBED, TaskError, Worker, budget, millis};
use crate::engine::event::Event;
use crate::engine::ffmpeg::Ffmpeg;
use crate::engine::make::{Found, Made, MakeError, Maker};
use crate::engine::workspace::Workspace;
use crate::plan::Plan;

/// How often the progress of an encoding is checked.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// The inputs and outputs of an encoding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Files<'a> {
    pub(super) sources: &'a [&'a Path],
    pub(super) output: &'a Path,
    pub(super) workspace: &'a Workspace,
    pub(super) ffmpeg: &'a Ffmpeg,
}

impl Worker {
    /// Makes the output, and calls `reached` with the task's progress in percent.
    pub(super) async fn encode(
        &self,
        plan: &Plan,
        sources: &Sources,
        files: Files<'_>,
        mut reached: impl FnMut(u8),
        deadline: Instant,
    ) -> Result<Made, TaskError> {
        let started = Instant::now();
        let done = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&done);
        // When the work began (or began again), in milliseconds.
        let begun = Arc::new(AtomicU64::new(0));
        let noted = Arc::clone(&begun);
        let events = move |event: Event| match event {
            Event::Progress { done, .. } => counted.store(done, Ordering::Relaxed),
            Event::Conforming | Event::Again => {
                counted.store(0, Ordering::Relaxed);
                noted.store(millis(started), Ordering::Relaxed);
            }
            Event::Diagnosing => {}
        };
        let whole = plan.length_micros();
        let Files { sources: paths, output, workspace, ffmpeg } = files;
        let maker = Maker {
            ffmpeg,
            plan,
            sources: paths,
            workspace,
            verify: self.settings.verify,
            events: Arc::new(events),
        };
        let make = maker.make(output);
        tokio::pin!(make);
        let mut ticks = tokio::time::interval(PROGRESS_INTERVAL);
        let outcome = loop {
            tokio::select! {
                outcome = &mut make => break outcome,
                _ = ticks.tick() => {
                    let done = done.load(Ordering::Relaxed);
                    reached(percent(done, whole));
                    let begun = started + Duration::from_millis(begun.load(Ordering::Relaxed));
                    budget::check_speed(done, whole, begun, deadline)?;
                }
            }
        };
        outcome.map_err(|error| failure(error, sources))
    }
}

/// Warnings about clips, with the names of their objects.
pub(super) fn warnings<'a>(
    found: &'a Found,
    sources: &'a Sources,
) -> impl Iterator<Item = String> + 'a {
    found.iter().map(|(clip, text)| match clip {
        Some(clip) => format!("clip {clip} (`{}`): {text}", sources.of(*clip).uri),
        None => text.clone(),
    })
}

pub(super) fn failure(error: MakeError, sources: &Sources) -> TaskError {
    match error {
        MakeError::Clip { clip, source } => {
            TaskError::Probe { clip, uri: sources.of(clip).uri.clone(), source }
        }
        MakeError::Run(error) => error.into(),
    }
}

/// How many percent of the task are finished when `done` of `whole` has been made.
fn percent(done: u64, whole: u64) -> u8 {
    let span = u64::from(ENCODED - PROBED);
    PROBED + u8::try_from(done * span / whole).expect("progress never exceeds 100 %")
}
