//! Requests: form, names, timeline, commands that send them, and the address.

use serde_json::{Value, json};
use video_concat::process::table::PARAMETERS;

use super::Page;
use crate::cli::said;
use crate::scene::b64;

const PROCESS: &str = "video/concat,f_mp4,vcodec_h264,acodec_aac";

fn example() -> String {
    format!("{PROCESS}/pre,o_{}/sur,o_{},t_10000|sys/saveas,o_b3V0", b64("pre.mov"), b64("s.aac"))
}

#[test]
fn the_form_has_every_parameter_and_writes_the_string() {
    let mut page = Page::open("");
    page.enter(
        "process",
        &format!("{}/notify,topic_dA", example().replace('|', "/segment,f_hls,t_6000|")),
    );
    for parameter in PARAMETERS {
        let id = format!("{}-1-{}", parameter.operation.name(), parameter.name);
        let label = page.text(&format!("label[for='{id}'] code"));
        assert_eq!(label, parameter.name);
    }
    // A value as people write it, a decoded name, and a choice.
    page.enter("video/concat-1-ss", "1:30");
    page.enter("pre-1-o", "é b.mov");
    page.browser.evaluate(
        "{ const field = $('video/concat-1-vcodec'); field.value = 'h265'; \
         field.dispatchEvent(new Event('input')); }",
    );
    page.settle();
    let expected = format!(
        "video/concat,ss_90000,f_mp4,vcodec_h265,acodec_aac/pre,o_{}/sur,o_{},t_10000\
         /segment,f_hls,t_6000|sys/saveas,o_b3V0/notify,topic_dA",
        b64("é b.mov"),
        b64("s.aac")
    );
    assert_eq!(page.value("#process"), expected);
    assert_eq!(page.text("#verdict"), "The request is right.");
    // And in the other direction: the form follows the string.
    page.enter("process", &expected.replace("h265", "h264").replace("ss_90000", "ss_7"));
    assert_eq!(page.value("[id='video/concat-1-vcodec']"), "h264");
    assert_eq!(page.value("[id='video/concat-1-ss']"), "7");
}

#[test]
fn names_are_decoded_in_place_and_both_ways() {
    let mut page = Page::open("");
    // However wrong the rest of the string is.
    page.enter("process", &example().replace("vcodec", "vcodek"));
    let names = |page: &mut Page| {
        page.browser.evaluate("[...document.querySelectorAll('#names input')].map((i) => i.value)")
    };
    let expected = json!(["pre.mov", b64("pre.mov"), "s.aac", b64("s.aac"), "out", "b3V0"]);
    assert_eq!(names(&mut page), expected);
    page.browser.evaluate("document.querySelectorAll('#names input')[2].select()");
    page.browser.type_in("sür.aac");
    page.settle();
    assert!(page.value("#process").contains(&format!("/sur,o_{},", b64("sür.aac"))));
    page.browser.evaluate("document.querySelectorAll('#names input')[1].select()");
    page.browser.type_in(&b64("x"));
    page.settle();
    assert_eq!(names(&mut page)[0], "x");
    assert!(page.value("#process").contains("/pre,o_eA/"));
}

/// A file's description as ffprobe prints it, reduced to what matters here.
fn report(name: &str, seconds: &str, video: bool) -> String {
    let mut streams = vec![json!({"index": 0, "codec_name": "aac", "codec_type": "audio",
        "sample_rate": "48000", "channels": 2, "time_base": "1/48000", "start_pts": 0,
        "duration": seconds, "avg_frame_rate": "0/0", "r_frame_rate": "0/0"})];
    if video {
        streams.push(json!({"index": 1, "codec_name": "h264", "codec_type": "video",
            "width": 640, "height": 360, "pix_fmt": "yuv420p", "time_base": "1/12800",
            "r_frame_rate": "25/1", "avg_frame_rate": "25/1", "start_pts": 0}));
    }
    let format = json!({"filename": format!("/films/{name}"), "duration": seconds,
        "format_name": "mov,mp4,m4a,3gp,3g2,mj2"});
    json!({"streams": streams, "format": format}).to_string()
}

