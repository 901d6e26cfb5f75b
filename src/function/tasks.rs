//! Task records over HTTP: returns one or a list, and cancels a task that is still running.

use std::pin::pin;

use futures::{StreamExt, stream};
use serde_json::Value;

use super::authority::Authority;
use super::{Function, topic_arns};
use crate::code::Code;
use crate::event::ListQuery;
use crate::ledger::{Canceling, Marker, RecordFile};
use crate::object::{Bucket, ObjectUri};
use crate::quote::quote;
use crate::reply::{HttpReply, Refusal, Refused};
use crate::storage::StoreError;
use crate::task::{Status, TaskId, TaskRecord};
use crate::worker::Invocation;

/// Most records on a page.
const PAGE: usize = 100;
/// Most bytes of a page without its last record. Lambda's replies have at most 6 MB, in which the
/// page is JSON text inside of JSON.
const LARGEST_PAGE: usize = 2 * 1024 * 1024;
/// Most targets per record on a page.
const MOST_TARGETS: usize = 16;
/// How many records are read at the same time.
const PARALLEL_READS: usize = 16;

/// A record as it was read.
type Read = (RecordFile, Result<Option<TaskRecord>, StoreError>);

/// Returns the record of a task.
pub(super) async fn show(
    function: &Function,
    id: TaskId,
    authority: &Authority,
    invocation: &Invocation,
) -> Result<HttpReply, Refusal> {
    let record = visible(function, id, authority, invocation).await?;
    let record = function.worker.count_pieces(record, record_bucket(function)?).await;
    Ok(HttpReply::record(&record, &invocation.request_id))
}

/// Cancels a task. Every caller who may see its record may do this.
pub(super) async fn cancel(
    function: &Function,
    id: TaskId,
    authority: &Authority,
    invocation: &Invocation,
) -> Result<HttpReply, Refusal> {
    visible(function, id, authority, invocation).await?;
    let bucket = record_bucket(function)?;
    let canceling = Box::pin(function.worker.cancel(bucket, id, invocation)).await;
    match canceling.map_err(|error| refused(&error))? {
        Canceling::Asked | Canceling::Taken(..) => Ok(HttpReply::empty(&invocation.request_id)),
        Canceling::Unknown => Err(unknown(id)),
        Canceling::Ended => {
            let message = format!("task `{id}` has ended: it can't be canceled any more");
            Err(Refusal::new(Refused::TaskEnded, message))
        }
    }
}

/// Returns a page of records, the newest first.
pub(super) async fn list(
    function: &Function,
    query: &ListQuery,
    authority: &Authority,
    invocation: &Invocation,
) -> Result<HttpReply, Refusal> {
    let status = query.status.as_deref().map(read_status).transpose()?;
    let marker = query.marker.as_deref().map(read_marker).transpose()?;
    let is_wanted = |record: &TaskRecord| {
        status.is_none_or(|status| status == record.status)
            && query.prefix.as_deref().is_none_or(|prefix| is_about(record, prefix))
    };
    let bucket = record_bucket(function)?;
    let ledger = function.worker.ledger();
    let files = ledger.list(bucket, marker.as_ref()).await.map_err(|error| refused(&error))?;
    let ledger = &ledger;
    let records = stream::iter(files)
        .map(|file| async move { (file, ledger.find(bucket, file.task).await) })
        .buffered(PARALLEL_READS)
        .peekable();
    let mut records = pin!(records);
    let mut page = Page::default();
    while let Some(first) = records.as_mut().next().await {
        let mut tied = vec![first];
        let changed = tied[0].0.changed;
        let is_tied = |(file, _): &(RecordFile, _)| file.changed == changed;
        while let Some(next) = records.as_mut().next_if(is_tied).await {
            tied.push(next);
        }
        let wanted = in_order(tied).map_err(|error| refused(&error))?;
        let wanted = wanted.into_iter().filter(|(place, record)| {
            marker.is_none_or(|marker| *place > marker)
                && is_wanted(record)
                && authority.may_see(record, topic_arns(function, invocation))
        });
        for (place, record) in wanted {
            if page.is_full() {
                return Ok(page.reply(true, invocation));
            }
            let record = function.worker.count_pieces(record, bucket).await;
            page.add(place, summary(&record));
        }
    }
    Ok(page.reply(false, invocation))
}

