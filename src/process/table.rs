//! The one table of parameters.
//!
//! The parser, the error messages and the documentation's tables are made from it, so that no
//! parameter can be accepted without being documented, or the other way round.

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
    /// `/sur`, a clip after the main object.
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

    /// The name without the separator before it.
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

    /// As written in a canonical string and in messages.
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

/// Which values are allowed.
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
        /// The least except 0.
        min: u64,
        /// The most.
        max: u64,
    },
    /// One of several whole numbers.
    OneOf(&'static [u32]),
    /// A decimal number from 0.
    Decimal {
        /// The most.
        max: u32,
    },
    /// A decimal number from 0 that may be the rounded value of an exact n/1001 rate.
    FrameRate {
        /// The most.
        max: u32,
    },
    /// One of several words.
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
    /// The allowed values, worded to follow "expected".
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

/// The most bytes of a process string: the size limit of Lambda's asynchronous events.
pub(super) const LONGEST_PROCESS: usize = 256 * 1024;

/// The most digits after the decimal point. With more, there would be rates that no container can
/// store.
pub const MAX_DECIMALS: usize = 6;

/// What applies if a parameter is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// It has to be given.
    Required,
    /// This value, in the form in which it would be written.
    Value(&'static str),
    /// This value, unless the other parameter is given.
    ValueUnless {
        /// The value, in the form in which it would be written.
        value: &'static str,
        /// The other parameter's name.
        other: &'static str,
    },
    /// A behaviour that no value expresses, as text.
    Words(&'static str),
}

/// What has to be given together with a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The parameter with this name, with any value.
    Given(&'static str),
    /// The parameter with this name, with this value.
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
    /// Its operation.
    pub operation: Operation,
    /// Its name, the part before the first `_`.
    pub name: &'static str,
    /// The allowed values.
    pub kind: Kind,
    /// The unit of its numbers.
    pub unit: Option<&'static str>,
    /// What applies without it.
    pub absent: Absent,
    /// What it has no effect without.
    pub needs: Option<Need>,
    /// The parameter that it can't be combined with.
    pub excludes: Option<&'static str>,
    /// Its meaning, as one sentence.
    pub doc: &'static str,
}

/// The parameter `name` of `operation`, if there is one.
#[must_use]
pub fn find(operation: Operation, name: &str) -> Option<&'static Parameter> {
    operation.parameters().find(|parameter| parameter.name == name)
}
