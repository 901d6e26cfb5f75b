//! Verdicts: the same as the binary's, word for word and byte for byte.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use video_concat::page::answer;

use super::Page;
use crate::bed::process_strings::{any_text, valid_request};
use crate::cli::{command, end};
use crate::readme::blocks;

const GENERATED: usize = 10_000;
/// This share of them also runs through the binary itself, which takes longer to start than to
/// decide.
const THROUGH_THE_BINARY: usize = 200;

/// What the page shows for each of these strings, typed into its field.
fn shown(page: &mut Page, strings: &[String]) -> Vec<Value> {
    let script = format!(
        "{}.map((text) => {{ const field = $('process'); field.value = text; \
         field.dispatchEvent(new Event('input')); const {{ dataset, textContent }} = $('verdict'); \
         return {{ typed: field.value, message: textContent, start: dataset.start, \
         end: dataset.end, marked: document.querySelector('#marks mark')?.textContent, verdict }}; }})",
        json!(strings)
    );
    page.browser.evaluate(&script).as_array().unwrap().clone()
}

/// What `check --json` prints for it, by the same code.
fn expected(process: &str) -> Value {
    let answer = answer(&json!({"check": {"process": process}}).to_string());
    serde_json::from_str::<Value>(&answer).unwrap()["Verdict"].clone()
}

#[track_caller]
fn assert_shown(shown: &Value, expected: &Value, process: &str) {
    // Fields of web pages know only one kind of line break.
    assert_eq!(shown["typed"], process);
    assert_eq!(&shown["verdict"], expected, "{process:?}");
    let right = expected.get("Process").map(|_| "The request is right.".into());
    let message = expected.get("Message").cloned().or(right).unwrap();
    assert_eq!(shown["message"], message, "{process:?}");
    for (field, name) in [("start", "Start"), ("end", "End")] {
        let byte = expected.get(name).map(Value::to_string);
        assert_eq!(shown.get(field).and_then(Value::as_str), byte.as_deref(), "{process:?}");
    }
    if let Some(start) = expected.get("Start") {
        let byte = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
        let wrong = &process[byte(start)..byte(&expected["End"])];
        let marked = shown["marked"].as_str().unwrap();
        assert_eq!(marked, if wrong.is_empty() { "\u{a0}" } else { wrong }, "{process:?}");
    }
}

fn of_the_binary(process: &str) -> Value {
    end(&mut command(&["--json", "check", "-"]), process).json()
}

fn generated() -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    let texts = proptest::prop_oneof![any_text(), valid_request()];
    let mut text = || texts.new_tree(&mut runner).unwrap().current();
    let one_kind_of_break = |text: String| text.replace("\r\n", "\n").replace('\r', "\n");
    std::iter::repeat_with(|| one_kind_of_break(text())).take(GENERATED).collect()
}

#[test]
fn generated_strings_get_the_verdict_of_the_binary() {
    let strings = generated();
    let mut page = Page::open("");
    let mut right = 0;
    for some in strings.chunks(500) {
        let all = shown(&mut page, some);
        assert_eq!(all.len(), some.len());
        for (process, shown) in some.iter().zip(&all) {
            let expected = expected(process);
            right += usize::from(expected.get("Process").is_some());
            assert_shown(shown, &expected, process);
        }
    }
    // Both kinds occur, and often.
    assert!((GENERATED / 10..GENERATED * 9 / 10).contains(&right), "{right}");
    // The binary removes the line break that a shell appends.
    let untrimmed =
        |process: &&String| process.trim() == **process && !process.starts_with(['{', '[']);
    for process in strings.iter().filter(untrimmed).take(THROUGH_THE_BINARY) {
        assert_eq!(expected(process), of_the_binary(process), "{process:?}");
    }
}

#[test]
fn the_documents_examples_get_the_verdict_of_the_binary() {
    let one_line = |block: &String| block.lines().collect::<String>();
    let mut examples: Vec<String> = blocks("process").iter().map(one_line).collect();
    let mistakes = blocks("mistake");
    examples.extend(mistakes.iter().map(|block| block.lines().next().unwrap().to_owned()));
    assert!(examples.len() > 5);
    let mut page = Page::open("");
    let all = shown(&mut page, &examples);
    for (process, shown) in examples.iter().zip(&all) {
        assert_shown(shown, &of_the_binary(process), process);
    }
    for block in mistakes {
        let (process, message) = block.split_once('\n').unwrap();
        page.enter("process", process);
        assert_eq!(page.text("#verdict"), message);
    }
}

#[test]
fn the_caret_stands_under_the_mistake() {
    let mut page = Page::open("");
    page.enter("process", "video/concat,f_mp4,vcodek_h264,acodec_aac|sys/saveas,o_b3V0");
    let caret = page.text("#caret");
    let (line, under) = caret.split_once('\n').unwrap();
    assert_eq!(under.trim_start(), "^^^^^^");
    let start = under.len() - 6;
    assert_eq!(&line[start..], "vcodek_h264,acodec_aac|sys/saveas,o_b3V0");
}
