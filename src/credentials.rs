//! The access keys of the HTTP interface, from wherever they are stored.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use tokio::sync::Mutex;
use tracing::warn;

use crate::access_keys::{AccessKey, AccessKeys, KeySource};
use crate::answer::{Answer, Right};

/// How long fetched keys are used.
const LIFE: Duration = Duration::from_mins(5);
/// How long they are used if they can't be fetched again.
const LONGEST_LIFE: Duration = Duration::from_hours(1);
/// The least time between two requests for an unknown key. It may be a new one, but a client that
/// guesses ids must not cause a request each time.
const PAUSE: Duration = Duration::from_secs(10);

/// Looks up access keys.
#[derive(Debug)]
pub struct CredentialsCache(Source);

#[derive(Debug)]
enum Source {
    Nowhere,
    Given(AccessKeys),
    Secret(Box<Vault>),
}

/// A secret of Secrets Manager and its last known content.
#[derive(Debug)]
struct Vault {
    client: Client,
    id: String,
    held: Mutex<Option<Held>>,
}

#[derive(Debug)]
struct Held {
    keys: Arc<AccessKeys>,
    fetched: Instant,
    asked: Instant,
}

/// Why the keys are not available.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// Secrets Manager did not return the secret.
    #[error("secret `{id}` of `OSS_ACCESS_KEYS_SECRET` can't be read: {said} ({request})")]
    Unreadable {
        /// Its name or ARN.
        id: String,
        /// The message of the service or the connection.
        said: String,
        /// The request id, as text.
        request: String,
    },
    /// The function's role may not read it.
    #[error(
        "the function's role needs `{action}` on `{resource}`; Secrets Manager said: {said} ({request})"
    )]
    AccessDenied {
        /// The permission that is missing.
        action: String,
        /// The secret, or the key that encrypts it.
        resource: String,
        /// The service's message.
        said: String,
        /// The request id, as text.
        request: String,
    },
    /// The secret has another form.
    #[error("secret `{id}` of `OSS_ACCESS_KEYS_SECRET` {problem}")]
    Wrong {
        /// Its name or ARN.
        id: String,
        /// What is wrong, without quoting any of it.
        problem: String,
    },
}

impl CredentialsCache {
    /// Uses the given keys, or looks them up with the shared configuration.
    #[must_use]
    pub fn new(source: Option<&KeySource>, config: &SdkConfig) -> Self {
        Self(match source {
            None => Source::Nowhere,
            Some(KeySource::Given(keys)) => Source::Given(keys.clone()),
            Some(KeySource::SecretsManager(id)) => Source::Secret(Box::new(Vault {
                client: Client::new(config),
                id: id.clone(),
                held: Mutex::new(None),
            })),
        })
    }

    /// The key with this id, if there is one.
    ///
    /// # Errors
    /// When the keys are not available.
    pub async fn key(&self, id: &str) -> Result<Option<AccessKey>, CredentialsError> {
        match &self.0 {
            Source::Nowhere => Ok(None),
            Source::Given(keys) => Ok(keys.get(id).cloned()),
            Source::Secret(vault) => vault.key(id).await,
        }
    }
}

impl Vault {
    async fn key(&self, id: &str) -> Result<Option<AccessKey>, CredentialsError> {
        let mut held = self.held.lock().await;
        if let Some(held) = &*held
            && !held.wants_refresh(id, Instant::now())
        {
            return Ok(held.keys.get(id).cloned());
        }
        let asked = Instant::now();
        match (self.fetch().await, &mut *held) {
            (Ok(keys), held) => {
                *held = Some(Held { keys: Arc::new(keys), fetched: asked, asked });
            }
            (Err(error), Some(held)) if held.fetched + LONGEST_LIFE > asked => {
                warn!(%error, "the access keys could not be fetched again");
                held.asked = asked;
            }
            (Err(error), _) => return Err(error),
        }
        let keys = held.as_ref().map(|held| &held.keys);
        Ok(keys.and_then(|keys| keys.get(id)).cloned())
    }

    async fn fetch(&self) -> Result<AccessKeys, CredentialsError> {
        let request = self.client.get_secret_value().secret_id(&self.id);
        let secret = request.send().await.map_err(|error| {
            let answer = Answer::of(&error);
            let (id, request) = (self.id.clone(), answer.request());
            if answer.is_denial() {
                let action = "secretsmanager:GetSecretValue".to_owned();
                let Right { action, resource } = answer.missing(Right { action, resource: id });
                CredentialsError::AccessDenied { action, resource, said: answer.words, request }
            } else {
                // The service's errors contain the secret's name, but never its content.
                CredentialsError::Unreadable { id, said: answer.words, request }
            }
        })?;
        let text = secret.secret_string().unwrap_or_default();
        AccessKeys::from_json(text)
            .map_err(|problem| CredentialsError::Wrong { id: self.id.clone(), problem })
    }
}

impl Held {
    fn wants_refresh(&self, id: &str, now: Instant) -> bool {
        let is_old = self.fetched + LIFE <= now || self.keys.get(id).is_none();
        is_old && self.asked + PAUSE <= now
    }
}

#[cfg(test)]
mod tests {
    use super::{AccessKeys, Arc, Duration, Held, Instant, LIFE, PAUSE};

    #[test]
    fn keys_are_fetched_again_when_old_or_unknown() {
        let start = Instant::now();
        let held = Held {
            keys: Arc::new(AccessKeys::from_json(r#"{"known": "s"}"#).unwrap()),
            fetched: start,
            asked: start,
        };
        for (id, after, wants) in [
            ("known", Duration::ZERO, false),
            ("known", PAUSE, false),
            ("known", LIFE, true),
            ("unknown", Duration::ZERO, false),
            ("unknown", PAUSE, true),
        ] {
            assert_eq!(held.wants_refresh(id, start + after), wants, "{id} {after:?}");
        }
    }
}
