//! Live over plain HTTP, for networks that let no WebSocket through (docs/protocol.md): what the server
//! says is one stream of events, what the client says are requests that name the stream by a secret.
//!
//! A stream is to a [`Session`](crate::live::session::Session) what a socket is: it takes a frame at a
//! time and waits until the network has taken it, and what the client says waits until it is heard.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde_json::json;
use tokio::sync::mpsc;

use crate::body::read_json;
use crate::gateway::{Gateway, Peer};
use crate::live::socket::{MESSAGE_BYTES_MAX, refuse_other_sites, serve};
use crate::live::tick::Form;
use crate::problem::Problem;

/// How many streams a server has at once: each holds a connection of HTTP for as long as it is open, and
/// half of those are for other requests.
const STREAMS_MAX: usize = crate::server::CONNECTIONS_MAX as usize / 2;

/// How many frames of a client may wait to be heard; then its next request waits.
const FRAMES_MAX: usize = 4;

/// The header that names the stream.
const STREAM: HeaderName = HeaderName::from_static("deeds-stream");

/// Random bytes in the name of a stream.
const NAME_BYTES: usize = 16;

/// The streams that are open: where what is said on them goes, by their names.
#[derive(Default)]
pub(crate) struct Streams(Mutex<BTreeMap<String, mpsc::Sender<Utf8Bytes>>>);

impl Streams {
    /// A new one under a name that nobody can guess; none when there are too many.
    fn open(&self) -> Option<(String, mpsc::Receiver<Utf8Bytes>)> {
        let mut secret = [0; NAME_BYTES];
        getrandom::fill(&mut secret).expect("the system gives random bytes");
        let name: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let (sender, said) = mpsc::channel(FRAMES_MAX);
        let mut open = self.0.lock().expect("nobody panics holding it");
        if open.len() >= STREAMS_MAX {
            return None;
        }
        let before = open.insert(name.clone(), sender);
        assert!(before.is_none(), "16 random bytes are drawn once");
        Some((name, said))
    }

    fn close(&self, name: &str) {
        self.0.lock().expect("nobody panics holding it").remove(name);
    }

    fn find(&self, name: &str) -> Option<mpsc::Sender<Utf8Bytes>> {
        self.0.lock().expect("nobody panics holding it").get(name).cloned()
    }
}

/// What a session is carried by.
pub(crate) enum Wire {
    Socket(Box<WebSocket>),
    Stream {
        /// To the network, which takes one frame at a time.
        events: mpsc::Sender<Bytes>,
        said: mpsc::Receiver<Utf8Bytes>,
    },
}

impl Wire {
    /// The next frame of the client; none when it has gone.
    pub(crate) async fn recv(&mut self) -> Option<Result<Message, axum::Error>> {
        match self {
            Self::Socket(socket) => socket.recv().await,
            Self::Stream { events, said } => tokio::select! {
                text = said.recv() => text.map(|text| Ok(Message::Text(text))),
                () = events.closed() => None,
            },
        }
    }

    /// Sends a frame, when the network has taken the one before.
    pub(crate) async fn send(&mut self, frame: Message) -> Result<(), axum::Error> {
        match (self, frame) {
            (Self::Socket(socket), frame) => socket.send(frame).await,
            (Self::Stream { events, .. }, Message::Text(text)) => {
                events.send(event(&text)).await.map_err(axum::Error::new)
            }
            // The stream ends with its last event.
            (Self::Stream { .. }, _) => Ok(()),
        }
    }
}

/// A frame as an event. JSON holds no line breaks but between its parts.
fn event(text: &str) -> Bytes {
    let lines = text.lines().map(|line| format!("data: {line}\n"));
    Bytes::from(lines.chain(["\n".to_owned()]).collect::<String>())
}

/// `GET /v1/live/events`.
pub(crate) async fn open(
    State(gateway): State<Arc<Gateway>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
) -> Response {
    let peer = peer.map(|Extension(peer)| peer);
    if let Some(refused) = refuse_other_sites(&gateway, peer, &headers) {
        return refused;
    }
    let Some((name, said)) = gateway.sockets.streams.open() else {
        let detail = format!("{STREAMS_MAX} event streams are the most of a server");
        return Problem::Busy { detail }.into_response();
    };
    let (events, sending) = mpsc::channel(1);
    let first = event(&json!({"type": "stream", "stream": name}).to_string());
    events.try_send(first).expect("there is room for the first");
    tokio::spawn(async move {
        let streams = Arc::clone(&gateway.sockets);
        serve(gateway, Wire::Stream { events, said }, Form::Json, peer).await;
        streams.streams.close(&name);
    });
    let events = stream::unfold(sending, async |mut sending| {
        let event = sending.recv().await?;
        Some((Ok::<_, Infallible>(event), sending))
    });
    let mut response = Body::from_stream(events).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // Proxies that gather an answer before they pass it on are asked not to.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// `POST /v1/live/send`: a frame of a client, heard in turn.
pub(crate) async fn say(
    State(gateway): State<Arc<Gateway>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Response> {
    let peer = peer.map(|Extension(peer)| peer);
    if let Some(refused) = refuse_other_sites(&gateway, peer, &headers) {
        return Err(refused);
    }
    let name = headers.get(STREAM).and_then(|name| name.to_str().ok()).unwrap_or_default();
    let unknown = || Problem::NoSuchPath.into_response();
    let stream = gateway.sockets.streams.find(name).ok_or_else(unknown)?;
    let body = read_json(&headers, body, MESSAGE_BYTES_MAX).await;
    let text = Utf8Bytes::try_from(body.map_err(Problem::into_response)?).map_err(|_| {
        Problem::Malformed { detail: "The message is not UTF-8.".to_owned() }.into_response()
    })?;
    stream.send(text).await.map_err(|_| unknown())?;
    Ok(StatusCode::NO_CONTENT)
}
