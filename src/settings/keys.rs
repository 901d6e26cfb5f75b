//! Who may use the HTTP door, and with which keys.

use std::collections::BTreeMap;
use std::fmt;

/// Text that is never printed.
#[derive(Clone, PartialEq, Eq)]
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

/// Access key ids with their secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessKeys(BTreeMap<String, Secret>);

impl AccessKeys {
    /// Reads a JSON object of access key id to secret. The error says what is
    /// wrong without quoting any of it.
    ///
    /// # Errors
    /// Where it is no such object, or is empty.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let wrong =
            "must be a JSON object of access key id to secret, both texts that are not empty";
        let keys: BTreeMap<String, String> =
            serde_json::from_str(text).map_err(|_| wrong.to_owned())?;
        if keys.is_empty() || keys.iter().any(|(id, key)| id.is_empty() || key.is_empty()) {
            return Err(wrong.to_owned());
        }
        let keys = keys.into_iter().map(|(id, key)| (id, Secret::new(key)));
        Ok(Self(keys.collect()))
    }

    /// The secret of an access key id.
    #[must_use]
    pub fn secret(&self, id: &str) -> Option<&Secret> {
        self.0.get(id)
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
