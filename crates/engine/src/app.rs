//! The app: the one list of everything it is made of. Implemented by `app!`.

use std::marker::PhantomData;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use crate::actor::Actor;
use crate::command::{ArgumentError, Decide, Parsed};
use crate::event::{Evolve, Listed};
use crate::exact;
use crate::live::{self, Question};
use crate::query::{Read, Shared};
use crate::recorded::DecodeError;
use crate::refusal::{Refusal, RefusalCode};
use crate::replay::{self, Queue};
use crate::state::{Members, State};

/// A state with its commands, events and queries.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an app",
    note = "list its commands, events and queries in `app! {{ {Self} as \"its-name\" {{ ... }} }}`"
)]
pub trait App: State + Members {
    /// The app's name: the part before `/` in the names of its stored types. Lower case, fixed for
    /// ever.
    const NAME: &'static str;
    /// The commands.
    const COMMANDS: &'static [CommandType<Self>];
    /// The events.
    const EVENTS: &'static [EventType<Self>];
    /// The queries.
    const QUERIES: &'static [QueryType<Self>];
    /// What must hold after every command; checked in tests and simulation.
    const INVARIANTS: &'static [Invariant<Self>];
}

/// A JSON Schema, made when asked for.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One command of an app.
pub struct CommandType<A: App> {
    /// The type's own name.
    pub name: &'static str,
    /// Earlier names.
    pub aliases: &'static [&'static str],
    /// The doc comment.
    pub doc: &'static str,
    /// Names of the personal fields.
    pub personal: &'static [&'static str],
    /// The schema of the arguments.
    pub arguments: SchemaOf,
    /// The schema of the answer.
    pub answer: SchemaOf,
    /// The codes it can be refused with.
    pub refusals: &'static [RefusalCode],
    /// The schema of the refusals' data: one of the codes' fields, in the order of the codes.
    pub refusal: SchemaOf,
    /// Parses JSON arguments; the first argument is this command's place in the list.
    pub parse: fn(usize, &[u8]) -> Result<Parsed<A>, ArgumentError>,
    /// The same of MessagePack arguments.
    pub unpack: fn(usize, &[u8]) -> Result<Parsed<A>, ArgumentError>,
    /// Reads recorded arguments: the plain and the personal body.
    pub reread: fn(usize, &[u8], Option<&[u8]>) -> Result<Parsed<A>, DecodeError>,
}

impl<A: App> CommandType<A> {
    /// The type `C`.
    pub const fn of<C: Decide<A>>() -> Self {
        Self {
            name: C::NAME,
            aliases: C::ALIASES,
            doc: C::DOC,
            personal: C::PERSONAL,
            arguments: C::schema,
            answer: schema_of::<C::Answer>,
            refusals: <C::Refusal as Refusal>::CODES,
            refusal: schema_of::<C::Refusal>,
            parse: Parsed::from_json::<C>,
            unpack: Parsed::from_packed::<C>,
            reread: |index, mut plain, personal| {
                C::decode(&mut plain, personal).map(|command| Parsed::new(index, command))
            },
        }
    }
}

/// One event of an app.
pub struct EventType<A: App> {
    /// The type's own name.
    pub name: &'static str,
    /// Earlier names.
    pub aliases: &'static [&'static str],
    /// The doc comment.
    pub doc: &'static str,
    /// Names of the personal fields.
    pub personal: &'static [&'static str],
    /// The schema of the event.
    pub schema: SchemaOf,
    /// An empty queue of recorded events of this type, for replay.
    pub queue: fn() -> Box<dyn Queue<A>>,
}

impl<A: App> EventType<A> {
    /// The type `E`.
    pub const fn of<E: Evolve<A> + Listed<A>>() -> Self {
        Self {
            name: E::NAME,
            aliases: E::ALIASES,
            doc: E::DOC,
            personal: E::PERSONAL,
            schema: E::schema,
            queue: replay::queue::<A, E>,
        }
    }
}

/// One query of an app.
pub struct QueryType<A: App> {
    /// The type's own name.
    pub name: &'static str,
    /// The doc comment.
    pub doc: &'static str,
    /// Whether it picks rows, or computes a value.
    pub is_rows: bool,
    /// With whom its answers are shared.
    pub shared: Shared,
    /// The schema of the arguments.
    pub arguments: SchemaOf,
    /// The schema of the answer.
    pub answer: SchemaOf,
    /// Parses JSON arguments.
    pub question: fn(&[u8]) -> Result<Arc<dyn Question>, ArgumentError>,
    app: PhantomData<fn(A)>,
}

/// Why a query was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The arguments do not fit.
    #[error("{0}")]
    Arguments(ArgumentError),
    /// The actor may not ask this.
    #[error("{0}")]
    Denied(String),
    /// A row query has more rows than are told.
    #[error("there are more than {limit} rows; ask for a part of them")]
    Excess {
        /// How many there may be.
        limit: usize,
    },
    /// A row query without a limit tells of rows of other tables as well: a live reader of all its
    /// rows would be told all of them again with every change.
    #[error("what it tells of a row holds rows of other tables: read it through a window")]
    Unbounded,
    /// The answer holds an integer that JSON does not carry exactly: a bug of the app.
    #[error("the answer's `{field}`: {reason}")]
    Inexact {
        /// The path within the answer.
        field: String,
        /// What is wrong.
        reason: String,
    },
}

impl QueryError {
    /// An answer, or a part of one, as JSON that carries it exactly.
    pub(crate) fn exact_json(answer: &impl Serialize) -> Result<Vec<u8>, Self> {
        let json = serde_json::to_vec(answer).expect("stored types always serialize");
        exact::check_json(&json).map_err(|(field, reason)| Self::Inexact { field, reason })?;
        Ok(json)
    }
}

impl<A: App> QueryType<A> {
    /// The type `Q`.
    pub const fn of<Q: Read<A>>() -> Self {
        Self {
            name: Q::NAME,
            doc: Q::DOC,
            is_rows: Q::SELECTS,
            shared: Q::SHARED,
            arguments: schema_of::<Q>,
            answer: schema_of::<Q::Answer>,
            question: live::question::<A, Q>,
            app: PhantomData,
        }
    }
}

/// The query of this name, with arguments as JSON; none when the app has no such query.
pub fn question<A: App>(
    name: &str,
    arguments: &[u8],
) -> Option<Result<Arc<dyn Question>, ArgumentError>> {
    let query = A::QUERIES.iter().find(|query| query.name == name)?;
    Some((query.question)(arguments))
}

/// Something that must hold after every command.
pub struct Invariant<A> {
    /// The function's name.
    pub name: &'static str,
    /// The check; the error says what is wrong.
    pub check: fn(&A) -> Result<(), String>,
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// The actor with its roles from the token and from the state.
pub fn actor_in<A: App>(
    state: &A,
    id: &deeds_values::ActorId,
    token: &crate::actor::Roles,
) -> Actor {
    Actor::new(id.clone(), state.roles(id).united(token))
}
