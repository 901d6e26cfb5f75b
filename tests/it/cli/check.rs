//! `check` and `decode`: every kind of mistake is shown at its place.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use video_concat::object::ObjectUri;
use video_concat::process::{
    Conflict, Limits, ProcessError, ProcessErrorKind, Span, TargetError, parse, resolve,
};

use super::{Said, command, end, said};
use crate::bed::process::repository;
use crate::scene::b64;

const LEAST: &str = "f_mp4,vcodec_h264,acodec_aac";
const TARGET: &str = "|sys/saveas,o_b3V0";

/// A number for each kind of mistake. A new one has to be added here, and to the cases below.
fn number(kind: &ProcessErrorKind) -> usize {
    match kind {
        ProcessErrorKind::Empty => 0,
        ProcessErrorKind::TooLong { .. } => 1,
        ProcessErrorKind::UnknownProcess { .. } => 2,
        ProcessErrorKind::UnknownOperation { .. } => 3,
        ProcessErrorKind::MisplacedOperation { .. } => 4,
        ProcessErrorKind::RepeatedOperation(_) => 5,
        ProcessErrorKind::MissingOperation(_) => 6,
        ProcessErrorKind::EmptyParameter(_) => 7,
        ProcessErrorKind::UnknownParameter { .. } => 8,
        ProcessErrorKind::RepeatedParameter { .. } => 9,
        ProcessErrorKind::MissingValue(_) => 10,
        ProcessErrorKind::MissingParameter(_) => 11,
        ProcessErrorKind::BadValue { .. } => 12,
        ProcessErrorKind::Needs { .. } => 13,
        ProcessErrorKind::Excludes { .. } => 14,
        ProcessErrorKind::Conflict(conflict) => 15 + number_of_conflict(conflict),
    }
}

fn number_of_conflict(conflict: &Conflict) -> usize {
    match conflict {
        Conflict::NothingLeft => 0,
        Conflict::VideoBan(..) => 1,
        Conflict::AudioBan(..) => 2,
        Conflict::PixelFormatBan(..) => 3,
        Conflict::PixelFormatHolding(..) => 4,
        Conflict::SampleRate(..) => 5,
        Conflict::Channels(..) => 6,
        Conflict::SegmentBan { .. } => 7,
        Conflict::TooManySources { .. } => 8,
        Conflict::AlignBeyondList { .. } => 9,
        Conflict::Render(_) => 10,
        Conflict::Target(TargetError::IsSource(_)) => 11,
        Conflict::Target(TargetError::Bucket(_)) => 12,
        Conflict::Target(TargetError::ParentSegment) => 13,
        // A string that long is cut around its caret. Where records are is the function's setting: no
        // process string tells.
        Conflict::Target(TargetError::Key(_) | TargetError::IsRecord { .. }) => usize::MAX / 2,
    }
}

const KINDS: usize = 15 + 14;

/// At least one string for each kind of mistake, on the object `dir/é a.mp4` of the bucket `clips`.
fn cases() -> Vec<String> {
    let with = |more: &str| format!("video/concat,{LEAST}{more}{TARGET}");
    let of = |parameters: &str| format!("video/concat,{parameters}{TARGET}");
    let to = |key: &str| format!("video/concat,{LEAST}|sys/saveas,{key}");
    vec![
        String::new(),
        with(&format!(",{}", "é".repeat(130 * 1024))),
        "vidio/concat,f_mp4".to_owned(),
        with("/prr,o_YQ"),
        format!("video/concat,{LEAST}{TARGET}/pre,o_YQ"),
        with("/segment,f_hls,t_0/segment,f_hls,t_0"),
        format!("video/concat,{LEAST}"),
        with(",,g_1"),
        with(",ünknown_1"),
        with("/pre,o_YQ,o_Yg"),
        with(",g"),
        with("/sur,t_1"),
        with(",fps_241"),
        with("/pre,o_*"),
        with(",maxrate_10000"),
        with(",crf_23,vb_10000").replace("maxrate", "bufsize"),
        with(",vn_1,an_1"),
        of("f_flv,vcodec_h265,acodec_aac"),
        of("f_mxf,vcodec_h264,acodec_aac"),
        with(",pixfmt_yuva420p"),
        of("f_mp4,vcodec_vp9,acodec_aac,pixfmt_yuva420p"),
        of("f_mp4,vcodec_h264,acodec_opus,ar_44100"),
        of("f_mp4,vcodec_h264,acodec_mp3,ac_3"),
        with("/segment,f_dash,t_0").replace("f_mp4", "f_ts"),
        with(&"/pre,o_YQ".repeat(11)),
        with(",align_1"),
        to(&format!("o_{}", b64("{resolution}"))).replace("f_mp4", "f_mp4,vn_1"),
        to(&format!("o_{}", b64("dir/é a.mp4"))),
        to(&format!("b_{},o_YQ", b64("No Bucket"))),
        to(&format!("o_{}", b64("a/../b"))),
    ]
}

