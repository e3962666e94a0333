//! The messages of docs/protocol.md: what clients send, read strictly; what the server sends, written
//! as JSON and, for those who asked for it, turned into MessagePack.

use axum::body::Bytes;
use deeds_engine::packed::{NotTaken, Packed};
use deeds_engine::transcode;
use deeds_pipeline::host::{Arguments, QueryAnswer};
use deeds_pipeline::reply::Reply;
use deeds_values::{CommandId, Lineage, Position, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::commands::{Accepted, parse_id};
use crate::live::hub::Resume;
use crate::live::tick::{Form, pack};
use crate::live::wanted::{Subscribing, WindowMembers};
use crate::problem::Problem;

/// The version of the protocol.
pub(crate) const PROTOCOL: u64 = 1;

/// No command is shorter, with its names and an id.
const COMMAND_BYTES_MIN: usize = 32;

/// A UUID as text.
const UUID_TEXT_BYTES: usize = uuid::fmt::Hyphenated::LENGTH;

/// MessagePack's null.
const NIL: &[u8] = &[0xc0];

/// What a client sends.
#[derive(Debug)]
pub(crate) enum Incoming {
    Hello { protocol: u64, token: String, resume: Option<Resume>, subs: Vec<Subscribing> },
    Sub(Subscribing),
    Unsub { sub: u32 },
    Ask { ask: u32, query: String, args: Vec<u8> },
    Command { id: CommandId, name: String, args: Args },
    Token { token: String },
    Ping { n: u64 },
    Bye,
}

/// A command's arguments as they came, where nothing stands for none.
#[derive(Debug)]
pub(crate) enum Args {
    /// As text.
    Json(Vec<u8>),
    /// A part of the frame.
    Packed(Bytes),
}

impl Args {
    pub(crate) fn borrowed(&self) -> Arguments<'_> {
        match self {
            Self::Json(text) => Arguments::Json(text),
            Self::Packed(bytes) => Arguments::Packed(bytes),
        }
    }

    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Json(text) => text.len(),
            Self::Packed(bytes) => bytes.len(),
        }
    }
}

/// Every member that a message can have; which it has to have depends on its type.
#[derive(Deserialize)]
struct Members {
    r#type: String,
    protocol: Option<u64>,
    token: Option<String>,
    resume: Option<Stood>,
    #[serde(default)]
    subs: Vec<WantedMembers>,
    sub: Option<u32>,
    query: Option<String>,
    args: Option<Box<RawValue>>,
    window: Option<WindowMembers>,
    ask: Option<u32>,
    id: Option<String>,
    name: Option<String>,
    n: Option<u64>,
}

#[derive(Deserialize)]
struct WantedMembers {
    sub: u32,
    query: String,
    args: Option<Box<RawValue>>,
    window: Option<WindowMembers>,
}

#[derive(Deserialize)]
struct Stood {
    lineage: Lineage,
    position: Position,
    who: String,
}

/// Reads a frame: one message or several.
pub(crate) fn read(form: Form, frame: &Bytes) -> Result<Vec<Incoming>, Problem> {
    match form {
        Form::Json => read_json(frame),
        Form::MessagePack => {
            if let Ok(messages) = read_packed(frame) {
                return messages;
            }
            let mut json = Vec::with_capacity(frame.len() * 2);
            transcode::to_json(frame, &mut json).map_err(|_| malformed("it is no MessagePack"))?;
            read_json(&json)
        }
    }
}

fn read_json(json: &[u8]) -> Result<Vec<Incoming>, Problem> {
    let several = json.trim_ascii_start().first() == Some(&b'[');
    let members: Vec<Members> = if several {
        serde_json::from_slice(json).map_err(|error| malformed(&error.to_string()))?
    } else {
        vec![serde_json::from_slice(json).map_err(|error| malformed(&error.to_string()))?]
    };
    members.into_iter().map(message).collect()
}

/// Commands at once, other messages one by one as JSON. What is not taken so is read as JSON in whole.
fn read_packed(frame: &Bytes) -> Result<Result<Vec<Incoming>, Problem>, NotTaken> {
    let mut packed = Packed::new(frame);
    let count = packed.list().unwrap_or(1);
    let mut messages = Vec::with_capacity(count.min(frame.len() / COMMAND_BYTES_MIN));
    for _ in 0..count {
        let mut ahead = packed;
        if let Ok(command) = command(frame, &mut ahead) {
            packed = ahead;
            messages.push(command);
            continue;
        }
        let mut json = Vec::new();
        transcode::to_json(packed.value()?, &mut json).map_err(|_| NotTaken)?;
        match serde_json::from_slice(&json).map_err(|_| NotTaken).map(message)? {
            Ok(message) => messages.push(message),
            Err(problem) => return Ok(Err(problem)),
        }
    }
    if packed.is_empty() { Ok(Ok(messages)) } else { Err(NotTaken) }
}

