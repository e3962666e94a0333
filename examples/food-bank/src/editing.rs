//! Editing: what is said of a product, changed by two people at once.
//!
//! Whoever edits sends what they saw along with what they want. If somebody else was quicker, what they
//! saw is no more, and they are told who it was and how it stands now, instead of undoing the other's
//! work without knowing. Only what is said of a product counts: that some of it was ordered meanwhile
//! is no reason to refuse.

use deeds::prelude::*;

use crate::*;

/// What is said of a product, and may change.
#[value]
pub struct Details {
    /// What everybody calls it.
    pub name: String,
    /// The aisle.
    pub category: Category,
    /// What one of it is: `1 kg`, `6 eggs`.
    pub size: String,
    /// For whom it is fit.
    pub labels: Vec<Label>,
    /// How much of it one household may have in a week; none: as much as there is.
    pub limit: Option<u32>,
}

impl Product {
    /// What is said of it now.
    pub fn details(&self) -> Details {
        Details {
            name: self.name.clone(),
            category: self.category,
            size: self.size.clone(),
            labels: self.labels.clone(),
            limit: self.limit,
        }
    }
}

/// Who last changed what is said of a product, and when. Beside the product, like its place.
#[row(key = sku)]
pub struct Edit {
    pub sku: Sku,
    pub by: ActorId,
    pub at: Timestamp,
}

impl Audience for Edit {
    fn audience(&self) -> Keys {
        keys![STAFF]
    }
}

/// Change what is said of a product.
#[command]
pub struct EditProduct {
    pub sku: Sku,
    /// As it was when you began.
    pub seen: Details,
    /// As it shall be.
    pub details: Details,
}

/// Why a product is not edited.
#[refusal]
pub enum EditProductRefusal {
    /// There is no product {sku}.
    UnknownProduct { sku: Sku },
    /// Somebody changed {sku} while you did: look at it again.
    EditedMeanwhile {
        sku: Sku,
        /// Who it was; none if nobody did, and you never saw it so.
        by: Option<ActorId>,
        now: Details,
    },
}

impl Decide<FoodBank> for EditProduct {
    type Answer = ();
    type Refusal = EditProductRefusal;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        actor.requires(Role::Admin)
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<(), EditProductRefusal> {
        let Self { sku, seen, details } = self;
        let Some(product) = bank.products.get(&sku) else {
            return Err(EditProductRefusal::UnknownProduct { sku });
        };
        let now = product.details();
        if now != seen {
            let by = bank.edits.get(&sku).map(|edit| edit.by.clone());
            return Err(EditProductRefusal::EditedMeanwhile { sku, by, now });
        }
        bank.emit(ProductEdited { sku, details });
        Ok(())
    }
}

/// Something else is said of a product from now on.
#[event]
pub struct ProductEdited {
    pub sku: Sku,
    pub details: Details,
}

impl Evolve<FoodBank> for ProductEdited {
    fn evolve(self, bank: &mut FoodBank, meta: &Meta<'_>) {
        let Details { name, category, size, labels, limit } = self.details;
        bank.products.update(&self.sku, |product| {
            product.name = name;
            product.category = category;
            product.size = size;
            product.labels = labels;
            product.limit = limit;
        });
        bank.edited(self.sku, meta);
    }
}

impl FoodBank {
    /// Remembers who changed what is said of a product. For events.
    pub(crate) fn edited(&mut self, sku: Sku, meta: &Meta<'_>) {
        self.edits.put(Edit { sku, by: meta.actor.clone(), at: meta.time });
    }
}

/// Who last changed what.
#[query(scope = Key(STAFF))]
pub fn edits(bank: &Visible<'_, FoodBank>) -> Rows<'_, Edit> {
    bank.edits.iter()
}
