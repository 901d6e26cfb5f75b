//! Errors of object storage.
//!
//! SDK errors are converted to ours here and nowhere else.

use std::fmt;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;

use crate::answer::{Answer, Right};
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
    /// The object, or its requested version, does not exist.
    #[error("the object does not exist")]
    NoSuchKey,
    /// The bucket does not exist.
    #[error("the bucket does not exist")]
    NoSuchBucket,
    /// The function's role lacks a permission.
    #[error("access is denied: {0}")]
    AccessDenied(String),
    /// The function's credentials are rejected.
    #[error("the function's credentials are refused: {0}")]
    Credentials(String),
    /// The object has changed since it was first looked at.
    #[error(
        "the object changed since this task first saw it; run the task again on the new object"
    )]
    Changed,
    /// The condition of a write does not hold.
    #[error("another writer was faster")]
    Precondition,
    /// Another write of the object was in progress.
    #[error("another write of the object was under way")]
    Conflict,
    /// The multipart upload has been completed or aborted.
    #[error("the multipart upload is not open")]
    NoSuchUpload,
    /// The object is archived and has to be restored first.
    #[error("the object is archived; restore it before it is used")]
    Archived,
    /// The bucket is in another region than the client.
    #[error("the bucket is in {}, not in the function's region", .0.as_deref().unwrap_or("another region"))]
    OtherRegion(Option<String>),
    /// Storage rejects this bucket name or key.
    #[error("storage rejects this name: {0}")]
    BadName(String),
    /// The object is larger than allowed.
    #[error("the object is larger than {0} bytes")]
    TooLarge(u64),
    /// The local file can't be read.
    #[error("the file to be stored cannot be read: {0}")]
    File(String),
    /// The connection or storage itself failed; a retry may help.
    #[error("storage could not be reached or is busy: {0}")]
    Transient(String),
    /// Any other answer.
    #[error("storage answered unexpectedly: {0}")]
    Unexpected(String),
}

/// The S3 operations that are used, by their names in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after its S3 operation")]
pub enum Operation {
    HeadObject,
    HeadBucket,
    ListObjects,
    GetObject,
    PutObject,
    DeleteObject,
    DeleteObjects,
    CreateMultipartUpload,
    UploadPart,
    UploadPartCopy,
    CopyObject,
    CompleteMultipartUpload,
    AbortMultipartUpload,
}

impl Operation {
    /// Its name in the S3 API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HeadObject => "HeadObject",
            Self::HeadBucket => "HeadBucket",
            Self::ListObjects => "ListObjectsV2",
            Self::GetObject => "GetObject",
            Self::PutObject => "PutObject",
            Self::DeleteObject => "DeleteObject",
            Self::DeleteObjects => "DeleteObjects",
            Self::CreateMultipartUpload => "CreateMultipartUpload",
            Self::UploadPart => "UploadPart",
            Self::UploadPartCopy => "UploadPartCopy",
            Self::CopyObject => "CopyObject",
            Self::CompleteMultipartUpload => "CompleteMultipartUpload",
            Self::AbortMultipartUpload => "AbortMultipartUpload",
        }
    }

    /// The permission that it needs; reading a version by its id needs another one.
    pub(super) const fn action(self, names_version: bool) -> &'static str {
        match self {
            Self::HeadObject | Self::GetObject if names_version => "s3:GetObjectVersion",
            _ => self.usual_action(),
        }
    }

    const fn usual_action(self) -> &'static str {
        match self {
            Self::HeadObject | Self::GetObject => "s3:GetObject",
            Self::HeadBucket | Self::ListObjects => "s3:ListBucket",
            Self::PutObject
            | Self::CreateMultipartUpload
            | Self::UploadPart
            | Self::UploadPartCopy
            | Self::CopyObject
            | Self::CompleteMultipartUpload => "s3:PutObject",
            Self::DeleteObject | Self::DeleteObjects => "s3:DeleteObject",
            Self::AbortMultipartUpload => "s3:AbortMultipartUpload",
        }
    }

    /// The permission that it needs for the KMS key of the object.
    const fn key_action(self) -> &'static str {
        match self {
            Self::PutObject | Self::CopyObject | Self::CreateMultipartUpload => {
                "kms:GenerateDataKey"
            }
            _ => "kms:Decrypt",
        }
    }
}

#[derive(Debug)]
struct Context {
    operation: Operation,
    uri: ObjectUri,
    request_id: Option<String>,
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.operation {
            Operation::HeadBucket => write!(f, "HeadBucket `s3://{}`", self.uri.bucket)?,
            operation => write!(f, "{} `{}`", operation.name(), self.uri)?,
        }
        match &self.request_id {
            Some(id) => write!(f, ", request id {id}"),
            None => Ok(()),
        }
    }
}

impl StoreError {
    pub(crate) fn new(problem: Problem, operation: Operation, uri: &ObjectUri) -> Self {
        let context = Context { operation, uri: uri.clone(), request_id: None };
        Self { problem, context: Box::new(context) }
    }

    /// The error for an object whose `head` shows another entity tag than before.
    #[must_use]
    pub fn changed(uri: &ObjectUri) -> Self {
        Self::new(Problem::Changed, Operation::HeadObject, uri)
    }

