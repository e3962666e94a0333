//! The messages of `docs/protocol.md`, as MessagePack: maps with the names that the document has.
//! A frame holds one message, or an array of them.

use std::borrow::Cow;

use deeds_values::{CommandId, Lineage, Position, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;

use crate::error::{Error, Refusal};

/// The version of the protocol.
pub const PROTOCOL: u32 = 1;

/// The subprotocol that the socket is opened with.
pub const SUBPROTOCOL: &str = "deeds.v1.msgpack";

/// What a client sends.
#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ToServer<'a> {
    /// Who I am, where I stood, what I want to see.
    Hello {
        /// [`PROTOCOL`].
        protocol: u32,
        /// Proves who I am.
        token: &'a str,
        /// Where I stood.
        #[serde(skip_serializing_if = "Option::is_none")]
        resume: Option<Resume<'a>>,
        /// What I want to see.
        subs: Vec<Wanted<'a>>,
    },
    /// See this query live.
    Sub(Wanted<'a>),
    /// No longer.
    Unsub {
        /// Its number.
        sub: u32,
    },
    /// This query once.
    Ask {
        /// A number of my choice.
        ask: u32,
        /// The query.
        query: &'a str,
        /// Its arguments.
        args: &'a Value,
    },
    /// A command.
    Command {
        /// Its id.
        id: &'a CommandId,
        /// Its name.
        name: &'a str,
        /// Its arguments.
        args: &'a Value,
    },
    /// Are you there?
    Ping {
        /// Comes back with the `pong`.
        n: u64,
    },
    /// I am going.
    Bye {},
}

/// Where a client stood.
#[derive(Debug, PartialEq, Serialize)]
pub struct Resume<'a> {
    /// The chronicle.
    pub lineage: Lineage,
    /// The position.
    pub position: Position,
    /// The `who` of the last welcome.
    pub who: &'a str,
}

/// A query to be seen.
#[derive(Debug, PartialEq, Serialize)]
pub struct Wanted<'a> {
    /// Its number on this socket.
    pub sub: u32,
    /// The query.
    pub query: &'a str,
    /// Its arguments.
    pub args: &'a Value,
}

/// What the server sends.
#[derive(Debug, PartialEq)]
pub enum ToClient {
    /// You stand here.
    Welcome(Welcome),
    /// You stand elsewhere now, and see this.
    Tick(Tick),
    /// What became of a command.
    Result {
        /// Its id, as text.
        id: String,
        /// The position of its record.
        position: Option<Position>,
        /// What an accepted one answered.
        answer: Option<Value>,
        /// Why it was refused.
        refusal: Option<Refusal>,
        /// What went wrong.
        error: Option<Error>,
    },
    /// What a query answered.
    Answer {
        /// The number of the question.
        ask: u32,
        /// Where it was asked.
        position: Option<Position>,
        /// The time there.
        time: Option<Timestamp>,
        /// What it answered.
        answer: Option<Value>,
        /// What went wrong.
        error: Option<Error>,
    },
    /// A subscription has ended.
    Fail {
        /// Its number.
        sub: u32,
        /// Why.
        error: Error,
    },
    /// I am here.
    Pong {},
    /// The last message.
    Bye {
        /// Why.
        reason: String,
        /// When to try again, if that is any use.
        retry_ms: Option<u64>,
        /// What was wrong.
        error: Option<Error>,
    },
}

/// Every member that a message of the server can have; which it has to have depends on its type. Read so
/// in one pass: an enum with its type among the members would be held back until that is known.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    lineage: Option<Lineage>,
    position: Option<Position>,
    time: Option<Timestamp>,
    who: Option<String>,
    resumed: Option<bool>,
    limits: Option<Limits>,
    from: Option<Position>,
    to: Option<Position>,
    #[serde(default)]
    subs: Vec<SubTick>,
    id: Option<String>,
    answer: Option<Value>,
    refusal: Option<Refusal>,
    error: Option<Error>,
    ask: Option<u32>,
    sub: Option<u32>,
    reason: Option<String>,
    retry_ms: Option<u64>,
}