#[test]
fn the_timeline_is_that_of_the_front_page() {
    let mut page = Page::open("");
    page.enter("process", &example().replace("f_mp4", "ss_10000,f_mp4,fps_25,ar_48000,align_1"));
    page.enter("object", "example.mkv");
    // One typed, two pasted, in any order.
    page.browser.evaluate("document.querySelector('[data-source=\"pre.mov\"]').select()");
    page.browser.type_in("4.01s");
    page.settle();
    let two = report("s.aac", "12.000000", false) + &report("example.mkv", "25.020000", true);
    page.enter("probe", &two);
    assert_eq!(page.value("[data-source='example.mkv']"), "25.02s 640x360 25fps 48000Hz 2ch");
    assert_eq!(page.value("[data-source='s.aac']"), "12s no-video 48000Hz 2ch");
    let expected = json!([
        ["0", "pre.mov", "0 s to 4.01 s", "–", "0", "100", "0", "192480", "–"],
        ["1", "example.mkv", "10 s to 25.02 s", "–", "100", "376", "192480", "720960", "-10 ms"],
        ["2", "s.aac", "0 s to 10 s", "black", "476", "250", "913440", "480000", "10 ms"],
    ]);
    assert_eq!(page.table("#film", "Clips"), expected);
    // To scale: the clips' shares of the whole width.
    let widths = page.browser.evaluate(
        "[...document.querySelectorAll('#film rect')].map((bar) => bar.getAttribute('width') * 1)",
    );
    let widths: Vec<f64> = serde_json::from_value(widths).unwrap();
    let frames = [100.0, 376.0, 250.0].map(|frames| frames * 1000.0 / 726.0);
    assert_eq!(widths.len(), 6);
    for (width, right) in widths.iter().zip(frames) {
        assert!((width - right).abs() < 0.02, "{widths:?}");
    }
    assert!(page.text("#film svg").contains("376 frames from 100"));
}

#[test]
fn what_sends_a_request_is_what_the_command_line_prints() {
    let mut page = Page::open("");
    let built = |form: &str| {
        let arguments = [
            "build",
            "--pre",
            "in tro.mp4",
            "-f",
            "mp4",
            "--to",
            "it's",
            "--bucket",
            "my-clips",
            "--object",
            "a b/é.mp4",
            "--as",
            form,
        ];
        said(&arguments).ends_with(0).out
    };
    page.enter("process", built("string").trim_end());
    page.enter("bucket", "my-clips");
    page.enter("object", "a b/é.mp4");
    let tabs = [("String", "string"), ("Event", "event"), ("Curl", "curl"), ("Python", "python")];
    for (tab, form) in tabs {
        page.browser.evaluate(&format!("$('tab-{tab}').click()"));
        page.settle();
        assert_eq!(page.text("#text"), built(form), "{form}");
    }
}

/// Everything that a person sees of the input.
fn seen(page: &mut Page) -> Value {
    page.browser.evaluate(
        "({ fields: [...document.querySelectorAll('input, select, textarea')].map((f) => f.value), \
         film: $('film').innerHTML, text: $('text').textContent, verdict: $('verdict').textContent, \
         record: $('record-shown').innerHTML })",
    )
}

#[test]
fn a_link_brings_everything_back() {
    let mut page = Page::open("");
    page.enter("process", &example());
    page.enter("bucket", "my-clips");
    page.enter("object", "a=b&c#d é.mp4");
    for (source, text) in
        [("pre.mov", "1.5s 30fps"), ("a=b&c#d é.mp4", "2s"), ("s.aac", "11s no-video")]
    {
        page.browser.evaluate(&format!(
            "[...document.querySelectorAll('[data-source]')] \
             .find((field) => field.dataset.source === {}).select()",
            json!(source)
        ));
        page.browser.type_in(text);
        page.settle();
    }
    page.enter("record", include_str!("../../../src/task/example.json"));
    page.browser.evaluate("$('tab-Curl').click()");
    page.settle();
    let before = seen(&mut page);
    assert!(before["film"].as_str().unwrap().contains("frames from"));
    let address = page.browser.text("location.hash");
    let mut other = Page::open(address.trim_start_matches('#'));
    assert_eq!(seen(&mut other), before);
    assert_eq!(other.browser.text("location.hash"), address);
    // Also where the address changes under an open page.
    let mut third = Page::open("");
    third.browser.evaluate(&format!("location.hash = {}", json!(address)));
    third.wait_for("$('object').value !== ''");
    third.settle();
    assert_eq!(seen(&mut third), before);
}
