//! The shell commands and the Python code of the documents, run as printed: the function's real
//! binary does the work, and the bed and moto stand in for AWS.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{FRONT, LANGUAGE, OPERATIONS, blocks_of, documents, file, read};
use crate::bed::expect::{Clip, Expected};
use crate::bed::ffmpeg;
use crate::bed::function::Function;
use crate::bed::gateway::{Gateway, Kind};
use crate::bed::lambda::Lambda;
use crate::bed::moto::Moto;
use crate::bed::process::{python, repository};
use crate::bed::reading::Reading;
use crate::bed::s3::S3;
use crate::bed::sns::Sns;
use crate::bed::source::Source;
use crate::scene::settings;

const EVENTS: &str = "events/README.md";
const TESTS: &str = "tests/README.md";
const COMMAND_LINE: &str = "src/cli/README.md";
/// In most regions the command line sends requests for SQS to AWS, whatever the endpoint.
const REGION: &str = "eu-central-2";

/// Lines that no test runs, by their start, and the reason.
const NOT_RUN: [(&str, &str); 12] = [
    ("make demo", "it builds everything that the tests were built from"),
    ("make tools", "the same"),
    ("make stage", "it does not end; `stage::` runs it, and what it prints"),
    ("layers/ffmpeg/build", "it builds what the tests need, as `make test` does before them"),
    ("docker build", "it needs Docker and its registry"),
    ("sam build", "it builds for release, as `make build` does before the tests"),
    ("sam deploy", "it needs AWS itself: no stand-in carries out a template of SAM"),
    (
        "sam local invoke",
        "it needs Docker and AWS; `stage::` runs it against the stage, where Docker is",
    ),
    ("sam local start-api", "the same"),
    ("cargo build", "it builds for release what the tests have built"),
    ("cargo test", "it runs the tests, which these are"),
    ("FFMPEG_PATH=/usr/bin/ffmpeg FFPROBE_PATH=/usr/bin/ffprobe cargo test", "the same"),
];

/// A command of a document, and the output printed below it.
struct Line {
    command: String,
    output: Vec<String>,
}

fn lines(page: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for block in blocks_of(&read(page), "console") {
        let mut goes_on = false;
        for text in block.lines() {
            match (text.strip_prefix("$ "), lines.last_mut()) {
                (None, Some(line)) if goes_on => line.command.extend(["\n", text]),
                (None, Some(line)) => line.output.push(text.to_owned()),
                (None, None) => panic!("{page} begins with output: {text}"),
                (Some(command), _) => {
                    lines.push(Line { command: command.to_owned(), output: Vec::new() });
                }
            }
            goes_on = text.ends_with('\\');
        }
    }
    lines
}

fn is_run(line: &Line) -> bool {
    let is_built = cfg!(feature = "cli") || !line.command.contains("--features cli");
    is_built && !NOT_RUN.iter().any(|(start, _)| line.command.starts_with(start))
}

#[test]
fn every_line_is_run_or_excused() {
    let run: BTreeSet<String> =
        documents().into_iter().filter(|page| lines(page).iter().any(is_run)).collect();
    assert_eq!(run, super::set([FRONT, LANGUAGE, EVENTS, OPERATIONS, TESTS, COMMAND_LINE]));
    let all: Vec<Line> = documents().iter().flat_map(|page| lines(page)).collect();
    for (start, _) in NOT_RUN {
        assert!(all.iter().any(|line| line.command.starts_with(start)), "no line is `{start}`");
    }
}

/// The commands in the text and in the tables.
#[test]
fn every_target_of_make_is_there() {
    let rules = read("Makefile");
    let targets: BTreeSet<&str> = rules
        .lines()
        .filter_map(|line| line.split_once(':').filter(|(names, _)| !names.starts_with('\t')))
        .flat_map(|(names, _)| names.split(' '))
        .collect();
    for page in documents() {
        let text = read(&page);
        for command in text
            .split(['`', '\n'])
            .filter_map(|part| part.trim_start_matches("$ ").strip_prefix("make "))
        {
            let words = command.split_ascii_whitespace().filter(|word| !word.contains('='));
            for word in words {
                assert!(targets.contains(word), "{page}: make {word}");
            }
        }
    }
}

