//! The log as operators search it.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::Value;

use super::{text, widgets};
use crate::bed::ffmpeg::{ffmpeg_path, ffprobe_path};
use crate::bed::process::run;
use crate::bed::source::Source;
use crate::scene::{Scene, USUAL};

/// The only line with this message; waits for it.
fn line(scene: &Scene, message: &str) -> Value {
    let is_it = |line: &Value| line["message"] == message;
    let lines = scene.function.logs_until(|lines| lines.iter().any(is_it));
    lines.into_iter().find(is_it).expect(message)
}

#[test]
fn the_start_tells_the_versions_of_function_and_layer() {
    let start = line(&Scene::new(), "start");
    assert_eq!(
        (&start["level"], &start["version"]),
        (&"INFO".into(), &env!("CARGO_PKG_VERSION").into())
    );
    let layer = ffmpeg_path().parent().unwrap().with_file_name("bom.json");
    let bill: Value = serde_json::from_str(&fs::read_to_string(layer).unwrap()).unwrap();
    assert_eq!(start["arch"], bill["arch"]);
    let parts = bill["components"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let parts: Vec<String> =
        parts.map(|part| format!("{} {}", text(&part["name"]), text(&part["version"]))).collect();
    assert_eq!(start["layer"], parts.join(", "));
    let said = String::from_utf8(run(Command::new(ffmpeg_path()).arg("-version")).stdout).unwrap();
    let version = said.split_whitespace().nth(2).unwrap();
    assert!(parts.contains(&format!("ffmpeg {version}")), "{version}: {parts:?}");
}

#[test]
fn a_layer_without_a_bill_is_warned_of_and_works() {
    let layer = tempfile::tempdir().unwrap();
    let bin = layer.path().join("bin");
    fs::create_dir(&bin).unwrap();
    symlink(ffmpeg_path(), bin.join("ffmpeg")).unwrap();
    symlink(ffprobe_path(), bin.join("ffprobe")).unwrap();
    fs::write(layer.path().join("bom.json"), "\u{0}garbage").unwrap();
    let path = bin.join("ffmpeg").display().to_string();
    let scene = Scene::with(|settings| settings.set("FFMPEG_PATH", path));
    let start = line(&scene, "start");
    assert_eq!(start["level"], "WARN", "{start}");
    let error = start["error"].as_str().unwrap();
    assert!(error.contains("bom.json` is not a bill of materials"), "{error}");
    let scene = scene.source("a.mp4", &Source::new(1));
    scene.run("a.mp4", &format!("f_mp4,{USUAL}")).succeeded();
}

/// The queries of the documents and of the dashboard.
fn queries() -> Vec<String> {
    let readme = text("src/settings/README.md");
    let blocks = readme.split("\n```insights\n").skip(1);
    let mut queries: Vec<String> =
        blocks.map(|block| block.split_once("\n```").unwrap().0.to_owned()).collect();
    let widgets = widgets("log");
    queries.extend(widgets.iter().map(|widget| widget["query"].as_str().unwrap().to_owned()));
    queries
}

/// The fields that a query shows or filters by equality; `@` is CloudWatch's own.
fn fields(query: &str) -> Vec<String> {
    let steps = query.split('|').map(str::trim);
    let named = steps.flat_map(|step| match step.split_once(' ') {
        Some(("fields", names)) => names.split(',').map(|name| name.trim().to_owned()).collect(),
        Some(("filter", test)) => vec![test.split(' ').next().unwrap().to_owned()],
        _ => Vec::new(),
    });
    named.filter(|name| !name.starts_with('@')).collect()
}

#[test]
fn the_queries_find_a_failed_task() {
    let scene = Scene::new();
    scene.run("none.mp4", &format!("f_mp4,{USUAL}")).failed("NoSuchKey");
    let line = line(&scene, "failed");
    let queries = queries();
    assert_eq!(queries.len(), 2);
    for query in queries {
        let fields = fields(&query);
        assert!(fields.len() > 2, "{query}: {fields:?}");
        for field in fields {
            let pointer = format!("/{}", field.replace('.', "/"));
            assert!(line.pointer(&pointer).is_some_and(Value::is_string), "{field}: {line}");
        }
    }
}

#[test]
fn each_line_names_the_service_and_the_trace_and_lambda_sets_the_level() {
    let scene = Scene::with(|settings| settings.set("AWS_LAMBDA_LOG_LEVEL", "WARN"));
    scene.run("none.mp4", &format!("f_mp4,{USUAL}")).failed("NoSuchKey");
    let failed = line(&scene, "failed");
    assert_eq!(failed["service"], "video-concat");
    let lines = scene.function.logs();
    let events = lines.iter().filter(|line| line.get("level").is_some());
    for event in events {
        assert_eq!(event["service"], "video-concat", "{event}");
        assert!(["WARN", "ERROR"].contains(&event["level"].as_str().unwrap()), "{event}");
    }
    let trace = failed["xray_trace_id"].as_str();
    assert!(trace.is_some_and(|id| id.starts_with("1-")), "{failed}");
}
