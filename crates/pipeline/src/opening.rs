//! Opening a chronicle for an app: founding a new one, or replaying what is there.
//!
//! Replay folds every record into the live state, then freezes it once. Then the chronicle learns
//! what is new: this code, its schema, names of types it has not met. Only after that it serves.

use std::sync::{Arc, RwLock};

use arc_swap::ArcSwap;
use deeds_chronicle::{
    AppendError, BodyClass, Disk, OpenError as ChronicleOpenError, Outcome, ReadError, Reader,
    Record, RecordDraft, RecordKind, Recovered, StoredCommandId, Writer, WriterOptions,
};
use deeds_engine::app::App;
use deeds_engine::atom::Atom;
use deeds_engine::engine::{Engine, EngineOptions};
use deeds_engine::recorded::DecodeError;
use deeds_engine::replay::Replayed;
use deeds_engine::schema;
use deeds_values::{ActorId, CommandId, Lineage, Position, Timestamp};

use crate::names::{NameError, Names, Namespace};
use crate::pipeline::{Decider, Frame, Publisher};
use crate::system::{self, CodeActivation, Definitions, Genesis, SchemaActivation};

/// What opening needs to know.
pub struct OpenOptions {
    /// How careful the engine is.
    pub engine: EngineOptions,
    /// What identifies this code, recorded when it changes: a version or a hash of the executable.
    pub code: String,
    /// The wall clock now.
    pub now: Timestamp,
    /// 40 random bytes: the lineage and the secret of a chronicle founded now.
    pub seed: [u8; 40],
}

