//! Records on their way into an engine: replay.
//!
//! Reading frames, proving their checksums and decoding their records is done on a thread of its
//! own, a bounded way ahead; the caller's thread folds. A short replay is not worth the thread.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, RwLock};
use std::thread;

use deeds_chronicle::{BodyClass, Outcome, ReadError, Reader, Record, RecordKind};
use deeds_engine::app::App;
use deeds_engine::engine::{Engine, EngineOptions};
use deeds_engine::replay::Replayed;
use deeds_values::Position;

use crate::bookkeeping::{Books, Ledger, Said};
use crate::opening::OpenError;
use crate::pipeline::{Decider, Frame};
use crate::room::Room;

/// How many records pass between two reports of progress.
const PROGRESS_RECORDS: u64 = 8_192;

/// How many records the reading thread hands over at once: a channel's cost is then nothing.
const BATCH_RECORDS: usize = 512;

/// How many batches wait between reading and folding: some megabytes.
const BATCHES_MAX: usize = 8;

/// From how many records on reading has a thread of its own: what takes some milliseconds.
const READ_AHEAD_RECORDS: u64 = 4_096;

/// Records on their way into an engine.
pub(crate) struct Replay<A: App> {
    options: EngineOptions,
    pub(crate) engine: Engine<A>,
    pub(crate) books: Books,
}

impl<A: App> Replay<A> {
    /// From position 0.
    pub(crate) fn new(options: EngineOptions) -> Self {
        let mut engine = Engine::new([0; 32], options);
        engine.record_changes(false);
        Self { options, engine, books: Books::default() }
    }

    /// From what a snapshot carried, which its loader put into the engine.
    pub(crate) fn after(options: EngineOptions, engine: Engine<A>, books: Books) -> Self {
        Self { options, engine, books }
    }

    pub(crate) fn engine_mut(&mut self) -> &mut Engine<A> {
        &mut self.engine
    }

    pub(crate) fn next(&self) -> Position {
        self.books.next
    }

    /// Folds all durable records that are left.
    pub(crate) fn all(
        &mut self,
        reader: &Reader,
        progress: &mut dyn FnMut(Position, Position),
    ) -> Result<(), OpenError> {
        let end = reader.end()?;
        if end.0.saturating_sub(self.next().0) < READ_AHEAD_RECORDS {
            for record in reader.stream(self.next()) {
                self.one_of(&record?, end, progress)?;
            }
        } else {
            self.all_read_ahead(reader, end, progress)?;
        }
        assert_eq!(self.next(), end, "the stream ends where the chronicle does");
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "reads ahead; what is folded stays in order")]
    fn all_read_ahead(
        &mut self,
        reader: &Reader,
        end: Position,
        progress: &mut dyn FnMut(Position, Position),
    ) -> Result<(), OpenError> {
        let from = self.next();
        thread::scope(|scope| {
            let (batches, ahead) = sync_channel(BATCHES_MAX);
            let read = move || read_ahead(reader, from, &batches);
            let named = thread::Builder::new().name("replay reads".to_owned());
            named.spawn_scoped(scope, read).expect("the system gives a thread");
            // Returning drops the receiver, which ends the reading thread.
            for batch in ahead {
                for record in batch? {
                    self.one_of(&record, end, progress)?;
                }
            }
            Ok(())
        })
    }

    fn one_of(
        &mut self,
        record: &Record,
        end: Position,
        progress: &mut dyn FnMut(Position, Position),
    ) -> Result<(), OpenError> {
        self.one(record)?;
        if self.next().0.is_multiple_of(PROGRESS_RECORDS) || self.next() == end {
            progress(self.next(), end);
        }
        Ok(())
    }

    /// Folds one record.
    pub(crate) fn one(&mut self, record: &Record) -> Result<(), OpenError> {
        self.books.expect(record);
        if record.header.kind == RecordKind::Command {
            let position = record.position();
            let unreadable = |what: String| OpenError::Unreadable { position, what };
            self.command(record).map_err(unreadable)?;
        } else {
            match self.books.system::<A>(record)? {
                Said::Genesis(secret) => {
                    self.engine = Engine::new(secret, self.options);
                    self.engine.record_changes(false);
                }
                Said::Events(definitions) => {
                    for (number, name) in (definitions.first..).zip(&definitions.names) {
                        self.engine.name_event(number, name);
                    }
                }
                Said::Else => {}
            }
            self.engine.clock().replayed(record.header.time);
        }
        self.books.turn();
        Ok(())
    }

    fn command(&mut self, record: &Record) -> Result<(), String> {
        let header = &record.header;
        let identity = self.books.identify::<A>(record)?;
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
            actor: &identity.actor,
            actor_number: header.actor,
            id: identity.id.as_ref(),
            command: identity.command,
            arguments: body(BodyClass::Arguments).unwrap_or_default(),
            personal_arguments: body(BodyClass::PersonalArguments).unwrap_or_default(),
            accepted,
            personal: body(BodyClass::PersonalOutcome),
        };
        self.engine.replay(&replayed).map_err(|error| error.to_string())
    }

    /// A copy of the books, for a snapshotter to carry on.
    pub(crate) fn ledger(&mut self) -> Ledger {
        Ledger {
            books: self.books.clone(),
            duplicates: self.engine.duplicates().clone(),
            time: self.engine.clock().log_time(),
        }
    }

    /// What was replayed, as the half of the pipeline that goes on deciding.
    pub(crate) fn into_decider(self, room: Room) -> Decider<A> {
        let Books { names, code, schema, key, next, .. } = self.books;
        Decider {
            engine: self.engine,
            names: Arc::new(RwLock::new(names)),
            command_numbers: Vec::new(),
            last_credential: None,
            next,
            code: code.0,
            schema: schema.0,
            activated: (code.1, schema.1),
            key,
            room,
            report: Arc::new(|_| {}),
            frame: Frame::default(),
        }
    }
}

/// Reads until the end, a failure, or until nobody listens.
fn read_ahead(
    reader: &Reader,
    from: Position,
    batches: &SyncSender<Result<Vec<Record>, ReadError>>,
) {
    let mut stream = reader.stream(from);
    loop {
        let batch: Result<Vec<Record>, ReadError> = stream.by_ref().take(BATCH_RECORDS).collect();
        let last = batch.as_ref().map_or(true, |batch| batch.len() < BATCH_RECORDS);
        if batches.send(batch).is_err() || last {
            return;
        }
    }
}
