//! What object storage can answer instead of doing what was asked.
//!
//! SDK errors become ours here and nowhere else.

use std::fmt::{self, Write as _};

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;

use crate::code::Code;
use crate::object::ObjectUri;

/// A failed operation on object storage.
#[derive(Debug, thiserror::Error)]
#[error("{problem} ({context})")]
pub struct StoreError {
    problem: Problem,
    context: Box<Context>,
}

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The object, or the asked version of it, does not exist.
    #[error("the object does not exist")]
    NoSuchKey,
    /// The bucket does not exist.
    #[error("the bucket does not exist")]
    NoSuchBucket,
    /// The function's credentials do not reach that far.
    #[error(
        "access is denied: the function's role must allow it, and `s3:ListBucket` tells a missing object from a forbidden one; storage said: {0}"
    )]
    AccessDenied(String),
    /// The object is no longer the one that was seen first.
    #[error(
        "the object changed since this task first saw it; run the task again on the new object"
    )]
    Changed,
    /// A conditional write found something else than it expected.
    #[error("another writer was faster")]
    Precondition,
    /// Another write of the object was under way.
    #[error("another write of the object was under way")]
    Conflict,
    /// The multipart upload has been completed or aborted.
    #[error("the multipart upload is not open")]
    NoSuchUpload,
    /// The object is in an archive and has to be restored first.
    #[error("the object is archived; restore it before it is used")]
    Archived,
    /// The bucket is in another region than the client.
    #[error("the bucket is in {}, not in the function's region", .0.as_deref().unwrap_or("another region"))]
    OtherRegion(Option<String>),
    /// Storage does not take such a bucket name or key.
    #[error("storage does not take this name: {0}")]
    BadName(String),
    /// The object is larger than anything of its kind may be.
    #[error("the object is larger than {0} bytes")]
    TooLarge(u64),
    /// The local file that is being stored cannot be read.
    #[error("the file to be stored cannot be read: {0}")]
    File(String),
    /// The connection or storage itself failed; trying again may help.
    #[error("storage could not be reached or is busy: {0}")]
    Transient(String),
    /// Anything else that storage may say.
    #[error("storage answered unexpectedly: {0}")]
    Unexpected(String),
}

/// The operations that are used, by the names of the S3 API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the S3 operation of its name")]
pub enum Operation {
    HeadObject,
    HeadBucket,
    GetObject,
    PutObject,
    DeleteObject,
    CreateMultipartUpload,
    UploadPart,
    CompleteMultipartUpload,
    AbortMultipartUpload,
}

#[derive(Debug)]
struct Context {
    operation: Operation,
    uri: ObjectUri,
    request_id: Option<String>,
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} `{}`", self.operation, self.uri)?;
        match &self.request_id {
            Some(id) => write!(f, ", request id {id}"),
            None => Ok(()),
        }
    }
}

impl StoreError {
    pub(super) fn new(problem: Problem, operation: Operation, uri: &ObjectUri) -> Self {
        let context = Context { operation, uri: uri.clone(), request_id: None };
        Self { problem, context: Box::new(context) }
    }

    /// An object whose `head` shows another entity tag than was seen first.
    #[must_use]
    pub fn changed(uri: &ObjectUri) -> Self {
        Self::new(Problem::Changed, Operation::HeadObject, uri)
    }

    pub(super) fn from_sdk<E>(
        error: &SdkError<E, HttpResponse>,
        operation: Operation,
        uri: &ObjectUri,
    ) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        SdkError<E, HttpResponse>: RequestId,
    {
        let mut ours = Self::new(Answer::of(error).problem(operation), operation, uri);
        ours.context.request_id = error.request_id().map(str::to_owned);
        ours
    }

    pub(super) fn with_problem(mut self, problem: Problem) -> Self {
        self.problem = problem;
        self
    }

    /// Why the operation failed.
    #[must_use]
    pub const fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The object that the operation was about.
    #[must_use]
    pub fn uri(&self) -> &ObjectUri {
        &self.context.uri
    }

    /// Whether the same operation may succeed when it is tried again.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.problem, Problem::Transient(_))
    }

    /// The outward code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self.problem {
            Problem::NoSuchKey => Code::NoSuchKey,
            Problem::NoSuchBucket => Code::NoSuchBucket,
            Problem::AccessDenied(_) => Code::AccessDenied,
            // The same words mean another task once the object has changed, so
            // this task can never be finished.
            Problem::Changed
            | Problem::Archived
            | Problem::OtherRegion(_)
            | Problem::BadName(_) => Code::InvalidArgument,
            Problem::Precondition
            | Problem::Conflict
            | Problem::NoSuchUpload
            | Problem::TooLarge(_)
            | Problem::File(_)
            | Problem::Transient(_)
            | Problem::Unexpected(_) => Code::InternalError,
        }
    }
}

/// What of a failure decides its meaning.
struct Answer<'a> {
    status: Option<u16>,
    code: Option<&'a str>,
    region: Option<&'a str>,
    said: String,
}

