//! Services of AWS that no other part of the bed provides, with moto's server: `CloudFormation`,
//! SQS, Secrets Manager, and the parts of S3 besides objects.

use serde_json::Value;

use super::client::send;
use super::function::Logs;
use super::process::{Running, python};

/// Its server lives too short for its garbage to matter, and would look for it a quarter of its time.
const PROGRAM: &str = "import gc; gc.disable(); from moto.server import main; main()";
/// The line with the address comes last.
const READY: &str = " * Running on ";

pub struct Moto {
    _server: Running,
    url: String,
}

impl Moto {
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// With services that call others at this port.
    pub fn calling(port: u16) -> Self {
        Self::with(&[("MOTO_PORT", port.to_string())])
    }

    fn with(environment: &[(&str, String)]) -> Self {
        let mut command = python();
        command.envs(environment.iter().map(|(name, value)| (*name, value)));
        let (mut server, logs) = Logs::start(command.args(["-c", PROGRAM, "-p", "0"]));
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

    /// Configures moto over its own interface.
    pub fn configure(&self, settings: &Value) {
        let request = "POST /moto-api/config";
        let headers = [("Content-Type", "application/json")];
        let answer = send(self.port(), request, &headers, &settings.to_string());
        assert_eq!(answer.status, 201, "{}", answer.body);
    }

    pub fn port(&self) -> u16 {
        let port = self.url.rsplit(':').next().and_then(|port| port.parse().ok());
        port.expect("an address has a port")
    }

    pub fn url(&self) -> &str {
        &self.url
    }
}
