//! Opening a chronicle for an app: founding a new one, or replaying what is there.
//!
//! A snapshot that fits is loaded, if there is one. Replay folds every record after it into the live
//! state, which is then frozen once. Then the chronicle learns
//! what is new: this code, its schema, names of types it has not met. Only after that it serves.

use std::sync::Arc;

use arc_swap::ArcSwap;
use deeds_chronicle::{
    AppendError, Disk, LastSigned, OpenError as ChronicleOpenError, Origin, ReadError, Reader,
    RecordDraft, RecordKind, Recovered, Writer, WriterOptions,
};
use deeds_engine::app::{App, CommandType};
use deeds_engine::atom::Atom;
use deeds_engine::duplicates::Duplicates;
use deeds_engine::engine::EngineOptions;
use deeds_engine::schema;
use deeds_values::{Lineage, Position, Timestamp};

use crate::keys::{CheckpointKeys, CheckpointSigner, KeyActivation, Withheld};
use crate::names::Namespace;
use crate::pipeline::{Decider, Frame, Publisher};
use crate::replay::Replay;
use crate::room::Room;
use crate::snapshot::{self, Loaded, Manifest, SnapshotFinding, Snapshotter, Store};
use crate::system::{self, CodeActivation, Definitions, Genesis, SchemaActivation};

/// How many records pass between two reports of progress.
const PROGRESS_RECORDS: u64 = 8_192;

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
    /// How many bytes of the disk are kept free: below, commands are refused.
    pub keep_free_bytes: u64,
    /// The keys that checkpoints will be signed with, recorded when they change.
    pub checkpoint_keys: Option<CheckpointKeys>,
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
    /// Takes snapshots of what is published, when it is asked to.
    pub snapshotter: Snapshotter<A>,
    /// Signs checkpoints, if there is a key.
    pub signer: Option<CheckpointSigner>,
    /// What opening found; none when the chronicle was founded now.
    pub recovered: Option<Recovered>,
    /// The snapshot that was loaded, and those that were not.
    pub snapshots: SnapshotFinding,
    /// Records replayed: all of them, or those after the snapshot.
    pub replayed: u64,
}

/// Opens the chronicle, or founds one. `progress` is told the position reached and the end, now and
/// then: loading a snapshot moves through the positions it stands for, replay through the rest.
pub fn open<A: App>(
    disk: Arc<dyn Disk>,
    writer_options: impl Fn() -> WriterOptions,
    options: &OpenOptions,
    progress: &mut dyn FnMut(Position, Position),
) -> Result<Opened<A>, OpenError> {
    let first_options = writer_options();
    let kept = first_options.guard.as_ref().map(LastSigned::beside);
    let (writer, recovered) = match Writer::open(Arc::clone(&disk), first_options) {
        Ok((writer, recovered)) => (writer, Some(recovered)),
        Err(ChronicleOpenError::Absent) => {
            let (lineage, genesis) = genesis::<A>(options);
            (Writer::create(Arc::clone(&disk), writer_options(), lineage, &[genesis])?, None)
        }
        Err(error) => return Err(error.into()),
    };
    let reader = writer.reader();
    let room = Room::new(Arc::clone(&disk), options.keep_free_bytes);
    let store = Store::new(disk);
    let known = (options.engine, options.code.as_str());
    let (loaded, discarded) = snapshot::load_newest::<A>(&store, &reader, known, progress)?;
    let (manifest, mut replay) = match loaded {
        Some(Loaded { manifest, replay }) => (Some(manifest), replay),
        None => {
            let window = Duplicates::only_remembering(options.engine.window_commands);
            (None, Replay::<A>::new(options.engine, window, false))
        }
    };
    let from = replay.next();
    replay_all(&mut replay, &reader, progress)?;
    let Some(last) = replay.next().0.checked_sub(1).map(Position) else {
        let what = "the chronicle has no genesis record".to_owned();
        return Err(OpenError::Unreadable { position: Position(0), what });
    };
    let replayed = replay.next().0 - from.0;
    let snapshots = SnapshotFinding { loaded: manifest.as_ref().map(Manifest::info), discarded };
    let snapshotter = Snapshotter::new(
        store,
        reader,
        replay.ledger().copy(),
        options.code.clone(),
        options.keep_free_bytes,
        (manifest, &snapshots),
    );
    let (mut decider, state) = replay.into_decider(room);
    let last_time = decider.engine.clock().log_time();

    let frame = decider.activate(options, writer.lineage());
    let found = recovered.as_ref().map(|recovered| recovered.guard);
    let signed = kept.as_ref().map(|kept| kept.compare(&writer.reader())).transpose()?;
    let withheld = found.into_iter().chain(signed).find_map(Withheld::after);
    let signer = options.checkpoint_keys.as_ref().map(|keys| {
        let (origin, recorded) = (Origin::new(A::NAME, writer.lineage()), decider.key.as_ref());
        CheckpointSigner::new(origin, writer.reader(), keys, recorded, withheld, kept)
    });
    let atom = Atom::new(writer.lineage(), last, last_time, state);
    let mut publisher = Publisher {
        writer,
        published: Arc::new(ArcSwap::from_pointee(atom)),
        defer: Box::new(|chore| drop(chore.run())),
        report: Arc::new(|_| {}),
        counters: Arc::default(),
        notify: Box::new(|_| {}),
    };
    // What is left to others waits until there are some.
    publisher.publish(frame)?;
    Ok(Opened { decider, publisher, snapshotter, signer, recovered, snapshots, replayed })
}

fn replay_all<A: App>(
    replay: &mut Replay<A>,
    reader: &Reader,
    progress: &mut dyn FnMut(Position, Position),
) -> Result<(), OpenError> {
    let end = reader.end()?;
    let mut due = replay.next();
    replay.up_to(end, reader, &mut |_, next, _| {
        if next == end || next >= due {
            progress(next, end);
            due = Position(next.0 + PROGRESS_RECORDS);
        }
    })
}

fn genesis<A: App>(options: &OpenOptions) -> (Lineage, RecordDraft) {
    let (lineage, secret) = options.seed.split_first_chunk::<8>().expect("40 bytes");
    let secret = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let body = Genesis { app: A::NAME.to_owned(), secret };
    let draft = system::draft(RecordKind::Genesis, Position(0), options.now, &body);
    (Lineage(*lineage), draft)
}

impl<A: App> Decider<A> {
    /// A frame that tells the chronicle what it does not know yet of this code.
    fn activate(&mut self, options: &OpenOptions, lineage: Lineage) -> Frame {
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
        let names = self.names.read().expect("nobody panics holding names");
        let number = |command: &CommandType<A>| names.number(Namespace::Command, command.name);
        let numbers: Option<Vec<u32>> = A::COMMANDS.iter().map(number).collect();
        self.command_numbers = numbers.expect("every command has just been named");
        drop(names);
        for (number, name) in
            self.name_types(Namespace::Event, A::EVENTS.iter().map(|event| event.name), time)
        {
            self.engine.name_event(number, name);
        }
        if let Some(keys) = &options.checkpoint_keys {
            let origin = Origin::new(A::NAME, lineage);
            if let Some(due) = KeyActivation::due(self.key.as_ref(), keys, &origin, time) {
                self.system(RecordKind::Key, time, &due);
                self.key = Some(due);
            }
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
