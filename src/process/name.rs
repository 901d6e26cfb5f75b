//! Names in the process string: URL-safe Base64 of UTF-8 text.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use thiserror::Error;

use crate::object::{Key, ObjectNameError};
use crate::quote::printable;

const LENIENT_PADDING: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A decoded name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The text, without the line break.
    pub text: String,
    /// Whether a line break at its end was dropped: published examples were made with
    /// `echo | base64`.
    pub line_break_dropped: bool,
}

/// Why a name can't be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// A character of the other Base64 alphabet.
    #[error("it is Base64, but not URL-safe: write `-` for `+` and `_` for `/`")]
    StandardAlphabet,
    /// A character that belongs to no Base64 alphabet.
    #[error(
        "`{}` at its byte {offset} is not URL-safe Base64 (A-Z, a-z, 0-9, `-`, `_`)",
        printable(&found.to_string())
    )]
    Character {
        /// The character.
        found: char,
        /// Its offset in the value.
        offset: usize,
    },
    /// Truncated or wrongly padded Base64.
    #[error("it is incomplete Base64; a character is missing, or there is one too many")]
    Truncated,
    /// The bytes are not text.
    #[error("the decoded name is not UTF-8 text")]
    NotText,
    /// The name is empty.
    #[error("the decoded name is empty")]
    Empty,
    /// Not a valid name of a bucket or an object.
    #[error(transparent)]
    Object(#[from] ObjectNameError),
    /// A name that other programs resolve to another name.
    #[error("the name has `..` between slashes, which many programs take for the parent folder")]
    ParentSegment,
    /// Neither the name nor the ARN of a topic.
    #[error(
        "`{}` is not a topic: write its name (1 to 256 of A-Z, a-z, 0-9, `-`, and `_`) \
         or its ARN, `arn:aws:sns:<region>:<account>:<name>`", printable(.0)
    )]
    Topic(String),
}

/// Decodes a name in a process string.
///
/// # Errors
///
/// When it is not Base64 of UTF-8 text, or empty.
pub fn decode(encoded: &str) -> Result<Name, NameError> {
    let bytes = LENIENT_PADDING.decode(encoded).map_err(|_| explain(encoded))?;
    let mut text = String::from_utf8(bytes).map_err(|_| NameError::NotText)?;
    let line_break_dropped = drop_line_break(&mut text);
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    Ok(Name { text, line_break_dropped })
}

/// Decodes the name of an object.
///
/// # Errors
///
/// Like [`decode`], and when the name is not valid for an object.
pub fn decode_key(encoded: &str) -> Result<Name, NameError> {
    let name = decode(encoded)?;
    Key::new(name.text.as_str())?;
    Ok(name)
}

/// Decodes the name or the ARN of a topic.
///
/// # Errors
///
/// Like [`decode`], and when the name is not valid for a topic.
pub fn decode_topic(encoded: &str) -> Result<Name, NameError> {
    let name = decode(encoded)?;
    if is_topic_name(&name.text) || is_topic_arn(&name.text) {
        Ok(name)
    } else {
        Err(NameError::Topic(name.text))
    }
}

/// Encodes a name as canonical strings have it.
#[must_use]
pub fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn drop_line_break(text: &mut String) -> bool {
    let kept = without_line_break(text).len();
    let dropped = kept < text.len();
    text.truncate(kept);
    dropped
}

/// The text without a line break at its end.
pub(super) fn without_line_break(text: &str) -> &str {
    text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).unwrap_or(text)
}

/// Explains to the user why a text does not decode.
fn explain(encoded: &str) -> NameError {
    let unpadded = encoded.trim_end_matches('=');
    let is_known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let Some((offset, found)) = unpadded.char_indices().find(|&(_, c)| !is_known(c)) else {
        return NameError::Truncated;
    };
    match found {
        '+' | '/' => NameError::StandardAlphabet,
        _ => NameError::Character { found, offset },
    }
}

/// SNS's rule for names. FIFO topics, whose names end in `.fifo`, are excluded: their messages need
/// a group, which a completion message doesn't have.
fn is_topic_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !name.is_empty() && name.len() <= 256 && name.chars().all(allowed)
}