fn mistake(process: &str) -> ProcessError {
    let main = ObjectUri::named("clips", "dir/é a.mp4").unwrap();
    let request = parse(process).and_then(|spec| resolve(&spec, &main, Limits::default()));
    request.expect_err(process)
}

/// The source line that was drawn, and the characters of it that have a caret below.
fn drawn(said: &Said) -> (String, std::ops::Range<usize>) {
    let lines: Vec<&str> = said.err.lines().collect();
    let carets = lines.iter().position(|line| line.contains('^')).expect("no caret is drawn");
    let [line, below] = [carets - 1, carets].map(|number| {
        let (_, text) = lines[number].split_once(" |").expect("a bar stands before the text");
        text.strip_prefix(' ').unwrap_or(text)
    });
    let start = below.chars().take_while(|c| *c != '^').count();
    let width = below.chars().skip(start).take_while(|c| *c == '^').count();
    (line.to_owned(), start..start + width)
}

fn assert_caret(said: &Said, right: &str, before: &str, name: &str) {
    let (line, carets) = drawn(said);
    let under: String = line.chars().skip(carets.start).take(carets.len()).collect();
    let above: String = line.chars().take(carets.start).collect();
    // Long lines are cut at both sides.
    let near: Vec<char> = before.chars().rev().take(8).collect();
    let near: String = near.into_iter().rev().collect();
    assert!(above.ends_with(&near), "{name}: `{near}` is not before the caret\n{}", said.err);
    if right.is_empty() {
        assert_eq!(carets.len(), 1, "{name}\n{}", said.err);
    } else {
        assert_eq!(under, right, "{name}\n{}", said.err);
    }
}

fn shown(process: &str) -> String {
    process.chars().take(100).collect()
}

#[test]
fn every_kind_of_mistake_has_a_case() {
    let numbers: BTreeSet<usize> =
        cases().iter().map(|process| number(mistake(process).kind())).collect();
    assert_eq!(numbers, (0..KINDS).collect());
}

#[test]
fn carets_stand_under_the_bytes_of_every_mistake() {
    for process in cases() {
        let error = mistake(&process);
        let Span { start, end } = error.span();
        let arguments = ["check", "-", "--bucket", "clips", "--object", "dir/é a.mp4"];
        let text = super::end(&mut command(&arguments), &process).ends_with(2);
        assert!(text.err.contains(&format!("at byte {start}")), "{}", text.err);
        assert_eq!(text.out, "");
        let name = shown(&process);
        assert_caret(&text, &process[start..end], &process[..start], &name);
        let json = end_json(&arguments, &process);
        assert_eq!((&json["Start"], &json["End"]), (&json!(start), &json!(end)), "{name}");
        assert_eq!(json["Code"], "InvalidArgument");
        assert_eq!(json["Message"], error.to_string(), "{name}");
        assert_eq!(json["ArgumentName"], error.argument_name());
        assert_eq!(json["ArgumentValue"], error.argument_value());
    }
}

fn end_json(arguments: &[&str], input: &str) -> Value {
    let arguments: Vec<&str> = ["--json"].iter().chain(arguments).copied().collect();
    let said = end(&mut command(&arguments), input).ends_with(2);
    assert_eq!(said.err, "");
    said.json()
}

/// JSON with as many escapes as there can be.
fn escaped(text: &str) -> String {
    let escape = |c: char| match c {
        '/' => r"\/".to_owned(),
        '|' => r"\u007C".to_owned(),
        '"' | '\\' => format!("\\{c}"),
        c if c.is_ascii() => c.to_string(),
        c => {
            let units = c.encode_utf16(&mut [0; 2]).to_vec();
            units.iter().fold(String::new(), |text, unit| text + &format!("\\u{unit:04x}"))
        }
    };
    text.chars().map(escape).collect()
}

