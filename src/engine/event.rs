//! Events that the engine emits while it works. Record, log and progress bars all use them.

use std::sync::Arc;

/// An event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Progress in microseconds of the output.
    Progress {
        /// Microseconds that are finished.
        done: u64,
        /// Length of the output in microseconds.
        whole: u64,
    },
    /// Audio that changes its sample rate or channels has to be converted first; then rendering
    /// starts again.
    Conforming,
    /// A clip has to be read from the start of its file; rendering starts again.
    Again,
    /// ffmpeg reported errors; each clip is decoded by itself to find the cause.
    Diagnosing,
}

/// The callback that receives the events.
pub type Events = Arc<dyn Fn(Event) + Send + Sync>;