/// The chronicle could not be opened for this app.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The chronicle itself cannot be opened.
    #[error("cannot open the chronicle")]
    Chronicle(#[from] ChronicleOpenError),
    /// A record cannot be read.
    #[error("cannot read the chronicle")]
    Read(#[from] ReadError),
    /// What is new could not be appended.
    #[error("cannot append to the chronicle")]
    Append(#[from] AppendError),
    /// The chronicle belongs to another app.
    #[error("this chronicle belongs to the app `{found}`, not to `{expected}`")]
    OtherApp {
        /// The app of the chronicle.
        found: String,
        /// The app that was to open it.
        expected: &'static str,
    },
    /// This code cannot read a record that is there.
    #[error("position {position}: {what}")]
    Unreadable {
        /// The record.
        position: Position,
        /// The type and the field, and what is wrong with it.
        what: String,
    },
}

/// An app's chronicle, opened and replayed, ready to decide.
pub struct Opened<A: App> {
    /// The engine's half.
    pub decider: Decider<A>,
    /// The chronicle's half.
    pub publisher: Publisher<A>,
    /// What opening found; none when the chronicle was founded now.
    pub recovered: Option<Recovered>,
    /// Records replayed.
    pub replayed: u64,
}

/// Opens the chronicle, or founds one. `progress` is told the position reached and the end, now and
/// then.
pub fn open<A: App>(
    disk: Arc<dyn Disk>,
    writer_options: impl Fn() -> WriterOptions,
    options: &OpenOptions,
    progress: &mut dyn FnMut(Position, Position),
) -> Result<Opened<A>, OpenError> {
    let (writer, recovered) = match Writer::open(Arc::clone(&disk), writer_options()) {
        Ok((writer, recovered)) => (writer, Some(recovered)),
        Err(ChronicleOpenError::Absent) => {
            let (lineage, genesis) = genesis::<A>(options);
            (Writer::create(disk, writer_options(), lineage, &[genesis])?, None)
        }
        Err(error) => return Err(error.into()),
    };
    let mut replay = Replay::<A>::new(options.engine);
    replay.engine_mut().record_changes(false);
    replay.all(&writer.reader(), progress)?;
    let (mut decider, replayed) = replay.into_decider();
    let Some(last) = replayed.checked_sub(1).map(Position) else {
        let what = "the chronicle has no genesis record".to_owned();
        return Err(OpenError::Unreadable { position: Position(0), what });
    };

    let frame = decider.activate(options);
    decider.engine.record_changes(true);
    let state = decider.engine.state().freeze();
    let atom = Atom {
        lineage: writer.lineage(),
        position: last,
        time: decider.engine.clock().log_time(),
        state,
    };
    let mut publisher = Publisher {
        writer,
        published: Arc::new(ArcSwap::from_pointee(atom)),
        defer: Box::new(|chore| drop(chore.run())),
        report: Arc::new(|_| {}),
        counters: Arc::default(),
        notify: Box::new(|_| {}),
    };
    publisher.commit(frame)?;
    Ok(Opened { decider, publisher, recovered, replayed })
}

fn genesis<A: App>(options: &OpenOptions) -> (Lineage, RecordDraft) {
    let (lineage, secret) = options.seed.split_first_chunk::<8>().expect("40 bytes");
    let secret = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let body = Genesis { app: A::NAME.to_owned(), secret };
    let draft = system::draft(RecordKind::Genesis, Position(0), options.now, &body);
    (Lineage(*lineage), draft)
}

fn secret_bytes(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect::<Option<_>>()?;
    digits.try_into().ok()
}

/// Records on their way into an engine, from position 0.
pub(crate) struct Replay<A: App> {
    options: EngineOptions,
    engine: Engine<A>,
    names: Names,
    code: (u32, String),
    schema: (u32, String),
    next: Position,
}

/// How many records pass between two reports of progress.
const PROGRESS_RECORDS: u64 = 8_192;

impl<A: App> Replay<A> {
    pub(crate) fn new(options: EngineOptions) -> Self {
        Self {
            options,
            engine: Engine::new([0; 32], options),
            names: Names::default(),
            code: (0, String::new()),
            schema: (0, String::new()),
            next: Position(0),
        }
    }

    pub(crate) fn engine_mut(&mut self) -> &mut Engine<A> {
        &mut self.engine
    }

    pub(crate) fn next(&self) -> Position {
        self.next
    }

    fn all(
        &mut self,
        reader: &Reader,
        progress: &mut dyn FnMut(Position, Position),
    ) -> Result<(), OpenError> {
        let end = reader.end()?;
        for record in reader.stream(Position(0)) {
            self.one(&record?)?;
            if self.next.0.is_multiple_of(PROGRESS_RECORDS) || self.next == end {
                progress(self.next, end);
            }
        }
        assert_eq!(self.next, end, "the stream ends where the chronicle does");
        Ok(())
    }

    /// Folds one record.
    pub(crate) fn one(&mut self, record: &Record) -> Result<(), OpenError> {
        let position = record.position();
        assert_eq!(position, self.next, "records come in order, without gaps");
        let unreadable = |what: String| OpenError::Unreadable { position, what };
        let in_system = |kind: &str, error: DecodeError| unreadable(format!("{kind}: {error}"));
        match record.header.kind {
            RecordKind::Command => self.command(record).map_err(unreadable)?,
            RecordKind::Genesis => {
                let genesis: Genesis = system::body(record).map_err(|e| in_system("genesis", e))?;
                if genesis.app != A::NAME {
                    return Err(OpenError::OtherApp { found: genesis.app, expected: A::NAME });
                }
                let secret = secret_bytes(&genesis.secret)
                    .ok_or_else(|| unreadable("genesis: the secret is not 32 bytes".to_owned()))?;
                self.engine = Engine::new(secret, self.options);
                self.engine.record_changes(false);
            }
            RecordKind::Name | RecordKind::Actor | RecordKind::Credential => {
                let definitions: Definitions =
                    system::body(record).map_err(|e| in_system("names", e))?;
                self.define(&definitions).map_err(unreadable)?;
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
            kind @ (RecordKind::Key | RecordKind::StateRoot | RecordKind::Amendment) => {
                return Err(unreadable(format!("{kind:?} records are not known to this version")));
            }
        }
        if record.header.kind != RecordKind::Command {
            self.engine.clock().replayed(record.header.time);
        }
        self.next = position.next();
        Ok(())
    }

    fn define(&mut self, definitions: &Definitions) -> Result<(), String> {
        let namespace = Namespace::from_text(&definitions.namespace)
            .ok_or_else(|| format!("names of an unknown kind: `{}`", definitions.namespace))?;
        for (number, name) in (definitions.first..).zip(&definitions.names) {
            self.names
                .define(namespace, number, name)
                .map_err(|error: NameError| error.to_string())?;
            if namespace == Namespace::Event {
                self.engine.name_event(number, name);
            }
        }
        Ok(())
    }

    fn command(&mut self, record: &Record) -> Result<(), String> {
        let header = &record.header;
        let name = |namespace: Namespace, number: u32| {
            self.names
                .text(namespace, number)
                .ok_or_else(|| format!("{} {number} is not defined", namespace.text()))
        };
        let actor =
            ActorId::new(name(Namespace::Actor, header.actor)?).map_err(|e| e.to_string())?;
        let command_name = name(Namespace::Command, header.type_number)?;
        let known = |command: &deeds_engine::app::CommandType<A>| {
            command.name == command_name || command.aliases.contains(&command_name)
        };
        // A command that this code no longer has can still be folded: its events decide. Its place
        // only tells apart contents under one id.
        let index = A::COMMANDS.iter().position(known).unwrap_or(usize::MAX);
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
        let body = |class| record.body(class);
        let outcome = || body(BodyClass::Outcome).ok_or("the outcome's body is missing");
        let accepted = match header.outcome {
            Outcome::Accepted => Some(outcome()?),
            Outcome::Refused | Outcome::Bug => None,
            Outcome::None => return Err("a command has an outcome".to_owned()),
        };
        let replayed = Replayed {
            position: header.position,
            time: header.time,
            actor: &actor,
            actor_number: header.actor,
            id: id.as_ref(),
            command: index,
            arguments: body(BodyClass::Arguments).unwrap_or_default(),
            personal_arguments: body(BodyClass::PersonalArguments).unwrap_or_default(),
            accepted,
            personal: body(BodyClass::PersonalOutcome),
        };
        self.engine.replay(&replayed).map_err(|error| error.to_string())
    }

    /// What was replayed, as the half of the pipeline that goes on deciding; and how many records.
    fn into_decider(self) -> (Decider<A>, u64) {
        let decider = Decider {
            engine: self.engine,
            names: Arc::new(RwLock::new(self.names)),
            next: self.next,
            code: self.code.0,
            schema: self.schema.0,
            activated: (self.code.1, self.schema.1),
            report: Arc::new(|_| {}),
            frame: Frame::default(),
        };
        (decider, self.next.0)
    }
}

impl<A: App> Decider<A> {
    /// A frame that tells the chronicle what it does not know yet of this code.
    fn activate(&mut self, options: &OpenOptions) -> Frame {
        let time = self.engine.clock().log_time().max(options.now);
        self.engine.clock().replayed(time);
        let (code, schema) = std::mem::take(&mut self.activated);
        if code != options.code {
            self.code += 1;
            let body = CodeActivation { number: self.code, code: options.code.clone() };
            self.system(RecordKind::Code, time, &body);
        }
        let current = serde_json::to_string(&schema::of::<A>()).expect("a schema is JSON");
        if schema != current {
            self.schema += 1;
            let body = SchemaActivation { number: self.schema, schema: current };
            self.system(RecordKind::Schema, time, &body);
        }
        self.name_types(Namespace::Command, A::COMMANDS.iter().map(|command| command.name), time);
        for (number, name) in
            self.name_types(Namespace::Event, A::EVENTS.iter().map(|event| event.name), time)
        {
            self.engine.name_event(number, name);
        }
        std::mem::take(&mut self.frame)
    }

    /// Defines the names that have no number yet.
    fn name_types(
        &mut self,
        namespace: Namespace,
        all: impl Iterator<Item = &'static str>,
        time: Timestamp,
    ) -> Vec<(u32, &'static str)> {
        let mut names = self.names.write().expect("nobody panics holding names");
        let first = names.next(namespace);
        let unknown = all.filter(|name| names.number(namespace, name).is_none());
        let new: Vec<(u32, &'static str)> = (first..).zip(unknown.collect::<Vec<_>>()).collect();
        for (number, name) in &new {
            names.define(namespace, *number, name).expect("numbered from the next one on");
        }
        drop(names);
        if !new.is_empty() {
            let body = Definitions {
                namespace: namespace.text().to_owned(),
                first,
                names: new.iter().map(|(_, name)| (*name).to_owned()).collect(),
            };
            self.system(RecordKind::Name, time, &body);
        }
        new
    }

    fn system(&mut self, kind: RecordKind, time: Timestamp, body: &impl serde::Serialize) {
        let draft = system::draft(kind, self.next, time, body);
        self.next = self.next.next();
        self.frame.add(draft);
    }
}
