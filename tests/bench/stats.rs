//! Medians, and tables of them.

use serde_json::{Value, json};

/// All measured numbers, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbers(pub(crate) Vec<f64>);

impl Numbers {
    /// The middle number, or the mean of the two in the middle; `None` for an empty list.
    pub(crate) fn median(&self) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len().checked_sub(1)? / 2;
        Some(f64::midpoint(sorted[middle], sorted[sorted.len() / 2]))
    }

    pub(crate) fn json(&self) -> Value {
        let least = self.0.iter().copied().reduce(f64::min);
        let most = self.0.iter().copied().reduce(f64::max);
        json!({"median": self.median(), "least": least, "most": most, "all": self.0})
    }
}

impl FromIterator<f64> for Numbers {
    fn from_iter<I: IntoIterator<Item = f64>>(numbers: I) -> Self {
        Self(numbers.into_iter().collect())
    }
}

/// The first number as a multiple of the second.
pub(crate) fn ratio(ours: Option<f64>, theirs: Option<f64>) -> Option<f64> {
    Some(ours? / theirs.filter(|theirs| *theirs > 0.0)?)
}

pub(crate) fn title(text: &str) {
    println!("\n{text}");
}

/// A number with its unit, or a dash.
pub(crate) fn cell(number: Option<f64>, unit: &str) -> String {
    number.map_or_else(|| "-".to_owned(), |number| format!("{number:.2}{unit}"))
}

pub(crate) fn row(name: &str, cells: &[&str]) {
    let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:>14}")).collect();
    println!("  {name:<34}{}", cells.concat());
}

pub(crate) fn mebibytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) / 1024.0
}
