//! Live over plain HTTP: what a socket tells, a stream of events tells, too.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use deeds_sim::ModelDisk;
use serde_json::{Value, json};

use crate::board;
use crate::staged_host::Served;

fn served() -> Served {
    Served::start(board::start(Arc::new(ModelDisk::new())))
}

/// A client on a stream.
struct Streaming<'a> {
    served: &'a Served,
    events: BufReader<TcpStream>,
    name: String,
    waiting: Vec<Value>,
    rest: String,
}

impl<'a> Streaming<'a> {
    fn open(served: &'a Served) -> Self {
        let mut socket = TcpStream::connect(served.address()).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let host = served.address();
        write!(socket, "GET /v1/live/events HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
        let mut events = BufReader::new(socket);
        let (mut head, mut line) = (String::new(), String::new());
        while events.read_line(&mut line).unwrap() > 2 {
            head += &std::mem::take(&mut line);
        }
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(head.to_lowercase().contains("content-type: text/event-stream"), "{head}");
        let (name, waiting, rest) = (String::new(), Vec::new(), String::new());
        let mut streaming = Self { served, events, name, waiting, rest };
        let first = streaming.next().unwrap();
        assert_eq!(first["type"], "stream");
        streaming.name = first["stream"].as_str().unwrap().to_owned();
        streaming
    }

    /// The next message; none when the stream has ended.
    fn next(&mut self) -> Option<Value> {
        while self.waiting.is_empty() {
            let mut size = String::new();
            self.events.read_line(&mut size).unwrap();
            let size = usize::from_str_radix(size.trim(), 16).unwrap();
            let mut piece = vec![0; size + 2];
            self.events.read_exact(&mut piece).unwrap();
            if size == 0 {
                return None;
            }
            self.rest += std::str::from_utf8(&piece[..size]).unwrap();
            while let Some((event, rest)) = self.rest.split_once("\n\n") {
                let data = event.strip_prefix("data: ").expect("one line of data");
                match serde_json::from_str(data).unwrap() {
                    Value::Array(several) => self.waiting.extend(several),
                    one => self.waiting.push(one),
                }
                self.rest = rest.to_owned();
            }
        }
        Some(self.waiting.remove(0))
    }

    fn until(&mut self, kind: &str) -> Value {
        loop {
            let message = self.next().unwrap_or_else(|| panic!("no {kind}"));
            if message["type"] == kind {
                return message;
            }
        }
    }

    fn say(&self, messages: &Value) -> u16 {
        let headers = [("Content-Type", "application/json"), ("Deeds-Stream", &*self.name)];
        let client = self.served.client("nobody", &[]);
        client.ask("POST", "/v1/live/send", &headers, messages.to_string().as_bytes()).status
    }

    fn greet(&mut self, token: &str, subs: &Value) -> Value {
        let hello = json!({"type": "hello", "protocol": 1, "token": token, "subs": subs});
        assert_eq!(self.say(&hello), 204);
        self.until("welcome")
    }
}

fn write(id: &str, note: u32) -> Value {
    let args = json!({"id": note, "text": "x", "weight": 1, "for_everyone": true});
    json!({"type": "command", "id": id, "name": "Write", "args": args})
}

#[test]
fn a_stream_tells_what_a_socket_tells() {
    let served = served();
    let mut ada = Streaming::open(&served);
    let token = served.client("ada", &[]).token.unwrap();
    let welcome = ada.greet(&token, &json!([{"sub": 1, "query": "Public"}]));
    assert_eq!(welcome["resumed"], false);
    assert_eq!(ada.until("tick")["subs"][0]["reset"], true);
    assert_eq!(ada.say(&json!([write("test/1", 1), write("test/2", 2)])), 204);
    assert_eq!(ada.until("result")["id"], "test/1");
    let result = ada.until("result");
    assert_eq!((&result["id"], &result["answer"]), (&json!("test/2"), &json!(2)));
    let mut rows = 0;
    while rows < 2 {
        rows += ada.until("tick")["subs"][0]["put"].as_array().unwrap().len();
    }
    ada.say(&json!({"type": "ask", "ask": 5, "query": "Total"}));
    assert_eq!(ada.until("answer")["answer"]["notes"], 2);
    ada.say(&json!({"type": "bye"}));
    assert_eq!(ada.next(), None);
    assert_eq!(ada.say(&json!({"type": "ping", "n": 1})), 404, "it has ended");
}

#[test]
fn who_is_no_longer_let_in_is_told_and_the_stream_ends() {
    let served = served();
    let mut stranger = Streaming::open(&served);
    stranger.say(&json!({"type": "hello", "protocol": 1, "token": "none"}));
    assert_eq!(stranger.until("bye")["reason"], "signin");
    assert_eq!(stranger.next(), None);

    let mut ada = Streaming::open(&served);
    let client = served.client("ada", &[]);
    ada.greet(client.token.as_ref().unwrap(), &json!([]));
    assert_eq!(client.ask("POST", "/v1/sign-out", &[], b"").status, 204);
    assert_eq!(ada.until("bye")["reason"], "signed-out");
    assert_eq!(ada.next(), None);
}

#[test]
fn a_stream_is_spoken_to_by_its_name_alone_and_not_from_other_sites() {
    let served = served();
    let ada = Streaming::open(&served);
    let client = served.client("ada", &[]);
    let json = ("Content-Type", "application/json");
    let send = |headers: &[(&str, &str)]| {
        client.ask("POST", "/v1/live/send", headers, br#"{"type":"bye"}"#).status
    };
    assert_eq!(send(&[json, ("Deeds-Stream", "0123456789abcdef0123456789abcdef")]), 404);
    assert_eq!(send(&[json]), 404);
    let name = ("Deeds-Stream", &*ada.name);
    assert_eq!(send(&[json, name, ("Origin", "http://elsewhere.example")]), 403);
    assert_eq!(send(&[("Content-Type", "text/plain"), name]), 415);
    let elsewhere = [("Origin", "http://elsewhere.example")];
    assert_eq!(client.ask("GET", "/v1/live/events", &elsewhere, b"").status, 403);
    assert_eq!(send(&[json, name]), 204, "none of these ended it");
}
