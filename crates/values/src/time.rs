//! Moments and spans: i64 microseconds, UTC.
//!
//! As text, because microseconds since 1970 pass 2⁵³−1 in the year 2255, spans earlier by mistake,
//! and because people read the chronicle: moments as RFC 3339 with microseconds always written
//! (so that text sorts as time does), spans as ISO 8601 in hours, minutes and seconds. A span has
//! no days, months or years: those are not of one length.

use std::fmt;
use std::ops::{Add, Neg, Sub};
use std::str::FromStr;

use crate::date::{Date, digits};
use crate::key::{Key, KeyBytes, newtype_keys};
use crate::text_form::{Malformed, text_value};

const SECOND_US: i64 = 1_000_000;
const MINUTE_US: i64 = 60 * SECOND_US;
const HOUR_US: i64 = 60 * MINUTE_US;
pub(crate) const DAY_US: i64 = 24 * HOUR_US;

/// A moment: microseconds since 1970-01-01T00:00:00Z. Text: `2026-11-20T08:15:00.000000Z`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// A span: microseconds. Text: `PT36H`, `PT1M0.5S`, `-PT5M`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(pub i64);

const MOMENT_FORM: Malformed =
    Malformed::new("a moment is written like 2026-11-20T08:15:00Z, with at most six decimals");
const MOMENT_RANGE: Malformed = Malformed::new("the moment is outside the range of moments");
const SPAN_FORM: Malformed = Malformed::new(
    "a span is written like PT36H or PT1M0.5S: hours, minutes, seconds with at most six decimals",
);

impl Timestamp {
    /// The day the moment falls on, in UTC.
    pub fn date(self) -> Date {
        Date::of(self)
    }

    /// The moment a span later; none outside the range of moments.
    pub fn checked_add(self, span: Duration) -> Option<Self> {
        self.0.checked_add(span.0).map(Self)
    }

    /// The moment a span earlier; none outside the range of moments.
    pub fn checked_sub(self, span: Duration) -> Option<Self> {
        self.0.checked_sub(span.0).map(Self)
    }

    /// The span from an earlier moment until this one (negative when it is later), at most the
    /// longest span.
    pub fn since(self, earlier: Self) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }
}

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of microseconds.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// A span of milliseconds.
    pub const fn from_millis(millis: i32) -> Self {
        Self(millis as i64 * 1_000)
    }

    /// A span of seconds.
    pub const fn from_secs(seconds: i32) -> Self {
        Self(seconds as i64 * SECOND_US)
    }

    /// A span of minutes.
    pub const fn from_mins(minutes: i32) -> Self {
        Self(minutes as i64 * MINUTE_US)
    }

    /// A span of hours: 32 bits of them fit.
    pub const fn from_hours(hours: i32) -> Self {
        Self(hours as i64 * HOUR_US)
    }

    /// The span in microseconds.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The sum of two spans; none when it is too long.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The span so many times; none when it is too long.
    pub fn checked_mul(self, times: i64) -> Option<Self> {
        self.0.checked_mul(times).map(Self)
    }
}

/// Beyond year ±292,277 a sum has no value: that is a bug of the caller's, as with integers.
const OUT_OF_RANGE: &str = "moments and spans have 64 bits of microseconds";

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        self.checked_add(span).expect(OUT_OF_RANGE)
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        self.checked_sub(span).expect(OUT_OF_RANGE)
    }
}

impl Sub for Timestamp {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        Duration(self.0.checked_sub(earlier.0).expect(OUT_OF_RANGE))
    }
}

impl Add for Duration {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.checked_add(other).expect(OUT_OF_RANGE)
    }
}

impl Sub for Duration {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.checked_sub(other.0).expect(OUT_OF_RANGE))
    }
}

impl Neg for Duration {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.checked_neg().expect(OUT_OF_RANGE))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.0.rem_euclid(DAY_US);
        let (hour, minute) = (time / HOUR_US, time / MINUTE_US % 60);
        let (second, micros) = (time / SECOND_US % 60, time % SECOND_US);
        write!(f, "{}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z", Date::of(*self))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = Malformed;

    /// Reads RFC 3339, with any offset and no more than six decimals; leap seconds are refused.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (date, time) = text.split_once('T').ok_or(MOMENT_FORM)?;
        let date: Date = date.parse()?;
        let (time, offset_us) = split_offset(time)?;
        let part = |at: usize| time.get(at..at + 2).and_then(digits).map(i64::from);
        let colon = |at: usize| time.as_bytes().get(at) == Some(&b':');
        let (hour, minute, second) = match (part(0), part(3), part(6)) {
            (Some(h), Some(m), Some(s)) if colon(2) && colon(5) => (h, m, s),
            _ => return Err(MOMENT_FORM),
        };
        if hour > 23 || minute > 59 || second > 59 {
            return Err(MOMENT_FORM);
        }
        let micros = match &time[8..] {
            "" => 0,
            rest => rest.strip_prefix('.').and_then(micros_of).ok_or(MOMENT_FORM)?,
        };
        let time_us = hour * HOUR_US + minute * MINUTE_US + second * SECOND_US + micros - offset_us;
        // In 128 bits: the first day of the range begins before its first moment.
        let days = i128::from(Date::new(1970, 1, 1).ok_or(MOMENT_RANGE)?.days_until(date));
        let micros = days * i128::from(DAY_US) + i128::from(time_us);
        i64::try_from(micros).map(Self).map_err(|_| MOMENT_RANGE)
    }
}

