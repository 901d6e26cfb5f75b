//! Make: from a plan and its sources to the output's files.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::clock::stretches;
use super::diagnose::{Finding, diagnose};
use super::event::{Event, Events};
use super::ffmpeg::{Ffmpeg, Progress, RunError};
use super::probe::ProbeError;
use super::render::{chunks, render};
use super::seek::unproven;
use super::workspace::Workspace;
use crate::media::Stretch;
use crate::plan::{Files, Listings, Plan};
use crate::policy::Verify;

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
    /// How the output is going to be checked.
    pub verify: Verify,
    /// What is told of it.
    pub events: Events,
}

/// How an output was made.
#[derive(Debug)]
pub struct Made {
    /// What is wrong with clips that were used all the same.
    pub found: Found,
    /// The output frames of each process that rendered some.
    pub chunks: Vec<Range<u64>>,
    /// What the encoders gave, listed.
    pub lists: Lists,
}

/// Files that list the packets of a stream as they left its encoder.
#[derive(Debug)]
pub struct Lists {
    /// Of the video.
    pub video: PathBuf,
    /// Of the audio, decoded; where it is not decoded otherwise.
    pub audio: Option<PathBuf>,
}

/// What is known of how clips can be read, beyond the plan.
#[derive(Debug, Default)]
struct Reading {
    /// Files with the audio of each clip alone, where it had to be converted.
    conformed: Vec<Option<PathBuf>>,
    /// Clips that are read from the start of their files.
    from_start: Vec<bool>,
    /// Where the audio of each clip belongs.
    stretches: Vec<Vec<Stretch>>,
}

/// What is wrong with clips that were used all the same, in words, with the
/// clip's index where one is to blame.
pub type Found = Vec<(Option<usize>, String)>;

impl Maker<'_> {
    /// Renders the output to `target`.
    ///
    /// # Errors
    /// See [`MakeError`].
    pub async fn make(&self, target: &Path) -> Result<Made, MakeError> {
        self.refuse_undecodable()?;
        let chunks = chunks(self.ffmpeg, self.plan);
        let audio = (self.verify == Verify::Packets).then(|| self.workspace.listing("audio"));
        let lists = Lists { video: self.workspace.listing("video"), audio };
        let from_start = unproven(self.ffmpeg, self.plan, &chunks, self.sources).await?;
        let mut reading = Reading { from_start, ..Reading::default() };
        let chunks = chunks.into_iter().map(|chunk| chunk.frames).collect();
        loop {
            reading.stretches = stretches(self.ffmpeg, self.plan, &self.files(&reading)).await?;
            let outcome = self.render(&reading, &lists, target).await;
            match &outcome {
                Err(RunError::Failed { log, .. })
                    if reading.conformed.is_empty() && Plan::needs_conforming(log) =>
                {
                    reading.conformed = self.conform(&reading).await?;
                }
                _ => match self.diagnose(&mut reading, outcome).await? {
                    Some(found) => return Ok(Made { found, chunks, lists }),
                    // Another way of reading the clips may give no errors.
                    None => (self.events)(Event::Again),
                },
            }
        }
    }

    fn files<'a>(&'a self, reading: &'a Reading) -> Files<'a> {
        let Reading { conformed, from_start, stretches } = reading;
        Files { conformed, from_start, stretches, ..Files::new(self.sources) }
    }

    async fn render(
        &self,
        reading: &Reading,
        lists: &Lists,
        target: &Path,
    ) -> Result<String, RunError> {
        let listings = Listings { video: Some(&lists.video), audio: lists.audio.as_deref() };
        let files = Files { listings, ..self.files(reading) };
        let events = Arc::clone(&self.events);
        let whole = self.plan.length_micros();
        let progress = move |progress: Progress| {
            events(Event::Progress { done: progress.micros.min(whole), whole });
        };
        render(self.ffmpeg, self.plan, &files, target, progress).await
    }

    /// Refuses a clip that would be black or silent although it holds video or audio.
    fn refuse_undecodable(&self) -> Result<(), MakeError> {
        let mut clips = self.plan.clips.iter().enumerate();
        let found =
            clips.find_map(|(index, part)| Some((part.clip, self.plan.undecodable(index)?)));
        found.map_or(Ok(()), |(clip, kind)| {
            let source = ProbeError::Undecodable { kind, complaints: String::new() };
            Err(MakeError::Clip { clip, source })
        })
    }

    /// Converts the audio of every clip by itself, since one of them changes its
    /// sample rate or its channels on the way.
    async fn conform(&self, reading: &Reading) -> Result<Vec<Option<PathBuf>>, MakeError> {
        (self.events)(Event::Conforming);
        let mut conformed = vec![None; self.plan.clips.len()];
        let files = self.files(reading);
        for (clip, file) in conformed.iter_mut().enumerate() {
            let target = self.workspace.audio(clip);
            if let Some(arguments) = self.plan.conform_arguments(clip, &files, &target) {
                // Errors inside the source are found again when it is joined.
                self.ffmpeg.encode(arguments, |_| ()).await?;
                *file = Some(target);
            }
        }
        Ok(conformed)
    }

    /// Finds the clips that made ffmpeg report errors, or fail. Nothing where one of them has to be
    /// read in another way first: it is noted.
    async fn diagnose(
        &self,
        reading: &mut Reading,
        outcome: Result<String, RunError>,
    ) -> Result<Option<Found>, MakeError> {
        match &outcome {
            Ok(log) if log.is_empty() => return Ok(Some(Vec::new())),
            Ok(_) | Err(RunError::Failed { .. }) => {}
            // No clip is to blame by itself.
            Err(_) => return outcome.map(|_| None).map_err(MakeError::from),
        }
        tracing::info!(?outcome, "diagnose");
        (self.events)(Event::Diagnosing);
        let mut found = Vec::new();
        let mut doubtful = Vec::new();
        let mut opening = Vec::new();
        for (index, part) in self.plan.clips.iter().enumerate() {
            let clip = part.clip;
            let finding = diagnose(self.ffmpeg, self.plan, index, &self.files(reading)).await;
            match finding.map_err(|source| MakeError::Clip { clip, source })? {
                Finding::Whole => {}
                Finding::Opening(lines) => opening.extend(lines),
                Finding::Doubtful => doubtful.push(index),
                Finding::Damaged(log) => {
                    let text = format!("it is damaged, what decodes was used: {log}");
                    found.push((Some(clip), text));
                }
            }
        }
        if !doubtful.is_empty() {
            for clip in doubtful {
                reading.from_start[clip] = true;
            }
            // They were made of the doubtful ones, too.
            reading.conformed.clear();
            return Ok(None);
        }
        let log = outcome?;
        let sought = |clip| self.files(reading).seek(self.plan, clip, self.plan.clip(clip).start());
        let run_up = (0..self.plan.clips.len()).any(|clip| sought(clip).is_some());
        let explained = log.lines().all(|line| opening.iter().any(|known| known == line));
        if found.is_empty() && !run_up && !explained {
            found.push((None, format!("ffmpeg reported errors: {log}")));
        }
        Ok(Some(found))
    }
}
