//! The time that a task has.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::TaskError;

/// How long before the function's deadline the work is given up, so that the
/// failure can still be recorded and published: a tenth of what is left, at
/// most this long.
const LONGEST_MARGIN: Duration = Duration::from_secs(10);

/// What is left for the last record when the topic or the bus does not answer.
pub(super) const REPORT_RESERVE: Duration = Duration::from_secs(2);

/// From when to when there may be work on a task.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    since: Instant,
    pub(super) until: Instant,
    /// When what is made good after that has to be over as well.
    pub(super) last: Instant,
}

impl Deadline {
    /// From now to shortly before the function's deadline.
    pub(super) fn before(deadline: Instant) -> Self {
        let since = Instant::now();
        let left = deadline.saturating_duration_since(since);
        let margin = (left / 10).min(LONGEST_MARGIN);
        let until = since + left.saturating_sub(margin);
        Self { since, until, last: until + margin / 2 }
    }

    /// The same, ending so much sooner: for what comes before work that takes so long.
    pub(super) fn before_more(self, work: Duration) -> Self {
        Self { until: self.until.checked_sub(work).unwrap_or(self.since), ..self }
    }

    /// Gives up what is not done in time.
    pub(super) async fn limit<T>(
        self,
        work: impl Future<Output = Result<T, TaskError>>,
    ) -> Result<T, TaskError> {
        timeout_at(self.until, work).await.map_err(|_| self.over())?
    }

    /// The same for what ends by itself soon after the time is over, and is better not given up.
    pub(super) async fn limit_to_last<T>(
        self,
        work: impl Future<Output = Result<T, TaskError>>,
    ) -> Result<T, TaskError> {
        timeout_at(self.last, work).await.map_err(|_| self.over())?
    }

    /// For work that can't be given up once it has begun.
    pub(super) fn check(self) -> Result<(), TaskError> {
        if Instant::now() < self.until { Ok(()) } else { Err(self.over()) }
    }

    pub(super) fn over(self) -> TaskError {
        TaskError::Deadline { after: self.since.elapsed() }
    }
}
