//! The engine: decides commands one at a time on the live state.
//!
//! [`Engine::decide`] is DESIGN §4's steps 2 to 5, top to bottom: duplicate? → clock → authorize →
//! decide and evolve → check → keep or take back. It is synchronous and total: whatever an author's
//! code does, the state afterwards is either that of the recorded outcome or that of before.
//! Recorded commands come back through [`crate::replay`].

use std::any::Any;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use deeds_values::{ActorId, CommandId, Position, Timestamp};

use crate::actor::{Access, Actor, Roles};
use crate::app::{App, actor_in};
use crate::changes::FrameChanges;
use crate::clock::{LogClock, Now};
use crate::command::{Act, Decision};
use crate::deciding::{Deciding, Emitted, Turn};
use crate::duplicates::{Duplicates, Fingerprint, Sighting, WINDOW_COMMANDS};
use crate::recorded;
use crate::state;
use crate::table::Broken;

/// How careful an engine is.
#[derive(Clone, Copy, Debug)]
pub struct EngineOptions {
    /// Check the app's invariants after every accepted command. In tests; too slow to serve with.
    pub check_invariants: bool,
    /// Evolve every event as decoded from its bytes; otherwise one command in
    /// [`DECODE_AGAIN_EVERY`] does.
    pub decode_again: bool,
    /// How many UUIDs the duplicate window remembers.
    pub window_commands: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            check_invariants: cfg!(debug_assertions),
            decode_again: cfg!(debug_assertions),
            window_commands: WINDOW_COMMANDS,
        }
    }
}

/// In release one command in so many evolves its events as decoded from their bytes: often enough
/// to notice a type that does not read back as written, seldom enough to cost nothing.
pub const DECODE_AGAIN_EVERY: u64 = 256;

/// The most bytes of events and answer of one command: with its arguments (1 MiB) and the frame it
/// joins they fit a frame (4 MiB).
pub const OUTCOME_BYTES_MAX: usize = 2 << 20;

/// A command as it reaches the engine: parsed, its sender verified.
pub struct Intent<'a, A: App> {
    /// Who sends it.
    pub actor: ActorId,
    /// The number that stands for the actor in this chronicle.
    pub actor_number: u32,
    /// The roles of the actor's token.
    pub roles: Roles,
    /// What makes it the same command when sent again.
    pub id: CommandId,
    /// The command's place in [`App::COMMANDS`].
    pub index: usize,
    /// What decides it.
    pub act: Box<dyn Act<A>>,
    /// Whether there is room to record it.
    pub has_room: bool,
    /// The plain arguments, as they will be recorded.
    pub arguments: &'a [u8],
    /// The personal arguments, as they will be recorded.
    pub personal: &'a [u8],
}

/// What the engine says of an intent.
#[derive(Debug)]
pub enum Verdict {
    /// To be recorded: accepted, refused, or a bug.
    Recorded(Recording),
    /// Not allowed; nothing is recorded in the chronicle.
    Denied(String),
    /// Recorded before, at this position: its answer is there.
    Duplicate(Position),
    /// Recorded before at this position, with other content under the same id.
    Conflict(Position),
    /// Too old to be known; never run.
    Gone,
    /// The id's clock or the server's is off; this is the server's time.
    Clock(Timestamp),
    /// There is no room to record it; it was not run.
    NoRoom,
}

/// What is to be recorded of a command.
#[derive(Debug)]
pub struct Recording {
    /// The log time.
    pub time: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
    /// The personal fields of the events: an array of `[place of the event, map]`; empty if none.
    pub personal: Vec<u8>,
}

/// What came of a recorded command, with its body as MessagePack.
#[derive(Debug)]
pub enum Outcome {
    /// `[[[event number, event], …], answer]`, and where the answer starts in it.
    Accepted {
        /// The body.
        body: Vec<u8>,
        /// Where the answer starts.
        answer_at: usize,
    },
    /// `{code, message, data}`.
    Refused {
        /// The body.
        body: Vec<u8>,
    },
    /// `{reference}`; what happened is told to the operators, not recorded.
    Bug {
        /// The body.
        body: Vec<u8>,
        /// What the actor is told, to name to the operators.
        reference: String,
        /// What happened, for the operators' log.
        message: String,
    },
}

