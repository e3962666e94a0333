//! Orders: what neighbors are going to get.
//!
//! ```text
//!          claimed             packed            handed over
//! placed ───────────▶ picking ────────▶ packed ─────────────▶ handed over
//!        ◀───────────
//!         given back           each of the first three ─▶ cancelled
//! ```
//!
//! An order begins here, from a cart or in one command, and ends here when it is cancelled; the way
//! in between is in [`picking`].

use deeds::prelude::*;

use crate::*;

/// An order's number, as people say it: 1, 2, 3, without gaps.
#[value(key)]
#[derive(Copy)]
pub struct OrderNumber(u32);

impl OrderNumber {
    /// As a number.
    pub fn number(self) -> u32 {
        self.0
    }
}

/// How far an order is.
#[value(key)]
pub enum Status {
    /// Nobody has begun to pick it.
    Placed,
    /// A volunteer is picking it.
    Picking,
    /// It waits at the counter.
    Packed,
    /// The neighbor has it.
    HandedOver,
    /// Nobody gets it.
    Cancelled,
}

/// An order.
#[row(key = number, index(neighbor), index(status))]
pub struct Order {
    pub number: OrderNumber,
    pub neighbor: ActorId,
    pub status: Status,
    pub placed: Timestamp,
    /// The volunteer who picks it, or picked it.
    pub picker: Option<ActorId>,
}

impl Audience for Order {
    fn audience(&self) -> Keys {
        keys![of_neighbor(&self.neighbor), STAFF]
    }
}

/// So many of one product in an order.
#[row(key = (order, sku))]
pub struct OrderLine {
    pub order: OrderNumber,
    pub sku: Sku,
    /// Who ordered it: a row says by itself who may see it.
    pub neighbor: ActorId,
    /// What it was called then, so that an order can be read without the product, whose row moves with
    /// every order.
    pub name: String,
    pub size: String,
    /// How many were ordered.
    pub quantity: u32,
    /// Where it was taken from; none until it is picked. May be less than was ordered.
    pub picked: Option<Vec<Portion>>,
    /// Why it was less.
    pub short: Option<Shortage>,
}

impl Audience for OrderLine {
    fn audience(&self) -> Keys {
        keys![of_neighbor(&self.neighbor), STAFF]
    }
}

impl OrderLine {
    /// How many were picked, if it was.
    pub fn picked_quantity(&self) -> Option<u32> {
        let portions = self.picked.as_ref()?;
        Some(portions.iter().map(|portion| portion.quantity).sum())
    }

    /// What the household gets: what was picked, and until then what was ordered.
    pub fn counts(&self) -> u32 {
        self.picked_quantity().unwrap_or(self.quantity)
    }
}

/// What an order asks for: some products, each once, and at least one of each.
#[value]
#[serde(try_from = "Vec<Item>")]
pub struct ShoppingList(Vec<Item>);

/// More than a household carries home, and far below the largest record.
const LINES_MAX: usize = 100;

impl TryFrom<Vec<Item>> for ShoppingList {
    type Error = &'static str;

    fn try_from(items: Vec<Item>) -> Result<Self, Self::Error> {
        if items.is_empty() || items.len() > LINES_MAX {
            return Err("an order has 1 to 100 lines");
        }
        if items.iter().any(|item| Quantity::try_from(item.quantity).is_err()) {
            return Err("an order has 1 to 100000 of each product");
        }
        let twice = |(at, item): (usize, &Item)| items[..at].iter().any(|i| i.sku == item.sku);
        if items.iter().enumerate().any(twice) {
            return Err("an order names each product once");
        }
        Ok(Self(items))
    }
}

/// What the neighbor is told.
#[value]
pub struct Receipt {
    /// The number to say at the counter.
    pub order: OrderNumber,
}

/// Order all of this, or nothing if a part cannot be had.
#[command]
pub struct PlaceOrder {
    pub lines: ShoppingList,
}

impl Decide<FoodBank> for PlaceOrder {
    type Answer = Receipt;
    type Refusal = ItemRefusal;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        actor.requires(Role::Neighbor)
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<Receipt, ItemRefusal> {
        let ShoppingList(items) = self.lines;
        let neighbor = bank.actor_id();
        for item in &items {
            bank.may_have(&neighbor, item, bank.now())?;
        }
        let order = bank.next_order_number();
        bank.emit(OrderPlaced { order, neighbor, items });
        Ok(Receipt { order })
    }
}

impl FoodBank {
    /// One more than the newest order has. Commands are decided one at a time and an order is never
    /// removed, so the numbers have no gaps and none comes twice.
    fn next_order_number(&self) -> OrderNumber {
        let newest = self.orders.iter().next_back();
        OrderNumber(newest.map_or(1, |order| order.number.0 + 1))
    }
}

/// Order what is in my cart.
#[command]
pub struct Checkout;

/// Why a cart is not checked out.
#[refusal]
pub enum CheckoutRefusal {
    /// Your cart is empty.
    EmptyCart,
    /// Only {left} of the {sku} in your cart are still there: the rest had to be thrown away.
    NoLongerThere { sku: Sku, left: u32 },
}

