//! Lengths and rates as people write them, as the process language has them.

/// Milliseconds of `10s`, `1.5s`, `250ms`, `2m`, `1h`, or `1:02:03.5`; whatever else it is stays as
/// it is, for the language to judge.
pub(crate) fn milliseconds(text: &str) -> String {
    let seconds = if text.contains(':') {
        clock(text)
    } else {
        let units = [("ms", 1), ("s", 1000), ("min", 60_000), ("m", 60_000), ("h", 3_600_000)];
        let unit = units.into_iter().find_map(|(unit, factor)| {
            text.strip_suffix(unit).and_then(|number| scaled(number, factor))
        });
        unit.filter(|_| !text.is_empty())
    };
    seconds.map_or_else(|| text.to_owned(), |number| number.to_string())
}

/// `800k`, `1.5M`: a number with a factor of a thousand or a million.
pub(crate) fn thousands(text: &str) -> String {
    let units = [("k", 1000), ("M", 1_000_000)];
    let number = units
        .into_iter()
        .find_map(|(unit, factor)| text.strip_suffix(unit).and_then(|n| scaled(n, factor)));
    number.map_or_else(|| text.to_owned(), |number| number.to_string())
}

/// Minutes and seconds, or hours before them.
fn clock(text: &str) -> Option<u64> {
    let (before, seconds) = text.rsplit_once(':')?;
    let mut minutes = 0_u64;
    for part in before.split(':') {
        let number: u64 = scaled(part, 1)?;
        minutes = minutes.checked_mul(60)?.checked_add(number)?;
    }
    (before.matches(':').count() < 2).then_some(())?;
    minutes.checked_mul(60_000)?.checked_add(scaled(seconds, 1000)?)
}

/// A decimal number times `factor`, where that is a whole number.
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
    use super::{milliseconds, thousands};

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
    fn rates_have_thousands() {
        for (written, read) in
            [("800k", "800000"), ("1.5M", "1500000"), ("96000", "96000"), ("k", "k"), ("1G", "1G")]
        {
            assert_eq!(thousands(written), read, "{written}");
        }
    }
}