/// The live state of an app and the gates before it.
pub struct Engine<A: App> {
    pub(crate) state: A,
    pub(crate) clock: LogClock,
    pub(crate) duplicates: Duplicates,
    secret: [u8; 32],
    /// The number of each event of [`App::EVENTS`], once the chronicle has one.
    event_numbers: Vec<Option<u32>>,
    /// Whether the tables remember what changes.
    pub(crate) records_changes: bool,
    emitted: Emitted,
    decided: u64,
    options: EngineOptions,
}

impl<A: App> Engine<A> {
    /// An empty state. `secret` comes from the genesis record; randomness is derived from it.
    pub fn new(secret: [u8; 32], options: EngineOptions) -> Self {
        Self {
            state: A::live(),
            clock: LogClock::starting_at(Timestamp(0)),
            duplicates: Duplicates::new(options.window_commands),
            secret,
            event_numbers: vec![None; A::EVENTS.len()],
            records_changes: true,
            emitted: Emitted::default(),
            decided: 0,
            options,
        }
    }

    /// The live state.
    pub fn state(&self) -> &A {
        &self.state
    }

    /// The duplicate window.
    pub fn duplicates(&self) -> &Duplicates {
        &self.duplicates
    }

    /// The log clock.
    pub fn clock(&mut self) -> &mut LogClock {
        &mut self.clock
    }

    /// Takes over the rows that a snapshot carried. The engine is new.
    pub fn fill(&mut self, fill: impl FnOnce(&mut A)) {
        assert_eq!(self.decided, 0, "only a new engine is filled");
        fill(&mut self.state);
    }

    /// Goes on after records whose commands were folded, or filled in: with what they said besides the
    /// rows. `time` is that of the last one.
    pub fn resume(&mut self, secret: [u8; 32], duplicates: Duplicates, time: Timestamp) {
        assert_eq!(duplicates.capacity(), self.options.window_commands, "the same window");
        assert_eq!(self.duplicates.counts(), (0, 0), "an engine that has decided has its own");
        self.secret = secret;
        self.duplicates = duplicates;
        #[cfg(feature = "plant")]
        if crate::plant::duplicates_are_forgotten() {
            self.duplicates = Duplicates::new(self.options.window_commands);
        }
        self.clock.replayed(time);
    }

    /// Learns the number of an event in this chronicle. Older names do not matter here: events are
    /// recorded under the names they have now.
    pub fn name_event(&mut self, number: u32, name: &str) {
        if let Some(index) = A::EVENTS.iter().position(|event| event.name == name) {
            let before = self.event_numbers[index].replace(number);
            assert!(before.is_none(), "an event has one number");
        }
    }

    /// Stops or starts remembering changes: replay needs none.
    pub fn record_changes(&mut self, recording: bool) {
        self.records_changes = recording;
        self.state.each_mut(|table| table.record_changes(recording));
    }

    /// The changes since they were last taken: those of one frame.
    pub fn take_changes(&mut self) -> FrameChanges {
        state::take_changes(&mut self.state)
    }

    /// Decides a command that will have this position if it is recorded.
    ///
    /// # Panics
    /// If a table of ours is broken. A panic in the app's code is a bug outcome instead.
    pub fn decide(&mut self, intent: Intent<'_, A>, now: Now, position: Position) -> Verdict {
        let fingerprint = fingerprint(intent.index, intent.arguments, intent.personal);
        // A re-send is answered even while the clock stands: it needs no new time.
        let read = self.clock.read(now);
        let log_time = self.clock.log_time();
        match self.duplicates.look_up(intent.actor_number, &intent.id, fingerprint, log_time) {
            Sighting::Seen(at) => return Verdict::Duplicate(at),
            Sighting::Conflict(at) => return Verdict::Conflict(at),
            Sighting::Gone => return Verdict::Gone,
            Sighting::Ahead => return Verdict::Clock(log_time),
            Sighting::New => {}
        }
        let time = match read {
            Ok(time) => time,
            Err(wall) => return Verdict::Clock(wall),
        };

        if !intent.has_room {
            return Verdict::NoRoom;
        }

        let Intent { actor, actor_number, roles, id, index, act, .. } = intent;
        let decided = self.run((&actor, &roles, &id), (index, act), position, time);
        let outcome = match decided {
            Run::Denied(reason) => return Verdict::Denied(reason),
            Run::Accepted(answer) => self.accepted(&answer),
            Run::Refused(body) => {
                self.emitted.clear();
                Outcome::Refused { body }
            }
            Run::Bug(message) => {
                self.emitted.clear();
                bug(position, message)
            }
        };
        self.duplicates.remember(actor_number, &id, fingerprint, position, time);
        let personal = self.personal_body();
        self.emitted.clear();
        Verdict::Recorded(Recording { time, outcome, personal })
    }