impl Decide<FoodBank> for Checkout {
    type Answer = Receipt;
    type Refusal = CheckoutRefusal;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        actor.requires(Role::Neighbor)
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<Receipt, CheckoutRefusal> {
        let neighbor = bank.actor_id();
        let items: Vec<Item> = bank.cart_lines.by_neighbor(&neighbor).map(CartLine::item).collect();
        ensure!(!items.is_empty(), CheckoutRefusal::EmptyCart);
        for Item { sku, quantity } in &items {
            let product = bank.products.get(sku).expect("a cart line refers to a product");
            let left = product.on_hand.saturating_sub(product.promised);
            if *quantity > left {
                return Err(CheckoutRefusal::NoLongerThere { sku: sku.clone(), left });
            }
            // Back on the shelf and promised to the same neighbor in one go: nobody comes between.
            bank.emit(ItemReleased { neighbor: neighbor.clone(), sku: sku.clone() });
        }
        let order = bank.next_order_number();
        bank.emit(OrderPlaced { order, neighbor, items });
        Ok(Receipt { order })
    }
}

/// A neighbor ordered food.
#[event]
pub struct OrderPlaced {
    pub order: OrderNumber,
    pub neighbor: ActorId,
    pub items: Vec<Item>,
}

impl Evolve<FoodBank> for OrderPlaced {
    fn evolve(self, bank: &mut FoodBank, meta: &Meta<'_>) {
        let Self { order, neighbor, items } = self;
        for Item { sku, quantity } in items {
            let product = bank.products.update(&sku, |product| product.promised += quantity);
            let (name, size) = (product.name.clone(), product.size.clone());
            let neighbor = neighbor.clone();
            let (picked, short) = (None, None);
            let line = OrderLine { order, sku, neighbor, name, size, quantity, picked, short };
            bank.order_lines.insert(line);
        }
        bank.orders.insert(Order {
            number: order,
            neighbor,
            status: Status::Placed,
            placed: meta.time,
            picker: None,
        });
    }
}

/// Cancel an order, and put everything back. A neighbor can until somebody begins to pick it, the
/// staff until it is handed over.
#[command]
pub struct CancelOrder {
    pub order: OrderNumber,
}

/// Why an order is not cancelled.
#[refusal]
pub enum CancelRefusal {
    /// There is no order {order}.
    UnknownOrder { order: OrderNumber },
    /// Order {order} is being picked already; please ask at the counter.
    AlreadyPicked { order: OrderNumber },
    /// Order {order} was handed over.
    HandedOver { order: OrderNumber },
    /// Order {order} was cancelled before.
    AlreadyCancelled { order: OrderNumber },
}

impl Decide<FoodBank> for CancelOrder {
    type Answer = ();
    type Refusal = CancelRefusal;

    /// One's own order, or as staff. Authorizing may read the rows, too: it happens in the same turn
    /// as the decision, so nothing can change in between.
    fn authorize(&self, actor: &Actor, bank: &FoodBank) -> Access {
        match bank.orders.get(self.order) {
            Some(order) if order.neighbor == *actor.id() => Access::Allowed,
            _ => staff(actor).or(Access::denied("this is not your order")),
        }
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<(), CancelRefusal> {
        let Self { order } = self;
        let Some(found) = bank.orders.get(order) else {
            return Err(CancelRefusal::UnknownOrder { order });
        };
        match found.status {
            Status::Placed => {}
            Status::Picking | Status::Packed => {
                let by_staff = staff(bank.actor()) == Access::Allowed;
                ensure!(by_staff, CancelRefusal::AlreadyPicked { order });
            }
            Status::HandedOver => return Err(CancelRefusal::HandedOver { order }),
            Status::Cancelled => return Err(CancelRefusal::AlreadyCancelled { order }),
        }
        bank.emit(OrderCancelled { order });
        Ok(())
    }
}

/// An order was cancelled, and its food put back.
#[event]
pub struct OrderCancelled {
    pub order: OrderNumber,
}

impl Evolve<FoodBank> for OrderCancelled {
    fn evolve(self, bank: &mut FoodBank, meta: &Meta<'_>) {
        bank.unpick(self.order);
        let lines: Vec<OrderLine> = bank.order_lines.by_order(self.order).cloned().collect();
        for OrderLine { sku, quantity, .. } in lines {
            bank.products.update(&sku, |product| product.promised -= quantity);
        }
        bank.orders.update(&self.order, |order| order.status = Status::Cancelled);
        bank.tally(meta.time, |hour| hour.cancelled += 1);
    }
}

impl FoodBank {
    /// Puts what was picked for an order back on the shelves, promised as before. For events.
    pub(crate) fn unpick(&mut self, order: OrderNumber) {
        let lines: Vec<OrderLine> = self.order_lines.by_order(order).cloned().collect();
        for OrderLine { sku, quantity, picked, .. } in lines {
            let Some(portions) = picked else { continue };
            for portion in &portions {
                self.put_back(&sku, portion);
            }
            self.products.update(&sku, |product| product.promised += quantity);
            self.order_lines.update(&(order, sku), |line| {
                line.picked = None;
                line.short = None;
            });
        }
    }
}
