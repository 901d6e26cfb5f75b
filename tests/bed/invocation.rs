//! The Lambda Runtime API in this process: gives events to a function and receives its answers.

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::Value;
use tokio::sync::Notify;

use super::http::{AnyError, Server, reply};

pub const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:video-concat";
const VERSION: &str = "/2018-06-01/runtime/";

#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Ok(Value),
    FunctionError { error_type: String, message: String },
}

impl Reply {
    pub fn error(error_type: &str, message: impl Into<String>) -> Self {
        Self::FunctionError { error_type: error_type.to_owned(), message: message.into() }
    }

    pub fn from_error_body(body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| body[name].as_str().unwrap_or_default();
        Self::error(text("errorType"), text("errorMessage"))
    }

    pub fn unwrap(self) -> Value {
        match self {
            Self::Ok(value) => value,
            Self::FunctionError { error_type, message } => {
                panic!("function error {error_type}: {message}")
            }
        }
    }
}

struct Event {
    id: String,
    body: Bytes,
    deadline: SystemTime,
    answer: Sender<Reply>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Event>,
    running: HashMap<String, Sender<Reply>>,
    first_next: Option<Instant>,
    init_error: Option<Reply>,
}

#[derive(Clone, Default)]
struct Desk {
    state: Arc<Mutex<State>>,
    news: Arc<Notify>,
}

pub struct RuntimeApi {
    server: Server,
    desk: Desk,
}

impl RuntimeApi {
    pub fn start() -> Self {
        let desk = Desk::default();
        let door = desk.clone();
        let server = Server::start(move |request| door.clone().answer(request));
        Self { server, desk }
    }

    /// For `AWS_LAMBDA_RUNTIME_API`.
    pub fn address(&self) -> String {
        self.server.address().to_string()
    }

    /// Queues an event. The answer arrives when the function sends one.
    pub fn hand_in(&self, id: &str, event: &Value, timeout: Duration) -> Receiver<Reply> {
        let (answer, result) = mpsc::channel();
        let event = Event {
            id: id.to_owned(),
            body: event.to_string().into(),
            deadline: SystemTime::now() + timeout,
            answer,
        };
        self.desk.state.lock().unwrap().waiting.push_back(event);
        self.desk.news.notify_one();
        result
    }

    /// When the function first asked for work, which is the end of its cold start.
    pub fn first_next(&self) -> Option<Instant> {
        self.desk.state.lock().unwrap().first_next
    }

    /// The function's error if it could not start.
    pub fn init_error(&self) -> Option<Reply> {
        self.desk.state.lock().unwrap().init_error.clone()
    }
}

impl Desk {
    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, AnyError> {
        let path = request.uri().path().strip_prefix(VERSION).unwrap_or_default().to_owned();
        let parts: Vec<_> = path.split('/').collect();
        let is_get = request.method() == Method::GET;
        if is_get && parts == ["invocation", "next"] {
            return Ok(self.next().await);
        }
        let body = request.into_body().collect().await?.to_bytes();
        let known = match parts[..] {
            ["invocation", id, "response"] => {
                self.close(id, Reply::Ok(serde_json::from_slice(&body)?))
            }
            ["invocation", id, "error"] => self.close(id, Reply::from_error_body(&body)),
            ["init", "error"] => {
                self.state.lock().unwrap().init_error = Some(Reply::from_error_body(&body));
                true
            }
            _ => false,
        };
        Ok(if known {
            reply(StatusCode::ACCEPTED, "application/json", r#"{"status":"OK"}"#)
        } else {
            let body = r#"{"errorType":"InvalidRequestID","errorMessage":"Invalid request ID"}"#;
            reply(StatusCode::BAD_REQUEST, "application/json", body)
        })
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        self.state.lock().unwrap().first_next.get_or_insert_with(Instant::now);
        loop {
            if let Some(event) = self.take() {
                return event;
            }
            self.news.notified().await;
        }
    }

    fn take(&self) -> Option<Response<Full<Bytes>>> {
        let mut state = self.state.lock().unwrap();
        let Event { id, body, deadline, answer } = state.waiting.pop_front()?;
        let deadline = deadline.duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
        let response = Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", &id)
            .header("lambda-runtime-deadline-ms", deadline.to_string())
            .header("lambda-runtime-invoked-function-arn", FUNCTION_ARN)
            .header("lambda-runtime-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0")
            .body(Full::new(body))
            .expect("plain headers are valid");
        state.running.insert(id, answer);
        Some(response)
    }

    fn close(&self, id: &str, answer: Reply) -> bool {
        let running = self.state.lock().unwrap().running.remove(id);
        let Some(waiting) = running else { return false };
        // The receiver may be gone.
        let _ = waiting.send(answer);
        true
    }
}
