//! Every parameter: its lowest and highest value, values just outside, and garbage.

use super::super::ProcessErrorKind;
use super::{TARGET, read, read_with};
use crate::process::table::{Kind, Operation, PARAMETERS, Parameter};

/// A parameter of `video/concat`, the parameters it needs, values it allows and values it does not.
struct Case {
    name: &'static str,
    beside: &'static str,
    good: &'static [&'static str],
    bad: &'static [&'static str],
}

const fn case(
    name: &'static str,
    beside: &'static str,
    good: &'static [&'static str],
    bad: &'static [&'static str],
) -> Case {
    Case { name, beside, good, bad }
}

/// Wrong for every parameter that is not a name.
const RUBBISH: &[&str] = &[
    "-1",
    "+1",
    " 1",
    "1 ",
    "1e3",
    "0x10",
    "1_0",
    "_",
    "NaN",
    "inf",
    "é",
    "1.",
    ".5",
    "1.5.5",
    "99999999999999999999999",
    "true",
    "１",
];

const CASES: &[Case] = &[
    case("ss", "", &["0", "1", "9007199254740991"], &["9007199254740992", "1.5"]),
    case("t", "", &["0", "1", "9007199254740991"], &["9007199254740992", "1.5"]),
    case("vn", "", &["0", "1"], &["2", "00001.0"]),
    case("an", "", &["0", "1"], &["2"]),
    case(
        "fps",
        "",
        &["0", "0.000001", "29.97", "240", "240.0"],
        &["240.000001", "241", "25.0000001"],
    ),
    case("fpsopt", "fps_25", &["0", "1", "2"], &["3"]),
    case("pixfmt", "", &["yuv420p", "yuv444p10le"], &["yuv420", "YUV420P", "rgb24"]),
    case(
        "s",
        "",
        &["1x1", "4096x4096", "1280x", "x720", "0001x2"],
        &["x", "0x1", "1x0", "4097x1", "1x4097", "1280", "1280X720", "1x2x3", "1280*720"],
    ),
    case("sopt", "s_2x2", &["0", "1", "2"], &["3"]),
    case("scaletype", "", &["stretch", "crop", "fill", "fit"], &["cover", "Fit"]),
    case("arotate", "s_2x2", &["0", "1"], &["2"]),
    case("g", "", &["1", "100000"], &["0", "100001", "1.5"]),
    case("vb", "", &["10000", "100000000"], &["0", "9999", "100000001"]),
    case("vbopt", "vb_10000", &["0", "1", "2"], &["3"]),
    case("crf", "", &["0", "23.5", "51", "51.000"], &["51.1", "52", "23.1234567"]),
    case("maxrate", "crf_23", &["0", "10000", "100000000"], &["1", "9999", "100000001"]),
    case("bufsize", "crf_23", &["0", "10000", "200000000"], &["1", "9999", "200000001"]),
    case("ar", "", &["8000", "11025", "96000"], &["0", "7999", "44101", "192000"]),
    case("ac", "", &["1", "8"], &["0", "9"]),
    case("aq", "", &["0", "100"], &["101", "1.5"]),
    case("ab", "", &["1000", "10000000"], &["0", "999", "10000001"]),
    case("abopt", "ab_1000", &["0", "1", "2"], &["3"]),
    case("align", "", &["0"], &["4294967296", "1.5"]),
];

fn process(case: &Case, value: &str) -> String {
    let beside = if case.beside.is_empty() { String::new() } else { format!(",{}", case.beside) };
    format!("{}_{value}{beside}", case.name)
}

#[test]
fn values_in_range_are_taken() {
    for case in CASES {
        for value in case.good {
            let read = read_with(&process(case, value));
            assert!(read.is_ok(), "{}_{value}: {}", case.name, read.unwrap_err());
        }
    }
}

#[test]
fn values_out_of_range_and_rubbish_are_refused_by_name() {
    for case in CASES {
        for value in case.bad.iter().chain(RUBBISH) {
            let error = read_with(&process(case, value)).unwrap_err();
            let is_bad_value = matches!(error.kind(), ProcessErrorKind::BadValue { .. });
            assert!(is_bad_value, "{}_{value}: {error}", case.name);
            assert_eq!((error.argument_name(), error.argument_value()), (case.name, *value));
        }
    }
}

/// For every row of the table, an otherwise valid request in which `KEY` stands for the parameter.
fn around(parameter: &Parameter, text: &str) -> String {
    let concat = |least: &str| format!("video/concat,{least}");
    let least = super::LEAST;
    match parameter.operation {
        Operation::Concat => format!("{},{text}{TARGET}", concat(least)),
        Operation::Pre => format!("{}/pre,{text}{TARGET}", concat(least)),
        Operation::Sur => format!("{}/sur,{text}{TARGET}", concat(least)),
        Operation::Segment => format!("{}/segment,{text}{TARGET}", concat(least)),
        Operation::SaveAs => format!("{}|sys/saveas,{text}", concat(least)),
        Operation::Notify => format!("{}{TARGET}/notify,{text}", concat(least)),
    }
}

