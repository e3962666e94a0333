//! The catalogue: what there is, for neighbors to choose from and for staff to look after.
//!
//! A query reads `bank` as the one who asks may see it: rows for others are simply not there, so a
//! query cannot show by mistake what it should not.

use deeds::prelude::*;

use crate::*;

/// What can be ordered, by name.
#[query]
pub struct Catalogue {
    /// Only this aisle.
    pub category: Option<Category>,
    /// Only names with these letters in them, large or small.
    pub search: Option<String>,
    /// Only what is fit for all of these.
    #[serde(default)]
    pub labels: Vec<Label>,
    /// Only what there is.
    #[serde(default)]
    pub available: bool,
}

/// A product as a neighbor sees it.
#[value]
pub struct Offer {
    pub sku: Sku,
    pub name: String,
    pub category: Category,
    pub size: String,
    pub labels: Vec<Label>,
    /// How much can be ordered now.
    pub available: u32,
    /// How much one household may have in a week.
    pub limit: Option<u32>,
}

impl Read<FoodBank> for Catalogue {
    type Answer = Vec<Offer>;

    fn authorize(&self, _: &Actor, _: &FoodBank) -> Access {
        Access::Allowed
    }

    fn read(&self, bank: &Visible<'_, FoodBank>, _: &Asking<'_, FoodBank>) -> Vec<Offer> {
        let products = match self.category {
            Some(category) => bank.products.by_category(category),
            None => bank.products.iter(),
        };
        let search = self.search.as_deref().unwrap_or_default().to_lowercase();
        let mut offers: Vec<Offer> = products
            .filter(|product| product.name.to_lowercase().contains(&search))
            .filter(|product| self.labels.iter().all(|label| product.labels.contains(label)))
            .filter(|product| !self.available || product.available() > 0)
            .map(Offer::of)
            .collect();
        offers.sort_by(|a, b| a.name.cmp(&b.name));
        offers
    }
}

impl Offer {
    fn of(product: &Product) -> Self {
        Self {
            sku: product.sku.clone(),
            name: product.name.clone(),
            category: product.category,
            size: product.size.clone(),
            labels: product.labels.clone(),
            available: product.available(),
            limit: product.limit,
        }
    }
}

/// The product that a scanner has in front of it, if it is one of ours.
#[query]
pub struct ProductByBarcode {
    pub barcode: Barcode,
}

impl Read<FoodBank> for ProductByBarcode {
    type Answer = Option<Product>;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        staff(actor)
    }

    fn read(&self, bank: &Visible<'_, FoodBank>, _: &Asking<'_, FoodBank>) -> Option<Product> {
        bank.products.by_barcode(&self.barcode).cloned()
    }
}

/// What lies where, by product and date.
#[query]
pub struct Stock {
    /// Only products of which no more than this is available.
    pub at_most: Option<u32>,
}

/// A product and its lots, the first to expire first.
#[value]
pub struct Shelf {
    pub product: Product,
    pub available: u32,
    pub lots: Vec<Lot>,
}

impl Read<FoodBank> for Stock {
    type Answer = Vec<Shelf>;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        staff(actor)
    }

    fn read(&self, bank: &Visible<'_, FoodBank>, _: &Asking<'_, FoodBank>) -> Vec<Shelf> {
        let at_most = self.at_most.unwrap_or(u32::MAX);
        let products = bank.products.iter().filter(|product| product.available() <= at_most);
        let shelf = |product: &Product| Shelf {
            product: product.clone(),
            available: product.available(),
            lots: bank.lots.by_sku(&product.sku).cloned().collect(),
        };
        products.map(shelf).collect()
    }
}

/// Lots that are not good for much longer, the first to expire first.
#[query]
pub struct ExpiringLots {
    /// Up to and with this day.
    pub until: Date,
}

impl Read<FoodBank> for ExpiringLots {
    type Answer = Vec<Lot>;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        staff(actor)
    }

    fn read(&self, bank: &Visible<'_, FoodBank>, _: &Asking<'_, FoodBank>) -> Vec<Lot> {
        bank.lots.by_best_before_in(..=self.until).cloned().collect()
    }
}
