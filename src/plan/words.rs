//! Arguments as they stand in a manual.

/// The words of a text, as arguments.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}
