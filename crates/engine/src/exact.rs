//! Integers that JSON can carry exactly (DESIGN §6).
//!
//! JavaScript reads every JSON number as a 64-bit float, which is exact up to ±(2⁵³−1). A larger
//! integer would arrive changed, silently; so it is refused, both ways. Larger numbers have value
//! types that travel as text, such as `Int64`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The largest integer of either sign that travels as a JSON number.
pub const EXACT_MAX: u64 = (1 << 53) - 1;

/// Any JSON value whose integers all lie within ±[`EXACT_MAX`]. Holds nothing: deserializing it is
/// the check, and with `serde_path_to_error` the error names the place.
#[derive(Clone, Copy, Debug)]
pub struct Exact;

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ExactVisitor)
    }
}

struct ExactVisitor;

fn inexact<E: Error>() -> E {
    E::custom(format_args!("an integer beyond ±{EXACT_MAX} does not travel as a JSON number"))
}

impl<'de> Visitor<'de> for ExactVisitor {
    type Value = Exact;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON whose integers are exact")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Exact, E> {
        Ok(Exact)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Exact, E> {
        if value.unsigned_abs() > EXACT_MAX { Err(inexact()) } else { Ok(Exact) }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Exact, E> {
        if value > EXACT_MAX { Err(inexact()) } else { Ok(Exact) }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Exact, E> {
        // An integer too large for 64 bits arrives as a float.
        if value.fract() == 0.0 && value.abs() > EXACT_MAX as f64 {
            Err(inexact())
        } else {
            Ok(Exact)
        }
    }

    fn visit_str<E>(self, _: &str) -> Result<Exact, E> {
        Ok(Exact)
    }

    fn visit_unit<E>(self) -> Result<Exact, E> {
        Ok(Exact)
    }

    fn visit_none<E>(self) -> Result<Exact, E> {
        Ok(Exact)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Exact, D::Error> {
        Exact::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Exact, A::Error> {
        while items.next_element::<Exact>()?.is_some() {}
        Ok(Exact)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Exact, A::Error> {
        while entries.next_entry::<String, Exact>()?.is_some() {}
        Ok(Exact)
    }
}

/// Checks a JSON text; the error is the path of the offending number and the reason.
pub fn check_json(text: &[u8]) -> Result<(), (String, String)> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    serde_path_to_error::deserialize::<_, Exact>(&mut deserializer)
        .map(|_| ())
        .map_err(|error| (error.path().to_string(), error.into_inner().to_string()))
}
