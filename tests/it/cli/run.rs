//! `run`: makes the same bytes as the function, from local files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use video_concat::task::TaskRecord;

use super::{Said, command, end};
use crate::bed::expect::{Clip, Expected};
use crate::bed::ffmpeg;
use crate::bed::reading::Reading;
use crate::bed::s3::S3;
use crate::bed::source::Source;
use crate::scene::{Scene, USUAL, b64, object_without_run, sur};

const RATE: (u32, u32) = (25, 1);

/// A folder with sources in `in`, and room for results.
pub(super) struct Desk {
    folder: TempDir,
}

impl Desk {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["in", "work"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    pub(super) fn source(self, name: &str, source: &Source) -> Self {
        fs::copy(source.write(name), self.path("in").join(name)).unwrap();
        self
    }

    pub(super) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(arguments);
        command.current_dir(self.folder.path()).env("WORK_DIR", self.path("work"));
        command.envs(ffmpeg::environment());
        command
    }

    pub(super) fn run(&self, main: &str, process: &str, more: &[&str]) -> Said {
        let arguments = ["run", process, "--object", main, "--sources", "in", "--out", "out"];
        let said = end(&mut self.command(&[&arguments[..], more].concat()), "");
        let left: Vec<_> = fs::read_dir(self.path("work")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        said
    }

    /// Every file of a folder, by its name in there.
    pub(super) fn files(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.path(name), "", &mut files);
        files
    }
}

fn collect(folder: &Path, before: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.unwrap();
        let name = format!("{before}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else {
            files.insert(name, fs::read(entry.path()).unwrap());
        }
    }
}

pub(super) fn to(parameters: &str, segment: &str, target: &str) -> String {
    let target = format!("b_{},o_{}", b64("results"), b64(target));
    format!("video/concat,{parameters}{}{segment}|sys/saveas,{target}", sur("b.mp4"))
}

#[test]
fn the_bytes_are_those_that_the_function_stores() {
    let (a, b) = (Source::new(1), Source::new(2).size(128, 96).audio(44_100, 1));
    let scene = Scene::new().source("a.mp4", &a).source("b.mp4", &b);
    let desk = Desk::new().source("a.mp4", &a).source("b.mp4", &b);
    for (name, parameters, segment) in [
        ("mp4", "f_mp4,ss_500", ""),
        ("ts", "f_ts,vb_300000", ""),
        ("hls", "f_ts", "/segment,f_hls,t_1000"),
        ("dash", "f_mp4", "/segment,f_dash,t_1000"),
    ] {
        let process =
            to(&format!("{parameters},{USUAL}"), segment, &format!("{name}/{{barename}}"));
        scene.process("a.mp4", &process).succeeded();
        let said = desk.run("a.mp4", &process, &[]).ends_with(0);
        let made = desk.files("out");
        let stored: Vec<String> =
            scene.s3.keys("results").into_iter().filter(|key| key.starts_with(name)).collect();
        assert!(!stored.is_empty());
        for key in stored {
            let (name, bytes) = object_without_run(&key, scene.s3.get("results", &key).unwrap());
            let (_, here) = object_without_run(&name, made.get(&name).expect(&key).clone());
            assert!(here == bytes, "{key} of {:?}", made.keys());
        }
        let count = |files: &[String]| files.iter().filter(|key| key.starts_with(name)).count();
        let names: Vec<String> = made.keys().cloned().collect();
        assert_eq!(count(&names), count(&scene.s3.keys("results")));
        // The playlist, or the only file.
        assert!(made.contains_key(said.out.trim().strip_prefix("out/").unwrap()), "{said:?}");
    }
}

#[test]
fn the_record_is_printed_and_sources_stay_as_they_are() {
    let desk = Desk::new().source("a.mp4", &Source::new(1)).source("b.mp4", &Source::new(2));
    let before = desk.files("in");
    let process = to(&format!("f_mp4,{USUAL}"), "", "x");
    let said = desk.run("a.mp4", &process, &["--json"]).ends_with(0);
    assert_eq!(said.err, "");
    let json = said.json();
    assert_eq!(json["Stored"], serde_json::json!(["out/x.mp4"]));
    let record: TaskRecord = serde_json::from_value(json).unwrap();
    let frames: Vec<u64> = record.timeline.iter().map(|place| place.frames).collect();
    assert_eq!((frames, record.verified.unwrap().frames), (vec![50, 50], 100));
    assert_eq!(record.targets[0].uri.to_string(), "s3://results/x.mp4");
    let clips = [1, 2].map(|id| Clip::whole(id, RATE, 2.0)).to_vec();
    let reading = Reading::of(desk.path("out/x.mp4"));
    assert_eq!(Expected::new(RATE, clips).differences(&reading), []);
    assert_eq!(desk.files("in"), before);
}