#[test]
fn carets_stand_under_the_bytes_in_event_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("event.json");
    let path = file.to_str().unwrap();
    let cases = cases().into_iter().filter(|process| !process.is_empty());
    for process in cases.chain([with_a_film_in_a_name()]) {
        let error = mistake(&process);
        let Span { start, end } = error.span();
        let literal = escaped(&process);
        let text = format!(
            "{{\n  \"bucket\": \"clips\",\n  \"object\": \"dir/é a.mp4\",\n\t\"process\" : \"{literal}\"\n}}\n"
        );
        fs::write(&file, &text).unwrap();
        let name = shown(&process);
        let said = said(&["check", path]).ends_with(2);
        assert!(said.err.contains(&format!("{path}:4:")), "{name}: {}", said.err);
        let (right, before) = (escaped(&process[start..end]), escaped(&process[..start]));
        assert_caret(&said, &right, &before, &name);
        let json = end_json(&["check", path], "");
        let at = |name: &str| usize::try_from(json[name].as_u64().unwrap()).unwrap();
        assert_eq!(&text[at("FileStart")..at("FileEnd")], right, "{name}");
        assert!(text[..at("FileStart")].ends_with(&before), "{name}");
        assert_eq!((at("Start"), at("End")), (start, end), "{name}");
    }
}

/// A character beyond the first plane, which JSON writes as two.
fn with_a_film_in_a_name() -> String {
    format!("video/concat,{LEAST},🎬_1{TARGET}")
}

