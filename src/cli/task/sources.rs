//! The distinct sources of a task on this machine: each is looked at and fetched once.

use std::path::PathBuf;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use uuid::Uuid;
use video_concat::engine::probe::ProbeError;
use video_concat::engine::workspace::{Workspace, free_bytes};
use video_concat::object::{Key, ObjectUri};
use video_concat::process::Request;
use video_concat::storage::fetch::fetch;
use video_concat::storage::{ObjectHead, ObjectStore};
use video_concat::task::{EventId, RequestId, SourceRecord, TaskId, TaskRecord};
use video_concat::worker::TaskError;

use super::now;
use crate::engine::EngineArgs;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::side::{self, Side};

/// How many sources are fetched at the same time.
const PARALLEL_FETCHES: usize = 3;
/// How often the progress of fetching is checked.
const LOOK: Duration = Duration::from_millis(200);

/// A distinct source.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) key: Key,
    pub(crate) head: ObjectHead,
    /// The first clip that uses it.
    clip: usize,
}

impl Source {
    pub(super) fn about(&self, text: &dyn std::fmt::Display) -> String {
        self.about_as(self.clip, text)
    }

    pub(super) fn about_as(&self, clip: usize, text: &dyn std::fmt::Display) -> String {
        format!("clip {clip} (`{}`): {text}", self.key)
    }

    pub(super) fn unusable(&self, error: &ProbeError) -> Failure {
        self.unusable_as(self.clip, error)
    }

    pub(super) fn unusable_as(&self, clip: usize, error: &ProbeError) -> Failure {
        let message = format!("clip {clip} (`{}`) can't be used: {error}", self.key);
        Failure::with_code(error.code(), message)
    }
}

/// Looks at every source once.
pub(super) async fn heads(
    request: &Request,
    side: &Side,
    store: Option<&ObjectStore>,
) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    for (key, clip) in request.sources().keys {
        let head = match (side, store) {
            (Side::Bucket(bucket), Some(store)) => store
                .head(&ObjectUri::new(bucket.clone(), key.clone()), None)
                .await
                .map_err(|source| TaskError::Head { clip, source })?,
            (Side::Folder(folder), _) => side::look(folder, key)?,
            (Side::Bucket(_), None) => unreachable!("a bucket has a store"),
        };
        sources.push(Source { key: key.clone(), head, clip });
    }
    Ok(sources)
}

/// Puts a file for every source into the workspace. Files of this machine stay where they are and
/// are never written to: the workspace has links to them, and the engine replaces only the links.
pub(super) async fn bring(
    sources: &[Source],
    side: &Side,
    store: Option<&ObjectStore>,
    workspace: &Workspace,
    engine: &EngineArgs,
    progress: &Progress,
) -> Result<Vec<PathBuf>, Failure> {
    let paths: Vec<PathBuf> = (0..sources.len()).map(|index| workspace.source(index)).collect();
    match (side, store) {
        (Side::Folder(folder), _) => {
            for (source, path) in sources.iter().zip(&paths) {
                let file = side::path(folder, &source.key)?.canonicalize();
                let linked = file.and_then(|file| std::os::unix::fs::symlink(file, path));
                linked.map_err(TaskError::Workspace)?;
            }
        }
        (Side::Bucket(bucket), Some(store)) => {
            let needed = sources.iter().map(|source| source.head.size).sum();
            let free = free_bytes(&engine.work_dir()).map_err(TaskError::Workspace)?;
            if needed > free {
                return Err(TaskError::Space { needed, free }.into());
            }
            progress.bytes("fetch", needed);
            let all = stream::iter(sources.iter().zip(&paths))
                .map(|(source, path)| async move {
                    let uri = ObjectUri::new(bucket.clone(), source.key.clone());
                    fetch(store, &uri, &source.head, path).await
                })
                .buffer_unordered(PARALLEL_FETCHES)
                .try_for_each(|_| async { Ok(()) });
            tokio::pin!(all);
            let mut ticks = tokio::time::interval(LOOK);
            loop {
                tokio::select! {
                    fetched = &mut all => break fetched.map_err(TaskError::Fetch)?,
                    _ = ticks.tick() => progress.set(store.meter().read().bytes_fetched),
                }
            }
        }
        (Side::Bucket(_), None) => unreachable!("a bucket has a store"),
    }
    Ok(paths)
}

/// The first record of the task.
pub(super) fn begin(request: &Request, sources: &[Source], side: &Side) -> TaskRecord {
    let bucket = match side {
        Side::Bucket(bucket) => bucket,
        Side::Folder(_) => &request.bucket,
    };
    let uri = |source: &Source| ObjectUri::new(bucket.clone(), source.key.clone());
    let uris: Vec<ObjectUri> = sources.iter().map(uri).collect();
    let main = &request.clips[request.main].key;
    let named = uris.iter().zip(sources.iter().map(|source| &source.head.etag));
    let id = TaskId::derive((bucket, main), named, &request.canonical);
    let request_id = RequestId::from_uuid(Uuid::new_v4());
    let mut record =
        TaskRecord::begin(id, EventId::random(), request_id, now(), request.canonical.clone());
    record.warnings.clone_from(&request.warnings);
    let of_clip = request.sources().of_clip;
    let clips = request.clips.iter().zip(&of_clip).enumerate();
    record.sources = clips
        .map(|(clip, (asked, &source))| {
            let Source { head, clip: first, .. } = &sources[source];
            let uri = uris[source].clone();
            let bytes_fetched = if *first == clip { head.size } else { 0 };
            let record = SourceRecord::new(uri, head.etag.clone(), head.size, asked);
            SourceRecord { bytes_fetched, ..record }
        })
        .collect();
    record
}
