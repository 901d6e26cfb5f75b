//! What holds for any text.

use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_assert, prop_assert_eq};
use proptest::{prop_oneof, proptest, sample};

use super::super::{OperationSpec, ProcessSpec, Span, parse};
use super::read;
use crate::process::name::encode;
use crate::process::table::{Operation, find};

/// Words that get a generated text past the first separator.
const WORDS: &[&str] = &[
    "video/concat",
    "/pre",
    "/sur",
    "/segment",
    "|sys/saveas",
    "/notify",
    "|notify",
    "|sys/notify",
    ",f_mp4",
    ",vcodec_h264",
    ",acodec_aac",
    ",o_YQ",
    ",t_1",
    ",ss",
    ",topic_dA",
    ",",
    "_",
    "/",
    "|",
    "é",
    "x",
    "o",
    "\n",
];

fn words() -> impl Strategy<Value = String> {
    let tail = vec(sample::select(WORDS), 0..12).prop_map(|words| words.concat());
    (any::<bool>(), tail).prop_map(|(lead, tail)| {
        let lead = if lead { "video/concat" } else { "" };
        format!("{lead}{tail}")
    })
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        words(),
        nearly_valid_request(),
        prop::string::string_regex("[videoconat/,_|é\\n]{0,40}").unwrap(),
        any::<String>()
    ]
}

/// A request that is valid, its operations and parameters in any order.
fn valid_request() -> impl Strategy<Value = String> {
    let decimals = (0_u32..240, 0_u32..1_000_000).prop_map(|(a, b)| format!("fps_{a}.{b:06}"));
    let video = prop_oneof![
        Just(String::new()),
        decimals,
        (1_u32..4097, 1_u32..4097).prop_map(|(w, h)| format!("s_{w}x{h}")),
        (0_u32..51, 0_u32..1000).prop_map(|(a, b)| format!("crf_{a}.{b}")),
        sample::select(vec!["fps_23.98", "fps_59.94", "g_0007", "vb_20000", "fps_0", "vn_0"])
            .prop_map(str::to_owned),
    ];
    let trim = (0_u64..3, 0_u64..3).prop_map(|(ss, t)| format!("ss_{ss},t_{t}"));
    let concat = vec![
        Just("f_mp4".to_owned()).boxed(),
        Just("vcodec_h265".to_owned()).boxed(),
        Just("acodec_aac".to_owned()).boxed(),
        video.boxed(),
        trim.boxed(),
    ]
    .prop_shuffle()
    .prop_map(|parts| parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(","));
    let key = "[ab{}é/]{1,3}\n?".prop_map(|key| encode(&key));
    let clip = (sample::select(vec!["pre", "sur"]), key, 0_u64..3)
        .prop_map(|(operation, key, t)| format!("/{operation},t_{t},o_{key}"));
    let segment = sample::select(vec!["", "/segment,t_0,f_hls", "/segment,f_dash,t_01"]);
    let notify = sample::select(vec!["", "/notify,topic_dA==", "|notify,topic_dA"]);
    (concat, vec(clip, 0..5), segment, notify).prop_map(|(concat, clips, segment, notify)| {
        format!("video/concat,{concat}{}{segment}|sys/saveas,o_b3V0{notify}", clips.concat())
    })
}

/// An audio request with one word put in, or up to nine characters taken out.
fn nearly_valid_request() -> impl Strategy<Value = String> {
    let word = sample::select(WORDS);
    (valid_request(), any::<sample::Index>(), 0_usize..10, word).prop_map(
        |(text, at, gone, word)| {
            let mut text: Vec<char> = text.chars().collect();
            let at = at.index(text.len());
            if gone == 0 {
                text.splice(at..at, word.chars());
            } else {
                text.drain(at..(at + gone).min(text.len()));
            }
            text.into_iter().collect()
        },
    )
}

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

/// The grammar once more, by splitting the whole text again and again.
fn naive(text: &str) -> Option<Vec<Plain>> {
    // The separators that belong to names become letters first.
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

/// `/segment` may stand anywhere among the clips; the parser keeps it apart.
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
        // What the canonical spelling leaves out is what the warnings tell of.
        request.warnings.clear();
        again.warnings.clear();
        prop_assert_eq!(request, again);
    }
}
