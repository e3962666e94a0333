//! `POST /v1/commands`: many commands, a line each, answered a line each, in order.
//!
//! Not a transaction: each line is a command of its own, recorded or not by itself. Two tasks:
//!
//! ```text
//! body ─ lines ─▶ taking in: parse, submit ─▶ [at most IN_FLIGHT_MAX] ─▶ answering: await, write ─▶ body
//! ```
//!
//! Commands are submitted while earlier ones are still on their way to disk, so that a batch fills
//! frames. A full queue is waited for: it makes the client slower, not the line fail. A client that
//! does not read stops being read from, once [`UNREAD_BYTES_MAX`] of answers wait for it; up to there
//! it may send everything first and read then.
//!
//! A malformed line gets its own answer and the next one is read. When the server stops, the line it
//! did not take is answered `stopping` and is the last one answered.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use deeds_pipeline::pipeline::ARGUMENT_BYTES_MAX;
use deeds_pipeline::reply::{Caller, Reply};
use deeds_values::CommandId;
use futures_util::{FutureExt as _, stream};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use crate::body::{NDJSON, check_media_type, next_piece};
use crate::commands::{new_id, parse_id};
use crate::gateway::{Asker, Gateway};
use crate::patient_stream::UNREAD_TIME_MAX;
use crate::problem::Problem;
use crate::server::until_true;

/// How many commands of a batch may be under way: enough to fill frames while one is synced, few
/// enough that other actors' commands are not far behind.
const IN_FLIGHT_MAX: usize = 256;

/// The longest line: the arguments, and room for the name, the id and the braces.
const LINE_BYTES_MAX: usize = ARGUMENT_BYTES_MAX + 4 * 1024;

/// How many bytes of answers may wait for a client that is still sending: those of 50,000 lines.
const UNREAD_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How large the pieces are in which answers are sent: about a page, many lines.
const PIECE_BYTES: usize = 16 * 1024;

/// How long a line waits for room in the queue. A queue that has no room for so long is stuck.
const ROOM_TIME_MAX: Duration = Duration::from_secs(30);

/// How long to wait for a publication before looking for room again: another actor's place in the
/// queue may have become free without one.
const ROOM_PAUSE: Duration = Duration::from_millis(20);

/// One line: which command, with which id and arguments.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line<'a> {
    /// The command: `Name` or `app/Name`.
    #[serde(borrow)]
    pub command: Cow<'a, str>,
    /// Its id, if the client has one.
    #[serde(borrow, default)]
    pub id: Option<Cow<'a, str>>,
    /// Its arguments; none is `{}`.
    #[serde(borrow, default)]
    pub arguments: Option<&'a RawValue>,
}

impl<'a> Line<'a> {
    /// Reads a line; says what is wrong with it, and not what was in it.
    pub fn parse(text: &'a [u8]) -> Result<Self, String> {
        serde_json::from_slice(text).map_err(|error| format!("{error}"))
    }
}

/// A line on its way.
struct Underway {
    /// Counted from 1, empty lines too.
    number: u64,
    id: Option<CommandId>,
    name: String,
    reply: Result<oneshot::Receiver<Reply>, Problem>,
}

pub(crate) async fn send(
    State(gateway): State<Arc<Gateway>>,
    asker: Asker,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if let Err(problem) = check_media_type(&headers, &NDJSON) {
        return problem.into_response();
    }
    let (underway, lines) = mpsc::channel(IN_FLIGHT_MAX);
    let (written, mut pieces) = mpsc::unbounded_channel();
    let peer = asker.peer;
    let taking = Taking { gateway: Arc::clone(&gateway), caller: asker.caller.clone(), underway };
    let answering = Answering { gateway, caller: asker.caller, peer, lines, written };
    // Both end by themselves: the one with the body, or when the other has ended; the other when it
    // has answered what was taken in, or when the connection is gone and with it `pieces`.
    tokio::spawn(taking.run(body.into_data_stream()));
    tokio::spawn(answering.run());
    let pieces = stream::poll_fn(move |context| {
        let piece = pieces.poll_recv(context);
        piece.map(|piece| piece.map(|(bytes, _room)| Ok::<_, Infallible>(bytes)))
    });
    let mut response = Response::new(Body::from_stream(pieces));
    let ndjson = HeaderValue::from_static(NDJSON[0]);
    response.headers_mut().insert(header::CONTENT_TYPE, ndjson);
    response
}

/// A piece of answers, with the room it takes up until it goes to the connection.
type Piece = (Bytes, OwnedSemaphorePermit);

struct Taking {
    gateway: Arc<Gateway>,
    caller: Caller,
    underway: mpsc::Sender<Underway>,
}

