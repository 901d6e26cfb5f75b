//! Executions of the state machine for distributed tasks: the only module that uses the SDK of Step
//! Functions.

use aws_config::SdkConfig;
use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::Value;

use crate::answer::{Answer, Right};
use crate::code::Code;

/// Starts, checks, and stops executions.
#[derive(Clone, Debug)]
pub struct Executions {
    client: Client,
}

/// The state of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was never started, or so long ago that Step Functions no longer knows it.
    Unknown,
    /// It is running.
    Running,
    /// It has ended.
    Ended,
}

/// Why an execution could not be started, checked, or stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecutionError {
    /// The function's role lacks a permission.
    #[error(
        "the function's role needs `{action}` on `{resource}`; Step Functions said: {said} ({request})"
    )]
    AccessDenied {
        /// The permission that is missing.
        action: String,
        /// The state machine, or the execution.
        resource: String,
        /// The service's message.
        said: String,
        /// The request id, as text.
        request: String,
    },
    /// The operation failed.
    #[error("`{action}` on `{resource}` failed: {said} ({request})")]
    Failed {
        /// The operation.
        action: String,
        /// The state machine, or the execution.
        resource: String,
        /// The message of the service or the connection.
        said: String,
        /// The request id, as text.
        request: String,
    },
}

impl ExecutionError {
    /// The outward code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::AccessDenied { .. } => Code::AccessDenied,
            Self::Failed { .. } => Code::InternalError,
        }
    }

    fn of(answer: Answer, action: &str, resource: &str) -> Self {
        let request = answer.request();
        let right = Right { action: action.to_owned(), resource: resource.to_owned() };
        if answer.is_denial() {
            let Right { action, resource } = answer.missing(right);
            Self::AccessDenied { action, resource, said: answer.words, request }
        } else {
            let Right { action, resource } = right;
            Self::Failed { action, resource, said: answer.words, request }
        }
    }
}

impl Executions {
    /// Uses the shared configuration.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// Starts an execution, unless one with this name exists.
    ///
    /// # Errors
    /// See [`ExecutionError`].
    pub async fn start(
        &self,
        state_machine: &str,
        name: &str,
        input: &Value,
    ) -> Result<(), ExecutionError> {
        let request = self.client.start_execution().state_machine_arn(state_machine).name(name);
        let Err(error) = request.input(input.to_string()).send().await else {
            return Ok(());
        };
        let answer = Answer::of(&error);
        if answer.code.as_deref() == Some("ExecutionAlreadyExists") {
            return Ok(());
        }
        Err(ExecutionError::of(answer, "states:StartExecution", state_machine))
    }

    /// The state of the execution with this ARN.
    ///
    /// # Errors
    /// See [`ExecutionError`].
    pub async fn standing(&self, arn: &str) -> Result<Standing, ExecutionError> {
        let error = match self.client.describe_execution().execution_arn(arn).send().await {
            Ok(found) if *found.status() == ExecutionStatus::Running => {
                return Ok(Standing::Running);
            }
            Ok(_) => return Ok(Standing::Ended),
            Err(error) => error,
        };
        let answer = Answer::of(&error);
        if answer.code.as_deref() == Some("ExecutionDoesNotExist") {
            return Ok(Standing::Unknown);
        }
        Err(ExecutionError::of(answer, "states:DescribeExecution", arn))
    }

    /// Stops an execution; succeeds if it has already ended.
    ///
    /// # Errors
    /// See [`ExecutionError`].
    pub async fn stop(&self, arn: &str, cause: &str) -> Result<(), ExecutionError> {
        let request = self.client.stop_execution().execution_arn(arn).error("Canceled");
        let Err(error) = request.cause(cause).send().await else {
            return Ok(());
        };
        let answer = Answer::of(&error);
        if answer.code.as_deref() == Some("ExecutionDoesNotExist") {
            return Ok(());
        }
        Err(ExecutionError::of(answer, "states:StopExecution", arn))
    }
}
