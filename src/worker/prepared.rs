//! A task before its work begins: everything that is known without reading a byte of its sources.

use super::sources::Sources;
use super::{Job, TaskError, Worker, describe};
use crate::ledger::Place;
use crate::object::{Bucket, ObjectUri};
use crate::process::template::{Variable, Variables};
use crate::process::{Request, TargetError, check_target, target_of};
use crate::settings::Settings;
use crate::storage::upload::UploadError;
use crate::task::TaskRecord;

/// A task whose sources have been looked at.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) request: Request,
    pub(super) sources: Sources,
    /// The bucket of its record.
    pub(super) record_bucket: Bucket,
}

impl Prepared {
    /// Where the result is to be stored.
    pub(super) fn place(&self) -> Place {
        let modified = self.sources.of(self.request.main).head.last_modified;
        Place { request: self.request.clone(), modified }
    }
}

impl Worker {
    /// Looks at every source, and records in `record` what the task is.
    pub(super) async fn prepare(
        &self,
        request: Request,
        job: &Job,
        record: &mut TaskRecord,
    ) -> Result<Prepared, TaskError> {
        record.process.clone_from(&request.canonical);
        record.warnings.clone_from(&request.warnings);
        let sources = Sources::head(&self.store, &request, job).await?;
        record.task_id = sources.task_id(&self.definition(&request), job);
        record.sources = describe::sources(&request, &sources);
        let variables = sources.variables(&request, record.start_time);
        let target_bucket = self.check_known_target(&request, &variables)?;
        self.check_bucket(&request, &target_bucket).await?;
        let record_bucket = self.settings.task_bucket.clone().unwrap_or(target_bucket);
        Ok(Prepared { request, sources, record_bucket })
    }

    /// What determines a request's output, as text: the settings that change it are part of the
    /// task's identity.
    pub(super) fn definition(&self, request: &Request) -> String {
        self.settings.definition(&request.canonical)
    }

    /// The target's bucket. Its key is checked as far as it is known before any source has been
    /// read.
    fn check_known_target(
        &self,
        request: &Request,
        variables: &Variables,
    ) -> Result<Bucket, TaskError> {
        let bucket = request.target_bucket(variables)?;
        let target = &request.target;
        let is_late = |variable| variable == Variable::Resolution;
        if !target.key.variables().any(is_late) {
            let key = target.key.target_key(variables)?;
            return Ok(self.target_of(request, bucket, key)?.bucket);
        }
        Ok(Bucket::new(bucket).map_err(TargetError::Bucket)?)
    }

    /// Checks that the target's bucket exists. The sources show it of theirs, and the record, when it is
    /// written, of its own.
    async fn check_bucket(&self, request: &Request, target: &Bucket) -> Result<(), TaskError> {
        let has_records = self.settings.task_bucket.as_ref().is_none_or(|own| own == target);
        if has_records || *target == request.bucket {
            return Ok(());
        }
        let any_key = request.clips[request.main].key.clone();
        let any = ObjectUri::new(target.clone(), any_key);
        Ok(self.store.check_bucket(&any).await.map_err(UploadError::from)?)
    }

    /// Whether a result may be stored there: neither a source nor a task record may be overwritten.
    pub(super) fn check_target(
        &self,
        request: &Request,
        uri: &ObjectUri,
    ) -> Result<(), TargetError> {
        let Settings { task_bucket, task_prefix, .. } = self.settings.as_ref();
        let has_records = task_bucket.as_ref().is_none_or(|records| *records == uri.bucket);
        if has_records && uri.key.starts_with(task_prefix) {
            let (key, prefix) = (uri.key.clone(), task_prefix.clone());
            return Err(TargetError::IsRecord { key, prefix });
        }
        check_target(request, uri)
    }

    /// The target with these names.
    pub(super) fn target_of(
        &self,
        request: &Request,
        bucket: String,
        key: String,
    ) -> Result<ObjectUri, TargetError> {
        let uri = target_of(request, bucket, key)?;
        self.check_target(request, &uri).map(|()| uri)
    }
}
