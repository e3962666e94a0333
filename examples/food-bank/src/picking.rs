//! Picking: from a placed order to bags in somebody's hands.
//!
//! Two dozen volunteers look at one [`PickList`] and tap the same order at the same moment. Commands
//! are decided one after the other, so the first of them claims it and the other is told who was
//! quicker. Nobody locked anything.

use deeds::prelude::*;

use crate::*;

/// Why a step of picking is refused.
#[refusal]
pub enum PickRefusal {
    /// There is no order {order}.
    UnknownOrder { order: OrderNumber },
    /// {picker} has order {order} already.
    AlreadyClaimed { order: OrderNumber, picker: ActorId },
    /// That is not what order {order} needs now: it is at the step `{status}`.
    OutOfTurn { order: OrderNumber, status: Status },
    /// Order {order} has no {sku}.
    NotOrdered { order: OrderNumber, sku: Sku },
    /// {sku} is picked already.
    AlreadyPicked { sku: Sku },
    /// Only {ordered} of {sku} were ordered.
    TooMany { sku: Sku, ordered: u32 },
    /// The books know of only {fresh} of {sku} that have not expired.
    NotEnoughFresh { sku: Sku, fresh: u32 },
    /// {left} lines of order {order} are not picked yet.
    NotDone { order: OrderNumber, left: u32 },
    /// That is less of {sku} than was ordered: say why.
    NoReason { sku: Sku },
}

/// Why less was picked than was ordered.
#[value]
pub enum Shortage {
    /// The shelf had no more.
    NotFound,
    Damaged,
    Expired,
}

impl FoodBank {
    /// The order, if it is at this step.
    fn order_at(&self, step: Status, order: OrderNumber) -> Result<&Order, PickRefusal> {
        let found = self.orders.get(order).ok_or(PickRefusal::UnknownOrder { order })?;
        ensure!(found.status == step, PickRefusal::OutOfTurn { order, status: found.status });
        Ok(found)
    }

    /// Whether this volunteer is picking this order.
    fn is_picked_by(&self, volunteer: &ActorId, order: OrderNumber) -> Result<(), PickRefusal> {
        match &self.order_at(Status::Picking, order)?.picker {
            Some(picker) if picker == volunteer => Ok(()),
            Some(picker) => Err(PickRefusal::AlreadyClaimed { order, picker: picker.clone() }),
            None => unreachable!("an order that is being picked has a picker"),
        }
    }
}

/// This order is mine to pick.
#[command]
pub struct ClaimOrder {
    pub order: OrderNumber,
}

impl Decide<FoodBank> for ClaimOrder {
    type Answer = ();
    type Refusal = PickRefusal;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        actor.requires(Role::Volunteer)
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<(), PickRefusal> {
        let Self { order } = self;
        let found = bank.orders.get(order).ok_or(PickRefusal::UnknownOrder { order })?;
        match (found.status, &found.picker) {
            (Status::Placed, _) => {}
            (Status::Picking, Some(picker)) => {
                return Err(PickRefusal::AlreadyClaimed { order, picker: picker.clone() });
            }
            (status, _) => return Err(PickRefusal::OutOfTurn { order, status }),
        }
        bank.emit(OrderClaimed { order, picker: bank.actor_id() });
        Ok(())
    }
}

/// A volunteer began to pick an order.
#[event]
pub struct OrderClaimed {
    pub order: OrderNumber,
    pub picker: ActorId,
}

impl Evolve<FoodBank> for OrderClaimed {
    fn evolve(self, bank: &mut FoodBank, _: &Meta<'_>) {
        bank.orders.update(&self.order, |order| {
            order.status = Status::Picking;
            order.picker = Some(self.picker);
        });
    }
}

/// I put so many of this product into the bags.
#[command]
pub struct PickLine {
    pub order: OrderNumber,
    pub sku: Sku,
    /// Less than was ordered, or 0, when there is no more that is good.
    pub quantity: u32,
    /// Why it is less.
    pub short: Option<Shortage>,
}

impl Decide<FoodBank> for PickLine {
    /// Which lots it was taken from: the ones that expire first.
    type Answer = Vec<Portion>;
    type Refusal = PickRefusal;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        actor.requires(Role::Volunteer)
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<Vec<Portion>, PickRefusal> {
        let Self { order, sku, quantity, short } = self;
        bank.is_picked_by(bank.actor().id(), order)?;
        let Some(line) = bank.order_lines.get((order, sku.clone())) else {
            return Err(PickRefusal::NotOrdered { order, sku });
        };
        let ordered = line.quantity;
        ensure!(line.picked.is_none(), PickRefusal::AlreadyPicked { sku });
        ensure!(quantity <= ordered, PickRefusal::TooMany { sku, ordered });
        let short = short.filter(|_| quantity < ordered);
        ensure!(quantity == ordered || short.is_some(), PickRefusal::NoReason { sku });

        let portions = bank.portions(&sku, quantity, bank.date(bank.now()));
        let fresh = portions.iter().map(|portion| portion.quantity).sum();
        ensure!(quantity == fresh, PickRefusal::NotEnoughFresh { sku, fresh });
        bank.emit(LinePicked { order, sku, portions: portions.clone(), short });
        Ok(portions)
    }
}