impl<'a> Answer<'a> {
    fn of<E>(error: &'a SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let response = error.raw_response();
        let metadata = error.as_service_error();
        let code = metadata.and_then(ProvideErrorMetadata::code);
        let said = match (code, metadata.and_then(ProvideErrorMetadata::message)) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.to_owned(),
            (None, _) => chain(error),
        };
        Self {
            // A response that was cut short has a status that says nothing.
            status: metadata.and(response).map(|r| r.status().as_u16()),
            code,
            region: response.and_then(|r| r.headers().get("x-amz-bucket-region")),
            said,
        }
    }

    fn problem(self, operation: Operation) -> Problem {
        self.named_problem().unwrap_or_else(|| self.problem_by_status(operation))
    }

    fn named_problem(&self) -> Option<Problem> {
        Some(match self.code? {
            "NoSuchKey" | "NoSuchVersion" => Problem::NoSuchKey,
            "NoSuchBucket" => Problem::NoSuchBucket,
            "InvalidObjectState" => Problem::Archived,
            "PermanentRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException" => {
                Problem::OtherRegion(self.region.map(str::to_owned))
            }
            "InvalidBucketName" | "KeyTooLongError" | "InvalidURI" => {
                Problem::BadName(self.said.clone())
            }
            "NoSuchUpload" => Problem::NoSuchUpload,
            "ConditionalRequestConflict" => Problem::Conflict,
            "ExpiredToken" | "InvalidToken" | "RequestTimeTooSkewed" => {
                Problem::AccessDenied(self.said.clone())
            }
            "SlowDown" | "RequestTimeout" | "InternalError" | "OperationAborted"
            | "ServiceUnavailable" => Problem::Transient(self.said.clone()),
            code if code.starts_with("KMS.") => Problem::AccessDenied(self.said.clone()),
            _ => return None,
        })
    }

    /// Answers to HEAD have no body, so the status is all there is.
    fn problem_by_status(self, operation: Operation) -> Problem {
        match self.status {
            None | Some(408 | 429 | 500..=599) => Problem::Transient(self.said),
            Some(301 | 307) => Problem::OtherRegion(self.region.map(str::to_owned)),
            Some(401 | 403) => Problem::AccessDenied(self.said),
            // 405: the asked version is a delete marker.
            Some(404 | 405)
                if matches!(operation, Operation::HeadObject | Operation::GetObject) =>
            {
                Problem::NoSuchKey
            }
            Some(404) if operation == Operation::HeadBucket => Problem::NoSuchBucket,
            Some(412) => precondition(operation),
            Some(_) => Problem::Unexpected(self.said),
        }
    }
}

/// A read's precondition is that the object is still the same.
const fn precondition(operation: Operation) -> Problem {
    match operation {
        Operation::GetObject | Operation::HeadObject => Problem::Changed,
        _ => Problem::Precondition,
    }
}

/// An error and what caused it, in words. The SDK's own errors say little
/// themselves, and their `Debug` is a page.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let _ = write!(text, ": {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Answer, Operation, Problem};

    fn problem(operation: Operation, status: u16, code: Option<&str>) -> Problem {
        let answer = Answer { status: Some(status), code, region: None, said: String::new() };
        answer.problem(operation)
    }

    #[test]
    fn answers_have_one_meaning_each() {
        use Operation::{AbortMultipartUpload, GetObject, HeadBucket, HeadObject, PutObject};
        let none = String::new;
        for (operation, status, code, expected) in [
            (GetObject, 404, Some("NoSuchKey"), Problem::NoSuchKey),
            (GetObject, 404, Some("NoSuchVersion"), Problem::NoSuchKey),
            (GetObject, 404, Some("NoSuchBucket"), Problem::NoSuchBucket),
            (GetObject, 412, Some("PreconditionFailed"), Problem::Changed),
            (GetObject, 403, Some("InvalidObjectState"), Problem::Archived),
            (GetObject, 403, Some("AccessDenied"), Problem::AccessDenied(none())),
            (GetObject, 400, Some("KMS.DisabledException"), Problem::AccessDenied(none())),
            (GetObject, 503, Some("SlowDown"), Problem::Transient(none())),
            (PutObject, 412, Some("PreconditionFailed"), Problem::Precondition),
            (PutObject, 409, Some("ConditionalRequestConflict"), Problem::Conflict),
            (AbortMultipartUpload, 404, Some("NoSuchUpload"), Problem::NoSuchUpload),
            (PutObject, 301, Some("PermanentRedirect"), Problem::OtherRegion(None)),
            (PutObject, 400, Some("EntityTooLarge"), Problem::Unexpected(none())),
            (HeadObject, 404, None, Problem::NoSuchKey),
            (HeadObject, 405, None, Problem::NoSuchKey),
            (HeadObject, 403, None, Problem::AccessDenied(none())),
            (HeadObject, 301, None, Problem::OtherRegion(None)),
            (HeadObject, 500, None, Problem::Transient(none())),
            (HeadBucket, 404, None, Problem::NoSuchBucket),
        ] {
            assert_eq!(
                problem(operation, status, code),
                expected,
                "{operation:?} {status} {code:?}"
            );
        }
    }

    #[test]
    fn no_answer_at_all_is_transient() {
        let answer = Answer {
            status: None,
            code: None,
            region: None,
            said: "connection refused".to_owned(),
        };
        let expected = Problem::Transient("connection refused".to_owned());
        assert_eq!(answer.problem(Operation::HeadObject), expected);
    }
}
