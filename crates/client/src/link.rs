//! The socket of a client: opened with a token, read frame by frame, written by a task of its own, so
//! that neither direction waits for the other.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{self, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::error::Error;
use crate::message::{self, SUBPROTOCOL};

/// The longest frame that is taken: every subscription of a hello may begin with 10,000 rows, or with
/// a value of 8 MiB, and comes in one tick.
const FRAME_BYTES_MAX: usize = 256 * 1024 * 1024;

/// How long messages may be together in one frame: far below what a server takes, and long enough that
/// a frame costs little beside what is in it.
const TOGETHER_BYTES_MAX: usize = 64 * 1024;

/// A token could not be had; the attempt counts as failed, and there will be another.
pub type TokenError = Box<dyn std::error::Error + Send + Sync>;

pub(crate) type Tokens =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<String, TokenError>> + Send>> + Send + Sync>;

pub(crate) type Request = http::Request<()>;

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A socket that nothing was said on, and the token for it.
pub(crate) struct Opened {
    pub(crate) socket: Socket,
    pub(crate) token: String,
}

/// The socket there is, or will be.
pub(crate) enum Link {
    None,
    Opening(Pin<Box<dyn Future<Output = Option<Box<Opened>>> + Send>>),
    Open { reader: SplitStream<Socket>, frames: mpsc::UnboundedSender<Vec<u8>>, writer: Writer },
}

/// The task that writes; it ends with the link. Frames that wait for it are few: the limits of
/// commands and questions on their way bound them.
pub(crate) struct Writer(JoinHandle<()>);

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What the link says next.
pub(crate) enum Heard {
    Opened(Option<Box<Opened>>),
    Frame(Option<Vec<u8>>),
}

impl Link {
    pub(crate) fn opening(request: Request, tokens: Arc<Tokens>) -> Self {
        Self::Opening(Box::pin(open(request, tokens)))
    }

    pub(crate) async fn next(&mut self) -> Heard {
        match self {
            Self::None => std::future::pending().await,
            Self::Opening(opening) => Heard::Opened(opening.await),
            Self::Open { reader, .. } => loop {
                match reader.next().await {
                    Some(Ok(Message::Binary(frame))) => return Heard::Frame(Some(frame.into())),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(_)) | Some(Err(_)) | None => return Heard::Frame(None),
                }
            },
        }
    }

    pub(crate) fn open(socket: Socket) -> Self {
        let (sink, reader) = socket.split();
        let (frames, waiting) = mpsc::unbounded_channel();
        Self::Open { reader, frames, writer: Writer(tokio::spawn(write(sink, waiting))) }
    }

    /// Lets what was said go out, for a moment: a `bye` is a courtesy.
    pub(crate) async fn close(self) {
        const COURTESY: Duration = Duration::from_millis(500);
        if let Self::Open { frames, mut writer, .. } = self {
            drop(frames);
            // The server will see the end of the stream all the same.
            let _ = tokio::time::timeout(COURTESY, &mut writer.0).await;
        }
    }
}

async fn open(request: Request, tokens: Arc<Tokens>) -> Option<Box<Opened>> {
    let token = tokens().await.ok()?;
    let limits = WebSocketConfig::default()
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX));
    let at_once = true;
    let (socket, _) = connect_async_with_config(request, Some(limits), at_once).await.ok()?;
    Some(Box::new(Opened { socket, token }))
}

/// What waits goes out together: one frame and one system call for many commands.
async fn write(
    mut sink: SplitSink<Socket, Message>,
    mut waiting: mpsc::UnboundedReceiver<Vec<u8>>,
) {
    let mut left = None;
    loop {
        let first = match left.take() {
            Some(message) => message,
            None => match waiting.recv().await {
                Some(message) => message,
                None => return,
            },
        };
        let (mut length, mut messages) = (first.len(), vec![first]);
        while let Ok(message) = waiting.try_recv() {
            length += message.len();
            if length > TOGETHER_BYTES_MAX {
                left = Some(message);
                break;
            }
            messages.push(message);
        }
        let frame = Message::Binary(message::joined(messages).into());
        if sink.send(frame).await.is_err() {
            return;
        }
    }
}

pub(crate) fn request(url: &str) -> Result<Request, Error> {
    let wrong = |cause| Error::unreadable(&format!("There is no server at {url}"), &cause);
    let mut request = url.into_client_request().map_err(wrong)?;
    let protocol = HeaderValue::from_static(SUBPROTOCOL);
    request.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
    Ok(request)
}