#[test]
fn mistakes_of_events_are_drawn_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("event.json");
    let path = file.to_str().unwrap();
    for (text, right, words) in [
        (r#"{"bucket": "b", "object": 7, "process": "x"}"#, "7", "must be a text"),
        (r#"{"bucket": "b", "key": "k", "process": "x"}"#, "key", "did you mean `object`?"),
        (r#"{"bucket": "", "object": "k", "process": "x"}"#, "\"\"", "is empty"),
        ("{\"bucket\": \"b\",\n \"object\": oops}", "", "is not JSON"),
    ] {
        fs::write(&file, text).unwrap();
        let said = said(&["check", path]).ends_with(2);
        assert!(said.err.contains(words), "{}", said.err);
        let (line, carets) = drawn(&said);
        let under: String = line.chars().skip(carets.start).take(carets.len()).collect();
        if !right.is_empty() {
            assert_eq!(under, right, "{}", said.err);
        }
    }
    fs::write(&file, "[]").unwrap();
    assert!(said(&["check", path]).ends_with(2).err.contains("the kind of the event is unknown"));
    assert!(said(&["check", "nowhere.json"]).ends_with(2).err.contains("can't read the event"));
}

#[test]
fn what_is_right_is_printed_in_one_spelling() {
    let event = repository().join("events/direct.json");
    let said = said(&["check", event.to_str().unwrap()]).ends_with(0);
    let text = fs::read_to_string(&event).unwrap();
    let event: Value = serde_json::from_str(&text).unwrap();
    let spec = parse(event["process"].as_str().unwrap()).unwrap();
    let main = ObjectUri::named("examplebucket", "example.mkv").unwrap();
    let request = resolve(&spec, &main, Limits::default()).unwrap();
    assert_eq!(said.out, format!("{}\n", request.canonical));
    assert_eq!(said.err.matches("warning: ").count(), 3, "{}", said.err);
    let json = super::said(&["check", "--json", &request.canonical]).ends_with(0).json();
    assert_eq!(json, json!({"Process": request.canonical, "Warnings": []}));
}

#[test]
fn every_example_of_an_event_is_understood() {
    for (name, status, words) in [
        ("direct", 0, "video/concat,"),
        ("http-api-v2", 0, "video/concat,"),
        ("http-rest-v1", 0, "video/concat,"),
        ("function-url", 0, "video/concat,"),
        ("sqs", 2, "is about an upload"),
        ("upload-s3", 2, "is about an upload"),
        ("upload-eventbridge", 2, "is about an upload"),
        ("upload-sns", 2, "is about an upload"),
        ("s3-test-event", 2, "contains no task"),
    ] {
        let file = repository().join(format!("events/{name}.json"));
        let said = said(&["check", file.to_str().unwrap()]).ends_with(status);
        let printed = if status == 0 { &said.out } else { &said.err };
        assert!(printed.contains(words), "{name}: {said:?}");
    }
}

#[test]
fn an_unknown_object_refuses_nothing() {
    for key in ["{key}", "{dirname}/x", "{bucket}.mp4", "x"] {
        let process = format!("video/concat,{LEAST}|sys/saveas,o_{}", b64(key));
        said(&["check", &process]).ends_with(0);
    }
    let process = format!("video/concat,{LEAST}|sys/saveas,o_{}", b64("a.mp4"));
    let said = said(&["check", &process, "--object", "a.mp4"]).ends_with(2);
    assert!(said.err.contains("is also a source"), "{}", said.err);
}

#[test]
fn longer_lists_are_allowed_as_the_function_allows_them() {
    let process = format!("video/concat,{LEAST}{}{TARGET}", "/pre,o_YQ".repeat(12));
    said(&["check", &process]).ends_with(2);
    said(&["check", "--max-sources", "13", &process]).ends_with(0);
    end(command(&["check", &process]).env("MAX_SOURCES", "13"), "").ends_with(0);
    said(&["check", "--max-sources", "65", &process]).ends_with(2);
}

#[test]
fn decoded_strings_have_their_names_in_clear() {
    let event = repository().join("events/direct.json");
    let path = event.to_str().unwrap();
    let said = said(&["decode", path]).ends_with(0);
    for line in ["/pre\n  o         pre.mov\n", "  o         outobj.{autoext}\n", "10000 ms\n"] {
        assert!(said.out.contains(line), "{}", said.out);
    }
    let json = super::said(&["decode", path, "--json"]).ends_with(0).json();
    let operations = json["Operations"].as_array().unwrap();
    let names: Vec<&Value> = operations.iter().map(|operation| &operation["Operation"]).collect();
    assert_eq!(names, ["video/concat", "pre", "sur", "sys/saveas", "notify"]);
    assert_eq!(operations[2]["Parameters"], json!({"o": "sur1.aac", "t": "10000"}));
    let escape = format!("video/concat,{LEAST}|sys/saveas,o_{}", b64("a\u{1b}[31m"));
    let said = super::said(&["decode", &escape]).ends_with(0);
    assert!(!said.out.contains('\u{1b}') && said.out.contains("a\\u{1b}[31m"), "{}", said.out);
}

#[test]
fn colours_are_for_terminals_and_for_those_who_want_them() {
    let wrong = ["check", "video/concat,f_mp3"];
    assert!(!said(&wrong).err.contains('\u{1b}'));
    let forced = end(command(&wrong).env("CLICOLOR_FORCE", "1"), "");
    assert!(forced.err.contains('\u{1b}'), "{}", forced.err);
    // A terminal, as `script` makes one.
    let program = env!("CARGO_BIN_EXE_video-concat");
    let line = format!("{program} check video/concat,f_mp3");
    for (no_color, coloured) in [("", true), ("1", false)] {
        let mut script = std::process::Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").env("NO_COLOR", no_color);
        let said = end(&mut script, "").ends_with(2);
        assert!(said.out.contains("missing `|sys/saveas`"), "{}", said.out);
        assert_eq!(said.out.contains("\u{1b}[1m"), coloured, "{no_color}: {:?}", said.out);
    }
}

/// A script that asks for JSON gets it for wrong arguments as well.
#[test]
fn wrong_arguments_are_reported_in_json_on_request() {
    for (arguments, part) in [
        (vec!["--json", "check"], "required arguments were not provided: <REQUEST>"),
        (vec!["build", "--json", "-f", "mp4", "--to", "x", "--as", "perl"], "invalid value 'perl'"),
        (vec!["chek", "--json"], "unrecognized subcommand 'chek'"),
    ] {
        let json = said(&arguments).ends_with(2).json();
        assert_eq!(json["Code"], "InvalidArgument");
        let message = json["Message"].as_str().unwrap();
        assert!(message.contains(part) && !message.contains('\n'), "{message}");
    }
    let plain = said(&["check"]).ends_with(2);
    assert!(plain.out.is_empty() && plain.err.contains("Usage:"), "{plain:?}");
    assert!(said(&["--json", "--help"]).ends_with(0).out.contains("Usage:"));
}
