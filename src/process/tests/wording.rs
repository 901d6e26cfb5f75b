//! The messages for users.

use super::super::text::{list, nearest};
use super::super::{Conflict, ProcessError, ProcessErrorKind, TargetError};
use super::{LEAST, TARGET, complaint, read};

/// The message for the smallest request with `parameters` added.
fn complaint_with(parameters: &str) -> String {
    complaint(&format!("video/concat,{LEAST},{parameters}{TARGET}"))
}

/// Parameters added to the smallest request, each with the whole message.
#[rustfmt::skip]
const PARAMETER_MISTAKES: &[(&str, &str)] = &[
    (
        "vcodek_h264",
        "unknown parameter `vcodek` in `video/concat` at byte 42; did you mean `vcodec`?",
    ),
    (
        "FPS_25",
        "unknown parameter `FPS` in `video/concat` at byte 42; did you mean `fps`?",
    ),
    (
        "fps=25",
        "unknown parameter `fps=25` in `video/concat` at byte 42; write `fps_25`",
    ),
    (
        "topic_dA",
        "unknown parameter `topic` in `video/concat` at byte 42; `topic` belongs to `/notify`",
    ),
    (
        "g_0",
        "invalid value `0` for `g` in `video/concat` at byte 44; expected a whole number from 1 to 100000 (frames)",
    ),
    (
        "fps_241",
        "invalid value `241` for `fps` in `video/concat` at byte 46; expected a number from 0 to 240 with at most 6 decimals (frames/s)",
    ),
    (
        "s_1280",
        "invalid value `1280` for `s` in `video/concat` at byte 44; expected `WxH`, `Wx`, or `xH` with sides from 1 to 4096 (pixels)",
    ),
    (
        "scaletype_streth",
        "invalid value `streth` for `scaletype` in `video/concat` at byte 52; expected stretch, crop, fill, or fit; did you mean `stretch`?",
    ),
    (
        "fpsopt_1",
        "`fpsopt_1` in `video/concat` without `fps` at byte 42; add `fps` or leave `fpsopt` out",
    ),
    (
        "adepth_16",
        "`adepth_16` in `video/concat` without `acodec_flac` at byte 42; add `acodec_flac` or leave `adepth` out",
    ),
    (
        "vb_10000,crf_20",
        "`vb_10000` together with `crf` in `video/concat` at byte 42; leave one of them out",
    ),
    (
        "vn_1,an_1",
        "`an_1`: with `vn_1`, the output would be empty at byte 47; one of them has to be 0",
    ),
    (
        "align_1",
        "`align_1`: the list has 1 file at byte 42; expected 0",
    ),
    (
        "maxrate_1,crf_20",
        "invalid value `1` for `maxrate` in `video/concat` at byte 50; expected 0 or a whole number from 10000 to 100000000 (bit/s)",
    ),
];

#[test]
fn messages_name_the_place_and_what_would_be_right() {
    for &(parameters, message) in PARAMETER_MISTAKES {
        assert_eq!(complaint_with(parameters), message);
    }
}

#[test]
fn messages_of_whole_requests() {
    let cases = [
        (
            "video/concat,f_mp4,vcodec_h266,acodec_aac",
            "invalid value `h266` for `vcodec` in `video/concat` at byte 26; expected h264, h265, or vp9; did you mean `h264`?",
        ),
        (
            "video/concat,f_mxf,vcodec_h264,acodec_aac",
            "`acodec_aac`: mxf cannot hold aac at byte 31; mxf holds pcm audio only",
        ),
        (
            "video/concat,f_mp4,vcodec_h264,acodec_mp3,ar_96000",
            "`ar_96000`: mp3 in mp4 does not support the sample rate 96000 at byte 42; expected 16000, 22050, 24000, 32000, 44100, or 48000",
        ),
        (
            "video/concat,f_mp4,vcodec_h264,acodec_ac3,ac_8",
            "`ac_8`: ac3 in mp4 cannot have 8 channels at byte 42; expected 1 to 6",
        ),
        (
            "video/concat,f_mp4,vcodec_vp9,acodec_aac,pixfmt_yuva420p",
            "`pixfmt_yuva420p`: mp4 cannot hold yuva420p at byte 41; only mkv holds transparency",
        ),
        (
            "video/concat,f_mp4,vcodec_h264,acodec_aac,pixfmt_yuva420p",
            "`pixfmt_yuva420p`: h264 cannot encode yuva420p at byte 42; only vp9 encodes transparency",
        ),
        (
            "video/concat,f_ts,vcodec_h264,acodec_aac/segment,f_dash,t_0",
            "`f_dash`: dash does not support ts segments at byte 49; expected `f_mp4`",
        ),
        (
            "video/concat,f_mp4,vcodec_h264,acodec_aac/pre,o_Pz8+",
            "invalid value `Pz8+` for `o` in `/pre` at byte 48; it is Base64, but not URL-safe: write `-` for `+` and `_` for `/`",
        ),
        (
            "video/concat,f_mp4,vcodec_h264,acodec_aac/pre,key_YQ",
            "unknown parameter `key` in `/pre` at byte 46; expected o, ss, or t",
        ),
    ];
    for (process, message) in cases {
        assert_eq!(complaint(&format!("{process}{TARGET}")), message);
    }
    let overwrites = complaint(&format!("video/concat,{LEAST}|sys/saveas,o_e2tleX0"));
    assert_eq!(
        overwrites,
        "`o_e2tleX0`: the target `bucket/example.mkv` is also a source at byte 53; \
         the result would overwrite its own source"
    );
}