/// A folder like the repository's, and the settings with which a shell finds the stand-ins.
struct Stage {
    folder: TempDir,
    environment: Vec<(String, String)>,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        symlink(file("events"), folder.path().join("events")).unwrap();
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", repository().join("target/venv/bin").display());
        let environment = [
            ("PATH", path.as_str()),
            ("HOME", folder.path().to_str().unwrap()),
            ("AWS_ACCESS_KEY_ID", "AKIATESTED"),
            ("AWS_SECRET_ACCESS_KEY", "tested-secret"),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { folder, environment: environment.to_vec() }
    }

    fn with(moto: &Moto) -> Self {
        let mut stage = Self::new();
        stage.set("AWS_ENDPOINT_URL", moto.url());
        stage
    }

    /// `cargo run` starts the command line that cargo has built for the tests.
    fn with_command_line(&mut self) {
        let Some(program) = option_env!("CARGO_BIN_EXE_video-concat") else { return };
        let folder = self.path().join("bin");
        fs::create_dir(&folder).unwrap();
        let script = format!(
            "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nshift\nexec '{program}' \"$@\"\n"
        );
        fs::write(folder.join("cargo"), script).unwrap();
        fs::set_permissions(folder.join("cargo"), fs::Permissions::from_mode(0o700)).unwrap();
        symlink(program, folder.join("video-concat")).unwrap();
        let path = &mut self.environment[0].1;
        *path = format!("{}:{path}", folder.display());
        self.environment.extend(ffmpeg::environment());
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// The output of deploying the template.
    fn outputs(&self, outputs: &[(&str, &str)]) {
        let template = read("template.yaml");
        let (_, names) = template.split_once("\nOutputs:\n").unwrap();
        let mut values = serde_json::Map::new();
        for (name, value) in outputs {
            assert!(names.contains(&format!("  {name}:\n")), "the template has no output {name}");
            values.insert((*name).to_owned(), json!({"Value": value}));
        }
        let body = json!({
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            "Outputs": values,
        });
        let body = format!("'{body}'");
        self.shell(&format!(
            "aws cloudformation create-stack --stack-name video-concat --template-body {body}"
        ));
    }

    fn command(&self, program: &mut Command) -> Output {
        let output = program
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program:?}\n{said}");
        output
    }

    fn shell(&self, script: &str) -> String {
        let script = format!("set -eo pipefail\n{script}");
        let output = self.command(Command::new("bash").args(["-c", &script]));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the lines of a page in one shell, and checks their output.
    fn run(&self, page: &str) {
        const END: &str = "-- the end of a line --\n";
        let lines: Vec<Line> = lines(page).into_iter().filter(is_run).collect();
        let steps: Vec<String> =
            lines.iter().map(|line| format!("{}\nprintf '%s' '{END}'\n", line.command)).collect();
        let printed = self.shell(&steps.concat());
        let printed: Vec<&str> = printed.split_terminator(END).collect();
        assert_eq!(printed.len(), lines.len(), "{page}");
        for (line, printed) in lines.iter().zip(printed) {
            let told = line.output.join("\n");
            assert!(told.is_empty() || fits(printed.trim_end(), &told), "{told}\n{printed}");
        }
    }

    /// Runs the Python of a page.
    fn python(&self, page: &str) -> String {
        let text = blocks_of(&read(page), "python").concat();
        let output = self.command(python().args(["-c", &text]));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path().join(name)).unwrap()).unwrap()
    }
}

