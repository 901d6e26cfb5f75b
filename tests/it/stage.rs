//! `make stage`: what it prints is run as printed, the function finds everything there, and nothing is
//! left of it. Where Docker has Lambda's image, `sam local` is run as well.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bed::client::send;
use crate::bed::emulator::Emulator;
use crate::bed::ffmpeg;
use crate::bed::function::Settings;
use crate::bed::process::{Running, repository, run};
use crate::scene::{USUAL, b64, sur};

/// The last line that the stage prints at its start.
const READY: &str = "Ctrl-C ends the stage";

/// As `make stage` builds it; where that has been done, this takes no time.
fn program() -> std::path::PathBuf {
    let features: &[&str] = if cfg!(feature = "cli") { &["--features", "cli"] } else { &[] };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--locked", "--example", "demo"]).args(features);
    run(build.current_dir(repository()));
    let own = std::env::current_exe().unwrap();
    own.ancestors().nth(2).unwrap().join("examples/demo")
}

struct Stage {
    child: Running,
    printed: Vec<String>,
    /// Where it keeps what it has.
    folder: TempDir,
}

impl Stage {
    fn start(stdin: Stdio) -> Self {
        let (mut child, folder) = spawn(stdin);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut printed = Vec::new();
        while printed.last().is_none_or(|line: &String| !line.starts_with(READY)) {
            printed.push(lines.next().unwrap_or_else(|| panic!("it has ended: {printed:#?}")));
        }
        Self { child: Running(child), printed, folder }
    }

    fn ends(mut self) {
        let status = self.child.0.wait().unwrap();
        assert!(status.success(), "{status}");
        assert_empty(self.folder.path());
    }

    /// The printed commands, as a shell would start their programs: environment and arguments.
    fn commands(&self) -> Vec<Vec<String>> {
        let indented: Vec<&str> = self.printed.iter().map(String::as_str).collect();
        let text = indented.join("\n");
        let printed = text.split("\n\n").filter(|part| part.starts_with("AWS_"));
        printed.map(words).collect()
    }
}

/// What a shell makes of a command: the programs print what they are given.
fn words(command: &str) -> Vec<String> {
    let stand_ins = "show() { printf '%s\\n' \"$AWS_ACCESS_KEY_ID\" \"$AWS_SECRET_ACCESS_KEY\" \"$@\"; }\n\
                     sam() { show sam \"$@\"; }\naws() { show aws \"$@\"; }\n";
    let output = run(Command::new("bash").args(["-euc", &format!("{stand_ins}{command}")]));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn spawn(stdin: Stdio) -> (Child, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let child = Command::new(program())
        .arg("stage")
        .env("TMPDIR", folder.path())
        .stdin(stdin)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    (child, folder)
}

fn assert_empty(folder: &Path) {
    let left: Vec<_> = fs::read_dir(folder).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

fn value<'a>(words: &'a [String], name: &str) -> &'a str {
    let place = words.iter().position(|word| word.starts_with(name));
    words[place.unwrap_or_else(|| panic!("no {name}: {words:#?}"))].split_at(name.len()).1
}

/// A second of two of the demo's sources.
fn short_job() -> Value {
    let process = format!(
        "video/concat,f_mp4,{USUAL},s_160x90,t_1000{},t_1000|sys/saveas,b_{},o_{}/notify,topic_{}",
        sur("sur1.aac"),
        b64("outbucket"),
        b64("outobj.mp4"),
        b64("AudioConvert"),
    );
    json!({"bucket": "examplebucket", "object": "pre.mov", "process": process})
}

#[test]
fn the_function_finds_everything_at_the_printed_address() {
    let stage = Stage::start(Stdio::null());
    let commands = stage.commands();
    let [invoke, serve, fetch] = &commands[..] else { panic!("{commands:#?}") };
    for (words, program) in [(invoke, "sam"), (serve, "sam"), (fetch, "aws")] {
        assert_eq!(words[..3], ["AKIATESTED", "tested-secret", program]);
        assert!(words.iter().any(|word| word == "--region"), "{words:?}");
    }
    assert_eq!(invoke[3..6], ["local", "invoke", "ConcatFunction"]);
    assert_eq!(serve[3..5], ["local", "start-api"]);
    assert!(serve.contains(&"HttpDoor=http-api".to_owned()), "the samconfig's own is replaced");
    let url = value(invoke, "EndpointUrl=");
    assert_eq!(value(serve, "EndpointUrl="), url);

    // As the template has them for the function.
    let settings = Settings::bootstrap()
        .with(ffmpeg::environment())
        .set("AWS_ENDPOINT_URL", url)
        .set("TOPIC_ARN_PREFIX", "arn:aws:sns:us-east-1:123456789012:");
    let record = Emulator::start(&settings).invoke(&short_job()).unwrap();
    assert_eq!(record["Status"], "Succeeded", "{record:#}");
    assert_eq!(record["Notified"], true, "{record:#}");
    let venv = repository().join("target/venv/bin");
    let fetched = tempfile::tempdir().unwrap();
    run(Command::new(venv.join("aws"))
        .args(&fetch[3..])
        .env("AWS_ACCESS_KEY_ID", &fetch[0])
        .env("AWS_SECRET_ACCESS_KEY", &fetch[1])
        .current_dir(fetched.path()));
    let size = fs::metadata(fetched.path().join("outobj.mp4")).unwrap().len();
    assert_eq!(record["Targets"][0]["Size"], size, "{record:#}");

    let id = Pid::from_raw(i32::try_from(stage.child.id()).unwrap()).unwrap();
    kill_process(id, Signal::INT).unwrap();
    stage.ends();
}

