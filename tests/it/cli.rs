//! The command line, as its real binary.

mod build;
mod check;
mod explain;
mod remote;
mod run;

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::bed::process::Running;

/// What a command printed, and the status that it ended with.
#[derive(Debug)]
pub(crate) struct Said {
    status: i32,
    pub(crate) out: String,
    err: String,
}

impl Said {
    /// The one line of JSON on the standard output.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.out.lines().count(), 1, "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn ends_with(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}

/// The command, with nothing of the tests' own environment but `PATH`.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_video-concat"));
    command.args(arguments).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

pub(crate) fn said(arguments: &[&str]) -> Said {
    end(&mut command(arguments), "")
}

pub(crate) fn end(command: &mut Command, input: &str) -> Said {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Running::start(command);
    let mut stdin = child.0.stdin.take().unwrap();
    // It may end before it has read all.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let streams = [
        Box::new(child.0.stdout.take().unwrap()) as Box<dyn std::io::Read + Send>,
        Box::new(child.0.stderr.take().unwrap()),
    ];
    let [out, err] = streams.map(|mut stream| {
        std::thread::spawn(move || {
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        })
    });
    let (out, err) = (out.join().unwrap(), err.join().unwrap());
    let status = child.0.wait().unwrap().code().unwrap_or(-1);
    Said { status, out, err }
}
