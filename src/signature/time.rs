//! The time that a request declares.

use jiff::civil::DateTime;
use jiff::fmt::{rfc2822, strtime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::SignatureError;

/// The greatest allowed difference between the clocks of client and server.
pub const MOST_SKEW: SignedDuration = SignedDuration::from_mins(15);

/// Reads both formats: `20250417T064010Z`, and that of the `Date` header.
pub(super) fn read(text: &str) -> Result<Timestamp, SignatureError> {
    let compact = || -> Option<Timestamp> {
        let civil: DateTime = strtime::parse("%Y%m%dT%H%M%SZ", text).ok()?.to_datetime().ok()?;
        Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
    };
    let in_words = || {
        let parser = rfc2822::DateTimeParser::new().relaxed_weekday(true);
        parser.parse_timestamp(text).ok()
    };
    compact().or_else(in_words).ok_or(SignatureError::Malformed(
        "`x-oss-date` must look like `20250417T064010Z`, and `Date` like `Thu, 17 Apr 2025 06:40:10 GMT`",
    ))
}

pub(super) fn check_skew(made: Timestamp, now: Timestamp) -> Result<(), SignatureError> {
    if made.duration_since(now).abs() > MOST_SKEW {
        return Err(SignatureError::Skewed { made, now });
    }
    Ok(())
}
