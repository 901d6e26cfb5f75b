//! Finds places in JSON that has already been parsed, since the parser returns no offsets.

use std::ops::Range;

/// A member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// The place of the name's literal, without its quotes.
    pub(crate) name: Range<usize>,
    /// The place of the value's literal.
    pub(crate) value: Range<usize>,
}

/// The members of the outermost object of valid JSON; none if it is another value.
pub(crate) fn members(text: &str) -> Vec<Member> {
    let mut scan = Scan { bytes: text.as_bytes(), at: 0 };
    let mut members = Vec::new();
    scan.space();
    if !scan.accept(b'{') {
        return members;
    }
    loop {
        scan.space();
        if scan.peek() != Some(b'"') {
            return members;
        }
        let name = scan.value();
        scan.space();
        scan.accept(b':');
        scan.space();
        members.push(Member { name: name.start + 1..name.end - 1, value: scan.value() });
        scan.space();
        if !scan.accept(b',') {
            return members;
        }
    }
}

/// The last member with this name, which is the one that parsers use.
pub(crate) fn member(text: &str, name: &str) -> Option<Member> {
    let is_it = |member: &Member| {
        let literal = &text[member.name.start - 1..=member.name.end];
        serde_json::from_str::<String>(literal).is_ok_and(|read| read == name)
    };
    members(text).into_iter().rfind(is_it)
}

/// The offset inside a string's literal that corresponds to byte `offset` of the string.
pub(crate) fn literal_offset(inside: &str, offset: usize) -> usize {
    let mut decoded = 0;
    let mut at = 0;
    while decoded < offset && at < inside.len() {
        let (taken, made) = step(&inside[at..]);
        at += taken;
        decoded += made;
    }
    at
}

/// The length of the next character in the literal, and in the string.
fn step(rest: &str) -> (usize, usize) {
    let code = |text: &str| u32::from_str_radix(text.get(2..6)?, 16).ok();
    if !rest.starts_with('\\') {
        let length = rest.chars().next().map_or(1, char::len_utf8);
        return (length, length);
    }
    match code(rest).filter(|_| rest.starts_with("\\u")) {
        // Two escapes form one character beyond the basic plane.
        Some(0xd800..=0xdbff) => (12.min(rest.len()), 4),
        Some(code) => (6, char::from_u32(code).map_or(3, char::len_utf8)),
        None => (2.min(rest.len()), 1),
    }
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn accept(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Steps over a value.
    fn value(&mut self) -> Range<usize> {
        let start = self.at;
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => self.string(),
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth > 0 => depth -= 1,
                // The end of a number or a word.
                b',' | b'}' | b']' if depth == 0 => break,
                _ if depth == 0 && byte.is_ascii_whitespace() => break,
                _ => {}
            }
            self.at += 1;
            if depth == 0 && matches!(byte, b'"' | b'}' | b']') {
                break;
            }
        }
        start..self.at
    }

    /// Steps over a string, including both quotes.
    fn string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => return,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{literal_offset, member, members};

    #[test]
    fn members_are_found_where_they_stand() {
        let text = r#" { "a" : [1, {"b": "}"}] , "b\u0063":"x,\"y", "n": -1.5e3,"o":{},
            "t": true }"#;
        let parsed: Value = serde_json::from_str(text).unwrap();
        let found = members(text);
        assert_eq!(found.len(), parsed.as_object().unwrap().len());
        for member in found {
            let name = &text[member.name.start - 1..=member.name.end];
            let name: String = serde_json::from_str(name).unwrap();
            let value: Value = serde_json::from_str(&text[member.value]).unwrap();
            assert_eq!(value, parsed[&name], "{name}");
        }
        assert_eq!(&text[member(text, "bc").unwrap().value], r#""x,\"y""#);
        assert_eq!(members("[{}]"), []);
        assert_eq!(members("{}"), []);
        let twice = r#"{"a": 1, "a": 2}"#;
        assert_eq!(&twice[member(twice, "a").unwrap().value], "2");
    }

    #[test]
    fn offsets_in_a_string_are_found_in_its_literal() {
        let inside = r"a\/b\u00e9\ud83c\udfacéc\nd";
        let text: String = serde_json::from_str(&format!("\"{inside}\"")).unwrap();
        for (character, literal) in [
            ("/", r"\/"),
            ("b", "b"),
            ("é", r"\u00e9"),
            ("🎬", r"\ud83c\udfac"),
            ("éc", "éc"),
            ("\n", r"\n"),
            ("d", "d"),
        ] {
            let from = text.find(character).unwrap();
            let range =
                literal_offset(inside, from)..literal_offset(inside, from + character.len());
            assert_eq!(&inside[range], literal);
        }
        assert_eq!(literal_offset(inside, text.len()), inside.len());
    }
}
