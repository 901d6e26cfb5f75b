//! The time that a task may take.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::TaskError;

/// Work stops this long before the function's deadline, so that the failure can still be recorded
/// and published: a tenth of the remaining time, but at most this long.
const LONGEST_MARGIN: Duration = Duration::from_secs(10);

/// The time reserved for the last record if the topic or the bus does not answer.
pub(super) const REPORT_RESERVE: Duration = Duration::from_secs(2);

/// The time in which a task may work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    since: Instant,
    pub(super) until: Instant,
    /// The time limit for cleaning up after that.
    pub(super) last: Instant,
}

impl Deadline {
    /// From now until shortly before the function's deadline.
    pub(super) fn before(deadline: Instant) -> Self {
        let since = Instant::now();
        let left = deadline.saturating_duration_since(since);
        let margin = (left / 10).min(LONGEST_MARGIN);
        let until = since + left.saturating_sub(margin);
        Self { since, until, last: until + margin / 2 }
    }

    /// The same, but ending earlier by the time that the following work takes.
    pub(super) fn before_more(self, work: Duration) -> Self {
        Self { until: self.until.checked_sub(work).unwrap_or(self.since), ..self }
    }

    /// Cancels the work at the end of the time.
    pub(super) async fn limit<T>(
        self,
        work: impl Future<Output = Result<T, TaskError>>,
    ) -> Result<T, TaskError> {
        timeout_at(self.until, work).await.map_err(|_| self.over())?
    }

    /// The same for work that ends by itself soon after the time is over and should not be
    /// canceled.
    pub(super) async fn limit_to_last<T>(
        self,
        work: impl Future<Output = Result<T, TaskError>>,
    ) -> Result<T, TaskError> {
        timeout_at(self.last, work).await.map_err(|_| self.over())?
    }

    /// For work that can't be canceled once it has begun.
    pub(super) fn check(self) -> Result<(), TaskError> {
        if Instant::now() < self.until { Ok(()) } else { Err(self.over()) }
    }

    pub(super) fn over(self) -> TaskError {
        TaskError::Deadline { after: self.since.elapsed() }
    }
}
