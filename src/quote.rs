//! Words of others in our own sentences: printable, and not endless.

/// The most characters that are quoted of an unknown word.
const LONGEST_WORD: usize = 80;
/// The most bytes of a whole message. ffmpeg's last lines fit in.
pub const LONGEST_MESSAGE: usize = 8 * 1024;

/// The text in backticks.
#[must_use]
pub fn quote(text: &str) -> String {
    format!("`{}`", printable(text))
}

/// The text with control characters escaped; `...` stands for what is too much.
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

/// The text, or its start and its length where it has more than `most` bytes.
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
