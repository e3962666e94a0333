//! Bookkeeping: what the records say besides the rows. The numbers that stand for names, the code
//! and the schema in force, the secret, and whose command a record is.
//!
//! Replay keeps these books beside the engine that it folds into, and the snapshotter keeps its own:
//! [`Ledger`] reads the records that went by since its last snapshot, so that taking one asks nothing
//! of the thread that decides.

use deeds_chronicle::{BodyClass, RecordHeader, RecordKind, RecordRef, StoredCommandId};
use deeds_engine::app::{App, CommandType};
use deeds_engine::duplicates::Duplicates;
use deeds_engine::engine::fingerprint;
use deeds_engine::recorded::DecodeError;
use deeds_values::{CommandId, Position, Timestamp};

use crate::keys::KeyActivation;
use crate::names::{NameError, Names, Namespace};
use crate::opening::OpenError;
use crate::system::{self, CodeActivation, Definitions, Genesis, SchemaActivation};

/// What the records before `next` say besides the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Books {
    pub(crate) names: Names,
    /// From the genesis record; randomness in decisions is derived from it.
    pub(crate) secret: [u8; 32],
    /// The number and identity of the code that the last code record names.
    pub(crate) code: (u32, String),
    /// The number and text of the last schema.
    pub(crate) schema: (u32, String),
    /// The last key record: what signs checkpoints.
    pub(crate) key: Option<KeyActivation>,
    /// The position of the next record.
    pub(crate) next: Position,
}

/// What a record said that others keep, too.
pub(crate) enum Said {
    /// Names have numbers from here on.
    Names(Namespace, Definitions),
    /// Nothing that concerns anybody else.
    Else,
}

impl Books {
    /// Writes down what a system record says.
    fn system<A: App>(&mut self, record: &RecordRef<'_>) -> Result<Said, OpenError> {
        let unreadable = |what: String| OpenError::Unreadable { position: record.position(), what };
        let text = record.body(BodyClass::Text);
        let in_system = |kind: &str, error: DecodeError| unreadable(format!("{kind}: {error}"));
        match record.header.kind {
            RecordKind::Command => unreachable!("a command is no system record"),
            RecordKind::Genesis => {
                let genesis: Genesis = system::body(text).map_err(|e| in_system("genesis", e))?;
                if genesis.app != A::NAME {
                    return Err(OpenError::OtherApp { found: genesis.app, expected: A::NAME });
                }
                self.secret = system::bytes_32(&genesis.secret)
                    .ok_or_else(|| unreadable("genesis: the secret is not 32 bytes".to_owned()))?;
            }
            RecordKind::Name | RecordKind::Actor | RecordKind::Credential => {
                let definitions: Definitions =
                    system::body(text).map_err(|e| in_system("names", e))?;
                let namespace = self.define(&definitions).map_err(unreadable)?;
                return Ok(Said::Names(namespace, definitions));
            }
            RecordKind::Schema => {
                let schema: SchemaActivation =
                    system::body(text).map_err(|e| in_system("schema", e))?;
                self.schema = (schema.number, schema.schema);
            }
            RecordKind::Code => {
                let code: CodeActivation = system::body(text).map_err(|e| in_system("code", e))?;
                self.code = (code.number, code.code);
            }
            RecordKind::Key => {
                self.key = Some(system::body(text).map_err(|e| in_system("key", e))?);
            }
            // It changes nothing: names, keys and commands go on as they were copied.
            RecordKind::Restored => {}
            kind @ (RecordKind::StateRoot | RecordKind::Amendment) => {
                return Err(unreadable(format!("{kind:?} records are not known to this version")));
            }
        }
        Ok(Said::Else)
    }

    fn define(&mut self, definitions: &Definitions) -> Result<Namespace, String> {
        let namespace = Namespace::from_text(&definitions.namespace)
            .ok_or_else(|| format!("names of an unknown kind: `{}`", definitions.namespace))?;
        for (number, name) in (definitions.first..).zip(&definitions.names) {
            self.names
                .define(namespace, number, name)
                .map_err(|error: NameError| error.to_string())?;
        }
        Ok(namespace)
    }

