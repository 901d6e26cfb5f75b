//! Replies to callers.

use serde_json::{Value, json};

use crate::code::{Code, Help};
use crate::event::EventError;
use crate::quote::{LONGEST_MESSAGE, shortened};
use crate::signature::{MOST_SKEW, SignatureError};
use crate::task::{Moment, RequestId, Status, TaskRecord};

/// Most bytes of a host name.
const LONGEST_HOST: usize = 255;
/// Most bytes of an argument that are returned: a little more than the longest key in Base64.
const LONGEST_ARGUMENT: usize = 1500;

/// A reply to an HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpReply {
    /// HTTP status.
    pub status: u16,
    /// Header names in lower case with their values.
    pub headers: Vec<(&'static str, String)>,
    /// Text.
    pub body: String,
}

/// Why an HTTP request is rejected, by OSS's error codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no such request.
    InvalidRequest,
    /// The method is not allowed for the path.
    MethodNotAllowed,
    /// The signature names an unknown key.
    InvalidAccessKeyId,
    /// The signature was not made with the key's secret.
    SignatureDoesNotMatch,
    /// The signature is too old or too new.
    RequestTimeTooSkewed,
    /// The body does not have the checksum that was sent.
    InvalidDigest,
    /// The task has already ended.
    TaskEnded,
    /// The task would fail in any case.
    Task(Code),
}

impl Refused {
    /// The codes that only HTTP replies have, not tasks.
    pub const BY_HTTP_ONLY: [Self; 7] = [
        Self::InvalidRequest,
        Self::MethodNotAllowed,
        Self::InvalidAccessKeyId,
        Self::SignatureDoesNotMatch,
        Self::RequestTimeTooSkewed,
        Self::InvalidDigest,
        Self::TaskEnded,
    ];

    /// The code's name in replies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "InvalidRequest",
            Self::MethodNotAllowed => "MethodNotAllowed",
            Self::InvalidAccessKeyId => "InvalidAccessKeyId",
            Self::SignatureDoesNotMatch => "SignatureDoesNotMatch",
            Self::RequestTimeTooSkewed => "RequestTimeTooSkewed",
            Self::InvalidDigest => "InvalidDigest",
            Self::TaskEnded => "TaskEnded",
            Self::Task(code) => code.as_str(),
        }
    }

    /// The HTTP status for the code. Clients choose their exception by both.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::InvalidRequest | Self::InvalidDigest => 400,
            Self::MethodNotAllowed => 405,
            Self::TaskEnded => 409,
            Self::InvalidAccessKeyId | Self::SignatureDoesNotMatch | Self::RequestTimeTooSkewed => {
                403
            }
            Self::Task(code) => code.http_status(),
        }
    }

    /// The cause and the remedy.
    #[must_use]
    pub const fn help(self) -> Help {
        let (why, remedy) = match self {
            Self::InvalidRequest => (
                "the query, the body, or the path is not that of a task request",
                "send `POST /bucket/key?x-oss-async-process` with the body `x-oss-async-process=...`, or `POST /` with JSON",
            ),
            Self::MethodNotAllowed => {
                ("no operation has this method and path", "use one that the message names")
            }
            Self::InvalidAccessKeyId => (
                "the signature names a key id that is not in the secret",
                "correct the client's key id; a new key is accepted within 10 seconds",
            ),
            Self::SignatureDoesNotMatch => (
                "the signature does not match the request",
                "check the client's secret and region, and that no proxy or custom domain changes path, query, or headers",
            ),
            Self::RequestTimeTooSkewed => (
                "the signing time is more than 15 minutes before or after the function's clock",
                "set the client's clock",
            ),
            Self::InvalidDigest => (
                "the body does not match the checksum that was sent with it",
                "send the body unchanged, or without the checksum",
            ),
            Self::TaskEnded => ("the task to be canceled has already ended", "read its record"),
            Self::Task(code) => return code.help(),
        };
        Help { why, remedy }
    }
}

/// The rejection of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code.
    pub code: Refused,
    /// The message.
    pub message: String,
    /// The argument that is wrong, and its value.
    pub argument: Option<(String, String)>,
    /// Further details for programs, by the names of their XML elements.
    pub details: Vec<(&'static str, String)>,
}

impl Refusal {
    /// A rejection that is about no argument.
    pub fn new(code: Refused, message: impl Into<String>) -> Self {
        let message = shortened(&message.into(), LONGEST_MESSAGE);
        Self { code, message, argument: None, details: Vec::new() }
    }
}

impl From<&SignatureError> for Refusal {
    fn from(error: &SignatureError) -> Self {
        let code = match error {
            SignatureError::Malformed(_) => Refused::Task(Code::InvalidArgument),
            SignatureError::Skewed { .. } => Refused::RequestTimeTooSkewed,
            SignatureError::Version2 | SignatureError::Expired(_) => {
                Refused::Task(Code::AccessDenied)
            }
            SignatureError::UnknownKey(_) => Refused::InvalidAccessKeyId,
            SignatureError::Scope { .. } | SignatureError::Mismatch => {
                Refused::SignatureDoesNotMatch
            }
            SignatureError::BodyChanged(_) => Refused::InvalidDigest,
        };
        Self { details: clocks(error), ..Self::new(code, error.to_string()) }
    }
}