/// A product of an order was put into the bags.
#[event]
pub struct LinePicked {
    pub order: OrderNumber,
    pub sku: Sku,
    pub portions: Vec<Portion>,
    /// Why it was less than was ordered; in older records nobody had asked.
    pub short: Option<Shortage>,
}

impl Evolve<FoodBank> for LinePicked {
    fn evolve(self, bank: &mut FoodBank, _: &Meta<'_>) {
        let Self { order, sku, portions, short } = self;
        for portion in &portions {
            bank.take_out(&sku, portion);
        }
        let key = (order, sku);
        let ordered = bank.order_lines.get(&key).expect("the line was ordered").quantity;
        bank.products.update(&key.1, |product| product.promised -= ordered);
        bank.order_lines.update(&key, |line| {
            line.picked = Some(portions);
            line.short = short;
        });
    }
}

/// I cannot go on with this order: everything back on the shelves, and somebody else may have it.
#[command]
pub struct GiveBackOrder {
    pub order: OrderNumber,
}

impl Decide<FoodBank> for GiveBackOrder {
    type Answer = ();
    type Refusal = PickRefusal;

    /// An admin can give back what a volunteer has left lying.
    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        staff(actor)
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<(), PickRefusal> {
        if bank.actor().has(Role::Admin) {
            bank.order_at(Status::Picking, self.order)?;
        } else {
            bank.is_picked_by(bank.actor().id(), self.order)?;
        }
        bank.emit(OrderGivenBack { order: self.order });
        Ok(())
    }
}

/// Nobody picks this order any more; what was picked is back on the shelves.
#[event]
pub struct OrderGivenBack {
    pub order: OrderNumber,
}

impl Evolve<FoodBank> for OrderGivenBack {
    fn evolve(self, bank: &mut FoodBank, _: &Meta<'_>) {
        bank.unpick(self.order);
        bank.orders.update(&self.order, |order| {
            order.status = Status::Placed;
            order.picker = None;
        });
    }
}

/// All of it is in the bags, and they are at the counter.
#[command]
pub struct PackOrder {
    pub order: OrderNumber,
}

impl Decide<FoodBank> for PackOrder {
    type Answer = ();
    type Refusal = PickRefusal;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        actor.requires(Role::Volunteer)
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<(), PickRefusal> {
        let Self { order } = self;
        bank.is_picked_by(bank.actor().id(), order)?;
        let lines = bank.order_lines.by_order(order);
        let left = lines.filter(|line| line.picked.is_none()).map(|_| 1).sum();
        ensure!(left == 0, PickRefusal::NotDone { order, left });
        bank.emit(OrderPacked { order });
        Ok(())
    }
}

/// An order waits at the counter.
#[event]
pub struct OrderPacked {
    pub order: OrderNumber,
}

impl Evolve<FoodBank> for OrderPacked {
    fn evolve(self, bank: &mut FoodBank, _: &Meta<'_>) {
        let order = bank.orders.update(&self.order, |order| order.status = Status::Packed);
        let picker = order.picker.clone();
        // Not in the rows: a volunteer for good, who does not sign in to shifts.
        if let Some(picker) = picker.filter(|picker| bank.present.contains(picker)) {
            bank.present.update(&picker, |present| present.packed += 1);
        }
    }
}

/// The neighbor has it.
#[command]
pub struct HandOver {
    pub order: OrderNumber,
}

impl Decide<FoodBank> for HandOver {
    type Answer = ();
    type Refusal = PickRefusal;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        actor.requires(Role::Volunteer)
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<(), PickRefusal> {
        bank.order_at(Status::Packed, self.order)?;
        bank.emit(OrderHandedOver { order: self.order });
        Ok(())
    }
}

/// A neighbor got an order.
#[event]
pub struct OrderHandedOver {
    pub order: OrderNumber,
}

impl Evolve<FoodBank> for OrderHandedOver {
    fn evolve(self, bank: &mut FoodBank, meta: &Meta<'_>) {
        bank.orders.update(&self.order, |order| order.status = Status::HandedOver);
        bank.count_handed_over(self.order, meta.time);
    }
}

/// What there is to pick: what somebody has begun, then what nobody has, the oldest first; and what
/// waits at the counter. The same for all who work here, so it is read once for all their tablets.
#[query(scope = Key(STAFF))]
pub struct PickList;

/// What there is to do in the warehouse.
#[value]
pub struct ToDo {
    /// Each says who picks it.
    pub picking: Vec<OrderView>,
    pub open: Vec<OrderView>,
    pub at_the_counter: Vec<OrderView>,
}

/// More orders than fit on a tablet, few enough to send.
const LIST_MAX: usize = 100;

impl Read<FoodBank> for PickList {
    type Answer = ToDo;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        staff(actor)
    }

    fn read(&self, bank: &Visible<'_, FoodBank>, _: &Asking<'_, FoodBank>) -> ToDo {
        let oldest = |status| {
            let orders = bank.orders.by_status(status).take(LIST_MAX);
            orders.map(|order| OrderView::of(bank, order)).collect()
        };
        ToDo {
            picking: oldest(Status::Picking),
            open: oldest(Status::Placed),
            at_the_counter: oldest(Status::Packed),
        }
    }
}
