//! How many processes live, so that a task can wait for the end of its last.

use tokio::sync::watch;

/// Counts all of this program's, since one task may wait for those of another without harm.
static LIVE: std::sync::LazyLock<watch::Sender<usize>> =
    std::sync::LazyLock::new(|| watch::Sender::new(0));

/// A process, from before its start until it has been reaped.
#[derive(Debug)]
pub(super) struct Process;

impl Process {
    pub(super) fn new() -> Self {
        LIVE.send_modify(|count| *count += 1);
        Self
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        LIVE.send_modify(|count| *count -= 1);
    }
}

/// Waits until no process of ffmpeg or ffprobe lives. Those that were given up have been killed, but
/// the kernel takes a moment to take their memory back.
pub async fn all_ended() {
    // The sender is never dropped, so the wait can't fail.
    let _ = LIVE.subscribe().wait_for(|count| *count == 0).await;
}
