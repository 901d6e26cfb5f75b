//! Uploads, as reported by S3 notifications and `EventBridge`.
//!
//! The fields are read one by one, since the types of `aws_lambda_events` reject a notification
//! without `eventTime`, `userIdentity` and `requestParameters`, which other stores and hand-written
//! events leave out.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::field::{optional_text, text};
use super::{Event, EventError, ProcessSource, Submission, Trigger};
use crate::object::ETag;
use crate::quote::quote;

/// Decodes the records of an S3 notification.
pub(super) fn decode_records(records: &[Value]) -> Result<Event, EventError> {
    let mut submissions = Vec::new();
    for record in records {
        // Some stores write the name with `s3:`, as in the configuration of a notification.
        let name = text(record, &["eventName"])?;
        if name.strip_prefix("s3:").unwrap_or(name).starts_with("ObjectCreated:") {
            submissions.push(decode_record(record)?);
        }
    }
    Ok(if submissions.is_empty() {
        Event::Ignored("the notification is not about created objects".to_owned())
    } else {
        Event::Submissions(submissions)
    })
}

fn decode_record(record: &Value) -> Result<Submission, EventError> {
    let object = |name| optional_text(record, &["s3", "object", name]);
    Ok(submission(
        text(record, &["s3", "bucket", "name"])?,
        form_decoded(text(record, &["s3", "object", "key"])?)?,
        object("versionId")?,
        object("eTag")?,
        Trigger::S3Notification,
    ))
}

/// Decodes an `EventBridge` event, in which keys are not encoded.
pub(super) fn decode_bridge(event: &Value) -> Result<Event, EventError> {
    let (source, kind) = (text(event, &["source"])?, text(event, &["detail-type"])?);
    if (source, kind) != ("aws.s3", "Object Created") {
        let (kind, source) = (quote(kind), quote(source));
        let reason = format!("{kind} of {source} is not about created objects");
        return Ok(Event::Ignored(reason));
    }
    let object = |name| optional_text(event, &["detail", "object", name]);
    Ok(Event::Submissions(vec![submission(
        text(event, &["detail", "bucket", "name"])?,
        text(event, &["detail", "object", "key"])?.to_owned(),
        object("version-id")?,
        object("etag")?,
        Trigger::EventBridge,
    )]))
}

fn submission(
    bucket: &str,
    object: String,
    version: Option<&str>,
    etag: Option<&str>,
    trigger: Trigger,
) -> Submission {
    let given = |text: &&str| !text.is_empty();
    Submission {
        bucket: bucket.to_owned(),
        object,
        version: version.filter(given).map(str::to_owned),
        etag: etag.filter(given).map(ETag::new),
        process: ProcessSource::FromUpload,
        user_data: None,
        trigger,
    }
}

/// S3 encodes keys like an HTML form, spaces as `+`.
fn form_decoded(key: &str) -> Result<String, EventError> {
    percent_decode_str(&key.replace('+', " "))
        .decode_utf8()
        .map(Cow::into_owned)
        .map_err(|_| EventError::BadEncoding(key.to_owned()))
}
