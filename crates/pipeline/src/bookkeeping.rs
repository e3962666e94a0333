//! Bookkeeping: what the records say besides the rows. The numbers that stand for names, the code
//! and the schema in force, the secret, and whose command a record is.
//!
//! Replay keeps these books beside the engine it folds into. The snapshotter keeps its own, without
//! an engine: [`Ledger`] reads the records that went by since its last snapshot, so that taking one
//! asks nothing of the thread that decides.

use deeds_chronicle::{BodyClass, Record, RecordKind, StoredCommandId};
use deeds_engine::app::{App, CommandType};
use deeds_engine::duplicates::Duplicates;
use deeds_engine::engine::fingerprint;
use deeds_engine::recorded::DecodeError;
use deeds_values::{ActorId, CommandId, Position, Timestamp};

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

/// What a system record said that others keep, too.
pub(crate) enum Said {
    /// A chronicle begins, with this secret.
    Genesis([u8; 32]),
    /// Names of events have numbers from here on.
    Events(Definitions),
    /// Nothing that concerns anybody else.
    Else,
}

/// Whose command a record is, and which.
pub(crate) struct Identity {
    pub(crate) actor: ActorId,
    pub(crate) id: Option<CommandId>,
    /// The place in [`App::COMMANDS`]. A command that this code no longer has can still be folded:
    /// its events decide. Its place only tells apart contents under one id.
    pub(crate) command: usize,
}

impl Books {
    /// Writes down what a system record says. The caller moves on with [`Self::turn`].
    pub(crate) fn system<A: App>(&mut self, record: &Record) -> Result<Said, OpenError> {
        let unreadable = |what: String| OpenError::Unreadable { position: record.position(), what };
        let in_system = |kind: &str, error: DecodeError| unreadable(format!("{kind}: {error}"));
        match record.header.kind {
            RecordKind::Command => unreachable!("a command is no system record"),
            RecordKind::Genesis => {
                let genesis: Genesis = system::body(record).map_err(|e| in_system("genesis", e))?;
                if genesis.app != A::NAME {
                    return Err(OpenError::OtherApp { found: genesis.app, expected: A::NAME });
                }
                self.secret = system::bytes_32(&genesis.secret)
                    .ok_or_else(|| unreadable("genesis: the secret is not 32 bytes".to_owned()))?;
                return Ok(Said::Genesis(self.secret));
            }
            RecordKind::Name | RecordKind::Actor | RecordKind::Credential => {
                let definitions: Definitions =
                    system::body(record).map_err(|e| in_system("names", e))?;
                let namespace = self.define(&definitions).map_err(unreadable)?;
                if namespace == Namespace::Event {
                    return Ok(Said::Events(definitions));
                }
            }
            RecordKind::Schema => {
                let schema: SchemaActivation =
                    system::body(record).map_err(|e| in_system("schema", e))?;
                self.schema = (schema.number, schema.schema);
            }
            RecordKind::Code => {
                let code: CodeActivation =
                    system::body(record).map_err(|e| in_system("code", e))?;
                self.code = (code.number, code.code);
            }
            RecordKind::Key => {
                self.key = Some(system::body(record).map_err(|e| in_system("key", e))?);
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

    /// Whose command this record is, and which.
    pub(crate) fn identify<A: App>(&self, record: &Record) -> Result<Identity, String> {
        let header = &record.header;
        let name = |namespace: Namespace, number: u32| {
            self.names
                .text(namespace, number)
                .ok_or_else(|| format!("{} {number} is not defined", namespace.text()))
        };
        let actor =
            ActorId::new(name(Namespace::Actor, header.actor)?).map_err(|e| e.to_string())?;
        let command_name = name(Namespace::Command, header.type_number)?;
        let known = |command: &CommandType<A>| {
            command.name == command_name || command.aliases.contains(&command_name)
        };
        let command = A::COMMANDS.iter().position(known).unwrap_or(usize::MAX);
        let id = match header.command_id {
            StoredCommandId::None => None,
            StoredCommandId::Unique(bytes) => {
                Some(CommandId::unique(bytes).ok_or("its id is not a UUIDv7")?)
            }
            StoredCommandId::Numbered { source, number } => {
                let source = name(Namespace::Source, source)?.to_owned();
                Some(CommandId::Numbered { source, number })
            }
        };
        Ok(Identity { actor, id, command })
    }

    /// Checks that a record comes next.
    pub(crate) fn expect(&self, record: &Record) {
        assert_eq!(record.position(), self.next, "records come in order, without gaps");
    }

    /// Moves on behind the record that came next.
    pub(crate) fn turn(&mut self) {
        self.next = self.next.next();
    }
}

/// Books and the duplicate window, without an engine.
pub(crate) struct Ledger {
    pub(crate) books: Books,
    pub(crate) duplicates: Duplicates,
    /// The time of the last record.
    pub(crate) time: Timestamp,
}

impl Ledger {
    /// Writes down the next record.
    pub(crate) fn one<A: App>(&mut self, record: &Record) -> Result<(), OpenError> {
        self.books.expect(record);
        if record.header.kind == RecordKind::Command {
            let position = record.position();
            let unreadable = |what: String| OpenError::Unreadable { position, what };
            let identity = self.books.identify::<A>(record).map_err(unreadable)?;
            if let Some(id) = &identity.id {
                let body = |class| record.body(class).unwrap_or_default();
                let arguments = body(BodyClass::Arguments);
                let personal = body(BodyClass::PersonalArguments);
                let print = fingerprint(identity.command, arguments, personal);
                let (actor, time) = (record.header.actor, record.header.time);
                self.duplicates.remember(actor, id, print, position, time);
            }
        } else {
            self.books.system::<A>(record)?;
        }
        assert!(record.header.time >= self.time, "log time does not go back");
        self.time = record.header.time;
        self.books.turn();
        Ok(())
    }
}
