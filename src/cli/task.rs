//! A task on this machine: does what the function does between claiming a task and storing its
//! result, with the same engine.

mod sources;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use uuid::Uuid;
use video_concat::clamped::clamped;
use video_concat::engine::artifacts::{Artifact, Artifacts};
use video_concat::engine::copy;
use video_concat::engine::event::Event;
use video_concat::engine::ffmpeg::Ffmpeg;
use video_concat::engine::make::{MakeError, Maker};
use video_concat::engine::probe::{Probed, probe_all};
use video_concat::engine::verify::Check;
use video_concat::engine::workspace::Workspace;
use video_concat::ledger::result_description;
use video_concat::object::{Bucket, ObjectUri};
use video_concat::plan::{Plan, plan};
use video_concat::policy::Verify;
use video_concat::process::{Request, TargetError, check_target, target_of};
use video_concat::storage::ObjectStore;
use video_concat::storage::client::{s3_client, shared_config};
use video_concat::storage::upload::store_file;
use video_concat::task::{Moment, TargetRecord, TaskRecord};
use video_concat::worker::{TaskError, describe};

use super::engine::EngineArgs;
use super::failure::Failure;
use super::progress::Progress;
use super::side::{self, Side};
pub(crate) use sources::Source;
use sources::{begin, bring, heads};

/// The default prefix of task records' keys in the function's settings.
const TASK_PREFIX: &str = ".tasks/";

/// A task whose sources have been fetched and planned.
pub(crate) struct Task {
    pub(crate) request: Request,
    pub(crate) sources: Vec<Source>,
    pub(crate) plan: Plan,
    pub(crate) target: ObjectUri,
    /// The places of its segments' numbers in its key.
    numbers: Vec<usize>,
    pub(crate) record: TaskRecord,
    pub(crate) ffmpeg: Ffmpeg,
    /// The files of the plan's sources.
    pub(crate) files: Vec<PathBuf>,
    verify: Verify,
    workspace: Workspace,
    side: Side,
    store: Option<ObjectStore>,
    started: Instant,
}

impl Task {
    /// Fetches the sources, probes them, and plans.
    pub(crate) async fn prepare(
        request: Request,
        side: &Side,
        engine: &EngineArgs,
        progress: &Progress,
    ) -> Result<Self, Failure> {
        let started = Instant::now();
        let ffmpeg = engine.ffmpeg()?;
        let store = match side {
            Side::Folder(_) => None,
            Side::Bucket(_) => Some(connect().await),
        };
        let sources = heads(&request, side, store.as_ref()).await?;
        let mut record = begin(&request, &sources, side);
        let workspace = Workspace::new(&engine.work_dir()).map_err(TaskError::Workspace)?;
        let fetching = Instant::now();
        let paths = bring(&sources, side, store.as_ref(), &workspace, engine, progress).await?;
        record.timings.fetch_ms = millis(fetching);

        progress.stage("probe");
        let probing = Instant::now();
        let probed = probe_all(&ffmpeg, &paths).await;
        let probed = probed.map_err(|(index, error)| sources[index].unusable(&error))?;
        record.timings.probe_ms = millis(probing);
        for (source, probed) in sources.iter().zip(&probed) {
            let notices = probed.notices.iter().map(|notice| source.about(&notice));
            record.warnings.extend(notices);
        }
        let media: Vec<_> = probed.iter().map(Probed::media).collect();
        let mut plan = plan(&request, &media, engine.preset()).map_err(TaskError::Plan)?;
        record.warnings.extend_from_slice(&plan.warnings);
        record.note(describe::planned(&plan));
        let (target, numbers) = target(&request, &sources, &plan, record.start_time)?;
        let parts = probed.iter().flat_map(|source| &source.parts);
        let files: Vec<PathBuf> = parts.map(|part| part.file.clone()).collect();
        let paths: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
        let looking = copy::find(&ffmpeg, &mut plan, &request, engine.copy(), &paths, &workspace);
        looking.await.map_err(TaskError::Run)?;
        record.note_all([describe::planned(&plan), describe::copied(&plan)]);
        let side = side.clone();
        Ok(Self {
            request,
            sources,
            plan,
            target,
            numbers,
            record,
            ffmpeg,
            files,
            verify: engine.verify(),
            workspace,
            side,
            store,
            started,
        })
    }

    /// Makes the output and checks it; nothing is stored yet.
    pub(crate) async fn make(&mut self, progress: &Progress) -> Result<Vec<Artifact>, Failure> {
        let started = Instant::now();
        let whole = self.plan.length_micros();
        progress.encode(whole);
        let bar = progress.clone();
        let events = move |event| match event {
            Event::Progress { done, .. } => bar.set(done),
            Event::Conforming | Event::Again => bar.encode(whole),
            Event::Diagnosing => {}
        };
        let output = self.workspace.output(self.request.auto_extension());
        let sources: Vec<&Path> = self.files.iter().map(PathBuf::as_path).collect();
        let maker = Maker {
            ffmpeg: &self.ffmpeg,
            plan: &self.plan,
            sources: &sources,
            workspace: &self.workspace,
            verify: self.verify,
            events: Arc::new(events),
        };
        let made = maker.make(&output).await.map_err(|error| match error {
            MakeError::Clip { clip, source } => self.source(clip).unusable_as(clip, &source),
            MakeError::Run(error) => TaskError::Run(error).into(),
        })?;
        let found = made.found.iter().map(|(clip, text)| match clip {
            Some(clip) => self.source(*clip).about_as(*clip, text),
            None => text.clone(),
        });
        let found: Vec<String> = found.collect();
        self.record.warnings.extend(found);
        self.record.timings.encode_ms = millis(started);

        progress.stage("check");
        let started = Instant::now();
        let artifacts =
            Artifacts::of(&self.workspace, &self.plan, &self.target, &self.numbers, None)
                .map_err(TaskError::Workspace)?;
        let check = Check {
            ffmpeg: &self.ffmpeg,
            plan: &self.plan,
            made: &made,
            workspace: &self.workspace,
            verify: self.verify,
        };
        let verified = artifacts.verify(&check).await;
        let verified = verified.map_err(TaskError::Verify)?;
        self.record.note(describe::verified(&self.plan, &verified));
        self.record.timings.verify_ms = millis(started);
        Ok(artifacts.files)
    }

