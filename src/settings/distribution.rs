//! Which tasks are distributed with Step Functions, and in which pieces.

use std::ops::RangeInclusive;

use super::Reader;
use crate::quote::quote;

/// The allowed target lengths of a chunk, in seconds of output.
const CHUNK_SECONDS: RangeInclusive<u32> = 10..=600;
const DEFAULT_CHUNK_SECONDS: u32 = 60;
/// The limit of Step Functions for concurrent children of one map.
const MAX_CONCURRENCY: RangeInclusive<u32> = 1..=10_000;
const DEFAULT_CONCURRENCY: u32 = 40;

/// `DISTRIBUTE`: which tasks are distributed over several functions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Distribute {
    /// Those that one function can't do.
    #[default]
    Auto,
    /// All.
    Always,
    /// None.
    Never,
}

/// How tasks are distributed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// `STATE_MACHINE_ARN`.
    pub state_machine: Option<String>,
    /// `DISTRIBUTE`.
    pub which: Distribute,
    /// `CHUNK_SECONDS`: the target length of a chunk, in seconds of output.
    pub chunk_seconds: u32,
    /// `MAX_CONCURRENCY`: how many chunks of one task are rendered at the same time.
    pub max_concurrency: u32,
}

impl Distribution {
    /// The state machine, if tasks may be distributed.
    #[must_use]
    pub fn state_machine(&self) -> Option<&str> {
        self.state_machine.as_deref().filter(|_| self.which != Distribute::Never)
    }

    pub(super) fn read<G: Fn(&str) -> Option<String>>(reader: &mut Reader<G>) -> Self {
        let state_machine = state_machine(reader);
        let which = which(reader);
        if which == Distribute::Always && state_machine.is_none() && !reader.is_local() {
            reader.wrong("DISTRIBUTE", "is `always`, but `STATE_MACHINE_ARN` is not set");
        }
        Self {
            state_machine,
            which,
            chunk_seconds: reader.whole("CHUNK_SECONDS", &CHUNK_SECONDS, DEFAULT_CHUNK_SECONDS),
            max_concurrency: reader.whole("MAX_CONCURRENCY", &MAX_CONCURRENCY, DEFAULT_CONCURRENCY),
        }
    }
}

fn state_machine<G: Fn(&str) -> Option<String>>(reader: &mut Reader<G>) -> Option<String> {
    let arn = reader.value("STATE_MACHINE_ARN")?;
    let parts: Vec<&str> = arn.split(':').collect();
    if let ["arn", partition, "states", region, account, "stateMachine", name] = parts[..]
        && [partition, region, account, name].iter().all(|part| !part.is_empty())
    {
        return Some(arn);
    }
    // The SAM CLI sets this variable to the name of the template's resource.
    if !reader.is_local() {
        let problem = format!(
            "is {}, but must look like `arn:aws:states:us-east-1:123456789012:stateMachine:name`",
            quote(&arn)
        );
        reader.wrong("STATE_MACHINE_ARN", problem);
    }
    None
}

fn which<G: Fn(&str) -> Option<String>>(reader: &mut Reader<G>) -> Distribute {
    let from_name = |name: &str| match name {
        "auto" => Some(Distribute::Auto),
        "always" => Some(Distribute::Always),
        "never" => Some(Distribute::Never),
        _ => None,
    };
    let expected = "`auto`, `always`, or `never`";
    reader.choice("DISTRIBUTE", Distribute::default(), from_name, expected)
}
