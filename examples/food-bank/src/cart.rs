//! Carts: food put aside for a neighbor until checkout.
//!
//! What is in a cart is not available to others, so a cart is only kept for a while:
//! [`EmptyAbandonedCarts`] gives forgotten ones back.

use deeds::prelude::*;

use crate::*;

/// So many of one product in one neighbor's cart.
#[row(key = (neighbor, sku), index(sku), index(since), references(sku = Product))]
pub struct CartLine {
    pub neighbor: ActorId,
    pub sku: Sku,
    pub quantity: u32,
    /// When something was last put in.
    pub since: Timestamp,
}

impl Audience for CartLine {
    fn audience(&self) -> Keys {
        keys![of_neighbor(&self.neighbor), STAFF]
    }
}

impl CartLine {
    pub(crate) fn item(&self) -> Item {
        Item { sku: self.sku.clone(), quantity: self.quantity }
    }
}

/// Put food aside for me until I check out.
#[command]
pub struct AddToCart {
    pub sku: Sku,
    pub quantity: Quantity,
}

impl Decide<FoodBank> for AddToCart {
    type Answer = CartLine;
    type Refusal = ItemRefusal;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        actor.requires(Role::Neighbor)
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<CartLine, ItemRefusal> {
        let item = Item { sku: self.sku, quantity: self.quantity.number() };
        let neighbor = bank.actor_id();
        bank.may_have(&neighbor, &item, bank.now())?;
        let key = (neighbor.clone(), item.sku.clone());
        bank.emit(ItemReserved { neighbor, item });
        // The event has changed the rows already: the next line sees what follows from it.
        Ok(bank.cart_lines.get(key).expect("it was reserved a moment ago").clone())
    }
}

/// Food was put aside for a neighbor.
#[event]
pub struct ItemReserved {
    pub neighbor: ActorId,
    pub item: Item,
}

impl Evolve<FoodBank> for ItemReserved {
    fn evolve(self, bank: &mut FoodBank, meta: &Meta<'_>) {
        let Self { neighbor, item: Item { sku, quantity } } = self;
        bank.products.update(&sku, |product| product.reserved += quantity);
        let already = bank.cart_lines.get((neighbor.clone(), sku.clone()));
        let quantity = quantity + already.map_or(0, |line| line.quantity);
        bank.cart_lines.put(CartLine { neighbor, sku, quantity, since: meta.time });
    }
}

/// Take a product out of my cart.
#[command]
pub struct RemoveFromCart {
    pub sku: Sku,
    /// How many of it; none: all there are.
    pub quantity: Option<Quantity>,
}

/// Why nothing is taken out.
#[refusal]
pub enum RemoveFromCartRefusal {
    /// There is no {sku} in your cart.
    NotInCart { sku: Sku },
}

impl Decide<FoodBank> for RemoveFromCart {
    type Answer = ();
    type Refusal = RemoveFromCartRefusal;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        actor.requires(Role::Neighbor)
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<(), RemoveFromCartRefusal> {
        let Self { sku, quantity } = self;
        let neighbor = bank.actor_id();
        let Some(line) = bank.cart_lines.get((neighbor.clone(), sku.clone())) else {
            return Err(RemoveFromCartRefusal::NotInCart { sku });
        };
        match quantity.map(Quantity::number) {
            Some(quantity) if quantity < line.quantity => {
                bank.emit(ItemLowered { neighbor, item: Item { sku, quantity } });
            }
            _ => bank.emit(ItemReleased { neighbor, sku }),
        }
        Ok(())
    }
}

/// A product is in a neighbor's cart no more.
#[event]
pub struct ItemReleased {
    pub neighbor: ActorId,
    pub sku: Sku,
}

impl Evolve<FoodBank> for ItemReleased {
    fn evolve(self, bank: &mut FoodBank, _: &Meta<'_>) {
        let key = (self.neighbor, self.sku);
        let quantity = bank.cart_lines.get(&key).expect("it was in the cart").quantity;
        bank.cart_lines.remove(&key);
        bank.products.update(&key.1, |product| product.reserved -= quantity);
    }
}

/// So many fewer of a product are in a neighbor's cart; some still are.
#[event]
pub struct ItemLowered {
    pub neighbor: ActorId,
    pub item: Item,
}

impl Evolve<FoodBank> for ItemLowered {
    fn evolve(self, bank: &mut FoodBank, _: &Meta<'_>) {
        let Self { neighbor, item: Item { sku, quantity } } = self;
        bank.products.update(&sku, |product| product.reserved -= quantity);
        bank.cart_lines.update(&(neighbor, sku), |line| line.quantity -= quantity);
    }
}

/// Give back what lies in forgotten carts. Now and then; more often does no harm.
#[command]
pub struct EmptyAbandonedCarts;

/// How long a cart is kept for its neighbor: an evening.
pub const CART_KEPT: Duration = Duration::from_hours(4);

/// How many lines one command gives back: a record has a largest size. Send it again for the rest.
const CART_LINES_MAX: usize = 1_000;

impl Decide<FoodBank> for EmptyAbandonedCarts {
    /// How many lines were given back.
    type Answer = u32;
    type Refusal = Never;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        staff(actor)
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<u32, Never> {
        let kept_since = bank.now().checked_sub(CART_KEPT).expect("we live after 1970");
        let forgotten = bank.cart_lines.by_since_in(..kept_since).take(CART_LINES_MAX);
        let forgotten: Vec<CartLine> = forgotten.cloned().collect();
        let mut count = 0;
        for CartLine { neighbor, sku, .. } in forgotten {
            bank.emit(ItemReleased { neighbor, sku });
            count += 1;
        }
        Ok(count)
    }
}

/// My cart.
#[query]
pub struct MyCart;

impl Select<FoodBank> for MyCart {
    type Row = CartLine;
    type Item = CartLine;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        actor.requires(Role::Neighbor)
    }

    fn rows<'a>(
        &self,
        bank: &'a Visible<'_, FoodBank>,
        asking: &Asking<'_, FoodBank>,
    ) -> Rows<'a, CartLine> {
        bank.cart_lines.by_neighbor(asking.actor().id())
    }

    fn item(&self, line: &CartLine, _: &Visible<'_, FoodBank>) -> CartLine {
        line.clone()
    }
}
