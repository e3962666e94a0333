//! Exact decimal numbers: weights, rates, shares.
//!
//! A `Decimal` is a whole number of 10⁻¹⁸ths in 128 bits: up to ±170 million million million
//! (1.7 × 10²⁰), always with 18 decimals. A fixed scale makes equality, order, hash and key those
//! of an integer, sums exact, and the text unique: zeros at the end of the decimals are not
//! written. A library with a floating scale (rust_decimal) was rejected: `1.0` and `1.00` are then
//! two encodings of one value, and its sums round when scales are far apart.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Neg, Sub};
use std::str::FromStr;

use crate::key::{Key, KeyBytes, newtype_keys};
use crate::text_form::{Malformed, text_value};

/// An exact decimal number with at most [`DECIMALS_MAX`] decimals.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(
    /// The number times 10¹⁸; never `i128::MIN`, so that every number has a negative.
    i128,
);

/// The most decimals a number can have: enough for every currency, rate and unit in use.
pub const DECIMALS_MAX: u32 = 18;

/// 10¹⁸: what one is.
const ONE: i128 = 10_i128.pow(DECIMALS_MAX);
const _: () = assert!(ONE < u64::MAX as i128, "division by ONE works limb by limb");

const FORM: Malformed =
    Malformed::new("a decimal number is written like -12.5, without zeros in front or at the end");
const DECIMALS: Malformed = Malformed::new("a decimal number has at most 18 decimals");
const RANGE: Malformed = Malformed::new("the decimal number is beyond 1.7 × 10^20");

/// A sum beyond the range is a bug of the caller's, as with integers.
const OUT_OF_RANGE: &str = "decimal numbers stay within 1.7 × 10^20";

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// One.
    pub const ONE: Self = Self(ONE);

    /// `mantissa` × 10^−`decimals`: `Decimal::new(125, 1)` is 12.5. None when it has more than
    /// [`DECIMALS_MAX`] decimals or is out of range.
    pub const fn new(mantissa: i128, decimals: u32) -> Option<Self> {
        if decimals > DECIMALS_MAX {
            return None;
        }
        match mantissa.checked_mul(10_i128.pow(DECIMALS_MAX - decimals)) {
            Some(i128::MIN) | None => None,
            Some(number) => Some(Self(number)),
        }
    }

    /// The number as a count of 10⁻¹⁸ths.
    pub const fn quintillionths(self) -> i128 {
        self.0
    }

    /// The whole part, without the decimals.
    pub const fn trunc(self) -> i128 {
        self.0 / ONE
    }

    /// The nearest whole number; a half goes to the even neighbor.
    pub fn nearest(self) -> i128 {
        divide_half_even(self.0, ONE)
    }

    /// Rounded to so many decimals; a half goes to the even neighbor.
    #[must_use]
    pub fn round(self, decimals: u32) -> Self {
        if decimals >= DECIMALS_MAX {
            return self;
        }
        let unit = 10_i128.pow(DECIMALS_MAX - decimals);
        let rounded = divide_half_even(self.0, unit);
        // Rounding up may pass the range by less than one unit.
        Self(rounded.checked_mul(unit).expect(OUT_OF_RANGE))
    }

    /// The absolute value.
    #[must_use]
    pub fn abs(self) -> Self {
        Self(self.0.abs())
    }

    /// The sum; none when out of range.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).filter(|sum| *sum != i128::MIN).map(Self)
    }

    /// The difference; none when out of range.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.checked_add(-other)
    }

    /// The product, rounded half to even at the last decimal; none when out of range.
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        let negative = (self.0 < 0) != (other.0 < 0);
        let product = Wide::product(self.0.unsigned_abs(), other.0.unsigned_abs());
        signed(product.divide_half_even(ONE.unsigned_abs())?, negative)
    }

    /// The quotient, rounded half to even at the last decimal; none when divided by zero or out of
    /// range.
    pub fn checked_div(self, other: Self) -> Option<Self> {
        if other.0 == 0 {
            return None;
        }
        let negative = (self.0 < 0) != (other.0 < 0);
        let scaled = Wide::product(self.0.unsigned_abs(), ONE.unsigned_abs());
        signed(scaled.divide_half_even(other.0.unsigned_abs())?, negative)
    }
}

/// `number / unit`, a half to the even neighbor.
fn divide_half_even(number: i128, unit: i128) -> i128 {
    assert!(unit > 0, "units are powers of ten");
    let (whole, rest) = (number.div_euclid(unit), number.rem_euclid(unit));
    // Comparing with what is missing, not doubling the rest: no unit can overflow.
    match rest.cmp(&(unit - rest)) {
        std::cmp::Ordering::Less => whole,
        std::cmp::Ordering::Equal => whole + (whole & 1),
        std::cmp::Ordering::Greater => whole + 1,
    }
}

