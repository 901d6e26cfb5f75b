//! `make stage`: its printed commands are run, the function finds everything there, and nothing of
//! it is left behind. If Docker has Lambda's image, `sam local` is run as well.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bed::client::send;
use crate::bed::emulator::Emulator;
use crate::bed::ffmpeg;
use crate::bed::function::Settings;
use crate::bed::process::{Running, python, repository, run};
use crate::bed::s3::S3;
use crate::scene::{USUAL, b64, sur};

/// The last line that the stage prints at its start.
const READY: &str = "Ctrl-C ends the stage";

/// Runs `make stage`'s build; if that has been done, this takes no time.
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
    /// The folder where it keeps its files.
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

    /// The printed commands as a shell would start their programs: environment and arguments.
    fn commands(&self) -> Vec<Vec<String>> {
        let indented: Vec<&str> = self.printed.iter().map(String::as_str).collect();
        let text = indented.join("\n");
        let printed = text.split("\n\n").filter(|part| part.starts_with("AWS_"));
        printed.map(words).collect()
    }
}

/// The words of a command as a shell splits them: the programs print their arguments.
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
    let [invoke, serve, long, alone, executions, fetch] = &commands[..] else {
        panic!("{commands:#?}")
    };
    for (words, program) in [
        (invoke, "sam"),
        (serve, "sam"),
        (long, "sam"),
        (alone, "aws"),
        (executions, "aws"),
        (fetch, "aws"),
    ] {
        assert_eq!(words[..3], ["AKIATESTED", "tested-secret", program]);
        assert!(words.iter().any(|word| word == "--region"), "{words:?}");
    }
    assert_eq!(invoke[3..6], ["local", "invoke", "ConcatFunction"]);
    assert_eq!(serve[3..5], ["local", "start-api"]);
    assert!(serve.contains(&"HttpDoor=http-api".to_owned()), "the samconfig's own is replaced");
    let url = value(invoke, "EndpointUrl=");
    assert_eq!(value(serve, "EndpointUrl="), url);
    let overrides = [format!("EndpointUrl={url}"), "Distribute=always".to_owned()];
    assert!(overrides.iter().all(|one| long.contains(one)), "{long:?}");
    assert_eq!(long[3..6], invoke[3..6]);

    let settings = Settings::bootstrap()
        .with(ffmpeg::environment())
        .with(from_template(&invoke[invoke.len() - 1..]));
    let record = Emulator::start(&settings).invoke(&short_job()).unwrap();
    assert_eq!(record["Status"], "Succeeded", "{record:#}");
    assert_eq!(record["Notified"], true, "{record:#}");
    let fetched = tempfile::tempdir().unwrap();
    aws(fetch, fetched.path());
    let size = fs::metadata(fetched.path().join("outobj.mp4")).unwrap().len();
    assert_eq!(record["Targets"][0]["Size"], size, "{record:#}");

    let id = Pid::from_raw(i32::try_from(stage.child.id()).unwrap()).unwrap();
    kill_process(id, Signal::INT).unwrap();
    stage.ends();
}

/// The function's environment under `sam local` with these parameters of the template.
fn from_template(overrides: &[String]) -> Vec<(String, String)> {
    let program = "import json, sys\n\
        from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider as Provider\n\
        overrides = dict(word.split('=', 1) for word in sys.argv[1:])\n\
        region = {'AWS::Region': 'us-east-1'}\n\
        stacks, _ = Provider.get_stacks('template.yaml', parameter_overrides=overrides,\n    \
            global_parameter_overrides=region)\n\
        function = stacks[0].resources['ConcatFunction']['Properties']\n\
        print(json.dumps(function['Environment']['Variables']))";
    let output = run(python().args(["-c", program]).args(overrides).current_dir(repository()));
    let variables: Value = serde_json::from_slice(&output.stdout).unwrap();
    let local = fs::read_to_string(repository().join("events/local.env.json")).unwrap();
    let local: Value = serde_json::from_str(&local).unwrap();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let variables = variables.as_object().unwrap().iter();
    variables
        .map(|(name, value)| (name.clone(), text(local["Parameters"].get(name).unwrap_or(value))))
        .chain([("AWS_SAM_LOCAL".to_owned(), "true".to_owned())])
        .collect()
}

