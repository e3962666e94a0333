//! A running app without its type: what the gateway and the command line work with, so that they are
//! compiled once and not for every app.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use deeds_chronicle::consistency::TreeReader;
use deeds_chronicle::{Info, ReadError, Reader};
use deeds_engine::actor::Roles;
use deeds_engine::app::{App, QueryError, question};
use deeds_engine::command::Parsed;
use deeds_engine::live::{Identity, Publication, Question, View};
use deeds_engine::schema::AppSchema;
use deeds_engine::table::AnyTable;
use deeds_values::{CommandId, Lineage, Position, Timestamp};

use crate::counters::Counters;
use crate::entry::{Entry, reply_of};
use crate::held::HeldAtoms;
use crate::inbox::Stage;
use crate::keys::{NotSigned, SignedCheckpoint};
use crate::node::{DECISION_TIME_MAX, Node, wall};
use crate::pipeline::ARGUMENT_BYTES_MAX;
use crate::reply::{Caller, Reply, ReplyTo, Submission, SubmitError};
use crate::room::DiskRoom;
use crate::snapshot::SnapshotFigures;

/// A running app. [`Node`] is its one implementation, for each app.
pub trait Host: Send + Sync {
    /// The app's schema.
    fn schema(&self) -> Arc<AppSchema>;

    /// The chronicle's lineage.
    fn lineage(&self) -> Lineage;

    /// The last record that is durable and published.
    fn published(&self) -> Position;

    /// Takes a command in; `name` is `Name` or `app/Name`, `arguments` JSON. The reply comes when it
    /// is durable and published, or at once when the pipeline stops.
    fn submit(
        &self,
        caller: Caller,
        id: CommandId,
        name: &str,
        arguments: &[u8],
        reply: ReplyTo,
    ) -> Result<(), SubmitError>;

    /// Takes commands of one caller in, in their order, all before the first is decided; as
    /// [`Self::submit`]. Those that are not taken in are told by their place, without a reply.
    fn submit_several(&self, caller: &Caller, offers: Vec<Offer<'_>>) -> Vec<(usize, SubmitError)>;

    /// A query with its arguments, to be asked once or live; `name` is `Name` or `app/Name`,
    /// `arguments` JSON.
    fn question(&self, name: &str, arguments: &[u8]) -> Result<Arc<dyn Question>, QueryFailure>;

    /// The published state.
    fn view(&self) -> View;

    /// Who the caller is in that state: its roles there, and the keys it holds.
    fn identity(&self, view: &View, caller: &Caller) -> Identity;

    /// What became of a recorded command: reads it back from the chronicle.
    fn recall(&self, position: Position) -> Result<Reply, ReadError>;

    /// Durable records from a position on, as people read them. Ends at the last durable record;
    /// asked again it goes on with what was appended meanwhile.
    fn records(&self, from: Position) -> Box<dyn Iterator<Item = Result<Entry, ReadError>> + Send>;

    /// Whether the caller holds the role, by token or by state.
    fn has_role(&self, caller: &Caller, role: &str) -> bool;

    /// Sizes and ends of the chronicle.
    fn chronicle_info(&self) -> Result<Info, ReadError>;

    /// A signed checkpoint of what is durable now.
    fn checkpoint(&self) -> Result<SignedCheckpoint, NotSigned>;

    /// The Merkle tree over what is durable now.
    fn tree(&self) -> Result<TreeReader, ReadError>;

    /// The chronicle itself, for reading.
    fn chronicle(&self) -> &Reader;

    /// The tables of the published state: name, rows.
    fn tables(&self) -> Vec<(&'static str, usize)>;

    /// How it is going.
    fn health(&self) -> Health;

    /// Numbers for `/metrics`.
    fn counters(&self) -> Counters;

    /// What is left on the disk, now.
    fn room(&self) -> DiskRoom;

    /// Snapshots: the last one, and how taking them goes.
    fn snapshots(&self) -> SnapshotFigures;

    /// Replaced atoms that somebody still reads from.
    fn held_atoms(&self) -> HeldAtoms;

    /// A person confirms that the server's clock is right after it jumped.
    fn confirm_clock(&self);

    /// Calls back after each publication, in their order, on the thread that commits, when the frame's
    /// commands have been answered: it must not block.
    fn on_publish(&self, call: OnPublish);

    /// Calls back when the host has stopped by itself; at once if it has. It must not block.
    fn on_stop(&self, call: OnStop);

    /// Answers a query on the published state: asks a [`Question`] once. A panic in the app's code
    /// passes through: catch it where requests are isolated.
    fn query(
        &self,
        caller: &Caller,
        name: &str,
        arguments: &[u8],
    ) -> Result<QueryAnswer, QueryFailure> {
        let question = self.question(name, arguments)?;
        Ok(self.ask(caller, &*question)?)
    }

    /// Asks a question once, on the published state; as [`Self::query`].
    fn ask(&self, caller: &Caller, question: &dyn Question) -> Result<QueryAnswer, QueryError> {
        let view = self.view();
        let json = view.ask(&self.identity(&view, caller), question)?;
        Ok(QueryAnswer { position: view.position(), time: view.time(), json })
    }
}

/// One command of several.
pub struct Offer<'a> {
    /// What makes it the same command when sent again.
    pub id: CommandId,
    /// `Name` or `app/Name`.
    pub name: &'a str,
    /// Its arguments.
    pub arguments: Arguments<'a>,
    /// Where the reply goes.
    pub reply: ReplyTo,
}

/// A command's arguments as they came. Both forms mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arguments<'a> {
    /// JSON text; empty for none.
    Json(&'a [u8]),
    /// MessagePack; empty for none.
    Packed(&'a [u8]),
}

/// Called back after each publication.
pub type OnPublish = Box<dyn Fn(&Publication) + Send + Sync>;

/// Called back when a host has stopped by itself.
pub type OnStop = Box<dyn FnOnce() + Send>;

/// A query's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryAnswer {
    /// The position of the state it was read from.
    pub position: Position,
    /// When that record was made.
    pub time: Timestamp,
    /// The answer, as JSON.
    pub json: Vec<u8>,
}

/// Why a query was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryFailure {
    /// The app has no such query.
    #[error("there is no query `{0}`")]
    Unknown(String),
    /// The query itself says no.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// How a running app is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// All is well.
    Serving,
    /// A decision does not end.
    Stuck {
        /// The command.
        command: &'static str,
        /// For how long.
        since: Duration,
    },
    /// The wall clock jumped ahead; commands wait for a person to confirm it.
    ClockStopped,
    /// The disk is almost full; commands are refused until there is room.
    NoRoom {
        /// What may still be written, in bytes.
        free_bytes: u64,
        /// What is kept free.
        keep_free_bytes: u64,
    },
    /// Stopping, or stopped after a failure.
    Stopped {
        /// Why.
        reason: String,
    },
}