#[test]
fn the_end_of_its_input_ends_it_at_once() {
    let (mut child, folder) = spawn(Stdio::piped());
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_empty(folder.path());
}

/// Lambda's image as `sam` names it, where a Docker engine has it.
fn has_image() -> bool {
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let image = format!("public.ecr.aws/lambda/provided:al2023-{machine}");
    let asked = Command::new("docker").args(["image", "inspect", &image]).output();
    asked.is_ok_and(|output| output.status.success())
}

/// A folder as `sam build` leaves it, with the tests' own function.
fn built() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let to = |path: &str| folder.path().join(path);
    let template = fs::read_to_string(repository().join("template.yaml")).unwrap();
    let template = template.replacen("CodeUri: .\n", "CodeUri: function\n", 1);
    let template = template.replacen("ContentUri: .\n", "ContentUri: layer\n", 1);
    fs::write(to("template.yaml"), template).unwrap();
    fs::create_dir(to("function")).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_bootstrap"), to("function/bootstrap")).unwrap();
    fs::create_dir_all(to("layer/bin")).unwrap();
    fs::copy(ffmpeg::ffmpeg_path(), to("layer/bin/ffmpeg")).unwrap();
    fs::copy(ffmpeg::ffprobe_path(), to("layer/bin/ffprobe")).unwrap();
    fs::copy(repository().join("statemachine.asl.json"), to("statemachine.asl.json")).unwrap();
    fs::create_dir(to("events")).unwrap();
    fs::write(to("events/direct.json"), short_job().to_string()).unwrap();
    fs::copy(repository().join("events/local.env.json"), to("events/local.env.json")).unwrap();
    folder
}

/// The printed command in a shell of that folder. The port of the local API is another one than the
/// usual, which may be taken.
fn sam(folder: &Path, command: &str, port: u16) -> Command {
    let config = fs::read_to_string(repository().join("samconfig.toml")).unwrap();
    let section = "[default.local_start_api.parameters]\n";
    let config = config.replacen(section, &format!("{section}port = {port}\n"), 1);
    fs::write(folder.join("samconfig.toml"), config).unwrap();
    let path = std::env::var("PATH").unwrap();
    let venv = repository().join("target/venv/bin");
    let mut shell = Command::new("bash");
    shell
        .args(["-euc", command])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", venv.display()))
        .env("SAM_CLI_TELEMETRY", "0")
        .env("SAM_SKIP_PULL_IMAGE", "1");
    shell
}

#[test]
fn sam_local_carries_the_job_out_where_docker_is() {
    if !has_image() {
        eprintln!("not run: no Docker engine here has Lambda's image");
        return;
    }
    let stage = Stage::start(Stdio::piped());
    let text = stage.printed.join("\n");
    let printed: Vec<&str> = text.split("\n\n").filter(|part| part.contains("sam local")).collect();
    let folder = built();
    let output = run(&mut sam(folder.path(), printed[0], 0));
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(record["Status"], "Succeeded", "{record:#}");
    assert_eq!(record["Notified"], true, "{record:#}");

    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mut serve = sam(folder.path(), printed[1], port);
    let mut serve = Running::start(serve.stderr(Stdio::piped()));
    let log = BufReader::new(serve.0.stderr.take().unwrap());
    let mut lines = log.lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("Running on http://127.0.0.1")));
    std::thread::spawn(move || lines.for_each(drop));
    let job = short_job();
    let process = job["process"].as_str().unwrap().replace("outobj.mp4", "second.mp4");
    let answer = send(
        port,
        "POST /examplebucket/pre.mov?x-oss-async-process",
        &[("Content-Type", "application/x-www-form-urlencoded")],
        &format!("x-oss-async-process={process}"),
    );
    assert_eq!(answer.status, 200, "{answer:?}");
}
