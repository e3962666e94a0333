//! Stock: the lots that lie on the shelves.
//!
//! Food comes in as a [`Lot`]: so many of one product, with one date. Lots are what expires, what
//! is counted, and what a picker takes from, the oldest first. A product's `on_hand` is the sum of
//! its lots; both change in the same `evolve`, so they cannot drift apart (and an invariant, checked
//! after every command of every test, says that they do not).

use deeds::prelude::*;

use crate::*;

/// A lot's id: made by the engine, unique for ever.
#[id]
pub struct LotId;

/// Food of one product that came in together and expires together. A lot used up is gone.
#[row(
    key = id,
    index(sku, best_before),
    index(best_before),
    references(sku = Product),
)]
pub struct Lot {
    pub id: LotId,
    pub sku: Sku,
    /// The last day on which it is handed out.
    pub best_before: Date,
    /// How many are left.
    pub quantity: u32,
}

impl Audience for Lot {
    fn audience(&self) -> Keys {
        keys![STAFF]
    }
}

/// Part of a lot: what a picker takes from where.
#[value]
pub struct Portion {
    pub lot: LotId,
    /// The date of the lot, to find it on the shelf.
    pub best_before: Date,
    pub quantity: u32,
}

impl FoodBank {
    /// Where to take so many of a product from: the lots that expire first, without those that have
    /// expired. Less than asked for if there is less.
    pub fn portions(&self, sku: &Sku, quantity: u32, today: Date) -> Vec<Portion> {
        let mut missing = quantity;
        let mut portions = Vec::new();
        for lot in self.lots.by_sku_best_before_in(sku, today..) {
            if missing == 0 {
                break;
            }
            let quantity = lot.quantity.min(missing);
            missing -= quantity;
            portions.push(Portion { lot: lot.id, best_before: lot.best_before, quantity });
        }
        portions
    }

    /// Takes a portion out of its lot. For events.
    pub(crate) fn take_out(&mut self, sku: &Sku, portion: &Portion) {
        self.products.update(sku, |product| product.on_hand -= portion.quantity);
        let left = self.lots.get(portion.lot).expect("a portion is of a lot").quantity;
        if left == portion.quantity {
            self.lots.remove(&portion.lot);
        } else {
            self.lots.update(&portion.lot, |lot| lot.quantity -= portion.quantity);
        }
    }

    /// Puts a portion back where it came from. For events.
    pub(crate) fn put_back(&mut self, sku: &Sku, portion: &Portion) {
        self.products.update(sku, |product| product.on_hand += portion.quantity);
        if self.lots.contains(portion.lot) {
            self.lots.update(&portion.lot, |lot| lot.quantity += portion.quantity);
        } else {
            let Portion { lot: id, best_before, quantity } = *portion;
            self.lots.insert(Lot { id, sku: sku.clone(), best_before, quantity });
        }
    }
}

/// Take food in: a donation or a delivery.
#[command]
pub struct ReceiveLot {
    pub sku: Sku,
    pub quantity: Quantity,
    /// The date on the pack. Received on that day is still in time.
    pub best_before: Date,
}

/// Why a lot is not taken in.
#[refusal]
pub enum ReceiveLotRefusal {
    /// There is no product {sku}.
    UnknownProduct { sku: Sku },
    /// It expired on {best_before}; we must not hand it out.
    Expired { best_before: Date },
}

impl Decide<FoodBank> for ReceiveLot {
    type Answer = LotId;
    type Refusal = ReceiveLotRefusal;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        staff(actor)
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<LotId, ReceiveLotRefusal> {
        let Self { sku, quantity, best_before } = self;
        if !bank.products.contains(&sku) {
            return Err(ReceiveLotRefusal::UnknownProduct { sku });
        }
        // Time comes from the bank: it is recorded, so that a replay decides nothing anew.
        ensure!(best_before >= bank.date(bank.now()), ReceiveLotRefusal::Expired { best_before });
        let lot = bank.new_id();
        bank.emit(LotReceived { lot, sku, quantity: quantity.number(), best_before });
        Ok(lot)
    }
}

/// Food came in.
#[event]
pub struct LotReceived {
    pub lot: LotId,
    pub sku: Sku,
    pub quantity: u32,
    pub best_before: Date,
}

impl Evolve<FoodBank> for LotReceived {
    fn evolve(self, bank: &mut FoodBank, _: &Meta<'_>) {
        bank.products.update(&self.sku, |product| product.on_hand += self.quantity);
        bank.lots.insert(Lot {
            id: self.lot,
            sku: self.sku,
            best_before: self.best_before,
            quantity: self.quantity,
        });
    }
}