impl Taking {
    async fn run(self, mut pieces: BodyDataStream) {
        let mut lines = Lines::default();
        let mut stopping = self.gateway.stopping.clone();
        loop {
            let piece = tokio::select! {
                piece = next_piece(&mut pieces) => piece,
                () = until_true(&mut stopping) => Err(Problem::Stopping),
            };
            let ended = !matches!(piece, Ok(Some(_)));
            match piece {
                Ok(Some(piece)) => lines.take_in(piece),
                Ok(None) => lines.end(),
                // What was whole has been taken in; of the rest one cannot say where it would end.
                Err(problem) => {
                    let number = lines.number + 1;
                    let failed =
                        Underway { number, id: None, name: String::new(), reply: Err(problem) };
                    drop(self.underway.send(failed).await);
                    return;
                }
            }
            while let Some((number, line)) = lines.next() {
                let underway = self.submit(number, line).await;
                let stopping = matches!(underway.reply, Err(Problem::Stopping));
                let gone = self.underway.send(underway).await.is_err();
                if gone || stopping {
                    return;
                }
            }
            if ended {
                return;
            }
        }
    }

    async fn submit(&self, number: u64, line: Result<&[u8], Problem>) -> Underway {
        let mut underway =
            Underway { number, id: None, name: String::new(), reply: Err(Problem::Stopping) };
        underway.reply = self.submit_into(&mut underway, line).await;
        underway
    }

    async fn submit_into(
        &self,
        underway: &mut Underway,
        line: Result<&[u8], Problem>,
    ) -> Result<oneshot::Receiver<Reply>, Problem> {
        if *self.gateway.stopping.borrow() {
            return Err(Problem::Stopping);
        }
        let line = Line::parse(line?).map_err(|error| Problem::Malformed {
            detail: format!(
                "The line is not {{\"command\": …, \"id\": …, \"arguments\": {{…}}}}: {error}"
            ),
        })?;
        let id = line.id.as_deref().map_or_else(|| Ok(new_id()), parse_id)?;
        underway.id = Some(id.clone());
        underway.name = line.command.into_owned();
        let arguments = line.arguments.map_or("{}", RawValue::get).as_bytes();
        if arguments.len() > ARGUMENT_BYTES_MAX {
            return Err(Problem::TooLarge { limit: ARGUMENT_BYTES_MAX });
        }
        let mut published = self.gateway.published.clone();
        let deadline = Instant::now() + ROOM_TIME_MAX;
        loop {
            published.mark_unchanged();
            match self.gateway.try_submit(&self.caller, &id, &underway.name, arguments)? {
                Ok(reply) => return Ok(reply),
                Err(full) if Instant::now() > deadline => {
                    return Err(Problem::Busy { detail: full.to_string() });
                }
                // A publication answers commands, which makes room.
                Err(_) => drop(tokio::time::timeout(ROOM_PAUSE, published.changed()).await),
            }
        }
    }
}

/// Cuts a body into lines.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// Up to where there is no end of a line.
    searched: usize,
    /// The lines before the next one.
    number: u64,
    /// Whether the beginning of the line was dropped, because it is too long.
    too_long: bool,
    ended: bool,
}

impl Lines {
    fn take_in(&mut self, piece: Bytes) {
        self.bytes.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.bytes.extend_from_slice(&piece);
    }

    fn end(&mut self) {
        self.ended = true;
    }

    /// The next line that is not empty, and its number; none if it has not come in whole.
    fn next(&mut self) -> Option<(u64, Result<&[u8], Problem>)> {
        loop {
            let found = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n');
            let (line, next) = match found {
                Some(at) => (self.start..self.searched + at, self.searched + at + 1),
                None if self.ended && (self.start < self.bytes.len() || self.too_long) => {
                    (self.start..self.bytes.len(), self.bytes.len())
                }
                None => {
                    self.searched = self.bytes.len();
                    if self.bytes.len() - self.start > LINE_BYTES_MAX {
                        // Its rest is dropped as it comes in.
                        (self.start, self.too_long) = (self.bytes.len(), true);
                    }
                    return None;
                }
            };
            (self.start, self.searched) = (next, next);
            self.number += 1;
            if std::mem::take(&mut self.too_long) || line.len() > LINE_BYTES_MAX {
                return Some((self.number, Err(Problem::TooLarge { limit: LINE_BYTES_MAX })));
            }
            if !self.bytes[line.clone()].trim_ascii().is_empty() {
                return Some((self.number, Ok(&self.bytes[line])));
            }
        }
    }
}

struct Answering {
    gateway: Arc<Gateway>,
    caller: Caller,
    peer: Option<IpAddr>,
    lines: mpsc::Receiver<Underway>,
    written: mpsc::UnboundedSender<Piece>,
}

