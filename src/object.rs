//! Names of objects and of their versions.

use std::borrow::Borrow;
use std::fmt;
use std::net::Ipv4Addr;
use std::ops::Deref;

use serde::{Deserialize, Serialize, de};
use thiserror::Error;

use crate::quote::{printable, quote};

/// S3's limit on an object key, in bytes of UTF-8.
pub const MAX_KEY_BYTES: usize = 1024;

/// Why a name of a bucket or an object is not valid.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ObjectNameError {
    /// Not a valid name of a bucket.
    #[error(
        "`{}` is not a valid bucket name: expected 3 to 63 of a-z, 0-9, `.`, and `-`, \
         with a letter or digit at each end and after each dot", printable(.0)
    )]
    Bucket(String),
    /// An empty key.
    #[error("the object key is empty")]
    EmptyKey,
    /// A key that is longer than object storage allows.
    #[error("the object key has {0} bytes, but must have at most {MAX_KEY_BYTES}")]
    LongKey(usize),
}

/// A bucket's name, by S3's rules for new buckets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Bucket(String);

/// An object's key, unencoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Key(String);

impl Bucket {
    /// Checks a name.
    ///
    /// # Errors
    /// [`ObjectNameError::Bucket`].
    pub fn new(name: impl Into<String>) -> Result<Self, ObjectNameError> {
        let name = name.into();
        let is_label = |label: &str| {
            let at_end = |c: Option<char>| c.is_some_and(|c| c != '-');
            at_end(label.chars().next()) && at_end(label.chars().next_back())
        };
        let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '-');
        let fits = (3..=63).contains(&name.len()) && name.chars().all(allowed);
        if fits && name.split('.').all(is_label) && name.parse::<Ipv4Addr>().is_err() {
            Ok(Self(name))
        } else {
            Err(ObjectNameError::Bucket(name))
        }
    }

    /// A placeholder for an unknown bucket. It is not a valid name, so it never equals a real one.
    pub(crate) fn unknown() -> Self {
        Self("\0".to_owned())
    }
}

impl Key {
    /// Checks a key.
    ///
    /// # Errors
    /// [`ObjectNameError::EmptyKey`] and [`ObjectNameError::LongKey`].
    pub fn new(key: impl Into<String>) -> Result<Self, ObjectNameError> {
        let key = key.into();
        match key.len() {
            0 => Err(ObjectNameError::EmptyKey),
            bytes if bytes > MAX_KEY_BYTES => Err(ObjectNameError::LongKey(bytes)),
            _ => Ok(Self(key)),
        }
    }

    /// A placeholder for an unknown key, like [`Bucket::unknown`].
    pub(crate) fn unknown() -> Self {
        Self("\0".to_owned())
    }

    /// Whether it is not the placeholder.
    pub(crate) fn is_known(&self) -> bool {
        self.0 != "\0"
    }

    /// Whether a part of it between slashes is `..`. S3 treats that like any other name, but many
    /// programs take it for the parent folder.
    #[must_use]
    pub fn has_parent_segment(&self) -> bool {
        has_parent_segment(self)
    }
}

impl Deref for Bucket {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Deref for Key {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&Bucket> for String {
    fn from(bucket: &Bucket) -> Self {
        bucket.0.clone()
    }
}

impl From<&Key> for String {
    fn from(key: &Key) -> Self {
        key.0.clone()
    }
}

impl TryFrom<String> for Bucket {
    type Error = ObjectNameError;

    fn try_from(name: String) -> Result<Self, ObjectNameError> {
        Self::new(name)
    }
}

impl TryFrom<String> for Key {
    type Error = ObjectNameError;

    fn try_from(key: String) -> Result<Self, ObjectNameError> {
        Self::new(key)
    }
}

/// The bucket and the key of an object: `s3://bucket/key`, with the key unencoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectUri {
    /// Its bucket.
    pub bucket: Bucket,
    /// Its key.
    pub key: Key,
}

impl ObjectUri {
    /// The object `key` in `bucket`.
    #[must_use]
    pub const fn new(bucket: Bucket, key: Key) -> Self {
        Self { bucket, key }
    }

