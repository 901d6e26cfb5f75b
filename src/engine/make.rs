//! Make: from a plan and its sources to the output's files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::diagnose::diagnose;
use super::event::{Event, Events};
use super::ffmpeg::{Ffmpeg, Progress, RunError};
use super::probe::ProbeError;
use super::render::render;
use super::workspace::Workspace;
use crate::plan::{Files, Plan};

/// Why an output could not be made.
#[derive(Debug, Error)]
pub enum MakeError {
    /// A clip can't be used.
    #[error("clip {clip} can't be used: {source}")]
    Clip {
        /// Index in the concatenation list.
        clip: usize,
        /// What is wrong with it.
        source: ProbeError,
    },
    /// ffmpeg failed, and no clip is to blame.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Makes outputs.
#[derive(Clone)]
pub struct Maker<'a> {
    /// The programs.
    pub ffmpeg: &'a Ffmpeg,
    /// What is made.
    pub plan: &'a Plan,
    /// The files of its distinct sources.
    pub sources: &'a [&'a Path],
    /// Where intermediate files go.
    pub workspace: &'a Workspace,
    /// What is told of it.
    pub events: Events,
}

impl Maker<'_> {
    /// Renders the output to `target`. Returns what is wrong with clips that were used all the same,
    /// in words, with the clip's index where one is to blame.
    ///
    /// # Errors
    /// See [`MakeError`].
    pub async fn make(&self, target: &Path) -> Result<Vec<(Option<usize>, String)>, MakeError> {
        self.refuse_undecodable()?;
        let mut outcome = self.render(&[], target).await;
        if let Err(RunError::Failed { log, .. }) = &outcome
            && Plan::needs_conforming(log)
        {
            let conformed = self.conform().await?;
            outcome = self.render(&conformed, target).await;
        }
        self.diagnose(outcome).await
    }

    async fn render(
        &self,
        conformed: &[Option<PathBuf>],
        target: &Path,
    ) -> Result<String, RunError> {
        let events = Arc::clone(&self.events);
        let whole = self.plan.length().to_micros().max(1).unsigned_abs();
        let progress = move |progress: Progress| {
            events(Event::Progress { done: progress.micros.min(whole), whole });
        };
        let files = Files { sources: self.sources, conformed };
        render(self.ffmpeg, self.plan, &files, target, progress).await
    }

    /// Refuses a clip that would be black or silent although it holds video or audio.
    fn refuse_undecodable(&self) -> Result<(), MakeError> {
        let clips = self.plan.clips.iter().enumerate();
        let mut found =
            clips.filter_map(|(index, part)| Some((part.clip, self.plan.undecodable(index)?)));
        let found = found.next();
        found.map_or(Ok(()), |(clip, kind)| {
            let source = ProbeError::Undecodable { kind, complaints: String::new() };
            Err(MakeError::Clip { clip, source })
        })
    }

    /// Converts the audio of every clip by itself, since one of them changes its
    /// sample rate or its channels on the way.
    async fn conform(&self) -> Result<Vec<Option<PathBuf>>, MakeError> {
        (self.events)(Event::Conforming);
        let mut conformed = vec![None; self.plan.clips.len()];
        for (clip, file) in conformed.iter_mut().enumerate() {
            let target = self.workspace.audio(clip);
            if let Some(arguments) = self.plan.conform_arguments(clip, self.sources, &target) {
                // Errors inside the source are found again when it is joined.
                self.ffmpeg.encode(arguments, |_| ()).await?;
                *file = Some(target);
            }
        }
        Ok(conformed)
    }

    /// Finds the clips that made ffmpeg report errors, or fail.
    async fn diagnose(
        &self,
        outcome: Result<String, RunError>,
    ) -> Result<Vec<(Option<usize>, String)>, MakeError> {
        match &outcome {
            Ok(log) if log.is_empty() => return Ok(Vec::new()),
            Ok(_) | Err(RunError::Failed { .. }) => {}
            // No clip is to blame by itself.
            Err(_) => return outcome.map(|_| Vec::new()).map_err(MakeError::from),
        }
        tracing::info!(?outcome, "diagnose");
        (self.events)(Event::Diagnosing);
        let mut found = Vec::new();
        for (index, part) in self.plan.clips.iter().enumerate() {
            let (clip, source) = (part.clip, self.sources[part.source]);
            let log = diagnose(self.ffmpeg, self.plan, index, source).await;
            let log = log.map_err(|source| MakeError::Clip { clip, source })?;
            if !log.is_empty() {
                found.push((Some(clip), format!("it is damaged, what decodes was used: {log}")));
            }
        }
        let log = outcome?;
        if found.is_empty() {
            found.push((None, format!("ffmpeg reported errors: {log}")));
        }
        Ok(found)
    }
}
