//! Faults that a test injects into servers: the nth matching request from now on gets a wrong
//! answer.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::Method;
use hyper::body::{Body, Frame};
use tokio::sync::Notify;

use super::http::AnyError;
use super::process::end_with_descendants;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// An error with this status and error code.
    Error(u16, &'static str),
    /// The same with this message.
    Said(u16, &'static str, &'static str),
    /// An error that names the region of the bucket.
    Elsewhere(&'static str),
    /// The connection is closed without an answer.
    Cut,
    /// The connection is closed in the middle of a body: the request's, else the answer's.
    CutBody,
    /// The client waits forever for an answer.
    Stall,
    /// The client waits forever for the rest of the answer.
    StallBody,
    /// The request is executed, but the connection is closed before the answer.
    Lost,
    /// The client waits forever for an answer; the request is executed when the test says so.
    Late,
    /// The process with this id is killed, with all its descendants.
    Kill(u32),
    /// The same after the request has been executed.
    KillAfter(u32),
    /// The request is executed, and answered when the test says so.
    Held,
    /// A read gets an answer that was not requested.
    Otherwise(Otherwise),
}

/// A wrong answer to a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    /// The whole object instead of a range.
    Whole,
    /// Bytes with a wrong range in the header.
    Elsewhere,
    /// Bytes with a larger object size in the header.
    Larger,
    /// Half of the bytes, with a matching length.
    Short,
    /// Another entity tag.
    Changed,
}

#[derive(Debug, Clone)]
pub struct Fault {
    method: Option<Method>,
    part: String,
    skip: usize,
    times: usize,
    answer: Answer,
}

impl Fault {
    /// Matches any request, once, from the next one on.
    pub fn new(answer: Answer) -> Self {
        Self { method: None, part: String::new(), skip: 0, times: 1, answer }
    }

    pub fn method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// Matches only requests whose path and query contain this text.
    pub fn part(mut self, part: &str) -> Self {
        part.clone_into(&mut self.part);
        self
    }

    /// Lets this many matching requests through first.
    pub fn skip(mut self, skip: usize) -> Self {
        self.skip = skip;
        self
    }

    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    fn matches(&self, method: &Method, target: &str) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted == method) && target.contains(&self.part)
    }

    fn strike(&mut self) -> Option<Answer> {
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.times = self.times.checked_sub(1)?;
        Some(self.answer)
    }
}

/// The faults of a server. Servers that share this value count their requests together.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<State>);

#[derive(Debug, Default)]
struct State {
    faults: Mutex<Vec<Fault>>,
    struck: Notify,
    released: Notify,
}

impl Faults {
    pub fn add(&self, fault: Fault) {
        self.0.faults.lock().unwrap().push(fault);
    }

    pub fn forget(&self) {
        self.0.faults.lock().unwrap().clear();
    }

    pub fn strike(&self, method: &Method, target: &str) -> Option<Answer> {
        let mut faults = self.0.faults.lock().unwrap();
        let mut matching = faults.iter_mut().filter(|fault| fault.matches(method, target));
        let answer = matching.find_map(Fault::strike)?;
        if answer != Answer::Held {
            self.tell();
        }
        Some(answer)
    }

    /// Signals that another fault has occurred.
    pub fn tell(&self) {
        self.0.struck.notify_one();
    }

    /// Waits until a request has got a wrong answer, or is held.
    pub async fn struck(&self) {
        self.0.struck.notified().await;
    }

    /// Holds a request that has been executed.
    pub async fn hold(&self) {
        self.tell();
        self.0.released.notified().await;
    }

    /// Lets the held request be answered.
    pub fn release(&self) {
        self.0.released.notify_one();
    }
}

pub fn cut() -> AnyError {
    "cut as the test asked".into()
}

/// Kills the process that would receive the answer.
pub fn kill(process: u32) -> AnyError {
    end_with_descendants(process);
    cut()
}

/// How a truncated body ends.
#[derive(Debug, Clone, Copy)]
pub enum End {
    Cut,
    Stall,
    /// As if it were complete.
    Early,
}

/// A body that is cut after its first half.
pub struct Half<B> {
    body: B,
    ends: Option<(u64, End)>,
}

impl<B: Body> Half<B> {
    pub fn whole(body: B) -> Self {
        Self { body, ends: None }
    }

    /// Half of a body of known length; nothing of any other body.
    pub fn of(body: B, end: End) -> Self {
        let half = body.size_hint().exact().unwrap_or(0) / 2;
        Self { body, ends: Some((half, end)) }
    }
}

impl<B> Body for Half<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<AnyError>,
{
    type Data = Bytes;
    type Error = AnyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnyError>>> {
        match self.ends {
            Some((0, End::Cut)) => return Poll::Ready(Some(Err(cut()))),
            Some((0, End::Stall)) => return Poll::Pending,
            Some((0, End::Early)) => return Poll::Ready(None),
            _ => {}
        }
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        let Some((left, end)) = self.ends else {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        };
        let data = frame.and_then(Result::ok).and_then(|frame| frame.into_data().ok());
        let data = data.unwrap_or_default();
        let data = data.slice(..data.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
        self.ends = Some((left - data.len() as u64, end));
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match self.ends {
            Some((left, End::Early)) => hyper::body::SizeHint::with_exact(left),
            _ => self.body.size_hint(),
        }
    }
}
