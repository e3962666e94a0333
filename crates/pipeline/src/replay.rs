//! Records on their way into an engine: replay.
//!
//! Reading frames, proving their checksums, decoding records and events and keeping the books is one
//! half of the work, and needs no state; it is done on a thread of its own, a bounded way ahead. The
//! caller's thread does the other half: it evolves the events, in order. A short replay is not worth
//! the thread.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, RwLock};
use std::thread;

use deeds_chronicle::{BodyClass, Outcome, Reader, RecordKind, RecordRef, Stream};
use deeds_engine::app::App;
use deeds_engine::duplicates::Duplicates;
use deeds_engine::engine::{Engine, EngineOptions};
use deeds_engine::replay::{Accepted, Batch, EventNumbers};
use deeds_values::{ActorId, Position, Timestamp};

use crate::bookkeeping::{Books, Ledger, Said};
use crate::freezing;
use crate::names::Namespace;
use crate::opening::OpenError;
use crate::pipeline::{Decider, Frame};
use crate::room::Room;

/// How many records are read, and folded, at once: a channel's cost is then nothing, and what was
/// read is still in the cache when it is folded.
const PIECE_RECORDS: u64 = 512;

/// How many pieces wait between reading and folding: about a megabyte.
const PIECES_MAX: usize = 8;

/// From how many records on reading has a thread of its own: what takes some milliseconds.
const READ_AHEAD_RECORDS: u64 = 4_096;

/// Records on their way into an engine.
pub(crate) struct Replay<A: App> {
    reading: Reading,
    folding: Folding<A>,
}

/// The half that needs no state.
struct Reading {
    ledger: Ledger,
    numbers: EventNumbers,
}

/// The half that moves the state.
struct Folding<A: App> {
    engine: Engine<A>,
    /// By their numbers, from 1.
    actors: Vec<ActorId>,
}

/// Records that were read and are to be folded.
struct Piece<A: App> {
    commands: Batch<A>,
    /// Actors that were given the next numbers.
    actors: Vec<ActorId>,
    /// The position after its last record.
    next: Position,
    /// The time of its last record.
    time: Timestamp,
    /// Why nothing follows.
    failed: Option<OpenError>,
}

impl<A: App> Replay<A> {
    /// From position 0. Changes are remembered, or not.
    pub(crate) fn new(options: EngineOptions, duplicates: Duplicates, changes: bool) -> Self {
        let mut engine = Engine::new([0; 32], options);
        engine.record_changes(changes);
        let ledger = Ledger::new::<A>(Books::default(), duplicates, Timestamp(i64::MIN));
        let reading = Reading { ledger, numbers: EventNumbers::default() };
        Self { reading, folding: Folding { engine, actors: Vec::new() } }
    }

    /// From what a snapshot carried; its rows are in the engine. None if it names actors by what
    /// cannot be one.
    pub(crate) fn after(engine: Engine<A>, ledger: Ledger) -> Option<Self> {
        let names = &ledger.books.names;
        let mut numbers = EventNumbers::default();
        for (number, name) in (1..).zip(names.texts(Namespace::Event)) {
            numbers.name::<A>(number, name);
        }
        let actors = names.texts(Namespace::Actor).iter().map(|name| ActorId::new(name).ok());
        let actors = actors.collect::<Option<_>>()?;
        let reading = Reading { ledger, numbers };
        Some(Self { reading, folding: Folding { engine, actors } })
    }

    pub(crate) fn engine(&mut self) -> &mut Engine<A> {
        &mut self.folding.engine
    }

    /// What the records say besides the rows.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.reading.ledger
    }

    pub(crate) fn next(&self) -> Position {
        self.reading.ledger.books.next
    }

    /// Folds all records before `end`. `folded` is told, now and then, which position comes next, and
    /// the time of the last record.
    pub(crate) fn up_to(
        &mut self,
        end: Position,
        reader: &Reader,
        folded: &mut dyn FnMut(&mut Engine<A>, Position, Timestamp),
    ) -> Result<(), OpenError> {
        let Self { reading, folding } = self;
        let from = reading.ledger.books.next;
        let mut stream = reader.stream(from);
        if end.0.saturating_sub(from.0) < READ_AHEAD_RECORDS {
            let mut batch = Batch::default();
            while reading.ledger.books.next < end {
                batch = folding.fold(reading.piece(batch, &mut stream, end), folded)?;
            }
        } else {
            read_ahead(reading, folding, (&mut stream, end), folded)?;
        }
        assert_eq!(self.next(), end, "the stream ends where the chronicle does");
        Ok(())
    }

    /// What was replayed, as the half of the pipeline that goes on deciding, and frozen.
    pub(crate) fn into_decider(self, room: Room) -> (Decider<A>, A) {
        let Self { reading, folding: Folding { mut engine, .. } } = self;
        let Ledger { books, duplicates, time, .. } = reading.ledger;
        let (frozen, duplicates) = freezing::freeze(engine.state(), || duplicates.to_look_up());
        engine.record_changes(true);
        let duplicates = duplicates.expect("a command is recorded once");
        let Books { names, secret, code, schema, key, next } = books;
        engine.resume(secret, duplicates, time);
        for (number, name) in (1..).zip(names.texts(Namespace::Event)) {
            engine.name_event(number, name);
        }
        let decider = Decider {
            engine,
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
        };
        (decider, frozen)
    }
}

