//! Makes an output's files from a plan and its sources.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::clock::stretches;
use super::diagnose::{Finding, diagnose, is_harmless};
use super::event::{Event, Events};
use super::ffmpeg::{Ffmpeg, Progress, RunError};
use super::probe::ProbeError;
use super::render::{chunks, render, render_range};
use super::seek::unproven;
use super::workspace::Workspace;
use crate::media::Stretch;
use crate::plan::{Chunk, Files, Listings, Plan};
use crate::policy::Verify;

/// Why an output could not be made.
#[derive(Debug, Error)]
pub enum MakeError {
    /// A clip can't be used.
    #[error("clip {clip} can't be used: {source}")]
    Clip {
        /// Index in the concatenation list.
        clip: usize,
        /// The reason.
        source: ProbeError,
    },
    /// ffmpeg failed, but not because of a clip.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Makes outputs.
#[derive(Clone)]
pub struct Maker<'a> {
    /// The programs to run.
    pub ffmpeg: &'a Ffmpeg,
    /// The plan.
    pub plan: &'a Plan,
    /// The files of the plan's distinct sources.
    pub sources: &'a [&'a Path],
    /// The folder for intermediate files.
    pub workspace: &'a Workspace,
    /// How the output will be checked.
    pub verify: Verify,
    /// The callback for events.
    pub events: Events,
}

/// The result of making an output.
#[derive(Debug)]
pub struct Made {
    /// Problems of clips that were used nevertheless.
    pub found: Found,
    /// For each chunk, its output frames.
    pub chunks: Vec<Range<u64>>,
    /// Lists of the packets from the encoders.
    pub lists: Lists,
}

/// Files that list a stream's packets as its encoder produced them.
#[derive(Debug)]
pub struct Lists {
    /// The video's packets.
    pub video: PathBuf,
    /// The audio's decoded frames, if the check does not decode the audio anyway.
    pub audio: Option<PathBuf>,
}

impl Lists {
    /// Paths in the workspace, as far as the check needs the lists.
    #[must_use]
    pub fn new(workspace: &Workspace, verify: Verify) -> Self {
        let audio = (verify == Verify::Packets).then(|| workspace.listing("audio"));
        Self { video: workspace.listing("video"), audio }
    }

    /// The same, as the plan's functions take them.
    #[must_use]
    pub fn as_listings(&self) -> Listings<'_> {
        Listings { video: Some(&self.video), audio: self.audio.as_deref() }
    }
}

/// What to make, and where.
struct Work<'a> {
    piece: Piece,
    /// The chunks of the video to render.
    chunks: Vec<Chunk>,
    /// Where to list what the encoders produce.
    lists: Option<&'a Lists>,
    target: &'a Path,
}

/// Which part of the output to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Whole,
    /// A range of the video.
    Range,
    /// The audio as samples, not encoded.
    Samples,
}

/// How the clips have to be read, as found so far.
#[derive(Debug, Default)]
struct Reading {
    /// For each clip, a file with its converted audio, if it had to be converted.
    conformed: Vec<Option<PathBuf>>,
    /// For each clip, the result of the conversion.
    reported: Vec<Converted>,
    /// For each clip, whether it is read from the start of its file.
    from_start: Vec<bool>,
    /// For each clip, where its audio belongs.
    stretches: Vec<Vec<Stretch>>,
}

/// The result of converting the audio of a clip.
#[derive(Debug, Default)]
struct Converted {
    log: String,
    /// Whether the conversion failed before the end of the audio.
    failed: bool,
}

/// Problems of clips that were used nevertheless, as text, with the clip's index if a single clip
/// is the cause.
pub type Found = Vec<(Option<usize>, String)>;

