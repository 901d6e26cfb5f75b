//! The plan step: reads the sources, and decides on the ranges.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::super::files::{Known, Looked, SourceFiles, is_large};
use super::super::prepared::Prepared;
use super::super::sources::Sources;
use super::super::{Deadline, Job, TaskError, Worker, budget, describe, millis};
use super::folder::Piece;
use super::notes::{PlanNote, SourceNote};
use super::{Shift, done};
use crate::engine::workspace::Workspace;
use crate::event::Accepted;
use crate::flicks::Flicks;
use crate::ledger::{Begun, Journal, Resumed, run_name};
use crate::plan::{Chunk, Plan, plan};
use crate::policy::CopyPolicy;
use crate::process::Request;
use crate::task::{ChunkCount, Entry, Execution, Moment, Stage, TaskRecord};

impl Worker {
    /// Makes the plan, and replies with what the state machine needs. A repeated try finds the
    /// existing plan.
    pub(super) async fn plan_ranges(
        &self,
        shift: &Shift<'_>,
        accepted: &Accepted,
    ) -> Result<serde_json::Value, TaskError> {
        let ledger = self.ledger();
        let resumed =
            Box::pin(ledger.resume(&shift.record, &shift.of.run, shift.deadline.until)).await;
        let (journal, record) = match resumed.map_err(TaskError::Record)? {
            Resumed::Ours(journal, Begun::Work(record)) => (journal, record),
            Resumed::Ours(..) | Resumed::Over => return Err(TaskError::Superseded),
            Resumed::Busy => return Err(TaskError::Busy),
        };
        let job = Job::from(accepted.clone());
        let found = shift.folder.read(&self.store, &shift.folder.note(Piece::Plan)).await?;
        let planning = async {
            if let Some(note) = found {
                return Ok(note);
            }
            let once = Box::pin(self.plan_once(shift, &job, &journal, *record));
            shift.deadline.limit(once).await
        };
        let planned = tokio::select! {
            planned = Box::pin(planning) => planned,
            ended = journal.keep_alive() => Err(ended.into()),
            never = self.announce_progress(&journal, shift.invocation) => match never {},
        };
        let note = match planned {
            Ok(note) => note,
            Err(error) => {
                self.let_go(&journal, &journal.latest(), shift).await;
                return Err(error);
            }
        };
        journal.note_all([
            Entry::Chunks(ChunkCount { total: note.ranges.len(), done: 0 }),
            Entry::Used(self.used(shift.invocation)),
        ]);
        self.rest(&journal, &journal.latest(), shift).await?;
        Ok(self.reply(shift, &note))
    }

    fn reply(&self, shift: &Shift<'_>, note: &PlanNote) -> serde_json::Value {
        let mut reply = done("Planned");
        reply["task"] = shift.of.task.to_string().into();
        reply["bucket"] = shift.of.bucket.to_string().into();
        reply["run"] = shift.of.run.to_string().into();
        reply["ranges"] = shift.folder.ranges().key.to_string().into();
        reply["chunks"] = note.ranges.len().into();
        reply["audio"] = note.has_sound().into();
        reply["concurrency"] = self.settings.distribution.max_concurrency.into();
        reply
    }

    /// Releases the lease to the next step.
    async fn rest(
        &self,
        journal: &Journal,
        record: &TaskRecord,
        shift: &Shift<'_>,
    ) -> Result<(), TaskError> {
        let arn = record.execution_arn.clone().expect("only a task that was handed over has steps");
        let execution = Execution { arn, run: shift.of.run.clone(), idle: true };
        Ok(journal.hand_over(record, execution).await?)
    }

    /// The same after a failure, which the caller reports.
    pub(super) async fn let_go(&self, journal: &Journal, record: &TaskRecord, shift: &Shift<'_>) {
        if let Err(error) = self.rest(journal, record, shift).await {
            tracing::warn!(%error, "the lease was not released");
        }
    }

    async fn plan_once(
        &self,
        shift: &Shift<'_>,
        job: &Job,
        journal: &Journal,
        record: TaskRecord,
    ) -> Result<PlanNote, TaskError> {
        let request = self.read(job)?;
        let mut fresh = record.clone();
        let prepared = self.prepare(request, job, &mut fresh).await?;
        if fresh.task_id != record.task_id || fresh.process != record.process {
            return Err(TaskError::Changed);
        }
        journal.note(Entry::Sources(fresh.sources, fresh.warnings));
        let workspace = Workspace::new(&self.settings.work_dir)?;
        let is_partial = |_, source: &_| is_large(source);
        let (sources, until) = (&prepared.sources, shift.deadline.until);
        let work_dir = &self.settings.work_dir;
        let opened =
            SourceFiles::new(sources, &self.store, &workspace, work_dir, until, is_partial);
        let (files, waits) = opened?;
        let planning = Box::pin(self.plan_from(&files, &prepared, job, shift, journal));
        let planned = files.filling(waits, planning).await;
        journal.note_all(files.fetched());
        let note = planned?;
        self.check_run(shift).await?;
        let store = &self.store;
        shift.folder.write_ranges(store, &note.ranges).await.map_err(TaskError::Record)?;
        let uri = shift.folder.note(Piece::Plan);
        shift.folder.write(store, &uri, &note).await.map_err(TaskError::Record)?;
        Ok(note)
    }

