//! Who may use the HTTP door, and with which keys.

mod limit;

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

pub use limit::{Limit, Pattern};

/// Text that is never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes the text into care.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for computing a signature.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What an access key opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    /// What its owner signs with.
    pub secret: Secret,
    /// The objects that its tasks may read.
    pub sources: Limit,
    /// The objects that its tasks may write.
    pub targets: Limit,
}

/// Access keys by their id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessKeys(BTreeMap<String, AccessKey>);

/// A key as it is written: its secret alone, or with limits.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Secret(Secret),
    Limited(Limited),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Limited {
    secret: Secret,
    #[serde(default)]
    sources: Limit,
    #[serde(default)]
    targets: Limit,
}

impl AccessKeys {
    /// Reads a JSON object of access key id to secret, or to an object of
    /// `secret`, `sources` and `targets`. The error says what is wrong without
    /// quoting any of it.
    ///
    /// # Errors
    /// Where it is no such object, or is empty.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let wrong = "must be a JSON object of access key id to secret, both texts that are not empty; \
             instead of the secret it may have `{\"secret\": \"...\", \"sources\": [\"bucket/prefix*\"], \
             \"targets\": [\"bucket/prefix*\"]}`";
        let written: BTreeMap<String, Written> =
            serde_json::from_str(text).map_err(|_| wrong.to_owned())?;
        let keys: BTreeMap<String, AccessKey> =
            written.into_iter().map(|(id, key)| (id, AccessKey::from(key))).collect();
        let is_empty = |(id, key): (&String, &AccessKey)| {
            id.trim().is_empty() || key.secret.expose().trim().is_empty()
        };
        if keys.is_empty() || keys.iter().any(is_empty) {
            return Err(wrong.to_owned());
        }
        Ok(Self(keys))
    }

    /// The key of an id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&AccessKey> {
        self.0.get(id)
    }
}

impl From<Written> for AccessKey {
    fn from(written: Written) -> Self {
        let Limited { secret, sources, targets } = match written {
            Written::Limited(limited) => limited,
            Written::Secret(secret) => {
                Limited { secret, sources: Limit::None, targets: Limit::None }
            }
        };
        Self { secret, sources, targets }
    }
}

/// Where the keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// `OSS_ACCESS_KEYS`: given outright.
    Given(AccessKeys),
    /// `OSS_ACCESS_KEYS_SECRET`: this secret of Secrets Manager holds them.
    SecretsManager(String),
}

/// `HTTP_AUTH`: what opens the HTTP door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpAuth {
    /// Any of those that are on.
    Required {
        /// A caller that API Gateway or the function URL has authorised.
        iam: bool,
        /// An OSS signature that verifies.
        oss: bool,
    },
    /// Anyone; only on a developer's machine.
    Open,
}