impl Maker<'_> {
    /// Renders the output to `target`.
    ///
    /// # Errors
    /// See [`MakeError`].
    pub async fn make(&self, target: &Path) -> Result<Made, MakeError> {
        let chunks = chunks(self.ffmpeg, self.plan);
        let lists = Lists::new(self.workspace, self.verify);
        let work =
            Work { piece: Piece::Whole, chunks: chunks.clone(), lists: Some(&lists), target };
        let found = self.work(&work).await?;
        let chunks = chunks.into_iter().map(|chunk| chunk.frames).collect();
        Ok(Made { found, chunks, lists })
    }

    /// Renders a range of the video to `target`.
    ///
    /// # Errors
    /// See [`MakeError`].
    pub async fn make_range(&self, range: &Chunk, target: &Path) -> Result<Found, MakeError> {
        let chunks = vec![range.clone()];
        self.work(&Work { piece: Piece::Range, chunks, lists: None, target }).await
    }

    /// Renders the audio as samples.
    ///
    /// # Errors
    /// See [`MakeError`].
    pub async fn make_samples(&self, target: &Path) -> Result<Found, MakeError> {
        let chunks = Vec::new();
        self.work(&Work { piece: Piece::Samples, chunks, lists: None, target }).await
    }

    async fn work(&self, work: &Work<'_>) -> Result<Found, MakeError> {
        self.refuse_undecodable(work)?;
        let from_start = unproven(self.ffmpeg, self.plan, &work.chunks, self.sources).await?;
        let mut reading = Reading { from_start, ..Reading::default() };
        loop {
            if work.piece != Piece::Range {
                let files = self.files(&reading);
                reading.stretches = stretches(self.ffmpeg, self.plan, &files).await?;
            }
            let outcome = self.render(&reading, work).await;
            match &outcome {
                Err(RunError::Failed { log, .. })
                    if reading.conformed.is_empty() && Plan::needs_conforming(log) =>
                {
                    self.conform(&mut reading).await?;
                }
                _ => match self.diagnose(&mut reading, work, outcome).await? {
                    Some(found) => return Ok(found),
                    // With the clips read in another way, there may be no errors.
                    None => (self.events)(Event::Again),
                },
            }
        }
    }

    fn files<'a>(&'a self, reading: &'a Reading) -> Files<'a> {
        let Reading { conformed, from_start, stretches, .. } = reading;
        Files { conformed, from_start, stretches, ..Files::new(self.sources) }
    }

    async fn render(&self, reading: &Reading, work: &Work<'_>) -> Result<String, RunError> {
        let (ffmpeg, plan, files) = (self.ffmpeg, self.plan, self.files(reading));
        let listings = work.lists.map(Lists::as_listings).unwrap_or_default();
        let files = Files { listings, ..files };
        let events = Arc::clone(&self.events);
        let whole = plan.length_micros();
        let progress = move |progress: Progress| {
            events(Event::Progress { done: progress.micros.min(whole), whole });
        };
        match (work.piece, &work.chunks[..]) {
            (Piece::Range, [range, ..]) => {
                render_range(ffmpeg, plan, &files, range, work.target).await
            }
            (Piece::Samples, _) => {
                let arguments = plan.samples_arguments(&files, work.target);
                let arguments = arguments.expect("only an output with audio has samples");
                ffmpeg.encode(arguments, progress).await
            }
            _ => render(ffmpeg, plan, &files, work.target, progress).await,
        }
    }

    /// Whether the work reads this clip.
    fn reads(&self, work: &Work<'_>, clip: usize) -> bool {
        match work.piece {
            Piece::Whole | Piece::Samples => true,
            Piece::Range => {
                work.chunks.iter().any(|range| self.plan.clips_of(range).contains(&clip))
            }
        }
    }

    /// Rejects a clip that would be black or silent although it has video or audio.
    fn refuse_undecodable(&self, work: &Work<'_>) -> Result<(), MakeError> {
        let clips = self.plan.clips.iter().enumerate();
        let mut clips = clips.filter(|(index, _)| self.reads(work, *index));
        let found =
            clips.find_map(|(index, part)| Some((part.clip, self.plan.undecodable(index)?)));
        found.map_or(Ok(()), |(clip, kind)| {
            let source = ProbeError::Undecodable { kind, complaints: String::new() };
            Err(MakeError::Clip { clip, source })
        })
    }

    /// Converts the audio of every clip in a process of its own, since that of one changes its
    /// sample rate or its channels in the middle.
    ///
    /// Audio that fails to convert is used up to that point.
    async fn conform(&self, reading: &mut Reading) -> Result<(), MakeError> {
        (self.events)(Event::Conforming);
        let mut conformed = vec![None; self.plan.clips.len()];
        let mut reported = Vec::with_capacity(conformed.len());
        let files = self.files(reading);
        for (clip, file) in conformed.iter_mut().enumerate() {
            let target = self.workspace.audio(clip);
            let mut converted = Converted::default();
            if let Some(arguments) = self.plan.conform_arguments(clip, &files, &target) {
                match self.ffmpeg.encode(arguments, |_| ()).await {
                    Ok(log) => converted.log = log,
                    Err(RunError::Failed { log, .. }) if holds_something(&target) => {
                        converted = Converted { log, failed: true };
                    }
                    Err(error) => return Err(error.into()),
                }
                *file = Some(target);
            }
            reported.push(converted);
        }
        (reading.conformed, reading.reported) = (conformed, reported);
        Ok(())
    }

    /// Finds the clips that made ffmpeg report errors or fail. Returns `None` if one of them has to
    /// be read in another way first, and records that in `reading`.
    async fn diagnose(
        &self,
        reading: &mut Reading,
        work: &Work<'_>,
        outcome: Result<String, RunError>,
    ) -> Result<Option<Found>, MakeError> {
        match &outcome {
            Ok(log) if log.is_empty() && reading.reported.iter().all(Converted::is_clean) => {
                return Ok(Some(Vec::new()));
            }
            Ok(_) | Err(RunError::Failed { .. }) => {}
            // No clip is the cause.
            Err(_) => return outcome.map(|_| None).map_err(MakeError::from),
        }
        tracing::info!(?outcome, "diagnose");
        (self.events)(Event::Diagnosing);
        let mut found = Vec::new();
        let mut doubtful = Vec::new();
        let mut opening = Vec::new();
        let clips = self.plan.clips.iter().enumerate();
        for (index, part) in clips.filter(|(index, _)| self.reads(work, *index)) {
            let clip = part.clip;
            if reading.reported.get(index).is_some_and(|converted| converted.failed) {
                let log = &reading.reported[index].log;
                found.push((
                    Some(clip),
                    format!("its audio ends early, where it can't be converted: {log}"),
                ));
            }
            let finding = diagnose(self.ffmpeg, self.plan, index, &self.files(reading)).await;
            match finding.map_err(|source| MakeError::Clip { clip, source })? {
                Finding::Whole => {}
                Finding::Opening(lines) => opening.extend(lines),
                Finding::Doubtful => doubtful.push(index),
                Finding::Damaged(log) => {
                    let text = format!("it is damaged; what can be decoded was used: {log}");
                    found.push((Some(clip), text));
                }
            }
        }
        if !doubtful.is_empty() {
            for clip in doubtful {
                reading.from_start[clip] = true;
            }
            // The converted audio was made from these clips, too.
            reading.conformed.clear();
            reading.reported.clear();
            return Ok(None);
        }
        let log = outcome?;
        let sought = |clip| self.files(reading).seek(self.plan, clip, self.plan.clip(clip).start());
        let run_up = (0..self.plan.clips.len()).any(|clip| sought(clip).is_some());
        let explained =
            |line| is_harmless(line) || opening.iter().any(|known: &String| known == line);
        if found.is_empty() && !run_up && !log.lines().all(explained) {
            found.push((None, format!("ffmpeg reported errors: {log}")));
        }
        Ok(Some(found))
    }
}

impl Converted {
    fn is_clean(&self) -> bool {
        self.log.is_empty() && !self.failed
    }
}

/// Whether a process has written more than a header to a file.
fn holds_something(file: &Path) -> bool {
    const HEADER: u64 = 4096;
    std::fs::metadata(file).is_ok_and(|found| found.len() > HEADER)
}
