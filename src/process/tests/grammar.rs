//! The order of operations, and the messages if it is wrong.

use super::super::ProcessErrorKind;
use super::{LEAST, complaint, read};
use crate::process::table::Operation;

const O: &str = "o_b3V0";

#[test]
fn a_topic_can_be_asked_for_in_three_ways() {
    for notify in ["/notify", "|notify", "|sys/notify"] {
        let process = format!("video/concat,{LEAST}|sys/saveas,{O}{notify},topic_dA");
        assert_eq!(read(&process).unwrap().topic.as_deref(), Some("t"), "{notify}");
    }
}

#[test]
fn values_may_hold_underscores() {
    let process = format!("video/concat,{LEAST}/pre,o_Pz8_|sys/saveas,{O}");
    assert_eq!(*read(&process).unwrap().clips[0].key, *"???");
}

#[test]
fn operations_out_of_place_are_named_with_their_place() {
    let cases = [
        ("/sys/saveas,o_b3V0", Operation::SaveAs),
        ("/saveas,o_b3V0", Operation::SaveAs),
        ("|saveas,o_b3V0", Operation::SaveAs),
        ("|sys/saveas,o_b3V0|sys/saveas,o_b3V0", Operation::SaveAs),
        ("|sys/saveas,o_b3V0/pre,o_YQ", Operation::Pre),
        ("|pre,o_YQ|sys/saveas,o_b3V0", Operation::Pre),
        ("|sys/saveas,o_b3V0/segment,f_hls,t_0", Operation::Segment),
        ("/notify,topic_dA|sys/saveas,o_b3V0", Operation::Notify),
        ("|notify,topic_dA|sys/saveas,o_b3V0", Operation::Notify),
        ("|sys/saveas,o_b3V0/sys/notify,topic_dA", Operation::Notify),
        ("|sys/saveas,o_b3V0/notify,topic_dA/notify,topic_dA", Operation::Notify),
        ("|sys/saveas,o_b3V0/notify,topic_dA/sur,o_YQ", Operation::Sur),
        ("/video/concat,f_mp4", Operation::Concat),
    ];
    for (tail, expected) in cases {
        let error = read(&format!("video/concat,{LEAST}{tail}")).unwrap_err();
        match error.kind() {
            ProcessErrorKind::MisplacedOperation { operation, .. } => {
                assert_eq!(*operation, expected, "{tail}");
            }
            _ => panic!("{tail}: {error}"),
        }
    }
}

/// Process strings, each with the start of its error message.
#[rustfmt::skip]
const MISTAKES: &[(&str, &str)] = &[
    (
        "",
        "the process string is empty at byte 0; expected `video/concat`, as in `video/concat,f_mp4,vcodec_h264,acodec_aac|sys/saveas,o_<name>`",
    ),
    (
        "video/convert,f_mp4",
        "unknown process `video/convert` at byte 0; expected `video/concat`",
    ),
    (
        "video/concatenate,f_mp4",
        "unknown process `video/concatenate` at byte 0; expected `video/concat`",
    ),
    (
        "video/concat,f_mp4",
        "missing `|sys/saveas` at byte 18; expected `|sys/saveas,o_<name>`, which names the target",
    ),
    (
        "video/concat,,f_mp4",
        "empty parameter in `video/concat` at byte 13; there is one comma too many",
    ),
    (
        "video/concat,f_mp4,|sys/saveas",
        "empty parameter in `video/concat` at byte 19; there is one comma too many",
    ),
    (
        "video/concat,f",
        "no value for `f` in `video/concat` at byte 13; expected `f_` and mp4, mkv, mov, asf, avi, mxf, ts, or flv",
    ),
    (
        "video/concat,f_mp4,f_mkv",
        "second `f_mkv` in `video/concat` at byte 19; the first is at byte 13",
    ),
    (
        "video/concat/prr,o_YQ",
        "unknown operation `/prr` at byte 12; did you mean `/pre`?",
    ),
    (
        "video/concat/,f_mp4",
        "unknown operation `/` at byte 12; expected `/pre`, `/sur`, `/segment`, or `|sys/saveas`",
    ),
    (
        "video/concat|",
        "unknown operation `|` at byte 12; expected `|sys/saveas`",
    ),
    (
        "video/concat|sys/saveas|sys/notfy",
        "unknown operation `|sys/notfy` at byte 23; did you mean `|sys/notify`?",
    ),
    (
        "video/concat|sys/saveas/notify/x",
        "unknown operation `/x` at byte 30; expected the end",
    ),
    (
        "video/concat/pre,o_ab/cd",
        "unknown operation `/cd` at byte 21; expected `/pre`, `/sur`, `/segment`, or `|sys/saveas`; in a name, URL-safe Base64 writes `_` for `/`",
    ),
    (
        "video/concat/segment/segment",
        "second `/segment` at byte 20; `/segment` can be given once",
    ),
];

#[test]
fn mistakes_in_the_grammar_are_explained() {
    for &(process, message) in MISTAKES {
        let complaint = complaint(process);
        assert!(complaint.starts_with(message), "{process}\n  {complaint}\n  {message}");
    }
}
