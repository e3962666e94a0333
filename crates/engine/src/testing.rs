//! How an author tests: given events, when a command, then events and an answer, or a refusal. Runs
//! the engine that serves, in memory, with every check on.

use std::borrow::Cow;
use std::fmt::Debug;

use deeds_values::{ActorId, CommandId, Position, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::actor::{Access, RoleName, Roles};
use crate::app::{App, actor_in};
use crate::clock::Now;
use crate::command::{Decide, Parsed};
use crate::engine::{Engine, EngineOptions, Intent, Outcome, Recording, Verdict};
use crate::event::{Event, Listed};
use crate::query::{Asker, Asking, NO_KEY, Read};
use crate::recorded;
use crate::refusal::Refusal;
use crate::replay::{Accepted, Batch, EventNumbers};

/// A scenario: a state made by events, and one actor at a time acting on it.
pub struct Scenario<A: App> {
    engine: Engine<A>,
    numbers: EventNumbers,
    actor: ActorId,
    roles: Roles,
    position: Position,
    now: Timestamp,
}

/// What came of a command in a scenario.
pub struct Outcomes<'a, A: App, C: Decide<A>> {
    /// The scenario, to look at its state and to go on.
    pub scenario: &'a mut Scenario<A>,
    verdict: Verdict,
    command: std::marker::PhantomData<C>,
}

impl<A: App> Default for Scenario<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: App> Scenario<A> {
    /// An empty state; the actor is `somebody` without roles, the time 2026-01-01T00:00:00Z.
    pub fn new() -> Self {
        let options =
            EngineOptions { check_invariants: true, decode_again: true, window_commands: 1_000 };
        let mut engine = Engine::new([7; 32], options);
        let mut numbers = EventNumbers::default();
        for (number, event) in (0..).zip(A::EVENTS) {
            engine.name_event(number, event.name);
            numbers.name::<A>(number, event.name);
        }
        Self {
            engine,
            numbers,
            actor: ActorId::new("somebody").expect("a valid name"),
            roles: Roles::none(),
            position: Position(0),
            now: Timestamp(1_767_225_600_000_000),
        }
    }

    /// From here on this actor acts, with this role from its token.
    pub fn as_actor(&mut self, name: &str, role: impl RoleName) -> &mut Self {
        self.actor = ActorId::new(name).expect("an actor id is visible ASCII");
        self.roles = Roles::none().and(&role);
        self
    }

    /// From here on this actor acts, whose token names no role: it may what the state lets it.
    pub fn as_guest(&mut self, name: &str) -> &mut Self {
        self.actor = ActorId::new(name).expect("an actor id is visible ASCII");
        self.roles = Roles::none();
        self
    }

    /// Moves time forward.
    pub fn after_seconds(&mut self, seconds: i64) -> &mut Self {
        self.now = Timestamp(self.now.0 + seconds * 1_000_000);
        self
    }

    /// The state as it is.
    pub fn state(&self) -> &A {
        self.engine.state()
    }

    /// Something happened before.
    pub fn given<E: Listed<A>>(&mut self, event: E) -> &mut Self {
        let mut plain = Vec::new();
        let mut personal = Vec::new();
        event.encode(&mut plain, &mut personal);
        let number = u32::try_from(E::INDEX).expect("few events");
        let mut body = vec![0x92, 0x91, 0x92];
        recorded::write(&number, &mut body);
        body.extend_from_slice(&plain);
        body.push(0xc0);
        if !personal.is_empty() {
            personal.splice(0..0, [0x91, 0x92, 0x00]);
        }
        let accepted = Accepted {
            position: self.position,
            time: self.now,
            actor: 0,
            outcome: &body,
            personal: (!personal.is_empty()).then_some(&personal),
        };
        let mut batch = Batch::default();
        batch.read(&self.numbers, &accepted).expect("an event reads back as it was written");
        let folded = self.engine.fold(&mut batch, |_| &self.actor);
        folded.expect("what happened before does not panic");
        self.engine.clock().replayed(self.now);
        self.position = self.position.next();
        self
    }

    /// What the actor is answered.
    ///
    /// # Panics
    /// If the actor may not ask this.
    #[track_caller]
    pub fn ask<Q: Read<A>>(&self, query: Q) -> Q::Answer {
        match self.try_ask(&query) {
            Ok(answer) => answer,
            Err(reason) => panic!("{} was denied: {reason}", Q::NAME),
        }
    }

    /// The actor may not ask this.
    #[track_caller]
    pub fn ask_denied<Q: Read<A>>(&self, query: Q) {
        assert!(self.try_ask(&query).is_err(), "{} was answered", Q::NAME);
    }

