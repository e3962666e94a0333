//! A record as people and their programs read it: names for numbers, JSON for bodies.

use std::sync::{Arc, RwLock};

use deeds_chronicle::{BodyClass, Outcome, Record, RecordKind, StoredCommandId};
use deeds_engine::recorded::{self, DecodeError};
use deeds_values::{CommandId, Lineage, Position, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::names::{Names, Namespace};
use crate::reply::Reply;
use crate::system::{self, Definitions};

/// One record.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// The chronicle.
    pub lineage: Lineage,
    /// The record's position.
    pub position: Position,
    /// When it was made.
    pub time: Timestamp,
    /// `command`, or the kind of system record.
    pub kind: &'static str,
    /// Who sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// How the actor was authenticated, and the roles of its token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// The command's name, `app/Name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The command's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The record that caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Position>,
    /// The arguments, personal ones included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Value>,
    /// `accepted`, `refused` or `bug`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    /// The events that followed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventEntry>,
    /// The answer of an accepted command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Value>,
    /// The refusal, or the reference of a bug.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Value>,
    /// What a system record says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<Value>,
}

/// One event of a record.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventEntry {
    /// Its name, `app/Name`.
    pub event: String,
    /// Its fields, personal ones included.
    pub data: Value,
}

/// Reads records as entries; knows the names defined up to where it is used.
#[derive(Clone)]
pub struct EntryReader {
    app: String,
    lineage: Lineage,
    names: Arc<RwLock<Names>>,
}

impl EntryReader {
    /// For records of this chronicle of this app.
    pub fn new(app: &str, lineage: Lineage, names: Arc<RwLock<Names>>) -> Self {
        Self { app: app.to_owned(), lineage, names }
    }

    /// Learns the names a system record defines: for readers that follow a chronicle from its start.
    pub fn learn(&self, record: &Record) {
        let defines = matches!(
            record.header.kind,
            RecordKind::Name | RecordKind::Actor | RecordKind::Credential
        );
        if !defines {
            return;
        }
        let Ok(definitions) = system::body::<Definitions>(record.body(BodyClass::Text)) else {
            return;
        };
        let Some(namespace) = Namespace::from_text(&definitions.namespace) else { return };
        let mut names = self.names.write().expect("nobody panics holding names");
        for (number, name) in (definitions.first..).zip(&definitions.names) {
            // A name known already is one this reader has passed before.
            let _ = names.define(namespace, number, name);
        }
    }

    /// The record as people read it. A body that cannot be read is shown as what is wrong with it.
    pub fn entry(&self, record: &Record) -> Entry {
        let header = &record.header;
        let mut entry = Entry {
            lineage: self.lineage,
            position: header.position,
            time: header.time,
            kind: kind_text(header.kind),
            actor: self.name(Namespace::Actor, header.actor),
            credential: self.name(Namespace::Credential, header.credential),
            command: None,
            id: self.command_id(header.command_id),
            cause: header.cause,
            arguments: None,
            outcome: None,
            events: Vec::new(),
            answer: None,
            refusal: None,
            system: None,
        };
        if header.kind != RecordKind::Command {
            entry.system = Some(system_json(record));
            return entry;
        }
        entry.command = self.type_name(Namespace::Command, header.type_number);
        entry.arguments = record.body(BodyClass::Arguments).map(|plain| {
            let personal = record.body(BodyClass::PersonalArguments).map(json);
            joined(json(plain), personal)
        });
        let body = record.body(BodyClass::Outcome).map(json);
        match header.outcome {
            Outcome::None => {}
            Outcome::Accepted => {
                entry.outcome = Some("accepted");
                let personal = record.body(BodyClass::PersonalOutcome).map(json);
                if let Some(Value::Array(mut parts)) = body {
                    entry.answer = parts.pop();
                    entry.events = self.events(parts.pop(), personal);
                }
            }
            Outcome::Refused => {
                entry.outcome = Some("refused");
                entry.refusal = body;
            }
            Outcome::Bug => {
                entry.outcome = Some("bug");
                entry.refusal = body;
            }
        }
        entry
    }