/// Server and request time, by which clients correct their clock. Without them, some clients retry
/// forever.
fn clocks(error: &SignatureError) -> Vec<(&'static str, String)> {
    let SignatureError::Skewed { made, now } = error else {
        return Vec::new();
    };
    vec![
        ("MaxAllowedSkewMilliseconds", MOST_SKEW.as_millis().to_string()),
        ("RequestTime", Moment::new(*made).to_string()),
        ("ServerTime", Moment::new(*now).to_string()),
    ]
}

impl From<&EventError> for Refusal {
    fn from(error: &EventError) -> Self {
        let code = match error {
            EventError::NoSuchRoute { .. } => Refused::MethodNotAllowed,
            EventError::NoProcessQuery
            | EventError::NoProcessBody
            | EventError::NoBucket(_)
            | EventError::BadBase64
            | EventError::BadJson { .. } => Refused::InvalidRequest,
            EventError::UnknownKind
            | EventError::UnknownSource(_)
            | EventError::Missing(_)
            | EventError::WrongKind { .. }
            | EventError::Empty(_)
            | EventError::UnknownField { .. }
            | EventError::UserDataTooLong(_)
            | EventError::BadEncoding(_)
            | EventError::UnknownStep(_)
            | EventError::NestedMessage
            | EventError::NoTask
            | EventError::TaskId(_) => Refused::Task(error.code()),
        };
        let argument = error.argument().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { argument, ..Self::new(code, error.to_string()) }
    }
}

impl HttpReply {
    /// A task has been accepted, now or by an earlier request: the ids are those in its record.
    #[must_use]
    pub fn accepted(record: &TaskRecord, warning: Option<&str>, request: &RequestId) -> Self {
        let mut body = json!({
            "EventId": record.event_id,
            "RequestId": record.request_id,
            "TaskId": record.task_id,
        });
        if let Some(warning) = warning {
            body["Warnings"] = json!([warning]);
        }
        Self::new(200, "application/json", request, body.to_string())
    }

    /// The record of a task, as stored.
    #[must_use]
    pub fn record(record: &TaskRecord, request: &RequestId) -> Self {
        Self::new(200, "application/json", request, record.to_json())
    }

    /// Success without a body.
    #[must_use]
    pub fn empty(request: &RequestId) -> Self {
        let headers = vec![("x-oss-request-id", request.header())];
        Self { status: 204, headers, body: String::new() }
    }

    /// A page of records, and the start of the next page.
    #[must_use]
    pub fn list(page: &[Value], next: Option<String>, request: &RequestId) -> Self {
        let mut body = json!({"Tasks": page});
        if let Some(next) = next {
            body["NextMarker"] = next.into();
        }
        Self::new(200, "application/json", request, body.to_string())
    }

    /// The request is rejected.
    #[must_use]
    pub fn refused(refusal: &Refusal, request: &RequestId, host: &str) -> Self {
        let mut fields = vec![("Code", refusal.code.as_str()), ("Message", &refusal.message)];
        let (id, host) = (request.header(), shortened(host, LONGEST_HOST));
        fields.extend([("RequestId", id.as_str()), ("HostId", &host)]);
        let short = |text: &String| shortened(text, LONGEST_ARGUMENT);
        let argument = refusal.argument.as_ref().map(|(name, value)| (short(name), short(value)));
        if let Some((name, value)) = &argument {
            fields.extend([("ArgumentName", name.as_str()), ("ArgumentValue", value)]);
        }
        fields.extend(refusal.details.iter().map(|(name, text)| (*name, text.as_str())));
        let elements: Vec<String> = fields
            .into_iter()
            .map(|(name, text)| format!("<{name}>{}</{name}>", escaped(text)))
            .collect();
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>{}</Error>\n",
            elements.concat()
        );
        Self::new(refusal.code.http_status(), "application/xml", request, body)
    }

    fn new(status: u16, content_type: &str, request: &RequestId, body: String) -> Self {
        Self {
            status,
            headers: vec![
                ("content-type", content_type.to_owned()),
                ("x-oss-request-id", request.header()),
            ],
            body,
        }
    }

    /// The reply in the form that every gateway accepts from a function.
    #[must_use]
    pub fn to_gateway(&self) -> Value {
        let headers: serde_json::Map<String, Value> =
            self.headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        json!({
            "statusCode": self.status,
            "headers": headers,
            "body": self.body,
            "isBase64Encoded": false,
        })
    }
}

/// Text for XML; characters that are not allowed in XML are replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\t' | '\n' | '\r' => escaped.push(c),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// A failure for which a retry can help, as an error of the function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FunctionError {
    /// `errorType`.
    pub code: Code,
    /// `errorMessage`.
    pub message: String,
}

