//! Runs the function's real binary with a Runtime API in this process.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::invocation::{Reply, RuntimeApi};
use super::process::{Running, peak_memory};

/// How often a wait checks whether the function is still alive.
const LOOK: Duration = Duration::from_millis(50);
/// How long to wait for log lines.
const PATIENCE: Duration = Duration::from_secs(10);

/// A program and its environment.
#[derive(Debug, Clone)]
pub struct Settings {
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// Of the tests' own environment only `PATH` is passed on.
    pub environment: Vec<(String, String)>,
    pub timeout: Duration,
}

impl Settings {
    /// The binary that cargo built beside the test or benchmark.
    pub fn bootstrap() -> Self {
        let path = option_env!("CARGO_BIN_EXE_bootstrap");
        Self::program(path.expect("cargo names the binary to tests and benchmarks only"))
    }

    pub fn program(path: impl Into<PathBuf>) -> Self {
        Self {
            program: path.into(),
            arguments: Vec::new(),
            environment: lambda_environment(),
            timeout: Duration::from_mins(5),
        }
    }

    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// A later value replaces an earlier one.
    pub fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    pub fn with(mut self, environment: Vec<(String, String)>) -> Self {
        self.environment.extend(environment);
        self
    }

    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The variables that Lambda sets.
fn lambda_environment() -> Vec<(String, String)> {
    [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "AKIATESTED"),
        ("AWS_SECRET_ACCESS_KEY", "tested-secret"),
        // Otherwise the SDK asks the metadata service of an EC2 instance.
        ("AWS_EC2_METADATA_DISABLED", "true"),
        // An unoptimised function would take long to parse all certificates of the machine.
        ("SSL_CERT_FILE", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bed/root.pem")),
        ("AWS_LAMBDA_FUNCTION_NAME", "video-concat"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "3008"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/video-concat"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "bed"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("_HANDLER", "bootstrap"),
        ("TZ", ":UTC"),
        ("LANG", "en_US.UTF-8"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

pub struct Function {
    settings: Settings,
    child: Mutex<Running>,
    api: RuntimeApi,
    logs: Logs,
    started: Instant,
    work: TempDir,
}

impl Function {
    pub fn start(settings: Settings) -> Self {
        let api = RuntimeApi::start();
        let work = tempfile::tempdir().expect("no temporary folder");
        let mut command = settings.command();
        command.env("AWS_LAMBDA_RUNTIME_API", api.address());
        if !settings.environment.iter().any(|(name, _)| name == "WORK_DIR") {
            command.env("WORK_DIR", work.path());
        }
        let started = Instant::now();
        let (child, logs) = Logs::start(&mut command);
        Self { settings, child: Mutex::new(child), api, logs, started, work }
    }

    pub fn invoke(&self, event: &Value) -> Reply {
        self.invoke_within(event, self.settings.timeout)
    }

    pub fn invoke_within(&self, event: &Value, timeout: Duration) -> Reply {
        self.invoke_as(&uuid::Uuid::new_v4().to_string(), event, timeout)
    }

    /// Retries of an event have the id of its first request. Like Lambda, kills the function if it
    /// has not answered at its deadline.
    pub fn invoke_as(&self, id: &str, event: &Value, timeout: Duration) -> Reply {
        let until = Instant::now() + timeout;
        let answer = self.api.hand_in(id, event, timeout);
        loop {
            match answer.recv_timeout(LOOK) {
                Ok(reply) => return reply,
                Err(RecvTimeoutError::Disconnected) => panic!("the desk forgot an event"),
                Err(RecvTimeoutError::Timeout) if Instant::now() > until => {
                    self.kill();
                    let seconds = timeout.as_secs_f64();
                    return Reply::error(
                        "Sandbox.Timedout",
                        format!("Task timed out after {seconds:.2} seconds"),
                    );
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.has_ended() {
                // The answer may have arrived between the two checks.
                return answer.try_recv().unwrap_or_else(|_| self.exit_error());
            }
        }
    }

    /// JSON lines are parsed; any other line is a string.
    pub fn logs(&self) -> Vec<Value> {
        self.logs.until(|_| true)
    }

    /// Waits until these lines are enough, since a line may arrive after the answer that followed
    /// it.
    pub fn logs_until(&self, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        self.logs.until(enough)
    }

    /// The peak memory of the function's own process in bytes; `None` once it has ended.
    pub fn peak_memory(&self) -> Option<u64> {
        peak_memory(self.id())
    }

    pub fn id(&self) -> u32 {
        self.child.lock().unwrap().id()
    }

    /// Kills the function in a way that it can't prevent.
    pub fn kill(&self) {
        let _ = self.child.lock().unwrap().0.kill();
    }

    pub fn has_ended(&self) -> bool {
        self.child.lock().unwrap().has_ended()
    }

    /// The time from the start of the process to its first request for work; waits for that.
    pub fn cold_start(&self) -> Duration {
        loop {
            if let Some(first) = self.api.first_next() {
                return first - self.started;
            }
            assert!(!self.has_ended(), "the function ended at its start: {:?}", self.logs());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// `WORK_DIR`, if the settings name no other.
    pub fn work_dir(&self) -> &Path {
        self.work.path()
    }

    fn exit_error(&self) -> Reply {
        let status = self.child.lock().unwrap().0.wait().expect("our own child");
        let text = || format!("the function ended with {status}: {:?}", self.logs.until(|_| false));
        self.api.init_error().unwrap_or_else(|| Reply::error("Runtime.ExitError", text()))
    }
}

/// The output of a child process, collected while it runs, so that it never waits for a reader.
#[derive(Clone, Default)]
pub struct Logs(Arc<(Mutex<Written>, Condvar)>);

#[derive(Default)]
struct Written {
    lines: Vec<String>,
    /// How many of the child's two pipes are closed.
    closed: usize,
}

impl Logs {
    pub fn start(command: &mut Command) -> (Running, Self) {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Running::start(command);
        let logs = Self::default();
        logs.clone().collect(child.0.stdout.take().expect("it is piped"));
        logs.clone().collect(child.0.stderr.take().expect("it is piped"));
        (child, logs)
    }

    fn collect(self, pipe: impl Read + Send + 'static) {
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                self.note(|written| written.lines.push(line));
            }
            self.note(|written| written.closed += 1);
        });
    }

    fn note(&self, change: impl FnOnce(&mut Written)) {
        change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }

    /// Waits until the output is enough or has ended, and returns it.
    pub fn until(&self, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let (written, news) = &*self.0;
        let missing = |written: &mut Written| written.closed < 2 && !enough(&read(&written.lines));
        let written =
            news.wait_timeout_while(written.lock().unwrap(), PATIENCE, missing).unwrap().0;
        read(&written.lines)
    }
}

fn read(lines: &[String]) -> Vec<Value> {
    let value =
        |line: &String| serde_json::from_str(line).unwrap_or_else(|_| Value::String(line.clone()));
    lines.iter().map(value).collect()
}
