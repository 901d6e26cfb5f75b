//! Arguments written as one string, as in a manual.

/// Splits a text at spaces into arguments.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}
