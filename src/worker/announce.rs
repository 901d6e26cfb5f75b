//! Sends events about a task to the bus, while the work goes on. No task waits long for the bus, or
//! depends on its answer.

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

/// The interval of progress events.
pub(super) const PROGRESS: Duration = Duration::from_secs(10);

const NOT_PUT: &str = "an event could not be put on the bus";

impl Worker {
    /// Sends a change of the task's state to the bus, if there is one.
    ///
    /// # Errors
    /// When the bus rejects it.
    pub async fn announce(
        &self,
        record: &TaskRecord,
        invocation: &Invocation,
    ) -> Result<(), BusError> {
        self.put(EventKind::StateChange, record, invocation).await
    }

    /// Sends to the bus that the task runs, in the background. Dropping the returned value cancels
    /// the sending.
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

    /// Sends the task's progress to the bus regularly, for as long as it is polled.
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

/// Logs an event that was not sent.
pub fn log(put: &Result<(), BusError>) {
    if let Err(error) = put {
        warn!(%error, NOT_PUT);
    }
}

/// The record with a warning if the bus rejected the event.
pub(super) fn noted(put: &Result<(), BusError>, mut record: TaskRecord) -> TaskRecord {
    log(put);
    // The warning of an earlier try.
    record.warnings.retain(|warning| !warning.starts_with(NOT_PUT));
    if let Err(error) = put {
        record.warnings.push(format!("{NOT_PUT}: {error}"));
    }
    record
}
