//! `GET /v1/records`: the chronicle as people read it, a record a line. For operators: it holds what
//! everybody sent, personal arguments included.
//!
//! `from` is the first position (0), `limit` the most records (all), `follow=true` goes on with what
//! is recorded later; `lineage` says whose position `from` is: of another one it means nothing here. Nothing is read ahead of the client by more than a piece.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use deeds_chronicle::ReadError;
use deeds_pipeline::entry::Entry;
use deeds_values::{Lineage, Position};
use futures_util::stream;
use tokio::sync::watch;

use crate::body::NDJSON;
use crate::commands::unreadable;
use crate::gateway::{Asker, Gateway, Parameters, bug};
use crate::problem::Problem;

/// How large the pieces are that are read and sent: many records, a small part of a second.
const PIECE_BYTES: usize = 64 * 1024;

/// How many records a piece has at most: those of one command are small.
const PIECE_RECORDS: usize = 512;

type Entries = Box<dyn Iterator<Item = Result<Entry, ReadError>> + Send>;

/// What is asked for.
#[derive(Clone, Copy)]
struct Asked {
    from: Position,
    limit: u64,
    follow: bool,
    lineage: Option<Lineage>,
}

pub(crate) async fn read(
    State(gateway): State<Arc<Gateway>>,
    asker: Asker,
    parameters: Result<Parameters, Problem>,
) -> Result<Response, Problem> {
    gateway.requires_operator(&asker, "/v1/records")?;
    let asked = asked(parameters?.0)?;
    gateway.is_of(asked.lineage)?;
    let host = Arc::clone(&gateway.host);
    let mut published = gateway.published.clone();
    // What is published after this line wakes a follower, even while it reads.
    published.mark_unchanged();
    let reading = Reading {
        entries: None,
        open: Box::new(move || host.records(asked.from)),
        left: asked.limit,
        follow: asked.follow,
        published,
        stopping: gateway.stopping.clone(),
        ended: false,
    };
    // The first piece is read before the answer begins: a failure can still be its status.
    let (first, reading) = reading.next_piece().await?;
    let rest = stream::unfold(Some((Some(first), reading)), async |state| {
        let (first, reading) = state?;
        match first {
            Some(first) => Some((Ok(first), Some((None, reading)))),
            None if reading.ended => None,
            None => match reading.next_piece().await {
                Ok((piece, reading)) => Some((Ok(piece), Some((None, reading)))),
                // The status has gone: breaking off is what tells that this is not the end.
                Err(problem) => Some((Err(std::io::Error::other(problem.word())), None)),
            },
        }
    });
    let mut response = Body::from_stream(rest).into_response();
    let ndjson = HeaderValue::from_static(NDJSON[0]);
    response.headers_mut().insert(header::CONTENT_TYPE, ndjson);
    Ok(response)
}

fn asked(parameters: Vec<(String, String)>) -> Result<Asked, Problem> {
    let mut asked = Asked { from: Position(0), limit: u64::MAX, follow: false, lineage: None };
    for (name, text) in parameters {
        let read = match name.as_str() {
            "from" => text.parse().map(|from| asked.from = Position(from)).is_ok(),
            "limit" => text.parse().map(|limit| asked.limit = limit).is_ok(),
            "follow" => text.parse().map(|follow| asked.follow = follow).is_ok(),
            "lineage" => text.parse().map(|lineage| asked.lineage = Some(lineage)).is_ok(),
            _ => {
                let reason = "the parameters are from, limit, follow and lineage".to_owned();
                return Err(Problem::Arguments { field: name, reason });
            }
        };
        if !read {
            let reason = "from and limit are whole numbers, follow is true or false, a lineage is \
                          16 hexadecimal digits"
                .to_owned();
            return Err(Problem::Arguments { field: name, reason });
        }
    }
    Ok(asked)
}

/// Reads on, piece by piece.
struct Reading {
    entries: Option<Entries>,
    open: Box<dyn Fn() -> Entries + Send>,
    left: u64,
    follow: bool,
    published: watch::Receiver<Position>,
    stopping: watch::Receiver<bool>,
    ended: bool,
}

impl Reading {
    /// The next piece, when there is one; empty and `ended` at the end.
    async fn next_piece(mut self) -> Result<(Bytes, Self), Problem> {
        loop {
            self.published.mark_unchanged();
            let reading = tokio::task::spawn_blocking(move || {
                let piece = self.read_piece();
                (self, piece)
            });
            let piece;
            (self, piece) = reading.await.map_err(|_| bug("reading records panicked"))?;
            let piece = piece.map_err(|error| unreadable(&error))?;
            if !piece.is_empty() {
                return Ok((piece.into(), self));
            }
            if self.left == 0 || !self.follow || *self.stopping.borrow() {
                self.ended = true;
                return Ok((Bytes::new(), self));
            }
            tokio::select! {
                more = self.published.changed() => self.follow = more.is_ok(),
                _ = self.stopping.changed() => self.follow = false,
            }
        }
    }

    fn read_piece(&mut self) -> Result<Vec<u8>, ReadError> {
        let entries = self.entries.get_or_insert_with(&self.open);
        let mut piece = Vec::new();
        for _ in 0..PIECE_RECORDS {
            if self.left == 0 || piece.len() >= PIECE_BYTES {
                break;
            }
            let Some(entry) = entries.next() else { break };
            serde_json::to_writer(&mut piece, &entry?).expect("an entry always serializes");
            piece.push(b'\n');
            self.left -= 1;
        }
        Ok(piece)
    }
}