/// The next message, if it is a command without anything odd about it.
fn command(frame: &Bytes, packed: &mut Packed<'_>) -> Result<Incoming, NotTaken> {
    let (mut kind, mut id, mut name, mut args) = (None, None, None, None);
    for _ in 0..packed.map()? {
        let place = match packed.text()? {
            "type" => &mut kind,
            "id" => &mut id,
            "name" => &mut name,
            "args" if args.is_none() => {
                args = Some(packed.value()?);
                continue;
            }
            _ => return Err(NotTaken),
        };
        if place.replace(packed.text()?).is_some() {
            return Err(NotTaken);
        }
    }
    let (Some("command"), Some(id), Some(name)) = (kind, id, name) else { return Err(NotTaken) };
    let id = parse_id(id).map_err(|_| NotTaken)?;
    let args = args.filter(|args| *args != NIL).map_or_else(Bytes::new, |it| frame.slice_ref(it));
    Ok(Incoming::Command { id, name: name.to_owned(), args: Args::Packed(args) })
}

fn malformed(reason: &str) -> Problem {
    Problem::Malformed { detail: format!("The message makes no sense: {reason}.") }
}

fn message(members: Members) -> Result<Incoming, Problem> {
    let kind = members.r#type.as_str();
    fn given<T>(member: Option<T>, kind: &str, name: &str) -> Result<T, Problem> {
        member.ok_or_else(|| malformed(&format!("`{kind}` needs `{name}`")))
    }
    let args = |args: Option<Box<RawValue>>| args.map_or_else(Vec::new, |raw| arguments(&raw));
    Ok(match kind {
        "hello" => Incoming::Hello {
            protocol: given(members.protocol, kind, "protocol")?,
            token: given(members.token, kind, "token")?,
            resume: members.resume.map(|Stood { lineage, position, who }| Resume {
                lineage,
                position,
                who,
            }),
            subs: members
                .subs
                .into_iter()
                .map(|it| Subscribing {
                    sub: it.sub,
                    query: it.query,
                    args: args(it.args),
                    window: it.window,
                })
                .collect(),
        },
        "sub" => Incoming::Sub(Subscribing {
            sub: given(members.sub, kind, "sub")?,
            query: given(members.query, kind, "query")?,
            args: args(members.args),
            window: members.window,
        }),
        "unsub" => Incoming::Unsub { sub: given(members.sub, kind, "sub")? },
        "ask" => Incoming::Ask {
            ask: given(members.ask, kind, "ask")?,
            query: given(members.query, kind, "query")?,
            args: args(members.args),
        },
        "command" => Incoming::Command {
            id: parse_id(&given(members.id, kind, "id")?)?,
            name: given(members.name, kind, "name")?,
            args: Args::Json(args(members.args)),
        },
        "token" => Incoming::Token { token: given(members.token, kind, "token")? },
        "ping" => Incoming::Ping { n: given(members.n, kind, "n")? },
        "bye" => Incoming::Bye,
        other => {
            let shown = crate::security_journal::shortened(other);
            return Err(malformed(&format!("there is no type `{shown}`")));
        }
    })
}

/// Null stands for no arguments, as leaving them out does.
fn arguments(raw: &RawValue) -> Vec<u8> {
    let text = raw.get();
    if text == "null" { Vec::new() } else { text.as_bytes().to_vec() }
}

/// Appends a message that was made as JSON.
pub(crate) fn write(form: Form, json: &[u8], out: &mut Vec<u8>) {
    match form {
        Form::Json => out.extend_from_slice(json),
        Form::MessagePack => pack::json(out, json),
    }
}

