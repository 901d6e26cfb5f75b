//! Checks a process string without knowing its main object: what depends on the object is not
//! checked.

use thiserror::Error;

use crate::object::{Bucket, Key, ObjectNameError, ObjectUri};

/// The bucket or key of the main object is not valid.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the request's object is not valid: {error}")]
pub struct MainObjectError {
    /// `bucket` or `object`.
    pub argument: &'static str,
    /// The value as given.
    pub value: String,
    /// The reason.
    pub error: ObjectNameError,
}

/// The main object, with placeholders for what is not known.
///
/// # Errors
/// When a given name is not valid.
pub fn known_main(bucket: Option<&str>, key: Option<&str>) -> Result<ObjectUri, MainObjectError> {
    let wrong = |argument, value: Option<&str>| {
        let value = value.unwrap_or_default().to_owned();
        move |error| MainObjectError { argument, value, error }
    };
    let known_bucket = bucket.map_or_else(|| Ok(Bucket::unknown()), Bucket::new);
    let known_key = key.map_or_else(|| Ok(Key::unknown()), Key::new);
    Ok(ObjectUri {
        bucket: known_bucket.map_err(wrong("bucket", bucket))?,
        key: known_key.map_err(wrong("object", key))?,
    })
}

#[cfg(test)]
mod tests {
    use super::known_main;
    use crate::object::Bucket;

    #[test]
    fn only_what_is_known_is_judged() {
        let main = known_main(None, Some("a.mp4")).unwrap();
        assert_eq!((main.bucket, &*main.key), (Bucket::unknown(), "a.mp4"));
        let argument = |bucket, key| known_main(bucket, key).unwrap_err().argument;
        assert_eq!(argument(Some("no bucket"), None), "bucket");
        assert_eq!(argument(None, Some("")), "object");
    }
}
