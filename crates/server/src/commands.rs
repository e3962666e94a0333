//! `POST /v1/commands/{name}`: one command.
//!
//! 1. The body is the arguments, the header `Idempotency-Key` the id; the server makes one if there
//!    is none, and says which in the same header of the answer.
//! 2. The host takes the command in, or says at once why not.
//! 3. The reply comes when it is durable and published. A duplicate's is read back from the chronicle
//!    and takes the same way from there, so that it is the same to the byte.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use deeds_engine::refusal::RefusalBody;
use deeds_engine::transcode;
use deeds_pipeline::host::{Health, Offer};
use deeds_pipeline::pipeline::ARGUMENT_BYTES_MAX;
use deeds_pipeline::reply::{Caller, Reply, SubmitError};
use deeds_values::command_id::CommandIdParseError;
use deeds_values::{CommandId, Lineage, Position};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::body;
use crate::gateway::{Asker, Gateway, Named, Told, bug, new_reference};
use crate::problem::Problem;
use crate::replies::Waiting;

/// The header that carries a command's id, in requests and in answers.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How long a reply is waited for. A decision takes microseconds and an fsync milliseconds; whoever
/// waits longer is told that the outcome is not known, and asks again with the same id.
const REPLY_TIME_MAX: Duration = Duration::from_secs(30);

/// An accepted command, to be told.
pub(crate) struct Accepted {
    pub(crate) position: Position,
    /// `{"lineage", "position", "answer"}`.
    pub(crate) json: Vec<u8>,
    /// Where the answer begins in it.
    answer_at: usize,
}

impl Accepted {
    /// The answer alone, as JSON.
    pub(crate) fn answer(&self) -> &[u8] {
        &self.json[self.answer_at..self.json.len() - 1]
    }
}

pub(crate) async fn send(
    State(gateway): State<Arc<Gateway>>,
    asker: Asker,
    name: Result<Named, Problem>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let id = match id_of(&headers) {
        Ok(id) => id,
        Err(problem) => return problem.into_response(),
    };
    let answered = async {
        let Named(name) = name?;
        let arguments = body::read_json(&headers, body, ARGUMENT_BYTES_MAX).await?;
        let reply = gateway.submit(&asker.caller, &id, &name, &arguments)?;
        asker.notes.name.set(name.clone()).expect("a request has one command");
        let settled = gateway.settle(reply).await;
        if let Err(Problem::Denied { reason }) = &settled {
            gateway.note_denied(&asker.caller, asker.peer, &name, reason);
        }
        settled
    };
    let mut response = match answered.await {
        Ok(accepted) => accepted.into_response(),
        Err(problem) => problem.into_response(),
    };
    let id = HeaderValue::try_from(id.to_string()).expect("a command id is visible ASCII");
    response.headers_mut().insert(IDEMPOTENCY_KEY, id);
    response
}

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.json));
        let json = HeaderValue::from_static(body::JSON);
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response.extensions_mut().insert(Told { position: Some(self.position), problem: None });
        response
    }
}

/// The id that the request carries, or a new one.
fn id_of(headers: &HeaderMap) -> Result<CommandId, Problem> {
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    match (given.next(), given.next()) {
        (None, _) => Ok(new_id()),
        (Some(id), None) => parse_id(id.to_str().unwrap_or_default()),
        (Some(_), Some(_)) => Err(Problem::CommandId {
            detail: "The header Idempotency-Key is given more than once.".to_owned(),
        }),
    }
}

/// A new id for a command that came without.
pub(crate) fn new_id() -> CommandId {
    CommandId::Unique(Uuid::now_v7())
}

/// Reads an id, bare or in quotes: the draft of the header has it as a quoted string.
pub(crate) fn parse_id(text: &str) -> Result<CommandId, Problem> {
    let unquoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let parsed = unquoted.parse::<CommandId>();
    // A lone quotation mark is half of a pair that was lost, not part of a source's name.
    let parsed = parsed.ok().filter(|_| !unquoted.contains('"'));
    parsed.ok_or_else(|| Problem::CommandId { detail: CommandIdParseError.to_string() })
}

impl Gateway {
    /// Gives a command to the host; the reply will come from the receiver.
    pub(crate) fn submit(
        &self,
        caller: &Caller,
        id: &CommandId,
        name: &str,
        arguments: &[u8],
    ) -> Result<oneshot::Receiver<Reply>, Problem> {
        self.try_submit(caller, id, name, arguments)?.map_err(|full| busy(&full))
    }

