//! Whatever people do, in whatever order: commands are accepted, refused or denied, but never break
//! the app, and after each of them every invariant holds.

use deeds::prelude::*;
use deeds::testing::Scenario;
use food_bank::*;
use proptest::prelude::*;

use crate::given::*;

/// Who does what, with two numbers to fill in. Plain numbers, so that a failing history shrinks.
#[derive(Clone, Debug)]
struct Step {
    who: usize,
    what: u8,
    which: u32,
    how_many: u32,
}

fn step() -> impl Strategy<Value = Step> {
    (0_usize..5, 0..KINDS, 0_u32..8, 0_u32..4).prop_map(|(who, what, which, how_many)| Step {
        who,
        what,
        which,
        how_many,
    })
}

/// Mostly those whose task it is; now and then an admin, who may do some of it.
fn actor_for(what: u8, who: usize) -> (&'static str, Role) {
    match (what, who) {
        (16 | 20 | 21 | 23, _) | (_, 4) => ("ada", Role::Admin),
        (0..=2 | 4..=7, who) => (["nora", "nils"][who % 2], Role::Neighbor),
        (_, who) => (["vera", "viktor"][who % 2], Role::Volunteer),
    }
}

/// How many kinds of things `act` knows to do.
const KINDS: u8 = 24;

const PRODUCTS: [&str; 4] = ["RICE", "MILK", "BEANS", "CAVIAR"];

/// The code that is on the board, or one of no shift.
fn code_of_the_shift(bank: &Scenario<FoodBank>) -> ShiftCode {
    let shift = bank.state().open_shift();
    shift.map_or_else(|| code("000000"), |shift| shift.code.clone())
}

/// Does it; says whether it was accepted.
fn act(bank: &mut Scenario<FoodBank>, step: &Step) -> bool {
    let Step { who, what, which, how_many } = *step;
    let name = PRODUCTS[which as usize % PRODUCTS.len()];
    // One of those that are under way, or one that is not there yet.
    let under_way = Status::Placed..=Status::Packed;
    let orders: Vec<OrderNumber> =
        bank.state().orders.by_status_in(under_way).map(|order| order.number).collect();
    let order = orders.get(which as usize % 4).copied().unwrap_or(number(1_000));
    let sku = sku(name);
    let some = quantity(how_many.max(1));
    let (name_of_actor, role) = actor_for(what, who);
    bank.as_actor(name_of_actor, role);
    bank.after_seconds(i64::from(which) * 60);
    let best_before = Date::new(2026, 1, 1).unwrap().checked_add_days(which as i32 * 5).unwrap();
    let lots: Vec<LotId> = bank.state().lots.iter().map(|lot| lot.id).collect();
    let lot = lots.get(which as usize).copied().unwrap_or(lot(99));
    match what {
        0 | 1 => bank.when(AddToCart { sku, quantity: some }).then_sound(),
        2 => {
            let quantity = (how_many > 0).then_some(some);
            bank.when(RemoveFromCart { sku, quantity }).then_sound()
        }
        3 => bank.when(EmptyAbandonedCarts).then_sound(),
        4 => bank.when(Checkout).then_sound(),
        5 => {
            let lines = list(&[(name, some.number()), ("RICE-OR-NOT", 1)]);
            bank.when(PlaceOrder { lines }).then_sound()
        }
        6 => bank.when(PlaceOrder { lines: list(&[(name, some.number())]) }).then_sound(),
        7 => bank.when(CancelOrder { order }).then_sound(),
        8 | 9 => bank.when(ClaimOrder { order }).then_sound(),
        10 | 11 => {
            let short = (who != 3).then_some(Shortage::NotFound);
            bank.when(PickLine { order, sku, quantity: how_many, short }).then_sound()
        }
        12 => bank.when(GiveBackOrder { order }).then_sound(),
        13 => bank.when(PackOrder { order }).then_sound(),
        14 => bank.when(HandOver { order }).then_sound(),
        15 => bank.when(ReceiveLot { sku, quantity: quantity(9), best_before }).then_sound(),
        16 => bank.when(CountLot { lot, counted: how_many * 4, seen: None }).then_sound(),
        17 => bank.when(WriteOffExpired).then_sound(),
        18 => bank.when(JoinShift { code: code_of_the_shift(bank) }).then_sound(),
        19 => bank.when(LeaveShift).then_sound(),
        20 => bank.when(OpenShift { name: "Saturday".to_owned() }).then_sound(),
        21 => bank.when(CloseShift).then_sound(),
        22 => {
            let shelf = ["A-01", "B-02"].get(how_many as usize).map(|mark| shelf(mark));
            bank.when(AssignShelf { sku, shelf }).then_sound()
        }
        23 => {
            let offset = UtcOffset::try_from(which as i32 * 90 - 300).unwrap();
            bank.when(SetClock { offset }).then_sound()
        }
        _ => unreachable!("there are {KINDS} kinds"),
    }
}

proptest! {
    #[test]
    fn the_invariants_hold(steps in prop::collection::vec(step(), 1..120)) {
        let mut bank = a_bank();
        bank.given(product("BEANS", Category::Canned, "2000000070018", Some(6)));
        for step in &steps {
            act(&mut bank, step);
        }
    }
}

#[test]
fn random_histories_get_as_far_as_handing_over() {
    // A fixed stream of numbers: the test is about the generator, not about luck.
    let mut number = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: u32| {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (number >> 33) as u32 % below
    };
    let mut bank = a_bank();
    let mut accepted = 0;
    for _ in 0..20_000 {
        let step = Step {
            who: next(5) as usize,
            what: next(u32::from(KINDS)) as u8,
            which: next(8),
            how_many: next(4),
        };
        accepted += u32::from(act(&mut bank, &step));
    }
    assert!(accepted > 500, "only {accepted} of 20000 were accepted");
    let handed_over = bank.state().orders.by_status(Status::HandedOver).count();
    assert!(handed_over > 0, "nothing was handed over");
}
