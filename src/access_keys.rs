//! Who may use the HTTP interface, and with which keys.

mod limit;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

pub use limit::{Limit, Pattern, TopicLimit, TopicPattern};

use crate::object::ObjectUri;
use crate::process::table::Operation;
use crate::process::{Limits, Request, parse, resolve};
use crate::quote::quote;
use crate::task::TaskRecord;

/// Text that is never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for computing a signature.
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

/// An access key, and what it allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    /// The secret with which its owner signs.
    pub secret: Secret,
    /// The objects that its tasks may read.
    pub sources: Limit,
    /// The objects that its tasks may write.
    pub targets: Limit,
    /// The topics to which its tasks may send messages.
    pub topics: TopicLimit,
}

/// Something that an access key does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Outside {
    /// A source.
    #[error("the access key may not read `{0}`")]
    Source(ObjectUri),
    /// A target, or something that would be stored beside it.
    #[error("the access key may not write every object that the target {} can name", quote(.0))]
    Target(String),
    /// The topic.
    #[error("the access key may not send messages to the topic {}", quote(.0))]
    Topic(String),
}

impl AccessKey {
    /// Checks that the key allows everything that a task uses. `arn` returns the ARN for a topic's
    /// bare name.
    ///
    /// # Errors
    /// [`Outside`] if it doesn't.
    pub fn check(&self, request: &Request, arn: impl Fn(&str) -> String) -> Result<(), Outside> {
        for clip in &request.clips {
            let uri = request.uri(&clip.key);
            if !self.sources.allows(&uri) {
                return Err(Outside::Source(uri));
            }
        }
        if !self.targets.allows_target(request) {
            return Err(Outside::Target(request.target.key.source().to_owned()));
        }
        match &request.topic {
            Some(topic) if !self.topics.allows(topic, arn) => Err(Outside::Topic(topic.clone())),
            _ => Ok(()),
        }
    }

    /// Whether the key may see a task's record: only if it could have requested the task.
    #[must_use]
    pub fn may_see(&self, record: &TaskRecord, arn: impl Fn(&str) -> String) -> bool {
        let is_limited =
            !(self.sources.is_none() && self.targets.is_none() && self.topics.is_none());
        !is_limited || asked(record).is_some_and(|request| self.check(&request, arn).is_ok())
    }
}

/// The request of a task, if its record contains all of it.
fn asked(record: &TaskRecord) -> Option<Request> {
    let spec = parse(&record.process).ok()?;
    let before = spec.clips.iter().filter(|clip| clip.operation == Operation::Pre).count();
    let main = &record.sources.get(before)?.uri;
    // Any number of sources: the function accepted it when the task began.
    let request = resolve(&spec, main, Limits { max_sources: usize::MAX }).ok()?;
    let uris = request.clips.iter().map(|clip| request.uri(&clip.key));
    let is_same = uris.eq(record.sources.iter().map(|source| source.uri.clone()));
    is_same.then_some(request)
}

/// Access keys by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessKeys(BTreeMap<String, AccessKey>);

/// A key as written: only its secret, or an object with limits.
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
    #[serde(default)]
    topics: TopicLimit,
}

impl AccessKeys {
    /// Reads a JSON object that maps access key ids to a secret, or to an object with `secret`,
    /// `sources`, `targets`, and `topics`. The error says what is wrong without quoting any of it.
    ///
    /// # Errors
    /// When the text is not such an object, or is empty.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let wrong = "must be a JSON object of access key id to secret, both texts that are not empty; \
             instead of the secret it may have `{\"secret\": \"...\", \"sources\": [\"bucket/prefix*\"], \
             \"targets\": [\"bucket/prefix*\"], \"topics\": [\"name\"]}`";
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

    /// The key with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&AccessKey> {
        self.0.get(id)
    }
}

impl From<Written> for AccessKey {
    fn from(written: Written) -> Self {
        let Limited { secret, sources, targets, topics } = match written {
            Written::Limited(limited) => limited,
            Written::Secret(secret) => Limited {
                secret,
                sources: Limit::None,
                targets: Limit::None,
                topics: TopicLimit::None,
            },
        };
        Self { secret, sources, targets, topics }
    }
}

/// Where the keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// `OSS_ACCESS_KEYS`: the keys themselves.
    Given(AccessKeys),
    /// `OSS_ACCESS_KEYS_SECRET`: the secret of Secrets Manager that contains them.
    SecretsManager(String),
}

/// `HTTP_AUTH`: which callers the HTTP interface accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpAuth {
    /// Callers that use one of the enabled methods.
    Required {
        /// A caller that API Gateway or the function URL has authorised.
        iam: bool,
        /// A valid OSS signature.
        oss: bool,
    },
    /// Everybody; only on a developer's machine.
    Open,
}