#[test]
fn every_parameter_needs_a_value() {
    for parameter in PARAMETERS {
        if super::LEAST.contains(&format!("{}_", parameter.name)) {
            continue;
        }
        for text in [format!("{}_", parameter.name), parameter.name.to_owned()] {
            let error = read(&around(parameter, &text)).unwrap_err();
            assert_eq!(*error.kind(), ProcessErrorKind::MissingValue(parameter), "{text}");
        }
    }
}

#[test]
fn every_parameter_can_be_given_once() {
    for parameter in PARAMETERS {
        let once = format!("{}_x", parameter.name);
        let error = read(&around(parameter, &format!("{once},{once}"))).unwrap_err();
        let is_repeated = matches!(error.kind(), ProcessErrorKind::RepeatedParameter { .. });
        assert!(is_repeated, "{once}: {error}");
        assert_eq!(error.argument_name(), parameter.name);
    }
}

#[test]
fn every_name_is_checked() {
    for parameter in PARAMETERS {
        if !matches!(parameter.kind, Kind::Key | Kind::Template | Kind::Topic) {
            continue;
        }
        for bad in ["+", "Y", "Cg", "_w", "Y R", "é"] {
            let error = read(&around(parameter, &format!("{}_{bad}", parameter.name))).unwrap_err();
            let is_bad_value = matches!(error.kind(), ProcessErrorKind::BadValue { .. });
            assert!(is_bad_value, "{}_{bad}: {error}", parameter.name);
        }
    }
}

#[test]
fn segments_last_up_to_an_hour() {
    for (length, fits) in [("0", true), ("3600000", true), ("3600001", false), ("-1", false)] {
        let process = format!("video/concat,{}/segment,f_hls,t_{length}{TARGET}", super::LEAST);
        assert_eq!(read(&process).is_ok(), fits, "{length}");
    }
}

#[test]
fn required_parameters_are_missed() {
    let cases = [
        ("f", "video/concat,vcodec_h264,acodec_aac|sys/saveas,o_b3V0"),
        ("vcodec", "video/concat,f_mp4,acodec_aac|sys/saveas,o_b3V0"),
        ("acodec", "video/concat,f_mp4,vcodec_h264|sys/saveas,o_b3V0"),
        ("o", "video/concat,f_mp4,vcodec_h264,acodec_aac/pre|sys/saveas,o_b3V0"),
        ("o", "video/concat,f_mp4,vcodec_h264,acodec_aac/sur,t_5|sys/saveas,o_b3V0"),
        ("f", "video/concat,f_mp4,vcodec_h264,acodec_aac/segment,t_5|sys/saveas,o_b3V0"),
        ("t", "video/concat,f_mp4,vcodec_h264,acodec_aac/segment,f_hls|sys/saveas,o_b3V0"),
        ("o", "video/concat,f_mp4,vcodec_h264,acodec_aac|sys/saveas,b_b3V0"),
        ("topic", "video/concat,f_mp4,vcodec_h264,acodec_aac|sys/saveas,o_b3V0/notify"),
    ];
    for (name, process) in cases {
        let error = read(process).unwrap_err();
        let is_missing = matches!(error.kind(), ProcessErrorKind::MissingParameter(_));
        assert!(is_missing, "{process}: {error}");
        assert_eq!((error.argument_name(), error.argument_value()), (name, ""), "{process}");
    }
}

#[test]
fn needs_and_exclusions_hold() {
    let cases = [
        ("fpsopt_1", "fpsopt", false),
        ("fpsopt_1,fps_0", "", true),
        ("sopt_1", "sopt", false),
        ("arotate_1", "arotate", false),
        ("scaletype_crop", "", true),
        ("vbopt_2", "vbopt", false),
        ("abopt_2", "abopt", false),
        ("maxrate_10000", "maxrate", false),
        ("bufsize_10000", "bufsize", false),
        ("vb_10000,maxrate_10000", "maxrate", false),
        ("vb_10000,crf_20", "vb", false),
        ("crf_20,vb_10000", "crf", false),
        ("aq_50,ab_96000", "aq", false),
        ("adepth_16", "adepth", false),
        ("vn_1,an_1", "an", false),
        ("vn_1,an_0", "", true),
        ("vn_1,fps_25,s_640x480,crf_20,pixfmt_yuva420p", "", true),
        ("an_1,ab_96000,abopt_1,ar_8000", "", true),
    ];
    for (parameters, blamed, fits) in cases {
        match read_with(parameters) {
            Ok(_) => assert!(fits, "{parameters}"),
            Err(error) => {
                assert_eq!((error.argument_name(), fits), (blamed, false), "{parameters}");
            }
        }
    }
}