impl Answering {
    async fn run(mut self) {
        let room = Arc::new(Semaphore::new(UNREAD_BYTES_MAX));
        while let Some(first) = self.lines.recv().await {
            let mut piece = self.answer(first).await;
            // What is answered already goes along.
            while piece.len() < PIECE_BYTES {
                let Ok(next) = self.lines.try_recv() else { break };
                let mut answering = pin!(self.answer(next));
                match answering.as_mut().now_or_never() {
                    Some(line) => piece.extend_from_slice(&line),
                    None => {
                        if !self.send(&room, std::mem::take(&mut piece)).await {
                            return;
                        }
                        piece = answering.await;
                    }
                }
            }
            if !self.send(&room, piece).await {
                return;
            }
        }
    }

    /// Whether the client is still there.
    async fn send(&self, room: &Arc<Semaphore>, piece: Vec<u8>) -> bool {
        // A piece larger than all the room waits until it is alone.
        let bytes = u32::try_from(piece.len().min(UNREAD_BYTES_MAX)).expect("8 MiB fit");
        let acquired = tokio::select! {
            acquired = Arc::clone(room).acquire_many_owned(bytes) => acquired,
            () = self.written.closed() => return false,
            () = tokio::time::sleep(UNREAD_TIME_MAX) => return false,
        };
        let acquired = acquired.expect("the room is never closed");
        self.written.send((piece.into(), acquired)).is_ok()
    }

    /// `{"line": n, "id": …, "status": …, …}`: the rest as the answer of a single command.
    async fn answer(&self, underway: Underway) -> Vec<u8> {
        let settled = match underway.reply {
            Ok(reply) => self.gateway.settle(reply).await,
            Err(problem) => Err(problem),
        };
        if let Err(Problem::Denied { reason }) = &settled {
            self.gateway.note_denied(&self.caller, self.peer, &underway.name, reason);
        }
        let mut line = format!("{{\"line\":{},", underway.number).into_bytes();
        if let Some(id) = underway.id {
            line.extend_from_slice(b"\"id\":");
            serde_json::to_writer(&mut line, &id).expect("an id is a text");
            line.push(b',');
        }
        let body = match settled {
            Ok(accepted) => {
                line.extend_from_slice(b"\"status\":200,");
                accepted.json
            }
            // Its body has the status.
            Err(problem) => problem.to_json(),
        };
        line.extend_from_slice(body.strip_prefix(b"{").expect("an answer is an object"));
        line.push(b'\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a body that comes in these pieces; `!` for one that is too long.
    fn lines_of(pieces: &[&[u8]]) -> Vec<(u64, String)> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for piece in pieces.iter().map(Some).chain([None]) {
            match piece {
                Some(piece) => lines.take_in(Bytes::copy_from_slice(piece)),
                None => lines.end(),
            }
            while let Some((number, line)) = lines.next() {
                let text =
                    line.map_or("!".to_owned(), |line| String::from_utf8(line.to_vec()).unwrap());
                found.push((number, text));
            }
        }
        found
    }

    #[test]
    fn lines_are_found_however_the_body_is_cut() {
        let body = b"one\n\n  two\r\nthree";
        let expected = [(1, "one"), (3, "  two\r"), (4, "three")];
        let expected: Vec<_> = expected.map(|(n, text)| (n, text.to_owned())).into();
        for cut in 0..=body.len() {
            for second in cut..=body.len() {
                let pieces = [&body[..cut], &body[cut..second], &body[second..]];
                assert_eq!(lines_of(&pieces), expected, "cut at {cut} and {second}");
            }
        }
        assert_eq!(lines_of(&[]), []);
        assert_eq!(lines_of(&[b"\n\n"]), []);
    }

    #[test]
    fn a_line_that_is_too_long_is_told_and_the_next_one_is_read() {
        let long = vec![b'x'; LINE_BYTES_MAX + 1];
        let halves = [&long[..10_000], &long[10_000..]];
        let expected = [(1, "!".to_owned()), (2, "after".to_owned())];
        assert_eq!(lines_of(&[&[&long[..], b"\nafter\n"].concat()]), expected);
        assert_eq!(lines_of(&[halves[0], halves[1], b"xxx", b"\naf", b"ter"]), expected);
        assert_eq!(lines_of(&[halves[0], halves[1], b"xxx"]), expected[..1]);
    }

    #[test]
    fn a_line_of_another_form_says_what_is_wrong() {
        assert!(Line::parse(b"{\"command\":\"A\"}").is_ok());
        for wrong in [&b"{}"[..], b"[]", b"{\"command\":1}", b"{\"command\":\"A\",\"more\":1}"] {
            assert!(Line::parse(wrong).is_err());
        }
        let Err(error) = Line::parse(b"{\"command\":\"A\",\"argumets\":{}}") else {
            panic!("a mistyped member is no member");
        };
        assert!(error.contains("argumets"), "{error}");
    }
}
