//! The wall clock by which leases are judged. Sandboxes have one each, and they differ.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

/// A sandbox's clock.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The time by it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }

    /// A clock that says what `now` does.
    #[cfg(test)]
    pub(super) fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self(Arc::new(Timestamp::now))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}