/// The part of `app/Name` or `Name` that names a type of this app.
fn own_name<A: App>(name: &str) -> &str {
    match name.split_once('/') {
        Some((app, own)) if app == A::NAME => own,
        _ => name,
    }
}

impl<A: App> Node<A> {
    fn parsed(&self, name: &str, arguments: Arguments<'_>) -> Result<Parsed<A>, SubmitError> {
        let too_large = SubmitError::TooLarge { limit: ARGUMENT_BYTES_MAX };
        let (Arguments::Json(bytes) | Arguments::Packed(bytes)) = arguments;
        if bytes.len() > ARGUMENT_BYTES_MAX {
            return Err(too_large);
        }
        let own = own_name::<A>(name);
        let index = A::COMMANDS.iter().position(|command| command.name == own);
        let index = index.ok_or_else(|| SubmitError::UnknownCommand(name.to_owned()))?;
        let parsed = match arguments {
            Arguments::Json(text) => (A::COMMANDS[index].parse)(index, text),
            Arguments::Packed(bytes) => (A::COMMANDS[index].unpack)(index, bytes),
        };
        let command = parsed.map_err(SubmitError::Arguments)?;
        if command.arguments.len() + command.personal.len() > ARGUMENT_BYTES_MAX {
            return Err(too_large);
        }
        Ok(command)
    }
}

impl<A: App> Host for Node<A> {
    fn schema(&self) -> Arc<AppSchema> {
        Arc::clone(&self.schema)
    }

    fn lineage(&self) -> Lineage {
        self.reader.lineage()
    }

    fn published(&self) -> Position {
        self.shared.published.load().position
    }

    fn submit(
        &self,
        caller: Caller,
        id: CommandId,
        name: &str,
        arguments: &[u8],
        reply: ReplyTo,
    ) -> Result<(), SubmitError> {
        let command = self.parsed(name, Arguments::Json(arguments))?;
        self.submit_parsed(Submission { caller, id, command, reply })
    }

    fn submit_several(&self, caller: &Caller, offers: Vec<Offer<'_>>) -> Vec<(usize, SubmitError)> {
        let (mut submissions, mut left_out) = (Vec::with_capacity(offers.len()), Vec::new());
        for (place, Offer { id, name, arguments, reply }) in offers.into_iter().enumerate() {
            // Parsing runs the app's own code: the others go on.
            let parsed = catch_unwind(AssertUnwindSafe(|| self.parsed(name, arguments)));
            match parsed.unwrap_or(Err(SubmitError::Panicked)) {
                Ok(command) => {
                    let caller = caller.clone();
                    submissions.push((place, Submission { caller, id, command, reply }));
                }
                Err(error) => left_out.push((place, error)),
            }
        }
        left_out.extend(self.submit_several(submissions));
        left_out
    }

