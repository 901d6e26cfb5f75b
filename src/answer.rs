//! Error answers of AWS services, as text.
//!
//! The SDK's own error texts are pages of internal details. Nothing of them is shown to users.

use std::error::Error;
use std::fmt::Write as _;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;

use crate::quote::shortened;

/// Most bytes of a service's message that are shown.
const LONGEST: usize = 500;

/// The parts of a failure that a user needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The HTTP status, if there was a complete answer.
    pub(crate) status: Option<u16>,
    /// The service's name for the failure.
    pub(crate) code: Option<String>,
    /// The service's message, or the reason why there is no answer.
    pub(crate) words: String,
    /// The id with which the service's operator can find the request.
    pub(crate) request_id: Option<String>,
}

/// A permission, and its resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Right {
    pub(crate) action: String,
    pub(crate) resource: String,
}

impl Answer {
    pub(crate) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
        SdkError<E, HttpResponse>: RequestId,
    {
        let service = error.as_service_error();
        // The status of a response that was cut short has no meaning.
        let status = service.and(error.raw_response()).map(|answer| answer.status().as_u16());
        let code = service.and_then(ProvideErrorMetadata::code);
        let message = service.and_then(ProvideErrorMetadata::message);
        let words = match (error, status) {
            (SdkError::ServiceError(_), Some(status)) => in_words(status, code, message),
            (SdkError::TimeoutError(_), _) => "there was no answer in time".to_owned(),
            (SdkError::DispatchFailure(_), _) => format!("the connection failed: {}", cause(error)),
            (SdkError::ResponseError(_), _) => {
                format!("the answer can't be read: {}", cause(error))
            }
            _ => format!("the request can't be sent: {}", cause(error)),
        };
        Self {
            status,
            code: code.map(str::to_owned),
            words: shortened(&words, LONGEST),
            request_id: error.request_id().map(str::to_owned),
        }
    }

    /// Whether a permission is missing.
    pub(crate) fn is_denial(&self) -> bool {
        let by_code = self.code.as_deref().map(|code| {
            ["AccessDenied", "AuthorizationError", "NotAuthorized", "Forbidden", "KMSAccessDenied"]
                .into_iter()
                .any(|start| code.starts_with(start))
                || code.starts_with("KMS.") && code.contains("AccessDenied")
        });
        by_code.unwrap_or(matches!(self.status, Some(401 | 403)))
    }

    /// The missing permission: as the service names it, else `usual`.
    pub(crate) fn missing(&self, usual: Right) -> Right {
        let word_after = |mark: &str| {
            let (_, rest) = self.words.split_once(mark)?;
            let word = rest.split_whitespace().next()?;
            Some(word.trim_matches(|c: char| matches!(c, '"' | '\'' | '`' | ',' | '.')).to_owned())
        };
        match (word_after("not authorized to perform: "), word_after("on resource: ")) {
            (Some(action), Some(resource)) => Right { action, resource },
            (Some(action), None) => Right { action, ..usual },
            _ => usual,
        }
    }

    /// `request id ...`, to be appended to a message.
    pub(crate) fn request(&self) -> String {
        request(self.request_id.as_deref())
    }
}

/// A request id as text, also if there is none.
pub(crate) fn request(id: Option<&str>) -> String {
    id.map_or_else(|| "no request id".to_owned(), |id| format!("request id {id}"))
}

/// The partition of a region, the start of ARNs.
pub(crate) fn partition(region: Option<&str>) -> &'static str {
    match region {
        Some(region) if region.starts_with("cn-") => "aws-cn",
        Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

fn in_words(status: u16, code: Option<&str>, message: Option<&str>) -> String {
    let message = message.filter(|message| !message.trim().is_empty());
    match (code, message) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(only), None) | (None, Some(only)) => only.to_owned(),
        (None, None) => format!("HTTP status {status}, without a reason"),
    }
}

/// The innermost causes of an error: the outer ones only name the layer that failed.
pub(crate) fn cause(error: &dyn Error) -> String {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    causes.dedup();
    let mut words = String::new();
    for cause in causes.iter().skip(causes.len().saturating_sub(3)) {
        let separator = if words.is_empty() { "" } else { ": " };
        let _ = write!(words, "{separator}{cause}");
    }
    if words.is_empty() { "no cause is known".to_owned() } else { words }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Right, partition};

    #[test]
    fn the_missing_right_is_the_one_that_the_service_names() {
        let usual = || Right { action: "s3:PutObject".to_owned(), resource: "usual".to_owned() };
        let missing = |words: &str| {
            let answer = Answer { words: words.to_owned(), ..Answer::default() };
            let Right { action, resource } = answer.missing(usual());
            format!("{action} {resource}")
        };
        for (words, right) in [
            ("AccessDenied: Access Denied", "s3:PutObject usual"),
            (
                "AccessDenied: User: arn:aws:sts::1:assumed-role/r/f is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::b/k\" because no identity-based policy allows the s3:GetObject action",
                "s3:GetObject arn:aws:s3:::b/k",
            ),
            (
                "AuthorizationError: User: x is not authorized to perform: SNS:Publish on resource: arn:aws:sns:r:1:t because",
                "SNS:Publish arn:aws:sns:r:1:t",
            ),
            (
                "AccessDenied: User: x is not authorized to perform: kms:GenerateDataKey on this resource because",
                "kms:GenerateDataKey usual",
            ),
        ] {
            assert_eq!(missing(words), right);
        }
    }

    #[test]
    fn denials_are_known_by_code_or_else_by_status() {
        let denial = |code: Option<&str>, status| {
            let code = code.map(str::to_owned);
            Answer { status: Some(status), code, ..Answer::default() }.is_denial()
        };
        for code in [
            "AccessDenied",
            "AccessDeniedException",
            "AuthorizationError",
            "AuthorizationErrorException",
            "KMSAccessDenied",
            "KMSAccessDeniedException",
        ] {
            assert!(denial(Some(code), 400), "{code}");
        }
        assert!(denial(None, 403) && !denial(None, 500) && !denial(Some("SlowDown"), 403));
    }

    #[test]
    fn partitions_follow_regions() {
        let found = [Some("cn-north-1"), Some("us-gov-west-1"), Some("eu-west-1"), None];
        assert_eq!(found.map(partition), ["aws-cn", "aws-us-gov", "aws", "aws"]);
    }
}
