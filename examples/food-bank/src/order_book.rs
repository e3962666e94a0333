//! The order book: orders with their lines, as neighbors and staff look at them.

use deeds::prelude::*;

use crate::*;

/// An order with its lines.
#[value]
pub struct OrderView {
    pub number: OrderNumber,
    pub status: Status,
    pub placed: Timestamp,
    /// Who gets it.
    pub neighbor: ActorId,
    /// What to write on the bags; none if the household is not registered.
    pub name: Option<String>,
    /// Who picks it.
    pub picker: Option<ActorId>,
    pub lines: Vec<LineView>,
}

/// A line of an order.
#[value]
pub struct LineView {
    pub sku: Sku,
    pub name: String,
    pub size: String,
    /// How many were ordered.
    pub quantity: u32,
    /// How many were picked; none until then.
    pub picked: Option<u32>,
    /// Why it was less than was ordered.
    pub short: Option<Shortage>,
    /// Where it lies, for those who work here.
    pub shelf: Option<ShelfMark>,
}

impl OrderView {
    /// The view of an order, by what the one who asks may see.
    pub(crate) fn of(bank: &Visible<'_, FoodBank>, order: &Order) -> Self {
        let line = |line: &OrderLine| LineView {
            sku: line.sku.clone(),
            name: line.name.clone(),
            size: line.size.clone(),
            quantity: line.quantity,
            picked: line.picked_quantity(),
            short: line.short,
            shelf: bank.places.get(&line.sku).map(|place| place.shelf.clone()),
        };
        Self {
            number: order.number,
            status: order.status,
            placed: order.placed,
            neighbor: order.neighbor.clone(),
            name: bank.neighbors.get(&order.neighbor).map(|neighbor| neighbor.name.clone()),
            picker: order.picker.clone(),
            lines: bank.order_lines.by_order(order.number).map(line).collect(),
        }
    }
}

/// My orders, the newest first.
#[query]
pub struct MyOrders {
    /// Only those that are this far.
    pub status: Option<Status>,
}

/// A year of orders, for somebody who comes twice a week.
const MY_ORDERS_MAX: usize = 100;

impl Read<FoodBank> for MyOrders {
    type Answer = Vec<OrderView>;

    fn authorize(&self, _: &Actor, _: &FoodBank) -> Access {
        Access::Allowed
    }

    fn read(&self, bank: &Visible<'_, FoodBank>, asking: &Asking<'_, FoodBank>) -> Vec<OrderView> {
        let newest_first = bank.orders.by_neighbor(asking.actor().id()).rev();
        newest_first
            .filter(|order| self.status.is_none_or(|status| order.status == status))
            .take(MY_ORDERS_MAX)
            .map(|order| OrderView::of(bank, order))
            .collect()
    }
}

/// One order: mine, or as staff anybody's. Nothing when there is none that I may see.
#[query]
pub struct OrderByNumber {
    pub number: OrderNumber,
}

impl Read<FoodBank> for OrderByNumber {
    type Answer = Option<OrderView>;

    /// Anybody may ask: another's order is not there for them.
    fn authorize(&self, _: &Actor, _: &FoodBank) -> Access {
        Access::Allowed
    }

    fn read(&self, bank: &Visible<'_, FoodBank>, _: &Asking<'_, FoodBank>) -> Option<OrderView> {
        bank.orders.get(self.number).map(|order| OrderView::of(bank, order))
    }
}

/// Orders of everybody, the newest first: looked at through a window, for there are thousands.
#[query(scope = Key(STAFF))]
pub struct AllOrders {
    /// Only those that are this far.
    pub status: Option<Status>,
}

impl Select<FoodBank> for AllOrders {
    type Row = Order;
    type Item = OrderView;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        staff(actor)
    }

    fn rows<'a>(
        &self,
        bank: &'a Visible<'_, FoodBank>,
        _: &Asking<'_, FoodBank>,
    ) -> Rows<'a, Order> {
        let orders = match self.status {
            Some(status) => bank.orders.by_status(status),
            None => bank.orders.iter(),
        };
        orders.backwards()
    }

    /// With its lines and the household's name: rows of other tables, which a window may show.
    fn item(&self, order: &Order, bank: &Visible<'_, FoodBank>) -> OrderView {
        OrderView::of(bank, order)
    }
}

/// Lines of the last orders that were picked short, the newest first: shelves to look at.
#[query(scope = Key(STAFF))]
pub struct ShortLines;

/// A line of which less was found than was ordered.
#[value]
pub struct ShortLine {
    pub order: OrderNumber,
    pub placed: Timestamp,
    pub picker: Option<ActorId>,
    pub line: LineView,
}

/// How many of the newest orders are looked at for short lines: a few Saturdays.
const SHORT_ORDERS_MAX: usize = 500;

/// As many lines as one looks through.
const SHORT_LINES_MAX: usize = 50;

impl Read<FoodBank> for ShortLines {
    type Answer = Vec<ShortLine>;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        staff(actor)
    }

    fn read(&self, bank: &Visible<'_, FoodBank>, _: &Asking<'_, FoodBank>) -> Vec<ShortLine> {
        let newest = bank.orders.iter().rev().take(SHORT_ORDERS_MAX);
        let short = newest.flat_map(|order| {
            let OrderView { number, placed, picker, lines, .. } = OrderView::of(bank, order);
            let short = lines.into_iter().filter(|line| line.short.is_some());
            short.map(move |line| ShortLine { order: number, placed, picker: picker.clone(), line })
        });
        short.take(SHORT_LINES_MAX).collect()
    }
}
