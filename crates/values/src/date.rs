//! A day of the calendar, without a time of day and without a time zone: when food expires, when a
//! family was born.
//!
//! Text: `2026-11-20`. A year before 0000 or after 9999 has a sign and six digits, as in
//! ECMAScript: `+012026-11-20`.

use std::fmt;
use std::str::FromStr;

use crate::calendar::{Civil, civil_from_days, days_from_civil, days_in_month};
use crate::key::{Key, KeyBytes, newtype_keys};
use crate::text_form::{Malformed, text_value};
use crate::time::{DAY_US, Timestamp};

/// A day of the proleptic Gregorian calendar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(
    /// Days since 1970-01-01.
    i32,
);

/// The first and last year that can be written.
const YEAR_MAX: i64 = 999_999;

const FORM: Malformed = Malformed::new("a date is written like 2026-11-20");
const NO_SUCH_DAY: Malformed = Malformed::new("there is no such day in the calendar");

impl Date {
    /// The date of a year, month (1 to 12) and day (1 to 31); none when there is no such day.
    pub fn new(year: i32, month: u8, day: u8) -> Option<Self> {
        let year = i64::from(year);
        let exists = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
        if !exists || year.abs() > YEAR_MAX {
            return None;
        }
        Some(Self::from_civil(Civil { year, month, day }))
    }

    /// The day a moment falls on, in UTC.
    pub fn of(moment: Timestamp) -> Self {
        let days = moment.0.div_euclid(DAY_US);
        Self(i32::try_from(days).expect("a moment's day number has at most 27 bits"))
    }

    /// The moment the day begins, in UTC; none when it is outside the range of moments.
    pub fn start(self) -> Option<Timestamp> {
        i64::from(self.0).checked_mul(DAY_US).map(Timestamp)
    }

    /// The year.
    pub fn year(self) -> i32 {
        i32::try_from(self.civil().year).expect("a year has at most six digits")
    }

    /// The month, 1 to 12.
    pub fn month(self) -> u8 {
        self.civil().month
    }

    /// The day of the month, 1 to 31.
    pub fn day(self) -> u8 {
        self.civil().day
    }

    /// The day of the week as ISO 8601 counts: 1 is Monday, 7 is Sunday.
    pub fn weekday(self) -> u8 {
        // 1970-01-01 was a Thursday.
        (i64::from(self.0) + 3).rem_euclid(7) as u8 + 1
    }

    /// The date so many days later (earlier when negative); none outside the calendar's range.
    pub fn checked_add_days(self, days: i32) -> Option<Self> {
        let date = Self(self.0.checked_add(days)?);
        (date.civil().year.abs() <= YEAR_MAX).then_some(date)
    }

    /// The same day so many months later, or the last day of that month when it is shorter; none
    /// outside the calendar's range.
    pub fn checked_add_months(self, months: i32) -> Option<Self> {
        let civil = self.civil();
        let months = civil.year * 12 + i64::from(civil.month) - 1 + i64::from(months);
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12) as u8 + 1);
        let day = civil.day.min(days_in_month(year, month));
        Self::new(i32::try_from(year).ok()?, month, day)
    }

    /// The days from this date until another; negative when the other is earlier.
    pub fn days_until(self, other: Self) -> i32 {
        other.0 - self.0
    }

    fn from_civil(civil: Civil) -> Self {
        let days = days_from_civil(civil);
        Self(i32::try_from(days).expect("years of six digits have day numbers of 29 bits"))
    }

    fn civil(self) -> Civil {
        civil_from_days(i64::from(self.0))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Civil { year, month, day } = self.civil();
        if (0..=9999).contains(&year) {
            write!(f, "{year:04}-{month:02}-{day:02}")
        } else {
            write!(f, "{year:+07}-{month:02}-{day:02}")
        }
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Digits only: `parse` would take a sign as well.
pub(crate) fn digits(text: &str) -> Option<u32> {
    let only_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if only_digits { text.parse().ok() } else { None }
}

impl FromStr for Date {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (year, rest) = match text.as_bytes().first() {
            Some(b'+' | b'-') => {
                let year = text.get(1..7).and_then(digits).ok_or(FORM)?;
                let year = i64::from(year) * if text.starts_with('-') { -1 } else { 1 };
                // Years of four digits have one form only, so that equal dates are equal texts.
                if (0..=9999).contains(&year) {
                    return Err(FORM);
                }
                (year, &text[7..])
            }
            _ => (i64::from(text.get(..4).and_then(digits).ok_or(FORM)?), &text[4..]),
        };
        let parts = rest.strip_prefix('-').and_then(|rest| rest.split_once('-')).ok_or(FORM)?;
        let two_digits = |part: &str| if part.len() == 2 { digits(part) } else { None };
        let month = two_digits(parts.0).ok_or(FORM)? as u8;
        let day = two_digits(parts.1).ok_or(FORM)? as u8;
        Self::new(i32::try_from(year).map_err(|_| FORM)?, month, day).ok_or(NO_SUCH_DAY)
    }
}

newtype_keys!(Date);
text_value!(Date, "a date as text, like \"2026-11-20\"", {
    "type": "string",
    "format": "date",
    "description": "A day without a time zone, like 2026-11-20.",
});
impl crate::MapKey for Date {}
