//! The steps of a task, in order.

use std::path::Path;

use tokio::time::Instant;
use tracing::{Instrument, info};

use super::budget;
use super::describe;
use super::encode::{Files, warnings};
use super::files::{Known, SourceFiles, is_large};
use super::prepared::Prepared;
use super::{Deadline, ENCODED, FETCHED, PROBED, TaskError, Worker, millis, stage};
use crate::clamped::clamped;
use crate::engine::artifacts::{Artifact, Artifacts};
use crate::engine::copy;
use crate::engine::render::chunks;
use crate::engine::verify::Check;
use crate::engine::workspace::Workspace;
use crate::ledger::{Journal, run_name};
use crate::object::{ETag, ObjectUri};
use crate::plan::{Plan, plan};
use crate::playlist::SegmentNames;
use crate::process::template::Variables;
use crate::process::{Request, TargetError};
use crate::storage::upload::PendingUpload;
use crate::task::{Entry, Moment, Stage, TargetRecord};

/// Most bytes of the targets in a record: storage must be able to read it back at once, and it must
/// fit into a reply.
const LARGEST_TARGETS: usize = 2 * 1024 * 1024;
/// The entity tag of an object that was stored in parts has 32 digits, followed by the number of
/// parts.
const LONGEST_ETAG: usize = 38;

impl Worker {
    /// Everything from the first byte of the sources to the stored result.
    pub(super) async fn steps(
        &self,
        prepared: &Prepared,
        journal: &Journal,
        deadline: Deadline,
    ) -> Result<(), TaskError> {
        let workspace = Workspace::new(&self.settings.work_dir)?;
        let make = Box::pin(self.make(prepared, &workspace, journal, deadline));
        let (files, uploads) = deadline.limit(make).await?;
        // Not canceled half-way: it would be unknown which objects have appeared.
        let span = stage("store", &journal.latest());
        self.store(&files, uploads, journal, deadline).instrument(span).await
    }

    async fn make(
        &self,
        prepared: &Prepared,
        workspace: &Workspace,
        journal: &Journal,
        deadline: Deadline,
    ) -> Result<(Vec<Artifact>, Vec<PendingUpload>), TaskError> {
        let work_dir = &self.settings.work_dir;
        let sources = &prepared.sources;
        let is_partial = |_, source: &_| is_large(source);
        let (store, until) = (&self.store, deadline.until);
        let (files, waits) =
            SourceFiles::new(sources, store, workspace, work_dir, until, is_partial)?;
        let work = Box::pin(self.make_from(&files, prepared, workspace, journal, deadline));
        let outcome = files.filling(waits, work).await;
        journal.note_all(files.fetched());
        outcome
    }

    async fn make_from(
        &self,
        files: &SourceFiles<'_>,
        prepared: &Prepared,
        workspace: &Workspace,
        journal: &Journal,
        deadline: Deadline,
    ) -> Result<(Vec<Artifact>, Vec<PendingUpload>), TaskError> {
        let Prepared { request, sources, .. } = prepared;
        let ffmpeg = self.ffmpeg();
        let stage = |name| stage(name, &journal.latest());
        let opened = files.open(&ffmpeg, request, self.settings.copy);
        let opening = timed("fetch", opened).instrument(stage("fetch"));
        let (kept, took) = opening.await;
        journal.note(Entry::Took(Stage::Fetch, took));
        let kept = kept?;
        journal.note(Entry::Progress(FETCHED));
        let probing = timed("probe", files.probe(&ffmpeg, &kept)).instrument(stage("probe"));
        let (known, took) = probing.await;
        journal.note(Entry::Took(Stage::Probe, took));
        let known = known?;
        journal.note_all([Entry::Warnings(files.notices(&known)), Entry::Progress(PROBED)]);

        let media: Vec<_> = known.iter().map(|known| known.probed.media()).collect();
        let mut plan = plan(request, &media, self.settings.video_preset)?;
        journal.note_all([Entry::Warnings(plan.warnings.clone()), describe::planned(&plan)]);
        let run = run_name(journal.holder());
        let start = journal.latest().start_time;
        let (target, numbers, extension) = self.destination(prepared, &plan, &run, start)?;
        let deadline = deadline.before_more(budget::storing(&plan));
        budget::check(&plan, deadline.until)?;

        let output = workspace.output(&extension);
        let paths: Vec<&Path> = known.iter().flat_map(Known::files).collect();
        let ffmpeg = ffmpeg.waiting(files.partial(&known));
        files.ask(&plan, &chunks(&ffmpeg, &plan), &known)?;
        let fetched = files.busy_ms();
        let making = Files { sources: &paths, output: &output, workspace, ffmpeg: &ffmpeg };
        let span = stage("encode");
        let looking = self.look_for_copies(&mut plan, request, making);
        let (looked, looking) =
            timed("copy", deadline.limit(looking)).instrument(span.clone()).await;
        looked?;
        journal.note_all([describe::planned(&plan), describe::copied(&plan)]);
        let reached = |percent| journal.note(Entry::Progress(percent));
        let encode = Box::pin(self.encode(&plan, sources, making, reached, deadline.until));
        let (made, took) = timed("encode", deadline.limit(encode)).instrument(span).await;
        journal.note(Entry::Took(Stage::Encode, looking + took));
        let made = made?;
        journal.note_all([
            Entry::Warnings(warnings(&made.found, sources).collect()),
            Entry::Took(Stage::Fetch, files.busy_ms() - fetched),
            Entry::Progress(ENCODED),
        ]);
        let artifacts = Artifacts::of(workspace, &plan, &target, &numbers, Some(&run))?;
        artifacts.files.iter().try_for_each(|file| self.check_target(request, &file.uri))?;
        let verify = self.settings.verify;
        let check = Check { ffmpeg: &ffmpeg, plan: &plan, made: &made, workspace, verify };
        let uploads = self.send(&check, &artifacts, journal).await?;
        Ok((artifacts.files, uploads))
    }

