//! Runs the function's real binary under AWS's Runtime Interface Emulator.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::function::{Logs, Settings};
use super::invocation::Reply;
use super::process::{Running, descendants, first_file, peak_memory, repository};

/// Another process may take a port between the check and the start.
const TRIES: usize = 5;

pub struct Emulator {
    child: Running,
    address: SocketAddr,
    logs: Logs,
    timeout: Duration,
    work: TempDir,
}

impl Emulator {
    pub fn start(settings: &Settings) -> Self {
        (0..TRIES).find_map(|_| Self::try_start(settings)).expect("the emulator does not start")
    }

    fn try_start(settings: &Settings) -> Option<Self> {
        let work = tempfile::tempdir().expect("no temporary folder");
        let (address, api) = (free_address(), free_address());
        let mut under = settings.clone();
        under.program = path();
        under.arguments = ["--runtime-interface-emulator-address", &address.to_string()]
            .into_iter()
            .chain(["--runtime-api-address", &api.to_string()])
            .chain([settings.program.to_str().expect("a plain path")])
            .chain(settings.arguments.iter().map(String::as_str))
            .map(str::to_owned)
            .collect();
        let seconds = settings.timeout.as_secs().max(1).to_string();
        let files = work.path().join("work");
        std::fs::create_dir(&files).expect("the folder is ours");
        let mut command = under.set("AWS_LAMBDA_FUNCTION_TIMEOUT", seconds).command();
        if !settings.environment.iter().any(|(name, _)| name == "WORK_DIR") {
            command.env("WORK_DIR", files);
        }
        let (mut child, logs) = Logs::start(&mut command);
        while !listens(address) {
            if child.has_ended() {
                return None;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(Self { child, address, logs, timeout: settings.timeout, work })
    }

    pub fn invoke(&self, event: &Value) -> Reply {
        let body = self.post("/2015-03-31/functions/function/invocations", &event.to_string());
        let value: Value = serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
        // The emulator has no header for it: an answer with both fields is an error.
        if value["errorType"].is_string() && value["errorMessage"].is_string() {
            return Reply::from_error_body(&body);
        }
        Reply::Ok(value)
    }

    /// The log lines of the emulator and of the function.
    pub fn logs(&self) -> Vec<Value> {
        self.logs.until(|_| true)
    }

    /// The billed milliseconds of the first invocation, which the emulator reports after it.
    pub fn first_billed(&self) -> u64 {
        let billed = |line: &Value| {
            let (_, rest) = line.as_str()?.split_once("Billed Duration: ")?;
            rest.split_once(" ms")?.0.parse().ok()
        };
        let lines = self.logs.until(|lines| lines.iter().any(|line| billed(line).is_some()));
        lines.iter().find_map(billed).unwrap_or_else(|| panic!("no report: {lines:#?}"))
    }

    /// The peak memory of the function's process in bytes.
    pub fn peak_memory(&self) -> Option<u64> {
        peak_memory(*descendants(self.child.id()).first()?)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `WORK_DIR`, if the settings name no other.
    pub fn work_dir(&self) -> PathBuf {
        self.work.path().join("work")
    }

    /// Uses HTTP 1.0, so that the answer ends with the connection.
    fn post(&self, path: &str, body: &str) -> Vec<u8> {
        let mut socket = TcpStream::connect(self.address).expect("the emulator is gone");
        let patience = self.timeout + Duration::from_mins(1);
        socket.set_read_timeout(Some(patience)).expect("not zero");
        write!(socket, "POST {path} HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            .expect("the emulator does not listen");
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).expect("the emulator does not answer");
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        answer.split_off(end.expect("an answer has headers") + 4)
    }
}

/// The path from the environment, or the copy that `make` took out of the SAM CLI.
fn path() -> PathBuf {
    let named = std::env::var_os("AWS_LAMBDA_RIE").map(PathBuf::from);
    first_file(named.into_iter().chain([repository().join("target/bin/aws-lambda-rie")])).expect(
        "no Runtime Interface Emulator: run `make target/bin/aws-lambda-rie`, or set AWS_LAMBDA_RIE",
    )
}

/// Whether somebody listens there. A socket that connects to a free port may connect to itself.
fn listens(address: SocketAddr) -> bool {
    TcpStream::connect(address)
        .is_ok_and(|socket| socket.local_addr().is_ok_and(|own| own != address))
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("no free port");
    listener.local_addr().expect("a bound listener has an address")
}
