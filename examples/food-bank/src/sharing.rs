//! Sharing: how much of a product one household may have now.
//!
//! One rule, obeyed by [`AddToCart`] and by [`PlaceOrder`]: there must be enough, and nobody takes
//! more than the limit in a week. There is no counter that could be wrong: what a household had is
//! read off its cart and its orders of the week, a handful of rows, so a cancelled order counts no
//! more by itself.

use deeds::prelude::*;

use crate::*;

/// So many of a product.
#[value]
pub struct Item {
    pub sku: Sku,
    pub quantity: u32,
}

/// How far back a household's limit looks.
pub const LIMIT_PERIOD: Duration = Duration::from_hours(7 * 24);

/// Why a household may not have something. Told to the neighbor as it is written here.
#[refusal]
pub enum ItemRefusal {
    /// There is no product {sku}.
    UnknownProduct { sku: Sku },
    /// Only {left} of {sku} are left.
    NotEnough { sku: Sku, left: u32 },
    /// One household may have {limit} of {sku} in seven days, and you have {had} already.
    HouseholdLimit { sku: Sku, limit: u32, had: u32 },
}

impl FoodBank {
    /// Whether this household may have so many more.
    pub fn may_have(
        &self,
        neighbor: &ActorId,
        item: &Item,
        now: Timestamp,
    ) -> Result<(), ItemRefusal> {
        let sku = || item.sku.clone();
        let Some(product) = self.products.get(&item.sku) else {
            return Err(ItemRefusal::UnknownProduct { sku: sku() });
        };
        let left = product.available();
        ensure!(item.quantity <= left, ItemRefusal::NotEnough { sku: sku(), left });
        if let Some(limit) = product.limit {
            let had = self.had_lately(neighbor, &item.sku, now);
            let within = had + item.quantity <= limit;
            ensure!(within, ItemRefusal::HouseholdLimit { sku: sku(), limit, had });
        }
        Ok(())
    }

    /// How much of a product a household has in its cart and in its orders of the last seven days.
    fn had_lately(&self, neighbor: &ActorId, sku: &Sku, now: Timestamp) -> u32 {
        let in_cart = self.cart_lines.get((neighbor.clone(), sku.clone()));
        let in_cart = in_cart.map_or(0, |line| line.quantity);

        let lately = |order: &&Order| now.since(order.placed) < LIMIT_PERIOD;
        let newest_first = self.orders.by_neighbor(neighbor).rev();
        let in_orders = newest_first
            .take_while(lately)
            .filter(|order| order.status != Status::Cancelled)
            .filter_map(|order| self.order_lines.get((order.number, sku.clone())))
            .map(OrderLine::counts)
            .sum::<u32>();

        in_cart + in_orders
    }
}
