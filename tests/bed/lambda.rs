//! Lambda's own API: asynchronous invocations wait here until the test delivers them, others go to
//! a function at once.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::function::Function;
use super::http::{AnyError, Server, header, reply};
use super::invocation::Reply;

const PATIENCE: Duration = Duration::from_secs(30);

/// An asynchronous invocation.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The function's name as in the path, decoded.
    pub function: String,
    pub event: Value,
}

#[derive(Clone, Default)]
struct Queue {
    /// Runs synchronous invocations.
    front: Option<Arc<Function>>,
    waiting: Arc<(Mutex<VecDeque<Invocation>>, Condvar)>,
    refused: Arc<Mutex<bool>>,
}

pub struct Lambda {
    server: Server,
    queue: Queue,
}

impl Lambda {
    pub fn start() -> Self {
        Self::with(Queue::default())
    }

    /// With a function that runs synchronous invocations.
    pub fn before(function: &Arc<Function>) -> Self {
        Self::with(Queue { front: Some(Arc::clone(function)), ..Queue::default() })
    }

    fn with(queue: Queue) -> Self {
        let door = queue.clone();
        let server = Server::start(move |request| door.clone().answer(request));
        Self { server, queue }
    }

    pub fn environment(&self) -> Vec<(String, String)> {
        vec![("AWS_ENDPOINT_URL_LAMBDA".to_owned(), self.server.url())]
    }

    /// From now on, the role lacks the permission to invoke.
    pub fn refuse(&self) {
        *self.queue.refused.lock().unwrap() = true;
    }

    pub fn waiting(&self) -> usize {
        self.queue.waiting.0.lock().unwrap().len()
    }

    /// Waits for the oldest invocation.
    pub fn take(&self) -> Invocation {
        let (waiting, news) = &*self.queue.waiting;
        let (mut waiting, _) = news
            .wait_timeout_while(waiting.lock().unwrap(), PATIENCE, |all| all.is_empty())
            .unwrap();
        waiting.pop_front().expect("the function was not invoked")
    }

    /// Gives the oldest invocation to a function, as Lambda does.
    pub fn deliver(&self, function: &Function) -> Reply {
        function.invoke(&self.take().event)
    }
}

impl Queue {
    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, AnyError> {
        let path = percent_encoding::percent_decode_str(request.uri().path()).decode_utf8()?;
        let function = path
            .strip_prefix("/2015-03-31/functions/")
            .and_then(|rest| rest.strip_suffix("/invocations"))
            .map(str::to_owned);
        let kind = header(&request, "x-amz-invocation-type");
        let is_event = kind.as_deref() == Some("Event");
        let (Some(function), &Method::POST) = (function, request.method()) else {
            return Ok(reply(StatusCode::BAD_REQUEST, "application/json", "{}"));
        };
        if let (Some(front), false) = (self.front, is_event) {
            let event = serde_json::from_slice(&request.into_body().collect().await?.to_bytes())?;
            let done = tokio::task::spawn_blocking(move || front.invoke(&event)).await?;
            return Ok(synchronous(done));
        }
        if !is_event {
            return Ok(reply(StatusCode::BAD_REQUEST, "application/json", "{}"));
        }
        if *self.refused.lock().unwrap() {
            let mut answer = reply(
                StatusCode::FORBIDDEN,
                "application/json",
                r#"{"Message":"not authorized to perform: lambda:InvokeFunction"}"#,
            );
            let kind = "AccessDeniedException".parse()?;
            answer.headers_mut().insert("x-amzn-errortype", kind);
            return Ok(answer);
        }
        let body = request.into_body().collect().await?.to_bytes();
        let event = serde_json::from_slice(&body)?;
        let (waiting, news) = &*self.waiting;
        waiting.lock().unwrap().push_back(Invocation { function, event });
        news.notify_all();
        Ok(reply(StatusCode::ACCEPTED, "application/json", ""))
    }
}

pub fn synchronous(done: Reply) -> Response<Full<Bytes>> {
    let (body, failed) = match done {
        Reply::Ok(value) => (value, false),
        Reply::FunctionError { error_type, message } => {
            (json!({"errorType": error_type, "errorMessage": message}), true)
        }
    };
    let mut answer = reply(StatusCode::OK, "application/json", body.to_string());
    if failed {
        let unhandled = "Unhandled".parse().expect("it is header text");
        answer.headers_mut().insert("x-amz-function-error", unhandled);
    }
    answer
}
