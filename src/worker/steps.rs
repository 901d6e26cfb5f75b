//! The steps of a task, in order.

use std::path::{Path, PathBuf};
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
        let media = self.probe(sources, &paths, record).instrument(span).await?;
        journal.progress(record, PROBED);

        let mut plan = self.plan(request, sources, &media, record)?;
        describe::plan(&plan, record);
        budget::check(&plan, deadline.until)?;
        let mut variables = describe::variables(request, sources, record.start_time);
        variables.resolution = plan.output.video.as_ref().map(|video| video.size.to_string());
        let target = self.target(request, &variables)?;

        let output = workspace.output(&variables.autoext);
        let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
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
    ) -> Result<Vec<Media>, TaskError> {
        let started = Instant::now();
        let ffmpeg = self.ffmpeg();
        let media = sources.probe(&ffmpeg, paths, &mut record.warnings).await;
        record.timings.probe_ms = millis(started);
        info!(ms = record.timings.probe_ms, "probe");
        media
    }

    fn plan(
        &self,
        request: &Request,
        sources: &Sources,
        media: &[Media],
        record: &mut TaskRecord,
    ) -> Result<Plan, TaskError> {
        let clips = cuts(request, sources, media)?;
        let of_clips: Vec<Media> = clips.iter().map(|clip| clip.media.clone()).collect();
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

/// What each clip takes of its media.
fn cuts(
    request: &Request,
    sources: &Sources,
    media: &[Media],
) -> Result<Vec<PlannedClip>, TaskError> {
    let clips = request.clips.iter().enumerate();
    clips
        .map(|(clip, asked)| {
            let source = sources.of_clip[clip];
            let media = &media[source];
            let cut = SourceRange::of(media.length, asked.start_ms, asked.duration_ms).ok_or_else(
                || TaskError::SourceRange {
                    clip,
                    uri: sources.of(clip).uri.clone(),
                    start_ms: asked.start_ms,
                    length_ms: media.length.to_millis(),
                },
            )?;
            Ok(PlannedClip::new(source, cut, media.clone()))
        })
        .collect()
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
