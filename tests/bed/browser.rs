//! A headless Chromium, controlled over its debugging pipe: does what a person does with a page,
//! and returns what the page shows and requests.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::{Running, first_file};

/// For one answer, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(5);

/// No user profile, no audio card, no graphics card, and no other host than this one.
pub const FLAGS: [&str; 16] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-extensions",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-proxy-server",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

pub fn installed() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    first_file(std::env::split_paths(&path).map(|folder| folder.join("chromium")))
        .expect("no chromium in PATH: `apt-get install chromium`")
}

pub fn profile(folder: &Path) -> String {
    format!("--user-data-dir={}", folder.join("profile").display())
}

/// A window with one page.
pub struct Browser {
    _running: Running,
    _folder: TempDir,
    requests: ChildStdin,
    replies: Receiver<Value>,
    session: Option<String>,
    last: u64,
    events: Vec<Value>,
}

impl Browser {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        // The pipe consists of descriptors 3 and 4, which only a shell can give to a child process.
        let script = "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>/dev/null";
        command.args(["-c", script, "sh"]).arg(installed()).args(FLAGS);
        command.arg(profile(folder.path())).args(["--remote-debugging-pipe", "about:blank"]);
        command.envs([("HOME", folder.path()), ("TMPDIR", folder.path())]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = Running::start(&mut command);
        let requests = running.0.stdin.take().unwrap();
        let mut pipe = BufReader::new(running.0.stdout.take().unwrap());
        let (sender, replies) = channel();
        std::thread::spawn(move || {
            loop {
                let mut message = Vec::new();
                // The pipe ends when the browser has ended.
                if pipe.read_until(0, &mut message).unwrap_or(0) == 0 {
                    return;
                }
                message.pop();
                if sender.send(serde_json::from_slice(&message).unwrap()).is_err() {
                    return;
                }
            }
        });
        let (session, events) = (None, Vec::new());
        let mut browser = Self {
            _running: running,
            _folder: folder,
            requests,
            replies,
            session,
            last: 0,
            events,
        };
        browser.attach();
        browser
    }

    fn attach(&mut self) {
        let targets = self.send("Target.getTargets", &json!({}));
        let targets = targets["targetInfos"].as_array().unwrap();
        let page = targets.iter().find(|target| target["type"] == "page").expect("it has a page");
        let asked = json!({"targetId": page["targetId"], "flatten": true});
        let attached = self.send("Target.attachToTarget", &asked);
        self.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Network", "Log"] {
            self.send(&format!("{domain}.enable"), &json!({}));
        }
    }

    /// Sends a command of the `DevTools` protocol, and returns its result.
    pub fn send(&mut self, method: &str, parameters: &Value) -> Value {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        self.requests.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let reply = self.replies.recv_timeout(PATIENCE);
            let reply = reply.unwrap_or_else(|error| panic!("{method}: {error}"));
            if reply["id"] == self.last {
                assert!(reply.get("error").is_none(), "{method}: {reply}");
                return reply["result"].clone();
            }
            self.events.push(reply);
        }
    }

    /// Evaluates a JavaScript expression in the page; waits for a promise.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let result = self.send("Runtime.evaluate", &asked);
        assert!(result.get("exceptionDetails").is_none(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    pub fn text(&mut self, expression: &str) -> String {
        let value = self.evaluate(expression);
        value.as_str().unwrap_or_else(|| panic!("{expression} is {value}")).to_owned()
    }

    /// Presses a key of the keyboard.
    pub fn press(&mut self, key: &str) {
        let code = match key {
            "Tab" => 9,
            "End" => 35,
            "ArrowRight" => 39,
            "Enter" => 13,
            _ => panic!("{key} has no code here"),
        };
        let text = if key == "Enter" { "\r" } else { "" };
        for kind in ["rawKeyDown", "char", "keyUp"] {
            if kind == "char" && text.is_empty() {
                continue;
            }
            let event = json!({"type": kind, "key": key, "code": key, "text": text,
                "windowsVirtualKeyCode": code});
            self.send("Input.dispatchKeyEvent", &event);
        }
    }

    /// Enters text at the cursor, like a keyboard or the clipboard.
    pub fn type_in(&mut self, text: &str) {
        self.send("Input.insertText", &json!({"text": text}));
    }

    pub fn screenshot(&mut self) -> Vec<u8> {
        let shot = self.send("Page.captureScreenshot", &json!({"captureBeyondViewport": true}));
        STANDARD.decode(shot["data"].as_str().unwrap()).unwrap()
    }

    /// The events of this kind so far.
    pub fn events(&self, method: &str) -> Vec<&Value> {
        let is_it = |event: &&Value| event["method"] == method;
        self.events.iter().filter(is_it).map(|event| &event["params"]).collect()
    }
}
