//! Histories at random: live, folded and replayed states are the same, and an atom that is held
//! never changes.

use std::sync::Arc;

use deeds::atom::Atom;
use deeds::changes::FrameChanges;
use deeds::clock::Now;
use deeds::command::{Decide, Parsed};
use deeds::duplicates::Duplicates;
use deeds::engine::fingerprint;
use deeds::engine::{Engine, EngineOptions, Intent, Outcome, Recording, Verdict};
use deeds::prelude::*;
use deeds::replay::{Accepted, Batch, EventNumbers};
use deeds::state::State;
use deeds::testing::same_state;
use deeds_values::{CommandId, Lineage};
use proptest::prelude::*;

use crate::shop::{Buy, Misbehave, Misdeed, Role, Shop, Stock, sku};

/// Something that somebody does.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    Stock {
        product: u8,
        shelf: u8,
        count: u32,
    },
    Buy {
        who: u8,
        products: Vec<u8>,
    },
    Misbehave {
        how: u8,
    },
    /// The frame ends here.
    Commit,
}

pub(crate) fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => (0..6_u8, 0..3_u8, 0..4_u32)
            .prop_map(|(product, shelf, count)| Deed::Stock { product, shelf, count }),
        5 => (0..3_u8, prop::collection::vec(0..6_u8, 0..4))
            .prop_map(|(who, products)| Deed::Buy { who, products }),
        1 => (0..9_u8).prop_map(|how| Deed::Misbehave { how }),
        2 => Just(Deed::Commit),
    ]
}

fn name(product: u8) -> String {
    // Prefixes of each other, so that keys and index entries lie close together.
    "p".repeat(usize::from(product) + 1)
}

/// A record as the chronicle would keep it.
struct Record {
    actor: ActorId,
    id: CommandId,
    command: usize,
    arguments: (Vec<u8>, Vec<u8>),
    recording: Recording,
}

pub(crate) struct History {
    engine: Engine<Shop>,
    pub(crate) atom: Atom<Shop>,
    /// The atoms before it.
    replaced: Vec<Atom<Shop>>,
    records: Vec<Record>,
}

const NUMBERS: [(u32, &str); 3] = [(7, "Stocked"), (3, "Bought"), (5, "Misbehaved")];

fn engine(decode_again: bool) -> Engine<Shop> {
    let options = EngineOptions { check_invariants: true, decode_again, window_commands: 100 };
    let mut engine = Engine::new([1; 32], options);
    NUMBERS.iter().for_each(|(number, event)| engine.name_event(*number, event));
    engine
}

impl History {
    pub(crate) fn new() -> Self {
        let engine = engine(false);
        let state = engine.state().freeze();
        let atom = Atom::new(Lineage([0; 8]), Position(0), Timestamp(0), state);
        Self { engine, atom, replaced: Vec::new(), records: Vec::new() }
    }

    fn act<C: Decide<Shop>>(&mut self, who: &str, command: C) {
        let index = <Shop as deeds::app::App>::COMMANDS.iter().position(|it| it.name == C::NAME);
        let Parsed { index, act, arguments, personal } = Parsed::new(index.unwrap(), command);
        let position = Position(self.records.len() as u64 + 1);
        let actor = ActorId::new(who).unwrap();
        let id = CommandId::Numbered { source: "test".to_owned(), number: position.0 };
        let intent = Intent {
            actor: actor.clone(),
            actor_number: 1,
            roles: Roles::none().and(&Role::Clerk),
            id: id.clone(),
            index,
            act,
            has_room: true,
            arguments: &arguments,
            personal: &personal,
        };
        let wall = Timestamp(position.0 as i64 * 1_000);
        let now = Now { wall, monotonic_us: wall.0 as u64 };
        match self.engine.decide(intent, now, position) {
            Verdict::Recorded(recording) => {
                let arguments = (arguments, personal);
                self.records.push(Record { actor, id, command: index, arguments, recording });
            }
            other => panic!("every deed is recorded, found {other:?}"),
        }
    }

    /// Folds what was done since into the atom; what changed is given back.
    pub(crate) fn commit(&mut self) -> Arc<FrameChanges> {
        let changes = Arc::new(self.engine.take_changes());
        let position = Position(self.records.len() as u64);
        let time = self.records.last().map_or(Timestamp(0), |record| record.recording.time);
        let after = self.atom.after(Arc::clone(&changes), position, time);
        self.replaced.push(std::mem::replace(&mut self.atom, after));
        changes
    }

