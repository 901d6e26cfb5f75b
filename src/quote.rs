//! Quotes foreign text in our messages: printable, and of limited length.

/// Most characters of an unknown word that are quoted.
const LONGEST_WORD: usize = 80;
/// Most bytes of a whole message. The last lines of ffmpeg's log fit in.
pub const LONGEST_MESSAGE: usize = 8 * 1024;

/// The text in backticks.
#[must_use]
pub fn quote(text: &str) -> String {
    format!("`{}`", printable(text))
}

/// The text with control characters escaped; `...` replaces the part that is too long.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = String::new();
    for (index, c) in text.chars().enumerate() {
        if index == LONGEST_WORD {
            shown.push_str("...");
            break;
        }
        if c.is_control() {
            shown.extend(c.escape_debug());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// The text; if it has more than `most` bytes, its start and its length.
#[must_use]
pub fn shortened(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    format!("{}... ({} bytes)", &text[..text.floor_char_boundary(most)], text.len())
}

#[cfg(test)]
mod tests {
    use super::{quote, shortened};

    #[test]
    fn words_are_printable_and_short() {
        assert_eq!(quote("a\nb\u{1b}[1mé"), "`a\\nb\\u{1b}[1mé`");
        assert_eq!(quote(&"é".repeat(80)), format!("`{}`", "é".repeat(80)));
        assert_eq!(quote(&"é".repeat(81)), format!("`{}...`", "é".repeat(80)));
    }

    #[test]
    fn long_texts_keep_their_start_and_tell_their_length() {
        assert_eq!(shortened("whole", 5), "whole");
        assert_eq!(shortened("äöü", 3), "ä... (6 bytes)");
    }
}
