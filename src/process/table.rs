//! The one table of parameters.
//!
//! The parser, the error texts and the documentation's tables come from it, so
//! that a parameter cannot be accepted without being documented, or the other
//! way round.

mod markdown;
mod rows;

use std::fmt;

pub use self::markdown::markdown;
pub(crate) use self::markdown::{absent, meaning, values};
pub use self::rows::PARAMETERS;
use super::text::list;

/// The operations of a process string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `video/concat`, the main object and the output.
    Concat,
    /// `/pre`, a clip before the main object.
    Pre,
    /// `/sur`, a clip behind the main object.
    Sur,
    /// `/segment`, segmented output.
    Segment,
    /// `|sys/saveas`, the target.
    SaveAs,
    /// `/notify`, the topic of the completion message.
    Notify,
}

impl Operation {
    /// Every operation, in canonical order.
    pub const ALL: [Self; 6] =
        [Self::Concat, Self::Pre, Self::Sur, Self::Segment, Self::SaveAs, Self::Notify];

    /// The name without the separator in front.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Concat => "video/concat",
            Self::Pre => "pre",
            Self::Sur => "sur",
            Self::Segment => "segment",
            Self::SaveAs => "sys/saveas",
            Self::Notify => "notify",
        }
    }

    /// How it is written in a canonical string, and told of.
    #[must_use]
    pub const fn written(self) -> &'static str {
        match self {
            Self::Concat => "video/concat",
            Self::Pre => "/pre",
            Self::Sur => "/sur",
            Self::Segment => "/segment",
            Self::SaveAs => "|sys/saveas",
            Self::Notify => "/notify",
        }
    }

    /// Its parameters, in table order.
    pub fn parameters(self) -> impl Iterator<Item = &'static Parameter> {
        PARAMETERS.iter().filter(move |parameter| parameter.operation == self)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.written())
    }
}

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number in a range.
    Integer {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A whole number in a range, or 0 for unset.
    IntegerOrZero {
        /// The least but 0.
        min: u64,
        /// The most.
        max: u64,
    },
    /// One of a few whole numbers.
    OneOf(&'static [u32]),
    /// A decimal from 0.
    Decimal {
        /// The most.
        max: u32,
    },
    /// A decimal from 0 that may stand for an exact n/1001 rate.
    FrameRate {
        /// The most.
        max: u32,
    },
    /// One of a few words.
    Word(&'static [&'static str]),
    /// `WxH`, `Wx` or `xH`.
    Size {
        /// The longest side.
        max_side: u32,
    },
    /// The name of an object.
    Key,
    /// The name of a target, with variables.
    Template,
    /// The name or the ARN of a topic.
    Topic,
}

impl Kind {
    /// Whether values are names in Base64.
    #[must_use]
    pub const fn is_name(&self) -> bool {
        matches!(self, Self::Key | Self::Template | Self::Topic)
    }
}

impl fmt::Display for Kind {
    /// What is allowed, to follow "expected".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::IntegerOrZero { min, max } => {
                write!(f, "0 or a whole number from {min} to {max}")
            }
            Self::OneOf(numbers) => f.write_str(&list(numbers, "or")),
            Self::Decimal { max } | Self::FrameRate { max } => {
                write!(f, "a number from 0 to {max} with at most {MAX_DECIMALS} decimals")
            }
            Self::Word(words) => f.write_str(&list(words, "or")),
            Self::Size { max_side } => {
                write!(f, "`WxH`, `Wx`, or `xH` with sides from 1 to {max_side}")
            }
            Self::Key => f.write_str("an object key in URL-safe Base64"),
            Self::Template => f.write_str("a name in URL-safe Base64, variables allowed"),
            Self::Topic => f.write_str("a topic name or ARN in URL-safe Base64"),
        }
    }
}

/// The most bytes of a process string: as many as an asynchronous event of Lambda has.
pub(super) const LONGEST_PROCESS: usize = 256 * 1024;

/// The most digits behind the point. More would make rates that no container
/// can write down.
pub const MAX_DECIMALS: usize = 6;

/// What holds where a parameter is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// It has to be given.
    Required,
    /// This value, as it would be written.
    Value(&'static str),
    /// This value, unless the other parameter is given.
    ValueUnless {
        /// As it would be written.
        value: &'static str,
        /// The other parameter's name.
        other: &'static str,
    },
    /// Something that no value can say.
    Words(&'static str),
}

/// What has to be given beside a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A parameter with any value.
    Given(&'static str),
    /// A parameter with this value.
    Is(&'static str, &'static str),
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(name) => write!(f, "`{name}`"),
            Self::Is(name, value) => write!(f, "`{name}_{value}`"),
        }
    }
}

/// One parameter of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Where it belongs.
    pub operation: Operation,
    /// What stands before the first `_`.
    pub name: &'static str,
    /// What may stand behind it.
    pub kind: Kind,
    /// What its numbers count.
    pub unit: Option<&'static str>,
    /// What holds without it.
    pub absent: Absent,
    /// What it is pointless without.
    pub needs: Option<Need>,
    /// What it cannot stand beside.
    pub excludes: Option<&'static str>,
    /// What it means, as one sentence.
    pub doc: &'static str,
}

/// The parameter `name` of `operation`, where there is one.
#[must_use]
pub fn find(operation: Operation, name: &str) -> Option<&'static Parameter> {
    operation.parameters().find(|parameter| parameter.name == name)
}
