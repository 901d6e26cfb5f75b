//! Hands a task over to an execution, and checks on executions that exist.

use serde_json::Value;
use tracing::{info, warn};

use super::super::prepared::Prepared;
use super::super::{Deadline, Done, Invocation, Job, TaskError, Worker};
use super::folder::Folder;
use super::wants_more_room;
use crate::event::{RunOfTask, execution_input};
use crate::executions::Standing;
use crate::ledger::{CANCELED, Journal};
use crate::object::Bucket;
use crate::settings::Distribute;
use crate::task::{Execution, Run, TaskRecord, execution_arn};

impl Worker {
    /// Does the task here, or hands it over to an execution: because all tasks are handed over, or
    /// because one function can't do it.
    pub(in crate::worker) async fn here_or_elsewhere(
        &self,
        prepared: &Prepared,
        job: &Job,
        journal: &Journal,
        invocation: &Invocation,
    ) -> Result<Done, TaskError> {
        let distribution = &self.settings.distribution;
        let Some(state_machine) = distribution.state_machine() else {
            let deadline = Deadline::before(invocation.deadline);
            return self.steps(prepared, journal, deadline).await.map(|()| Done::Here);
        };
        if distribution.which != Distribute::Always {
            let deadline = Deadline::before(invocation.deadline);
            let error = match self.steps(prepared, journal, deadline).await {
                Err(error) if wants_more_room(&error) => error,
                done => return done.map(|()| Done::Here),
            };
            info!(%error, "one function can't do the task");
        }
        let record = TaskRecord { usage: self.used(invocation), ..journal.latest() };
        self.hand_over(state_machine, job, journal, record).await.map(|()| Done::HandedOver)
    }

    /// Hands the task over to an execution. The record names the execution before it is started: if
    /// this process dies in between, the next request for the task starts it.
    async fn hand_over(
        &self,
        state_machine: &str,
        job: &Job,
        journal: &Journal,
        record: TaskRecord,
    ) -> Result<(), TaskError> {
        let bucket = &journal.uri().bucket;
        let run = Run::of(journal.holder());
        let name = run.execution_name(record.task_id);
        let arn = execution_arn(state_machine, &name);
        let input = input(job, bucket, &record, run.clone());
        // The execution repeats the analysis, so its results are dropped here.
        let record = TaskRecord {
            execution_arn: Some(arn.clone()),
            timeline: Vec::new(),
            warnings: Vec::new(),
            progress: 0,
            ..record
        };
        journal.hand_over(&record, Execution { arn, run, idle: true }).await?;
        self.executions.start(state_machine, &name, &input).await?;
        info!(execution = name, "handed over");
        Ok(())
    }

    /// Checks on an execution that another request for the task has found; `false` if it has ended.
    pub(in crate::worker) async fn follow(
        &self,
        job: &Job,
        bucket: &Bucket,
        record: &TaskRecord,
        execution: &Execution,
    ) -> bool {
        let standing = self.executions.standing(&execution.arn).await;
        match standing {
            Ok(Standing::Running) => true,
            Ok(Standing::Ended) => false,
            Ok(Standing::Unknown) => self.start_again(job, bucket, record, execution).await,
            Err(error) => {
                warn!(%error, "the execution's state can't be read");
                true
            }
        }
    }

    /// Starts an execution that a process recorded but died before starting.
    async fn start_again(
        &self,
        job: &Job,
        bucket: &Bucket,
        record: &TaskRecord,
        execution: &Execution,
    ) -> bool {
        let run = execution.run.clone();
        let name = run.execution_name(record.task_id);
        let state_machine = self.settings.distribution.state_machine();
        let Some(state_machine) =
            state_machine.filter(|it| execution_arn(it, &name) == execution.arn)
        else {
            return false;
        };
        let input = input(job, bucket, record, run);
        match self.executions.start(state_machine, &name, &input).await {
            Ok(()) => info!(execution = name, "started for a run that died"),
            Err(error) => warn!(%error, "the execution can't be started"),
        }
        true
    }

    /// Stops the execution of a canceled task, and removes what it has made.
    pub(in crate::worker) async fn stop(&self, record: &TaskRecord, bucket: &Bucket) {
        let Some(arn) = record.execution_arn.as_deref() else { return };
        if let Err(error) = self.executions.stop(arn, CANCELED).await {
            warn!(%error, "the execution was not stopped");
        }
        if let Ok((task, run)) = Run::of_execution(arn) {
            let of = RunOfTask { task, run, bucket: bucket.clone() };
            Folder::of(&of, &self.settings.task_prefix).remove(&self.store).await;
        }
    }
}

/// The input of a run's execution.
fn input(job: &Job, bucket: &Bucket, record: &TaskRecord, run: Run) -> Value {
    let sources = record.sources.iter();
    let etags =
        sources.map(|source| (String::from(&source.uri.key), source.etag.clone())).collect();
    let of = RunOfTask { task: record.task_id, bucket: bucket.clone(), run };
    execution_input(&of, &job.accepted(record, bucket.clone(), etags))
}
