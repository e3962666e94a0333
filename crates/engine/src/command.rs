//! Commands: what an actor wants done, and how it is decided.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use deeds_values::Stored;

use crate::actor::{Access, Actor};
use crate::app::App;
use crate::deciding::Deciding;
use crate::recorded::{self, Recorded};
use crate::refusal::Refusal;
use crate::{exact, packed, transcode};

/// An intent that can be sent, by its name and arguments. Implemented by `#[command]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a command",
    note = "put `#[command]` above the struct"
)]
pub trait Command: Recorded + DeserializeOwned {}

/// How a command is decided against the state.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is in the app's list of commands, but says not how `{A}` decides it",
    label = "not a command of `{A}`",
    note = "write `impl Decide<{A}> for {Self}` with `authorize` and `decide`"
)]
pub trait Decide<A: App>: Command {
    /// What an accepted command answers.
    type Answer: Serialize + JsonSchema + Stored;
    /// What a refused command says; [`Never`](crate::refusal::Never) if it is never refused.
    type Refusal: Refusal;

    /// Whether this actor may send this command now. Runs in the same turn, on the same state, as
    /// the decision. Denied commands are not recorded.
    fn authorize(&self, actor: &Actor, state: &A) -> Access;

    /// Decides: reads the state, emits events, answers; or refuses, which takes back everything
    /// emitted. Time, ids and randomness come from `state`, never from outside.
    fn decide(self, state: &mut Deciding<'_, A>) -> Result<Self::Answer, Self::Refusal>;
}

/// Says that the command is in the list of the app `A`. Implemented by `app!`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not in the list of commands of `{A}`",
    label = "this command is not listed",
    note = "add `{Self}` to `commands: [...]` in `app!`"
)]
pub trait Listed<A>: Command {
    /// The command's place in [`App::COMMANDS`].
    const INDEX: usize;
}

/// A command without its type, ready for the engine.
pub trait Act<A: App>: Send {
    /// See [`Decide::authorize`].
    fn may(&self, actor: &Actor, state: &A) -> Access;
    /// See [`Decide::decide`]; the answer or refusal is already encoded.
    fn act(self: Box<Self>, state: &mut Deciding<'_, A>) -> Decision;
}

/// What a decision came to, encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The answer as MessagePack.
    Accepted(Vec<u8>),
    /// The [`RefusalBody`](crate::refusal::RefusalBody) as MessagePack.
    Refused(Vec<u8>),
}

impl<A: App, C: Decide<A>> Act<A> for C {
    fn may(&self, actor: &Actor, state: &A) -> Access {
        Decide::authorize(self, actor, state)
    }

    fn act(self: Box<Self>, state: &mut Deciding<'_, A>) -> Decision {
        let mut body = Vec::with_capacity(64);
        match Decide::decide(*self, state) {
            Ok(answer) => {
                recorded::write(&answer, &mut body);
                Decision::Accepted(body)
            }
            Err(refusal) => {
                refusal.write(&mut body);
                Decision::Refused(body)
            }
        }
    }
}

/// A command parsed at the edge: its typed form to decide and its bodies to record.
pub struct Parsed<A: App> {
    /// The command's place in [`App::COMMANDS`].
    pub index: usize,
    /// What decides it.
    pub act: Box<dyn Act<A>>,
    /// The plain arguments as MessagePack.
    pub arguments: Vec<u8>,
    /// The personal arguments as MessagePack; empty when there are none.
    pub personal: Vec<u8>,
}

impl<A: App> Parsed<A> {
    /// Takes a typed command, for callers in the same process.
    pub fn new<C: Decide<A>>(index: usize, command: C) -> Self {
        let (mut arguments, mut personal) = (Vec::with_capacity(64), Vec::new());
        command.encode(&mut arguments, &mut personal);
        Self { index, act: Box::new(command), arguments, personal }
    }

    /// Parses JSON arguments. An empty text counts as `{}`.
    pub fn from_json<C: Decide<A>>(index: usize, text: &[u8]) -> Result<Self, ArgumentError> {
        parse_json::<C>(text).map(|command| Self::new(index, command))
    }

    /// Reads MessagePack arguments, which mean the same as their JSON. None counts as `{}`.
    pub fn from_packed<C: Decide<A>>(index: usize, bytes: &[u8]) -> Result<Self, ArgumentError> {
        if let Ok(command) = packed::read::<C>(bytes) {
            return Ok(Self::new(index, command));
        }
        let mut json = Vec::with_capacity(bytes.len() * 2);
        if !bytes.is_empty() {
            transcode::to_json(bytes, &mut json).map_err(|_| ArgumentError {
                field: String::new(),
                reason: "arguments are what JSON can carry".to_owned(),
            })?;
        }
        Self::from_json::<C>(index, &json)
    }
}

/// The arguments do not fit the command or query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ArgumentError {
    /// The path of the field, like `lines[2].sku`; empty for the arguments as a whole.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Parses JSON arguments strictly: unknown and missing fields, wrong types and integers that JSON
/// does not carry exactly are errors that name the field. An empty text counts as `{}`.
pub fn parse_json<T: DeserializeOwned>(text: &[u8]) -> Result<T, ArgumentError> {
    let text = if text.trim_ascii().is_empty() { b"{}" } else { text };
    let argument_error = |(field, reason): (String, String)| {
        // `?` is a place that the path does not know, such as the end of the text.
        let field = if field == "." || field == "?" { String::new() } else { field };
        ArgumentError { field, reason }
    };
    if text.trim_ascii_start().first() != Some(&b'{') {
        // serde would take an array for the fields in order: an accident, not an interface.
        let reason = "arguments are a JSON object".to_owned();
        return Err(ArgumentError { field: String::new(), reason });
    }
    exact::check_json(text).map_err(argument_error)?;
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        argument_error((error.path().to_string(), error.into_inner().to_string()))
    })?;
    deserializer.end().map_err(|error| argument_error((String::new(), error.to_string())))?;
    Ok(value)
}
