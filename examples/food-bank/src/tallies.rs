//! Tallies: sums that are kept while things happen, so that nobody has to count afterwards.
//!
//! A query that counts all orders gets slower with every one of them. These rows are as many as there
//! are hours and days, however many orders there were; [`Dashboard`] and [`Days`] read them instead.
//! They follow from events alone: a bank that had no tallies when it was younger has them all after a
//! replay.

use deeds::prelude::*;

use crate::*;

/// What happened in an hour in which something did. Orders are not counted here: they are numbered as
/// they are placed, so two of them say how many there were in between.
#[row(key = (day, hour))]
pub struct Hour {
    /// The day and the hour that the clock on the wall showed.
    pub day: Date,
    pub hour: u32,
    pub cancelled: u32,
    pub handed_over: u32,
    /// Single items in what was handed over.
    pub items: u64,
}

/// How much of a product was handed over on a day.
#[row(key = (day, sku))]
pub struct Handout {
    pub day: Date,
    pub sku: Sku,
    pub items: u64,
}

/// That a household was here on a day, and what it took home.
#[row(key = (day, neighbor))]
pub struct Visit {
    pub day: Date,
    pub neighbor: ActorId,
    pub orders: u32,
    pub items: u64,
}

impl Audience for Hour {
    fn audience(&self) -> Keys {
        keys![STAFF]
    }
}

impl Audience for Handout {
    fn audience(&self) -> Keys {
        keys![STAFF]
    }
}

impl Audience for Visit {
    fn audience(&self) -> Keys {
        keys![of_neighbor(&self.neighbor), STAFF]
    }
}

pub(crate) const HOUR: Duration = Duration::from_hours(1);

impl FoodBank {
    /// Adds to the hour in which a moment is; gives the day. For events.
    pub(crate) fn tally(&mut self, moment: Timestamp, add: impl FnOnce(&mut Hour)) -> Date {
        let wall = UtcOffset::now(self.clock.iter()).wall(moment);
        let (day, hour) = (wall.date(), hour_of(wall));
        if !self.hours.contains((day, hour)) {
            self.hours.insert(Hour { day, hour, cancelled: 0, handed_over: 0, items: 0 });
        }
        self.hours.update(&(day, hour), add);
        day
    }

    /// Counts an order that is handed over now. For events.
    pub(crate) fn count_handed_over(&mut self, order: OrderNumber, now: Timestamp) {
        let lines: Vec<OrderLine> = self.order_lines.by_order(order).cloned().collect();
        let items = lines.iter().map(|line| u64::from(line.counts())).sum::<u64>();
        let day = self.tally(now, |hour| {
            hour.handed_over += 1;
            hour.items += items;
        });
        for line in lines.into_iter().filter(|line| line.counts() > 0) {
            let so_far = self.handouts.get((day, line.sku.clone())).map_or(0, |sum| sum.items);
            let items = so_far + u64::from(line.counts());
            self.handouts.put(Handout { day, sku: line.sku, items });
        }
        let neighbor = self.orders.get(order).expect("it is handed over").neighbor.clone();
        let visit = self.visits.get((day, neighbor.clone()));
        let (orders, before) = visit.map_or((0, 0), |visit| (visit.orders, visit.items));
        self.visits.put(Visit { day, neighbor, orders: orders + 1, items: before + items });
    }
}

/// Which hour of its day a clock shows.
pub(crate) fn hour_of(wall: Timestamp) -> u32 {
    let hours = wall.0.div_euclid(HOUR.0).rem_euclid(24);
    u32::try_from(hours).expect("an hour of the day is 0 to 23")
}
