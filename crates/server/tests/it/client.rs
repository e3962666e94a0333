//! A small HTTP client that can say anything, also what no other client would.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// How long a test waits for an answer before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks a server as somebody, or as nobody.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) token: Option<String>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&self.body)))
    }

    /// The problem's word: what follows `urn:deeds:problem:`.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.status
        );
        let json = self.json();
        assert_eq!(json["status"], self.status);
        assert!(json["title"].is_string() && json["detail"].is_string(), "{json}");
        let kind = json["type"].as_str().unwrap();
        kind.strip_prefix("urn:deeds:problem:").unwrap().to_owned()
    }

    /// The lines of a body of many.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let lines = self.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }
}

impl Client {
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
    }

    /// A command with JSON arguments, and perhaps an id.
    pub(crate) fn send(&self, name: &str, id: Option<&str>, arguments: &str) -> Answer {
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(id.map(|id| ("Idempotency-Key", id)));
        self.ask("POST", &format!("/v1/commands/{name}"), &headers, arguments.as_bytes())
    }

    pub(crate) fn batch(&self, lines: &str) -> Answer {
        let headers = [("Content-Type", "application/x-ndjson")];
        self.ask("POST", "/v1/commands", &headers, lines.as_bytes())
    }

    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            text += &format!("Host: {}\r\n", self.address);
        }
        if let Some(token) = &self.token {
            text += &format!("Authorization: Bearer {token}\r\n");
        }
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        if method != "GET" {
            text += &format!("Content-Length: {}\r\n", body.len());
        }
        self.say(&[text.as_bytes(), b"\r\n", body].concat())
    }

    /// Sends these bytes and reads one answer.
    pub(crate) fn say(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        // A server that has heard enough may answer and close before it is told everything.
        let _ = stream.write_all(bytes);
        let mut told = Vec::new();
        if let Err(error) = stream.read_to_end(&mut told) {
            assert!(!told.is_empty(), "no answer: {error}");
        }
        parse(&told)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

/// The position of the blank line after the headers.
pub(crate) fn head_end(told: &[u8]) -> Option<usize> {
    told.windows(4).position(|four| four == b"\r\n\r\n")
}

fn parse(told: &[u8]) -> Answer {
    let end = head_end(told).unwrap_or_else(|| panic!("{:?}", String::from_utf8_lossy(told)));
    let head = std::str::from_utf8(&told[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<_> = lines
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer { status, headers, body: told[end + 4..].to_vec() };
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = unchunked(&answer.body);
    }
    answer
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let line = body.windows(2).position(|two| two == b"\r\n").expect("a chunk's length");
        let length = std::str::from_utf8(&body[..line]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return whole;
        }
        whole.extend_from_slice(&body[line + 2..line + 2 + length]);
        body = &body[line + 2 + length + 2..];
    }
}
