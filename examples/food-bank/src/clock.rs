//! The clock on the wall: when a day begins here.
//!
//! Records know moments, and a moment is the same everywhere. A day is not: it begins at midnight where
//! the food bank is. An admin says how far the wall is ahead of UTC, and it is recorded like everything
//! else. So no decision of last year depends on what a library knows of time zones today; in spring and
//! autumn somebody sets the clock, and the page of the office asks them to.

use deeds::prelude::*;

use crate::*;

/// How the clock was set. The newest row is how it goes; until there is one, it shows UTC.
#[row(key = since)]
pub struct ClockSetting {
    pub since: Timestamp,
    pub offset: UtcOffset,
}

impl Audience for ClockSetting {
    fn audience(&self) -> Keys {
        Keys::everyone()
    }
}

/// How many minutes the clock is ahead of UTC; below 0, how many it is behind.
#[value]
#[serde(try_from = "i32")]
#[derive(Copy, Default)]
pub struct UtcOffset(i32);

/// No place on Earth is further ahead or behind.
const OFFSET_MINUTES_MAX: i32 = 14 * 60;

impl TryFrom<i32> for UtcOffset {
    type Error = &'static str;

    fn try_from(minutes: i32) -> Result<Self, Self::Error> {
        if minutes.abs() <= OFFSET_MINUTES_MAX && minutes % 15 == 0 {
            Ok(Self(minutes))
        } else {
            Err("a clock is up to 14 hours ahead or behind, in quarters of an hour")
        }
    }
}

impl UtcOffset {
    /// How the clock goes, by how it was set.
    pub(crate) fn now<'a>(mut settings: impl DoubleEndedIterator<Item = &'a ClockSetting>) -> Self {
        settings.next_back().map(|setting| setting.offset).unwrap_or_default()
    }

    /// What the clock shows at a moment.
    pub(crate) fn wall(self, moment: Timestamp) -> Timestamp {
        moment.checked_add(Duration::from_mins(self.0)).expect("we live between 1970 and 9999")
    }

    /// The moment at which the clock shows this.
    pub(crate) fn moment(self, wall: Timestamp) -> Timestamp {
        wall.checked_sub(Duration::from_mins(self.0)).expect("we live between 1970 and 9999")
    }
}

impl FoodBank {
    /// Which day it is here at a moment.
    pub fn date(&self, moment: Timestamp) -> Date {
        UtcOffset::now(self.clock.iter()).wall(moment).date()
    }
}

/// Set the clock on the wall.
#[command]
pub struct SetClock {
    pub offset: UtcOffset,
}

impl Decide<FoodBank> for SetClock {
    type Answer = ();
    type Refusal = Never;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        actor.requires(Role::Admin)
    }

    fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<(), Never> {
        bank.emit(ClockSet { offset: self.offset });
        Ok(())
    }
}

/// The clock goes like this from now on. What was counted before stays in its day.
#[event]
pub struct ClockSet {
    pub offset: UtcOffset,
}

impl Evolve<FoodBank> for ClockSet {
    fn evolve(self, bank: &mut FoodBank, meta: &Meta<'_>) {
        bank.clock.put(ClockSetting { since: meta.time, offset: self.offset });
    }
}

/// How the clock goes, and which day it is.
#[query(scope = Everyone)]
pub struct Clock;

/// What the clock shows.
#[value]
pub struct WallClock {
    pub offset: UtcOffset,
    pub today: Date,
}

impl Read<FoodBank> for Clock {
    type Answer = WallClock;

    fn authorize(&self, _: &Actor, _: &FoodBank) -> Access {
        Access::Allowed
    }

    fn read(&self, bank: &Visible<'_, FoodBank>, asking: &Asking<'_, FoodBank>) -> WallClock {
        let offset = UtcOffset::now(bank.clock.iter());
        WallClock { offset, today: offset.wall(asking.time()).date() }
    }
}
