//! Donations: food that came in together, from somebody whom we thank.
//!
//! One [`ReceiveDonation`] takes in a whole crate: all of it, or nothing if one line is wrong. A list in
//! one command is how several things are done at once; sending several commands would be several
//! decisions.

use deeds::prelude::*;

use crate::*;

/// A donation's number: 1, 2, 3, without gaps.
#[value(key)]
#[derive(Copy)]
pub struct DonationNumber(u32);

/// What somebody brought at one time.
#[row(key = number)]
pub struct Donation {
    pub number: DonationNumber,
    /// Who gave it.
    pub from: String,
    pub received: Timestamp,
    /// Who took it in.
    pub by: ActorId,
    /// How many different lots it was.
    pub lots: u32,
    /// Single items in them.
    pub items: u32,
}

impl Audience for Donation {
    fn audience(&self) -> Keys {
        keys![STAFF]
    }
}

/// So many of one product with one date.
#[value]
pub struct Received {
    pub sku: Sku,
    pub quantity: Quantity,
    /// The date on the pack.
    pub best_before: Date,
}

/// Take in what somebody brought.
#[command]
pub struct ReceiveDonation {
    /// Who gave it: a shop, a farm, a person.
    #[personal]
    pub from: String,
    pub food: Vec<Received>,
}

/// Why a donation is not taken in.
#[refusal]
pub enum DonationRefusal {
    /// Nothing was brought.
    Nothing,
    /// That is more than {max} lines: take it in as several donations.
    TooMany { max: u32 },
    /// There is no product {sku}.
    UnknownProduct { sku: Sku },
    /// {sku} expired on {best_before}; we must not hand it out.
    Expired { sku: Sku, best_before: Date },
}

/// A lorry of crates, and far below the largest record.
const LINES_MAX: u32 = 200;

impl Decide<FoodBank> for ReceiveDonation {
    /// Its number, to write on the receipt.
    type Answer = DonationNumber;
    type Refusal = DonationRefusal;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        staff(actor)
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<DonationNumber, DonationRefusal> {
        let Self { from, food } = self;
        ensure!(!food.is_empty(), DonationRefusal::Nothing);
        ensure!(food.len() <= LINES_MAX as usize, DonationRefusal::TooMany { max: LINES_MAX });
        let today = bank.date(bank.now());
        let (mut lots, mut items) = (0, 0);
        for Received { sku, quantity, best_before } in food {
            if !bank.products.contains(&sku) {
                return Err(DonationRefusal::UnknownProduct { sku });
            }
            ensure!(best_before >= today, DonationRefusal::Expired { sku, best_before });
            lots += 1;
            items += quantity.number();
            let lot = bank.new_id();
            bank.emit(LotReceived { lot, sku, quantity: quantity.number(), best_before });
        }
        let newest = bank.donations.iter().next_back();
        let donation = DonationNumber(newest.map_or(1, |newest| newest.number.0 + 1));
        bank.emit(DonationReceived { donation, from, lots, items });
        Ok(donation)
    }
}

/// Somebody brought food. The lots of it were received just before.
#[event]
pub struct DonationReceived {
    pub donation: DonationNumber,
    #[personal]
    pub from: String,
    pub lots: u32,
    pub items: u32,
}

impl Evolve<FoodBank> for DonationReceived {
    fn evolve(self, bank: &mut FoodBank, meta: &Meta<'_>) {
        let Self { donation: number, from, lots, items } = self;
        let (received, by) = (meta.time, meta.actor.clone());
        bank.donations.insert(Donation { number, from, received, by, lots, items });
    }
}

/// What was donated lately, the newest first.
#[query(scope = Key(STAFF))]
pub struct Donations;

/// As many as one looks through.
const DONATIONS_MAX: usize = 100;

impl Read<FoodBank> for Donations {
    type Answer = Vec<Donation>;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        staff(actor)
    }

    fn read(&self, bank: &Visible<'_, FoodBank>, _: &Asking<'_, FoodBank>) -> Vec<Donation> {
        bank.donations.iter().rev().take(DONATIONS_MAX).cloned().collect()
    }
}
