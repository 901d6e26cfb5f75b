//! The steps of a task, in order.

use std::path::{Path, PathBuf};
use std::time::Instant;

use tracing::{Instrument, info};

use super::budget;
use super::describe;
use super::encode::Files;
use super::prepared::Prepared;
use super::sources::Sources;
use super::{Deadline, ENCODED, FETCHED, PROBED, TaskError, Worker, millis, stage};
use crate::engine::artifacts::{Artifact, Artifacts, segment_stem};
use crate::engine::copy;
use crate::engine::probe::Probed;
use crate::engine::verify::Check;
use crate::engine::workspace::Workspace;
use crate::ledger::{Journal, run_name};
use crate::object::{ETag, ObjectUri};
use crate::plan::{Plan, plan};
use crate::process::Request;
use crate::process::template::Variables;
use crate::storage::upload::PendingUpload;
use crate::task::{TargetRecord, TaskRecord};

/// The most bytes of a record's targets: less than storage reads back at once, and than fits into a
/// reply.
const LARGEST_TARGETS: usize = 2 * 1024 * 1024;
/// Those of objects that were stored in parts have the number of parts behind 32 digits.
const LONGEST_ETAG: usize = 38;

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

        let media: Vec<_> = probed.iter().map(Probed::media).collect();
        let mut plan = plan(request, &media, self.settings.video_preset)?;
        record.warnings.extend_from_slice(&plan.warnings);
        describe::plan(&plan, record);
        let mut variables = sources.variables(request, record.start_time);
        variables.resolution = plan.output.video.as_ref().map(|video| video.size.to_string());
        let target = self.target(request, &variables)?;
        let run = run_name(journal.holder());
        self.check_segments(request, &plan, &target, &run)?;
        let storing = budget::storing(&plan);
        let deadline = deadline.before_more(storing);
        budget::check(&plan, deadline.until)?;

        let output = workspace.output(&variables.autoext);
        let parts = probed.iter().flat_map(|source| &source.parts);
        let paths: Vec<&Path> = parts.map(|part| part.file.as_path()).collect();
        let files = Files { sources: &paths, output: &output, workspace };
        let span = stage("encode", record);
        let ffmpeg = self.ffmpeg();
        let looking = self.look_for_copies(&mut plan, request, files, record);
        let looking = deadline.limit(looking.instrument(span.clone())).await?;
        let encode = self.encode(&plan, sources, files, journal, record, deadline.until);
        let made = deadline.limit(encode.instrument(span)).await?;
        record.timings.encode_ms += looking;
        journal.progress(record, ENCODED);
        let artifacts = Artifacts::of(workspace, &plan, &target, Some(&run))?;
        for artifact in &artifacts.files {
            self.check_target(request, &artifact.uri.bucket, &artifact.uri.key)?;
        }
        let verify = self.settings.verify;
        let check = Check { ffmpeg: &ffmpeg, plan: &plan, made: &made, workspace, verify };
        let uploads = self.send(&check, &artifacts, journal, record).await?;
        Ok((artifacts.files, uploads))
    }

    /// Finds what can be copied. Returns how long that took, in milliseconds.
    async fn look_for_copies(
        &self,
        plan: &mut Plan,
        request: &Request,
        files: Files<'_>,
        record: &mut TaskRecord,
    ) -> Result<u64, TaskError> {
        let started = Instant::now();
        let (ffmpeg, policy) = (self.ffmpeg(), self.settings.copy);
        copy::find(&ffmpeg, plan, request, policy, files.sources, files.workspace).await?;
        describe::copying(plan, record);
        Ok(millis(started))
    }

    pub(super) fn target(
        &self,
        request: &Request,
        variables: &Variables,
    ) -> Result<ObjectUri, TaskError> {
        let bucket = request.target_bucket(variables)?;
        let key = request.target.key.target_key(variables)?;
        self.check_target(request, &bucket, &key)?;
        Ok(ObjectUri::new(bucket, key))
    }

    /// Whether all segments can be stored and named, before any is made.
    pub(super) fn check_segments(
        &self,
        request: &Request,
        plan: &Plan,
        target: &ObjectUri,
        run: &str,
    ) -> Result<(), TaskError> {
        let count = plan.segment_files();
        if count == 0 {
            return Ok(());
        }
        // The longest of their names.
        let key = format!("{}-0-{:05}.m4s", segment_stem(&target.key, Some(run)), count);
        self.check_target(request, &target.bucket, &key)?;
        let segment = TargetRecord {
            uri: ObjectUri::new(&target.bucket, key),
            etag: ETag::new(&"f".repeat(LONGEST_ETAG)),
            size: u64::from(u32::MAX),
            content_type: "video/iso.segment".to_owned(),
        };
        let bytes = serde_json::to_string(&segment).map_or(0, |text| text.len() + 1);
        let most = u64::try_from(LARGEST_TARGETS / bytes.max(1)).unwrap_or(u64::MAX);
        if count > most { Err(TaskError::Segments { count, most }) } else { Ok(()) }
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
}
