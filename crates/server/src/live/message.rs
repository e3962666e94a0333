//! The messages of docs/protocol.md: what clients send, read strictly; what the server sends, written
//! as JSON and, for those who asked for it, turned into MessagePack.

use deeds_engine::transcode;
use deeds_pipeline::host::QueryAnswer;
use deeds_values::{CommandId, Lineage, Position, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::commands::{Accepted, parse_id};
use crate::live::hub::Resume;
use crate::live::tick::{Form, pack};
use crate::problem::Problem;

/// The version of the protocol.
pub(crate) const PROTOCOL: u64 = 1;

/// What a client sends.
#[derive(Debug)]
pub(crate) enum Incoming {
    Hello { protocol: u64, token: String, resume: Option<Resume>, subs: Vec<Subscribing> },
    Sub(Subscribing),
    Unsub { sub: u32 },
    Ask { ask: u32, query: String, args: Vec<u8> },
    Command { id: CommandId, name: String, args: Vec<u8> },
    Token { token: String },
    Ping { n: u64 },
    Bye,
}

/// A query that a client wants to see.
#[derive(Debug)]
pub(crate) struct Subscribing {
    pub(crate) sub: u32,
    pub(crate) query: String,
    pub(crate) args: Vec<u8>,
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
}

#[derive(Deserialize)]
struct Stood {
    lineage: Lineage,
    position: Position,
    who: String,
}

/// Reads a frame: one message or several.
pub(crate) fn read(form: Form, frame: &[u8]) -> Result<Vec<Incoming>, Problem> {
    let json = match form {
        Form::Json => std::borrow::Cow::Borrowed(frame),
        Form::MessagePack => {
            let mut json = Vec::with_capacity(frame.len() * 2);
            transcode::to_json(frame, &mut json).map_err(|_| malformed("it is no MessagePack"))?;
            std::borrow::Cow::Owned(json)
        }
    };
    let several = json.trim_ascii_start().first() == Some(&b'[');
    let members: Vec<Members> = if several {
        serde_json::from_slice(&json).map_err(|error| malformed(&error.to_string()))?
    } else {
        vec![serde_json::from_slice(&json).map_err(|error| malformed(&error.to_string()))?]
    };
    members.into_iter().map(message).collect()
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
                .map(|it| Subscribing { sub: it.sub, query: it.query, args: args(it.args) })
                .collect(),
        },
        "sub" => Incoming::Sub(Subscribing {
            sub: given(members.sub, kind, "sub")?,
            query: given(members.query, kind, "query")?,
            args: args(members.args),
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
            args: args(members.args),
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

/// What became of a command.
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
