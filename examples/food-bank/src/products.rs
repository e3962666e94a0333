//! Products: what the food bank gives, and how much of it there is.
//!
//! Here is the whole pattern of an app, once:
//! 1. [`Product`] is a *row*: what is known, and who may see it.
//! 2. [`AddProduct`] is a *command*: what somebody wants. `authorize` says who may want it.
//! 3. `decide` looks at the rows, and *refuses* with words for the sender, or goes on.
//! 4. [`ProductAdded`] is an *event*: what happened. `decide` emits it, and may answer something.
//! 5. `evolve` is how the event changes the rows.
//!
//! Deciding happens once. Evolving happens again whenever the chronicle is replayed, so `evolve`
//! asks nothing and refuses nothing: it does as it was told.

use deeds::prelude::*;

use crate::*;

/// One kind of food, and how much of it there is.
#[row(key = sku, index(name), index(category, name), unique(barcode))]
pub struct Product {
    /// Our name for it.
    pub sku: Sku,
    /// What everybody calls it.
    pub name: String,
    /// The aisle.
    pub category: Category,
    /// What one of it is: `1 kg`, `6 eggs`.
    pub size: String,
    /// What the scanner reads.
    pub barcode: Barcode,
    /// For whom it is fit.
    pub labels: Vec<Label>,
    /// How much of it one household may have in a week; none: as much as there is.
    pub limit: Option<u32>,
    /// How much lies on the shelves: the sum of its lots.
    pub on_hand: u32,
    /// How much of that is in neighbors' carts.
    pub reserved: u32,
    /// How much of that is ordered and not yet picked.
    pub promised: u32,
}

impl Product {
    /// How much can still be ordered.
    ///
    /// More can be put aside than there is, when food was written off or a shelf was counted since.
    /// Then nothing is available, and the picker hands out what is found.
    pub fn available(&self) -> u32 {
        self.on_hand.saturating_sub(self.reserved + self.promised)
    }
}

impl Audience for Product {
    fn audience(&self) -> Keys {
        Keys::everyone()
    }
}

/// Take a new product into the range. There is none of it until a lot is received.
#[command]
pub struct AddProduct {
    /// Our name for it, like `RICE-1KG`; it never changes.
    pub sku: Sku,
    /// What everybody calls it.
    pub name: String,
    /// The aisle.
    pub category: Category,
    /// What one of it is: `1 kg`, `6 eggs`.
    pub size: String,
    /// What the scanner reads.
    pub barcode: Barcode,
    /// For whom it is fit.
    #[serde(default)]
    pub labels: Vec<Label>,
    /// How much of it one household may have in a week.
    pub limit: Option<u32>,
}

/// Why a product is not taken into the range.
#[refusal]
pub enum AddProductRefusal {
    /// There is a product {sku} already.
    DuplicateSku { sku: Sku },
    /// {sku} has this barcode already.
    DuplicateBarcode { sku: Sku },
}

impl Decide<FoodBank> for AddProduct {
    type Answer = ();
    type Refusal = AddProductRefusal;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        actor.requires(Role::Admin)
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<(), AddProductRefusal> {
        if bank.products.contains(&self.sku) {
            return Err(AddProductRefusal::DuplicateSku { sku: self.sku });
        }
        if let Some(other) = bank.products.by_barcode(&self.barcode) {
            return Err(AddProductRefusal::DuplicateBarcode { sku: other.sku.clone() });
        }
        bank.emit(ProductAdded {
            sku: self.sku,
            name: self.name,
            category: self.category,
            size: self.size,
            barcode: self.barcode,
            labels: self.labels,
            limit: self.limit,
        });
        Ok(())
    }
}

/// A product was taken into the range.
#[event]
pub struct ProductAdded {
    pub sku: Sku,
    pub name: String,
    pub category: Category,
    pub size: String,
    pub barcode: Barcode,
    pub labels: Vec<Label>,
    pub limit: Option<u32>,
}

impl Evolve<FoodBank> for ProductAdded {
    fn evolve(self, bank: &mut FoodBank, _: &Meta<'_>) {
        bank.products.insert(Product {
            sku: self.sku,
            name: self.name,
            category: self.category,
            size: self.size,
            barcode: self.barcode,
            labels: self.labels,
            limit: self.limit,
            on_hand: 0,
            reserved: 0,
            promised: 0,
        });
    }
}

/// Say how much of a product one household may have in a week.
#[command]
pub struct SetLimit {
    /// The product.
    pub sku: Sku,
    /// The most for one household; none: as much as there is.
    pub limit: Option<u32>,
}

/// Why a limit is not set.
#[refusal]
pub enum SetLimitRefusal {
    /// There is no product {sku}.
    UnknownProduct { sku: Sku },
}

impl Decide<FoodBank> for SetLimit {
    type Answer = ();
    type Refusal = SetLimitRefusal;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        actor.requires(Role::Admin)
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<(), SetLimitRefusal> {
        let Self { sku, limit } = self;
        if !bank.products.contains(&sku) {
            return Err(SetLimitRefusal::UnknownProduct { sku });
        }
        bank.emit(LimitSet { sku, limit });
        Ok(())
    }
}

/// A household may have this much of a product in a week from now on.
#[event]
pub struct LimitSet {
    pub sku: Sku,
    pub limit: Option<u32>,
}

impl Evolve<FoodBank> for LimitSet {
    fn evolve(self, bank: &mut FoodBank, meta: &Meta<'_>) {
        bank.products.update(&self.sku, |product| product.limit = self.limit);
        bank.edited(self.sku, meta);
    }
}

/// The aisles of the warehouse.
#[value(key)]
pub enum Category {
    Produce,
    Bakery,
    Dairy,
    Meat,
    Frozen,
    Grains,
    Canned,
    Baking,
    Breakfast,
    Snacks,
    Drinks,
    Baby,
    Household,
    Hygiene,
}

/// What somebody who must or will not eat everything looks for.
#[value]
pub enum Label {
    Vegetarian,
    Vegan,
    GlutenFree,
    LactoseFree,
    Halal,
    Kosher,
    NoAddedSugar,
    LowSalt,
}

/// The food bank's own short name of a product, like `RICE-1KG`.
///
/// A text that is none never gets as far as `decide`: it is turned away where it is parsed, and the
/// sender is told which field it was.
#[value(key)]
#[serde(try_from = "String")]
pub struct Sku(String);

/// Long enough to read, short enough for a shelf label.
const SKU_LENGTH_MAX: usize = 24;

impl TryFrom<String> for Sku {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = (1..=SKU_LENGTH_MAX).contains(&text.len());
        let allowed = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-';
        if fits && text.bytes().all(allowed) {
            Ok(Self(text))
        } else {
            Err("a SKU is 1 to 24 capital letters, digits and dashes, like RICE-1KG")
        }
    }
}

/// A barcode as printed on the pack: EAN-13, the last digit checks the others.
#[value(key)]
#[serde(try_from = "String")]
pub struct Barcode(String);

impl TryFrom<String> for Barcode {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() != 13 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err("a barcode has 13 digits");
        }
        // Every second digit counts three times; with the check digit the sum is a multiple of ten.
        let weighed = text.bytes().zip([1, 3].into_iter().cycle());
        let sum: u32 = weighed.map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
        if sum.is_multiple_of(10) {
            Ok(Self(text))
        } else {
            Err("the barcode was misread: its check digit is wrong")
        }
    }
}
