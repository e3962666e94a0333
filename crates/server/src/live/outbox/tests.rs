//! The outbox against a model: whatever is put in and whenever it is taken out, the client shows what
//! the hub showed at the position it stands at.

use deeds_engine::select::{Item, ItemChange};
use deeds_values::KeyBytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Lengths of rows: many small ones wait as they are, some are merged, few are read anew.
const LENGTHS: [usize; 4] = [10, 1_000, 150_000, 3_000_000];

/// Rows by key.
type Rows = BTreeMap<KeyBytes, Arc<[u8]>>;

#[derive(Clone, Debug)]
enum Act {
    /// Something changes, for one subscription.
    Change { sub: u32, puts: Vec<(u8, usize)>, dels: Vec<u8> },
    /// Something changes that no subscription shows.
    Pass,
    /// The client asks whether it is up to date.
    Nudge,
    /// The network takes what there is.
    Take,
    /// The hub reads anew what it was told has fallen behind.
    Reread,
}

fn act() -> impl Strategy<Value = Act> {
    let row = (0..4_u8, prop_oneof![6 => 0..2_usize, 2 => Just(2), 1 => Just(3)]);
    prop_oneof![
        8 => (1..4_u32, vec(row, 0..3), vec(0..4_u8, 0..2))
            .prop_map(|(sub, puts, dels)| Act::Change { sub, puts, dels }),
        1 => Just(Act::Pass),
        1 => Just(Act::Nudge),
        3 => Just(Act::Take),
        2 => Just(Act::Reread),
    ]
}

/// The hub, an outbox, and the client behind it.
struct Play {
    outbox: Outbox,
    reached: Arc<Reached>,
    position: u64,
    shown_by_hub: BTreeMap<u32, Rows>,
    shown_by_client: BTreeMap<u32, Rows>,
    client_at: u64,
    to_reread: Vec<u32>,
}

impl Play {
    /// Every subscription has its first, empty result: from here, or from an earlier socket.
    fn new(is_resumed: bool) -> Self {
        let reached = Reached::new(Position(0), Timestamp(0));
        let outbox = Outbox::new(Arc::clone(&reached), 0);
        let (position, time, who) = (Position(0), Timestamp(0), String::new());
        outbox.welcome(Welcome { position, time, who, resumed: is_resumed });
        assert!(matches!(outbox.take(), Some(Outgoing::Welcome(_))));
        let rows: BTreeMap<u32, Rows> = (1..4).map(|sub| (sub, Rows::new())).collect();
        let mut play = Self {
            outbox,
            reached,
            position: 0,
            shown_by_hub: rows.clone(),
            shown_by_client: rows,
            client_at: 0,
            to_reread: (1..4).collect(),
        };
        if !is_resumed {
            play.reread();
            play.take();
        }
        play.to_reread.clear();
        play
    }

    fn step(&mut self, subs: Vec<SubTick>) {
        self.position += 1;
        if !subs.is_empty() {
            self.outbox.deliver(Position(self.position), Timestamp(0), subs);
        }
        self.reached.set(Position(self.position), Timestamp(0));
    }

    fn change(&mut self, sub: u32, puts: &[(u8, usize)], dels: &[u8]) {
        let key = |key: u8| -> KeyBytes { vec![key].into() };
        let rows = self.shown_by_hub.get_mut(&sub).unwrap();
        let mut changes = BTreeMap::new();
        for (id, length) in puts {
            // What is in a row tells when it was put.
            let mut json = vec![0; LENGTHS[*length]];
            json[..8].copy_from_slice(&self.position.to_be_bytes());
            let json: Arc<[u8]> = json.into();
            rows.insert(key(*id), Arc::clone(&json));
            let item = Item { key: key(*id), order: vec![].into(), json };
            changes.insert(*id, ItemChange::Put(item));
        }
        for id in dels {
            rows.remove(&key(*id));
            changes.insert(*id, ItemChange::Del(key(*id)));
        }
        let diff = Arc::new(Diff::new(changes.into_values().collect()));
        self.step(vec![SubTick { sub, body: Body::Rows { reset: false, diff, counts: None } }]);
    }

    fn reread(&mut self) {
        for sub in std::mem::take(&mut self.to_reread) {
            let items = self.shown_by_hub[&sub].iter().map(|(key, json)| Item {
                key: key.clone(),
                order: vec![].into(),
                json: Arc::clone(json),
            });
            let diff = Arc::new(Diff::whole(items.collect()));
            let body = Body::Rows { reset: true, diff, counts: None };
            let position = Position(self.position);
            self.outbox.deliver(position, Timestamp(0), vec![SubTick { sub, body }]);
        }
    }

