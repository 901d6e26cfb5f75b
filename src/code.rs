//! The outward codes of failed tasks: a closed list, with the meaning of each for HTTP, for retries
//! and for users. All inner error types are mapped to it exhaustively.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a task failed, as in its record, its message and its replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Code {
    /// The request is wrong, and will be whenever it is repeated.
    InvalidArgument,
    /// The caller canceled the task.
    Canceled,
    /// A source object does not exist.
    NoSuchKey,
    /// A bucket does not exist.
    NoSuchBucket,
    /// Object storage or the notification service rejected the credentials.
    AccessDenied,
    /// A source is not a media file that this service can read.
    UnsupportedMedia,
    /// The finished output differs from the plan.
    OutputMismatch,
    /// The work does not fit into the function's time.
    DeadlineExceeded,
    /// The work does not fit into the function's ephemeral storage.
    InsufficientStorage,
    /// A fault of the service or of one that it uses; a retry may help.
    InternalError,
}

/// The explanation of a code, as in the README beside `src/task`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Help {
    /// The cause.
    pub why: &'static str,
    /// The remedy.
    pub remedy: &'static str,
}

impl Code {
    /// Every code, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::InvalidArgument,
        Self::Canceled,
        Self::NoSuchKey,
        Self::NoSuchBucket,
        Self::AccessDenied,
        Self::UnsupportedMedia,
        Self::OutputMismatch,
        Self::DeadlineExceeded,
        Self::InsufficientStorage,
        Self::InternalError,
    ];

    /// The code's name in records and replies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArgument => "InvalidArgument",
            Self::Canceled => "Canceled",
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

    /// The HTTP status for the code.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::InvalidArgument | Self::UnsupportedMedia => 400,
            Self::AccessDenied => 403,
            Self::Canceled => 409,
            Self::NoSuchKey | Self::NoSuchBucket => 404,
            Self::OutputMismatch | Self::InternalError => 500,
            Self::DeadlineExceeded | Self::InsufficientStorage => 503,
        }
    }

    /// Whether the same request may succeed when it is retried. Only then is the failure returned
    /// as a function error, so that the caller's retries apply.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::InsufficientStorage | Self::InternalError => true,
            Self::InvalidArgument
            | Self::Canceled
            | Self::NoSuchKey
            | Self::NoSuchBucket
            | Self::AccessDenied
            | Self::UnsupportedMedia
            | Self::OutputMismatch
            | Self::DeadlineExceeded => false,
        }
    }

    /// Whether the service itself or its deployed resources failed, so that its operator should be
    /// notified.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        match self {
            Self::OutputMismatch
            | Self::DeadlineExceeded
            | Self::InsufficientStorage
            | Self::InternalError => true,
            Self::InvalidArgument
            | Self::Canceled
            | Self::NoSuchKey
            | Self::NoSuchBucket
            | Self::AccessDenied
            | Self::UnsupportedMedia => false,
        }
    }

    /// The cause and the remedy.
    #[must_use]
    pub const fn help(self) -> Help {
        let (why, remedy) = match self {
            Self::InvalidArgument => (
                "the request is wrong, or does not fit its sources: `ss` after the end, an object that has changed, is archived, or is in another region",
                "read `Message`, which names the argument or the clip; change the request, or [the object](../settings/README.md#archived-objects-and-other-regions)",
            ),
            Self::Canceled => ("the task was canceled", "request it again if that was a mistake"),
            Self::NoSuchKey => (
                "a source does not exist",
                "upload it, or correct `object` or `o`; keys are case-sensitive and are not encoded",
            ),
            Self::NoSuchBucket => ("a bucket does not exist", "correct `bucket` or `b`"),
            Self::AccessDenied => (
                "S3 or SNS refused the function's role; over HTTP, also the caller",
                "compare the buckets with the [permissions](../settings/README.md#permissions); with a key of your own, see [encryption](../settings/README.md#encryption); over HTTP, sign the request, and stay inside the access key's `sources` and `targets`",
            ),
            Self::UnsupportedMedia => (
                "a source is not a readable media file, nothing of its video or audio decodes, it needs more memory than there is, or ffmpeg could not make the output",
                "`Message` names the clip, or quotes ffmpeg; try the file in a player, and see the [readable formats](../process/README.md#sources)",
            ),
            Self::OutputMismatch => (
                "the finished file differs from the plan; nothing was stored",
                "open an issue with the record; another codec or size may work",
            ),
            Self::DeadlineExceeded => (
                "the work did not fit the function's time",
                "see [time](../settings/README.md#time-is-up)",
            ),
            Self::InsufficientStorage => (
                "the sources or the output did not fit `/tmp`",
                "see [disk](../settings/README.md#the-disk-is-full)",
            ),
            Self::InternalError => (
                "a connection was lost, S3 was busy, ffmpeg was killed, or the service has a fault",
                "try again; if it persists, the [log](../settings/README.md#the-log-of-a-task) has more, and `MemorySize` may be too small for the frame size",
            ),
        };
        Help { why, remedy }
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