    /// Like [`submit`](Self::submit); a full queue is told apart, for those who wait for room.
    pub(crate) fn try_submit(
        &self,
        caller: &Caller,
        id: &CommandId,
        name: &str,
        arguments: &[u8],
    ) -> Result<Result<oneshot::Receiver<Reply>, SubmitError>, Problem> {
        let (sender, receiver) = oneshot::channel();
        let awaited = self.replies.expect_one();
        let reply_to = Box::new(move |reply| awaited.put(Waiting::Request(sender, reply)));
        // Parsing runs the app's own code.
        let submitted = catch_unwind(AssertUnwindSafe(|| {
            self.host.submit(caller.clone(), id.clone(), name, arguments, reply_to)
        }));
        match submitted.unwrap_or(Err(SubmitError::Panicked)) {
            Ok(()) => Ok(Ok(receiver)),
            Err(full @ (SubmitError::ActorFull { .. } | SubmitError::QueueFull { .. })) => {
                Ok(Err(full))
            }
            Err(error) => Err(self.not_taken(error)),
        }
    }

    /// Gives several commands to the host; those that it does not take in are told by their place.
    pub(crate) fn submit_several(
        &self,
        caller: &Caller,
        offers: Vec<Offer<'_>>,
    ) -> Vec<(usize, Problem)> {
        let count = offers.len();
        let submitted = catch_unwind(AssertUnwindSafe(|| self.host.submit_several(caller, offers)));
        // Those that were taken in all the same will have a reply.
        let panicked = |_| (0..count).map(|place| (place, SubmitError::Panicked)).collect();
        let left_out = submitted.unwrap_or_else(panicked).into_iter();
        left_out.map(|(place, error)| (place, self.not_taken(error))).collect()
    }

    /// What the client is told of a command that was not taken in.
    fn not_taken(&self, error: SubmitError) -> Problem {
        match error {
            SubmitError::ActorFull { .. } | SubmitError::QueueFull { .. } => busy(&error),
            SubmitError::Stopping => Problem::Stopping,
            SubmitError::TooLarge { limit } => Problem::TooLarge { limit },
            SubmitError::Arguments(error) => {
                Problem::Arguments { field: error.field, reason: error.reason }
            }
            SubmitError::UnknownCommand(name) => {
                let known = self.schema.commands.keys();
                no_such_name("command", &name, known.map(String::as_str))
            }
            SubmitError::Panicked => bug("taking a command in panicked"),
        }
    }

    /// Waits for the reply and makes of it what the client is told.
    pub(crate) async fn settle(
        &self,
        reply: oneshot::Receiver<Reply>,
    ) -> Result<Accepted, Problem> {
        match tokio::time::timeout(REPLY_TIME_MAX, reply).await {
            Ok(Ok(reply)) => self.settled(reply).await,
            // Dropped without a reply, or too late.
            Ok(Err(_)) | Err(_) => Err(Problem::Unknown),
        }
    }

    /// What the client is told of a reply.
    pub(crate) async fn settled(&self, reply: Reply) -> Result<Accepted, Problem> {
        match reply {
            Reply::Recorded(position) => self.recall(position).await,
            reply => self.told(reply),
        }
    }

    /// The outcome of a duplicate, from the record of its first sending.
    async fn recall(&self, position: Position) -> Result<Accepted, Problem> {
        let host = Arc::clone(&self.host);
        match tokio::task::spawn_blocking(move || host.recall(position)).await {
            Ok(Ok(Reply::Recorded(_))) => Err(bug("a record cannot be the duplicate of another")),
            Ok(Ok(reply)) => self.told(reply),
            Ok(Err(error)) => Err(unreadable(&error)),
            Err(_) => Err(bug("reading a record back panicked")),
        }
    }

    fn told(&self, reply: Reply) -> Result<Accepted, Problem> {
        let lineage = self.host.lineage();
        match reply {
            Reply::Accepted { position, answer } => accepted(lineage, position, &answer),
            Reply::Refused { position, refusal } => Err(refused(lineage, position, &refusal)),
            Reply::Bug { position, reference } => {
                Err(Problem::Bug { reference, recorded: Some((lineage, position)) })
            }
            Reply::Denied(reason) => Err(Problem::Denied { reason }),
            Reply::Conflict(position) => Err(Problem::Conflict { lineage, position }),
            Reply::Gone => Err(Problem::Gone),
            // One reply for two clocks: while the server's own has stopped it takes nothing at all,
            // and the caller can only wait; else the id is wrong, and waiting does not mend it.
            Reply::Clock(server_time) => Err(match self.host.health() {
                Health::ClockStopped => Problem::ClockStopped { server_time },
                _ => Problem::Ahead { server_time },
            }),
            Reply::NoRoom => Err(Problem::NoRoom),
            Reply::Stopping => Err(Problem::Stopping),
            Reply::Unknown => Err(Problem::Unknown),
            Reply::Recorded(_) => unreachable!("duplicates are recalled first"),
        }
    }
}