/// Sorts records for which storage has the same time of change.
fn in_order(tied: Vec<Read>) -> Result<Vec<(Marker, TaskRecord)>, StoreError> {
    let mut records = Vec::new();
    for (file, found) in tied {
        records.extend(found?.map(|record| (file.place(&record), record)));
    }
    records.sort_by_key(|(place, _)| *place);
    Ok(records)
}

/// The records of a reply.
#[derive(Default)]
struct Page {
    records: Vec<Value>,
    last: Option<Marker>,
    bytes: usize,
}

impl Page {
    fn is_full(&self) -> bool {
        self.records.len() == PAGE || self.bytes > LARGEST_PAGE
    }

    fn add(&mut self, place: Marker, summary: Value) {
        self.bytes += summary.to_string().len();
        self.records.push(summary);
        self.last = Some(place);
    }

    fn reply(&self, goes_on: bool, invocation: &Invocation) -> HttpReply {
        let next = self.last.filter(|_| goes_on).map(|place| place.to_string());
        HttpReply::list(&self.records, next, &invocation.request_id)
    }
}

/// Whether the key of a source or target, or its bucket and key, starts with `prefix`.
fn is_about(record: &TaskRecord, prefix: &str) -> bool {
    let sources = record.sources.iter().map(|source| &source.uri);
    let mut objects = sources.chain(record.targets.iter().map(|target| &target.uri));
    objects.any(|ObjectUri { bucket, key }| {
        key.starts_with(prefix) || format!("{bucket}/{key}").starts_with(prefix)
    })
}

/// A record without the lists that grow with its clips and segments. Of many targets only the last
/// one stays, which is the playlist.
fn summary(record: &TaskRecord) -> Value {
    let mut summary = serde_json::to_value(record).expect("a record has text keys only");
    if let Value::Object(fields) = &mut summary {
        if let Some(Value::Array(targets)) = fields.get_mut("Targets")
            && targets.len() > MOST_TARGETS
        {
            targets.drain(..targets.len() - 1);
        }
        for name in ["Sources", "Timeline"] {
            fields.remove(name);
        }
    }
    summary
}

fn read_status(text: &str) -> Result<Status, Refusal> {
    let status = serde_json::from_value(Value::from(text));
    status.map_err(|_| invalid("status", text, "`Running`, `Succeeded`, or `Failed`"))
}

fn read_marker(text: &str) -> Result<Marker, Refusal> {
    text.parse().map_err(|()| invalid("marker", text, "the `NextMarker` of the previous page"))
}

fn invalid(name: &str, value: &str, expected: &str) -> Refusal {
    let message = format!("`{name}` of the query is {}: expected {expected}", quote(value));
    let argument = Some((name.to_owned(), value.to_owned()));
    Refusal { argument, ..Refusal::new(Refused::Task(Code::InvalidArgument), message) }
}

/// The record of a task, if the caller may see it.
async fn visible(
    function: &Function,
    id: TaskId,
    authority: &Authority,
    invocation: &Invocation,
) -> Result<TaskRecord, Refusal> {
    let bucket = record_bucket(function)?;
    let found = function.worker.ledger().find(bucket, id).await;
    let record = found.map_err(|error| refused(&error))?.ok_or_else(|| unknown(id))?;
    if authority.may_see(&record, topic_arns(function, invocation)) {
        return Ok(record);
    }
    let message = format!("the access key does not allow the objects of task `{id}`");
    Err(Refusal::new(Refused::Task(Code::AccessDenied), message))
}

/// Without a bucket of their own, records are in the bucket of the target, which is not known here.
fn record_bucket(function: &Function) -> Result<&Bucket, Refusal> {
    function.worker.settings.record_bucket().ok_or_else(|| {
        let message = "task records are kept in the target buckets: set `TASK_BUCKET` (or `DEFAULT_BUCKET`) to have them found by their id";
        Refusal::new(Refused::InvalidRequest, message)
    })
}

fn unknown(id: TaskId) -> Refusal {
    let message = format!("there is no task `{id}`, or its record has expired");
    Refusal::new(Refused::Task(Code::NoSuchKey), message)
}

fn refused(error: &StoreError) -> Refusal {
    Refusal::new(Refused::Task(error.code()), error.to_string())
}
