//! Generates texts for the parser of process strings: valid ones, almost valid ones, and arbitrary
//! ones.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop};
use proptest::{prop_oneof, sample};

/// Words that get a generated text beyond the first separator.
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

pub(crate) fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        words(),
        nearly_valid_request(),
        prop::string::string_regex("[videoconat/,_|é\\n]{0,40}").unwrap(),
        any::<String>()
    ]
}

/// A valid request with its operations and parameters in any order.
pub(crate) fn valid_request() -> impl Strategy<Value = String> {
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
    let key = "[ab{}é/]{1,3}\n?".prop_map(|key| URL_SAFE_NO_PAD.encode(&key));
    let clip = (sample::select(vec!["pre", "sur"]), key, 0_u64..3)
        .prop_map(|(operation, key, t)| format!("/{operation},t_{t},o_{key}"));
    let segment = sample::select(vec!["", "/segment,t_0,f_hls", "/segment,f_dash,t_01"]);
    let notify = sample::select(vec!["", "/notify,topic_dA==", "|notify,topic_dA"]);
    (concat, vec(clip, 0..5), segment, notify).prop_map(|(concat, clips, segment, notify)| {
        format!("video/concat,{concat}{}{segment}|sys/saveas,o_b3V0{notify}", clips.concat())
    })
}

/// A request for audio with one word inserted, or up to nine characters removed.
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