#[test]
fn a_source_that_has_to_be_made_again_is_not_changed() {
    let desk = Desk::new();
    let part = fs::read(Source::new(1).write("part.ts")).unwrap();
    let twice = [part.clone(), part].concat();
    fs::write(desk.path("in/a.ts"), &twice).unwrap();
    let process = format!("video/concat,f_mp4,{USUAL}|sys/saveas,o_{}", b64("x"));
    let said = desk.run("a.ts", &process, &[]).ends_with(0);
    assert!(said.err.contains("time stamps jump") || said.err.contains("several"), "{}", said.err);
    assert_eq!(fs::read(desk.path("in/a.ts")).unwrap(), twice);
    assert_eq!(desk.files("in").len(), 1);
}

#[test]
fn wrong_requests_and_failed_tasks_end_differently_and_store_nothing() {
    let desk = Desk::new().source("a.mp4", &Source::new(1));
    fs::write(desk.path("in/text.mp4"), "just words").unwrap();
    let process = |parameters: &str| to(&format!("{parameters},{USUAL}"), "", "x");
    let only = |parameters: &str, target: &str| {
        format!("video/concat,{parameters},{USUAL}|sys/saveas,b_{},{target}", b64("results"))
    };
    for (name, main, process, status, code) in [
        ("no source", "a.mp4", process("f_mp4"), 1, "NoSuchKey"),
        ("no media", "text.mp4", only("f_mp4", "o_eA"), 1, "UnsupportedMedia"),
        ("behind the end", "a.mp4", only("ss_9000,f_mp4", "o_eA"), 2, "InvalidArgument"),
        ("a mistake", "a.mp4", only("f_mp5", "o_eA"), 2, "InvalidArgument"),
        ("outside", "../a.mp4", only("f_mp4", "o_eA"), 2, "InvalidArgument"),
        ("absolute", "a.mp4", only("f_mp4", &format!("o_{}", b64("/x.mp4"))), 2, "InvalidArgument"),
        (
            "records",
            "a.mp4",
            only("f_mp4", &format!("o_{}", b64(".tasks/x"))),
            2,
            "InvalidArgument",
        ),
    ] {
        let json = desk.run(main, &process, &["--json"]).ends_with(status).json();
        assert_eq!(json["Code"], code, "{name}: {json}");
        assert!(!desk.path("out").exists(), "{name}");
    }
    let said = end(&mut desk.command(&["run", "x", "--sources", "in", "--out", "out"]), "");
    assert!(said.ends_with(2).err.contains("--object"));
    said_of(&desk, &["run", "x", "--sources", "s3://a/b", "--out", "out"], "without a key");
}

fn said_of(desk: &Desk, arguments: &[&str], words: &str) {
    let said = end(&mut desk.command(arguments), "").ends_with(2);
    assert!(said.err.contains(words), "{}", said.err);
}

#[test]
fn no_result_takes_the_place_of_a_source() {
    let desk = Desk::new().source("a.mp4", &Source::new(1)).source("b.mp4", &Source::new(2));
    let before = desk.files("in");
    // Another bucket, and yet the same folder.
    let process = to(&format!("f_mp4,{USUAL}"), "", "b.mp4");
    for out in ["in", "./in/../in"] {
        let arguments = ["run", &process, "--object", "a.mp4", "--sources", "in", "--out", out];
        let said = end(&mut desk.command(&arguments), "").ends_with(2);
        assert!(said.err.contains("is also a source"), "{}", said.err);
    }
    assert_eq!(desk.files("in"), before);
}

#[test]
fn a_bar_is_drawn_on_a_terminal_and_nowhere_else() {
    let desk = Desk::new().source("a.mp4", &Source::new(1));
    let process = format!("video/concat,f_mp4,{USUAL}|sys/saveas,o_{}", b64("x"));
    let plain = desk.run("a.mp4", &process, &[]).ends_with(0);
    assert!(!plain.err.contains("encode") && !plain.err.contains('\u{1b}'), "{plain:?}");
    let line = format!(
        "{} run '{process}' --object a.mp4 --sources in --out out",
        env!("CARGO_BIN_EXE_video-concat")
    );
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).current_dir(desk.folder.path());
    script.envs(ffmpeg::environment()).env("TERM", "xterm").env("NO_COLOR", "1");
    let drawn = end(&mut script, "").ends_with(0);
    assert!(drawn.out.contains("encode") && drawn.out.contains(" %"), "{drawn:?}");
    // Lines are cleared and the cursor moves; nothing has a colour.
    assert!(!drawn.out.contains("\u{1b}[3"), "{drawn:?}");
}

#[test]
fn a_run_that_is_terminated_leaves_nothing() {
    let desk = Desk::new().source("a.mp4", &Source::new(1).seconds(60.0).size(640, 360));
    let process = format!("video/concat,f_mp4,{USUAL}|sys/saveas,o_{}", b64("x"));
    let arguments = ["run", &process, "--object", "a.mp4", "--sources", "in", "--out", "out"];
    let mut command = desk.command(&[&arguments[..], &["--preset", "placebo"]].concat());
    let mut child = crate::bed::process::Running::start(&mut command);
    let encodes = || {
        fs::read_dir(desk.path("work"))
            .unwrap()
            .any(|entry| entry.unwrap().path().join("output.mp4").exists())
    };
    while !encodes() {
        assert!(!child.has_ended());
        std::thread::yield_now();
    }
    let ours = crate::bed::process::descendants(child.id());
    assert!(!ours.is_empty());
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.0.wait().unwrap().code(), Some(1));
    assert_eq!(fs::read_dir(desk.path("work")).unwrap().count(), 0);
    assert!(!desk.path("out").exists());
    assert!(ours.iter().all(|pid| !Path::new(&format!("/proc/{pid}")).exists()));
}