    pub(crate) fn run(&mut self, deed: &Deed) {
        match deed {
            Deed::Stock { product, shelf, count } => {
                let (sku, shelf, count) = (sku(&name(*product)), *shelf, *count);
                self.act("kim", Stock { sku, shelf, count });
            }
            Deed::Buy { who, products } => {
                let skus = products.iter().map(|product| sku(&name(*product))).collect();
                self.act(&format!("customer-{who}"), Buy { skus, address: "Elm".to_owned() });
            }
            Deed::Misbehave { how } => {
                let how = [
                    Misdeed::InsertTwice,
                    Misdeed::UpdateNothing,
                    Misdeed::UpdateTheKey,
                    Misdeed::RemoveNothing,
                    Misdeed::TakeABarcode,
                    Misdeed::RemoveWhatIsReferredTo,
                    Misdeed::ReferToNothing,
                    Misdeed::BreakTheInvariant,
                    Misdeed::Panic,
                ][usize::from(*how)];
                self.act("kim", Misbehave { how });
            }
            Deed::Commit => drop(self.commit()),
        }
    }

    /// The same records in a new engine.
    fn replayed(&self, recording: bool) -> Engine<Shop> {
        let mut engine = engine(true);
        engine.record_changes(recording);
        let mut numbers = EventNumbers::default();
        NUMBERS.iter().for_each(|(number, event)| numbers.name::<Shop>(*number, event));
        let mut duplicates = Duplicates::only_remembering(engine.duplicates().capacity());
        let mut batch = Batch::default();
        let mut time = Timestamp(0);
        for (actor, record) in (0..).zip(&self.records) {
            let position = Position(u64::from(actor) + 1);
            let (plain, personal) = (&record.arguments.0, &record.arguments.1);
            let print = fingerprint(record.command, plain, personal);
            time = record.recording.time;
            duplicates.remember(1, &record.id, print, position, time);
            let Outcome::Accepted { body, .. } = &record.recording.outcome else { continue };
            let personal = &record.recording.personal;
            let personal = (!personal.is_empty()).then_some(personal.as_slice());
            let accepted = Accepted { position, time, actor, outcome: body, personal };
            batch.read(&numbers, &accepted).unwrap();
        }
        engine.fold(&mut batch, |number| &self.records[number as usize].actor).unwrap();
        engine.resume([1; 32], duplicates.to_look_up().expect("ids are unique"), time);
        engine
    }
}

/// Panics in app code are part of these histories: they are caught, and need not be printed.
pub(crate) fn quietly<T>(test: impl FnOnce() -> T) -> T {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let ours = panic.location().is_some_and(|at| at.file().contains("shop.rs"));
            let table = panic.location().is_some_and(|at| at.file().ends_with("table.rs"));
            if !ours && !table {
                before(panic);
            }
        }));
    });
    test()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn live_folded_and_replayed_states_are_the_same(deeds in prop::collection::vec(deed(), 1..40)) {
        quietly(|| {
            let mut history = History::new();
            for deed in &deeds {
                history.run(deed);
            }
            history.commit();
            same_state(history.engine.state(), history.atom.state()).unwrap();
            for recording in [false, true] {
                let replayed = history.replayed(recording);
                same_state(history.engine.state(), replayed.state()).unwrap();
                assert_eq!(replayed.duplicates().counts(), history.engine.duplicates().counts());
            }
        });
    }

    #[test]
    fn an_atom_that_is_held_never_changes(
        before in prop::collection::vec(deed(), 1..20),
        after in prop::collection::vec(deed(), 1..20),
    ) {
        quietly(|| {
            let mut history = History::new();
            before.iter().for_each(|deed| history.run(deed));
            history.commit();
            let held = history.atom.state().freeze();
            let copy = history.replayed(false);
            after.iter().for_each(|deed| history.run(deed));
            history.commit();
            same_state(&held, copy.state()).unwrap();
        });
    }

    #[test]
    fn an_atom_is_the_same_whenever_it_is_read_first(
        deeds in prop::collection::vec(deed(), 1..40),
        turns in prop::collection::vec(any::<prop::sample::Index>(), 40),
    ) {
        quietly(|| {
            let (mut at_once, mut later) = (History::new(), History::new());
            for deed in deeds.iter().chain([&Deed::Commit]) {
                at_once.run(deed);
                at_once.atom.state();
                later.run(deed);
            }
            assert!(at_once.atom.behind() == 0 && later.atom.behind() > 0);
            let mut pairs: Vec<_> = at_once.replaced.iter().zip(&later.replaced).collect();
            for turn in turns {
                if !pairs.is_empty() {
                    let (one, other) = pairs.swap_remove(turn.index(pairs.len()));
                    same_state(one.state(), other.state()).unwrap();
                }
            }
            same_state(at_once.atom.state(), later.atom.state()).unwrap();
            assert_eq!(later.atom.behind(), 0);
        });
    }
}
