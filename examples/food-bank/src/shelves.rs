//! Shelves: where each product lies, so that nobody has to look for it.
//!
//! A [`Place`] stands beside the product and not in it. A product's row moves with every order, and
//! whoever watches the pick list need not hear of that: a query is read again only when rows that it
//! read have changed.

use deeds::prelude::*;

use crate::*;

/// Where a product lies.
#[row(key = sku)]
pub struct Place {
    pub sku: Sku,
    pub shelf: ShelfMark,
}

impl Audience for Place {
    fn audience(&self) -> Keys {
        keys![STAFF]
    }
}

/// Say on which shelf a product lies.
#[command]
pub struct AssignShelf {
    pub sku: Sku,
    /// The mark on the shelf, like `C-04`; none: on no shelf of its own.
    pub shelf: Option<ShelfMark>,
}

/// Why a product is not put on a shelf.
#[refusal]
pub enum AssignShelfRefusal {
    /// There is no product {sku}.
    UnknownProduct { sku: Sku },
}

impl Decide<FoodBank> for AssignShelf {
    type Answer = ();
    type Refusal = AssignShelfRefusal;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        staff(actor)
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<(), AssignShelfRefusal> {
        let Self { sku, shelf } = self;
        if !bank.products.contains(&sku) {
            return Err(AssignShelfRefusal::UnknownProduct { sku });
        }
        bank.emit(ShelfAssigned { sku, shelf });
        Ok(())
    }
}

/// A product lies on another shelf from now on.
#[event]
pub struct ShelfAssigned {
    pub sku: Sku,
    pub shelf: Option<ShelfMark>,
}

impl Evolve<FoodBank> for ShelfAssigned {
    fn evolve(self, bank: &mut FoodBank, _: &Meta<'_>) {
        match self.shelf {
            Some(shelf) => bank.places.put(Place { sku: self.sku, shelf }),
            None if bank.places.contains(&self.sku) => bank.places.remove(&self.sku),
            None => {}
        }
    }
}

/// Where everything lies.
#[query(scope = Key(STAFF))]
pub fn places(bank: &Visible<'_, FoodBank>) -> Rows<'_, Place> {
    bank.places.iter()
}

/// The mark on a shelf: the letter of the row, then the number of the bay, like `C-04`. In their order
/// one walks through the warehouse.
#[value(key)]
#[serde(try_from = "String")]
pub struct ShelfMark(String);

impl TryFrom<String> for ShelfMark {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_bytes() {
            [b'A'..=b'Z', b'-', b'0'..=b'9', b'0'..=b'9'] => Ok(Self(text)),
            _ => Err("a shelf has a mark like C-04"),
        }
    }
}
