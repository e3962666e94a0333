//! A whole number of 64 bits that JSON carries without loss.
//!
//! JSON numbers are exact to ±(2⁵³−1) only, and integers beyond are refused (DESIGN §6). `Int64` is
//! text: `"-9223372036854775808"`. Plain `i64` fields stay JSON numbers, and are the better choice
//! for what never comes near the limit (counts, cents, grams).

use std::fmt;
use std::str::FromStr;

use crate::key::{Key, KeyBytes, newtype_keys};
use crate::text_form::{Malformed, text_value};

/// A whole number of 64 bits, written as decimal text.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Int64(pub i64);

impl From<i64> for Int64 {
    fn from(number: i64) -> Self {
        Self(number)
    }
}

impl From<Int64> for i64 {
    fn from(number: Int64) -> Self {
        number.0
    }
}

impl fmt::Display for Int64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Int64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Int64 {
    type Err = Malformed;

    /// Reads the canonical form only (no plus sign, no leading zeros), so that equal numbers are
    /// equal texts.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        const FORM: Malformed = Malformed::new(
            "a 64-bit whole number is written in digits, like -42, without zeros in front",
        );
        let digits = text.strip_prefix('-').unwrap_or(text);
        if (digits.starts_with('0') && text != "0") || digits.starts_with('+') {
            return Err(FORM);
        }
        text.parse().map(Self).map_err(|_| FORM)
    }
}

newtype_keys!(Int64);
text_value!(Int64, "a 64-bit whole number as text, like \"42\"", {
    "type": "string",
    "pattern": "^(0|-?[1-9][0-9]{0,18})$",
    "description": "A whole number of 64 bits, as text.",
});
impl crate::MapKey for Int64 {}
