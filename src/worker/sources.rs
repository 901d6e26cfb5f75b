//! The distinct sources of a task: each is looked at, fetched and probed once.

use std::path::Path;

use futures::{StreamExt, TryStreamExt, stream};

use super::{Job, TaskError};
use crate::engine::ffmpeg::Ffmpeg;
use crate::engine::probe::{Probed, probe};
use crate::object::ObjectUri;
use crate::process::Request;
use crate::process::request::RequestSources;
use crate::process::template::Variables;
use crate::storage::{ObjectHead, ObjectStore, StoreError};
use crate::task::{Moment, TaskId};

/// How many sources are looked at at the same time.
const PARALLEL_LOOKS: usize = 4;

/// A distinct source object.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) uri: ObjectUri,
    pub(super) head: ObjectHead,
    /// The first clip that uses it.
    pub(super) clip: usize,
}

/// The distinct sources, and the source of each clip.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) distinct: Vec<Source>,
    pub(super) of_clip: Vec<usize>,
}

impl Source {
    /// Probes the source from its complete file.
    pub(super) async fn probe(&self, ffmpeg: &Ffmpeg, path: &Path) -> Result<Probed, TaskError> {
        let Self { uri, clip, .. } = self;
        let failed = |source| TaskError::Probe { clip: *clip, uri: uri.clone(), source };
        probe(ffmpeg, path).await.map_err(failed)
    }

    /// What is unusual about it, as text.
    pub(super) fn notices(&self, probed: &Probed) -> impl Iterator<Item = String> {
        let notices = probed.notices.iter();
        notices.map(|notice| format!("clip {} (`{}`): {notice}", self.clip, self.uri))
    }
}

impl Sources {
    /// Reads the head of every source once. If one is missing, nothing has been downloaded yet.
    pub(super) async fn head(
        store: &ObjectStore,
        request: &Request,
        job: &Job,
    ) -> Result<Self, TaskError> {
        let RequestSources { keys, of_clip } = request.sources();
        let distinct = stream::iter(keys)
            .map(|(key, clip)| async move {
                let uri = request.uri(key);
                let version = job.version.as_deref().filter(|_| **key == *job.object);
                let head = match store.head(&uri, version).await {
                    Ok(head) if job.has_changed(key, &head.etag) => Err(StoreError::changed(&uri)),
                    answer => answer,
                };
                match head {
                    Ok(head) => Ok(Source { uri, head, clip }),
                    Err(source) => Err(TaskError::Head { clip, source }),
                }
            })
            .buffered(PARALLEL_LOOKS)
            .try_collect()
            .await?;
        Ok(Self { distinct, of_clip })
    }

    /// The task's id for these sources.
    pub(super) fn task_id(&self, definition: &str, job: &Job) -> TaskId {
        let named = self.distinct.iter();
        let named = named.map(|source| (&source.uri, &source.head.etag));
        TaskId::derive((&job.bucket, &job.object), named, definition)
    }

    /// The values of the variables that are known before the media are.
    pub(super) fn variables(&self, request: &Request, created: Moment) -> Variables {
        let modified = self.of(request.main).head.last_modified;
        request.variables(created.timestamp(), modified)
    }

    /// The source of a clip.
    pub(super) fn of(&self, clip: usize) -> &Source {
        &self.distinct[self.of_clip[clip]]
    }
}
