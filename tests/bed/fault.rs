//! Faults that servers are told to have: the nth matching request from now is answered wrongly.

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
    /// A refusal with this status and error code.
    Error(u16, &'static str),
    /// The same in these words.
    Said(u16, &'static str, &'static str),
    /// A refusal that names the region of the bucket.
    Elsewhere(&'static str),
    /// The connection is cut without an answer.
    Cut,
    /// The connection is cut in the middle of a body: the request's, or else the answer's.
    CutBody,
    /// The client waits for an answer.
    Stall,
    /// The client waits for the rest of the answer.
    StallBody,
    /// The request is carried out, and the connection cut.
    Lost,
    /// The client waits for an answer; the request is carried out when the test says so.
    Late,
    /// The process with this id is killed, with all below it.
    Kill(u32),
    /// The request is carried out before.
    KillAfter(u32),
    /// The request is carried out, and answered once the test says so.
    Held,
    /// A read is answered as nobody asked.
    Otherwise(Otherwise),
}

/// How a read is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    /// As if all of the object had been asked for.
    Whole,
    /// With bytes that are said to be from elsewhere.
    Elsewhere,
    /// With bytes that are said to be of a larger object.
    Larger,
    /// With half of the bytes, and no word of it.
    Short,
    /// With another entity tag.
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
    /// Every request once, from the next one on.
    pub fn new(answer: Answer) -> Self {
        Self { method: None, part: String::new(), skip: 0, times: 1, answer }
    }

    pub fn method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// Only requests whose path and query hold this text.
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

/// What servers are told. Those that share it count their requests together.
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

    /// Something else has gone wrong.
    pub fn tell(&self) {
        self.0.struck.notify_one();
    }

    /// Until a request has been answered wrongly, or is held.
    pub async fn struck(&self) {
        self.0.struck.notified().await;
    }

    /// What becomes of a request that has been carried out.
    pub async fn hold(&self) {
        self.tell();
        self.0.released.notified().await;
    }

    /// Has the request answered that is held.
    pub fn release(&self) {
        self.0.released.notify_one();
    }
}

pub fn cut() -> AnyError {
    "cut as the test asked".into()
}

/// Nobody is left to be answered.
pub fn kill(process: u32) -> AnyError {
    end_with_descendants(process);
    cut()
}

/// How a body ends that does not come to its own end.
#[derive(Debug, Clone, Copy)]
pub enum End {
    Cut,
    Stall,
    /// As if there were no more.
    Early,
}

/// A body of which only the first bytes come.
pub struct Half<B> {
    body: B,
    ends: Option<(u64, End)>,
}

impl<B: Body> Half<B> {
    pub fn whole(body: B) -> Self {
        Self { body, ends: None }
    }

    /// Half of a body whose length is known; nothing of any other.
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
