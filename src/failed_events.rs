//! The queue of failed events. It keeps messages that can't be decoded, with the reason.

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::types::MessageAttributeValue;

use crate::answer::{Answer, Right};
use crate::quote::shortened;

/// Most bytes of a reason.
const LONGEST_REASON: usize = 1024;

/// The queue.
#[derive(Clone, Debug)]
pub struct FailedEvents {
    client: Client,
    url: String,
}

/// Why a message could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The function's role may not send messages there.
    #[error("the function's role needs `{action}` on `{resource}`; SQS said: {said} ({request})")]
    AccessDenied {
        /// The permission that is missing.
        action: String,
        /// The queue.
        resource: String,
        /// The service's message.
        said: String,
        /// The request id, as text.
        request: String,
    },
    /// Any other error.
    #[error("the queue of failed events `{url}` rejected the message: {said} ({request})")]
    Failed {
        /// The queue.
        url: String,
        /// The message of the service or the connection.
        said: String,
        /// The request id, as text.
        request: String,
    },
    /// An attribute can't be built.
    #[error(transparent)]
    Attribute(#[from] BuildError),
}

impl FailedEvents {
    /// The queue at this URL, with the shared configuration.
    #[must_use]
    pub fn new(url: &str, config: &SdkConfig) -> Self {
        Self { client: Client::new(config), url: url.to_owned() }
    }

    /// Keeps a message in its original form, so that it can be sent again, with the reason as an
    /// attribute.
    ///
    /// # Errors
    /// See [`KeepError`].
    pub async fn keep(&self, id: &str, body: &str, reason: &str) -> Result<(), KeepError> {
        let sent = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .message_attributes("Reason", attribute(&shortened(reason, LONGEST_REASON))?)
            .message_attributes("MessageId", attribute(id)?)
            .send()
            .await;
        let Err(error) = sent else {
            return Ok(());
        };
        let answer = Answer::of(&error);
        let (url, request) = (self.url.clone(), answer.request());
        Err(if answer.is_denial() {
            let usual = Right { action: "sqs:SendMessage".to_owned(), resource: url };
            let Right { action, resource } = answer.missing(usual);
            KeepError::AccessDenied { action, resource, said: answer.words, request }
        } else {
            KeepError::Failed { url, said: answer.words, request }
        })
    }
}

fn attribute(text: &str) -> Result<MessageAttributeValue, BuildError> {
    MessageAttributeValue::builder().data_type("String").string_value(text).build()
}
