//! What the engine reports while it works. Record, log and progress bars are
//! made from the same events.

use std::sync::Arc;

/// Something has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// So many microseconds of the output are done, of so many in all.
    Progress {
        /// Done.
        done: u64,
        /// In all.
        whole: u64,
    },
    /// Audio that changes its rate or channels is converted first; then the work begins again.
    Conforming,
    /// A clip has to be read from the start of its file: the work begins again.
    Again,
    /// ffmpeg reported errors: each clip is decoded by itself to find them.
    Diagnosing,
}

/// Whom it is reported to.
pub type Events = Arc<dyn Fn(Event) + Send + Sync>;