    /// The target, the places of its segments' numbers in its key, and its extension.
    fn destination(
        &self,
        Prepared { request, sources, .. }: &Prepared,
        plan: &Plan,
        run: &str,
        start: Moment,
    ) -> Result<(ObjectUri, Vec<usize>, String), TaskError> {
        let mut variables = sources.variables(request, start);
        variables.resolution = plan.output.video.as_ref().map(|video| video.size.to_string());
        let target = self.target(request, &variables)?;
        let numbers = request.segment_numbers(&variables)?;
        self.check_segments(request, plan, (&target, &numbers), run)?;
        Ok((target, numbers, variables.autoext))
    }

    /// Finds what can be copied.
    async fn look_for_copies(
        &self,
        plan: &mut Plan,
        request: &Request,
        files: Files<'_>,
    ) -> Result<(), TaskError> {
        let policy = self.settings.copy;
        copy::find(files.ffmpeg, plan, request, policy, files.sources, files.workspace).await?;
        Ok(())
    }

    pub(super) fn target(
        &self,
        request: &Request,
        variables: &Variables,
    ) -> Result<ObjectUri, TaskError> {
        let bucket = request.target_bucket(variables)?;
        let key = request.target.key.target_key(variables)?;
        Ok(self.target_of(request, bucket, key)?)
    }

    /// Checks that all segments can be stored and named, before any is made.
    pub(super) fn check_segments(
        &self,
        request: &Request,
        plan: &Plan,
        (target, numbers): (&ObjectUri, &[usize]),
        run: &str,
    ) -> Result<(), TaskError> {
        let count = plan.segment_files();
        if count == 0 {
            return Ok(());
        }
        // The longest possible name.
        let names = SegmentNames::new(&target.key, numbers, Some(run));
        let key = names.key(&format!("-0-{count:05}.m4s"));
        let uri = target.beside(key).map_err(TargetError::Key)?;
        self.check_target(request, &uri)?;
        let segment = TargetRecord {
            uri,
            etag: ETag::new(&"f".repeat(LONGEST_ETAG)),
            size: u64::from(u32::MAX),
            content_type: "video/iso.segment".to_owned(),
        };
        let bytes = serde_json::to_string(&segment).map_or(0, |text| text.len() + 1);
        let most = clamped::<u64>(LARGEST_TARGETS / bytes.max(1));
        if count > most { Err(TaskError::Segments { count, most }) } else { Ok(()) }
    }
}

/// The result of a step, and how long it took in milliseconds.
async fn timed<T>(step: &'static str, work: impl Future<Output = T>) -> (T, u64) {
    let started = Instant::now();
    let outcome = work.await;
    let ms = millis(started);
    info!(ms, "{step}");
    (outcome, ms)
}

#[cfg(test)]
mod tests {
    use super::{LARGEST_TARGETS, LONGEST_ETAG};
    use crate::object::{ETag, ObjectUri};
    use crate::reply::{HttpReply, direct};
    use crate::task::{TargetRecord, example};

    /// Lambda rejects replies larger than 6 MB.
    #[test]
    fn the_largest_record_fits_into_a_reply() {
        for key in ["k".repeat(1024), "\u{1}".repeat(1024), "\"".repeat(1024), "k".to_owned()] {
            let mut record = example();
            let uri = ObjectUri::named("b".repeat(63), key).unwrap();
            let target = TargetRecord {
                uri: uri.clone(),
                etag: ETag::new(&"f".repeat(LONGEST_ETAG)),
                size: u64::from(u32::MAX),
                content_type: "video/iso.segment".to_owned(),
            };
            let bytes = serde_json::to_string(&target).unwrap().len() + 1;
            record.targets = vec![target; LARGEST_TARGETS / bytes];
            let source = crate::task::SourceRecord { uri, ..record.sources[0].clone() };
            record.sources = vec![source; 64];
            record.timeline = vec![record.timeline[0]; 64];
            record.process = "p".repeat(256 * 1024);
            record.user_data = Some("\u{1}".repeat(2048));
            let largest = 6 * 1024 * 1024 - 10_000;
            let reply = HttpReply::record(&record, &record.request_id).to_gateway().to_string();
            assert!(reply.len() < largest, "{}", reply.len());
            assert!(direct(&record).unwrap().to_string().len() < largest);
        }
    }
}