fn is_topic_arn(arn: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    let [arn, partition, service, region, account, name] = parts[..] else {
        return false;
    };
    let is_word = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-');
    arn == "arn"
        && partition.starts_with("aws")
        && partition.chars().all(is_word)
        && service == "sns"
        && !region.is_empty()
        && region.chars().all(is_word)
        && account.len() == 12
        && account.chars().all(|c| c.is_ascii_digit())
        && is_topic_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(encoded: &str) -> Result<String, NameError> {
        decode(encoded).map(|name| name.text)
    }

    #[test]
    fn names_decode_with_and_without_padding() {
        for encoded in ["YS5tcDQ=", "YS5tcDQ"] {
            assert_eq!(text(encoded), Ok("a.mp4".to_owned()), "{encoded}");
        }
        assert_eq!(text("8J-OrA"), Ok("🎬".to_owned()));
        assert_eq!(text("Pz8_"), Ok("???".to_owned()));
    }

    #[test]
    fn one_line_break_at_the_end_is_dropped_with_a_warning() {
        let cases = [
            ("one", "a\n", "a", true),
            ("windows", "a\r\n", "a", true),
            ("two", "a\n\n", "a\n", true),
            ("inside", "a\nb", "a\nb", false),
            ("none", "a", "a", false),
            ("carriage return alone", "a\r", "a\r", false),
        ];
        for (case, raw, kept, dropped) in cases {
            let name = decode(&encode(raw)).unwrap();
            assert_eq!((name.text.as_str(), name.line_break_dropped), (kept, dropped), "{case}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_name_is_explained() {
        let cases = [
            ("standard alphabet", "Pz8/", NameError::StandardAlphabet),
            ("standard plus", "8J+OrA", NameError::StandardAlphabet),
            ("space", "YS 5t", NameError::Character { found: ' ', offset: 2 }),
            ("beyond ASCII", "YSé", NameError::Character { found: 'é', offset: 2 }),
            ("padding inside", "YQ==YQ", NameError::Character { found: '=', offset: 2 }),
            ("one character", "Y", NameError::Truncated),
            ("loose bits", "YR", NameError::Truncated),
            ("too much padding", "YQ===", NameError::Truncated),
            ("no text", "_w", NameError::NotText),
            ("nothing", "", NameError::Empty),
            ("a line break alone", "Cg", NameError::Empty),
        ];
        for (case, encoded, error) in cases {
            assert_eq!(text(encoded), Err(error), "{case}");
        }
    }

    #[test]
    fn keys_have_at_most_1024_bytes() {
        assert!(decode_key(&encode(&"k".repeat(1024))).is_ok());
        let long = decode_key(&encode(&"é".repeat(513)));
        assert_eq!(long, Err(ObjectNameError::LongKey(1026).into()));
    }

    #[test]
    fn topics_are_names_or_arns() {
        let longest = "t".repeat(256);
        let good = [
            "AudioConvert",
            "a",
            "A-b_9",
            &longest,
            "arn:aws:sns:us-east-1:123456789012:done",
            "arn:aws-cn:sns:cn-north-1:000000000000:done",
        ];
        for good in good {
            assert!(decode_topic(&encode(good)).is_ok(), "{good}");
        }
        let too_long = "t".repeat(257);
        let bad = [
            "a b",
            "a/b",
            ".fifo",
            "done.fifo",
            "é",
            &too_long,
            "arn:aws:sqs:us-east-1:123456789012:done",
            "arn:aws:sns:us-east-1:12345678901:done",
            "arn:aws:sns::123456789012:done",
            "arn:aws:sns:us-east-1:123456789012:",
            "arn:aws:sns:us-east-1:123456789012:done:subscription",
            "arn:ibm:sns:us-east-1:123456789012:done",
        ];
        for bad in bad {
            assert_eq!(decode_topic(&encode(bad)), Err(NameError::Topic(bad.to_owned())), "{bad}");
        }
    }
}
