//! The outward codes of a failed task: one closed list, and what each means
//! for HTTP and for retries. Inner error types map onto it exhaustively.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a task failed, as its record, its message and its replies say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Code {
    /// The request is wrong; the same request will always be.
    InvalidArgument,
    /// A source object does not exist.
    NoSuchKey,
    /// A bucket does not exist.
    NoSuchBucket,
    /// Object storage or the notification service refused the credentials.
    AccessDenied,
    /// A source is no media this service can read.
    UnsupportedMedia,
    /// The finished output differs from the plan.
    OutputMismatch,
    /// The work does not fit the time that the function has.
    DeadlineExceeded,
    /// The work does not fit the ephemeral storage that the function has.
    InsufficientStorage,
    /// A fault of the service or of what it depends on; a retry may mend it.
    InternalError,
}

impl Code {
    /// Every code, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::InvalidArgument,
        Self::NoSuchKey,
        Self::NoSuchBucket,
        Self::AccessDenied,
        Self::UnsupportedMedia,
        Self::OutputMismatch,
        Self::DeadlineExceeded,
        Self::InsufficientStorage,
        Self::InternalError,
    ];

    /// The code's name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArgument => "InvalidArgument",
            Self::NoSuchKey => "NoSuchKey",
            Self::NoSuchBucket => "NoSuchBucket",
            Self::AccessDenied => "AccessDenied",
            Self::UnsupportedMedia => "UnsupportedMedia",
            Self::OutputMismatch => "OutputMismatch",
            Self::DeadlineExceeded => "DeadlineExceeded",
            Self::InsufficientStorage => "InsufficientStorage",
            Self::InternalError => "InternalError",
        }
    }

    /// The HTTP status that goes with the code.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::InvalidArgument | Self::UnsupportedMedia => 400,
            Self::AccessDenied => 403,
            Self::NoSuchKey | Self::NoSuchBucket => 404,
            Self::OutputMismatch | Self::InternalError => 500,
            Self::DeadlineExceeded | Self::InsufficientStorage => 503,
        }
    }

    /// Whether the same request may succeed when it is tried again. Only then
    /// is the failure a function error, so that the caller's retries apply.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::InsufficientStorage | Self::InternalError => true,
            Self::InvalidArgument
            | Self::NoSuchKey
            | Self::NoSuchBucket
            | Self::AccessDenied
            | Self::UnsupportedMedia
            | Self::OutputMismatch
            | Self::DeadlineExceeded => false,
        }
    }

    /// Whether the service itself failed, or the resources that it was deployed
    /// with: its operator should hear of it.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        match self {
            Self::OutputMismatch
            | Self::DeadlineExceeded
            | Self::InsufficientStorage
            | Self::InternalError => true,
            Self::InvalidArgument
            | Self::NoSuchKey
            | Self::NoSuchBucket
            | Self::AccessDenied
            | Self::UnsupportedMedia => false,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn names_on_the_wire_are_the_variant_names() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
