//! How much is measured: by default enough for a conclusion, with `BENCH_QUICK=1` enough to see
//! that the benchmark works.

use std::str::FromStr;

#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// `BENCH_ROUNDS`: how often the job is run in each way.
    pub(crate) rounds: usize,
    /// `BENCH_SECONDS`: how long the sources are.
    pub(crate) seconds: usize,
    /// `BENCH_HEIGHTS`: the heights of the frames, one set of sources for each.
    pub(crate) heights: Vec<usize>,
    /// `BENCH_MEGABYTES`: the size of the file of which ten seconds are cut.
    pub(crate) long_bytes: usize,
    /// `BENCH_ONLY`: only jobs whose names contain this.
    pub(crate) only: Option<String>,
    /// `BENCH_STARTS`: how often the function is started.
    pub(crate) starts: usize,
}

impl Options {
    pub(crate) fn from_env() -> Self {
        let is_quick = std::env::var_os("BENCH_QUICK").is_some_and(|value| value == "1");
        let heights = if is_quick { "360" } else { "720,1080" };
        let heights = std::env::var("BENCH_HEIGHTS").unwrap_or_else(|_| heights.to_owned());
        let seconds = number("BENCH_SECONDS", if is_quick { 12 } else { 60 });
        assert!(
            seconds > 10,
            "BENCH_SECONDS is {seconds}, but must be more than 10: the job skips as many of the main source"
        );
        Self {
            rounds: number("BENCH_ROUNDS", if is_quick { 1 } else { 3 }).max(1),
            seconds,
            heights: heights.split(',').map(|height| parse("BENCH_HEIGHTS", height)).collect(),
            long_bytes: number("BENCH_MEGABYTES", if is_quick { 100 } else { 1000 }) * 1_000_000,
            only: std::env::var("BENCH_ONLY").ok(),
            starts: number("BENCH_STARTS", 10).max(1),
        }
    }
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| parse(name, &text))
}

fn parse<T: FromStr>(name: &str, text: &str) -> T {
    text.trim().parse().unwrap_or_else(|_| panic!("{name} is `{text}`, but must be a whole number"))
}