/// Put the books right: there are so many in this lot.
#[command]
pub struct CountLot {
    pub lot: LotId,
    /// What was counted; 0 when nothing was there.
    pub counted: u32,
    /// What the books said when the counting began: if it is not what they say now, somebody took some
    /// out meanwhile, and the count is refused.
    pub seen: Option<u32>,
}

/// Why a count is not taken.
#[refusal]
pub enum CountLotRefusal {
    /// There is no such lot; it may be used up.
    UnknownLot,
    /// Nobody counts to {counted}: more than {max} do not fit in here.
    TooMany { counted: u32, max: u32 },
    /// The books said {seen} when you began, and say {now} by now: please count again.
    MovedMeanwhile { seen: u32, now: u32 },
}

impl Decide<FoodBank> for CountLot {
    type Answer = ();
    type Refusal = CountLotRefusal;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        actor.requires(Role::Admin)
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<(), CountLotRefusal> {
        let Self { lot, counted, seen } = self;
        let now = bank.lots.get(lot).ok_or(CountLotRefusal::UnknownLot)?.quantity;
        let seen = seen.unwrap_or(now);
        ensure!(seen == now, CountLotRefusal::MovedMeanwhile { seen, now });
        ensure!(counted <= QUANTITY_MAX, CountLotRefusal::TooMany { counted, max: QUANTITY_MAX });
        bank.emit(LotCounted { lot, counted });
        Ok(())
    }
}

/// A lot was counted, and the books follow the shelf.
#[event]
pub struct LotCounted {
    pub lot: LotId,
    pub counted: u32,
}

impl Evolve<FoodBank> for LotCounted {
    fn evolve(self, bank: &mut FoodBank, _: &Meta<'_>) {
        let Lot { sku, quantity, .. } = bank.lots.get(self.lot).expect("it was counted").clone();
        bank.products.update(&sku, |product| {
            product.on_hand = product.on_hand - quantity + self.counted;
        });
        if self.counted == 0 {
            bank.lots.remove(&self.lot);
        } else {
            bank.lots.update(&self.lot, |lot| lot.quantity = self.counted);
        }
    }
}

/// Take everything that has expired off the shelves. Once a day; more often does no harm.
#[command]
pub struct WriteOffExpired;

/// What was written off.
#[value]
pub struct WrittenOff {
    pub lots: u32,
    /// Single items in them.
    pub items: u32,
}

/// Why nothing is written off.
#[refusal]
pub enum WriteOffRefusal {
    /// Nothing has expired.
    NothingExpired,
}

/// How many lots one command writes off: a record has a largest size. Send it again for the rest.
const WRITE_OFF_LOTS_MAX: usize = 1_000;

impl Decide<FoodBank> for WriteOffExpired {
    type Answer = WrittenOff;
    type Refusal = WriteOffRefusal;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        staff(actor)
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<WrittenOff, WriteOffRefusal> {
        let today = bank.date(bank.now());
        // A range of an index: only the expired lots are looked at, however many others there are.
        let expired = bank.lots.by_best_before_in(..today).take(WRITE_OFF_LOTS_MAX);
        let expired: Vec<Lot> = expired.cloned().collect();
        ensure!(!expired.is_empty(), WriteOffRefusal::NothingExpired);

        let mut written_off = WrittenOff { lots: 0, items: 0 };
        for Lot { id, sku, best_before, quantity } in expired {
            written_off.lots += 1;
            written_off.items += quantity;
            bank.emit(LotWrittenOff { sku, portion: Portion { lot: id, best_before, quantity } });
        }
        Ok(written_off)
    }
}

/// What was left of a lot had expired, and was thrown away.
#[event]
pub struct LotWrittenOff {
    pub sku: Sku,
    pub portion: Portion,
}

impl Evolve<FoodBank> for LotWrittenOff {
    fn evolve(self, bank: &mut FoodBank, _: &Meta<'_>) {
        bank.take_out(&self.sku, &self.portion);
    }
}

/// How many of something: at least one, and no more than fits through the door.
#[value]
#[serde(try_from = "u32")]
#[derive(Copy)]
pub struct Quantity(u32);

/// A lorry. Also far below what a `u32` holds, so that sums of quantities do not overflow.
const QUANTITY_MAX: u32 = 100_000;

impl TryFrom<u32> for Quantity {
    type Error = &'static str;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        if (1..=QUANTITY_MAX).contains(&number) {
            Ok(Self(number))
        } else {
            Err("a quantity is 1 to 100000")
        }
    }
}

impl Quantity {
    /// As a number.
    pub fn number(self) -> u32 {
        self.0
    }
}