/// Whether a text equals the printed one, in which `...` stands for anything.
fn fits(text: &str, printed: &str) -> bool {
    let mut rest = text;
    let parts: Vec<&str> = printed.split("...").collect();
    let (first, later) = parts.split_first().expect("a split has a part");
    let Some(after) = rest.strip_prefix(first) else { return false };
    rest = after;
    for part in later {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    parts.last() == Some(&"") || rest.is_empty()
}

/// Two instances of the function: one for the triggers, one for the work that follows a reply.
struct Cloud {
    s3: S3,
    lambda: Lambda,
    front: Arc<Function>,
    back: Function,
}

impl Cloud {
    fn new(stage: &mut Stage, moto: &Moto, buckets: &[&str], secret: &str) -> Self {
        let s3 = S3::start(buckets);
        let sns = Sns::start(&["arn:aws:sns:us-east-1:123456789012:AudioConvert"]);
        let settings = settings(&s3, &sns)
            .set("AWS_REGION", REGION)
            .set("AWS_ENDPOINT_URL_SECRETS_MANAGER", moto.url())
            .set("OSS_ACCESS_KEYS_SECRET", secret)
            .set("TASK_BUCKET", "tasks");
        let work = Arc::new(Function::start(settings.clone()));
        let lambda = Lambda::before(&work);
        let settings = settings.with(lambda.environment());
        let (front, back) =
            (Arc::new(Function::start(settings.clone())), Function::start(settings));
        for (name, value) in lambda.environment() {
            stage.set(&name, &value);
        }
        Self { s3, lambda, front, back }
    }

    /// The work that follows a reply, which has to succeed.
    fn work(&self) {
        let record = self.lambda.deliver(&self.back).unwrap();
        assert_eq!(record["Status"], "Succeeded", "{record:#}");
    }
}

#[test]
fn the_front_page() {
    let moto = Moto::start();
    let mut stage = Stage::with(&moto);
    let buckets = ["my-clips", "my-results", "tasks"];
    let cloud = Cloud::new(&mut stage, &moto, &buckets, "video-concat/oss-keys");
    stage.outputs(&[("FunctionName", "video-concat-ConcatFunction-1")]);
    stage.set("AWS_ENDPOINT_URL_S3", &cloud.s3.url());
    let clips = stage.path().join("clips");
    fs::create_dir(&clips).unwrap();
    for (name, clip) in [("a.mp4", 1), ("b.mp4", 2)] {
        let source = Source::new(clip).write(name);
        fs::copy(&source, stage.path().join(name)).unwrap();
        fs::copy(&source, clips.join(name)).unwrap();
    }
    stage.with_command_line();
    stage.run(FRONT);
    assert_eq!(stage.json("reply.json")["Status"], "Succeeded");
    let rate = (25, 1);
    let expected = Expected::new(rate, vec![Clip::whole(1, rate, 2.0), Clip::whole(2, rate, 2.0)]);
    let joined = cloud.s3.path("my-results", "joined.mp4");
    assert_eq!(expected.differences(&Reading::of(joined)), []);

    let gateway = Gateway::open(Kind::FunctionUrl, &cloud.front);
    stage.set("ENDPOINT", &gateway.url());
    let ids = stage.python(FRONT);
    cloud.work();
    assert!(ids.contains("MediaConvert-"), "{ids}");
    let alone = Expected::new(rate, vec![Clip::whole(1, rate, 2.0)]);
    assert_eq!(alone.differences(&Reading::of(cloud.s3.path("my-clips", "out.mp4"))), []);
}

#[test]
fn the_ways_in() {
    let moto = Moto::start();
    let mut stage = Stage::with(&moto);
    let buckets = ["examplebucket", "outbucket", "my-clips", "tasks"];
    let cloud = Cloud::new(&mut stage, &moto, &buckets, "video-concat/keys");
    let gateway = Gateway::iam(Kind::HttpApi, &cloud.front, "arn:aws:iam::123456789012:user/me");
    let queue = stage.shell(
        "aws s3 mb s3://my-clips > made\n\
         aws sqs create-queue --queue-name tasks --query QueueUrl --output text",
    );
    stage.outputs(&[
        ("FunctionName", "video-concat-ConcatFunction-1"),
        ("HttpEndpoint", &gateway.url()),
        ("TaskQueueUrl", queue.trim()),
    ]);
    stage.set("AWS_SESSION_TOKEN", "token");
    for (name, clip, seconds) in [("pre.mov", 1, 2.0), ("example.mkv", 2, 11.0)] {
        let source = Source::new(clip).seconds(seconds).write(name);
        cloud.s3.put_file("examplebucket", name, &source);
    }
    let audio = Source::new(3).no_video().write("sur1.aac");
    cloud.s3.put_file("examplebucket", "sur1.aac", &audio);
    let clip = Source::new(1).write("a.mp4");
    cloud.s3.put_file("my-clips", "a.mp4", &clip);
    fs::copy(clip, stage.path().join("a.mp4")).unwrap();
    stage.run(EVENTS);
    assert_eq!(stage.json("reply.json")["Status"], "Succeeded");
    cloud.work();
    assert_eq!(cloud.s3.keys("outbucket"), ["outobj.mp4"]);
    assert!(cloud.s3.keys("my-clips").contains(&"out.mp4".to_owned()));

    let asked = "aws s3api head-object --bucket my-clips --key a.mp4 --query Metadata";
    let metadata: Value = serde_json::from_str(&stage.shell(asked)).unwrap();
    assert!(metadata["x-oss-async-process"].as_str().unwrap().starts_with("video/concat,"));
    let asked = format!(
        "aws sqs receive-message --queue-url {} --query 'Messages[0].Body' --output text",
        queue.trim()
    );
    let message: Value = serde_json::from_str(&stage.shell(&asked)).unwrap();
    assert_eq!(message, serde_json::from_str::<Value>(&read("events/direct.json")).unwrap());

    cloud.s3.delete("my-clips", "out.mp4");
    let gateway = Gateway::open(Kind::HttpApi, &cloud.front);
    stage.set("ENDPOINT", &gateway.url());
    stage.python(EVENTS);
    cloud.work();
    assert!(cloud.s3.keys("my-clips").contains(&"out.mp4".to_owned()));
}

#[test]
#[cfg(feature = "cli")]
fn the_command_line() {
    let moto = Moto::start();
    let mut stage = Stage::with(&moto);
    let cloud = Cloud::new(&mut stage, &moto, &["my-clips", "tasks"], "unused");
    let gateway = Gateway::iam(Kind::HttpApi, &cloud.front, "arn:aws:iam::123456789012:user/me");
    stage.set("ENDPOINT", &gateway.url());
    let clips = stage.path().join("clips");
    fs::create_dir(&clips).unwrap();
    for (name, clip) in [("a.mp4", 1), ("b.mp4", 2)] {
        let source = Source::new(clip).write(name);
        fs::copy(&source, clips.join(name)).unwrap();
        cloud.s3.put_file("my-clips", name, &source);
    }
    stage.with_command_line();
    stage.run(COMMAND_LINE);
    let rate = (25, 1);
    let second = Clip::whole(2, rate, 2.0).cut(0.0, 38);
    let expected = Expected::new(rate, vec![Clip::whole(1, rate, 2.0), second]);
    let joined = stage.path().join("joined/a-joined.mp4");
    assert_eq!(expected.differences(&Reading::of(joined)), []);
}

#[test]
fn the_language() {
    Stage::new().run(LANGUAGE);
}

#[test]
fn deployment_and_operations() {
    let moto = Moto::start();
    let stage = Stage::with(&moto);
    stage.shell(
        "aws s3 mb s3://my-clips\necho > a.mp4\n\
         aws s3 cp a.mp4 s3://my-clips/a.mp4 --storage-class GLACIER",
    );
    stage.run(OPERATIONS);
    let restored = stage.shell("aws s3api head-object --bucket my-clips --key a.mp4");
    assert!(restored.contains("ongoing-request"), "{restored}");
}

#[test]
fn the_tests_page() {
    let stage = Stage::new();
    for folder in ["target/demo", "tests/demo"] {
        fs::create_dir_all(stage.path().join(folder)).unwrap();
    }
    let sheet = stage.path().join("tests/demo/sheet.png");
    fs::copy(file("tests/demo/sheet.png"), stage.path().join("target/demo/contact-sheet.png"))
        .unwrap();
    stage.run(TESTS);
    assert!(fs::metadata(sheet).unwrap().len() <= 60_000);
}