#[test]
fn carets_stand_under_the_mistake() {
    let cases = [
        ("video/concat,vcodek_h264", "video/concat,vcodek_h264\n             ^^^^^^"),
        ("video/concat/pre,o_é,ñ_1,ss_1", "video/concat/pre,o_é,ñ_1,ss_1\n                     ^"),
        ("video/concat,f_mp4", "video/concat,f_mp4\n                  ^"),
        ("é\nvideo", "é\n^"),
        ("\tvideo", "\u{fffd}video\n^^^^^^"),
    ];
    for (process, drawing) in cases {
        let error = read(process).unwrap_err();
        assert_eq!(error.caret(process), drawing, "{error}");
    }
}

#[test]
fn errors_name_argument_and_value() {
    let cases = [
        ("video/concat,f_mp4,vcodec_h266,acodec_aac|sys/saveas,o_b3V0", "vcodec", "h266"),
        ("video/concat,vcodek_h264", "vcodek", "h264"),
        ("video/concat,f", "f", ""),
        ("video/concat,f_mp4,vcodec_h264,acodec_aac", "sys/saveas", ""),
        ("video/convert", "x-oss-async-process", "video/convert"),
        ("video/concat/prr", "x-oss-async-process", "/prr"),
    ];
    for (process, name, value) in cases {
        let error = read(process).unwrap_err();
        assert_eq!((error.argument_name(), error.argument_value()), (name, value), "{error}");
    }
}

#[test]
fn endless_and_unprintable_words_are_quoted_decently() {
    let message = complaint(&format!("video/concat,{}_1", "x".repeat(100_000)));
    assert!(message.len() < 500, "{}", message.len());
    assert!(complaint("video/concat,a\u{7}\n_1").contains(r"`a\u{7}\n`"));
}

#[test]
fn lists_read_like_sentences() {
    let items = ["a", "b", "c"];
    for (count, text) in [(0, ""), (1, "a"), (2, "a or b"), (3, "a, b, or c")] {
        assert_eq!(list(&items[..count], "or"), text);
    }
}

#[test]
fn suggestions_are_near() {
    let known = ["f", "fps", "vcodec", "acodec"];
    let cases = [
        ("vcodex", Some("vcodec")),
        ("codec", Some("vcodec")),
        ("fp", Some("fps")),
        (" f", Some("f")),
        ("F", Some("f")),
        ("x", None),
        ("xyz", None),
        ("", None),
    ];
    for (found, expected) in cases {
        assert_eq!(nearest(found, known.into_iter()), expected, "{found}");
    }
}

#[test]
fn impossible_targets_are_refused_with_the_reason() {
    let bucket = complaint(&format!("video/concat,{LEAST}{TARGET},b_QiE"));
    assert_eq!(
        bucket,
        "`b_QiE`: invalid target bucket at byte 60; `B!` is not a valid bucket name: expected \
         3 to 63 of a-z, 0-9, `.`, and `-`, with a letter or digit at each end and after each dot"
    );
    let unknown = complaint(&format!("video/concat,{LEAST}|sys/saveas,o_e2luZGV4eH0"));
    assert_eq!(
        unknown,
        "invalid value `e2luZGV4eH0` for `o` in `|sys/saveas` at byte 55; \
         unknown variable `{indexx}`; did you mean `{index}`?"
    );
}

/// Requests without their target, with one mistake each, and the parameter that the error is about.
#[rustfmt::skip]
const BLAMED: &[(&str, &str)] = &[
    ("f_mp4,vcodec_h264,acodec_aac,fpsx_25", "fpsx"),
    ("f_mp4,f_mkv,vcodec_h264,acodec_aac", "f_mkv"),
    ("f_mp4,vcodec_h264,acodec_aac,ar", "ar"),
    ("vcodec_h264,acodec_aac", "f"),
    ("f_mp4,vcodec_h264,acodec_aac,ac_9", "ac"),
    ("f_mp4,vcodec_h264,acodec_aac,abopt_2", "abopt_2"),
    ("f_mp4,vcodec_h264,acodec_aac,ab_96000,aq_3", "ab_96000"),
    ("f_mp4,vcodec_h264,acodec_aac,vn_1,an_1", "an_1"),
    ("f_mov,vcodec_vp9,acodec_aac", "vcodec_vp9"),
    ("f_flv,vcodec_h264,acodec_opus", "acodec_opus"),
    ("f_mkv,vcodec_h265,acodec_aac,pixfmt_yuva420p", "pixfmt_yuva420p"),
    ("f_mp4,vcodec_vp9,acodec_aac,pixfmt_yuva420p", "pixfmt_yuva420p"),
    ("f_mkv,vcodec_h264,acodec_mp3,ar_64000", "ar_64000"),
    ("f_mkv,vcodec_h264,acodec_amr,ac_2", "ac_2"),
    ("f_ts,vcodec_h264,acodec_aac/segment,t_0,f_dash", "f_dash"),
    ("f_mp4,vcodec_h264,acodec_aac,align_7", "align_7"),
];

