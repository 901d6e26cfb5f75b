//! Faults that a server is told to have: the nth matching request from now is answered wrongly.

use std::sync::{Arc, Mutex};

use hyper::Method;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A refusal with this status and error code.
    Error(u16, &'static str),
    /// The connection is cut without an answer.
    Cut,
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

#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Vec<Fault>>>);

impl Faults {
    pub fn add(&self, fault: Fault) {
        self.0.lock().unwrap().push(fault);
    }

    pub fn strike(&self, method: &Method, target: &str) -> Option<Answer> {
        let mut faults = self.0.lock().unwrap();
        faults.iter_mut().filter(|fault| fault.matches(method, target)).find_map(Fault::strike)
    }
}
