//! `build`: its output is valid in the language, and can be sent.

use serde_json::{Value, json};
use video_concat::codec::Container;
use video_concat::object::ObjectUri;
use video_concat::process::table::{Operation, PARAMETERS};
use video_concat::process::{Limits, Request, parse, resolve};

use super::said;
use crate::scene::b64;

fn request(process: &str) -> Request {
    let main = ObjectUri::named("clips", "a b.mp4").unwrap();
    resolve(&parse(process.trim_end()).unwrap(), &main, Limits::default()).unwrap()
}

#[test]
fn plain_words_become_a_process_string() {
    let said = said(&[
        "build",
        "--pre",
        "intro.mp4",
        "--sur",
        "outro,x=1.mp4,ss=0.5s,t=10s",
        "-f",
        "mp4",
        "-s",
        "1280x720",
        "--fit",
        "fill",
        "--vb",
        "1.5M",
        "--segment",
        "hls,t=6s",
        "--to",
        "s3://results/joined/{barename}",
        "--topic",
        "done",
        "--ss",
        "1:30",
    ]);
    let right = format!(
        "video/concat,ss_90000,f_mp4,vcodec_h264,s_1280x720,scaletype_fill,vb_1500000,acodec_aac/pre,o_{}/sur,o_{},ss_500,t_10000/segment,f_hls,t_6000|sys/saveas,o_{},b_{}/notify,topic_{}\n",
        b64("intro.mp4"),
        b64("outro,x=1.mp4"),
        b64("joined/{barename}"),
        b64("results"),
        b64("done"),
    );
    assert_eq!(said.ends_with(0).out, right);
}

#[test]
fn every_container_gets_codecs_that_it_holds() {
    for container in Container::NAMES {
        let process = said(&["build", "-f", container, "--to", "x"]).ends_with(0).out;
        assert_eq!(request(&process).container.name(), *container);
    }
}

#[test]
fn every_parameter_of_the_language_is_an_argument() {
    let help = said(&["build", "--help"]).ends_with(0).out;
    for parameter in PARAMETERS.iter().filter(|p| p.operation == Operation::Concat) {
        let name = parameter.name;
        let dashes = if name.len() == 1 { "-" } else { "--" };
        let is_there = |end| help.contains(&format!(" {dashes}{name}{end}"));
        assert!(is_there(" ") || is_there(","), "{name}");
    }
}

#[test]
fn what_the_language_refuses_is_drawn_in_the_string() {
    let said = said(&["build", "-f", "mp4", "--crf", "60", "--to", "x"]).ends_with(2);
    assert!(said.err.contains("invalid value `60` for `crf`"), "{}", said.err);
    assert!(said.err.contains("^^"), "{}", said.err);
}

#[test]
fn events_are_those_that_the_function_takes() {
    let arguments = ["build", "-f", "mp4", "--to", "x", "--bucket", "clips", "--object", "a b.mp4"];
    let with = |form: &'static str| [&arguments[..], &["--as", form]].concat();
    let event = said(&with("event")).ends_with(0).out;
    let event: Value = serde_json::from_str(&event).unwrap();
    let process = said(&arguments).ends_with(0).out;
    let right = json!({"bucket": "clips", "object": "a b.mp4", "process": process.trim_end()});
    assert_eq!(event, right);
    let json = said(&[&with("event")[..], &["--json"]].concat()).ends_with(0).json();
    assert_eq!(json["Process"], event["process"]);
    assert_eq!(serde_json::from_str::<Value>(json["Text"].as_str().unwrap()).unwrap(), event);
    // Without an object, there is nothing to send.
    said(&["build", "-f", "mp4", "--to", "x", "--as", "event"]).ends_with(2);
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let commands = ["build", "check", "decode"];
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = said(&["completions", shell]).ends_with(0).out;
        assert!(commands.iter().all(|command| script.contains(command)), "{shell}");
    }
    let page = said(&["man"]).ends_with(0).out;
    assert!(page.contains(".TH video-concat 1"), "{page}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("man1");
    said(&["man", "--out", path.to_str().unwrap()]).ends_with(0);
    for command in commands {
        let page = std::fs::read_to_string(path.join(format!("video-concat-{command}.1"))).unwrap();
        assert!(page.contains("json"), "{command}");
    }
}
