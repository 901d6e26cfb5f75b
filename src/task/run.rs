//! A run of a distributed task: one execution of the state machine.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{TaskId, TaskIdError};
use crate::quote::quote;

/// Hex digits of a run. With a task's id they form the name of an execution, which has at most 80
/// characters.
const DIGITS: usize = 16;

/// One try at a distributed task. Everything that its steps write is stored under its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Run(String);

/// Text that is not a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// It does not have the form of a run.
    #[error("{} is not a run; expected 16 hex digits", quote(.0))]
    Run(String),
    /// It is not the ARN of a task's execution.
    #[error("{} is not an execution of a task", quote(.0))]
    Execution(String),
    /// The task id in it is not valid.
    #[error(transparent)]
    Task(#[from] TaskIdError),
}

impl Run {
    /// The run whose lease was taken by this holder.
    #[must_use]
    pub fn of(holder: Uuid) -> Self {
        let mut digits = holder.simple().to_string();
        digits.truncate(DIGITS);
        Self(digits)
    }

    /// The name of its execution.
    #[must_use]
    pub fn execution_name(&self, task: TaskId) -> String {
        format!("{task}-{self}")
    }

    /// The task and the run of an execution, from its ARN.
    ///
    /// # Errors
    /// See [`RunError`].
    pub fn of_execution(arn: &str) -> Result<(TaskId, Self), RunError> {
        let name = arn.rsplit(':').next().and_then(|name| name.rsplit_once('-'));
        let (task, run) = name.ok_or_else(|| RunError::Execution(arn.to_owned()))?;
        Ok((task.parse()?, run.parse()?))
    }

    /// The folder for what its steps make, beside the task's record.
    #[must_use]
    pub fn folder(&self, prefix: &str, task: TaskId) -> String {
        format!("{prefix}{task}/{self}/")
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Run {
    type Err = RunError;

    fn from_str(text: &str) -> Result<Self, RunError> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == DIGITS && text.bytes().all(digit) {
            Ok(Self(text.to_owned()))
        } else {
            Err(RunError::Run(text.to_owned()))
        }
    }
}

impl From<Run> for String {
    fn from(run: Run) -> Self {
        run.0
    }
}

impl TryFrom<String> for Run {
    type Error = RunError;

    fn try_from(text: String) -> Result<Self, RunError> {
        text.parse()
    }
}

/// The ARN of an execution with this name, from the ARN of its state machine.
#[must_use]
pub fn execution_arn(state_machine: &str, name: &str) -> String {
    format!("{}:{name}", state_machine.replacen(":stateMachine:", ":execution:", 1))
}

/// The state machine of an execution.
#[must_use]
pub fn state_machine_arn(execution: &str) -> String {
    let machine = execution.rsplit_once(':').map_or(execution, |(machine, _)| machine);
    machine.replacen(":execution:", ":stateMachine:", 1)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{Run, execution_arn, state_machine_arn};
    use crate::task::example;

    #[test]
    fn an_execution_names_its_task_and_run() {
        let task = example().task_id;
        let run = Run::of(Uuid::from_u128(0x0123_4567_89ab_cdef_0011_2233_4455_6677));
        assert_eq!(run.to_string(), "0123456789abcdef");
        let name = run.execution_name(task);
        assert!(name.len() <= 80, "{name}");
        let arn = execution_arn("arn:aws:states:eu-west-1:1:stateMachine:long", &name);
        assert_eq!(arn, format!("arn:aws:states:eu-west-1:1:execution:long:{name}"));
        assert_eq!(state_machine_arn(&arn), "arn:aws:states:eu-west-1:1:stateMachine:long");
        assert_eq!(Run::of_execution(&arn), Ok((task, run.clone())));
        assert_eq!(run.folder(".tasks/", task), format!(".tasks/{task}/0123456789abcdef/"));
        for wrong in ["", "arn:aws:states:r:1:execution:long:other", "x-0123456789abcdef"] {
            assert!(Run::of_execution(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "0123456789ABCDEF", "../../../../etc/x", "0123456789abcdef0"] {
            assert!(wrong.parse::<Run>().is_err(), "{wrong}");
        }
    }
}
