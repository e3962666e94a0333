//! One live socket: from the upgrade to the last `bye` (docs/protocol.md, whose tables of states and
//! of reasons this file is).
//!
//! One task reads and writes in turn, so a client that does not read is not read from.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, Utf8Bytes, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::{mpsc, watch};

use crate::gateway::{Gateway, Peer};
use crate::live::message::{self, Incoming};
use crate::live::session::Session;
use crate::live::sockets::{Listed, Sockets};
use crate::live::stream::Wire;
use crate::live::tick::Form;
use crate::problem::Problem;
use crate::security_journal::{Incident, Turned};
use crate::server::until_true;

/// The subprotocols, the one preferred first where a client offers both.
const JSON: &str = "deeds.v1.json";
const MESSAGE_PACK: &str = "deeds.v1.msgpack";

/// The longest message of a client: a command's arguments, and what is around them.
pub(crate) const MESSAGE_BYTES_MAX: usize = deeds_pipeline::pipeline::ARGUMENT_BYTES_MAX + 4 * 1024;

/// How many sockets a server has at once.
const SOCKETS_MAX: usize = 20_000;

/// How long a socket may be open before it says who it is.
pub(crate) const GREETING_TIME_MAX: Duration = Duration::from_secs(10);

/// How long a client is to wait after a `bye` that is no fault of its own. Each adds jitter.
pub(crate) const RETRY: Duration = Duration::from_secs(1);

/// How long the last words may take.
const BYE_TIME_MAX: Duration = Duration::from_secs(2);

/// What is read at once: most messages of clients are far shorter, and there may be many sockets.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// `GET /v1/live`.
pub(crate) async fn open(
    State(gateway): State<Arc<Gateway>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let malformed = |detail: &str| Problem::Malformed { detail: detail.to_owned() }.into_response();
    let peer = peer.map(|Extension(peer)| peer);
    if let Some(refused) = refuse_other_sites(&gateway, peer, &headers) {
        return refused;
    }
    let Ok(upgrade) = upgrade else {
        return malformed("This path is a WebSocket: it takes requests that upgrade to one.");
    };
    let upgrade = upgrade.protocols([JSON, MESSAGE_PACK]);
    let form = match upgrade.selected_protocol().and_then(|chosen| chosen.to_str().ok()) {
        Some(JSON) => Form::Json,
        Some(MESSAGE_PACK) => Form::MessagePack,
        _ => return malformed("The subprotocols are deeds.v1.json and deeds.v1.msgpack."),
    };
    upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .on_upgrade(move |socket| serve(gateway, Wire::Socket(Box::new(socket)), form, peer))
}

/// The answer to a page of another site.
pub(crate) fn refuse_other_sites(
    gateway: &Gateway,
    peer: Option<Peer>,
    headers: &HeaderMap,
) -> Option<Response> {
    if is_same_origin(headers) {
        return None;
    }
    gateway.journal.record(&Incident {
        turned: Turned::Denied,
        actor: None,
        peer: peer.map(|Peer(ip)| ip),
        at: "/v1/live",
        reason: "a page of another site asked for a live socket",
    });
    let reason = "A page of another site cannot open a live socket here.".to_owned();
    Some(Problem::Denied { reason }.into_response())
}

/// A page sends its own site as `Origin`; programs send none.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let mut given = headers.get_all(header::ORIGIN).iter();
    let (Some(origin), None) = (given.next(), given.next()) else {
        return headers.get(header::ORIGIN).is_none();
    };
    let text = |value: &axum::http::HeaderValue| value.to_str().map(str::to_ascii_lowercase).ok();
    let (Some(origin), Some(host)) = (text(origin), headers.get(header::HOST).and_then(text))
    else {
        return false;
    };
    origin.split_once("://").is_some_and(|(_, site)| site == host)
}

/// How a socket ended.
pub(crate) enum Ended {
    /// The client is gone, or said that it goes.
    Gone,
    /// The server ends it.
    Bye { reason: &'static str, retry: Option<Duration>, problem: Option<Problem> },
}

impl Ended {
    pub(crate) fn bye(reason: &'static str) -> Self {
        Self::Bye { reason, retry: None, problem: None }
    }

    pub(crate) fn for_now(reason: &'static str) -> Self {
        Self::Bye { reason, retry: Some(RETRY), problem: None }
    }