    fn try_ask<Q: Read<A>>(&self, query: &Q) -> Result<Q::Answer, Cow<'static, str>> {
        let state = self.engine.state();
        let actor = actor_in(state, &self.actor, &self.roles);
        if let Access::Denied(reason) = query.authorize(&actor, state) {
            return Err(reason);
        }
        let asker = Asker::new(&query.scope(), &actor, &state.keys(&actor));
        let asker = asker.ok_or(NO_KEY)?;
        let asking = Asking { asker: Cow::Borrowed(&asker), time: self.now, whole: state };
        Ok(query.read(&state.visible(&asker.keys), &asking))
    }

    /// The actor sends a command.
    pub fn when<C>(&mut self, command: C) -> Outcomes<'_, A, C>
    where
        C: Decide<A> + crate::command::Listed<A>,
    {
        let Parsed { index, act, arguments, personal } = Parsed::new(C::INDEX, command);
        let intent = Intent {
            actor: self.actor.clone(),
            actor_number: 0,
            roles: self.roles.clone(),
            id: CommandId::Numbered { source: "scenario".to_owned(), number: self.position.0 },
            index,
            act,
            has_room: true,
            arguments: &arguments,
            personal: &personal,
        };
        let now = Now { wall: self.now, monotonic_us: self.now.0 as u64 };
        let verdict = self.engine.decide(intent, now, self.position);
        self.position = self.position.next();
        Outcomes { scenario: self, verdict, command: std::marker::PhantomData }
    }
}

impl<A: App, C: Decide<A>> Outcomes<'_, A, C> {
    /// It was accepted, with this answer.
    #[track_caller]
    pub fn then_answers(self) -> C::Answer
    where
        C::Answer: DeserializeOwned,
    {
        let (body, answer_at) = self.accepted();
        recorded::read_whole(&body[answer_at..]).expect("an answer reads back as it was written")
    }

    /// It was accepted.
    #[track_caller]
    pub fn then_accepted(self) {
        self.accepted();
    }

    /// It was accepted, and exactly this event followed.
    #[track_caller]
    pub fn then_emits<E: Event>(self, event: E) {
        let (mut plain, mut personal) = (Vec::new(), Vec::new());
        event.encode(&mut plain, &mut personal);
        let (body, answer_at) = self.accepted();
        let emitted = recorded::to_json_values(&body[..answer_at]);
        let expected = recorded::to_json(&plain).expect("just written");
        assert_eq!(emitted, [expected], "the events that followed are not just {}", E::NAME);
    }

    /// It was refused, with just this.
    #[track_caller]
    pub fn then_refused(self, refusal: C::Refusal)
    where
        C::Refusal: Debug,
    {
        let mut expected = Vec::new();
        refusal.write(&mut expected);
        match &self.verdict {
            Verdict::Recorded(recording) => match &recording.outcome {
                Outcome::Refused { body } => {
                    let (found, expected) = (recorded::to_json(body), recorded::to_json(&expected));
                    assert_eq!(found, expected, "it was refused otherwise");
                }
                other => panic!("refused as {refusal:?} was expected, found {other:?}"),
            },
            other => panic!("refused as {refusal:?} was expected, found {other:?}"),
        }
    }

    /// The actor was not allowed to.
    #[track_caller]
    pub fn then_denied(self) {
        assert!(
            matches!(self.verdict, Verdict::Denied(_)),
            "denied was expected, found {:?}",
            self.verdict
        );
    }

    /// Whatever came of it, it was no bug; says whether it was accepted. For random histories.
    #[track_caller]
    pub fn then_sound(self) -> bool {
        match self.verdict {
            Verdict::Recorded(Recording { outcome: Outcome::Bug { message, .. }, .. }) => {
                panic!("{} is a bug: {message}", C::NAME)
            }
            Verdict::Recorded(Recording { outcome: Outcome::Accepted { .. }, .. }) => true,
            _ => false,
        }
    }

    /// The app's code panicked, broke a reference or an invariant; the text says how.
    #[track_caller]
    pub fn then_bug(self) -> String {
        match self.verdict {
            Verdict::Recorded(Recording { outcome: Outcome::Bug { message, .. }, .. }) => message,
            other => panic!("a bug was expected, found {other:?}"),
        }
    }

    #[track_caller]
    fn accepted(self) -> (Vec<u8>, usize) {
        match self.verdict {
            Verdict::Recorded(Recording {
                outcome: Outcome::Accepted { body, answer_at }, ..
            }) => (body, answer_at),
            Verdict::Recorded(Recording { outcome: Outcome::Refused { body }, .. }) => {
                panic!("{} was refused: {:?}", C::NAME, recorded::to_json(&body))
            }
            other => panic!("{} was not accepted: {other:?}", C::NAME),
        }
    }
}

/// Compares two states table by table; the error names the first table and row that differ.
pub fn same_state<A: App>(a: &A, b: &A) -> Result<(), String> {
    let mut tables = Vec::new();
    a.each(&mut |table| tables.push((table.name(), table.row_type())));
    for (name, row_type) in tables {
        let a = a.find(row_type).expect("listed a moment ago");
        let b = b.find(row_type).expect("states of one type have the same tables");
        if a.row_count() != b.row_count() {
            return Err(format!("{name}: {} rows against {}", a.row_count(), b.row_count()));
        }
        if let Some((one, other)) = a.rows_json().zip(b.rows_json()).find(|(a, b)| a != b) {
            return Err(format!("{name}: {one} against {other}"));
        }
        a.check_indexes()?;
        b.check_indexes()?;
    }
    Ok(())
}

/// Anything serializable, as JSON: for comparing in tests.
pub fn json(value: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(value).expect("stored types always serialize")
}
