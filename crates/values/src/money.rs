//! Amounts of money: a whole number of a currency's smallest unit.
//!
//! Text: `12.50 EUR`, `1200 JPY`, `-0.005 KWD`: always with all decimals of the currency, so that
//! equal amounts are equal texts and a missing zero is noticed.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::decimal::Decimal;
use crate::key::{Key, KeyBytes, newtype_keys};
use crate::text_form::{Malformed, text_value};

/// Currencies of ISO 4217 (without funds, metals and test codes), by their number of decimals.
/// Stored amounts are read by this table: it may grow, but a line never changes.
const CURRENCIES: [(u32, &str); 4] = [
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"),
    (
        2,
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN \
         BZD CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS \
         GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR \
         LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD \
         PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN \
         SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR \
         ZMW ZWG",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "UYW"),
];

/// A currency of ISO 4217, like `EUR`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

const CURRENCY_FORM: Malformed =
    Malformed::new("a currency is a code of ISO 4217 in capitals, like EUR");
const MONEY_FORM: Malformed = Malformed::new(
    "money is written with all decimals of its currency and the code, like 12.50 EUR or 1200 JPY",
);
const MONEY_RANGE: Malformed = Malformed::new("the amount has more than 64 bits");

impl Currency {
    /// The currency of a code; none when ISO 4217 has no such currency.
    pub fn new(code: &str) -> Option<Self> {
        let code: [u8; 3] = code.as_bytes().try_into().ok()?;
        decimals_of(code).map(|_| Self(code))
    }

    /// The code.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("currency codes are ASCII")
    }

    /// How many decimals its amounts have: 2 for EUR, 0 for JPY.
    pub fn decimals(self) -> u32 {
        decimals_of(self.0).expect("only currencies of the table exist")
    }
}

fn decimals_of(code: [u8; 3]) -> Option<u32> {
    let listed = |codes: &str| codes.as_bytes().chunks(4).any(|listed| listed[..3] == code);
    CURRENCIES.iter().find(|(_, codes)| listed(codes)).map(|(decimals, _)| *decimals)
}

/// An amount of one currency.
///
/// Amounts of different currencies have no order and no sum. Not a key for the same reason: index
/// [`minor_units`](Money::minor_units) and [`currency`](Money::currency).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    minor_units: i64,
    currency: Currency,
}

/// Why two amounts have no sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoneyError {
    /// They are of different currencies.
    Currencies(Currency, Currency),
    /// The sum has more than 64 bits.
    OutOfRange,
}

impl fmt::Display for MoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Currencies(one, other) => write!(f, "{one} and {other} cannot be added"),
            Self::OutOfRange => f.write_str("the amount has more than 64 bits"),
        }
    }
}

impl std::error::Error for MoneyError {}

impl Money {
    /// An amount in the smallest unit: `Money::new(1250, eur)` is 12.50 EUR.
    pub const fn new(minor_units: i64, currency: Currency) -> Self {
        Self { minor_units, currency }
    }

    /// Nothing, in a currency.
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// The amount in the currency's smallest unit.
    pub const fn minor_units(self) -> i64 {
        self.minor_units
    }

    /// The currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The amount as a decimal number, without its currency.
    pub fn amount(self) -> Decimal {
        Decimal::new(i128::from(self.minor_units), self.currency.decimals())
            .expect("64 bits with at most 4 decimals fit a decimal number")
    }

    /// The sum of two amounts.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.with(other, i64::checked_add)
    }

    /// The difference of two amounts.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.with(other, i64::checked_sub)
    }

    /// The amount so many times.
    pub fn checked_mul(self, times: i64) -> Result<Self, MoneyError> {
        let product = self.minor_units.checked_mul(times).ok_or(MoneyError::OutOfRange)?;
        Ok(Self::new(product, self.currency))
    }

    /// A share of the amount (a rate of 0.19 is 19 %), rounded half to even at the smallest unit.
    pub fn share(self, rate: Decimal) -> Result<Self, MoneyError> {
        let units = Decimal::from(self.minor_units).checked_mul(rate);
        let units = units.and_then(|units| i64::try_from(units.nearest()).ok());
        Ok(Self::new(units.ok_or(MoneyError::OutOfRange)?, self.currency))
    }

    /// The amount in so many parts that differ by one smallest unit at most and sum up to it; the
    /// first parts are the larger.
    ///
    /// # Panics
    /// When there are no parts.
    pub fn split(self, parts: u32) -> Vec<Self> {
        assert!(parts > 0, "money is split into at least one part");
        let (each, rest) =
            (self.minor_units / i64::from(parts), self.minor_units % i64::from(parts));
        let part = |index| {
            let extra = if index < rest.abs() { rest.signum() } else { 0 };
            Self::new(each + extra, self.currency)
        };
        (0..i64::from(parts)).map(part).collect()
    }

    fn with(self, other: Self, operation: fn(i64, i64) -> Option<i64>) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Currencies(self.currency, other.currency));
        }
        let minor_units = operation(self.minor_units, other.minor_units);
        Ok(Self::new(minor_units.ok_or(MoneyError::OutOfRange)?, self.currency))
    }
}

impl PartialOrd for Money {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let comparable = self.currency == other.currency;
        comparable.then(|| self.minor_units.cmp(&other.minor_units))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Currency {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::new(text).ok_or(CURRENCY_FORM)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (decimals, code) = (self.currency.decimals(), self.currency);
        let sign = if self.minor_units < 0 { "-" } else { "" };
        let units = self.minor_units.unsigned_abs();
        if decimals == 0 {
            return write!(f, "{sign}{units} {code}");
        }
        let (scale, width) = (10_u64.pow(decimals), decimals as usize);
        write!(f, "{sign}{}.{:0width$} {code}", units / scale, units % scale)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Money {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (amount, code) = text.split_once(' ').ok_or(MONEY_FORM)?;
        let currency: Currency = code.parse()?;
        let decimals = amount.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        if decimals != currency.decimals() as usize {
            return Err(MONEY_FORM);
        }
        // The decimal number refuses signs, zeros and points where they do not belong.
        let amount: Decimal = amount.parse().map_err(|_| MONEY_FORM)?;
        let unit = Decimal::new(1, currency.decimals()).expect("currencies have few decimals");
        let units = amount.quintillionths() / unit.quintillionths();
        if amount == Decimal::ZERO && text.starts_with('-') {
            return Err(MONEY_FORM);
        }
        i64::try_from(units).map(|units| Self::new(units, currency)).map_err(|_| MONEY_RANGE)
    }
}

newtype_keys!(Currency);
text_value!(Currency, "a currency as text, like \"EUR\"", {
    "type": "string",
    "pattern": "^[A-Z]{3}$",
    "description": "A currency by its code of ISO 4217, like EUR.",
});
text_value!(Money, "an amount of money as text, like \"12.50 EUR\"", {
    "type": "string",
    "pattern": "^-?(0|[1-9][0-9]*)([.][0-9]{2,4})? [A-Z]{3}$",
    "description": "An amount with its currency, like 12.50 EUR.",
});
impl crate::MapKey for Currency {}
