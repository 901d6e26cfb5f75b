//! The names of segments: the target's, with numbers in the places of `{index}` and
//! `{streamindex}`, then the run's, then the stream and the number.

use percent_encoding::utf8_percent_encode;

use super::{UNRESERVED, stem};

/// The names of a run's segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentNames {
    /// The playlist's key without its extension.
    stem: String,
    /// Where the digit of a number stands in it, in order.
    places: Vec<usize>,
    /// Differs for each run, so no playlist ever names segments of two runs.
    run: Option<String>,
}

/// What a number in the target's name counts. A playlist's own name has the first of each.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Number {
    Index,
    Stream,
}

impl SegmentNames {
    /// The names for a playlist with this key. The digits at `places` are its `1` of `{index}` and
    /// its `0` of `{streamindex}`. Other places are ignored.
    #[must_use]
    pub fn new(key: &str, places: &[usize], run: Option<&str>) -> Self {
        let stem = stem(key).to_owned();
        let name = stem.rfind('/').map_or(0, |slash| slash + 1);
        let is_number = |&place: &usize| {
            place >= name && matches!(stem.as_bytes().get(place), Some(b'0' | b'1'))
        };
        let mut places: Vec<usize> = places.iter().copied().filter(is_number).collect();
        places.sort_unstable();
        places.dedup();
        Self { stem, places, run: run.map(str::to_owned) }
    }

    /// The common start of all keys. Other keys may have it, too.
    #[must_use]
    pub fn prefix(&self) -> String {
        self.places.first().map_or_else(|| self.start(&self.stem), |&at| self.stem[..at].to_owned())
    }

    /// The key of a segment whose name ends like this, such as `-0-00001.m4s`.
    #[must_use]
    pub fn key(&self, suffix: &str) -> String {
        let (index, stream) = numbers(suffix);
        let numbered = self.numbered(str::to_owned, |number| match number {
            Number::Index => index.to_string(),
            Number::Stream => stream.to_owned(),
        });
        self.start(&numbered) + suffix.strip_prefix('-').unwrap_or(suffix)
    }

    /// Whether an object with this key is a segment of the run.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        let start = self.start("");
        key.rfind(&start).is_some_and(|at| self.key(&key[at + start.len() - 1..]) == key)
    }

    /// Whether a run with another name can have stored a segment with this key.
    #[must_use]
    pub fn could_contain(&self, key: &str) -> bool {
        let run = key.rsplit('-').skip(1).take(2).find(|part| part.len() == RUN_LENGTH);
        Self { run: run.map(str::to_owned), ..self.clone() }.contains(key)
    }

    /// The name beside the playlist, as a URI.
    pub(super) fn uri(&self, suffix: &str) -> String {
        let key = self.key(suffix);
        let name = key.rsplit_once('/').map_or(&*key, |(_, name)| name);
        utf8_percent_encode(name, UNRESERVED).to_string()
    }

    /// The start of the names in a template of ISO/IEC 23009-1. Percent-encoding leaves no
    /// characters that have a meaning in XML or in the template.
    pub(super) fn template(&self, is_numbered: bool) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
        let name = self.stem.rfind('/').map_or(0, |slash| slash + 1);
        let of_name = Self {
            stem: self.stem[name..].to_owned(),
            places: self.places.iter().map(|place| place - name).collect(),
            run: self.run.as_deref().map(encoded),
        };
        of_name.start(&of_name.numbered(encoded, |number| match number {
            Number::Index if is_numbered => "$Number$".to_owned(),
            Number::Index => "1".to_owned(),
            Number::Stream => "$RepresentationID$".to_owned(),
        }))
    }

    fn start(&self, stem: &str) -> String {
        self.run.as_ref().map_or_else(|| format!("{stem}-"), |run| format!("{stem}-{run}-"))
    }

    /// The stem with other numbers.
    fn numbered(
        &self,
        literal: impl Fn(&str) -> String,
        number: impl Fn(Number) -> String,
    ) -> String {
        let (mut text, mut from) = (String::new(), 0);
        for &place in &self.places {
            text += &literal(&self.stem[from..place]);
            let is_index = self.stem.as_bytes()[place] == b'1';
            text += &number(if is_index { Number::Index } else { Number::Stream });
            from = place + 1;
        }
        text + &literal(&self.stem[from..])
    }
}

/// The length of a run's name.
const RUN_LENGTH: usize = 8;

/// The number of a segment, and of its stream. An initialisation segment counts as the first.
fn numbers(suffix: &str) -> (u64, &str) {
    let bare = suffix.rsplit_once('.').map_or(suffix, |(bare, _)| bare);
    let mut parts = bare.rsplit('-');
    let index = parts.next().and_then(|number| number.parse().ok()).unwrap_or(1);
    (index, parts.next().filter(|stream| !stream.is_empty()).unwrap_or("0"))
}

#[cfg(test)]
mod tests {
    use super::SegmentNames;

    const RUN: Option<&str> = Some("5f0e88d1");

    #[test]
    fn numbers_stand_in_their_places() {
        for (key, places, suffix, expected) in [
            ("show/film.m3u8", &[][..], "-00012.ts", "show/film-5f0e88d1-00012.ts"),
            ("show/1 of 1.m3u8", &[5], "-00012.ts", "show/12 of 1-5f0e88d1-00012.ts"),
            ("show/1 of 1.m3u8", &[5, 10], "-00012.ts", "show/12 of 12-5f0e88d1-00012.ts"),
            ("1.m3u8", &[0], "-init.mp4", "1-5f0e88d1-init.mp4"),
            ("a-1-0.mpd", &[2, 4], "-1-00007.m4s", "a-7-1-5f0e88d1-1-00007.m4s"),
            ("a-1-0.mpd", &[2, 4], "-1-init.mp4", "a-1-1-5f0e88d1-1-init.mp4"),
            // A number in a folder or in the extension is the playlist's own.
            ("1/a.1", &[0, 4], "-00002.ts", "1/a-5f0e88d1-00002.ts"),
            ("ü1.m3u8", &[2], "-00002.ts", "ü2-5f0e88d1-00002.ts"),
        ] {
            let names = SegmentNames::new(key, places, RUN);
            let segment = names.key(suffix);
            assert_eq!(segment, expected, "{key} {suffix}");
            assert!(segment.starts_with(&names.prefix()), "{key} {suffix}");
            assert!(names.contains(&segment) && names.could_contain(&segment), "{key} {suffix}");
            let other = SegmentNames::new(key, places, Some("00000000"));
            assert!(!other.contains(&segment) && other.could_contain(&segment), "{key} {suffix}");
        }
    }

    #[test]
    fn other_objects_are_no_segments() {
        let names = SegmentNames::new("show/1.m3u8", &[5], RUN);
        assert_eq!(names.prefix(), "show/");
        for key in [
            "show/1.m3u8",
            "show/2-5f0e88d1-00001.ts",
            "show/x-5f0e88d1-00001.ts",
            "show/x/1-5f0e88d1-00001.ts",
            "show/1-5f0e88d2-00001.ts",
            "show/1-5f0e88d1-00001.ts-5f0e88d1-00001.ts",
        ] {
            assert!(!names.contains(key), "{key}");
        }
        assert!(!names.could_contain("show/2-5f0e88d2-00001.ts"));
        assert!(!names.could_contain("show/1.m3u8"));
    }
}