    /// Stores the output's files; the playlist (or the only file) comes last. Returns the place of
    /// the last one.
    pub(crate) async fn store(
        &mut self,
        files: &[Artifact],
        side: &Side,
        progress: &Progress,
    ) -> Result<Vec<String>, Failure> {
        progress.stage("store");
        let started = Instant::now();
        for file in files {
            self.check(&file.uri, side)?;
        }
        let stored = match side {
            Side::Folder(folder) => self.store_files(files, folder)?,
            Side::Bucket(bucket) => self.store_objects(files, bucket).await?,
        };
        self.record.timings.store_ms = millis(started);
        self.record.timings.total_ms = millis(self.started);
        if let Some(store) = &self.store {
            self.record.usage.count(store.meter().read());
        }
        self.record.succeed(now());
        Ok(stored)
    }

    /// Checks that this may be stored there: it must overwrite neither a source nor a task record.
    pub(crate) fn check(&self, uri: &ObjectUri, side: &Side) -> Result<(), Failure> {
        if uri.key.starts_with(TASK_PREFIX) {
            let (key, prefix) = (uri.key.clone(), TASK_PREFIX.to_owned());
            return Err(TaskError::Target(TargetError::IsRecord { key, prefix }).into());
        }
        check_target(&self.request, uri).map_err(TaskError::Target)?;
        let overwrites = match (&self.side, side) {
            (Side::Folder(from), Side::Folder(to)) => {
                let target = side::path(to, &uri.key)?.canonicalize().ok();
                let is_it = |source: &Source| {
                    let source = side::path(from, &source.key).ok();
                    source.and_then(|path| path.canonicalize().ok()) == target
                };
                target.is_some() && self.sources.iter().any(is_it)
            }
            (Side::Bucket(from), Side::Bucket(to)) => {
                from == to && self.sources.iter().any(|source| source.key == uri.key)
            }
            _ => false,
        };
        if overwrites {
            return Err(TaskError::Target(TargetError::IsSource(uri.clone())).into());
        }
        Ok(())
    }

    fn store_files(&mut self, files: &[Artifact], folder: &Path) -> Result<Vec<String>, Failure> {
        let mut stored = Vec::new();
        for file in files {
            let path = side::path(folder, &file.uri.key)?;
            side::store(&file.path, &path).map_err(|error| {
                Failure::failed(format!("`{}` can't be written: {error}", path.display()))
            })?;
            let head = side::look(folder, &file.uri.key)?;
            self.record.usage.bytes_stored += head.size;
            self.record.targets.push(TargetRecord {
                uri: file.uri.clone(),
                etag: head.etag,
                size: head.size,
                content_type: file.content_type.to_owned(),
            });
            stored.push(path.display().to_string());
        }
        Ok(stored)
    }

    async fn store_objects(
        &mut self,
        files: &[Artifact],
        bucket: &Bucket,
    ) -> Result<Vec<String>, Failure> {
        if self.store.is_none() {
            self.store = Some(connect().await);
        }
        let store = self.store.as_ref().expect("it has just been connected");
        let run = Uuid::new_v4();
        let mut stored = Vec::new();
        for file in files {
            let uri = ObjectUri::new(bucket.clone(), file.uri.key.clone());
            // With the marks that the function adds to its results, so that uploading one does not
            // start a task.
            let description = result_description(file.content_type, self.record.task_id, run);
            let object = store_file(store, &uri, &file.path, &description).await;
            let object = object.map_err(TaskError::Upload)?;
            stored.push(uri.to_string());
            self.record.targets.push(TargetRecord {
                uri,
                etag: object.etag,
                size: object.size,
                content_type: file.content_type.to_owned(),
            });
        }
        Ok(stored)
    }

    fn source(&self, clip: usize) -> &Source {
        &self.sources[self.request.sources().of_clip[clip]]
    }
}

impl From<TaskError> for Failure {
    fn from(error: TaskError) -> Self {
        Self::with_code(error.code(), error.to_string())
    }
}

async fn connect() -> ObjectStore {
    ObjectStore::new(s3_client(&shared_config().await))
}

fn target(
    request: &Request,
    sources: &[Source],
    plan: &Plan,
    created: Moment,
) -> Result<(ObjectUri, Vec<usize>), Failure> {
    let main = &sources[request.sources().of_clip[request.main]];
    let mut variables = request.variables(created.timestamp(), main.head.last_modified);
    variables.resolution = plan.output.video.as_ref().map(|video| video.size.to_string());
    let named = request.target_bucket(&variables).and_then(|bucket| {
        let key = request.target.key.target_key(&variables)?;
        Ok((bucket, key, request.segment_numbers(&variables)?))
    });
    let (bucket, key, numbers) = named.map_err(TaskError::Name)?;
    Ok((target_of(request, bucket, key).map_err(TaskError::Target)?, numbers))
}

fn now() -> Moment {
    Moment::new(Timestamp::now())
}

fn millis(since: Instant) -> u64 {
    clamped::<u64>(since.elapsed().as_millis())
}
