//! Encode: the engine makes the output, while its progress is recorded and its
//! speed held against the time that is left.

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

/// How often the progress of an encoding is looked at.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// What an encoding reads and writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Files<'a> {
    pub(super) sources: &'a [&'a Path],
    pub(super) output: &'a Path,
    pub(super) workspace: &'a Workspace,
    pub(super) ffmpeg: &'a Ffmpeg,
}

impl Worker {
    /// Makes the output, and tells `reached` how far the task is, in percent.
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
        // When the work began, anew where it had to, in milliseconds.
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

/// What was found wrong with clips, by their objects.
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

/// How far a task is when so much of its output has been made.
fn percent(done: u64, whole: u64) -> u8 {
    let span = u64::from(ENCODED - PROBED);
    PROBED + u8::try_from(done * span / whole).expect("no more is done than there is to do")
}
