//! MessagePack to JSON, in one pass: answers and refusals leave as JSON whatever their type
//! (docs/adr/0005).
//!
//! The order of fields is kept, so that the same record always gives the same bytes. What JSON does
//! not carry exactly (integers beyond ±(2⁵³−1), numbers that are none, raw bytes) is an error: the
//! app has value types for it, and a changed number would be worse than none.

use std::fmt;
use std::io::Write as _;

use crate::exact::EXACT_MAX;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// How deep lists and maps may lie in each other. JSON of clients may be 128 deep; what a client sends
/// as MessagePack comes here before anybody knows it, and each level takes some of the thread's stack.
const DEPTH_MAX: usize = 200;

/// A body that JSON cannot carry: a bug of the app or of ours.
#[derive(Debug, thiserror::Error)]
#[error("the recorded answer does not become JSON: {0}")]
pub struct TranscodeError(String);

/// Appends the one MessagePack value of `body` to `out` as JSON.
pub fn to_json(body: &[u8], out: &mut Vec<u8>) -> Result<(), TranscodeError> {
    let start = out.len();
    let mut rest = body;
    let mut deserializer = rmp_serde::Deserializer::new(&mut rest).with_human_readable();
    deserializer.set_max_depth(DEPTH_MAX);
    Writing { out }.deserialize(&mut deserializer).map_err(|error| {
        out.truncate(start);
        TranscodeError(error.to_string())
    })?;
    if rest.is_empty() {
        Ok(())
    } else {
        out.truncate(start);
        Err(TranscodeError(format!("{} bytes are left over", rest.len())))
    }
}

/// Writes whatever value comes.
struct Writing<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writing<'a> {
    fn display(self, value: impl fmt::Display) {
        write!(self.out, "{value}").expect("a vector takes every byte");
    }

    fn json(self, value: &(impl serde::Serialize + ?Sized)) {
        serde_json::to_writer(self.out, value).expect("a vector takes every text and number");
    }
}

impl<'de> DeserializeSeed<'de> for Writing<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Writing<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON can carry")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.display("null");
        Ok(())
    }

    fn visit_none<E>(self) -> Result<(), E> {
        self.display("null");
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.display(value);
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        exact(value.unsigned_abs())?;
        self.display(value);
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        exact(value)?;
        self.display(value);
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        if !value.is_finite() {
            return Err(E::custom("a number that is not finite does not travel as JSON"));
        }
        self.json(&value);
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.json(value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.out.push(b'[');
        let mut first = true;
        loop {
            let before = self.out.len();
            if !std::mem::take(&mut first) {
                self.out.push(b',');
            }
            if items.next_element_seed(Writing { out: self.out })?.is_none() {
                self.out.truncate(before);
                break;
            }
        }
        self.out.push(b']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        self.out.push(b'{');
        let mut first = true;
        loop {
            let before = self.out.len();
            if !std::mem::take(&mut first) {
                self.out.push(b',');
            }
            if fields.next_key_seed(WritingKey { out: self.out })?.is_none() {
                self.out.truncate(before);
                break;
            }
            self.out.push(b':');
            fields.next_value_seed(Writing { out: self.out })?;
        }
        self.out.push(b'}');
        Ok(())
    }
}

/// Writes the name of a field. JSON knows text only; numbers and truth values are put in quotes, as
/// `serde_json` does with keys of a map.
struct WritingKey<'a> {
    out: &'a mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for WritingKey<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for WritingKey<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number or a truth value as the key of a map")
    }

    fn visit_str<E>(self, key: &str) -> Result<(), E> {
        Writing { out: self.out }.json(key);
        Ok(())
    }

    fn visit_bool<E>(self, key: bool) -> Result<(), E> {
        Writing { out: self.out }.display(format_args!("\"{key}\""));
        Ok(())
    }

    fn visit_i64<E>(self, key: i64) -> Result<(), E> {
        Writing { out: self.out }.display(format_args!("\"{key}\""));
        Ok(())
    }

    fn visit_u64<E>(self, key: u64) -> Result<(), E> {
        Writing { out: self.out }.display(format_args!("\"{key}\""));
        Ok(())
    }
}

fn exact<E: Error>(magnitude: u64) -> Result<(), E> {
    if magnitude > EXACT_MAX {
        return Err(E::custom(format_args!(
            "an integer beyond ±{EXACT_MAX} does not travel as a JSON number"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::recorded;
    use proptest::prelude::*;
    use serde::Serialize;

    use super::*;

    fn json_of(value: &impl Serialize) -> Result<String, TranscodeError> {
        let (mut body, mut json) = (Vec::new(), Vec::new());
        recorded::write(value, &mut body);
        to_json(&body, &mut json)?;
        Ok(String::from_utf8(json).unwrap())
    }

    #[derive(Serialize)]
    struct Line {
        zebra: u32,
        apple: Option<&'static str>,
        numbers: Vec<i64>,
        by_day: BTreeMap<u8, f64>,
        nothing: (),
        kind: Kind,
    }

    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Plain,
        With { left: u32 },
    }

    #[test]
    fn fields_keep_their_order_and_their_kinds() {
        let line = Line {
            zebra: 7,
            apple: Some("a \"quoted\" line\n"),
            numbers: vec![-1, 0, (1 << 53) - 1],
            by_day: [(3, 0.5)].into(),
            nothing: (),
            kind: Kind::With { left: 2 },
        };
        let expected = serde_json::to_string(&line).unwrap();
        assert_eq!(json_of(&line).unwrap(), expected);
        assert!(expected.starts_with(r#"{"zebra":7,"#), "{expected}");
        assert_eq!(json_of(&Kind::Plain).unwrap(), r#""plain""#);
    }

    #[test]
    fn what_json_would_change_is_an_error() {
        json_of(&((1_u64 << 53) - 1)).unwrap();
        json_of(&(1_u64 << 53)).unwrap_err();
        json_of(&(-(1_i64 << 53))).unwrap_err();
        json_of(&f64::NAN).unwrap_err();
    }

    #[test]
    fn a_body_that_is_no_single_value_is_an_error_and_writes_nothing() {
        let mut out = b"before".to_vec();
        for body in [&b""[..], b"\x92\x01", b"\x01\x02", b"\xc4\x01a", b"\xc1"] {
            to_json(body, &mut out).unwrap_err();
            assert_eq!(out, b"before");
        }
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            (-(1_i64 << 53) + 1..1 << 53).prop_map(Into::into),
            any::<i32>().prop_map(|n| (f64::from(n) / 8.0).into()),
            ".*".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
                prop::collection::btree_map(".*", inner, 0..8)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_value_comes_out_as_it_went_in(value in any_json()) {
            prop_assert_eq!(json_of(&value).unwrap(), value.to_string());
        }
    }
}
