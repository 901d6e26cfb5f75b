//! Metadata of sources is not copied to the output, and an output depends only on its task.

use std::path::PathBuf;

use video_concat::codec::Container;

use crate::bed::ffmpeg::ffmpeg;
use crate::bed::process::{repository, run};
use crate::bed::source::Source;
use crate::scene::{Outcome, Scene, b64, object_without_run, sur};
use crate::video::studio::{Studio, put};

/// In the metadata of every source that supports it, and in no output.
const SECRET: &str = "SECRET";

/// Tags that muxers always write.
const OWN_TAGS: [&str; 22] = [
    "encoder",
    "software",
    "major_brand",
    "minor_version",
    "compatible_brands",
    "handler_name",
    "vendor_id",
    "language",
    "duration",
    "service_name",
    "service_provider",
    "uid",
    "generation_uid",
    "company_name",
    "product_name",
    "product_version",
    "product_uid",
    "toolkit_version_num",
    "application_platform",
    "operational_pattern_ul",
    "timecode",
    "product_version_num",
];

fn audio_of(container: Container) -> &'static str {
    if container == Container::Mxf { "pcm" } else { "aac" }
}

/// A clip with all metadata that a file can have.
fn talkative(folder: &tempfile::TempDir, name: &str) -> PathBuf {
    let file = folder.path().join(name);
    let mut command = ffmpeg();
    command.arg("-i").arg(Source::new(1).seconds(1.2).write("a.mp4"));
    command.arg("-i").arg(repository().join("tests/it/inputs/data/subtitled.mkv"));
    let audio = if name.ends_with("mxf") { "pcm_s16le" } else { "copy" };
    command.args("-map 0 -map_chapters 1 -c:v copy".split(' ')).args(["-c:a", audio]);
    for tag in [
        "title",
        "artist",
        "comment",
        "copyright",
        "album",
        "genre",
        "service_name",
        "service_provider",
        "material_package_name",
        "company_name",
        "encoded_by",
        "major_brand",
    ] {
        command.args(["-metadata", &format!("{tag}={SECRET}")]);
    }
    for told in ["location=+52.1000-001.2000/", "creation_time=2020-01-02T03:04:05Z"] {
        command.args(["-metadata", told]);
    }
    for (kind, language) in [("v", "fra"), ("a", "deu")] {
        for told in [&format!("language={language}"), "title=SECRET", "handler_name=SECRET"] {
            command.args([&format!("-metadata:s:{kind}"), told]);
        }
    }
    command.args(["-timecode", "01:02:03:04"]);
    run(command.arg(&file));
    file
}

/// Metadata in an output that should not be there.
fn said(container: Container, outcome: &Outcome) -> Vec<String> {
    let mut said = Vec::new();
    let bytes = std::fs::read(outcome.file()).unwrap();
    let wide: Vec<u8> = SECRET.bytes().flat_map(|byte| [byte, 0]).collect();
    for text in [SECRET.as_bytes(), &wide, b"+52.1", b"01:02:03:04"] {
        if bytes.windows(text.len()).any(|window| window == text) {
            said.push(String::from_utf8_lossy(text).into_owned());
        }
    }
    let mut probe = crate::bed::ffmpeg::ffprobe();
    probe.args("-show_streams -show_format -show_chapters -of json".split(' '));
    let facts = run(probe.arg(outcome.file())).stdout;
    let facts: serde_json::Value = serde_json::from_slice(&facts).unwrap();
    let streams = facts["streams"].as_array().unwrap();
    if streams.len() != 2 || facts["chapters"] != serde_json::json!([]) {
        said.push(format!("{} streams, chapters {}", streams.len(), facts["chapters"]));
    }
    let tags = streams.iter().chain([&facts["format"]]).filter_map(|part| part["tags"].as_object());
    for (tag, value) in tags.flatten() {
        let name = tag.to_lowercase();
        let own = OWN_TAGS.contains(&&*name) || name.ends_with("umid");
        let value = value.as_str().unwrap();
        // QuickTime's number for no language is the one of English.
        let plain = match (&*name, container) {
            ("language", Container::Mov) => value == "eng",
            ("language", _) => value == "und",
            ("timecode", _) => value == "00:00:00:00",
            _ => true,
        };
        if !own || !plain {
            said.push(format!("{tag}={value}"));
        }
    }
    said
}

