//! Properties that hold for any text.

use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq};
use proptest::proptest;

use super::super::{OperationSpec, ProcessSpec, Span, parse};
use super::read;
use crate::process::table::{Operation, find};

#[path = "../../../tests/bed/process_strings.rs"]
mod strings;

use strings::{any_text, valid_request};

fn spans(spec: &ProcessSpec) -> Vec<Span> {
    let operations = std::iter::once(&spec.concat)
        .chain(&spec.clips)
        .chain(&spec.segment)
        .chain(std::iter::once(&spec.target))
        .chain(&spec.notify);
    operations
        .flat_map(|operation| {
            let own = operation.parameters.iter().flat_map(|p| [p.key, p.value, p.span()]);
            own.chain([operation.span]).collect::<Vec<_>>()
        })
        .collect()
}

/// An operation and its parameters, taken apart.
type Plain = (Operation, Vec<(String, String)>);

/// A second parser, which just splits the whole text again and again.
fn naive(text: &str) -> Option<Vec<Plain>> {
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    // The separators inside of names are replaced first.
    let text = text.replace("|sys/saveas", "|SAVEAS").replace("|sys/notify", "|NOTIFY");
    let text = text.strip_prefix("video/concat")?;
    let stages: Vec<&str> = text.split('|').collect();
    let (subs, rest) = stages.split_first()?;
    let mut plain = Vec::new();
    for (i, sub) in subs.split('/').enumerate() {
        let (word, parameters) = naive_operation(sub)?;
        let operation = match (i, word.as_str()) {
            (0, "") => Operation::Concat,
            (1.., "pre") => Operation::Pre,
            (1.., "sur") => Operation::Sur,
            (1.., "segment") => Operation::Segment,
            _ => return None,
        };
        plain.push((operation, parameters));
    }
    let tail: Vec<&str> = match rest {
        [both] => both.split('/').collect(),
        [target, notify] => vec![*target, *notify],
        _ => return None,
    };
    for (i, part) in tail.iter().enumerate() {
        let (word, parameters) = naive_operation(part)?;
        let operation = match (i, word.as_str()) {
            (0, "SAVEAS") => Operation::SaveAs,
            (1, "notify") => Operation::Notify,
            (1, "NOTIFY") if rest.len() == 2 => Operation::Notify,
            _ => return None,
        };
        plain.push((operation, parameters));
    }
    let segments = plain.iter().filter(|(operation, _)| *operation == Operation::Segment).count();
    let valid = segments < 2 && plain.iter().all(naive_parameters_are_known);
    valid.then_some(plain)
}

fn naive_operation(text: &str) -> Option<(String, Vec<(String, String)>)> {
    if text.contains('/') {
        return None;
    }
    let mut parts = text.split(',');
    let word = parts.next()?.to_owned();
    let pair = |part: &str| {
        let (name, value) = part.split_once('_')?;
        (!value.is_empty()).then(|| (name.to_owned(), value.to_owned()))
    };
    Some((word, parts.map(pair).collect::<Option<_>>()?))
}

fn naive_parameters_are_known((operation, parameters): &Plain) -> bool {
    let count = |name: &str| parameters.iter().filter(|(other, _)| other == name).count();
    parameters.iter().all(|(name, _)| find(*operation, name).is_some() && count(name) == 1)
}

/// The parser's result in the same form.
fn plain(spec: &ProcessSpec) -> Vec<Plain> {
    let take = |operation: &OperationSpec| {
        let text = |span: Span| span.of(&spec.source).to_owned();
        let parameters = operation.parameters.iter().map(|p| (text(p.key), text(p.value)));
        (operation.operation, parameters.collect())
    };
    std::iter::once(&spec.concat)
        .chain(&spec.clips)
        .chain(&spec.segment)
        .chain(std::iter::once(&spec.target))
        .chain(&spec.notify)
        .map(take)
        .collect()
}

/// `/segment` may be anywhere among the clips; the parser stores it separately.
fn segment_last(mut operations: Vec<Plain>) -> Vec<Plain> {
    operations.sort_by_key(|(operation, _)| match operation {
        Operation::Concat => 0,
        Operation::Pre | Operation::Sur => 1,
        Operation::Segment => 2,
        Operation::SaveAs => 3,
        Operation::Notify => 4,
    });
    operations
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2500))]

    #[test]
    fn any_text_is_read_or_refused(text in any_text()) {
        if let Err(error) = read(&text) {
            let span = error.span();
            prop_assert!(text.get(span.start..span.end).is_some(), "{span:?} of {text:?}");
            prop_assert!(!error.to_string().is_empty());
            prop_assert!(error.caret(&text).contains('^'));
        }
    }

    #[test]
    fn spans_lie_within_the_text(text in any_text()) {
        if let Ok(spec) = parse(&text) {
            for span in spans(&spec) {
                prop_assert!(span.start < span.end, "{span:?} of {text:?}");
                prop_assert!(text.get(span.start..span.end).is_some(), "{span:?} of {text:?}");
            }
        }
    }

    #[test]
    fn the_parser_agrees_with_naive_splitting(text in any_text()) {
        let parsed = parse(&text).ok().map(|spec| plain(&spec));
        prop_assert_eq!(parsed, naive(&text).map(segment_last));
    }

    #[test]
    fn canonical_strings_mean_the_same(text in valid_request()) {
        let mut request = read(&text).unwrap();
        let mut again = read(&request.canonical).unwrap();
        prop_assert!(again.warnings.is_empty(), "{:?}", again.warnings);
        // The warnings are about what the canonical spelling leaves out.
        request.warnings.clear();
        again.warnings.clear();
        prop_assert_eq!(request, again);
    }
}
