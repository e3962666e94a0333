//! A decision in progress: the author's view of the state while a command is decided.

use std::ops::Deref;

use deeds_values::{ActorId, CommandId, Position, Timestamp, Uid};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::actor::Actor;
use crate::app::App;
use crate::event::{Evolve, Listed, Meta};
use crate::recorded;

/// The state, readable as `&A`, with what a decision may use besides: events to emit, the actor,
/// the time, new ids, random numbers. Nothing else from outside.
pub struct Deciding<'a, A: App> {
    state: &'a mut A,
    turn: Turn<'a>,
    emitted: &'a mut Emitted,
    ids: u32,
    randoms: u32,
}

/// The circumstances of one decision.
#[derive(Clone, Copy)]
pub(crate) struct Turn<'a> {
    pub(crate) actor: &'a Actor,
    pub(crate) command_id: &'a CommandId,
    pub(crate) position: Position,
    pub(crate) time: Timestamp,
    pub(crate) secret: &'a [u8; 32],
    /// The number of each event type in this chronicle.
    pub(crate) event_numbers: &'a [Option<u32>],
    /// Whether events are evolved as decoded from their bytes.
    pub(crate) decode_again: bool,
}

/// The events of one decision, encoded as they are recorded.
#[derive(Debug, Default)]
pub(crate) struct Emitted {
    pub(crate) count: usize,
    pub(crate) plain: Vec<u8>,
    pub(crate) personal_count: usize,
    pub(crate) personal: Vec<u8>,
}

impl Emitted {
    pub(crate) fn clear(&mut self) {
        self.count = 0;
        self.plain.clear();
        self.personal_count = 0;
        self.personal.clear();
    }
}

impl<A: App> Deref for Deciding<'_, A> {
    type Target = A;

    fn deref(&self) -> &A {
        self.state
    }
}

impl<'a, A: App> Deciding<'a, A> {
    pub(crate) fn new(state: &'a mut A, turn: Turn<'a>, emitted: &'a mut Emitted) -> Self {
        Self { state, turn, emitted, ids: 0, randoms: 0 }
    }

    /// States a fact. The state evolves by it at once: the next line of the decision sees it.
    /// A refusal takes back all that was emitted.
    pub fn emit<E: Evolve<A> + Listed<A>>(&mut self, event: E) {
        let index = <E as Listed<A>>::INDEX;
        let number = self.turn.event_numbers[index].expect("all events are named before deciding");
        let out = &mut *self.emitted;
        recorded::write_array_head(2, &mut out.plain);
        recorded::write(&number, &mut out.plain);
        let start = out.plain.len();
        let personal_entry = out.personal.len();
        if !E::PERSONAL.is_empty() {
            recorded::write_array_head(2, &mut out.personal);
            recorded::write(&out.count, &mut out.personal);
            out.personal_count += 1;
        }
        let personal_start = out.personal.len();
        event.encode(&mut out.plain, &mut out.personal);
        assert_eq!(personal_entry == out.personal.len(), E::PERSONAL.is_empty());
        out.count += 1;

        let event = if self.turn.decode_again {
            let personal = (!E::PERSONAL.is_empty()).then(|| &out.personal[personal_start..]);
            match E::decode(&mut &out.plain[start..], personal) {
                Ok(event) => event,
                Err(error) => panic!("{} does not read back as it was written: {error}", E::NAME),
            }
        } else {
            event
        };
        let meta = Meta {
            position: self.turn.position,
            time: self.turn.time,
            actor: self.turn.actor.id(),
        };
        event.evolve(self.state, &meta);
    }

    /// Who sent the command.
    pub fn actor(&self) -> &Actor {
        self.turn.actor
    }

    /// Who sent the command, by name.
    pub fn actor_id(&self) -> ActorId {
        self.turn.actor.id().clone()
    }

    /// The time of this command, the same at every replay.
    pub fn now(&self) -> Timestamp {
        self.turn.time
    }

    /// The position that this command's record will have.
    pub fn position(&self) -> Position {
        self.turn.position
    }

    /// A new id, unique for ever: a hash of the actor, the command's id, and how many were drawn
    /// before in this decision. A client can compute it before it sends the command.
    pub fn new_id<Id: From<Uid>>(&mut self) -> Id {
        let id = predict_id(self.turn.actor.id(), self.turn.command_id, self.ids);
        self.ids += 1;
        Id::from(id)
    }

    /// A random number, unpredictable from outside and the same at every replay.
    pub fn random(&mut self) -> u64 {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.turn.secret).expect("any length will do");
        mac.update(b"deeds/random/0");
        mac.update(&self.turn.position.0.to_le_bytes());
        mac.update(&self.randoms.to_le_bytes());
        self.randoms += 1;
        let bytes = mac.finalize().into_bytes();
        u64::from_le_bytes(std::array::from_fn(|i| bytes[i]))
    }
}

/// The `number`-th id that the command will draw: the first 16 bytes of SHA-256 over
/// `deeds/id/0`, the actor, 0x00, the command id as text, 0x00, and the number as a little-endian
/// u32; with version 8 and the RFC 9562 variant set.
pub fn predict_id(actor: &ActorId, command_id: &CommandId, number: u32) -> Uid {
    let mut hash = Sha256::new();
    hash.update(b"deeds/id/0");
    hash.update(actor.as_str());
    hash.update([0]);
    hash.update(command_id.to_string());
    hash.update([0]);
    hash.update(number.to_le_bytes());
    let hash = hash.finalize();
    Uid::from_hash(std::array::from_fn(|i| hash[i]))
}
