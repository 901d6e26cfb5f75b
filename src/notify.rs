//! Publishes the completion message to an SNS topic.

use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::error::BuildError;
use aws_sdk_sns::types::MessageAttributeValue;

use crate::answer::{Answer, Right, request};
use crate::message::Message;

/// Sends messages to topics.
#[derive(Clone, Debug)]
pub struct Publisher {
    client: Client,
}

/// Why a message could not be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotifyError {
    /// A bare topic name, for which account and region are unknown.
    #[error("topic `{0}` is a bare name: set `TOPIC_ARN_PREFIX` or give the topic's whole ARN")]
    NoPrefix(String),
    /// There is no such topic.
    #[error("topic `{arn}` does not exist ({request})")]
    NoSuchTopic {
        /// The topic.
        arn: String,
        /// The request id, as text.
        request: String,
    },
    /// The function's role may not publish there.
    #[error("the function's role needs `{action}` on `{resource}`; SNS said: {said} ({request})")]
    AccessDenied {
        /// The permission that is missing.
        action: String,
        /// The ARN of the topic, or of the key that encrypts it.
        resource: String,
        /// The service's message.
        said: String,
        /// The request id, as text.
        request: String,
    },
    /// The topic did not answer in time.
    #[error("topic `{0}` did not answer in time")]
    NoAnswer(String),
    /// Any other error.
    #[error("cannot publish to topic `{arn}`: {said} ({request})")]
    Failed {
        /// The topic.
        arn: String,
        /// The message of the service or the connection.
        said: String,
        /// The request id, as text.
        request: String,
    },
}

impl Publisher {
    /// A publisher with the shared configuration.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// Sends `message` to the topic with this ARN.
    ///
    /// # Errors
    /// See [`NotifyError`].
    pub async fn publish(&self, arn: &str, message: &Message) -> Result<(), NotifyError> {
        let mut publish = self.client.publish().topic_arn(arn).message(&message.body);
        for (name, value) in &message.attributes {
            let value = attribute(value).map_err(|error| failed(arn, error.to_string()))?;
            publish = publish.message_attributes(*name, value);
        }
        let Err(error) = publish.send().await else {
            return Ok(());
        };
        let answer = Answer::of(&error);
        let (arn, request) = (arn.to_owned(), answer.request());
        Err(match answer.code.as_deref() {
            Some("NotFound" | "NotFoundException") => NotifyError::NoSuchTopic { arn, request },
            _ if answer.is_denial() => {
                let is_of_key = answer.code.as_deref().is_some_and(|code| code.starts_with("KMS"));
                let (action, resource) = if is_of_key {
                    ("kms:GenerateDataKey", format!("the key of {arn}"))
                } else {
                    ("sns:Publish", arn)
                };
                let usual = Right { action: action.to_owned(), resource };
                let Right { action, resource } = answer.missing(usual);
                NotifyError::AccessDenied { action, resource, said: answer.words, request }
            }
            _ => NotifyError::Failed { arn, said: answer.words, request },
        })
    }
}

fn failed(arn: &str, said: String) -> NotifyError {
    NotifyError::Failed { arn: arn.to_owned(), said, request: request(None) }
}

fn attribute(value: &str) -> Result<MessageAttributeValue, BuildError> {
    MessageAttributeValue::builder().data_type("String").string_value(value).build()
}

/// The ARN of a topic that is given by its ARN or its bare name. `prefix` is the setting; without
/// it the topic is in the function's own account and region.
///
/// # Errors
/// [`NotifyError::NoPrefix`].
pub fn topic_arn(
    topic: &str,
    prefix: Option<&str>,
    function_arn: &str,
) -> Result<String, NotifyError> {
    if topic.starts_with("arn:") {
        return Ok(topic.to_owned());
    }
    let own = || own_prefix(function_arn, "sns");
    prefix
        .map(str::to_owned)
        .or_else(own)
        .map(|prefix| format!("{prefix}{topic}"))
        .ok_or_else(|| NotifyError::NoPrefix(topic.to_owned()))
}

/// The start of a service's ARNs in the function's own account and region. Functions are
/// `arn:partition:lambda:region:account:function:name`, state machines similar; topics differ in
/// the service.
pub(crate) fn own_prefix(function_arn: &str, service: &str) -> Option<String> {
    let mut parts = function_arn.split(':');
    let (arn, partition) = (parts.next()?, parts.next()?);
    let (_service, region, account) = (parts.next()?, parts.next()?, parts.next()?);
    let complete = arn == "arn" && [partition, region, account].iter().all(|p| !p.is_empty());
    complete.then(|| format!("arn:{partition}:{service}:{region}:{account}:"))
}

#[cfg(test)]
mod tests {
    use super::{NotifyError, topic_arn};

    const FUNCTION: &str = "arn:aws-cn:lambda:cn-north-1:123456789012:function:concat:live";

    #[test]
    fn topics_resolve() {
        let arn = "arn:aws:sns:us-east-1:1:done";
        for (topic, prefix, function, expected) in [
            (arn, None, "", arn),
            (arn, Some("arn:aws:sns:x:2:"), FUNCTION, arn),
            ("done", Some("arn:aws:sns:us-east-1:1:"), FUNCTION, arn),
            ("done", None, FUNCTION, "arn:aws-cn:sns:cn-north-1:123456789012:done"),
        ] {
            assert_eq!(topic_arn(topic, prefix, function).unwrap(), expected);
        }
    }

    #[test]
    fn a_bare_name_without_a_prefix_is_an_error() {
        let error = topic_arn("done", None, "local").unwrap_err();
        assert_eq!(error, NotifyError::NoPrefix("done".to_owned()));
        assert!(error.to_string().contains("`TOPIC_ARN_PREFIX`"));
    }
}