#[test]
fn nothing_that_sources_say_of_themselves_is_said_of_the_output() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new();
    let sources = ["a.mp4", "a.mov", "a.mkv", "a.asf", "a.avi", "a.flv", "a.ts", "a.mxf"];
    for name in sources {
        scene.s3.put_file("sources", name, &talkative(&folder, name));
    }
    let scene = scene.source("plain.mp4", &Source::new(2).seconds(0.4));
    let mut wrong = Vec::new();
    let mut check = |container: Container, first: &str, second: &str| {
        let audio = audio_of(container);
        let parameters = format!("f_{container},vcodec_h264,acodec_{audio}{}", sur(second));
        let outcome = scene.run(first, &parameters).succeeded();
        let said = said(container, &outcome);
        if !said.is_empty() {
            wrong.push(format!("{container} of {first} and {second}: {}", said.join(", ")));
        }
    };
    for &container in Container::ALL {
        check(container, "a.mkv", "plain.mp4");
        check(container, "a.mp4", "a.mkv");
    }
    for name in sources {
        check(Container::Mp4, name, "plain.mp4");
        check(Container::Mkv, "plain.mp4", name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn segments_say_nothing_of_the_sources() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new().source("b.mp4", &Source::new(2).seconds(0.4));
    scene.s3.put_file("sources", "a.mp4", &talkative(&folder, "a.mp4"));
    for (container, format) in [("ts", "hls"), ("mp4", "hls"), ("mp4", "dash")] {
        let parameters = format!("f_{container},vcodec_h264,acodec_aac");
        let outcome = scene.segment(&parameters, &format!("f_{format},t_400"), "x/y").succeeded();
        for target in outcome.record["Targets"].as_array().unwrap() {
            let key = target["URI"].as_str().unwrap().strip_prefix("s3://results/").unwrap();
            let bytes = scene.s3.get("results", key).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(SECRET) && !text.contains("+52.1"), "{key}");
        }
    }
}

/// The same task with another target is another task, and makes the same bytes.
#[test]
fn two_runs_give_the_same_bytes() {
    let scene = Scene::new()
        .source("a.mp4", &Source::new(1).seconds(1.2))
        .source("b.mp4", &Source::new(2).seconds(0.8));
    let mut wrong = Vec::new();
    let mut check = |parameters: &str| {
        let bytes = ["one", "two"].map(|name| {
            let process = format!(
                "video/concat,{parameters}{}|sys/saveas,b_{},o_{}",
                sur("b.mp4"),
                b64("results"),
                b64(name)
            );
            std::fs::read(scene.process("a.mp4", &process).succeeded().file()).unwrap()
        });
        if bytes[0] != bytes[1] {
            wrong.push(parameters.to_owned());
        }
    };
    for &container in Container::ALL {
        check(&format!("f_{container},vcodec_h264,acodec_{}", audio_of(container)));
    }
    for rest in [
        "mp4,vcodec_h265,acodec_mp3",
        "mkv,vcodec_h265,acodec_flac,crf_20,maxrate_300000",
        "mkv,vcodec_vp9,acodec_opus",
        "mp4,vcodec_vp9,acodec_aac,vb_300000",
        "mkv,vcodec_h264,acodec_vorbis",
        "ts,vcodec_h264,acodec_ac3,vb_300000",
        "mkv,vn_1,vcodec_h264,acodec_pcm",
    ] {
        check(&format!("f_{rest}"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Rate control row by row depends on how far the other threads are.
#[test]
fn two_runs_that_keep_to_a_bit_rate_give_the_same_bytes() {
    let (scene, studio) = (Scene::new(), Studio::new());
    let busy = "-f lavfi -i testsrc2=s=640x360:r=25:d=1,noise=alls=20:allf=t -c:v ffv1";
    put(&scene, &studio.make("a.mkv", busy));
    for codec in ["h264", "h265"] {
        for rate in ["vb_500000", "crf_20,maxrate_500000"] {
            let parameters = format!("f_mkv,an_1,acodec_aac,vcodec_{codec},{rate}");
            let run = |number: usize| {
                let process = format!(
                    "video/concat,{parameters}|sys/saveas,b_{},o_{}",
                    b64("results"),
                    b64(&number.to_string())
                );
                std::fs::read(scene.process("a.mkv", &process).succeeded().file()).unwrap()
            };
            let first = run(0);
            assert!((1..5).all(|number| run(number) == first), "{parameters}");
        }
    }
}

#[test]
fn two_runs_give_the_same_segments() {
    let scene = Scene::new()
        .source("a.mp4", &Source::new(1).seconds(1.2))
        .source("b.mp4", &Source::new(2).seconds(0.8));
    for (container, format) in [("ts", "hls"), ("mp4", "hls"), ("mp4", "dash")] {
        let parameters = format!("f_{container},vcodec_h264,acodec_aac");
        let runs = ["one", "two"].map(|folder| {
            let target = format!("{folder}/x");
            let segments = format!("f_{format},t_400");
            let outcome = scene.segment(&parameters, &segments, &target).succeeded();
            let targets = outcome.record["Targets"].as_array().unwrap().clone();
            let key = |target: &serde_json::Value| {
                target["URI"].as_str().unwrap().strip_prefix("s3://results/").unwrap().to_owned()
            };
            let read = |key: String| {
                let bytes = scene.s3.get("results", &key).unwrap();
                object_without_run(key.split_once('/').unwrap().1, bytes)
            };
            targets.iter().map(key).map(read).collect::<Vec<_>>()
        });
        assert!(runs[0] == runs[1] && runs[0].len() > 3, "{container} {format}");
    }
}

/// Shows that the test above can fail.
#[test]
fn the_sources_say_much() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.mp4", "a.mkv", "a.ts"] {
        let bytes = std::fs::read(talkative(&folder, name)).unwrap();
        assert!(bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()), "{name}");
    }
}
