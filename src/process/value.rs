//! Values: parsed from text according to the table, and written back.

use num_rational::Ratio;
use thiserror::Error;

use super::name::{self, Name, NameError};
use super::table::{Kind, MAX_DECIMALS};
use super::template::{Template, TemplateError};
use crate::clamped::clamped;

/// A value of a kind in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A whole number.
    Integer(u64),
    /// An exact decimal.
    Decimal(Ratio<i64>),
    /// One of the words in the table.
    Word(&'static str),
    /// A size with at least one side.
    Size(Size),
    /// An object key or a topic.
    Name(Name),
    /// A target name.
    Template(Template, Name),
}

/// The value of `s` as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
}

/// Why a value is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ValueError {
    /// It has the wrong form or is out of range; the table gives both.
    #[error("not allowed")]
    NotAllowed,
    /// The name is not valid.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The target name is not valid.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// Reads `text` as a value of `kind`.
pub(super) fn read(kind: &Kind, text: &str) -> Result<Value, ValueError> {
    match *kind {
        Kind::Key => Ok(Value::Name(name::decode_key(text)?)),
        Kind::Topic => Ok(Value::Name(name::decode_topic(text)?)),
        Kind::Template => {
            let name = name::decode(text)?;
            Ok(Value::Template(Template::parse(&name.text)?, name))
        }
        _ => read_scalar(kind, text).ok_or(ValueError::NotAllowed),
    }
}

fn read_scalar(kind: &Kind, text: &str) -> Option<Value> {
    match *kind {
        Kind::Integer { min, max } => {
            let number = whole(text)?;
            (min..=max).contains(&number).then_some(Value::Integer(number))
        }
        Kind::IntegerOrZero { min, max } => {
            let number = whole(text)?;
            let fits = number == 0 || (min..=max).contains(&number);
            fits.then_some(Value::Integer(number))
        }
        Kind::OneOf(numbers) => {
            let number = whole(text)?;
            let is_known = numbers.iter().any(|&known| u64::from(known) == number);
            is_known.then_some(Value::Integer(number))
        }
        Kind::Decimal { max } => decimal_up_to(text, max).map(Value::Decimal),
        Kind::FrameRate { max } => decimal_up_to(text, max).map(exact_rate).map(Value::Decimal),
        Kind::Word(words) => words.iter().find(|&&word| word == text).map(|word| Value::Word(word)),
        Kind::Size { max_side } => size(text, max_side).map(Value::Size),
        Kind::Key | Kind::Template | Kind::Topic => None,
    }
}

/// Digits only: the standard library would also accept a `+`.
fn whole(text: &str) -> Option<u64> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn decimal_up_to(text: &str, max: u32) -> Option<Ratio<i64>> {
    decimal(text).filter(|&number| number <= Ratio::from_integer(max.into()))
}

/// The n/1001 rate of which `rate` is a rounded form, else `rate` itself. People write 23.98,
/// 23.976 or 23.976024, hence the tolerance.
fn exact_rate(rate: Ratio<i64>) -> Ratio<i64> {
    let near = Ratio::new(5, 1000);
    [24, 30, 48, 60, 120]
        .map(|nominal| Ratio::new(nominal * 1000, 1001))
        .into_iter()
        .find(|&exact| exact - near <= rate && rate <= exact + near)
        .unwrap_or(rate)
}

/// Digits, optionally followed by a point and one to [`MAX_DECIMALS`] more digits.
fn decimal(text: &str) -> Option<Ratio<i64>> {
    let (integer, fraction) = match text.split_once('.') {
        Some((_, "")) => return None,
        Some((_, fraction)) if fraction.len() > MAX_DECIMALS => return None,
        Some(parts) => parts,
        None => (text, ""),
    };
    let one = 10_i64.pow(u32::try_from(fraction.len()).ok()?);
    let integer = i64::try_from(whole(integer)?).ok()?.checked_mul(one)?;
    let fraction = if fraction.is_empty() { 0 } else { i64::try_from(whole(fraction)?).ok()? };
    Some(Ratio::new(integer.checked_add(fraction)?, one))
}

fn size(text: &str, max_side: u32) -> Option<Size> {
    let read = |text: &str| match text {
        "" => Some(None),
        _ => {
            u32::try_from(whole(text)?).ok().filter(|side| (1..=max_side).contains(side)).map(Some)
        }
    };
    let (width, height) = text.split_once('x')?;
    let size = Size { width: read(width)?, height: read(height)? };
    (size.width.is_some() || size.height.is_some()).then_some(size)
}

impl Value {
    /// The value as written in canonical strings.
    pub(super) fn canonical(&self) -> String {
        match self {
            Self::Integer(number) => number.to_string(),
            Self::Decimal(number) => canonical_decimal(*number),
            Self::Word(word) => (*word).to_owned(),
            Self::Size(Size { width, height }) => {
                let write =
                    |side: Option<u32>| side.map_or_else(String::new, |n| even(n).to_string());
                format!("{}x{}", write(*width), write(*height))
            }
            Self::Name(name) | Self::Template(_, name) => name::encode(&name.text),
        }
    }
}

/// The next smaller even side; 2 for 1, since no codec supports a side of 0.
pub(super) fn even(side: u32) -> u32 {
    (side & !1).max(2)
}

/// As few digits as identify the number. Three digits identify every n/1001 rate.
fn canonical_decimal(number: Ratio<i64>) -> String {
    let digits = if number.denom() % 7 == 0 { 3 } else { MAX_DECIMALS };
    let one = 10_i64.pow(clamped(digits));
    let scaled = (number * one).round().to_integer();
    let text = format!("{}.{:0digits$}", scaled / one, scaled % one);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
