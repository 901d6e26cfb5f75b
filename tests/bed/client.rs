//! Plain HTTP requests, sent exactly as written.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Headers by lower-case name.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// Sends one request to a server of this bed, such as `POST /bucket/key?query`.
pub fn send(port: u16, request: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).expect("the server is gone");
    let headers = headers.iter().map(|(name, value)| format!("{name}: {value}"));
    let lines: Vec<String> = [format!("{request} HTTP/1.1")]
        .into_iter()
        .chain(["Host: h.example".to_owned(), "Connection: close".to_owned()])
        .chain(headers)
        .chain([format!("Content-Length: {}", body.len())])
        .collect();
    let text = format!("{}\r\n\r\n{body}", lines.join("\r\n"));
    socket.write_all(text.as_bytes()).expect("the server listens");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).expect("the server answers");
    read(&String::from_utf8(answer).expect("an answer is text"))
}

fn read(answer: &str) -> Answer {
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has headers");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let pairs = lines.filter_map(|line| line.split_once(": "));
    Answer {
        status: status.and_then(|code| code.parse().ok()).expect("an answer has a status"),
        headers: pairs.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect(),
        body: body.to_owned(),
    }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The text of an XML element; empty if it is missing.
    pub fn element(&self, name: &str) -> &str {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let after = self.body.split_once(&open).map_or("", |(_, after)| after);
        after.split_once(&close).map_or("", |(text, _)| text)
    }
}
