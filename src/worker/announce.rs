//! Announce: events about a task, beside the work. Nothing of a task waits long for the bus, or
//! depends on what it answers.

use std::convert::Infallible;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout_at};
use tracing::{Instrument, warn};

use super::deadline::REPORT_RESERVE;
use super::{Invocation, Worker};
use crate::event_bus::BusError;
use crate::ledger::Journal;
use crate::message::EventKind;
use crate::task::TaskRecord;

/// How often it is said how far a task is.
pub(super) const PROGRESS: Duration = Duration::from_secs(10);

const NOT_PUT: &str = "an event could not be put on the bus";

impl Worker {
    /// Puts a change of the task's state on the bus, where there is one.
    ///
    /// # Errors
    /// Where the bus does not take it.
    pub async fn announce(
        &self,
        record: &TaskRecord,
        invocation: &Invocation,
    ) -> Result<(), BusError> {
        self.put(EventKind::StateChange, record, invocation).await
    }

    /// Puts on the bus that the task runs, while the caller goes on. What is not sent when the value
    /// goes is not sent.
    pub(super) fn announce_start(
        &self,
        record: TaskRecord,
        invocation: &Invocation,
    ) -> JoinSet<()> {
        let mut sending = JoinSet::new();
        if self.bus.is_some() {
            let (worker, invocation) = (self.clone(), invocation.clone());
            let put = async move {
                log(&worker.announce(&record, &invocation).await);
            };
            sending.spawn(put.in_current_span());
        }
        sending
    }

    /// Puts on the bus how far the task is, now and then, for as long as it is polled.
    pub(super) async fn announce_progress(
        &self,
        journal: &Journal,
        invocation: &Invocation,
    ) -> Infallible {
        loop {
            sleep(PROGRESS).await;
            let record = journal.latest();
            log(&self.put(EventKind::Progress, &record, invocation).await);
        }
    }

    pub(super) async fn put(
        &self,
        kind: EventKind,
        record: &TaskRecord,
        invocation: &Invocation,
    ) -> Result<(), BusError> {
        let Some(bus) = &self.bus else { return Ok(()) };
        let deadline = invocation.end_before(REPORT_RESERVE);
        let put = bus.put(kind, record, &invocation.function_arn);
        timeout_at(deadline, put).await.map_err(|_| bus.no_answer())?
    }
}

/// A lost event is worth a line.
pub fn log(put: &Result<(), BusError>) {
    if let Err(error) = put {
        warn!(%error, NOT_PUT);
    }
}

/// The record that says whether the bus took the event.
pub(super) fn noted(put: &Result<(), BusError>, mut record: TaskRecord) -> TaskRecord {
    log(put);
    // Of an earlier try.
    record.warnings.retain(|warning| !warning.starts_with(NOT_PUT));
    if let Err(error) = put {
        record.warnings.push(format!("{NOT_PUT}: {error}"));
    }
    record
}
