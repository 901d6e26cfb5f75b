//! Names of objects and of their contents.

use std::fmt;

use serde::{Deserialize, Serialize, de};

use crate::quote::quote;

/// Where an object is: `s3://bucket/key`. The key stands as it is, unencoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectUri {
    /// Bucket name.
    pub bucket: String,
    /// Object key, without a leading slash of its own making.
    pub key: String,
}

impl ObjectUri {
    /// Names `key` in `bucket`.
    pub fn new(bucket: impl Into<String>, key: impl Into<String>) -> Self {
        Self { bucket: bucket.into(), key: key.into() }
    }
}

impl fmt::Display for ObjectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// Whether a part of the key between slashes is `..`. To S3 that is a name like any other, but many
/// programs take it for the folder above.
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
            .map(|(bucket, key)| Self::new(bucket, key))
            .ok_or_else(|| de::Error::custom(format!("{} is not `s3://bucket/key`", quote(&text))))
    }
}

/// What an object's content is known by: its entity tag without the quotes.
///
/// Events carry tags without quotes and headers carry them with; only one form
/// compares.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct ETag(String);

impl ETag {
    /// Takes a tag with or without its quotes.
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

    /// The tag as HTTP headers want it.
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

/// What an open multipart upload is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UploadName {
    /// The object that it is to be.
    #[serde(rename = "URI")]
    pub uri: ObjectUri,
    /// Storage's own name for it.
    pub id: String,
}

#[cfg(test)]
mod tests {
    use super::{ETag, ObjectUri};

    #[test]
    fn tags_compare_whatever_their_quotes() {
        for text in ["abc-2", "\"abc-2\"", "W/\"abc-2\""] {
            assert_eq!(ETag::new(text).as_str(), "abc-2");
            assert_eq!(ETag::new(text).quoted(), "\"abc-2\"");
        }
    }

    #[test]
    fn uris_survive_json() {
        let uri = ObjectUri::new("b", "dir/a b.mp4");
        let json = serde_json::to_value(&uri).unwrap();
        assert_eq!(json, "s3://b/dir/a b.mp4");
        assert_eq!(serde_json::from_value::<ObjectUri>(json).unwrap(), uri);
    }

    #[test]
    fn another_scheme_is_no_object_uri() {
        let error = serde_json::from_str::<ObjectUri>("\"http://b/k\"").unwrap_err();
        assert!(error.to_string().contains("`http://b/k`"));
    }
}
