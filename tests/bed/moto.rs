//! The services of AWS that no other part of the bed plays, by moto's server: `CloudFormation`, SQS,
//! Secrets Manager, and what S3 has besides objects.

use std::process::Command;

use serde_json::Value;

use super::function::Logs;
use super::process::{Running, repository};

/// The line that names the address comes last.
const READY: &str = " * Running on ";

pub struct Moto {
    _server: Running,
    url: String,
}

impl Moto {
    pub fn start() -> Self {
        let mut command = Command::new(repository().join("target/venv/bin/moto_server"));
        let (mut server, logs) = Logs::start(command.args(["-p", "0"]));
        let url = loop {
            let address = |line: &Value| line.as_str()?.strip_prefix(READY).map(str::to_owned);
            let lines = logs.until(|lines| lines.iter().any(|line| address(line).is_some()));
            if let Some(url) = lines.iter().find_map(address) {
                break url;
            }
            assert!(!server.has_ended(), "moto does not start: {lines:?}");
        };
        Self { _server: server, url }
    }

    pub fn url(&self) -> &str {
        &self.url
    }
}
