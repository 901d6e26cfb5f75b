//! Frame rates as exact rationals, and the standard rates.

use num_rational::Ratio;

use crate::flicks::Flicks;

/// The standard rates in frames per second; each also exists as n/1.001.
const STANDARD: [i64; 11] = [10, 12, 15, 24, 25, 30, 48, 50, 60, 100, 120];
/// The rate if nothing is known.
const FALLBACK: i64 = 25;
/// The highest rate of an output.
const HIGHEST: i64 = 240;

/// The rate of `frames` frames in `duration`, or `None` if that is not a valid rate.
#[must_use]
pub(crate) fn mean(frames: i64, duration: Flicks) -> Option<Ratio<i64>> {
    let micros = duration.to_micros();
    (frames > 0 && micros > 0 && frames < i64::MAX / 1_000_000)
        .then(|| Ratio::new(frames * 1_000_000, micros))
}

/// The rate of a stream, from the base rate of its timestamps and the mean rate that was counted.
/// With a constant rate they agree; otherwise the mean is what a viewer sees.
#[must_use]
pub(crate) fn choose(base: Option<Ratio<i64>>, mean: Option<Ratio<i64>>) -> Ratio<i64> {
    let rate = match (base, mean) {
        (Some(base), Some(mean)) if within(base, mean, 100) => base,
        (_, Some(mean)) => mean,
        (Some(base), None) => base,
        (None, None) => return Ratio::from_integer(FALLBACK),
    };
    standardise(rate).clamp(Ratio::new(1, 1000), Ratio::from_integer(HIGHEST))
}

/// The standard rate within 1/4000, or else the rate itself, rounded to three decimals. NTSC rates
/// differ by 1/1000 from their neighbours.
#[must_use]
pub(crate) fn standardise(rate: Ratio<i64>) -> Ratio<i64> {
    standard(rate).unwrap_or_else(|| Ratio::new((rate * 1000).round().to_integer().max(1), 1000))
}

/// The nearest standard rate that fits; preferably one of the form n/1.001 if `ntsc`, or not of
/// that form otherwise.
#[must_use]
pub(crate) fn nearest_standard(
    rate: Ratio<i64>,
    fits: impl Fn(&Ratio<i64>) -> bool,
    ntsc: bool,
) -> Option<Ratio<i64>> {
    let off = |standard: &Ratio<i64>| {
        let (a, b) = (wide(rate), wide(*standard));
        (is_ntsc(*standard) != ntsc, Ratio::new((a.0 * b.1 - b.0 * a.1).abs(), b.1))
    };
    standards().filter(fits).min_by_key(off)
}

/// Whether a rate is n/1.001.
pub(crate) fn is_ntsc(rate: Ratio<i64>) -> bool {
    *rate.denom() == 1001
}

/// Whether a rate is within 1/4000 of a standard rate.
pub(crate) fn is_standard(rate: Ratio<i64>) -> bool {
    standard(rate).is_some()
}

fn standard(rate: Ratio<i64>) -> Option<Ratio<i64>> {
    standards().find(|&standard| within(rate, standard, 4000))
}

fn standards() -> impl Iterator<Item = Ratio<i64>> {
    STANDARD.iter().flat_map(|&n| [Ratio::from_integer(n), Ratio::new(n * 1000, 1001)])
}

/// A number with at most three decimals, as people write it.
#[must_use]
pub(crate) fn decimal(number: Ratio<i64>) -> String {
    let thousandths = (number * 1000).round().to_integer();
    let sign = if thousandths < 0 { "-" } else { "" };
    let thousandths = thousandths.unsigned_abs();
    let text = format!("{sign}{}.{:03}", thousandths / 1000, thousandths % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Whether two rates differ by less than one part in `parts`.
fn within(rate: Ratio<i64>, other: Ratio<i64>, parts: i128) -> bool {
    let ((a, b), (c, d)) = (wide(rate), wide(other));
    (a * d - c * b).abs() * parts < c * b
}

fn wide(rate: Ratio<i64>) -> (i128, i128) {
    (i128::from(*rate.numer()), i128::from(*rate.denom()))
}

#[cfg(test)]
mod tests {
    use num_rational::Ratio;

    use super::{choose, decimal, mean, standardise};
    use crate::flicks::Flicks;

    #[test]
    fn rates_settle_on_what_one_sees() {
        let r = |n, d| Some(Ratio::new(n, d));
        for (name, base, mean, expected) in [
            ("constant", r(25, 1), r(25, 1), (25, 1)),
            ("NTSC in milliseconds", r(2997, 100), r(29_970_030, 1_000_000), (30_000, 1001)),
            ("film", r(24_000, 1001), r(23_976, 1000), (24_000, 1001)),
            ("interlaced field rate", r(50, 1), r(25, 1), (25, 1)),
            ("90 kHz base", r(90_000, 1), r(30, 1), (30, 1)),
            ("variable", r(30, 1), r(17_333_333, 1_000_000), (17_333, 1000)),
            ("no mean", r(30, 1), None, (30, 1)),
            ("nothing", None, None, (25, 1)),
            ("too fast", r(1000, 1), r(1000, 1), (240, 1)),
        ] {
            assert_eq!(choose(base, mean), Ratio::new(expected.0, expected.1), "{name}");
        }
    }

    #[test]
    fn thirty_and_its_ntsc_neighbour_stay_apart() {
        assert_eq!(standardise(Ratio::new(2998, 100)), Ratio::new(2998, 100));
        assert_eq!(standardise(Ratio::new(2997, 100)), Ratio::new(30_000, 1001));
        assert_eq!(standardise(Ratio::new(30, 1)), Ratio::new(30, 1));
    }

    #[test]
    fn decimals_are_written_as_by_hand() {
        for (number, text) in [
            ((25, 1), "25"),
            ((30_000, 1001), "29.97"),
            ((1, 2), "0.5"),
            ((0, 1), "0"),
            ((-1, 2), "-0.5"),
            ((-3, 2), "-1.5"),
            ((-1, 10_000), "0"),
        ] {
            assert_eq!(decimal(Ratio::new(number.0, number.1)), text);
        }
    }

    #[test]
    fn a_mean_needs_frames_and_time() {
        assert_eq!(mean(50, Flicks::from_millis(2000)), Some(Ratio::from_integer(25)));
        assert_eq!(mean(0, Flicks::from_millis(2000)), None);
        assert_eq!(mean(50, Flicks::ZERO), None);
    }
}