/// The queue has no room, for this actor or for anybody.
pub(crate) fn busy(full: &SubmitError) -> Problem {
    match full {
        SubmitError::ActorFull { .. } => Problem::ActorBusy { detail: full.to_string() },
        _ => Problem::Busy { detail: full.to_string() },
    }
}

fn accepted(lineage: Lineage, position: Position, answer: &[u8]) -> Result<Accepted, Problem> {
    let mut json =
        format!("{{\"lineage\":\"{lineage}\",\"position\":{position},\"answer\":").into_bytes();
    let answer_at = json.len();
    if let Err(error) = transcode::to_json(answer, &mut json) {
        return Err(inexact(lineage, position, &error));
    }
    json.push(b'}');
    Ok(Accepted { position, json, answer_at })
}

fn refused(lineage: Lineage, position: Position, refusal: &[u8]) -> Problem {
    let mut json = Vec::with_capacity(refusal.len() * 2);
    if let Err(error) = transcode::to_json(refusal, &mut json) {
        return inexact(lineage, position, &error);
    }
    let json = String::from_utf8(json).expect("JSON is UTF-8");
    let body = serde_json::from_str::<RefusalBody<String, IgnoredAny>>(&json);
    let message = body.map_or_else(|_| "Refused.".to_owned(), |body| body.message);
    let refusal = RawValue::from_string(json).expect("what was just written is JSON");
    Problem::Refused { lineage, position, message, refusal }
}

/// An answer that JSON cannot carry: the record stands, only telling it fails.
fn inexact(lineage: Lineage, position: Position, error: &transcode::TranscodeError) -> Problem {
    let reference = new_reference();
    tracing::error!(%reference, position = position.0, %error, "an answer cannot be told");
    Problem::Bug { reference, recorded: Some((lineage, position)) }
}

/// The chronicle could not be read.
pub(crate) fn unreadable(error: &(dyn std::error::Error + 'static)) -> Problem {
    let reference = new_reference();
    let cause = error.source().map(ToString::to_string);
    tracing::error!(%reference, %error, cause, "the chronicle cannot be read");
    Problem::Unreadable { reference }
}

/// No such name, and the one that was perhaps meant.
pub(crate) fn no_such_name<'a>(
    kind: &'static str,
    name: &str,
    known: impl Iterator<Item = &'a str>,
) -> Problem {
    let bare = |name: &'a str| name.rsplit('/').next().unwrap_or(name);
    let wanted = name.rsplit('/').next().unwrap_or(name).to_lowercase();
    let nearest = known
        .map(bare)
        .map(|known| (distance(&wanted, &known.to_lowercase()), known))
        .min()
        // As far apart as a third of the word: not the same word any more.
        .filter(|(distance, known)| *distance <= known.len().div_ceil(3));
    let name = crate::security_journal::shortened(name).to_owned();
    Problem::NoSuchName { kind, name, suggestion: nearest.map(|(_, known)| known.to_owned()) }
}

/// How many letters one has to add, remove or replace to get from one word to the other. Words
/// longer than any name are far from every name.
fn distance(from: &str, to: &str) -> usize {
    const WORD_BYTES_MAX: usize = 100;
    if from.len() > WORD_BYTES_MAX {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_is_told_which_it_may_have_been() {
        let known = ["bank/AddToCart", "bank/Checkout", "bank/Restock"];
        let suggested = |name: &str| match no_such_name("command", name, known.into_iter()) {
            Problem::NoSuchName { suggestion, .. } => suggestion,
            _ => unreachable!(),
        };
        assert_eq!(suggested("addtocart").as_deref(), Some("AddToCart"));
        assert_eq!(suggested("bank/Chekcout").as_deref(), Some("Checkout"));
        assert_eq!(suggested("Restok").as_deref(), Some("Restock"));
        assert_eq!(suggested("DeleteEverything"), None);
        assert_eq!(suggested(&"é".repeat(100_000)), None);
    }

    #[test]
    fn ids_are_taken_bare_or_quoted_and_nothing_else() {
        for text in ["import-1f/7", "\"import-1f/7\"", "0192d3f0-0000-7000-8000-000000000000"] {
            parse_id(text).unwrap();
        }
        for text in ["", "\"", "7", "import/", "\"import/1", "0192d3f0-0000-4000-8000-000000000000"]
        {
            assert_eq!(parse_id(text).unwrap_err().word(), "command-id", "{text}");
        }
    }
}
