//! Exact time.
//!
//! A flick is 1/705,600,000 s, a unit that Facebook published in 2018. The duration of one frame at
//! every common rate (including the NTSC n/1001 rates), of one sample at every common audio rate,
//! of a millisecond and of a 90 kHz tick are all whole numbers of flicks. So sums of clip lengths
//! stay integers, without floating point, and without denominators that grow with every clip.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

use num_rational::Ratio;

use crate::clamped::clamped;

/// A point in time or a duration, in flicks; may be negative.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Flicks(i64);

impl Flicks {
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// Flicks in one second.
    pub const PER_SECOND: i128 = 705_600_000;

    /// From a number of flicks.
    #[must_use]
    pub const fn new(count: i64) -> Self {
        Self(count)
    }

    /// The number of flicks.
    #[must_use]
    pub const fn count(self) -> i64 {
        self.0
    }

    /// From milliseconds: exact; saturates after four centuries.
    #[must_use]
    pub fn from_millis(millis: u64) -> Self {
        Self(clamped(i128::from(millis) * (Self::PER_SECOND / 1000)))
    }

    /// `ticks` of `time_base` seconds each, rounded to the nearest flick. `None` if the time base
    /// is not positive or the result is out of range.
    #[must_use]
    pub fn from_ticks(ticks: i64, time_base: Ratio<i64>) -> Option<Self> {
        if *time_base.numer() <= 0 || *time_base.denom() <= 0 {
            return None;
        }
        let flicks = div_round(
            i128::from(ticks) * i128::from(*time_base.numer()) * Self::PER_SECOND,
            i128::from(*time_base.denom()),
        );
        i64::try_from(flicks).ok().map(Self)
    }

    /// The number of units at `rate` per second, rounded to the nearest, halves up: frames at a
    /// frame rate, samples at a sample rate.
    #[must_use]
    pub fn to_units(self, rate: Ratio<i64>) -> i64 {
        clamped(div_round(
            i128::from(self.0) * i128::from(*rate.numer()),
            i128::from(*rate.denom()) * Self::PER_SECOND,
        ))
    }

    /// The start of unit `index` at `rate` per second, rounded to the nearest flick.
    #[must_use]
    pub fn of_units(index: i64, rate: Ratio<i64>) -> Self {
        Self(clamped(div_round(
            i128::from(index) * i128::from(*rate.denom()) * Self::PER_SECOND,
            i128::from(*rate.numer()),
        )))
    }

    /// Milliseconds, rounded to the nearest.
    #[must_use]
    pub fn to_millis(self) -> i64 {
        self.to_units(Ratio::from_integer(1000))
    }

    /// Microseconds, rounded to the nearest.
    #[must_use]
    pub fn to_micros(self) -> i64 {
        self.to_units(Ratio::from_integer(1_000_000))
    }

    /// The time in the form of ffmpeg's options: decimal seconds with microseconds, which is
    /// ffmpeg's resolution.
    #[must_use]
    pub fn as_option(self) -> String {
        let micros = self.to_micros();
        let sign = if micros < 0 { "-" } else { "" };
        let micros = micros.unsigned_abs();
        format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
    }
}

impl fmt::Display for Flicks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.to_millis())
    }
}

impl Add for Flicks {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Flicks {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Flicks {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Flicks {
    fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
        items.fold(Self::ZERO, Self::add)
    }
}

/// Division rounded to the nearest integer, halves up. `divisor` is positive.
fn div_round(dividend: i128, divisor: i128) -> i128 {
    (dividend + divisor / 2).div_euclid(divisor)
}

#[cfg(test)]
mod tests {
    use num_rational::Ratio;

    use super::Flicks;

    #[test]
    fn common_units_are_exact() {
        for (num, den) in [
            (24, 1),
            (25, 1),
            (30, 1),
            (50, 1),
            (60, 1),
            (24_000, 1001),
            (30_000, 1001),
            (60_000, 1001),
            (120, 1),
            (8000, 1),
            (44_100, 1),
            (48_000, 1),
            (88_200, 1),
            (96_000, 1),
            (1000, 1),
            (90_000, 1),
        ] {
            let rate = Ratio::new(num, den);
            let unit = Flicks::of_units(1, rate);
            for count in [1, 2, 3, 1000, 86_400 * 240] {
                let total = Flicks::new(unit.count() * count);
                assert_eq!(Flicks::of_units(count, rate), total, "{rate}");
                assert_eq!(total.to_units(rate), count, "{rate}");
            }
        }
    }

    #[test]
    fn halves_round_up_on_both_sides_of_zero() {
        let rate = Ratio::from_integer(25);
        assert_eq!(Flicks::from_millis(20).to_units(rate), 1);
        assert_eq!(Flicks::from_millis(19).to_units(rate), 0);
        assert_eq!((Flicks::ZERO - Flicks::from_millis(20)).to_units(rate), 0);
        assert_eq!((Flicks::ZERO - Flicks::from_millis(21)).to_units(rate), -1);
    }

    #[test]
    fn options_carry_microseconds_and_sign() {
        assert_eq!(Flicks::from_millis(10_040).as_option(), "10.040000");
        let early = Flicks::ZERO - Flicks::from_millis(21);
        assert_eq!(early.as_option(), "-0.021000");
    }

    #[test]
    fn senseless_time_bases_are_refused() {
        assert_eq!(Flicks::from_ticks(1, Ratio::new_raw(0, 1)), None);
        assert_eq!(Flicks::from_ticks(1, Ratio::new_raw(1, 0)), None);
        assert_eq!(Flicks::from_ticks(i64::MAX, Ratio::new(1, 1)), None);
    }
}
