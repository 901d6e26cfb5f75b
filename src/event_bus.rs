//! Sends events about tasks to an `EventBridge` bus.

use aws_config::SdkConfig;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};

use crate::answer::{Answer, Right};
use crate::message::{EVENT_SOURCE, EventKind, detail};
use crate::notify::own_prefix;
use crate::quote::shortened;
use crate::task::TaskRecord;

/// Most bytes of the service's message about an event that are shown.
const LONGEST_REASON: usize = 500;

/// The bus.
#[derive(Clone, Debug)]
pub struct EventBus {
    client: Client,
    /// Its name or ARN.
    bus: String,
}

/// Why an event could not be sent to the bus.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// The function's role may not send events there.
    #[error(
        "the function's role needs `{action}` on `{resource}`; EventBridge said: {said} ({request})"
    )]
    AccessDenied {
        /// The permission that is missing.
        action: String,
        /// The ARN of the bus.
        resource: String,
        /// The service's message.
        said: String,
        /// The request id, as text.
        request: String,
    },
    /// The bus did not answer in time.
    #[error("event bus `{0}` did not answer in time")]
    NoAnswer(String),
    /// Any other error.
    #[error("event bus `{bus}` rejected the event: {said} ({request})")]
    Failed {
        /// The bus.
        bus: String,
        /// The message of the service or the connection.
        said: String,
        /// The request id, as text.
        request: String,
    },
}

impl EventBus {
    /// The bus with this name or ARN, with the shared configuration.
    #[must_use]
    pub fn new(bus: &str, config: &SdkConfig) -> Self {
        Self { client: Client::new(config), bus: bus.to_owned() }
    }

    /// The error for a bus that did not answer in time.
    #[must_use]
    pub fn no_answer(&self) -> BusError {
        BusError::NoAnswer(self.bus.clone())
    }

    /// Sends an event about a task to the bus. `function_arn` determines the account and region of
    /// a bare name.
    ///
    /// # Errors
    /// See [`BusError`].
    pub async fn put(
        &self,
        kind: EventKind,
        record: &TaskRecord,
        function_arn: &str,
    ) -> Result<(), BusError> {
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus)
            .source(EVENT_SOURCE)
            .detail_type(kind.detail_type())
            .detail(detail(record))
            .build();
        let answer = match self.client.put_events().entries(entry).send().await {
            Err(error) => Answer::of(&error),
            // If the event is rejected, the request itself still succeeds.
            Ok(output) => match output.entries().iter().find_map(refusal) {
                None => return Ok(()),
                Some((code, words)) => {
                    use aws_sdk_eventbridge::operation::RequestId;
                    let request_id = output.request_id().map(str::to_owned);
                    Answer { status: None, code: Some(code), words, request_id }
                }
            },
        };
        let request = answer.request();
        if answer.is_denial() {
            let resource = self.arn(function_arn);
            let usual = Right { action: "events:PutEvents".to_owned(), resource };
            let Right { action, resource } = answer.missing(usual);
            return Err(BusError::AccessDenied { action, resource, said: answer.words, request });
        }
        Err(BusError::Failed { bus: self.bus.clone(), said: answer.words, request })
    }

    fn arn(&self, function_arn: &str) -> String {
        let own = || own_prefix(function_arn, "events");
        match own().filter(|_| !self.bus.starts_with("arn:")) {
            Some(prefix) => format!("{prefix}event-bus/{}", self.bus),
            None => self.bus.clone(),
        }
    }
}

/// Code and message for an event that was rejected.
fn refusal(entry: &PutEventsResultEntry) -> Option<(String, String)> {
    let code = entry.error_code()?;
    let words = match entry.error_message() {
        Some(message) => format!("{code}: {message}"),
        None => code.to_owned(),
    };
    Some((code.to_owned(), shortened(&words, LONGEST_REASON)))
}
