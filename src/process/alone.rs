//! A process string by itself: what is not known of its main object is not judged.

use thiserror::Error;

use super::{MainObject, NameError, check_main};

/// Stands for what is unknown. No object is called so, hence nothing is refused on its account.
pub const UNKNOWN: &str = "\0";

/// Why the main object can't be called so.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the request's object can't be: {error}")]
pub struct MainObjectError {
    /// `bucket` or `object`.
    pub argument: &'static str,
    /// As it was given.
    pub value: String,
    /// What is wrong with it.
    pub error: NameError,
}

impl MainObject {
    /// The main object as far as it is known.
    pub fn known(bucket: Option<&str>, key: Option<&str>) -> Result<Self, MainObjectError> {
        let named = |bucket: &str, key: &str| Self { bucket: bucket.into(), key: key.into() };
        let judged = named(bucket.unwrap_or("bucket"), key.unwrap_or("object"));
        check_main(&judged).map_err(|error| {
            let (argument, value) = match error {
                NameError::Bucket(_) => ("bucket", judged.bucket),
                _ => ("object", judged.key),
            };
            MainObjectError { argument, value, error }
        })?;
        Ok(named(bucket.unwrap_or(UNKNOWN), key.unwrap_or(UNKNOWN)))
    }
}

#[cfg(test)]
mod tests {
    use super::{MainObject, UNKNOWN};

    #[test]
    fn only_what_is_known_is_judged() {
        let main = MainObject::known(None, Some("a.mp4")).unwrap();
        assert_eq!((main.bucket.as_str(), main.key.as_str()), (UNKNOWN, "a.mp4"));
        let argument = |bucket, key| MainObject::known(bucket, key).unwrap_err().argument;
        assert_eq!(argument(Some("no bucket"), None), "bucket");
        assert_eq!(argument(None, Some("")), "object");
    }
}
