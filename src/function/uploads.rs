//! Uploads: each new object that carries a process string, or for which the settings have one, is a
//! task.

use serde_json::Value;
use tracing::info;

use super::{Function, given, job, retry_helps};
use crate::code::Code;
use crate::event::Submission;
use crate::ledger::OWN_MARK;
use crate::message::shortened;
use crate::process::known_main;
use crate::reply::FunctionError;
use crate::storage::ObjectHead;
use crate::task::TaskRecord;
use crate::worker::{Invocation, Job, TaskError};

/// The user metadata with the process string.
const PROCESS: &str = "x-oss-async-process";

/// Most targets per record in a list of several records.
const MOST_TARGETS: usize = 1000;

/// The error for an event whose task another run has not finished yet.
const STILL_RUNNING: &str = "another run is still working on the task";

/// Works on uploads one after another, and replies with the list of records.
///
/// # Errors
/// When a retry of the event may help one of the tasks.
pub(super) async fn work(
    function: &Function,
    uploads: Vec<Submission>,
    invocation: &Invocation,
) -> Result<Value, FunctionError> {
    let mut records: Vec<TaskRecord> = Vec::new();
    let mut mendable = None;
    for upload in uploads {
        if let Some(record) = perform(function, upload, invocation).await {
            if retry_helps(&record, records.is_empty()) {
                mendable.get_or_insert(FunctionError {
                    code: record.code.unwrap_or(Code::InternalError),
                    message: record.message.clone().unwrap_or_else(|| STILL_RUNNING.to_owned()),
                });
            }
            records.push(record);
        }
    }
    // Lambda's replies have at most 6 MB.
    for record in &mut records {
        if record.targets.len() > MOST_TARGETS {
            *record = shortened(record);
        }
    }
    match mendable {
        Some(error) => Err(error),
        None => serde_json::to_value(records).map_err(|error| FunctionError {
            code: Code::InternalError,
            message: error.to_string(),
        }),
    }
}

/// Runs a submission; `None` if an upload requests nothing.
pub(super) async fn perform(
    function: &Function,
    submission: Submission,
    invocation: &Invocation,
) -> Option<TaskRecord> {
    let worker = &function.worker;
    if let Some(process) = given(&submission) {
        return Some(Box::pin(worker.perform(job(submission, process), invocation)).await);
    }
    let uri = match known_main(Some(&submission.bucket), Some(&submission.object)) {
        Ok(uri) => uri,
        Err(error) => {
            let error = TaskError::Object(error);
            return Some(worker.refuse("", error.code(), &error.to_string(), invocation));
        }
    };
    let head = match worker.store.head(&uri, submission.version.as_deref()).await {
        Ok(head) => head,
        Err(error) => {
            let message = format!("the upload's metadata can't be read: {error}");
            return Some(worker.refuse("", error.code(), &message, invocation));
        }
    };
    match process(&submission, &head, worker.settings.upload_process.as_deref()) {
        Ok(process) => {
            let seen = [(submission.object.clone(), head.etag)].into();
            let job = Job { seen, ..job(submission, process) };
            Some(Box::pin(worker.perform(job, invocation)).await)
        }
        Err(reason) => {
            info!(object = %uri, reason, "ignored");
            None
        }
    }
}

/// The process string for an upload, else the reason why there is none.
fn process(
    upload: &Submission,
    head: &ObjectHead,
    default: Option<&str>,
) -> Result<String, &'static str> {
    if head.metadata.contains_key(OWN_MARK) {
        return Err("the object is a result of this service");
    }
    // Without versions, only the newest object can be read, and that one has an event of its own.
    if upload.version.is_none() && upload.etag.as_ref().is_some_and(|etag| *etag != head.etag) {
        return Err("the object has been replaced since");
    }
    let carried = head.metadata.get(PROCESS).map(String::as_str);
    carried
        .map(str::trim)
        .filter(|process| !process.is_empty())
        .or(default)
        .map(str::to_owned)
        .ok_or("the object carries no process string, and `UPLOAD_PROCESS` is not set")
}

#[cfg(test)]
mod tests {
    use super::process;
    use crate::event::{ProcessSource, Submission, Trigger};
    use crate::object::ETag;
    use crate::storage::ObjectHead;

    fn upload(version: Option<&str>) -> Submission {
        Submission {
            bucket: "b".to_owned(),
            object: "k".to_owned(),
            version: version.map(str::to_owned),
            etag: Some(ETag::new("tag")),
            process: ProcessSource::FromUpload,
            user_data: None,
            trigger: Trigger::S3Notification,
        }
    }

    fn head(etag: &str, metadata: &[(&str, &str)]) -> ObjectHead {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        ObjectHead {
            etag: ETag::new(etag),
            size: 1,
            version: None,
            last_modified: jiff::Timestamp::UNIX_EPOCH,
            content_type: None,
            metadata: metadata.iter().map(pair).collect(),
        }
    }

    #[test]
    fn the_object_says_what_to_do_else_the_setting() {
        let carried = ("x-oss-async-process", "carried");
        for (name, head, default, expected) in [
            ("carried", head("tag", &[carried]), Some("set"), Some("carried")),
            ("set", head("tag", &[]), Some("set"), Some("set")),
            ("empty", head("tag", &[("x-oss-async-process", " ")]), Some("set"), Some("set")),
            ("nothing", head("tag", &[]), None, None),
            ("own", head("tag", &[carried, ("video-concat-task", "x")]), Some("set"), None),
            ("replaced", head("other", &[carried]), None, None),
        ] {
            let found = process(&upload(None), &head, default);
            assert_eq!(found.ok().as_deref(), expected, "{name}");
        }
        let versioned = process(&upload(Some("v1")), &head("other", &[carried]), None);
        assert_eq!(versioned.as_deref(), Ok("carried"));
    }
}