    /// Calls the app's code; unless it is accepted, the state is as before.
    fn run(
        &mut self,
        (actor, roles, id): (&ActorId, &Roles, &CommandId),
        (index, act): (usize, Box<dyn Act<A>>),
        position: Position,
        time: Timestamp,
    ) -> Run {
        assert_eq!(self.emitted.count, 0, "one decision at a time");
        state::begin(&mut self.state, position);
        self.decided += 1;
        let decode_again =
            self.options.decode_again || self.decided.is_multiple_of(DECODE_AGAIN_EVERY);
        let check_invariants = self.options.check_invariants;
        let (state, emitted) = (&mut self.state, &mut self.emitted);
        let (secret, event_numbers) = (&self.secret, &self.event_numbers);

        let app_code = AssertUnwindSafe(|| {
            let actor: Actor = actor_in(state, actor, roles);
            if let Access::Denied(reason) = act.may(&actor, state) {
                return Run::Denied(reason.into_owned());
            }
            let turn = Turn {
                actor: &actor,
                command_id: id,
                position,
                time,
                secret,
                event_numbers,
                decode_again,
            };
            match act.act(&mut Deciding::new(state, turn, emitted)) {
                Decision::Accepted(answer) => {
                    let bytes = emitted.plain.len() + emitted.personal.len() + answer.len();
                    match sound(state, bytes, check_invariants) {
                        Ok(()) => Run::Accepted(answer),
                        Err(broken) => Run::Bug(broken),
                    }
                }
                Decision::Refused(body) => Run::Refused(body),
            }
        });
        let run = catch_unwind(app_code).unwrap_or_else(|panic| {
            if panic.is::<Broken>() {
                resume_unwind(panic);
            }
            Run::Bug(panic_message(panic.as_ref()))
        });
        if !matches!(run, Run::Accepted(_)) {
            state::take_back(&mut self.state);
        }
        match run {
            Run::Bug(message) => Run::Bug(format!("{}: {message}", A::COMMANDS[index].name)),
            other => other,
        }
    }

    fn accepted(&self, answer: &[u8]) -> Outcome {
        let emitted = &self.emitted;
        let mut body = Vec::with_capacity(emitted.plain.len() + answer.len() + 8);
        recorded::write_array_head(2, &mut body);
        recorded::write_array_head(emitted.count, &mut body);
        body.extend_from_slice(&emitted.plain);
        let answer_at = body.len();
        body.extend_from_slice(answer);
        Outcome::Accepted { body, answer_at }
    }

    fn personal_body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        if self.emitted.personal_count > 0 {
            recorded::write_array_head(self.emitted.personal_count, &mut body);
            body.extend_from_slice(&self.emitted.personal);
        }
        body
    }
}

enum Run {
    Accepted(Vec<u8>),
    Refused(Vec<u8>),
    Denied(String),
    Bug(String),
}

/// Checks what must hold after an accepted command.
fn sound<A: App>(state: &A, bytes: usize, check_invariants: bool) -> Result<(), String> {
    if bytes > OUTCOME_BYTES_MAX {
        return Err(format!("its events and answer are {bytes} bytes; {OUTCOME_BYTES_MAX} fit"));
    }
    state.check_references()?;
    if check_invariants {
        for invariant in A::INVARIANTS {
            (invariant.check)(state)
                .map_err(|broken| format!("invariant {}: {broken}", invariant.name))?;
        }
    }
    Ok(())
}

#[derive(serde::Serialize)]
struct BugBody<'a> {
    reference: &'a str,
}

fn bug(position: Position, message: String) -> Outcome {
    let reference = format!("bug-{position}");
    let mut body = Vec::new();
    recorded::write(&BugBody { reference: &reference }, &mut body);
    Outcome::Bug { body, reference, message }
}

pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}

/// The hash that tells apart two contents under one id: of the command's place in the app's list and
/// its arguments as recorded. It means something only to the code that made it: a snapshot made by
/// other code is not used.
pub fn fingerprint(command: usize, arguments: &[u8], personal: &[u8]) -> Fingerprint {
    let mut hasher = DefaultHasher::new();
    (command, arguments, personal).hash(&mut hasher);
    Fingerprint(hasher.finish())
}
