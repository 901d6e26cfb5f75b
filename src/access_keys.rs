//! Who may use the HTTP door, and with which keys.

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
    /// The topics that may get messages of them.
    pub topics: TopicLimit,
}

/// What an access key does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Outside {
    /// A source.
    #[error("the access key may not read `{0}`")]
    Source(ObjectUri),
    /// A target, or what would be stored beside it.
    #[error("the access key may not write all that the target {} can be", quote(.0))]
    Target(String),
    /// The topic.
    #[error("the access key may not send messages to the topic {}", quote(.0))]
    Topic(String),
}

impl AccessKey {
    /// Whether it opens all that a task touches. `arn` makes the ARN of a topic's bare name.
    ///
    /// # Errors
    /// [`Outside`] where it doesn't.
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

    /// Whether it may see a task's record: where it could have asked for the task.
    #[must_use]
    pub fn may_see(&self, record: &TaskRecord, arn: impl Fn(&str) -> String) -> bool {
        let is_limited =
            !(self.sources.is_none() && self.targets.is_none() && self.topics.is_none());
        !is_limited || asked(record).is_some_and(|request| self.check(&request, arn).is_ok())
    }
}

/// What a task was asked to do, where its record tells all of it.
fn asked(record: &TaskRecord) -> Option<Request> {
    let spec = parse(&record.process).ok()?;
    let before = spec.clips.iter().filter(|clip| clip.operation == Operation::Pre).count();
    let main = &record.sources.get(before)?.uri;
    // As many as the function took when it began the task.
    let request = resolve(&spec, main, Limits { max_sources: usize::MAX }).ok()?;
    let uris = request.clips.iter().map(|clip| request.uri(&clip.key));
    let is_same = uris.eq(record.sources.iter().map(|source| source.uri.clone()));
    is_same.then_some(request)
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
    #[serde(default)]
    topics: TopicLimit,
}

impl AccessKeys {
    /// Reads a JSON object of access key id to secret, or to an object of
    /// `secret`, `sources`, `targets`, and `topics`. The error says what is wrong without
    /// quoting any of it.
    ///
    /// # Errors
    /// Where it is no such object, or is empty.
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

    /// The key of an id.
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
