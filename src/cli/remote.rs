//! `submit`, `tasks`, `show`, and `cancel`: tasks of a deployed function, over HTTP.

mod shown;

use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tokio::time::sleep;
use video_concat::event::Resource;
use video_concat::quote::printable;

use super::endpoint::Endpoint;
use super::failure::Failure;
use super::output::Output;
use super::progress::Progress;
use super::request::RequestArgs;
use super::run::wait;
use shown::Shown;

/// The first pause between requests for the record of a task.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The arguments of `submit`.
#[derive(Args, Debug)]
pub(crate) struct Submit {
    #[command(flatten)]
    request: RequestArgs,
    /// Wait until the task has ended, and show its result.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    endpoint: Endpoint,
}

/// The status of a task.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Status {
    Running,
    Succeeded,
    Failed,
}

/// The arguments of `tasks`.
#[derive(Args, Debug)]
pub(crate) struct Tasks {
    /// Only tasks with this status.
    #[arg(long, value_enum, ignore_case = true)]
    status: Option<Status>,
    /// Only tasks with a source or target whose key, or bucket and key, begins with this text.
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    /// The most tasks to list.
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    endpoint: Endpoint,
}

/// The arguments of `show` and `cancel`.
#[derive(Args, Debug)]
pub(crate) struct One {
    /// Id of the task.
    #[arg(value_name = "TASK_ID")]
    id: video_concat::task::TaskId,
    #[command(flatten)]
    endpoint: Endpoint,
}

impl Submit {
    pub(crate) fn run(&self, output: Output) -> Result<(), Failure> {
        let asked = self.request.one()?;
        // Mistakes are shown here, where the process string is known.
        let request = asked.resolve()?;
        output.warnings(&request.warnings);
        let (Some(bucket), Some(object)) = (&asked.bucket, &asked.object) else {
            let message = "the main object is unknown: name it with `--bucket` and `--object`";
            return Err(Failure::wrong(message).argument("object", ""));
        };
        let mut event = json!({"bucket": bucket, "object": object, "process": asked.process});
        if let Some(data) = &asked.user_data {
            event["userData"] = data.clone().into();
        }
        let progress = Progress::new();
        let outcome = wait(async {
            progress.stage("submit");
            let body = event.to_string();
            let answer = self.endpoint.send("POST", &Resource::default(), &[], body).await?;
            let ids = answer.json()?;
            if !self.wait {
                return Ok((ids, None));
            }
            let record = self.follow(&ids, &progress).await?;
            Ok((ids, Some(record)))
        });
        progress.clear();
        match outcome? {
            (ids, None) => {
                let text = ids["TaskId"]
                    .as_str()
                    .ok_or_else(|| Failure::failed("the answer has no `TaskId`"))?;
                output.result(&format!("{}\n", printable(text)), || ids.clone())
            }
            (_, Some(record)) => ended(output, &record),
        }
    }

    /// Requests the task's record until the task has ended.
    async fn follow(&self, ids: &Value, progress: &Progress) -> Result<Value, Failure> {
        let id = ids["TaskId"].as_str().and_then(|id| id.parse().ok());
        let id = id.ok_or_else(|| Failure::failed("the answer names no task"))?;
        let mut pause = FIRST_PAUSE;
        progress.percent("task");
        loop {
            let record = record(&self.endpoint, id).await?;
            let shown = Shown::of(&record)?;
            if shown.status != "Running" {
                return Ok(record);
            }
            progress.set(shown.progress);
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

impl Tasks {
    pub(crate) fn run(&self, output: Output) -> Result<(), Failure> {
        let (tasks, more) = wait(self.list())?;
        let mut text = String::new();
        for task in &tasks {
            text += &Shown::of(task)?.line();
        }
        output.result(&text, || json!({"Tasks": tasks, "More": more}))?;
        if more {
            output.note("there are more: raise `--limit`");
        }
        Ok(())
    }

    /// Reads as many pages as needed. Also returns whether there are more tasks.
    async fn list(&self) -> Result<(Vec<Value>, bool), Failure> {
        let resource = Resource::new("tasks", "");
        let mut tasks: Vec<Value> = Vec::new();
        let mut marker: Option<Value> = None;
        loop {
            let mut query = Vec::new();
            if let Some(status) = self.status {
                query.push(("status".to_owned(), format!("{status:?}")));
            }
            if let Some(prefix) = &self.prefix {
                query.push(("prefix".to_owned(), prefix.clone()));
            }
            if let Some(marker) = marker.as_ref().and_then(Value::as_str) {
                query.push(("marker".to_owned(), marker.to_owned()));
            }
            let page = self.endpoint.send("GET", &resource, &query, String::new()).await?;
            let mut page = page.json()?;
            if let Value::Array(found) = page["Tasks"].take() {
                tasks.extend(found);
            }
            marker = Some(page["NextMarker"].take()).filter(Value::is_string);
            if tasks.len() >= self.limit || marker.is_none() {
                let more = tasks.len() > self.limit || marker.is_some();
                tasks.truncate(self.limit);
                return Ok((tasks, more));
            }
        }
    }
}

impl One {
    pub(crate) fn show(&self, output: Output) -> Result<(), Failure> {
        let record = wait(record(&self.endpoint, self.id))?;
        output.result(&Shown::of(&record)?.described(), || record.clone())
    }

    pub(crate) fn cancel(&self, output: Output) -> Result<(), Failure> {
        let resource = Resource::new("tasks", self.id.to_string());
        wait(self.endpoint.send("DELETE", &resource, &[], String::new()))?;
        let text = format!("{} is canceled\n", self.id);
        output.result(&text, || json!({"TaskId": self.id, "Canceled": true}))
    }
}

async fn record(endpoint: &Endpoint, id: video_concat::task::TaskId) -> Result<Value, Failure> {
    let resource = Resource::new("tasks", id.to_string());
    endpoint.send("GET", &resource, &[], String::new()).await?.json()
}

/// Prints the end of a task: its result, or an error with its code.
fn ended(output: Output, record: &Value) -> Result<(), Failure> {
    let shown = Shown::of(record)?;
    if shown.status == "Succeeded" {
        return output.result(&shown.described(), || record.clone());
    }
    let unknown = || "unknown".to_owned();
    let code = shown.code.unwrap_or_else(unknown);
    let message = shown.message.unwrap_or_else(unknown);
    Err(Failure::refused(&code, message).with_record(record.clone()))
}
