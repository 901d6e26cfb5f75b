//! Steps of a distributed task, as the state machine requests them.
//!
//! Like the function's own event, they are accepted only as direct invocations: HTTP requests and
//! messages of this form are rejected.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::field::{at, optional_text, text};
use super::{Accepted, EventError};
use crate::object::Bucket;
use crate::task::{Run, TaskId};

/// The field that identifies a step.
pub(super) const FIELD: &str = "step";
/// `EventBridge`'s name for the end of an execution.
pub(super) const EXECUTION_CHANGE: &str = "Step Functions Execution Status Change";

/// A step of a distributed task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The run that the step belongs to.
    pub of: RunOfTask,
    /// What the step does.
    pub work: Work,
}

/// A run of a task, and the bucket of its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOfTask {
    /// The task.
    pub task: TaskId,
    /// The bucket of its record.
    pub bucket: Bucket,
    /// The run.
    pub run: Run,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Reads the sources, and decides on the ranges.
    Plan(Box<Accepted>),
    /// Renders the range with this index.
    Render(usize),
    /// Makes the audio.
    Sound,
    /// Joins everything, and ends the task.
    Join,
    /// Ends the task without a result.
    Fail(Failure),
}

/// Why an execution failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// The name of the error.
    pub error: Option<String>,
    /// The error message, as text or JSON.
    pub cause: Option<String>,
    /// The status of the execution, if it has ended.
    pub status: Option<String>,
}

/// The input of the state machine.
#[must_use]
pub fn execution_input(of: &RunOfTask, accepted: &Accepted) -> Value {
    json!({"task": of.task, "bucket": of.bucket, "run": of.run, "accepted": accepted})
}

pub(super) fn decode(event: &Value) -> Result<Step, EventError> {
    let kind = text(event, &[FIELD])?;
    let work = match kind {
        "plan" => Work::Plan(Box::new(read(&event["accepted"])?)),
        "render" => {
            let index = at(event, &["range", "index"]).and_then(Value::as_u64);
            let index = index.and_then(|index| usize::try_from(index).ok());
            Work::Render(index.ok_or_else(|| EventError::Missing("range.index".to_owned()))?)
        }
        "sound" => Work::Sound,
        "join" => Work::Join,
        "fail" => return fail(event, event.get("input")),
        other => return Err(EventError::UnknownStep(other.to_owned())),
    };
    Ok(Step { of: read(event)?, work })
}

/// The end of an execution, as reported by `EventBridge`.
pub(super) fn decode_change(event: &Value) -> Result<Step, EventError> {
    let detail = &event["detail"];
    fail(detail, detail.get("input"))
}

/// `input` is the input of an execution that has ended: JSON, or a text that contains JSON.
fn fail(event: &Value, input: Option<&Value>) -> Result<Step, EventError> {
    let words = |path: &[&str]| optional_text(event, path).map(|text| text.map(str::to_owned));
    let failure = Failure {
        error: words(&["error", "Error"]).or_else(|_| words(&["error"]))?,
        cause: words(&["error", "Cause"]).or_else(|_| words(&["cause"]))?,
        status: words(&["status"])?,
    };
    let of = match input {
        Some(Value::String(input)) => read(&serde_json::from_str(input).map_err(unreadable)?)?,
        Some(input) if !input.is_null() => read(input)?,
        _ => read(event)?,
    };
    Ok(Step { of, work: Work::Fail(failure) })
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, EventError> {
    T::deserialize(value).map_err(unreadable)
}

#[expect(clippy::needless_pass_by_value, reason = "as a mapped error comes")]
fn unreadable(error: serde_json::Error) -> EventError {
    EventError::BadJson { what: "step", said: error.to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Failure, Step, Work};
    use crate::event::{Event, EventError, decode};
    use crate::task::example;

    fn event(more: Value) -> Value {
        let task = example().task_id.to_string();
        let mut event = json!({"task": task, "bucket": "tasks", "run": "0123456789abcdef"});
        let (Value::Object(fields), Value::Object(more)) = (&mut event, more) else { panic!() };
        fields.extend(more);
        event
    }

    fn step(event: &Value) -> Result<Step, EventError> {
        decode(event).map(|event| match event {
            Event::Step(step) => *step,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn steps_are_distinguished_and_name_their_run() {
        for (name, work) in [
            ("render", Work::Render(7)),
            ("sound", Work::Sound),
            ("join", Work::Join),
            ("fail", Work::Fail(Failure::default())),
        ] {
            let found = step(&event(json!({"step": name, "range": {"index": 7}}))).unwrap();
            assert_eq!(found.work, work);
            assert_eq!((found.of.task, &*found.of.bucket), (example().task_id, "tasks"));
        }
        let unknown = step(&event(json!({"step": "rest"}))).unwrap_err().to_string();
        assert!(unknown.contains("`rest`") && unknown.contains("join"), "{unknown}");
        for wrong in [
            json!({"step": "render"}),
            json!({"step": "render", "range": {"index": -1}}),
            json!({"step": "plan"}),
            json!({"step": "join", "run": "../x"}),
            json!({"step": 1}),
        ] {
            assert!(step(&event(wrong.clone())).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_execution_that_ended_tells_its_run_by_its_input() {
        let input = event(json!({"accepted": {}}));
        let stopped = Failure { status: Some("ABORTED".to_owned()), ..Failure::default() };
        for ended in [
            json!({"step": "fail", "execution": "arn", "status": "ABORTED", "input": input}),
            json!({"step": "fail", "execution": "arn", "status": "ABORTED", "input": input.to_string()}),
            json!({"detail-type": "Step Functions Execution Status Change", "source": "aws.states",
                "detail": {"executionArn": "arn", "status": "ABORTED", "input": input.to_string()}}),
        ] {
            let found = step(&ended).unwrap();
            assert_eq!(found.work, Work::Fail(stopped.clone()));
            assert_eq!(found.of.run.to_string(), "0123456789abcdef");
        }
        let caught = event(json!({"step": "fail", "error": {"Error": "E", "Cause": "C"}}));
        let found = step(&caught).unwrap().work;
        let (error, cause) = (Some("E".to_owned()), Some("C".to_owned()));
        assert_eq!(found, Work::Fail(Failure { error, cause, status: None }));
    }
}
