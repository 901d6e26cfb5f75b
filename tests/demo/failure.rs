//! Why the demo failed, in one sentence.

use std::any::Any;

#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) sentence: String,
}

impl Failure {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into() }
    }

    /// The test bed panics where a test would fail; the panic's message is the sentence.
    pub(crate) fn of_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        Self::new(text.unwrap_or("the demo panicked without a word"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(format!("target/demo cannot be written: {error}"))
    }
}
