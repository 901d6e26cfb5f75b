//! Work that must be finished even if the future that started it is dropped.

use std::future::Future;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Running work, shared by everything that belongs to one task.
#[derive(Clone, Debug, Default)]
pub(super) struct Chores(Arc<Mutex<JoinSet<()>>>);

impl Chores {
    /// Starts work that continues if the returned future is dropped; `None` if it can't be done any
    /// more.
    pub(super) async fn run<T>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T>
    where
        T: Send + 'static,
    {
        let (done, result) = oneshot::channel();
        self.begin(async move {
            // The receiver may be gone.
            done.send(work.await).ok();
        });
        result.await.ok()
    }

    /// Starts work, unless the process is about to end.
    pub(super) fn begin(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Ok(runtime) = Handle::try_current() {
            self.all().spawn_on(work, &runtime);
        }
    }

    /// Waits until all work is finished, including work that other work starts.
    pub(super) async fn finish(&self) {
        loop {
            let mut all = std::mem::take(&mut *self.all());
            if all.is_empty() {
                return;
            }
            while all.join_next().await.is_some() {}
        }
    }

    fn all(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.0.lock()
    }
}