    /// `partition` is the start of ARNs in this region, `action` the permission that was needed.
    pub(super) fn from_sdk<E>(
        error: &SdkError<E, HttpResponse>,
        operation: Operation,
        uri: &ObjectUri,
        action: &str,
        partition: &str,
    ) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        SdkError<E, HttpResponse>: RequestId,
    {
        let answer = Answer::of(error);
        let response = error.raw_response();
        let region = response.and_then(|r| r.headers().get("x-amz-bucket-region"));
        let mut problem = problem(&answer, region, operation);
        if let Problem::AccessDenied(words) = &mut problem {
            *words = denial(&answer, operation, action, &arn(partition, uri));
        }
        let mut ours = Self::new(problem, operation, uri);
        ours.context.request_id = answer.request_id;
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

    /// The object of the operation.
    #[must_use]
    pub fn uri(&self) -> &ObjectUri {
        &self.context.uri
    }

    /// Whether a retry may succeed.
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
            Problem::AccessDenied(_) | Problem::Credentials(_) => Code::AccessDenied,
            // With the changed object, the same request is another task, so this task can never be
            // finished.
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

/// Classifies an answer.
fn problem(answer: &Answer, region: Option<&str>, operation: Operation) -> Problem {
    let named = answer.code.as_deref().and_then(|code| problem_by_code(code, answer, region));
    named.unwrap_or_else(|| problem_by_status(answer, region, operation))
}

fn problem_by_code(code: &str, answer: &Answer, region: Option<&str>) -> Option<Problem> {
    let words = || answer.words.clone();
    Some(match code {
        "NoSuchKey" | "NoSuchVersion" => Problem::NoSuchKey,
        "NoSuchBucket" => Problem::NoSuchBucket,
        "InvalidObjectState" => Problem::Archived,
        "PermanentRedirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException" => Problem::OtherRegion(region.map(str::to_owned)),
        "InvalidBucketName" | "KeyTooLongError" | "InvalidURI" => Problem::BadName(words()),
        "NoSuchUpload" => Problem::NoSuchUpload,
        "ConditionalRequestConflict" => Problem::Conflict,
        "ExpiredToken"
        | "InvalidToken"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "RequestTimeTooSkewed" => Problem::Credentials(words()),
        "SlowDown" | "RequestTimeout" | "InternalError" | "OperationAborted"
        | "ServiceUnavailable" => Problem::Transient(words()),
        code if code.starts_with("KMS.") => Problem::AccessDenied(words()),
        _ => return None,
    })
}

/// Answers to HEAD have no body, so only the status is known.
fn problem_by_status(answer: &Answer, region: Option<&str>, operation: Operation) -> Problem {
    let words = || answer.words.clone();
    match answer.status {
        None | Some(408 | 429 | 500..=599) => Problem::Transient(words()),
        Some(301 | 307) => Problem::OtherRegion(region.map(str::to_owned)),
        Some(401 | 403) => Problem::AccessDenied(words()),
        // 405 means that the requested version is a delete marker.
        Some(404 | 405) if matches!(operation, Operation::HeadObject | Operation::GetObject) => {
            Problem::NoSuchKey
        }
        Some(404) if operation == Operation::HeadBucket => Problem::NoSuchBucket,
        Some(412) => precondition(operation),
        Some(_) => Problem::Unexpected(words()),
    }
}

/// The ARNs of the bucket and of the object.
fn arn(partition: &str, uri: &ObjectUri) -> (String, String) {
    let bucket = format!("arn:{partition}:s3:::{}", uri.bucket);
    let object = format!("{bucket}/{}", uri.key);
    (bucket, object)
}

/// The missing permission, and its resource.
fn denial(
    answer: &Answer,
    operation: Operation,
    action: &str,
    (bucket, object): &(String, String),
) -> String {
    let is_key = answer.code.as_deref().is_some_and(|code| code.starts_with("KMS."));
    let usual = if is_key {
        let resource = format!("the key that encrypts `{object}`");
        Right { action: operation.key_action().to_owned(), resource }
    } else if operation == Operation::HeadBucket {
        Right { action: action.to_owned(), resource: bucket.clone() }
    } else {
        Right { action: action.to_owned(), resource: object.clone() }
    };
    let Right { action, resource } = answer.missing(usual);
    // Without the right to list, a HEAD of a missing object gets the same answer.
    let list = if operation == Operation::HeadObject {
        format!(", and `s3:ListBucket` on `{bucket}` to tell a missing object from a forbidden one")
    } else {
        String::new()
    };
    let resource = if resource.contains('`') { resource } else { format!("`{resource}`") };
    format!("the function's role needs `{action}` on {resource}{list}; S3 said: {}", answer.words)
}

/// On a read, the condition was that the object has not changed.
const fn precondition(operation: Operation) -> Problem {
    match operation {
        Operation::GetObject | Operation::HeadObject => Problem::Changed,
        _ => Problem::Precondition,
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Operation, Problem};

    fn problem(operation: Operation, status: u16, code: Option<&str>) -> Problem {
        let code = code.map(str::to_owned);
        super::problem(&Answer { status: Some(status), code, ..Answer::default() }, None, operation)
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
        let answer = Answer { words: "connection refused".to_owned(), ..Answer::default() };
        let expected = Problem::Transient("connection refused".to_owned());
        assert_eq!(super::problem(&answer, None, Operation::HeadObject), expected);
    }
}
