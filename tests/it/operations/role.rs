//! The role of the stack, with its policies enforced: what the function may do with it, and what it
//! may not.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::bed::expect::{Clip, Expected};
use crate::bed::ffmpeg;
use crate::bed::function::{Function, Settings};
use crate::bed::process::{Running, python, repository};
use crate::bed::reading::Reading;
use crate::bed::source::Source;
use crate::scene::{USUAL, b64, sur};

/// moto, with the stack's role and its buckets.
struct Cloud {
    #[expect(dead_code, reason = "it ends with this value")]
    moto: Running,
    questions: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    function: Function,
}

impl Cloud {
    fn new(files: &[(&str, &str, &Path)]) -> Self {
        let mut moto = Running::start(
            python()
                .arg("tests/bed/role.py")
                .current_dir(repository())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        );
        let mut questions = moto.0.stdin.take().unwrap();
        let mut answers = BufReader::new(moto.0.stdout.take().unwrap()).lines();
        let parameters = json!({"SourceBucket": "sources", "TargetBucket": "results"});
        writeln!(questions, "{}", json!({"parameters": parameters, "files": files})).unwrap();
        let line = answers.next().expect("moto starts").unwrap();
        let start: Value = serde_json::from_str(&line).unwrap();
        let mut settings = Settings::bootstrap()
            .with(ffmpeg::environment())
            .set("TOPIC_ARN_PREFIX", "arn:aws:sns:us-east-1:123456789012:");
        for (name, value) in start["environment"].as_object().unwrap() {
            settings = settings.set(name, value.as_str().unwrap());
        }
        Self { moto, questions, answers, function: Function::start(settings) }
    }

    /// The record of a task whose clips are `a.mp4` and `b.mkv`.
    fn join(&self, source: &str, format: &str, segments: &str, target: &str, saved: &str) -> Value {
        let process = format!(
            "video/concat,{format},{USUAL}{}{segments}|sys/saveas,b_{},o_{}/notify,topic_{}",
            sur("b.mkv"),
            b64(target),
            b64(saved),
            b64("video-concat"),
        );
        let event = json!({"bucket": source, "object": "a.mp4", "process": process});
        self.function.invoke(&event).unwrap()
    }

    fn object(&mut self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        writeln!(self.questions, "{}", json!([bucket, key])).unwrap();
        let line = self.answers.next().expect("moto answers").unwrap();
        let text: Option<String> = serde_json::from_str(&line).unwrap();
        text.map(|text| BASE64_STANDARD.decode(text).unwrap())
    }
}

fn sources() -> [(&'static str, Source); 2] {
    [("a.mp4", Source::new(1)), ("b.mkv", Source::new(2))]
}

#[test]
fn whole_tasks_and_segments_need_no_more_and_strange_buckets_stay_closed() {
    let made = sources().map(|(name, source)| (name, source.write(name)));
    let files: Vec<_> = ["sources", "elsewhere"]
        .iter()
        .flat_map(|bucket| made.iter().map(|(name, path)| (*bucket, *name, path.as_path())))
        .collect();
    let mut cloud = Cloud::new(&files);

    let record = cloud.join("sources", "f_mp4", "", "results", "film.mp4");
    assert_eq!(record["Status"], "Succeeded", "{record:#}");
    assert!(record["Warnings"].is_null() || record["Warnings"] == json!([]), "{record:#}");
    let film = cloud.object("results", "film.mp4").expect("the film was stored");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    std::fs::write(&path, film).unwrap();
    let rate = (25, 1);
    let expected = Expected::new(rate, vec![Clip::whole(1, rate, 2.0), Clip::whole(2, rate, 2.0)]);
    assert_eq!(expected.differences(&Reading::of(&path)), []);

    // The same request finds its record, which the role may read and list.
    let again = cloud.join("sources", "f_mp4", "", "results", "film.mp4");
    assert_eq!(again["TaskId"], record["TaskId"]);

    let list = cloud.join("sources", "f_ts", "/segment,f_hls,t_1000", "results", "list.m3u8");
    assert_eq!(list["Status"], "Succeeded", "{list:#}");
    assert!(cloud.object("results", "list.m3u8").is_some());

    let denied = [
        ("sources", "elsewhere", "film.mp4"),
        ("elsewhere", "results", "stolen.mp4"),
        ("sources", "records", "forged.mp4"),
    ];
    for (source, target, saved) in denied {
        let record = cloud.join(source, "f_mp4", "", target, saved);
        assert_eq!(record["Status"], "Failed", "{record:#}");
        assert_eq!(record["Code"], "AccessDenied", "{record:#}");
        assert_eq!(cloud.object(target, saved), None, "{saved}");
    }
}
