//! The table as data.

use std::collections::HashSet;

use super::super::value::read;
use crate::process::table::{Absent, Kind, Need, Operation, PARAMETERS, find, markdown};

type Bound = Option<u64>;
type Text = &'static str;
type Fact = (Operation, Text, bool, Bound, Bound, Text, Text, Text, Text);

/// The specified facts: operation, name, required, least, most, words or numbers, default, need,
/// exclusion.
#[rustfmt::skip]
const FACTS: &[Fact] = &[
    (Operation::Pre, "o", true, None, None, "", "", "", ""),
    (Operation::Pre, "ss", false, Some(0), None, "", "0", "", ""),
    (Operation::Pre, "t", false, Some(0), None, "", "0", "", ""),
    (Operation::Sur, "o", true, None, None, "", "", "", ""),
    (Operation::Sur, "ss", false, Some(0), None, "", "0", "", ""),
    (Operation::Sur, "t", false, Some(0), None, "", "0", "", ""),
    (Operation::Concat, "ss", false, Some(0), None, "", "0", "", ""),
    (Operation::Concat, "t", false, Some(0), None, "", "0", "", ""),
    (Operation::Concat, "f", true, None, None, "mp4 mkv mov asf avi mxf ts flv", "", "", ""),
    (Operation::Concat, "vn", false, None, None, "0 1", "0", "", ""),
    (Operation::Concat, "vcodec", true, None, None, "h264 h265 vp9", "", "", ""),
    (Operation::Concat, "fps", false, Some(0), Some(240), "", "", "", ""),
    (Operation::Concat, "fpsopt", false, None, None, "0 1 2", "0", "fps", ""),
    (Operation::Concat, "pixfmt", false, None, None,
     "yuv420p yuva420p yuv420p10le yuv422p yuv422p10le yuv444p yuv444p10le", "", "", ""),
    (Operation::Concat, "s", false, Some(1), Some(4096), "", "", "", ""),
    (Operation::Concat, "sopt", false, None, None, "0 1 2", "0", "s", ""),
    (Operation::Concat, "scaletype", false, None, None, "stretch crop fill fit", "", "", ""),
    (Operation::Concat, "arotate", false, None, None, "0 1", "0", "s", ""),
    (Operation::Concat, "g", false, Some(1), Some(100_000), "", "150", "", ""),
    (Operation::Concat, "vb", false, Some(10_000), Some(100_000_000), "", "", "", "crf"),
    (Operation::Concat, "vbopt", false, None, None, "0 1 2", "0", "vb", ""),
    (Operation::Concat, "crf", false, Some(0), Some(51), "", "23", "", "vb"),
    (Operation::Concat, "maxrate", false, Some(10_000), Some(100_000_000), "", "0", "crf", ""),
    (Operation::Concat, "bufsize", false, Some(10_000), Some(200_000_000), "", "0", "crf", ""),
    (Operation::Concat, "an", false, None, None, "0 1", "0", "", ""),
    (Operation::Concat, "acodec", true, None, None, "mp3 aac flac vorbis ac3 opus pcm amr", "", "", ""),
    (Operation::Concat, "ar", false, None, None,
     "8000 11025 12000 16000 22050 24000 32000 44100 48000 64000 88200 96000", "", "", ""),
    (Operation::Concat, "ac", false, Some(1), Some(8), "", "", "", ""),
    (Operation::Concat, "aq", false, Some(0), Some(100), "", "", "", "ab"),
    (Operation::Concat, "ab", false, Some(1000), Some(10_000_000), "", "", "", "aq"),
    (Operation::Concat, "abopt", false, None, None, "0 1 2", "0", "ab", ""),
    (Operation::Concat, "align", false, Some(0), None, "", "0", "", ""),
    (Operation::Concat, "adepth", false, None, None, "16 24", "", "acodec=flac", ""),
    (Operation::Segment, "f", true, None, None, "hls dash", "", "", ""),
    (Operation::Segment, "t", true, Some(0), Some(3_600_000), "", "", "", ""),
    (Operation::SaveAs, "o", true, None, None, "", "", "", ""),
    (Operation::SaveAs, "b", false, None, None, "", "", "", ""),
    (Operation::Notify, "topic", true, None, None, "", "", "", ""),
];

