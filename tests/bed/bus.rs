//! `EventBridge` with its JSON protocol: accepts events as the real one does, or rejects them.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};

use super::fault::{Answer, Faults, cut};
use super::http::{AnyError, Server, header, reply};

/// Limit for an entry with all its texts.
const MAX_BYTES: usize = 256 * 1024;

/// How the bus answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Willing,
    /// The caller lacks the permission.
    Denies,
    /// The request is accepted, but its event is rejected.
    Drops,
    /// It never answers.
    Silent,
}

#[derive(Debug, Clone)]
pub struct Seen {
    pub time: SystemTime,
    pub bus: String,
    pub kind: String,
    pub detail: Value,
}

/// A function that sees each event as it arrives.
type Onlooker = Arc<Mutex<Option<Box<dyn Fn(&Value) + Send>>>>;

pub struct Bus {
    server: Server,
    seen: Arc<Mutex<Vec<Seen>>>,
    onlooker: Onlooker,
}

impl Bus {
    pub fn start(mood: Mood) -> Self {
        Self::sharing(&Faults::default(), mood)
    }

    /// Requests count for the same faults as those of another server.
    pub fn sharing(faults: &Faults, mood: Mood) -> Self {
        let faults = faults.clone();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let onlooker = Onlooker::default();
        let (noted, shown) = (Arc::clone(&seen), Arc::clone(&onlooker));
        let server = Server::start(move |request| {
            fail(faults.clone(), mood, Arc::clone(&noted), Arc::clone(&shown), request)
        });
        Self { server, seen, onlooker }
    }

    /// From now on, calls `look` with each event's detail before the event is answered.
    pub fn when_told(&self, look: impl Fn(&Value) + Send + 'static) {
        *self.onlooker.lock().unwrap() = Some(Box::new(look));
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    pub fn environment(&self, bus: &str) -> Vec<(String, String)> {
        [("AWS_ENDPOINT_URL_EVENTBRIDGE", self.server.url()), ("EVENT_BUS", bus.to_owned())]
            .map(|(name, value)| (name.to_owned(), value))
            .to_vec()
    }

    /// All accepted events.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The announced states.
    pub fn states(&self) -> Vec<String> {
        let seen = self.seen();
        let changes = seen.iter().filter(|event| event.kind == "Task State Change");
        changes.map(|event| event.detail["Status"].as_str().unwrap().to_owned()).collect()
    }
}

/// Answers as the test has requested.
async fn fail(
    faults: Faults,
    mood: Mood,
    seen: Arc<Mutex<Vec<Seen>>>,
    onlooker: Onlooker,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, AnyError> {
    let fault = faults.strike(request.method(), "/events");
    if let Some(Answer::Stall | Answer::StallBody | Answer::Late) = fault {
        return std::future::pending().await;
    }
    if let Some(Answer::Error(status, code) | Answer::Said(status, code, _)) = fault {
        let refusal = json!({"__type": code, "message": "as the test asked"});
        let status = StatusCode::from_u16(status)?;
        return Ok(reply(status, "application/x-amz-json-1.1", refusal.to_string()));
    }
    let is_taken = matches!(fault, None | Some(Answer::Lost | Answer::Held));
    let answered = answer(mood, seen, onlooker, request);
    let answered = if is_taken { answered.await } else { Err(cut()) };
    match fault {
        Some(Answer::Lost) => Err(cut()),
        Some(Answer::Held) => {
            faults.hold().await;
            answered
        }
        _ => answered,
    }
}

async fn answer(
    mood: Mood,
    seen: Arc<Mutex<Vec<Seen>>>,
    onlooker: Onlooker,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, AnyError> {
    let is_put = header(&request, "x-amz-target").as_deref() == Some("AWSEvents.PutEvents");
    let signed = header(&request, "authorization").is_some_and(|value| {
        value.contains("/events/aws4_request") && value.contains("Signature=")
    });
    let body = request.into_body().collect().await?.to_bytes();
    let json = |status, body: Value| reply(status, "application/x-amz-json-1.1", body.to_string());
    let denial = json!({
        "__type": "AccessDeniedException",
        "message": "User: arn:aws:sts::123456789012:assumed-role/r/f is not authorized to perform: events:PutEvents on resource: arn:aws:events:us-east-1:123456789012:event-bus/tasks because no identity-based policy allows the events:PutEvents action",
    });
    match mood {
        Mood::Silent => return std::future::pending().await,
        Mood::Denies => return Ok(json(StatusCode::BAD_REQUEST, denial)),
        Mood::Drops => {
            let failed = json!({"FailedEntryCount": 1, "Entries": [
                {"ErrorCode": "InternalFailure", "ErrorMessage": "it is full"}]});
            return Ok(json(StatusCode::OK, failed));
        }
        Mood::Willing => {}
    }
    let body: Value = serde_json::from_slice(&body)?;
    let entries = body["Entries"].as_array().cloned().unwrap_or_default();
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let length = |entry: &Value| {
        ["Source", "DetailType", "Detail"].map(|name| text(entry, name).len()).iter().sum::<usize>()
    };
    let fits =
        |entry: &Value| length(entry) <= MAX_BYTES && text(entry, "Source") == "video-concat";
    if !is_put || !signed || entries.len() != 1 || !entries.iter().all(fits) {
        let refusal =
            json!({"__type": "ValidationException", "message": body["Entries"][0]["Source"]});
        return Ok(json(StatusCode::BAD_REQUEST, refusal));
    }
    for entry in &entries {
        let detail = serde_json::from_str(&text(entry, "Detail"))?;
        if let Some(look) = &*onlooker.lock().unwrap() {
            look(&detail);
        }
        seen.lock().unwrap().push(Seen {
            time: SystemTime::now(),
            bus: text(entry, "EventBusName"),
            kind: text(entry, "DetailType"),
            detail,
        });
    }
    Ok(json(StatusCode::OK, json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})))
}