/// The printed command without its program.
fn aws(words: &[String], folder: &Path) -> Output {
    let program = repository().join("target/venv/bin/aws");
    run(Command::new(program)
        .args(&words[3..])
        .env("AWS_ACCESS_KEY_ID", &words[0])
        .env("AWS_SECRET_ACCESS_KEY", &words[1])
        .current_dir(folder))
}

/// Two ranges of ten seconds: the whole main object, and the first four seconds after it.
fn long_job(target: &str) -> Value {
    let mut job = short_job();
    job["object"] = "example.mkv".into();
    let process = job["process"].as_str().unwrap();
    let process = process.replacen(",t_1000", "", 1).replacen(",t_1000", ",t_4000", 1);
    job["process"] = process.replace(&b64("outobj.mp4"), &b64(target)).into();
    job
}

/// The record at the end of its execution.
fn ended(url: &str, record: &Value) -> Value {
    let port = url.rsplit(':').next().unwrap().parse().unwrap();
    let scope = "AWS4-HMAC-SHA256 Credential=AKIATESTED/20260101/us-east-1/states/aws4_request";
    let headers = [
        ("Authorization", scope),
        ("Content-Type", "application/x-amz-json-1.0"),
        ("X-Amz-Target", "AWSStepFunctions.DescribeExecution"),
    ];
    let asked = json!({"executionArn": record["ExecutionArn"]}).to_string();
    while send(port, "POST /", &headers, &asked).json()["status"] == "RUNNING" {
        std::thread::sleep(Duration::from_millis(100));
    }
    let key = format!(".tasks/{}.json", record["TaskId"].as_str().unwrap());
    let stored = S3::client_by(url).get_object().bucket("outbucket").key(&key);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let read = async { stored.send().await.unwrap().body.collect().await.unwrap().into_bytes() };
    serde_json::from_slice(&runtime.block_on(read)).unwrap()
}

#[test]
fn a_long_task_is_carried_out_by_the_stages_own_functions() {
    let stage = Stage::start(Stdio::null());
    let commands = stage.commands();
    let [_, _, long, alone, executions, _] = &commands[..] else { panic!("{commands:#?}") };
    let place = long.iter().position(|word| word == "--parameter-overrides").unwrap();
    let settings =
        Settings::bootstrap().with(ffmpeg::environment()).with(from_template(&long[place + 1..]));
    let first = Emulator::start(&settings).invoke(&long_job("first.mp4")).unwrap();
    assert_eq!(first["Status"], "Running", "{first:#}");

    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("events")).unwrap();
    let by_the_stage = |target: &str| -> Value {
        let event = folder.path().join("events/direct.json");
        fs::write(event, long_job(target).to_string()).unwrap();
        aws(alone, folder.path());
        serde_json::from_slice(&fs::read(folder.path().join("reply.json")).unwrap()).unwrap()
    };
    let second = by_the_stage("second.mp4");
    assert_eq!(second["Status"], "Running", "{second:#}");

    let url = &executions[executions.len() - 1];
    for record in [ended(url, &first), ended(url, &second)] {
        assert_eq!(record["Status"], "Succeeded", "{record:#}");
        assert_eq!(record["Chunks"]["Total"], 2, "{record:#}");
        assert_eq!(record["Notified"], true, "{record:#}");
    }
    let listed = aws(executions, folder.path());
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let listed = listed["executions"].as_array().unwrap().iter();
    let mut arns: Vec<_> = listed.map(|one| one["executionArn"].clone()).collect();
    let mut expected = [first["ExecutionArn"].clone(), second["ExecutionArn"].clone()];
    arns.sort_by_key(Value::to_string);
    expected.sort_by_key(Value::to_string);
    assert_eq!(arns, expected);

    by_the_stage("in-the-middle.mp4");
    let id = Pid::from_raw(i32::try_from(stage.child.id()).unwrap()).unwrap();
    kill_process(id, Signal::TERM).unwrap();
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

/// The name that `sam` gives to Lambda's image, if a Docker engine has it.
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

/// The printed command in a shell of that folder. The local API uses another port than usual, which
/// might be taken.
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