/// A name for the kind of mistake; `None` for kinds that are not about a parameter.
fn kind_of_parameter(error: &ProcessError) -> Option<&'static str> {
    Some(match error.kind() {
        ProcessErrorKind::Empty
        | ProcessErrorKind::TooLong { .. }
        | ProcessErrorKind::UnknownProcess { .. }
        | ProcessErrorKind::UnknownOperation { .. }
        | ProcessErrorKind::MisplacedOperation { .. }
        | ProcessErrorKind::RepeatedOperation(_)
        | ProcessErrorKind::MissingOperation(_)
        | ProcessErrorKind::EmptyParameter(_) => return None,
        ProcessErrorKind::UnknownParameter { .. } => "unknown",
        ProcessErrorKind::RepeatedParameter { .. } => "repeated",
        ProcessErrorKind::MissingValue(_) => "no value",
        ProcessErrorKind::MissingParameter(_) => "missing",
        ProcessErrorKind::BadValue { .. } => "bad value",
        ProcessErrorKind::Needs { .. } => "needs",
        ProcessErrorKind::Excludes { .. } => "excludes",
        ProcessErrorKind::Conflict(conflict) => match conflict {
            Conflict::NothingLeft => "nothing left",
            Conflict::VideoBan(..) => "video",
            Conflict::AudioBan(..) => "audio",
            Conflict::PixelFormatBan(..) => "encoding",
            Conflict::PixelFormatHolding(..) => "holding",
            Conflict::SampleRate(..) => "sample rate",
            Conflict::Channels(..) => "channels",
            Conflict::SegmentBan { .. } => "segments",
            Conflict::TooManySources { .. } => return None,
            Conflict::AlignBeyondList { .. } => "align",
            Conflict::Render(_) => "resolution",
            Conflict::Target(TargetError::Bucket(_)) => "bucket",
            Conflict::Target(TargetError::Key(_) | TargetError::ParentSegment) => "key",
            Conflict::Target(TargetError::IsSource { .. }) => "source",
            Conflict::Target(TargetError::IsRecord { .. }) => "record",
        },
    })
}

#[test]
fn every_mistake_names_its_parameter_as_it_stands() {
    let targets = [
        (format!("{LEAST},vn_1|sys/saveas,o_e3Jlc29sdXRpb259"), "o_e3Jlc29sdXRpb259"),
        (format!("{LEAST}|sys/saveas,o_b3V0,b_QiE"), "b_QiE"),
        (format!("{LEAST}|sys/saveas,o_YS8uLi9i"), "o_YS8uLi9i"),
        (format!("{LEAST}|sys/saveas,o_e2tleX0"), "o_e2tleX0"),
    ];
    let others = BLAMED.iter().map(|(process, blamed)| (format!("{process}{TARGET}"), *blamed));
    let mut kinds = std::collections::BTreeSet::new();
    for (process, blamed) in others.chain(targets) {
        let error = read(&format!("video/concat,{process}")).unwrap_err();
        let (message, value) = (error.to_string(), error.argument_value());
        assert!(message.contains(&format!("`{blamed}`")), "{message}");
        let unknown = matches!(error.kind(), ProcessErrorKind::UnknownParameter { .. });
        assert!(unknown || message.contains(value), "{message}");
        assert!(message.contains(&format!("at byte {}", error.offset())), "{message}");
        assert_eq!(blamed.split('_').next(), Some(error.argument_name()), "{message}");
        kinds.extend(kind_of_parameter(&error));
    }
    // All except `IsRecord`, which only the worker can detect.
    assert_eq!(kinds.len(), 7 + 14 - 1, "{kinds:?}");
}

#[test]
fn warnings_name_their_parameter_as_it_stands() {
    for (parameters, warning) in [
        ("s_641x481", "`s_641x481`: the width 641 is odd; 640 is used"),
        ("crf_20,bufsize_50000", "`bufsize_50000`: without `maxrate` it has no effect"),
    ] {
        let request = read(&format!("video/concat,{LEAST},{parameters}{TARGET}")).unwrap();
        assert_eq!(request.warnings[0], warning);
    }
}
