//! A live client that believes nothing: it checks every tick against where it stands, and keeps what
//! it was shown, to be held against the state.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::client::{IntoClientRequest as _, client_with_config};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Message, WebSocket};

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    MessagePack,
}

/// What a subscription shows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shown {
    /// Nothing yet.
    Nothing,
    /// Rows by key: their order, and what they are.
    Rows(BTreeMap<String, (String, Value)>),
    /// A value, and the position it was read at.
    Value(u64, Value),
}

impl Shown {
    /// The rows in their order.
    pub(crate) fn rows(&self) -> Vec<Value> {
        let Self::Rows(rows) = self else { panic!("no rows: {self:?}") };
        let mut rows: Vec<_> = rows.iter().collect();
        let by = |key: &str, order: &str| if order.is_empty() { key } else { order }.to_owned();
        rows.sort_by_key(|(key, (order, _))| by(key, order));
        rows.into_iter().map(|(_, (_, row))| row.clone()).collect()
    }
}

/// See the module.
pub(crate) struct Watcher {
    socket: WebSocket<TcpStream>,
    form: Form,
    pub(crate) position: u64,
    pub(crate) lineage: Value,
    pub(crate) who: Value,
    pub(crate) shown: BTreeMap<u64, Shown>,
    /// Of windows: how many rows there are, and how many before.
    pub(crate) counts: BTreeMap<u64, (u64, u64)>,
    /// Messages of a frame that were not looked at yet.
    waiting: Vec<Value>,
    pub(crate) ticks: u64,
    pub(crate) resets: u64,
}

/// A subscription. No query of the tests has an argument `window`: it says which part is wanted.
fn wanted(sub: u64, query: &str, args: &Value) -> Value {
    let mut args = args.clone();
    let window = args.as_object_mut().and_then(|args| args.remove("window"));
    let mut wanted = json!({"sub": sub, "query": query, "args": args});
    if let Some(window) = window {
        wanted["window"] = window;
    }
    wanted
}

/// A socket that has said nothing yet, with these headers besides.
pub(crate) fn connect(
    address: SocketAddr,
    form: Form,
    headers: &[(&str, &str)],
) -> Result<WebSocket<TcpStream>, Box<tungstenite::Error>> {
    let mut request = format!("ws://{address}/v1/live").into_client_request().unwrap();
    let protocol = match form {
        Form::Json => "deeds.v1.json",
        Form::MessagePack => "deeds.v1.msgpack",
    };
    let mut add = |name: &str, value: &str| {
        let name = tungstenite::http::HeaderName::try_from(name).unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    };
    add("Sec-WebSocket-Protocol", protocol);
    headers.iter().for_each(|(name, value)| add(name, value));
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.set_nodelay(true).unwrap();
    // Results may be longer than what the library takes unless told.
    let unbounded = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
    match client_with_config(request, stream, Some(unbounded)) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(error)) => Err(Box::new(error)),
        Err(error) => panic!("{error}"),
    }
}

impl Watcher {
    /// Greets, and waits for the welcome. `subs` are queries with their arguments, numbered from 1.
    pub(crate) fn greet(
        address: SocketAddr,
        form: Form,
        token: &str,
        subs: &[(&str, Value)],
    ) -> Self {
        Self::greet_again(address, form, token, subs, None, BTreeMap::new())
    }

    /// Greets from where an earlier socket stood.
    pub(crate) fn greet_again(
        address: SocketAddr,
        form: Form,
        token: &str,
        subs: &[(&str, Value)],
        stood: Option<Value>,
        mut shown: BTreeMap<u64, Shown>,
    ) -> Self {
        let socket = connect(address, form, &[]).unwrap();
        let mut watcher = Self {
            socket,
            form,
            position: 0,
            lineage: Value::Null,
            who: Value::Null,
            shown: BTreeMap::new(),
            counts: BTreeMap::new(),
            waiting: Vec::new(),
            ticks: 0,
            resets: 0,
        };
        let wanted: Vec<Value> =
            (1..).zip(subs).map(|(sub, (query, args))| wanted(sub, query, args)).collect();
        let mut hello = json!({"type": "hello", "protocol": 1, "token": token, "subs": wanted});
        if let Some(stood) = stood {
            hello["resume"] = stood;
        }
        watcher.say(&hello);
        let welcome = watcher.next();
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        watcher.position = welcome["position"].as_u64().unwrap();
        watcher.lineage = welcome["lineage"].clone();
        watcher.who = welcome["who"].clone();
        if welcome["resumed"] == false {
            shown.clear();
        }
        for sub in 1..=subs.len() as u64 {
            shown.entry(sub).or_insert(Shown::Nothing);
        }
        watcher.shown = shown;
        watcher
    }