/// Least, most and choice of a kind, in the terms of [`FACTS`].
fn facts_of(kind: &Kind) -> (Option<u64>, Option<u64>, String) {
    // A bound that comes only from our number types is not part of the language.
    let bound = |max: u64| Some(max).filter(|&max| max < u64::from(u32::MAX));
    match *kind {
        Kind::Integer { min, max } | Kind::IntegerOrZero { min, max } => {
            (Some(min), bound(max), String::new())
        }
        Kind::Decimal { max } | Kind::FrameRate { max } => {
            (Some(0), Some(max.into()), String::new())
        }
        Kind::Size { max_side } => (Some(1), Some(max_side.into()), String::new()),
        Kind::OneOf(numbers) => {
            let numbers: Vec<_> = numbers.iter().map(u32::to_string).collect();
            (None, None, numbers.join(" "))
        }
        Kind::Word(words) => (None, None, words.join(" ")),
        Kind::Key | Kind::Template | Kind::Topic => (None, None, String::new()),
    }
}

#[test]
fn the_table_says_what_the_language_promises() {
    assert_eq!(PARAMETERS.len(), FACTS.len());
    for &(operation, name, required, min, max, choice, default, need, excludes) in FACTS {
        let row = find(operation, name).unwrap();
        let case = format!("{operation} {name}");
        assert_eq!(row.absent == Absent::Required, required, "{case}");
        assert_eq!(facts_of(&row.kind), (min, max, choice.to_owned()), "{case}");
        let known_default = match row.absent {
            Absent::Value(value) | Absent::ValueUnless { value, .. } => value,
            Absent::Required | Absent::Words(_) => "",
        };
        assert_eq!(known_default, default, "{case}");
        let known_need = match row.needs {
            None => String::new(),
            Some(Need::Given(name)) => name.to_owned(),
            Some(Need::Is(name, value)) => format!("{name}={value}"),
        };
        assert_eq!(known_need, need, "{case}");
        assert_eq!(row.excludes.unwrap_or_default(), excludes, "{case}");
    }
}

#[test]
fn no_parameter_stands_twice() {
    let mut seen = HashSet::new();
    for row in PARAMETERS {
        assert!(seen.insert((row.operation, row.name)), "{} {}", row.operation, row.name);
    }
}

#[test]
fn names_hold_no_separator() {
    for row in PARAMETERS {
        assert!(row.name.chars().all(|c| c.is_ascii_lowercase()), "{}", row.name);
    }
}

#[test]
fn every_default_is_a_value_of_its_kind() {
    for row in PARAMETERS {
        if let Absent::Value(value) | Absent::ValueUnless { value, .. } = row.absent {
            assert!(read(&row.kind, value).is_ok(), "{} {}", row.operation, row.name);
        }
    }
}

#[test]
fn what_rows_refer_to_is_there() {
    for row in PARAMETERS {
        let named = |name: &str| find(row.operation, name).is_some();
        match row.needs {
            Some(Need::Given(name)) => assert!(named(name), "{name}"),
            Some(Need::Is(name, value)) => {
                assert!(read(&find(row.operation, name).unwrap().kind, value).is_ok());
            }
            None => {}
        }
        if let Some(other) = row.excludes {
            assert_eq!(find(row.operation, other).unwrap().excludes, Some(row.name));
        }
        if let Absent::ValueUnless { other, .. } = row.absent {
            assert!(named(other), "{other}");
        }
    }
}

#[test]
fn every_row_is_documented_by_one_sentence() {
    for row in PARAMETERS {
        assert!(row.doc.ends_with('.') && !row.doc.contains(['|', '\n']), "{}", row.name);
    }
}

#[test]
fn the_rendered_tables_are_tables() {
    let text = markdown();
    for row in PARAMETERS {
        assert!(text.contains(&format!("| `{}` |", row.name)), "{}", row.name);
    }
    let mut columns = 0;
    for line in text.lines() {
        let now = line.matches('|').count();
        let is_row = line.starts_with('|');
        assert!(!is_row || columns == 0 || now == columns, "{line}");
        columns = if is_row { now } else { 0 };
    }
}