    /// Takes everything that is ready; whether there was something.
    fn take(&mut self) -> bool {
        let mut took = false;
        loop {
            match self.outbox.take() {
                None => return took,
                Some(Outgoing::Behind(subs)) => self.to_reread.extend(subs),
                Some(Outgoing::Tick(tick)) => self.show(tick),
                Some(other) => panic!("nobody put this in: {other:?}"),
            }
            took = true;
        }
    }

    fn show(&mut self, tick: Tick) {
        assert_eq!(tick.from.0, self.client_at, "a tick begins where the client stands");
        assert_eq!(tick.to.0, self.position, "and goes as far as the hub has come");
        self.client_at = tick.to.0;
        for SubTick { sub, body } in tick.subs {
            let Body::Rows { reset, diff, .. } = body else { panic!("only rows were put in") };
            let rows = self.shown_by_client.get_mut(&sub).unwrap();
            if reset {
                rows.clear();
            }
            for change in diff.changes() {
                match change {
                    ItemChange::Put(item) => {
                        rows.insert(item.key.clone(), Arc::clone(&item.json));
                    }
                    ItemChange::Del(key) => drop(rows.remove(key)),
                }
            }
        }
        for (sub, rows) in &self.shown_by_client {
            // Not `assert_eq`: rows are megabytes.
            assert!(*rows == self.shown_by_hub[sub], "{sub} at {}", self.position);
        }
    }

    fn is_bounded(&self) -> bool {
        let state = self.outbox.lock();
        let counted: usize = state.subs.values().map(Pending::bytes).sum();
        let is_anew = |pending: &&Pending| matches!(pending, Pending::Rows { anew: true, .. });
        let anew: usize = state.subs.values().filter(is_anew).map(Pending::bytes).sum();
        let waiting = state.subs.values().filter(|pending| pending.bytes() > 0).count();
        counted == state.bytes && (state.bytes - anew <= WAITING_BYTES_MAX || waiting == 1)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..<_>::default() })]

    #[test]
    fn the_client_shows_what_the_hub_does_whatever_gathers_and_whenever_it_is_taken(
        is_resumed in any::<bool>(),
        acts in vec(act(), 1..60),
    ) {
        let mut play = Play::new(is_resumed);
        for act in &acts {
            match act {
                Act::Change { sub, puts, dels } => play.change(*sub, puts, dels),
                Act::Pass => play.step(Vec::new()),
                Act::Nudge => play.outbox.nudge(),
                Act::Take => drop(play.take()),
                Act::Reread => play.reread(),
            }
            prop_assert!(play.is_bounded());
        }
        // In the end everything arrives, also what does not fit beside the rest.
        let mut rounds = 0;
        while play.take() || !play.to_reread.is_empty() {
            play.reread();
            rounds += 1;
            prop_assert!(rounds < 20, "it is read anew for ever");
        }
        prop_assert_eq!(&play.shown_by_client, &play.shown_by_hub);
    }
}

#[test]
fn a_tick_waits_for_what_is_read_anew_also_where_an_earlier_socket_showed_it() {
    for is_resumed in [false, true] {
        let mut play = Play::new(is_resumed);
        // Nine megabytes of changes of one result, whose rows are gone again but for one.
        play.change(1, &[(0, 3), (1, 3), (2, 3)], &[]);
        play.change(1, &[], &[0, 1]);
        play.change(2, &[(0, 0)], &[]);
        play.outbox.nudge();
        play.take();
        assert_eq!((play.client_at, &play.to_reread[..]), (0, &[1][..]));
        play.reread();
        play.take();
        assert_eq!(play.client_at, 3);
        assert!(play.shown_by_client == play.shown_by_hub);
    }
}

#[test]
fn values_that_do_not_fit_together_are_told_one_after_the_other() {
    let mut play = Play::new(false);
    let value = |sub| {
        let value = crate::live::tick::Value::new(Position(1), vec![0; 5_000_000].into());
        SubTick { sub, body: Body::Value(Arc::new(value)) }
    };
    play.step(vec![value(1), value(2)]);
    let (mut told, mut behind) = (Vec::new(), Vec::new());
    for _ in 0..8 {
        match play.outbox.take() {
            Some(Outgoing::Behind(subs)) => behind.extend(subs),
            Some(Outgoing::Tick(tick)) => told.extend(tick.subs.iter().map(|sub| sub.sub)),
            _ => {
                let anew = behind.drain(..).map(value).collect();
                play.outbox.deliver(Position(1), Timestamp(0), anew);
            }
        }
    }
    told.sort_unstable();
    assert_eq!(told, [1, 2]);
}
