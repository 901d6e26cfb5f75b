//! The steps of a task, in order.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tracing::{Instrument, info};

use super::artifacts::{Artifact, Artifacts};
use super::budget;
use super::describe;
use super::encode::Files;
use super::journal::Journal;
use super::prepared::{Prepared, target_bucket};
use super::sources::Sources;
use super::{Deadline, TaskError, Worker, millis, stage};
use crate::engine::probe::Probed;
use crate::engine::workspace::Workspace;
use crate::flicks::Flicks;
use crate::media::Media;
use crate::object::ObjectUri;
use crate::output::{OutputError, OutputSpec, specify};
use crate::plan::{LONGEST_DASH, Plan, PlannedClip};
use crate::process::Request;
use crate::process::template::Variables;
use crate::storage::upload::PendingUpload;
use crate::task::TaskRecord;
use crate::timeline::{SourceRange, Timeline};

/// Percent of a task that is done when a step ends, by rough experience.
const FETCHED: u8 = 10;
pub(super) const PROBED: u8 = 15;
pub(super) const ENCODED: u8 = 90;

impl Worker {
    /// Everything from the first byte of the sources to the stored result.
    pub(super) async fn steps(
        &self,
        prepared: &Prepared,
        journal: &Journal,
        deadline: Deadline,
        record: &mut TaskRecord,
    ) -> Result<(), TaskError> {
        budget::check_fetch(&prepared.sources, deadline.until)?;
        let workspace = Workspace::new(&self.settings.work_dir)?;
        let make = Box::pin(self.make(prepared, &workspace, journal, deadline, record));
        let (files, uploads) = deadline.limit(make).await?;
        // Not given up half-way: nobody would know what has appeared.
        let span = stage("store", record);
        self.store(&files, uploads, journal, deadline, record).instrument(span).await
    }

    async fn make(
        &self,
        Prepared { request, sources, .. }: &Prepared,
        workspace: &Workspace,
        journal: &Journal,
        deadline: Deadline,
        record: &mut TaskRecord,
    ) -> Result<(Vec<Artifact>, Vec<PendingUpload>), TaskError> {
        let span = stage("fetch", record);
        let paths = self.fetch(sources, workspace, record).instrument(span).await?;
        journal.progress(record, FETCHED);
        let span = stage("probe", record);
        let probed = self.probe(sources, &paths, record).instrument(span).await?;
        journal.progress(record, PROBED);

        let mut plan = self.plan(request, sources, &probed, record)?;
        describe::plan(&plan, record);
        budget::check(&plan, deadline.until)?;
        let mut variables = describe::variables(request, sources, record.start_time);
        variables.resolution = plan.output.video.as_ref().map(|video| video.size.to_string());
        let target = self.target(request, &variables)?;

        let output = workspace.output(&variables.autoext);
        let parts = probed.iter().flat_map(|source| &source.parts);
        let paths: Vec<&Path> = parts.map(|part| part.file.as_path()).collect();
        let files = Files { sources: &paths, output: &output, workspace };
        let span = stage("run", record);
        self.run(&mut plan, sources, files, journal, record, deadline.until)
            .instrument(span)
            .await?;
        journal.progress(record, ENCODED);
        let artifacts = Artifacts::of(workspace, &plan, &target)?;
        for artifact in &artifacts.files {
            self.check_target(request, &artifact.uri.bucket, &artifact.uri.key)?;
        }
        let uploads = self.send(&plan, &artifacts, journal, record).await?;
        Ok((artifacts.files, uploads))
    }

    fn target(&self, request: &Request, variables: &Variables) -> Result<ObjectUri, TaskError> {
        let bucket = target_bucket(request, variables)?;
        let key = request.target.key.target_key(variables)?;
        self.check_target(request, &bucket, &key)?;
        Ok(ObjectUri::new(bucket, key))
    }

