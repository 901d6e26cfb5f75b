//! A scene: sources in a bucket, the real function, and its results.

use std::path::PathBuf;
use std::sync::OnceLock;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bed::expect::{Difference, Expected};
use crate::bed::ffmpeg;
use crate::bed::frame_code::Region;
use crate::bed::function::{Function, Settings};
use crate::bed::invocation::Reply;
use crate::bed::reading::Reading;
use crate::bed::s3::S3;
use crate::bed::sns::Sns;
use crate::bed::source::Source;

pub(crate) const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:done";
/// The codecs that most tests request.
pub(crate) const USUAL: &str = "vcodec_h264,acodec_aac";

pub(crate) struct Scene {
    pub s3: S3,
    pub sns: Sns,
    pub function: Function,
}

/// A task that has ended.
pub(crate) struct Outcome {
    pub record: Value,
    /// A copy of what was stored, which outlives the scene.
    _copy: TempDir,
    file: Option<PathBuf>,
    reading: OnceLock<Reading>,
}

impl Scene {
    /// Buckets `sources` and `results`, the topic `done`, and a function with access to them.
    pub(crate) fn new() -> Self {
        Self::with(|settings| settings)
    }

    pub(crate) fn with(change: impl FnOnce(Settings) -> Settings) -> Self {
        let s3 = S3::start(&["sources", "results"]);
        let sns = Sns::start(&[TOPIC]);
        let function = Function::start(change(settings(&s3, &sns)));
        Self { s3, sns, function }
    }

    /// Puts a source into `sources` under its file's name.
    pub(crate) fn source(self, name: &str, source: &Source) -> Self {
        self.s3.put_file("sources", name, &source.write(name));
        self
    }

    /// Requests a process on `main` with the target `results/result.{autoext}`.
    pub(crate) fn run(&self, main: &str, parameters: &str) -> Outcome {
        let process = format!(
            "video/concat,{parameters}|sys/saveas,b_{},o_{}",
            b64("results"),
            b64("result")
        );
        self.process(main, &process)
    }

    /// Requests `a.mp4` and then `b.mp4`, in segments beside `results/{target}`.
    pub(crate) fn segment(&self, parameters: &str, segments: &str, target: &str) -> Outcome {
        let process = format!(
            "video/concat,{parameters}{}/segment,{segments}|sys/saveas,b_{},o_{}",
            sur("b.mp4"),
            b64("results"),
            b64(target),
        );
        self.process("a.mp4", &process)
    }

    pub(crate) fn process(&self, main: &str, process: &str) -> Outcome {
        let record = self.invoke(main, process).unwrap();
        let target = record["Targets"].as_array().and_then(|targets| targets.last()).cloned();
        let copy = tempfile::tempdir().unwrap();
        let file = target.map(|target| {
            let uri = target["URI"].as_str().unwrap();
            let (bucket, key) = uri.strip_prefix("s3://").unwrap().split_once('/').unwrap();
            let name = key.rsplit('/').next().unwrap();
            let file = copy.path().join(name);
            std::fs::copy(self.s3.path(bucket, key), &file).unwrap();
            file
        });
        Outcome { record, _copy: copy, file, reading: OnceLock::new() }
    }

    pub(crate) fn invoke(&self, main: &str, process: &str) -> Reply {
        self.function.invoke(&json!({"bucket": "sources", "object": main, "process": process}))
    }

    /// Checks that only finished objects and records are left of all tasks.
    pub(crate) fn assert_clean(&self) {
        let left: Vec<_> = std::fs::read_dir(self.function.work_dir()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        assert_eq!(self.s3.unfinished_uploads(), []);
    }
}

impl Outcome {
    /// The record of a task that must have succeeded.
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.record["Status"], "Succeeded", "{:#}", self.record);
        self
    }

    /// The message of a task that must have failed with this code.
    pub(crate) fn failed(&self, code: &str) -> String {
        assert_eq!(self.record["Status"], "Failed", "{:#}", self.record);
        assert_eq!(self.record["Code"], code, "{:#}", self.record);
        self.record["Message"].as_str().unwrap().to_owned()
    }

    pub(crate) fn reading(&self) -> Reading {
        self.reading.get_or_init(|| Reading::of(self.file())).clone()
    }

    pub(crate) fn file(&self) -> &PathBuf {
        self.file.as_ref().expect("the task stored a file")
    }

    /// Checks that the output shows and plays exactly what is expected.
    #[track_caller]
    pub(crate) fn shows(self, expected: &Expected) -> Self {
        self.shows_in(&[], expected)
    }

    /// The same if frames may be between bars.
    #[track_caller]
    pub(crate) fn shows_in(self, regions: &[Region], expected: &Expected) -> Self {
        let outcome = self.succeeded();
        let reading =
            regions.iter().fold(outcome.reading(), |reading, region| reading.region(*region));
        let differences: Vec<Difference> = expected.differences(&reading);
        assert_eq!(differences, []);
        outcome
    }

    /// The frames of each clip in the record.
    pub(crate) fn frames(&self) -> Vec<u64> {
        let timeline = self.record["Timeline"].as_array().unwrap();
        timeline.iter().map(|place| place["Frames"].as_u64().unwrap()).collect()
    }

    pub(crate) fn warnings(&self) -> String {
        self.record["Warnings"].to_string()
    }
}

/// The function's settings with access to these servers.
pub(crate) fn settings(s3: &S3, sns: &Sns) -> Settings {
    Settings::bootstrap().with(s3.environment()).with(sns.environment()).with(ffmpeg::environment())
}

/// A name in the form of the language.
pub(crate) fn b64(name: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(name)
}

/// `/pre` of these objects, then the main object's own operation.
pub(crate) fn pre(name: &str) -> String {
    format!("/pre,o_{}", b64(name))
}

pub(crate) fn sur(name: &str) -> String {
    format!("/sur,o_{}", b64(name))
}

/// The name of a segment without that of the run that stored it.
pub(crate) fn without_run(key: &str) -> String {
    for (at, _) in key.match_indices('-') {
        let rest = &key[at + 1..];
        let is_run = |run: &str| run.bytes().all(|byte| byte.is_ascii_hexdigit());
        if rest.get(..8).is_some_and(is_run) && rest.get(8..9) == Some("-") {
            return format!("{}{}", &key[..at], &rest[8..]);
        }
    }
    key.to_owned()
}

/// A stored object under a name without that of its run; in a playlist, the text has none either.
pub(crate) fn object_without_run(key: &str, bytes: Vec<u8>) -> (String, Vec<u8>) {
    let extension = std::path::Path::new(key).extension();
    if extension.is_none_or(|extension| extension != "m3u8" && extension != "mpd") {
        return (without_run(key), bytes);
    }
    let text = String::from_utf8(bytes).unwrap();
    let lines = text.lines().map(|line| {
        let parts: Vec<String> = line.split(' ').map(without_run).collect();
        parts.join(" ") + "\n"
    });
    (key.to_owned(), lines.collect::<String>().into_bytes())
}