/// The reply to a direct invocation. If no retry can help, it is a record, so that nothing retries
/// it.
///
/// # Errors
/// When the task failed and a retry can help.
pub fn direct(record: &TaskRecord) -> Result<Value, FunctionError> {
    match (record.status, record.code) {
        (Status::Failed, Some(code)) if code.is_retryable() => {
            Err(FunctionError { code, message: record.message.clone().unwrap_or_default() })
        }
        _ => serde_json::to_value(record).map_err(|error| FunctionError {
            code: Code::InternalError,
            message: error.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::{HttpReply, Refusal, Refused, direct};
    use crate::code::Code;
    use crate::event::EventError;
    use crate::signature::SignatureError;
    use crate::task::{Status, example};

    fn refused(message: &str, argument: Option<(&str, &str)>) -> HttpReply {
        let refusal = Refusal {
            argument: argument.map(|(name, value)| (name.to_owned(), value.to_owned())),
            ..Refusal::new(Refused::Task(Code::InvalidArgument), message)
        };
        HttpReply::refused(&refusal, &example().request_id, "host.example")
    }

    #[test]
    fn an_accepted_task_has_three_ids() {
        let record = example();
        let reply = HttpReply::accepted(&record, None, &record.request_id);
        let gateway = reply.to_gateway();
        assert_eq!(gateway["statusCode"], 200);
        assert_eq!(gateway["headers"]["x-oss-request-id"], "0190D0C0AAAA4BBB8CCC1234");
        let body: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
        let expected = serde_json::json!({
            "EventId": record.event_id,
            "RequestId": "0190D0C0-AAAA-4BBB-8CCC-123456789ABC",
            "TaskId": "MediaConvert-0190d0c0-aaaa-8bbb-8ccc-123456789abc",
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn a_refusal_is_xml_that_names_the_argument() {
        let reply = refused("`f` is `mp5`", Some(("f", "mp5")));
        assert_eq!(reply.status, 400);
        assert_eq!(
            reply.body,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>InvalidArgument</Code>\
             <Message>`f` is `mp5`</Message><RequestId>0190D0C0AAAA4BBB8CCC1234</RequestId>\
             <HostId>host.example</HostId><ArgumentName>f</ArgumentName>\
             <ArgumentValue>mp5</ArgumentValue></Error>\n"
        );
    }

    #[test]
    fn a_clock_that_is_off_gets_the_time() {
        let error = SignatureError::Skewed {
            made: "2026-11-26T00:30:00Z".parse().unwrap(),
            now: "2026-11-26T00:54:09Z".parse().unwrap(),
        };
        let request = example().request_id;
        let reply = HttpReply::refused(&Refusal::from(&error), &request, "host.example");
        let expected = "<MaxAllowedSkewMilliseconds>900000</MaxAllowedSkewMilliseconds>\
             <RequestTime>2026-11-26T00:30:00.000Z</RequestTime>\
             <ServerTime>2026-11-26T00:54:09.000Z</ServerTime></Error>\n";
        assert!(reply.body.ends_with(expected), "{}", reply.body);
        assert_eq!(reply.status, 403);
    }

    #[test]
    fn nothing_that_is_quoted_breaks_the_xml() {
        let reply = refused("<a & 'b'>\u{0}\"", None);
        let expected = "<Message>&lt;a &amp; &apos;b&apos;&gt;\u{fffd}&quot;</Message>";
        assert!(reply.body.contains(expected), "{}", reply.body);
    }

    #[test]
    fn refusals_have_the_pair_that_clients_know() {
        for (code, name, status) in [
            (Refused::InvalidRequest, "InvalidRequest", 400),
            (Refused::MethodNotAllowed, "MethodNotAllowed", 405),
            (Refused::InvalidDigest, "InvalidDigest", 400),
            (Refused::InvalidAccessKeyId, "InvalidAccessKeyId", 403),
            (Refused::SignatureDoesNotMatch, "SignatureDoesNotMatch", 403),
            (Refused::RequestTimeTooSkewed, "RequestTimeTooSkewed", 403),
            (Refused::Task(Code::AccessDenied), "AccessDenied", 403),
            (Refused::Task(Code::NoSuchKey), "NoSuchKey", 404),
            (Refused::Task(Code::NoSuchBucket), "NoSuchBucket", 404),
        ] {
            assert_eq!((code.as_str(), code.http_status()), (name, status));
        }
    }

    #[test]
    fn event_errors_become_refusals() {
        let refusal = Refusal::from(&EventError::NoProcessBody);
        assert_eq!((refusal.code, refusal.argument), (Refused::InvalidRequest, None));
        let refusal = Refusal::from(&EventError::Missing("object".to_owned()));
        assert_eq!(refusal.code, Refused::Task(Code::InvalidArgument));
        assert_eq!(refusal.argument.unwrap().0, "object");
    }

    #[test]
    fn only_what_a_retry_can_mend_is_a_function_error() {
        let mut record = example();
        assert_eq!(direct(&record).unwrap()["Status"], "Succeeded");
        record.status = Status::Failed;
        for code in Code::ALL {
            record.code = Some(code);
            match direct(&record) {
                Ok(reply) => assert_eq!(
                    (reply["Code"].as_str(), code.is_retryable()),
                    (Some(code.as_str()), false)
                ),
                Err(error) => assert_eq!((error.code, code.is_retryable()), (code, true)),
            }
        }
    }
}