    async fn plan_from(
        &self,
        files: &SourceFiles<'_>,
        Prepared { request, sources, .. }: &Prepared,
        job: &Job,
        shift: &Shift<'_>,
        journal: &Journal,
    ) -> Result<PlanNote, TaskError> {
        let (looked, known) = self.probe_in_turn(files, request, journal).await?;
        let media: Vec<_> = known.iter().map(|known| known.probed.media()).collect();
        let length =
            Flicks::from_millis(u64::from(self.settings.distribution.chunk_seconds) * 1000);
        let plan = plan(request, &media, self.settings.video_preset)?;
        let ranges = plan.ranges(length);
        let plan = if ranges.len() > 1 { plan.in_ranges(length) } else { plan };
        journal.note_all([Entry::Warnings(plan.warnings.clone()), describe::planned(&plan)]);
        for range in &ranges {
            budget::check_range(&plan, range, own_deadline(shift))?;
        }
        let mut variables = sources.variables(request, journal.latest().start_time);
        variables.resolution = plan.output.video.as_ref().map(|video| video.size.to_string());
        let target = self.target(request, &variables)?;
        // The name of the joining run has the same length as this one.
        let numbers = request.segment_numbers(&variables)?;
        self.check_segments(request, &plan, (&target, &numbers), &run_name(Uuid::nil()))?;
        let (segments_in_ranges, audio_in_ranges) = in_ranges(&plan, &ranges);
        let shown = ranges.iter().map(|range| {
            let heard = plan
                .audio_range(range)
                .filter(|_| audio_in_ranges)
                .map(|audio| plan.audio_part(&audio).plan);
            let heard = heard.iter().flat_map(Plan::heard);
            let reads = plan.shown(range).into_iter().chain(heard).map(|(_, read)| read);
            files.shares(&reads.collect::<Vec<_>>(), &known)
        });
        let heard = plan.heard().filter_map(|(clip, read)| {
            Some((clip, files.shares(std::slice::from_ref(&read), &known).pop()?))
        });
        Ok(PlanNote {
            audio_in_ranges,
            segments_in_ranges,
            shown: shown.collect(),
            heard: heard.collect(),
            sources: notes(sources, files, &known, looked.can_wait),
            of_clip: sources.of_clip.clone(),
            target,
            numbers,
            extension: variables.autoext.clone(),
            main: job.main()?,
            plan,
            ranges,
        })
    }

    /// Probes the sources and keeps no file: first those whose index is enough, then the others one
    /// by one, since all of them together may not fit the disk.
    async fn probe_in_turn(
        &self,
        files: &SourceFiles<'_>,
        request: &Request,
        journal: &Journal,
    ) -> Result<(Looked, Vec<Known>), TaskError> {
        let ffmpeg = self.ffmpeg();
        let started = Instant::now();
        // Distributed tasks copy nothing.
        let looked = files.look(&ffmpeg, request, CopyPolicy::Never).await?;
        journal.note(Entry::Took(Stage::Fetch, millis(started)));
        let started = Instant::now();
        let found = files.probe_by_indices(&ffmpeg, &looked.kept).await;
        journal.note(Entry::Took(Stage::Probe, millis(started)));
        let mut all = Vec::with_capacity(found.len());
        for (index, known) in found.into_iter().enumerate() {
            if let Some(known) = known {
                all.push(known);
                continue;
            }
            let started = Instant::now();
            files.bring(std::iter::once(index)).await?;
            journal.note(Entry::Took(Stage::Fetch, millis(started)));
            let started = Instant::now();
            all.push(files.probe_whole(&ffmpeg, index).await?);
            journal.note(Entry::Took(Stage::Probe, millis(started)));
            files.remove(index, all[index].files())?;
        }
        journal.note(Entry::Warnings(files.notices(&all)));
        Ok((looked, all))
    }
}

/// Whether each range makes its own segments, and whether it makes its own audio.
fn in_ranges(plan: &Plan, ranges: &[Chunk]) -> (bool, bool) {
    if plan.output.segments.is_none() {
        return (false, plan.audio_is_in_ranges());
    }
    let has_audio = |range| plan.audio_range(range).is_none_or(|audio| plan.has_packets(&audio));
    let segments = plan.makes_segments_in_ranges() && ranges.iter().all(has_audio);
    (segments, segments && plan.output.audio.is_some())
}

/// The deadline of a function that begins now and has as much time as this one had.
fn own_deadline(shift: &Shift<'_>) -> Instant {
    let invocation = shift.invocation;
    let whole: Duration = invocation.deadline.saturating_duration_since(invocation.started);
    Deadline::before(Instant::now() + whole).until
}

/// The sources as the later steps read them.
fn notes(
    sources: &Sources,
    files: &SourceFiles<'_>,
    known: &[Known],
    can_wait: bool,
) -> Vec<SourceNote> {
    let all = sources.distinct.iter().zip(known).enumerate();
    all.map(|(index, (source, known))| {
        let is_partial = can_wait && known.probed.is_own && is_large(source);
        let opening = is_partial.then(|| files.opening(index, known).unwrap_or_default());
        SourceNote {
            uri: source.uri.clone(),
            etag: source.head.etag.clone(),
            size: source.head.size,
            version: source.head.version.clone(),
            modified: Moment::new(source.head.last_modified),
            clip: source.clip,
            parts: known.probed.parts.len(),
            as_it_is: known.probed.is_own,
            opening,
        }
    })
    .collect()
}