#[test]
fn buckets_do_in_the_place_of_folders() {
    let s3 = S3::start(&["clips", "made"]);
    let desk = Desk::new();
    for (id, name) in [(1, "a.mp4"), (2, "b.mp4")] {
        let file = Source::new(id).write(name);
        s3.put_file("clips", name, &file);
        fs::copy(&file, desk.path("in").join(name)).unwrap();
    }
    let process = to(&format!("f_mp4,{USUAL}"), "", "x.mp4");
    desk.run("a.mp4", &process, &[]).ends_with(0);
    let right = fs::read(desk.path("out/x.mp4")).unwrap();
    for (sources, out) in [("s3://clips", "s3://made"), ("in", "s3://made"), ("s3://clips", "from")]
    {
        let arguments = ["run", &process, "--object", "a.mp4", "--sources", sources, "--out", out];
        let mut command = desk.command(&[&arguments[..], &["--json"]].concat());
        let json = end(command.envs(s3.environment()), "").ends_with(0).json();
        let made = match out.strip_prefix("s3://") {
            Some(bucket) => {
                assert_eq!(json["Stored"], serde_json::json!(["s3://made/x.mp4"]));
                let head = s3.head(bucket, "x.mp4").unwrap();
                assert_eq!(head.content_type(), Some("video/mp4"));
                assert!(!head.metadata().unwrap().is_empty());
                let made = s3.get(bucket, "x.mp4").unwrap();
                s3.delete(bucket, "x.mp4");
                made
            }
            None => fs::read(desk.path(out).join("x.mp4")).unwrap(),
        };
        assert!(made == right, "{sources} {out}");
        let fetched = json["Usage"]["BytesFetched"].as_u64().unwrap();
        assert_eq!(fetched > 0, sources.starts_with("s3://"), "{json}");
    }
    assert_eq!(s3.unfinished_uploads(), []);
    let over = to(&format!("f_mp4,{USUAL}"), "", "b.mp4");
    let arguments =
        ["run", &over, "--object", "a.mp4", "--sources", "s3://clips", "--out", "s3://clips"];
    let said = end(desk.command(&arguments).envs(s3.environment()), "").ends_with(2);
    assert!(said.err.contains("is also a source"), "{}", said.err);
}

#[test]
fn no_name_is_carried_out_by_the_terminal() {
    let desk = Desk::new();
    let name = "a\u{1b}[31m.mp4";
    fs::copy(Source::new(1).write("a.mp4"), desk.path("in").join(name)).unwrap();
    fs::write(desk.path("in/b.mp4"), "no media").unwrap();
    let good = format!("video/concat,f_mp4,{USUAL}|sys/saveas,o_{}", b64("x-{basename}"));
    let fails = format!("video/concat,f_mp4,{USUAL}{}|sys/saveas,o_{}", sur(name), b64("y"));
    let wrong = format!("video/concat,f_mp4,{USUAL}|sys/saveas,o_{}", b64("{key}"));
    for (main, process, status) in [(name, &good, 0), ("b.mp4", &fails, 1), (name, &wrong, 2)] {
        for command in ["run", "explain"] {
            let arguments = [command, process, "--object", main, "--sources", "in"];
            let out: &[&str] = if command == "run" { &["--out", "out"] } else { &[] };
            let said = end(&mut desk.command(&[&arguments[..], out].concat()), "");
            assert!(said.status == status || command == "explain", "{said:?}");
            assert!(!said.out.contains('\u{1b}') && !said.err.contains('\u{1b}'), "{said:?}");
        }
    }
    assert!(desk.path("out").join(format!("x-{name}")).is_file());
}

#[test]
fn events_are_run_as_they_are() {
    let desk = Desk::new().source("a.mp4", &Source::new(1));
    let process = format!("video/concat,f_mp4,{USUAL}|sys/saveas,o_{}", b64("{bucket}-{t_year}"));
    let event = serde_json::json!({
        "bucket": "clips", "object": "a.mp4", "process": process, "userData": "mine",
    });
    fs::write(desk.path("event.json"), event.to_string()).unwrap();
    let arguments = ["run", "event.json", "--sources", "in", "--out", "out", "--json"];
    let json: Value = end(&mut desk.command(&arguments), "").ends_with(0).json();
    assert_eq!(json["UserData"], "mine");
    let year = json["StartTime"].as_str().unwrap()[..4].to_owned();
    assert_eq!(json["Stored"], serde_json::json!([format!("out/clips-{year}.mp4")]));
}