/// Appends the result of a command that was recorded, and says its position. Nothing if it was not, or
/// if it is not to be told as it is.
pub(crate) fn recorded(
    form: Form,
    id: &CommandId,
    reply: &Reply,
    out: &mut Vec<u8>,
) -> Option<Position> {
    let (position, member, body) = match reply {
        Reply::Accepted { position, answer } => (*position, "answer", answer),
        Reply::Refused { position, refusal } => (*position, "refusal", refusal),
        _ => return None,
    };
    let start = out.len();
    let written = match form {
        Form::Json => {
            let id = json!(id.to_string());
            let head =
                format!("{{\"type\":\"result\",\"id\":{id},\"position\":{position},\"{member}\":");
            out.extend_from_slice(head.as_bytes());
            let written = transcode::to_json(body, out).is_ok();
            out.push(b'}');
            written
        }
        Form::MessagePack => {
            pack::map(out, 4);
            pack::text(out, "type");
            pack::text(out, "result");
            pack::text(out, "id");
            match id {
                CommandId::Unique(id) => {
                    pack::text(out, id.hyphenated().encode_lower(&mut [0; UUID_TEXT_BYTES]));
                }
                CommandId::Numbered { .. } => pack::text(out, &id.to_string()),
            }
            pack::text(out, "position");
            pack::number(out, position.0);
            pack::text(out, member);
            out.extend_from_slice(body);
            Packed::new(body).value().is_ok_and(|value| value.len() == body.len())
        }
    };
    if !written {
        out.truncate(start);
    }
    written.then_some(position)
}

/// What became of a command, if it is no plain record.
pub(crate) fn result(id: &CommandId, settled: &Result<Accepted, Problem>) -> Vec<u8> {
    let id = json!(id.to_string());
    match settled {
        Ok(accepted) => {
            let position = accepted.position;
            let head =
                format!("{{\"type\":\"result\",\"id\":{id},\"position\":{position},\"answer\":");
            [head.as_bytes(), accepted.answer(), b"}"].concat()
        }
        Err(Problem::Refused { position, refusal, .. }) => format!(
            "{{\"type\":\"result\",\"id\":{id},\"position\":{position},\"refusal\":{refusal}}}"
        )
        .into_bytes(),
        Err(problem) => bytes(&json!({"type": "result", "id": id, "error": error(problem)})),
    }
}

/// What a query answered.
pub(crate) fn answer(ask: u32, answered: &Result<QueryAnswer, Problem>) -> Vec<u8> {
    match answered {
        Ok(QueryAnswer { position, time, json }) => {
            let time = json!(time);
            let head = format!(
                "{{\"type\":\"answer\",\"ask\":{ask},\"position\":{position},\"time\":{time},\
                 \"answer\":"
            );
            [head.as_bytes(), json, b"}"].concat()
        }
        Err(problem) => bytes(&json!({"type": "answer", "ask": ask, "error": error(problem)})),
    }
}

/// A subscription has ended.
pub(crate) fn fail(sub: u32, problem: &Problem) -> Vec<u8> {
    bytes(&json!({"type": "fail", "sub": sub, "error": error(problem)}))
}

pub(crate) fn pong(n: u64) -> Vec<u8> {
    bytes(&json!({"type": "pong", "n": n}))
}

/// The last message.
pub(crate) fn bye(reason: &str, retry_ms: Option<u64>, problem: Option<&Problem>) -> Vec<u8> {
    let mut bye = json!({"type": "bye", "reason": reason, "retry_ms": retry_ms});
    if let Some(problem) = problem {
        bye["error"] = error(problem);
    }
    bytes(&bye)
}

pub(crate) fn bytes(message: &Value) -> Vec<u8> {
    serde_json::to_vec(message).expect("a message is JSON")
}

/// A second as a moment in UTC.
pub(crate) fn moment(seconds: u64) -> Timestamp {
    Timestamp(i64::try_from(seconds.saturating_mul(1_000_000)).unwrap_or(i64::MAX))
}

/// A problem as it is told on a socket: the kind says what to do, the code what it is.
pub(crate) fn error(problem: &Problem) -> Value {
    let details: Value =
        serde_json::from_slice(&problem.to_json()).expect("problem details are JSON");
    let mut error = json!({
        "kind": kind(problem),
        "code": problem.word(),
        "message": details["detail"],
    });
    for member in ["field", "suggestion", "reference", "position", "limit", "server_time"] {
        if let Some(value) = details.get(member) {
            error[member] = value.clone();
        }
    }
    if let Some(seconds) = problem.retry_after() {
        error["retry_ms"] = json!(seconds * 1_000);
    }
    error
}

