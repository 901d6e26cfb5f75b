//! Processor time from `/proc`.

/// The unit of `/proc` is a hundredth of a second, on every machine that Lambda has.
const TICKS_PER_SECOND: f64 = 100.0;

/// Seconds of processor time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cpu {
    /// Time of the process itself.
    pub(crate) own: f64,
    /// Time of its children that have ended.
    pub(crate) children: f64,
}

impl Cpu {
    pub(crate) fn of(pid: u32) -> Self {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name in brackets may contain anything, including brackets.
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
        let field = |index: usize| {
            let ticks = fields.split(' ').nth(index).and_then(|ticks| ticks.parse::<u32>().ok());
            f64::from(ticks.unwrap_or(0)) / TICKS_PER_SECOND
        };
        Self { own: field(11) + field(12), children: field(13) + field(14) }
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self { own: self.own - before.own, children: self.children - before.children }
    }
}