fn signed(magnitude: u128, negative: bool) -> Option<Decimal> {
    let number = i128::try_from(magnitude).ok()?;
    Some(Decimal(if negative { -number } else { number }))
}

/// A product of two 128-bit numbers.
struct Wide {
    high: u128,
    low: u128,
}

impl Wide {
    fn product(a: u128, b: u128) -> Self {
        const LOW: u128 = u64::MAX as u128;
        let (a_high, a_low, b_high, b_low) = (a >> 64, a & LOW, b >> 64, b & LOW);
        let lowest = a_low * b_low;
        // Each middle product is below 2^128 - 2^65, so a carry of 64 bits fits.
        let middle = a_high * b_low + (lowest >> 64);
        let middle_low = a_low * b_high + (middle & LOW);
        let high = a_high * b_high + (middle >> 64) + (middle_low >> 64);
        Self { high, low: (middle_low << 64) | (lowest & LOW) }
    }

    /// The quotient, a half to the even neighbor; none when it has more than 128 bits.
    fn divide_half_even(&self, divisor: u128) -> Option<u128> {
        if self.high >= divisor {
            return None;
        }
        // Long division, bit by bit: 128 steps of a shift and a subtraction.
        let (mut rest, mut quotient) = (self.high, 0_u128);
        for bit in (0..128).rev() {
            let carry = rest >> 127 == 1;
            rest = (rest << 1) | ((self.low >> bit) & 1);
            quotient <<= 1;
            if carry || rest >= divisor {
                rest = rest.wrapping_sub(divisor);
                quotient |= 1;
            }
        }
        assert!(rest < divisor, "the rest of a division is below the divisor");
        match rest.cmp(&(divisor - rest)) {
            std::cmp::Ordering::Less => Some(quotient),
            std::cmp::Ordering::Equal => quotient.checked_add(quotient & 1),
            std::cmp::Ordering::Greater => quotient.checked_add(1),
        }
    }
}

macro_rules! from_integers {
    ($($type:ty),*) => {$(
        impl From<$type> for Decimal {
            fn from(number: $type) -> Self {
                Self(i128::from(number) * ONE)
            }
        }
    )*};
}
// Each of these times 10^18 fits in 127 bits.
from_integers!(u8, u16, u32, u64, i8, i16, i32, i64);

impl Add for Decimal {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.checked_add(other).expect(OUT_OF_RANGE)
    }
}

impl Sub for Decimal {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.checked_sub(other).expect(OUT_OF_RANGE)
    }
}

impl Neg for Decimal {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Sum for Decimal {
    fn sum<I: Iterator<Item = Self>>(numbers: I) -> Self {
        numbers.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let (whole, mut rest) = (self.0.abs() / ONE, self.0.abs() % ONE);
        write!(f, "{whole}")?;
        if rest == 0 {
            return Ok(());
        }
        let mut width = DECIMALS_MAX as usize;
        while rest % 10 == 0 {
            rest /= 10;
            width -= 1;
        }
        write!(f, ".{rest:0width$}")
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Decimal {
    type Err = Malformed;

    /// Reads `-12.5`; zeros at the end of the decimals are read as well (`12.50`), zeros in front,
    /// exponents, a bare point and a plus sign are not.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, decimals) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let only_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let zeros_in_front = whole.len() > 1 && whole.starts_with('0');
        let bare_point = unsigned.contains('.') && decimals.is_empty();
        if whole.is_empty() || !only_digits(whole) || !only_digits(decimals) {
            return Err(FORM);
        }
        if zeros_in_front || bare_point {
            return Err(FORM);
        }
        let decimals = decimals.trim_end_matches('0');
        let scale = u32::try_from(decimals.len()).ok().filter(|count| *count <= DECIMALS_MAX);
        let scale = scale.ok_or(DECIMALS)?;
        let whole: i128 = whole.parse().map_err(|_| RANGE)?;
        let decimals: i128 =
            if decimals.is_empty() { 0 } else { decimals.parse().map_err(|_| RANGE)? };
        let fraction = decimals * 10_i128.pow(DECIMALS_MAX - scale);
        let number = whole.checked_mul(ONE).and_then(|whole| whole.checked_add(fraction));
        let number = number.ok_or(RANGE)?;
        Ok(Self(if text.starts_with('-') { -number } else { number }))
    }
}

newtype_keys!(Decimal);
text_value!(Decimal, "a decimal number as text, like \"12.5\"", {
    "type": "string",
    "pattern": "^-?(0|[1-9][0-9]*)([.][0-9]+)?$",
    "description": "An exact decimal number as text, like 12.5, with at most 18 decimals.",
});
impl crate::MapKey for Decimal {}