/// Takes `Z` or `+02:00` off the end; gives the offset in microseconds.
fn split_offset(time: &str) -> Result<(&str, i64), Malformed> {
    if let Some(time) = time.strip_suffix('Z') {
        return Ok((time, 0));
    }
    let at = time.rfind(['+', '-']).ok_or(MOMENT_FORM)?;
    let (time, offset) = time.split_at(at);
    let (hours, minutes) = offset[1..].split_once(':').ok_or(MOMENT_FORM)?;
    let part = |text: &str, limit: u32| {
        digits(text).filter(|number| text.len() == 2 && *number < limit).ok_or(MOMENT_FORM)
    };
    let offset_us =
        i64::from(part(hours, 24)?) * HOUR_US + i64::from(part(minutes, 60)?) * MINUTE_US;
    Ok((time, if offset.starts_with('-') { -offset_us } else { offset_us }))
}

/// One to six decimals of a second in microseconds.
fn micros_of(decimals: &str) -> Option<i64> {
    if decimals.len() > 6 {
        return None;
    }
    let scale = 10_i64.pow(6 - decimals.len() as u32);
    digits(decimals).map(|number| i64::from(number) * scale)
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let us = self.0.unsigned_abs();
        let part = |unit: i64| us / unit.unsigned_abs();
        let (hours, minutes, seconds) = (part(HOUR_US), part(MINUTE_US) % 60, part(SECOND_US) % 60);
        let micros = us % SECOND_US.unsigned_abs();
        f.write_str("PT")?;
        if hours > 0 {
            write!(f, "{hours}H")?;
        }
        if minutes > 0 {
            write!(f, "{minutes}M")?;
        }
        if micros > 0 {
            let decimals = format!("{micros:06}");
            write!(f, "{seconds}.{}S", decimals.trim_end_matches('0'))?;
        } else if seconds > 0 || us == 0 {
            write!(f, "{seconds}S")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Duration {
    type Err = Malformed;

    /// Reads `PT` with hours, minutes and seconds in that order, each at most once; each may pass
    /// 59, so `PT90M` is read and written `PT1H30M`.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (sign, rest) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let mut rest = rest.strip_prefix("PT").filter(|rest| !rest.is_empty()).ok_or(SPAN_FORM)?;
        let mut us = 0_i128;
        for (letter, unit) in [('H', HOUR_US), ('M', MINUTE_US), ('S', SECOND_US)] {
            let Some((number, after)) = rest.split_once(letter) else { continue };
            let (whole, decimals) = match number.split_once('.') {
                Some((whole, decimals)) if letter == 'S' => (whole, micros_of(decimals)),
                Some(_) => return Err(SPAN_FORM),
                None => (number, Some(0)),
            };
            let only_digits = !whole.is_empty() && whole.bytes().all(|b| b.is_ascii_digit());
            let whole: i64 = whole.parse().ok().filter(|_| only_digits).ok_or(SPAN_FORM)?;
            us += i128::from(whole) * i128::from(unit) + i128::from(decimals.ok_or(SPAN_FORM)?);
            rest = after;
        }
        if !rest.is_empty() {
            return Err(SPAN_FORM);
        }
        i64::try_from(sign * us).map(Self).map_err(|_| SPAN_FORM)
    }
}

newtype_keys!(Timestamp, Duration);
text_value!(Timestamp, "a moment as text, like \"2026-11-20T08:15:00Z\"", {
    "type": "string",
    "format": "date-time",
    "description": "A moment in UTC with microseconds, like 2026-11-20T08:15:00.000000Z.",
});
text_value!(Duration, "a span as text, like \"PT36H\"", {
    "type": "string",
    "format": "duration",
    "description": "A span of hours, minutes and seconds, like PT1H30M.",
});
impl crate::MapKey for Timestamp {}
