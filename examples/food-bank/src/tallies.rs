//! Tallies: sums that are kept while things happen, so that nobody has to count afterwards.
//!
//! A query that counts all orders gets slower with every one of them. These rows are as many as there
//! are hours and days, however many orders there were; [`Dashboard`] and [`Days`] read nothing else.
//! They follow from events alone: a bank that had no tallies when it was younger has them all after a
//! replay.

use deeds::prelude::*;

use crate::*;

/// What happened in an hour in which something did.
#[row(key = (day, hour))]
pub struct Hour {
    /// The day and the hour that the clock on the wall showed.
    pub day: Date,
    pub hour: u32,
    /// When it is over.
    pub until: Timestamp,
    /// The number of the first order placed in it, or after it. Orders are numbered without gaps, so
    /// they need no counting: the next hour knows where this one ended.
    pub first_order: OrderNumber,
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
    /// The hour in which a moment is, with a row of its own. For events.
    pub(crate) fn hour(&mut self, moment: Timestamp) -> (Date, u32) {
        let newest = self.hours.iter().next_back();
        let newest = newest.map(|hour| ((hour.day, hour.hour), hour.until));
        if let Some((hour, _)) = newest.filter(|(_, until)| moment < *until) {
            return hour;
        }
        let wall = UtcOffset::now(self.clock.iter()).wall(moment);
        let until = Timestamp(moment.0 + HOUR.0 - wall.0.rem_euclid(HOUR.0));
        let (day, hour) = (wall.date(), hour_of(wall));
        // When the clock was set back, an hour comes twice: it is counted as one long hour.
        if let Some((hour, _)) = newest.filter(|(newest, _)| *newest >= (day, hour)) {
            self.hours.update(&hour, |newest| newest.until = until);
            return hour;
        }
        let first_order = self.next_order_number();
        let (cancelled, handed_over, items) = (0, 0, 0);
        self.hours.insert(Hour { day, hour, until, first_order, cancelled, handed_over, items });
        (day, hour)
    }

    /// Counts an order that is handed over now. For events.
    pub(crate) fn count_handed_over(&mut self, order: OrderNumber, now: Timestamp) {
        let hour = self.hour(now);
        let (day, mut items) = (hour.0, 0);
        let lines: Vec<OrderLine> = self.order_lines.by_order(order).cloned().collect();
        for line in lines {
            let picked = u64::from(line.counts());
            let so_far = self.handouts.get((day, line.sku.clone())).map_or(0, |sum| sum.items);
            if picked > 0 {
                self.handouts.put(Handout { day, sku: line.sku, items: so_far + picked });
            }
            items += picked;
        }
        self.hours.update(&hour, |hour| {
            hour.handed_over += 1;
            hour.items += items;
        });
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