impl<'de> Deserialize<'de> for ToClient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fn given<T, E: de::Error>(member: Option<T>, name: &'static str) -> Result<T, E> {
            member.ok_or_else(|| E::missing_field(name))
        }
        let members = Members::deserialize(deserializer)?;
        let (position, time, error) = (members.position, members.time, members.error);
        Ok(match &*members.r#type {
            "welcome" => Self::Welcome(Welcome {
                lineage: given(members.lineage, "lineage")?,
                position: given(position, "position")?,
                time: given(time, "time")?,
                who: given(members.who, "who")?,
                resumed: given(members.resumed, "resumed")?,
                limits: given(members.limits, "limits")?,
            }),
            "tick" => Self::Tick(Tick {
                from: given(members.from, "from")?,
                to: given(members.to, "to")?,
                time: given(time, "time")?,
                subs: members.subs,
            }),
            "result" => {
                let (answer, refusal) = (members.answer, members.refusal);
                Self::Result { id: given(members.id, "id")?, position, answer, refusal, error }
            }
            "answer" => {
                let ask = given(members.ask, "ask")?;
                Self::Answer { ask, position, time, answer: members.answer, error }
            }
            "fail" => Self::Fail { sub: given(members.sub, "sub")?, error: given(error, "error")? },
            "pong" => Self::Pong {},
            "bye" => {
                let retry_ms = members.retry_ms;
                Self::Bye { reason: given(members.reason, "reason")?, retry_ms, error }
            }
            other => return Err(de::Error::custom(format_args!("there is no type `{other}`"))),
        })
    }
}

/// The first message of the server.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Welcome {
    /// The chronicle.
    pub lineage: Lineage,
    /// Where the client stands: the next tick begins there.
    pub position: Position,
    /// The time there.
    pub time: Timestamp,
    /// Stands for the actor, its roles and its keys.
    pub who: String,
    /// Whether the client goes on from where it stood.
    pub resumed: bool,
    /// Limits of this server.
    pub limits: Limits,
}

/// How much may be on its way at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Limits {
    /// Commands without a result.
    pub commands: usize,
    /// One-shot queries without an answer.
    pub asks: usize,
}

/// The only message that moves a client.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Tick {
    /// Where the client stands.
    pub from: Position,
    /// Where it stands then.
    pub to: Position,
    /// The time there.
    pub time: Timestamp,
    /// What the subscriptions show then.
    #[serde(default)]
    pub subs: Vec<SubTick>,
}

/// What a tick brings to one subscription: rows, or a value.
#[derive(Debug, PartialEq, Deserialize)]
pub struct SubTick {
    /// Its number.
    pub sub: u32,
    /// Whether the rows so far are dropped.
    #[serde(default)]
    pub reset: bool,
    /// Rows that are new or changed: key, order, row.
    #[serde(default)]
    pub put: Vec<(String, String, Value)>,
    /// Keys of rows that are gone.
    #[serde(default)]
    pub del: Vec<String>,
    /// Where the value was read; rows have none.
    pub at: Option<Position>,
    /// The value.
    #[serde(default)]
    pub value: Value,
}

/// A message as a frame.
pub fn write(message: &ToServer<'_>) -> Vec<u8> {
    rmp_serde::to_vec_named(message).expect("a vector takes every byte, and JSON has no other keys")
}

/// Messages that were written one by one, as one frame.
pub fn joined(mut messages: Vec<Vec<u8>>) -> Vec<u8> {
    if messages.len() == 1 {
        return messages.remove(0);
    }
    let count = u32::try_from(messages.len()).expect("limits keep them few");
    let length: usize = messages.iter().map(Vec::len).sum();
    let mut frame = Vec::with_capacity(length + LIST_HEAD_BYTES);
    frame.push(0xdd);
    frame.extend_from_slice(&count.to_be_bytes());
    messages.iter().for_each(|message| frame.extend_from_slice(message));
    frame
}

/// The marker of a list of any length, and the length.
const LIST_HEAD_BYTES: usize = 5;

/// The messages of a frame.
pub fn read(frame: &[u8]) -> Result<Vec<ToClient>, Error> {
    let unreadable =
        |cause| Error::unreadable("The server sent something that makes no sense", &cause);
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(frame).with_human_readable();
    // The three ways in which MessagePack begins an array.
    let several = matches!(frame.first(), Some(0x90..=0x9f | 0xdc | 0xdd));
    if several {
        Vec::deserialize(&mut deserializer).map_err(unreadable)
    } else {
        let one = ToClient::deserialize(&mut deserializer).map_err(unreadable)?;
        Ok(vec![one])
    }
}
