//! Converts lengths and rates from the form that people write to that of the process language.

use crate::process::table::Parameter;

/// The value of a parameter, converted if its unit has a form for people.
#[must_use]
pub fn converted(parameter: &Parameter, value: &str) -> String {
    match parameter.unit {
        Some("ms") => milliseconds(value),
        Some("bit/s" | "bit" | "Hz") => thousands(value),
        _ => value.to_owned(),
    }
}

/// The milliseconds of `10s`, `1.5s`, `250ms`, `2m`, `1h`, or `1:02:03.5`. Any other text is
/// returned unchanged, for the parser of the language to reject.
#[must_use]
pub fn milliseconds(text: &str) -> String {
    length(text, 1000).map_or_else(|| text.to_owned(), |number| number.to_string())
}

/// The microseconds of the same forms.
#[must_use]
pub fn microseconds(text: &str) -> Option<u64> {
    length(text, 1_000_000)
}

/// A length in fractions of a second, of which a second has `second`.
fn length(text: &str, second: u64) -> Option<u64> {
    if text.contains(':') {
        return clock(text, second);
    }
    let units = [("ms", second / 1000), ("s", second)];
    let longer = [("min", 60 * second), ("m", 60 * second), ("h", 3600 * second)];
    units.into_iter().chain(longer).find_map(|(unit, factor)| {
        text.strip_suffix(unit).and_then(|number| scaled(number, factor))
    })
}

/// `800k` or `1.5M`: a number times a thousand or a million.
#[must_use]
pub fn thousands(text: &str) -> String {
    let units = [("k", 1000), ("M", 1_000_000)];
    let number = units
        .into_iter()
        .find_map(|(unit, factor)| text.strip_suffix(unit).and_then(|n| scaled(n, factor)));
    number.map_or_else(|| text.to_owned(), |number| number.to_string())
}

/// Minutes and seconds, optionally with hours before them.
fn clock(text: &str, second: u64) -> Option<u64> {
    let (before, seconds) = text.rsplit_once(':')?;
    let mut minutes = 0_u64;
    for part in before.split(':') {
        let number: u64 = scaled(part, 1)?;
        minutes = minutes.checked_mul(60)?.checked_add(number)?;
    }
    (before.matches(':').count() < 2).then_some(())?;
    minutes.checked_mul(60 * second)?.checked_add(scaled(seconds, second)?)
}

/// A decimal number times `factor`, if the result is a whole number.
fn scaled(number: &str, factor: u64) -> Option<u64> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > 9 {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    if part.is_empty() {
        return (!number.ends_with('.')).then_some(whole);
    }
    let tens = 10_u64.pow(u32::try_from(part.len()).ok()?);
    let part = part.parse::<u64>().ok()?.checked_mul(factor)?;
    (part % tens == 0).then(|| whole.checked_add(part / tens)).flatten()
}

#[cfg(test)]
mod tests {
    use super::{microseconds, milliseconds, thousands};

    #[test]
    fn lengths_are_milliseconds() {
        for (written, read) in [
            ("10s", "10000"),
            ("1.5s", "1500"),
            ("250ms", "250"),
            ("2m", "120000"),
            ("2min", "120000"),
            ("1.25h", "4500000"),
            ("1:30", "90000"),
            ("1:02:03.5", "3723500"),
            ("10000", "10000"),
            ("", ""),
            ("s", "s"),
            ("0.0001s", "0.0001s"),
            ("-1s", "-1s"),
            ("1.s", "1.s"),
            ("1:2:3:4", "1:2:3:4"),
            ("a:b", "a:b"),
        ] {
            assert_eq!(milliseconds(written), read, "{written}");
        }
    }

    #[test]
    fn lengths_may_be_finer() {
        for (written, read) in [
            ("25.023220s", Some(25_023_220)),
            ("0:00.000001", Some(1)),
            ("1ms", Some(1000)),
            ("0.0000001s", None),
            ("25", None),
        ] {
            assert_eq!(microseconds(written), read, "{written}");
        }
    }

    #[test]
    fn rates_have_thousands() {
        for (written, read) in
            [("800k", "800000"), ("1.5M", "1500000"), ("96000", "96000"), ("k", "k"), ("1G", "1G")]
        {
            assert_eq!(thousands(written), read, "{written}");
        }
    }
}
