use serde_json::{Value, json};

use super::answer;

fn ask(question: &Value) -> Value {
    serde_json::from_str(&answer(&question.to_string())).unwrap()
}

const PROCESS: &str = "video/concat,f_mp4,vcodec_h264,acodec_aac/pre,o_cHJlLm1vdg|sys/saveas,o_YQ";

fn film(process: &str, sources: &Value) -> Value {
    ask(&json!({"film": {"asked": {"process": process}, "sources": sources}}))
}

#[test]
fn what_is_no_question_is_a_problem() {
    for text in ["", "{}", "{\"check\": 1}", "\"tables\""] {
        let answer: Value = serde_json::from_str(&answer(text)).unwrap();
        assert!(answer["Problem"].is_string(), "{text}");
    }
}

#[test]
fn names_are_found_in_strings_that_break_the_grammar() {
    let names = |process: &str| {
        let answer = ask(&json!({"check": {"process": process}}));
        let names = answer["Names"].as_array().unwrap().clone();
        names
            .iter()
            .map(|name| format!("{}={}", name["Of"], name["Text"]).replace('"', ""))
            .collect()
    };
    let names: [Vec<String>; 4] = [
        "video/concat,,x/pre,o_YQ,o_Yg/what,o_YQ|sys/saveas,b_YQ,o_YQ|sys/notify,topic_YQ",
        "o_YQ",
        "/pre,t_YQ,o_*,o",
        "é,|/,o_YQ/sur,o_YQ==",
    ]
    .map(names);
    let first = [
        "/pre o=a",
        "/pre o=b",
        "/pre o=a",
        "|sys/saveas b=a",
        "|sys/saveas o=a",
        "/notify topic=a",
    ];
    assert_eq!(names[0], first);
    assert_eq!(names[1..], [vec![], vec![], vec!["/sur o=a".to_owned()]]);
}

#[test]
fn what_is_read_is_written_again() {
    let spec = ask(&json!({"read": {"process": PROCESS}}));
    let written = ask(&json!({"write": {"operations": spec["Operations"]}}));
    assert_eq!(written["Process"], PROCESS);
    assert!(ask(&json!({"read": {"process": "video/concat,"}}))["Problem"].is_string());
}

#[test]
fn a_film_needs_lengths_only_where_the_request_does_not_tell_them() {
    let unknown = film(PROCESS, &json!({}));
    assert_eq!(unknown["Source"], "pre.mov");
    assert_eq!(unknown["Sources"], json!(["pre.mov", ""]));
    let told = PROCESS.replace("f_mp4", "t_500,f_mp4").replace("/pre", "/pre,ss_1000,t_1000");
    let film = film(&told, &json!({}))["Film"].clone();
    assert_eq!(film["Clips"][0]["Frames"], 25);
    assert_eq!(film["Clips"][1]["FirstFrame"], 25);
    assert_eq!(film["Clips"][1]["Object"], "");
}

#[test]
fn descriptions_are_read_and_printed() {
    let sources = |text: &str| json!({"pre.mov": text, "": "1s"});
    for (text, frames, samples) in [
        ("2s", 50, 96_000),
        ("2", 50, 96_000),
        ("0:02", 50, 96_000),
        ("1001ms 30000Hz 29.97fps", 30, 30_030),
        (" 2s\t640x360 10fps no-audio ", 20, 96_000),
    ] {
        let film = film(&PROCESS.replace("f_mp4", "f_mp4,ar_48000"), &sources(text));
        let (rate, clip) =
            (&film["Film"]["Output"]["Video"]["FrameRate"], &film["Film"]["Clips"][0]);
        assert_eq!(clip["Frames"], frames, "{text} at {rate}");
        if !text.contains("Hz") {
            assert_eq!(clip["Samples"], samples, "{text}");
        }
    }
    for (text, problem) in [
        ("2 apples", "`apples` is not understood"),
        ("25fps", "its length is missing"),
        ("2s no-video no-audio", "it has no video and no audio"),
        ("2s 0fps", "`0fps` is not understood"),
        ("2s 0x5", "`0x5` is not understood"),
        ("99999999999999h", "`99999999999999h` is not understood"),
    ] {
        let answer = film(PROCESS, &sources(text));
        assert!(answer["Problem"].as_str().unwrap().starts_with(problem), "{answer}");
        assert_eq!(answer["Source"], "pre.mov");
    }
}

#[test]
fn reports_of_ffprobe_become_descriptions() {
    let stream = json!({"index": 1, "codec_name": "h264", "codec_type": "video", "width": 1440,
        "height": 1080, "sample_aspect_ratio": "4:3", "pix_fmt": "yuv420p", "time_base": "1/1000",
        "r_frame_rate": "30000/1001", "avg_frame_rate": "30000/1001", "start_pts": 0});
    let format =
        json!({"filename": "a/b.mkv", "format_name": "matroska,webm", "duration": "25.023000"});
    let report = json!({"streams": [stream], "format": format}).to_string();
    let files = ask(&json!({"probe": {"report": report.repeat(2)}}))["Files"].clone();
    let one = json!({"Name": "b.mkv", "Description": "25.023s 1920x1080 29.97fps no-audio"});
    assert_eq!(files, json!([one, one]));
    for text in ["no", "{}", "[1]", "{\"streams\": []}"] {
        assert!(ask(&json!({"probe": {"report": text}}))["Problem"].is_string(), "{text}");
    }
}

#[test]
fn the_table_is_whole() {
    let table = ask(&json!("table"));
    let operations = table["Operations"].as_array().unwrap();
    let parameters = operations.iter().map(|o| o["Parameters"].as_array().unwrap().len());
    assert_eq!(parameters.sum::<usize>(), crate::process::table::PARAMETERS.len());
    assert!(table["Bans"].as_array().unwrap().iter().any(|ban| ban[0] == "mxf" && ban[2] == "vp9"));
}
