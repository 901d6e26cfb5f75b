//! A progress line, which only a terminal shows.

use std::borrow::Cow;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// How often the line is redrawn if nothing is reported.
const TICK: Duration = Duration::from_millis(200);

/// The line. Indicatif draws it only where the standard error is a terminal.
#[derive(Clone, Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// Begins a stage of unknown length.
    pub(crate) fn stage(&self, name: &'static str) {
        self.begin(name, 0, "{prefix:7} {elapsed}");
    }

    /// Begins a stage that transfers this many bytes.
    pub(crate) fn bytes(&self, name: &'static str, whole: u64) {
        self.begin(
            name,
            whole,
            "{prefix:7} {bar:30} {percent:>3} %  {binary_bytes_per_sec}  {eta} left",
        );
    }

    /// Begins a stage whose progress is reported in percent.
    pub(crate) fn percent(&self, name: &'static str) {
        self.begin(name, 100, "{prefix:7} {bar:30} {percent:>3} %  {elapsed}");
    }

    /// Begins a stage that makes this many microseconds of output.
    pub(crate) fn encode(&self, whole: u64) {
        self.begin("encode", whole, "{prefix:7} {bar:30} {percent:>3} %  {speed}  {eta} left");
    }

    fn begin(&self, name: &'static str, whole: u64, template: &str) {
        let style = ProgressStyle::with_template(template).expect("the templates are constant");
        self.0.set_style(style.progress_chars("=> ").with_key("speed", speed));
        self.0.set_length(whole);
        self.0.reset();
        self.0.set_prefix(Cow::Borrowed(name));
    }

    pub(crate) fn set(&self, done: u64) {
        self.0.set_position(done);
    }

    /// Removes the line.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

/// Seconds of output per second of work.
fn speed(state: &ProgressState, line: &mut dyn std::fmt::Write) {
    let spent = state.elapsed().as_micros().max(1);
    let tenths = u128::from(state.pos()) * 10 / spent;
    // Writing to this buffer never fails.
    let _ = write!(line, "{}.{}x", tenths / 10, tenths % 10);
}
