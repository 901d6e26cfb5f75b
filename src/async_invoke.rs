//! Starts an accepted task: the function invokes itself asynchronously, so that the HTTP caller
//! need not wait for the work.

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;

use crate::answer::{Answer, Right};
use crate::event::Accepted;

/// Lambda's size limit for an asynchronous event.
const LARGEST: usize = 256 * 1024;

/// How the work on an accepted task is started.
#[derive(Clone, Debug)]
pub enum AsyncInvoke {
    /// With an asynchronous invocation.
    Lambda(Client),
    /// In this invocation, before the reply: used if no function can be invoked.
    Here,
}

/// Why the work could not be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AsyncInvokeError {
    /// The event is too large for an invocation.
    #[error(
        "the request is too long for an asynchronous invocation: {0} bytes, but at most 262144 are \
         allowed"
    )]
    TooLarge(usize),
    /// The function's role may not invoke it.
    #[error(
        "the function's role needs `{action}` on `{resource}`; Lambda said: {said} ({request})"
    )]
    AccessDenied {
        /// The permission that is missing.
        action: String,
        /// The function, or one of its versions.
        resource: String,
        /// The service's message.
        said: String,
        /// The request id, as text.
        request: String,
    },
    /// The invocation failed.
    #[error("function `{name}` could not be invoked: {said} ({request})")]
    Failed {
        /// The function.
        name: String,
        /// The message of the service or the connection.
        said: String,
        /// The request id, as text.
        request: String,
    },
}

impl AsyncInvoke {
    /// Uses the shared configuration.
    #[must_use]
    pub fn lambda(config: &SdkConfig) -> Self {
        Self::Lambda(Client::new(config))
    }
}

/// Invokes the function with this ARN, including version or alias, with the task.
///
/// # Errors
/// See [`AsyncInvokeError`].
pub async fn invoke(
    client: &Client,
    function_arn: &str,
    accepted: &Accepted,
) -> Result<(), AsyncInvokeError> {
    let payload = accepted.to_event().to_string();
    if payload.len() > LARGEST {
        return Err(AsyncInvokeError::TooLarge(payload.len()));
    }
    let request = client
        .invoke()
        .function_name(function_arn)
        .invocation_type(InvocationType::Event)
        .payload(Blob::new(payload));
    let Err(error) = request.send().await else {
        return Ok(());
    };
    let answer = Answer::of(&error);
    let (name, request) = (function_arn.to_owned(), answer.request());
    Err(if answer.is_denial() {
        let usual = Right { action: "lambda:InvokeFunction".to_owned(), resource: name };
        let Right { action, resource } = answer.missing(usual);
        AsyncInvokeError::AccessDenied { action, resource, said: answer.words, request }
    } else {
        AsyncInvokeError::Failed { name, said: answer.words, request }
    })
}
