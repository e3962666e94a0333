//! What went wrong, for the one who asked: RFC 9457 problem details, and the status of each.
//!
//! Three statuses promise something about the command:
//! - **503**: it was not run and will not be; send it again after a while, with the same id or another;
//! - **504**: it may have been run; send it again *with the same id*, which is always safe;
//! - **500** of type `bug`: the app failed, the intent is recorded, sending it again changes nothing.
//!
//! A body is `{type, title, status, detail}` and the members its kind adds: `field`, `position`,
//! `lineage`, `refusal`, `reference`, `server_time`, `suggestion`. `type` is `urn:deeds:problem:`
//! and a word that never changes. A detail may repeat a part of the arguments to the one who sent
//! them; so details are told and not logged.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use deeds_values::{Lineage, Position, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;

/// The media type of problem details.
pub(crate) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Everything that can keep a request from being answered as asked.
#[derive(Debug)]
pub(crate) enum Problem {
    /// The request as a whole does not make sense: a header, a parameter, a line.
    Malformed { detail: String },
    /// The arguments do not fit; `field` is empty for the arguments as a whole.
    Arguments { field: String, reason: String },
    /// The command id has neither form.
    CommandId { detail: String },
    /// A UUIDv7 from the future.
    Ahead { server_time: Timestamp },
    /// No token, or none that counts.
    Unauthenticated { detail: String, token_given: bool },
    /// Authenticated, but not allowed.
    Denied { reason: String },
    /// Nothing is at this path.
    NoSuchPath,
    /// The tree has no such tile, or not yet.
    NoSuchTile,
    /// The app has no such command or query.
    NoSuchName { kind: &'static str, name: String, suggestion: Option<String> },
    /// The path does not know this method.
    Method,
    /// The body came too slowly.
    TooSlow,
    /// The id stands for something else.
    Conflict { lineage: Lineage, position: Position },
    /// The id is too old to tell whether it was run.
    Gone,
    /// The caller's position is of another lineage.
    OtherLineage { lineage: Lineage },
    /// The body is too long.
    TooLarge { limit: usize },
    /// The client speaks another version of the live protocol.
    OtherProtocol { spoken: u64 },
    /// The query's answer has too many rows.
    TooManyRows { limit: usize },
    /// The body is not of the media type that the path takes.
    MediaType { expected: &'static str },
    /// The request names a host that this server is not.
    Misdirected,
    /// The domain's no, recorded; `refusal` is `{code, message, data}`.
    Refused { lineage: Lineage, position: Position, message: String, refusal: Box<RawValue> },
    /// This actor has its fill of commands waiting.
    ActorBusy { detail: String },
    /// Too much is waiting.
    Busy { detail: String },
    /// The server's disk is almost full.
    NoRoom,
    /// The server is on its way out.
    Stopping,
    /// The server's clock jumped; a person has to confirm it.
    ClockStopped { server_time: Timestamp },
    /// The state has not come to the position asked for.
    NotYet { lineage: Lineage, published: Position },
    /// The server is not well; `/healthz` only.
    Unwell { reason: String },
    /// No checkpoint may be signed.
    NotSigned { reason: String },
    /// The app or the server failed on this request.
    Bug { reference: String, recorded: Option<(Lineage, Position)> },
    /// The chronicle could not be read.
    Unreadable { reference: String },
    /// It is not known what became of the command.
    Unknown,
}

/// The wire form.
#[derive(Serialize)]
struct Details<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suggestion: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lineage: Option<Lineage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<Position>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a RawValue>,
}

/// How tiles are asked for.
const NO_SUCH_TILE: &str = "Tiles are /v1/tile/L/N or .p/W, N in groups of three digits, up to the \
                            size of the last checkpoint.";

/// What is told while the disk is almost full.
const NO_ROOM: &str = "There is no room to record it. Nothing was run; send it again when the \
                       operators have made room. Queries are answered as always.";

/// What is told with most of what was not run.
const SEND_AGAIN: &str = "Nothing was run; send it again in a moment.";

/// How long a client waits before it sends again what found a full queue: a queue drains in
/// milliseconds, and a second is the smallest number the header has.
const BUSY_RETRY_SECONDS: u64 = 1;

/// How long while the server restarts.
const STOPPING_RETRY_SECONDS: u64 = 5;

/// How long while a person makes room; asking costs the server next to nothing.
const ROOM_RETRY_SECONDS: u64 = 10;

/// How long while a person looks at the clock.
const CLOCK_RETRY_SECONDS: u64 = 60;

impl Problem {
    /// The status, the word of the type, and the title.
    #[rustfmt::skip]
    fn kind(&self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::Malformed { .. } => (S::BAD_REQUEST, "malformed", "The request is malformed"),
            Self::Arguments { .. } => (S::BAD_REQUEST, "arguments", "The arguments do not fit"),
            Self::CommandId { .. } => (S::BAD_REQUEST, "command-id", "Not a command id"),
            Self::Ahead { .. } => (S::BAD_REQUEST, "clock", "The command id is from the future"),
            Self::Unauthenticated { .. } => (S::UNAUTHORIZED, "unauthenticated", "Who are you?"),
            Self::Denied { .. } => (S::FORBIDDEN, "denied", "Not allowed"),
            Self::NoSuchPath => (S::NOT_FOUND, "path", "Nothing is here"),
            Self::NoSuchTile => (S::NOT_FOUND, "tile", "No such tile"),
            Self::NoSuchName { .. } => (S::NOT_FOUND, "name", "No such name"),
            Self::Method => (S::METHOD_NOT_ALLOWED, "method", "Not with this method"),
            Self::TooSlow => (S::REQUEST_TIMEOUT, "too-slow", "The body came too slowly"),
            Self::Conflict { .. } => (S::CONFLICT, "conflict", "The id stands for another command"),
            Self::Gone => (S::GONE, "gone", "The command id is too old"),
            Self::OtherLineage { .. } =>
                (S::PRECONDITION_FAILED, "other-lineage", "Another lineage"),
            Self::TooLarge { .. } => (S::PAYLOAD_TOO_LARGE, "too-large", "Too large"),
            Self::OtherProtocol { .. } => (S::BAD_REQUEST, "version", "Another protocol"),
            Self::TooManyRows { .. } => (S::BAD_REQUEST, "too-many-rows", "Too many rows"),
            Self::MediaType { .. } =>
                (S::UNSUPPORTED_MEDIA_TYPE, "media-type", "Not this media type"),
            Self::Misdirected => (S::MISDIRECTED_REQUEST, "misdirected", "Not this host"),
            Self::Refused { .. } => (S::UNPROCESSABLE_ENTITY, "refused", "Refused"),
            Self::ActorBusy { .. } =>
                (S::TOO_MANY_REQUESTS, "actor-busy", "Too many commands of yours are waiting"),
            Self::Busy { .. } => (S::SERVICE_UNAVAILABLE, "busy", "Too much is waiting"),
            Self::NoRoom => (S::SERVICE_UNAVAILABLE, "no-room", "The server's disk is almost full"),
            Self::Stopping => (S::SERVICE_UNAVAILABLE, "stopping", "The server is stopping"),
            Self::ClockStopped { .. } =>
                (S::SERVICE_UNAVAILABLE, "clock-stopped", "The server's clock jumped"),
            Self::NotYet { .. } => (S::SERVICE_UNAVAILABLE, "not-yet", "Not there yet"),
            Self::Unwell { .. } => (S::SERVICE_UNAVAILABLE, "unwell", "The server is not well"),
            Self::NotSigned { .. } =>
                (S::SERVICE_UNAVAILABLE, "not-signed", "No checkpoint is signed"),
            Self::Bug { .. } => (S::INTERNAL_SERVER_ERROR, "bug", "A bug"),
            Self::Unreadable { .. } =>
                (S::INTERNAL_SERVER_ERROR, "unreadable", "The chronicle cannot be read"),
            Self::Unknown => (S::GATEWAY_TIMEOUT, "unknown", "The outcome is not known"),
        }
    }

    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        self.kind().0
    }

    /// The word of the type: what logs and counters call it.
    pub(crate) fn word(&self) -> &'static str {
        self.kind().1
    }

    /// What happened and what to do, in a sentence or two.
    fn detail(&self) -> String {
        match self {
            Self::Malformed { detail } | Self::CommandId { detail } => detail.clone(),
            Self::Arguments { reason, .. } => reason.clone(),
            Self::Ahead { .. } => "The id's time is more than five minutes ahead of the server's: \
                set the clock, or let the server make the id. Nothing was run."
                .to_owned(),
            Self::Unauthenticated { detail, .. } => detail.clone(),
            Self::Denied { reason } | Self::Unwell { reason } | Self::NotSigned { reason } => {
                reason.clone()
            }
            Self::NoSuchTile => NO_SUCH_TILE.to_owned(),
            Self::NoSuchPath => "See /v1/schema for the commands and queries.".to_owned(),
            Self::NoSuchName { kind, name, suggestion } => match suggestion {
                Some(suggestion) => {
                    format!("There is no {kind} `{name}`. Did you mean `{suggestion}`?")
                }
                None => format!("There is no {kind} `{name}`; see /v1/schema."),
            },
            Self::Method => "The header Allow names the methods of this path.".to_owned(),
            Self::Conflict { position, .. } => format!(
                "Another command with this id was recorded at position {position}. \
                 A new command needs a new id."
            ),
            Self::Gone => "It is too old to tell whether it was run, so it was not run now. See \
                whether it was, and send it with a new id if not."
                .to_owned(),
            Self::OtherLineage { .. } => {
                "The position belongs to another chronicle than this one, \
                as after a restore. Start again from here."
                    .to_owned()
            }
            Self::TooLarge { limit } => format!("At most {limit} bytes are taken."),
            Self::OtherProtocol { spoken } => {
                format!("This server speaks version {spoken} of the live protocol.")
            }
            Self::TooManyRows { limit } => {
                format!("More than {limit} rows fit; ask for a part of them.")
            }
            Self::MediaType { expected } => format!("Content-Type has to be {expected}."),
            Self::Misdirected => "The request names a host that this server does not answer for. \
                Names are added where the server is started."
                .to_owned(),
            Self::Refused { message, .. } => message.clone(),
            Self::TooSlow => "Nothing was run.".to_owned(),
            Self::Stopping => SEND_AGAIN.to_owned(),
            Self::ActorBusy { detail } | Self::Busy { detail } => format!("{detail}. {SEND_AGAIN}"),
            Self::NoRoom => NO_ROOM.to_owned(),
            Self::ClockStopped { .. } => "Commands wait until an operator confirms the time. \
                Nothing was run."
                .to_owned(),
            Self::NotYet { published, .. } => {
                format!("The state is at position {published}; ask again.")
            }
            Self::Bug { reference, recorded } => match recorded {
                Some(_) => format!(
                    "The application failed and nothing changed; what was wanted is recorded. \
                     Name the reference {reference} to the operators."
                ),
                None => format!("Name the reference {reference} to the operators."),
            },
            Self::Unreadable { reference } => format!(
                "What was recorded stays recorded. Name the reference {reference} to the operators."
            ),
            Self::Unknown => "It may have been run or not. Send it again with the same id: it is \
                never run twice."
                .to_owned(),
        }
    }

    /// When to ask again, in seconds.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::ActorBusy { .. } | Self::Busy { .. } | Self::NotYet { .. } | Self::Unknown => {
                Some(BUSY_RETRY_SECONDS)
            }
            Self::NoRoom => Some(ROOM_RETRY_SECONDS),
            Self::Stopping => Some(STOPPING_RETRY_SECONDS),
            Self::ClockStopped { .. } => Some(CLOCK_RETRY_SECONDS),
            _ => None,
        }
    }

    /// The position of the record, where there is one.
    pub(crate) fn position(&self) -> Option<Position> {
        match self {
            Self::Refused { position, .. } | Self::Conflict { position, .. } => Some(*position),
            Self::Bug { recorded, .. } => recorded.map(|(_, position)| position),
            _ => None,
        }
    }

    fn lineage(&self) -> Option<Lineage> {
        match self {
            Self::Refused { lineage, .. }
            | Self::Conflict { lineage, .. }
            | Self::OtherLineage { lineage }
            | Self::NotYet { lineage, .. } => Some(*lineage),
            Self::Bug { recorded, .. } => recorded.map(|(lineage, _)| lineage),
            _ => None,
        }
    }

    /// The body: JSON on one line.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let (status, word, title) = self.kind();
        let details = Details {
            kind: format!("urn:deeds:problem:{word}"),
            title,
            status: status.as_u16(),
            detail: self.detail(),
            field: match self {
                Self::Arguments { field, .. } if !field.is_empty() => Some(field),
                _ => None,
            },
            suggestion: match self {
                Self::NoSuchName { suggestion, .. } => suggestion.as_deref(),
                _ => None,
            },
            reference: match self {
                Self::Bug { reference, .. } | Self::Unreadable { reference } => Some(reference),
                _ => None,
            },
            server_time: match self {
                Self::Ahead { server_time } | Self::ClockStopped { server_time } => {
                    Some(*server_time)
                }
                _ => None,
            },
            limit: match self {
                Self::TooLarge { limit } | Self::TooManyRows { limit } => Some(*limit),
                _ => None,
            },
            lineage: self.lineage(),
            position: match self {
                Self::NotYet { published, .. } => Some(*published),
                _ => self.position(),
            },
            refusal: match self {
                Self::Refused { refusal, .. } => Some(refusal),
                _ => None,
            },
        };
        serde_json::to_vec(&details).expect("problem details always serialize")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.to_json()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
        if let Some(seconds) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Self::Unauthenticated { token_given, .. } = &self {
            let challenge = match token_given {
                true => "Bearer realm=\"deeds\", error=\"invalid_token\"",
                false => "Bearer realm=\"deeds\"",
            };
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
            .extensions_mut()
            .insert(crate::gateway::Told { problem: Some(self.word()), position: self.position() });
        response
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_problem_stands_in_the_reference() {
        let reference = include_str!("../../../docs/http.md");
        let code = include_str!("problem.rs");
        let (_, kinds) = code.split_once("fn kind(&self)").unwrap();
        let (kinds, _) = kinds.split_once("/// The status.").unwrap();
        let words: Vec<_> =
            kinds.split("(S::").skip(1).map(|kind| kind.split('"').nth(1)).collect();
        assert!(words.len() > 20);
        for word in words {
            let word = format!("`{}`", word.unwrap());
            assert!(reference.contains(&word), "docs/http.md says nothing of {word}");
        }
    }
}