    pub(crate) fn because(reason: &'static str, problem: Problem) -> Self {
        Self::Bye { reason, retry: None, problem: Some(problem) }
    }
}

/// A session from its first message to the last `bye`, on a socket or what stands in for one.
pub(crate) async fn serve(gateway: Arc<Gateway>, mut socket: Wire, form: Form, peer: Option<Peer>) {
    let sockets = Arc::clone(&gateway.sockets);
    let (cut, cuts) = mpsc::unbounded_channel();
    let listed = Listed::new(&sockets, cut);
    let ended = if sockets.count() > SOCKETS_MAX {
        Ended::for_now("busy")
    } else {
        let gateway = Arc::clone(&gateway);
        match Session::greet(gateway, &mut socket, form, peer, listed.id).await {
            Ok(mut session) => session.live(&mut socket, cuts).await,
            Err(ended) => ended,
        }
    };
    let reason = match &ended {
        Ended::Gone => "gone",
        Ended::Bye { reason, .. } => reason,
    };
    sockets.ended(reason);
    if let Ended::Bye { reason, retry, problem } = ended {
        let retry_ms = retry.map(|retry| u64::try_from(retry.as_millis()).unwrap_or(u64::MAX));
        let mut bye = Vec::new();
        message::write(form, &message::bye(reason, retry_ms, problem.as_ref()), &mut bye);
        let last_words = async {
            // The client may be gone, or not be reading: then nobody is told.
            drop(socket.send(framed(form, bye.into())).await);
            drop(socket.send(Message::Close(None)).await);
        };
        drop(tokio::time::timeout(BYE_TIME_MAX, last_words).await);
    }
}

fn framed(form: Form, bytes: Bytes) -> Message {
    match form {
        Form::Json => Message::Text(Utf8Bytes::try_from(bytes).expect("JSON is UTF-8")),
        Form::MessagePack => Message::Binary(bytes),
    }
}

/// Sends a frame. Who does not read when the server stops is not waited for.
pub(crate) async fn send(
    socket: &mut Wire,
    frame: Message,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), Ended> {
    let too_late = async {
        until_true(&mut stopping).await;
        tokio::time::sleep(BYE_TIME_MAX).await;
    };
    tokio::select! {
        sent = socket.send(frame) => sent.map_err(|_| Ended::Gone),
        () = too_late => Err(Ended::Gone),
    }
}

/// One frame of the client and how long it is; empty when it was one of the transport's own.
pub(crate) async fn receive(
    socket: &mut Wire,
    form: Form,
    sockets: &Sockets,
) -> Result<(Vec<Incoming>, usize), Ended> {
    let frame = match socket.recv().await {
        None => return Err(Ended::Gone),
        Some(Err(error)) => {
            let is_long = error.to_string().contains("too long");
            let problem = Problem::TooLarge { limit: MESSAGE_BYTES_MAX };
            return Err(if is_long { Ended::because("too-large", problem) } else { Ended::Gone });
        }
        Some(Ok(Message::Close(_))) => return Err(Ended::Gone),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok((Vec::new(), 0)),
        Some(Ok(Message::Text(text))) if form == Form::Json => text.into(),
        Some(Ok(Message::Binary(bytes))) if form == Form::MessagePack => bytes,
        Some(Ok(_)) => {
            let detail = "Text frames are for JSON, binary ones for MessagePack.".to_owned();
            return Err(Ended::because("invalid", Problem::Malformed { detail }));
        }
    };
    let messages =
        message::read(form, &frame).map_err(|problem| Ended::because("invalid", problem))?;
    sockets.received.fetch_add(messages.len() as u64, Relaxed);
    Ok((messages, frame.len()))
}

/// A frame that is being made: one message, or a list of them.
pub(crate) struct Writing {
    form: Form,
    /// Begins with room for the head of a list, which a single message goes without.
    bytes: Vec<u8>,
    head_bytes: usize,
    count: u32,
}

impl Writing {
    /// Of at most about so many messages.
    pub(crate) fn new(form: Form, messages: usize) -> Self {
        /// A result of a command, as most are.
        const MESSAGE_BYTES: usize = 128;
        let head_bytes = match form {
            Form::Json => 1,
            // The marker of a long list, and its length.
            Form::MessagePack => 5,
        };
        let mut bytes = Vec::with_capacity(head_bytes + messages * MESSAGE_BYTES);
        bytes.resize(head_bytes, b'[');
        Self { form, bytes, head_bytes, count: 0 }
    }

    /// Appends a message, or nothing if nothing is written.
    pub(crate) fn add<T>(&mut self, write: impl FnOnce(Form, &mut Vec<u8>) -> T) -> T {
        let before = self.bytes.len();
        if self.form == Form::Json && self.count > 0 {
            self.bytes.push(b',');
        }
        let begin = self.bytes.len();
        let said = write(self.form, &mut self.bytes);
        if self.bytes.len() > begin {
            self.count += 1;
        } else {
            self.bytes.truncate(before);
        }
        said
    }

    /// The frame and how long it is, if there is something in it.
    pub(crate) fn done(mut self) -> Option<(Message, usize)> {
        let skip = match self.count {
            0 => return None,
            1 => self.head_bytes,
            several => {
                match self.form {
                    Form::Json => self.bytes.push(b']'),
                    Form::MessagePack => {
                        self.bytes[0] = 0xdd;
                        self.bytes[1..5].copy_from_slice(&several.to_be_bytes());
                    }
                }
                0
            }
        };
        let bytes = Bytes::from(self.bytes).slice(skip..);
        let length = bytes.len();
        Some((framed(self.form, bytes), length))
    }
}