    fn question(&self, name: &str, arguments: &[u8]) -> Result<Arc<dyn Question>, QueryFailure> {
        let question = question::<A>(own_name::<A>(name), arguments);
        let question = question.ok_or_else(|| QueryFailure::Unknown(name.to_owned()))?;
        Ok(question.map_err(QueryError::Arguments)?)
    }

    fn view(&self) -> View {
        View::of(self.atom())
    }

    fn identity(&self, view: &View, caller: &Caller) -> Identity {
        view.identity::<A>(&caller.actor, &caller.roles)
    }

    fn recall(&self, position: Position) -> Result<Reply, ReadError> {
        let record = self.reader.record(position)?;
        let record = record.expect("a duplicate is answered when its first record is durable");
        Ok(reply_of(&record).expect("a record that this node decided or replayed reads back"))
    }

    fn records(&self, from: Position) -> Box<dyn Iterator<Item = Result<Entry, ReadError>> + Send> {
        let entries = self.entries.clone();
        Box::new(self.reader.stream(from).map(move |record| Ok(entries.entry(&record?))))
    }

    fn has_role(&self, caller: &Caller, role: &str) -> bool {
        let from_state: Roles = self.atom().state().roles(&caller.actor);
        caller.roles.clone().united(&from_state).names().any(|name| name == role)
    }

    fn chronicle_info(&self) -> Result<Info, ReadError> {
        self.reader.info()
    }

    fn checkpoint(&self) -> Result<SignedCheckpoint, NotSigned> {
        self.signer.as_ref().ok_or(NotSigned::NoKey)?.sign(wall())
    }

    fn tree(&self) -> Result<TreeReader, ReadError> {
        TreeReader::open(&self.reader)
    }

    fn chronicle(&self) -> &Reader {
        &self.reader
    }

    fn tables(&self) -> Vec<(&'static str, usize)> {
        let mut tables = Vec::new();
        self.atom()
            .state()
            .each(&mut |table: &dyn AnyTable| tables.push((table.name(), table.row_count())));
        tables
    }

    fn health(&self) -> Health {
        let inbox = self.shared.inbox();
        let reason = match &inbox.stage {
            Stage::Failed(reason) => Some(reason.clone()),
            Stage::Stopping | Stage::Closed => Some("the server is stopping".to_owned()),
            Stage::Serving => None,
        };
        if let Some(reason) = reason {
            return Health::Stopped { reason };
        }
        let watch = &self.shared.watch;
        let began_us = watch.since_us.load(Ordering::Relaxed);
        let now_us = self.shared.now().monotonic_us;
        let since = Duration::from_micros(now_us.saturating_sub(began_us));
        if began_us > 0 && since > DECISION_TIME_MAX {
            let command = A::COMMANDS.get(watch.command.load(Ordering::Relaxed));
            return Health::Stuck { command: command.map_or("unknown", |c| c.name), since };
        }
        if inbox.clock_stopped {
            return Health::ClockStopped;
        }
        drop(inbox);
        let room = self.room();
        match room.free_bytes {
            Some(free_bytes) if room.is_short() => {
                Health::NoRoom { free_bytes, keep_free_bytes: room.keep_free_bytes }
            }
            _ => Health::Serving,
        }
    }

    fn counters(&self) -> Counters {
        let inbox = self.shared.inbox();
        let mut counters = *self.shared.counters.lock().expect("nobody panics holding counters");
        counters.busy = inbox.busy;
        counters.waiting = inbox.queue.len() as u64;
        counters
    }

    fn room(&self) -> DiskRoom {
        let free_bytes = self.disk.free_bytes().ok();
        DiskRoom { free_bytes, keep_free_bytes: self.keep_free_bytes }
    }

    fn snapshots(&self) -> SnapshotFigures {
        self.shared.snapshots.figures()
    }

    fn held_atoms(&self) -> HeldAtoms {
        self.shared.replaced.count()
    }

    fn confirm_clock(&self) {
        self.shared.inbox().confirm_clock = true;
        self.shared.wake_engine.notify_one();
    }

    fn on_publish(&self, call: OnPublish) {
        self.shared.on_publish.write().expect("nobody panics holding listeners").push(call);
    }

    fn on_stop(&self, call: OnStop) {
        let mut inbox = self.shared.inbox();
        if !matches!(inbox.stage, Stage::Failed(_)) {
            return inbox.on_stop.push(call);
        }
        drop(inbox);
        call();
    }
}