    /// Where it stands, for the next socket.
    pub(crate) fn stood(&self) -> Value {
        json!({"lineage": self.lineage, "position": self.position, "who": self.who})
    }

    pub(crate) fn say(&mut self, message: &Value) {
        self.try_say(message).unwrap();
    }

    pub(crate) fn try_say(&mut self, message: &Value) -> Result<(), Box<tungstenite::Error>> {
        let frame = match self.form {
            Form::Json => Message::Text(message.to_string().into()),
            Form::MessagePack => Message::Binary(rmp_serde::to_vec_named(message).unwrap().into()),
        };
        self.socket.send(frame).map_err(Box::new)
    }

    /// Sends a command; its result comes later.
    pub(crate) fn send(&mut self, id: &str, name: &str, args: &Value) {
        self.say(&json!({"type": "command", "id": id, "name": name, "args": args}));
    }

    /// The next message; ticks are applied.
    pub(crate) fn next(&mut self) -> Value {
        self.try_next(Duration::from_secs(20)).expect("the server says something")
    }

    /// The next message, if one comes within this time; ticks are applied.
    pub(crate) fn try_next(&mut self, patience: Duration) -> Option<Value> {
        if self.waiting.is_empty() {
            self.socket.get_ref().set_read_timeout(Some(patience)).unwrap();
            let frame = match self.socket.read() {
                Ok(frame) => frame,
                Err(tungstenite::Error::Io(error))
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) =>
                {
                    return None;
                }
                Err(_) => return None,
            };
            let message: Value = match frame {
                Message::Text(text) => serde_json::from_str(&text).unwrap(),
                Message::Binary(bytes) => rmp_serde::from_slice(&bytes).unwrap(),
                Message::Close(_) => return None,
                _ => return self.try_next(patience),
            };
            self.waiting = match message {
                Value::Array(several) => several,
                one => vec![one],
            };
        }
        let message = self.waiting.remove(0);
        if message["type"] == "tick" {
            self.apply(&message);
        }
        Some(message)
    }

    /// Waits for a message of this type; ticks in between are applied.
    pub(crate) fn until(&mut self, kind: &str) -> Value {
        loop {
            let message = self.next();
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// Follows ticks up to this position.
    pub(crate) fn follow(&mut self, position: u64) {
        while self.position < position {
            self.until("tick");
        }
    }

    fn apply(&mut self, tick: &Value) {
        assert_eq!(tick["from"], self.position, "a tick begins where the client stands: {tick}");
        let to = tick["to"].as_u64().unwrap();
        assert!(to >= self.position);
        self.position = to;
        self.ticks += 1;
        for sub in tick["subs"].as_array().unwrap() {
            let shown = self.shown.get_mut(&sub["sub"].as_u64().unwrap()).expect("asked for");
            if let Some(value) = sub.get("value") {
                *shown = Shown::Value(sub["at"].as_u64().unwrap(), value.clone());
                continue;
            }
            if let Some(total) = sub.get("total") {
                let counts = (total.as_u64().unwrap(), sub["before"].as_u64().unwrap());
                self.counts.insert(sub["sub"].as_u64().unwrap(), counts);
            }
            if sub["reset"] == true {
                self.resets += 1;
                *shown = Shown::Rows(BTreeMap::new());
            }
            let Shown::Rows(rows) = shown else { panic!("rows begin with a reset: {tick}") };
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            for put in sub["put"].as_array().unwrap() {
                rows.insert(text(&put[0]), (text(&put[1]), put[2].clone()));
            }
            for del in sub["del"].as_array().unwrap() {
                rows.remove(&text(del));
            }
        }
    }
}