    /// The object `key` in `bucket`.
    ///
    /// # Errors
    /// When one of the names is not valid.
    pub fn named(
        bucket: impl Into<String>,
        key: impl Into<String>,
    ) -> Result<Self, ObjectNameError> {
        Ok(Self { bucket: Bucket::new(bucket)?, key: Key::new(key)? })
    }

    /// Another object in the same bucket.
    ///
    /// # Errors
    /// When the key is not valid.
    pub fn beside(&self, key: impl Into<String>) -> Result<Self, ObjectNameError> {
        Ok(Self { bucket: self.bucket.clone(), key: Key::new(key)? })
    }
}

impl fmt::Display for ObjectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// Whether a part of the key between slashes is `..`. S3 treats that like any other name, but many
/// programs take it for the parent folder.
#[must_use]
pub fn has_parent_segment(key: &str) -> bool {
    key.split('/').any(|segment| segment == "..")
}

impl Serialize for ObjectUri {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ObjectUri {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.strip_prefix("s3://")
            .and_then(|rest| rest.split_once('/'))
            .ok_or_else(|| de::Error::custom(format!("{} is not `s3://bucket/key`", quote(&text))))
            .and_then(|(bucket, key)| Self::named(bucket, key).map_err(de::Error::custom))
    }
}

/// An object's entity tag, without the quotes.
///
/// Events contain tags without quotes and headers contain them with quotes; this form allows
/// comparing them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct ETag(String);

impl ETag {
    /// From a tag with or without quotes.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let strong = text.strip_prefix("W/").unwrap_or(text);
        Self(strong.trim_matches('"').to_owned())
    }

    /// The tag without quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tag in the form of HTTP headers.
    #[must_use]
    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

impl From<String> for ETag {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of an open multipart upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UploadName {
    /// The object that it will become.
    #[serde(rename = "URI")]
    pub uri: ObjectUri,
    /// Storage's id of the upload.
    pub id: String,
}

#[cfg(test)]
mod tests {
    use super::{Bucket, ETag, ObjectNameError, ObjectUri};

    #[test]
    fn buckets_follow_the_rules_of_s3() {
        let longest = "b".repeat(63);
        for good in ["abc", "a-b", "a.b-c.d", "123", "1.2.3", &longest] {
            assert_eq!(Bucket::new(good).as_deref(), Ok(good), "{good}");
        }
        let too_long = "b".repeat(64);
        let bad = [
            "ab",
            "Abc",
            "a_b",
            "-ab",
            "ab-",
            ".ab",
            "ab.",
            "a..b",
            "a.-b",
            "a b",
            "1.2.3.4",
            "é-bucket",
            "",
            &too_long,
        ];
        for bad in bad {
            assert_eq!(Bucket::new(bad), Err(ObjectNameError::Bucket(bad.to_owned())), "{bad}");
        }
    }

    #[test]
    fn tags_compare_whatever_their_quotes() {
        for text in ["abc-2", "\"abc-2\"", "W/\"abc-2\""] {
            assert_eq!(ETag::new(text).as_str(), "abc-2");
            assert_eq!(ETag::new(text).quoted(), "\"abc-2\"");
        }
    }

    #[test]
    fn uris_survive_json() {
        let uri = ObjectUri::named("clips", "dir/a b.mp4").unwrap();
        let json = serde_json::to_value(&uri).unwrap();
        assert_eq!(json, "s3://clips/dir/a b.mp4");
        assert_eq!(serde_json::from_value::<ObjectUri>(json).unwrap(), uri);
    }

    #[test]
    fn another_scheme_is_no_object_uri() {
        for uri in ["http://clips/k", "s3://clips", "s3://clips/", "s3://Clips/k"] {
            let error = serde_json::from_value::<ObjectUri>(uri.into()).unwrap_err().to_string();
            assert!(
                error.contains("s3://bucket/key")
                    || error.contains("bucket name")
                    || error.contains("key is empty"),
                "{error}"
            );
        }
    }
}
