//! Text helpers for the messages.

use std::fmt::Display;

/// `a`, `a or b`, `a, b, or c`.
pub(super) fn list<T: Display>(items: &[T], conjunction: &str) -> String {
    match items {
        [] => String::new(),
        [only] => only.to_string(),
        [one, two] => format!("{one} {conjunction} {two}"),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(ToString::to_string).collect();
            format!("{}, {conjunction} {last}", first.join(", "))
        }
    }
}

/// The known name that is closest to `found`, if it may be a typing error.
pub(super) fn nearest<'a>(found: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Far longer than any name, and the distance would take long to compute.
    if found.len() > 64 {
        return None;
    }
    let found = found.trim().to_lowercase();
    known
        .map(|name| (strsim::damerau_levenshtein(&found, name), name))
        .filter(|&(distance, name)| distance == 0 || distance * 3 <= name.chars().count())
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, name)| name)
}