    /// The identity of a command.
    fn identify(&self, header: &RecordHeader) -> Result<Option<CommandId>, String> {
        Ok(match header.command_id {
            StoredCommandId::None => None,
            StoredCommandId::Unique(bytes) => {
                Some(CommandId::unique(bytes).ok_or("its id is not a UUIDv7")?)
            }
            StoredCommandId::Numbered { source, number } => {
                let name = self.names.text(Namespace::Source, source);
                let name = name.ok_or_else(|| undefined(Namespace::Source, source))?;
                Some(CommandId::Numbered { source: name.to_owned(), number })
            }
        })
    }
}

fn undefined(namespace: Namespace, number: u32) -> String {
    format!("{} {number} is not defined", namespace.text())
}

/// Books and the duplicate window, without an engine.
pub(crate) struct Ledger {
    pub(crate) books: Books,
    pub(crate) duplicates: Duplicates,
    /// The time of the last record.
    pub(crate) time: Timestamp,
    /// For each command's number, from 1, its place in [`App::COMMANDS`]; the greatest for one that
    /// this code no longer has. It can still be folded, for its events decide; its place only tells
    /// apart contents under one id.
    places: Vec<usize>,
    /// How many actors have a number.
    actors: u32,
}

impl Ledger {
    /// Goes on with these books.
    pub(crate) fn new<A: App>(books: Books, duplicates: Duplicates, time: Timestamp) -> Self {
        let places = books.names.texts(Namespace::Command).iter().map(|name| place::<A>(name));
        let (places, actors) = (places.collect(), books.names.next(Namespace::Actor) - 1);
        Self { books, duplicates, time, places, actors }
    }

    /// A copy for somebody else to carry on, who looks up no duplicates.
    pub(crate) fn copy(&self) -> Self {
        Self {
            books: self.books.clone(),
            duplicates: self.duplicates.to_remember(),
            time: self.time,
            places: self.places.clone(),
            actors: self.actors,
        }
    }

    /// Writes down the next record.
    pub(crate) fn one<A: App>(&mut self, record: &RecordRef<'_>) -> Result<Said, OpenError> {
        let (header, position) = (&record.header, record.position());
        assert_eq!(position, self.books.next, "records come in order, without gaps");
        let mut said = Said::Else;
        if header.kind == RecordKind::Command {
            let unreadable = |what: String| OpenError::Unreadable { position, what };
            self.command(record).map_err(unreadable)?;
        } else {
            said = self.books.system::<A>(record)?;
            match &said {
                Said::Names(Namespace::Command, definitions) => {
                    self.places.extend(definitions.names.iter().map(|name| place::<A>(name)));
                }
                Said::Names(Namespace::Actor, definitions) => {
                    self.actors += definitions.names.len() as u32;
                }
                Said::Names(..) | Said::Else => {}
            }
        }
        assert!(header.time >= self.time, "log time does not go back");
        self.time = header.time;
        self.books.next = self.books.next.next();
        Ok(said)
    }

    fn command(&mut self, record: &RecordRef<'_>) -> Result<(), String> {
        let header = &record.header;
        if !(1..=self.actors).contains(&header.actor) {
            return Err(undefined(Namespace::Actor, header.actor));
        }
        let place = (header.type_number as usize).checked_sub(1).and_then(|at| self.places.get(at));
        let place = *place.ok_or_else(|| undefined(Namespace::Command, header.type_number))?;
        if let Some(id) = self.books.identify(header)? {
            let arguments = record.body(BodyClass::Arguments).unwrap_or_default();
            let personal = record.body(BodyClass::PersonalArguments).unwrap_or_default();
            let print = fingerprint(place, arguments, personal);
            self.duplicates.remember(header.actor, &id, print, header.position, header.time);
        }
        Ok(())
    }
}

fn place<A: App>(name: &str) -> usize {
    let known = |command: &CommandType<A>| command.name == name || command.aliases.contains(&name);
    A::COMMANDS.iter().position(known).unwrap_or(usize::MAX)
}