/// Which of the ten kinds a problem is. The doc's table is held against this by a test.
pub(crate) fn kind(problem: &Problem) -> &'static str {
    match problem {
        Problem::Refused { .. } => "refused",
        Problem::Denied { .. } => "denied",
        Problem::Unauthenticated { .. } => "signin",
        Problem::Malformed { .. }
        | Problem::Arguments { .. }
        | Problem::CommandId { .. }
        | Problem::Ahead { .. }
        | Problem::NoSuchPath
        | Problem::NoSuchTile
        | Problem::NoSuchName { .. }
        | Problem::Method
        | Problem::MediaType { .. }
        | Problem::Misdirected => "invalid",
        Problem::Conflict { .. } => "conflict",
        Problem::TooSlow
        | Problem::ActorBusy { .. }
        | Problem::Busy { .. }
        | Problem::NoRoom
        | Problem::Stopping
        | Problem::ClockStopped { .. }
        | Problem::NotYet { .. }
        | Problem::Unwell { .. }
        | Problem::NotSigned { .. }
        | Problem::Unknown => "busy",
        Problem::TooLarge { .. } | Problem::TooManyRows { .. } => "too_large",
        Problem::Gone => "gone",
        Problem::OtherLineage { .. } | Problem::OtherProtocol { .. } => "version",
        Problem::Bug { .. } | Problem::Unreadable { .. } => "bug",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use deeds_values::Timestamp;

    use super::*;

    const DOC: &str = include_str!("../../../../docs/protocol.md");

    /// The words of a line between backticks.
    fn words(line: &str) -> impl Iterator<Item = &str> {
        line.split('`').skip(1).step_by(2)
    }

    /// Everything that can keep a message from being answered as asked.
    fn problems() -> Vec<Problem> {
        let (lineage, position) = (Lineage([7; 8]), Position(4711));
        let (detail, reason) = (String::new, String::new);
        let refusal = RawValue::from_string("{}".to_owned()).unwrap();
        vec![
            Problem::Malformed { detail: detail() },
            Problem::Arguments { field: "id".to_owned(), reason: reason() },
            Problem::CommandId { detail: detail() },
            Problem::Ahead { server_time: Timestamp(0) },
            Problem::Unauthenticated { detail: detail(), token_given: true },
            Problem::Denied { reason: reason() },
            Problem::NoSuchName {
                kind: "query",
                name: "a".to_owned(),
                suggestion: Some("b".to_owned()),
            },
            Problem::Conflict { lineage, position },
            Problem::Gone,
            Problem::OtherLineage { lineage },
            Problem::TooLarge { limit: 1 },
            Problem::OtherProtocol { spoken: PROTOCOL },
            Problem::TooManyRows { limit: 1 },
            Problem::Refused { lineage, position, message: detail(), refusal },
            Problem::ActorBusy { detail: detail() },
            Problem::Busy { detail: detail() },
            Problem::NoRoom,
            Problem::Stopping,
            Problem::ClockStopped { server_time: Timestamp(0) },
            Problem::NotYet { lineage, published: position },
            Problem::Bug { reference: "r".to_owned(), recorded: Some((lineage, position)) },
            Problem::Unreadable { reference: "r".to_owned() },
            Problem::Unknown,
        ]
    }

    #[test]
    fn every_problem_has_the_kind_and_the_code_of_the_docs_table() {
        let rows = DOC.lines().skip_while(|line| !line.starts_with("| kind |"));
        let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
        let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for row in rows {
            let (kind, codes) = (words(row).next().unwrap(), row.rsplit('|').nth(1).unwrap());
            wanted.insert(kind, words(codes).collect());
        }
        assert_eq!(wanted.len(), 10);
        // What is in it is the app's word.
        wanted.insert("refused", BTreeSet::from(["refused"]));
        let mut told: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for problem in problems() {
            told.entry(kind(&problem)).or_default().insert(problem.word());
        }
        assert_eq!(told, wanted);
    }

    #[test]
    fn an_error_has_the_members_that_the_doc_names_and_no_others() {
        let line = DOC.lines().skip_while(|line| !line.starts_with("An `error` is")).take(2);
        let mut named: BTreeSet<&str> = line.flat_map(words).collect();
        assert!(named.remove("error"));
        let three = named.take("{kind, code, message}").expect("what every error has");
        named.extend(three.trim_matches(['{', '}']).split(", "));
        let mut told = BTreeSet::new();
        for problem in problems().iter().filter(|problem| kind(problem) != "refused") {
            let error = error(problem);
            told.extend(error.as_object().unwrap().keys().cloned());
        }
        assert_eq!(told.iter().map(String::as_str).collect::<BTreeSet<_>>(), named);
    }
}