    fn events(&self, events: Option<Value>, personal: Option<Value>) -> Vec<EventEntry> {
        let Some(Value::Array(events)) = events else { return Vec::new() };
        let mut entries: Vec<EventEntry> = events
            .into_iter()
            .map(|event| {
                let number = event[0].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
                let name = self.type_name(Namespace::Event, number);
                EventEntry { event: name.unwrap_or_default(), data: event[1].clone() }
            })
            .collect();
        if let Some(Value::Array(parts)) = personal {
            for part in parts {
                let place = part[0].as_u64().and_then(|place| usize::try_from(place).ok());
                if let Some(entry) = place.and_then(|place| entries.get_mut(place)) {
                    entry.data = joined(entry.data.take(), Some(part[1].clone()));
                }
            }
        }
        entries
    }

    fn name(&self, namespace: Namespace, number: u32) -> Option<String> {
        let names = self.names.read().expect("nobody panics holding names");
        match number {
            0 => None,
            _ => Some(names.text(namespace, number).map_or(format!("#{number}"), str::to_owned)),
        }
    }

    fn type_name(&self, namespace: Namespace, number: u32) -> Option<String> {
        self.name(namespace, number).map(|name| format!("{}/{name}", self.app))
    }

    fn command_id(&self, id: StoredCommandId) -> Option<String> {
        match id {
            StoredCommandId::None => None,
            StoredCommandId::Unique(bytes) => Some(
                CommandId::unique(bytes)
                    .map_or_else(|| "not a UUIDv7".to_owned(), |id| id.to_string()),
            ),
            StoredCommandId::Numbered { source, number } => {
                let source = self.name(Namespace::Source, source).unwrap_or_default();
                Some(format!("{source}/{number}"))
            }
        }
    }
}

/// What became of the command of a record, as its first sender was told.
pub fn reply_of(record: &Record) -> Result<Reply, DecodeError> {
    let position = record.position();
    let wrong = |reason: &str| DecodeError { field: String::new(), reason: reason.to_owned() };
    let body = record.body(BodyClass::Outcome).ok_or_else(|| wrong("the outcome is missing"))?;
    match record.header.outcome {
        Outcome::Accepted => {
            let answer = deeds_engine::replay::answer_of(body)?.to_vec();
            Ok(Reply::Accepted { position, answer })
        }
        Outcome::Refused => Ok(Reply::Refused { position, refusal: body.to_vec() }),
        Outcome::Bug => {
            let body = recorded::to_json(body)?;
            let reference = body["reference"].as_str().unwrap_or_default().to_owned();
            Ok(Reply::Bug { position, reference })
        }
        Outcome::None => Err(wrong("this record is no command")),
    }
}

fn json(body: &[u8]) -> Value {
    recorded::to_json(body).unwrap_or_else(|error| Value::String(format!("unreadable: {error}")))
}

/// The fields of both.
fn joined(mut plain: Value, personal: Option<Value>) -> Value {
    if let (Value::Object(fields), Some(Value::Object(personal))) = (&mut plain, personal) {
        fields.extend(personal);
    }
    plain
}

/// A system record's body; the genesis secret stays in the chronicle.
fn system_json(record: &Record) -> Value {
    let mut body = record.body(BodyClass::Text).map_or(Value::Null, json);
    if record.header.kind == RecordKind::Genesis
        && let Value::Object(fields) = &mut body
    {
        fields.remove("secret");
    }
    body
}

fn kind_text(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Command => "command",
        RecordKind::Genesis => "genesis",
        RecordKind::Name => "name",
        RecordKind::Schema => "schema",
        RecordKind::Code => "code",
        RecordKind::Actor => "actor",
        RecordKind::Credential => "credential",
        RecordKind::Key => "key",
        RecordKind::StateRoot => "state root",
        RecordKind::Amendment => "amendment",
        RecordKind::Restored => "restored",
    }
}
