//! Counts running processes, so that a task can wait until its last one has ended.

use tokio::sync::watch;

/// Counts the processes of all tasks, since it does no harm if a task waits for those of another.
static LIVE: std::sync::LazyLock<watch::Sender<usize>> =
    std::sync::LazyLock::new(|| watch::Sender::new(0));

/// A process, from just before its start until it has been reaped.
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

/// Waits until no ffmpeg or ffprobe process is left. Abandoned processes have been killed by then,
/// but the kernel needs a moment to free their memory.
pub async fn all_ended() {
    // The sender is never dropped, so waiting can't fail.
    let _ = LIVE.subscribe().wait_for(|count| *count == 0).await;
}
