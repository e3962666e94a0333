//! The catalogue: what there is, for neighbors to choose from and for staff to look after.
//!
//! A query reads `bank` as the one who asks may see it: rows for others are simply not there, so a
//! query cannot show by mistake what it should not. Its scope says with whom the answer is shared:
//! what is the same for everyone, or for all who hold a key, is read once for all of them.
//!
//! Every query can be watched as well as asked. One that picks rows of one table is a `Select`
//! ([`Catalogue`]): its watchers are told of each row that changes. One that computes is a `Read`
//! ([`Stock`]): it is read again when something it read has changed.

use deeds::prelude::*;

use crate::*;

/// What can be ordered, by name.
#[query(scope = Everyone)]
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

impl Select<FoodBank> for Catalogue {
    type Row = Product;
    type Item = Offer;

    fn authorize(&self, _: &Actor, _: &FoodBank) -> Access {
        Access::Allowed
    }

    /// Where the rows are, in the order in which they are told.
    fn rows<'a>(
        &self,
        bank: &'a Visible<'_, FoodBank>,
        _: &Asking<'_, FoodBank>,
    ) -> Rows<'a, Product> {
        match self.category {
            Some(category) => bank.products.by_category(category),
            None => bank.products.by_name_in(..),
        }
    }

    /// Which of them are meant.
    fn keeps(&self, product: &Product) -> bool {
        let search = self.search.as_deref().unwrap_or_default().to_lowercase();
        product.name.to_lowercase().contains(&search)
            && self.labels.iter().all(|label| product.labels.contains(label))
            && (!self.available || product.available() > 0)
    }

    /// What is told of each.
    fn item(&self, product: &Product, _: &Visible<'_, FoodBank>) -> Offer {
        Offer {
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
#[query(scope = Key(STAFF))]
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

/// All products, for those who look after them. With [`Places`], [`Edits`] and [`ExpiringLots`] it is
/// what [`Stock`] tells, row by row: whoever has it open hears of the one row that an order has moved.
#[query(scope = Key(STAFF))]
pub struct Products;

impl Select<FoodBank> for Products {
    type Row = Product;
    type Item = Product;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        staff(actor)
    }

    fn rows<'a>(
        &self,
        bank: &'a Visible<'_, FoodBank>,
        _: &Asking<'_, FoodBank>,
    ) -> Rows<'a, Product> {
        bank.products.by_name_in(..)
    }

    fn item(&self, product: &Product, _: &Visible<'_, FoodBank>) -> Product {
        product.clone()
    }
}

/// What lies where, by product and date.
#[query(scope = Key(STAFF))]
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
    /// Where it lies.
    pub shelf: Option<ShelfMark>,
    /// Who last changed what is said of it.
    pub edit: Option<Edit>,
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
            shelf: bank.places.get(&product.sku).map(|place| place.shelf.clone()),
            edit: bank.edits.get(&product.sku).cloned(),
        };
        products.map(shelf).collect()
    }
}

/// Lots that are not good for much longer, the first to expire first.
#[query(scope = Key(STAFF))]
pub struct ExpiringLots {
    /// Up to and with this day.
    pub until: Date,
}

impl Select<FoodBank> for ExpiringLots {
    type Row = Lot;
    type Item = Lot;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        staff(actor)
    }

    fn rows<'a>(&self, bank: &'a Visible<'_, FoodBank>, _: &Asking<'_, FoodBank>) -> Rows<'a, Lot> {
        bank.lots.by_best_before_in(..=self.until)
    }

    fn item(&self, lot: &Lot, _: &Visible<'_, FoodBank>) -> Lot {
        lot.clone()
    }
}