impl Reading {
    /// Reads the next records into an empty batch, up to an end or to the first that cannot be read.
    fn piece<A: App>(
        &mut self,
        commands: Batch<A>,
        stream: &mut Stream,
        end: Position,
    ) -> Piece<A> {
        assert!(commands.is_empty(), "what was read before is folded");
        let (next, time) = (self.ledger.books.next, self.ledger.time);
        let mut piece = Piece { commands, actors: Vec::new(), next, time, failed: None };
        let end = Position(end.0.min(next.0 + PIECE_RECORDS));
        while piece.next < end {
            let read = match stream.lend() {
                Ok(Some(record)) => self.one(&record, &mut piece),
                Ok(None) => panic!("the stream goes to {end}, and ended at {}", piece.next),
                Err(error) => Err(error.into()),
            };
            if let Err(error) = read {
                piece.failed = Some(error);
                break;
            }
            (piece.next, piece.time) = (self.ledger.books.next, self.ledger.time);
        }
        piece
    }

    fn one<A: App>(
        &mut self,
        record: &RecordRef<'_>,
        piece: &mut Piece<A>,
    ) -> Result<(), OpenError> {
        let position = record.position();
        let unreadable = |what: String| OpenError::Unreadable { position, what };
        match self.ledger.one::<A>(record)? {
            Said::Names(Namespace::Event, definitions) => {
                for (number, name) in (definitions.first..).zip(&definitions.names) {
                    self.numbers.name::<A>(number, name);
                }
            }
            Said::Names(Namespace::Actor, definitions) => {
                for name in &definitions.names {
                    let actor = ActorId::new(name).map_err(|e| unreadable(e.to_string()))?;
                    piece.actors.push(actor);
                }
            }
            Said::Names(..) | Said::Else => {}
        }
        if record.header.kind == RecordKind::Command {
            self.command(record, &mut piece.commands).map_err(unreadable)?;
        }
        Ok(())
    }

    fn command<A: App>(
        &self,
        record: &RecordRef<'_>,
        commands: &mut Batch<A>,
    ) -> Result<(), String> {
        let header = &record.header;
        match header.outcome {
            Outcome::Accepted => {}
            Outcome::Refused | Outcome::Bug => return Ok(()),
            Outcome::None => return Err("a command has an outcome".to_owned()),
        }
        let outcome = record.body(BodyClass::Outcome).ok_or("the outcome's body is missing")?;
        let accepted = Accepted {
            position: header.position,
            time: header.time,
            actor: header.actor,
            outcome,
            personal: record.body(BodyClass::PersonalOutcome),
        };
        commands.read(&self.numbers, &accepted).map_err(|error| error.to_string())
    }
}

impl<A: App> Folding<A> {
    /// Folds what was read; the batch comes back empty.
    fn fold(
        &mut self,
        mut piece: Piece<A>,
        folded: &mut dyn FnMut(&mut Engine<A>, Position, Timestamp),
    ) -> Result<Batch<A>, OpenError> {
        self.actors.append(&mut piece.actors);
        let actor = |number: u32| &self.actors[number as usize - 1];
        self.engine.fold(&mut piece.commands, actor).map_err(|(position, error)| {
            OpenError::Unreadable { position, what: error.to_string() }
        })?;
        if let Some(error) = piece.failed {
            return Err(error);
        }
        folded(&mut self.engine, piece.next, piece.time);
        Ok(piece.commands)
    }
}

#[expect(clippy::disallowed_methods, reason = "reads ahead; what is folded stays in order")]
fn read_ahead<A: App>(
    reading: &mut Reading,
    folding: &mut Folding<A>,
    (stream, end): (&mut Stream, Position),
    folded: &mut dyn FnMut(&mut Engine<A>, Position, Timestamp),
) -> Result<(), OpenError> {
    thread::scope(|scope| {
        let (pieces, ahead) = sync_channel(PIECES_MAX);
        let (back, empty) = sync_channel(PIECES_MAX);
        let read = move || read_pieces(reading, (stream, end), &pieces, &empty);
        let named = thread::Builder::new().name("replay reads".to_owned());
        named.spawn_scoped(scope, read).expect("the system gives a thread");
        // Returning drops the receiver, which ends the reading thread.
        for piece in ahead {
            let batch = folding.fold(piece, folded)?;
            // Once all is read, nobody wants it any more.
            let _ = back.try_send(batch);
        }
        Ok(())
    })
}

/// Reads until the end, a failure, or until nobody listens. Batches that come back empty are filled
/// again: their memory is warm.
fn read_pieces<A: App>(
    reading: &mut Reading,
    (stream, end): (&mut Stream, Position),
    pieces: &SyncSender<Piece<A>>,
    empty: &Receiver<Batch<A>>,
) {
    while reading.ledger.books.next < end {
        let batch = empty.try_recv().unwrap_or_default();
        let piece = reading.piece(batch, stream, end);
        let failed = piece.failed.is_some();
        if pieces.send(piece).is_err() || failed {
            return;
        }
    }
}