    async fn fetch(
        &self,
        sources: &Sources,
        workspace: &Workspace,
        record: &mut TaskRecord,
    ) -> Result<Vec<PathBuf>, TaskError> {
        let started = Instant::now();
        let paths = sources.fetch(&self.store, workspace, &self.settings.work_dir).await;
        record.timings.fetch_ms = millis(started);
        let paths = paths?;
        describe::fetched(sources, record);
        info!(ms = record.timings.fetch_ms, sources = paths.len(), "fetch");
        Ok(paths)
    }

    async fn probe(
        &self,
        sources: &Sources,
        paths: &[PathBuf],
        record: &mut TaskRecord,
    ) -> Result<Vec<Probed>, TaskError> {
        let started = Instant::now();
        let ffmpeg = self.ffmpeg();
        let probed = sources.probe(&ffmpeg, paths, &mut record.warnings).await;
        record.timings.probe_ms = millis(started);
        info!(ms = record.timings.probe_ms, "probe");
        probed
    }

    fn plan(
        &self,
        request: &Request,
        sources: &Sources,
        probed: &[Probed],
        record: &mut TaskRecord,
    ) -> Result<Plan, TaskError> {
        let of_clips: Vec<&Media> =
            sources.of_clip.iter().map(|&source| &*probed[source].media).collect();
        let clips = cuts(request, sources, probed, &of_clips)?;
        let output = specify(request, &of_clips, &mut record.warnings)?;
        let timeline = timeline(&output, &clips);
        if timeline.frames() == 0 && timeline.samples() == 0
            || output.video.is_some() && timeline.frames() == 0
        {
            let length: Flicks = clips.iter().map(|clip| clip.range.length).sum();
            return Err(TaskError::NoFrame { length_ms: length.to_millis() });
        }
        let preset = self.settings.video_preset;
        let plan = Plan { output, timeline, clips, preset };
        match plan.impossible_segment() {
            None => Ok(plan),
            Some(length) => Err(OutputError::LongSegment {
                most_ms: LONGEST_DASH.to_millis(),
                asked_ms: length.to_millis(),
            }
            .into()),
        }
    }
}

/// What each clip takes of the parts of its source.
fn cuts(
    request: &Request,
    sources: &Sources,
    probed: &[Probed],
    media: &[&Media],
) -> Result<Vec<PlannedClip>, TaskError> {
    let mut clips = Vec::new();
    for (clip, asked) in request.clips.iter().enumerate() {
        let length = media[clip].length;
        let cut = SourceRange::of(length, asked.start_ms, asked.duration_ms).ok_or_else(|| {
            TaskError::SourceRange {
                clip,
                uri: sources.of(clip).uri.clone(),
                start_ms: asked.start_ms,
                length_ms: length.to_millis(),
            }
        })?;
        let source = sources.of_clip[clip];
        let parts = &probed[source].parts;
        let files_before: usize = probed[..source].iter().map(|other| other.parts.len()).sum();
        let lengths = parts.iter().map(|part| part.media.length);
        clips.extend(cut.split(lengths).map(|(part, cut)| {
            PlannedClip::new(clip, files_before + part, cut, Arc::clone(&parts[part].media))
        }));
    }
    Ok(clips)
}

/// Where the output has no video or no audio, that side of the timeline is
/// laid out at a rate nobody sees.
fn timeline(output: &OutputSpec, clips: &[PlannedClip]) -> Timeline {
    let lengths: Vec<Flicks> = clips.iter().map(|clip| clip.range.length).collect();
    let frame_rate = output.video.as_ref().map(|video| video.frame_rate);
    let sample_rate = output.audio.as_ref().map(|audio| audio.sample_rate);
    let mut timeline = Timeline::new(
        &lengths,
        frame_rate.unwrap_or_else(|| 25.into()),
        sample_rate.unwrap_or(48_000),
    );
    for place in &mut timeline.places {
        if frame_rate.is_none() {
            (place.first_frame, place.frames) = (0, 0);
        }
        if sample_rate.is_none() {
            (place.first_sample, place.samples) = (0, 0);
        }
    }
    timeline
}
