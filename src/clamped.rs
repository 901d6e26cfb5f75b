//! Conversions between integers in which a number outside the type's range becomes the nearest end
//! of the range.
//!
//! They are for numbers that can't get so large, or for which that end does as well: a limit, a
//! length to compare, a figure to show.

use std::time::Duration;

/// An integer type with its range.
pub trait Range {
    /// Its smallest number.
    const LEAST: Self;
    /// Its largest number.
    const MOST: Self;
}

macro_rules! range {
    ($($type:ty),*) => {
        $(impl Range for $type {
            const LEAST: Self = Self::MIN;
            const MOST: Self = Self::MAX;
        })*
    };
}

range!(u8, u16, u32, u64, usize, i32, i64);

/// The number as another type, or the nearest end of that type's range.
pub fn clamped<T: Range>(number: impl TryInto<T> + Default + PartialOrd) -> T {
    let is_negative = number < Default::default();
    number.try_into().unwrap_or(if is_negative { T::LEAST } else { T::MOST })
}

/// So many seconds, or the longest duration if the number is too large or invalid.
#[must_use]
pub fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::clamped;

    #[test]
    fn a_number_beyond_the_range_becomes_its_nearest_end() {
        assert_eq!(clamped::<u8>(7_u64), 7);
        assert_eq!(clamped::<u8>(300_u64), 255);
        assert_eq!(clamped::<u32>(-1_i64), 0);
        assert_eq!(clamped::<i32>(i64::MIN), i32::MIN);
        assert_eq!(clamped::<i64>(i128::MAX), i64::MAX);
        assert_eq!(clamped::<i64>(-1_i128), -1);
    }
}
