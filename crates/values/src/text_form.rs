//! Value types that are written as text, the same in JSON and in MessagePack.
//!
//! Such a type has `Display` and `FromStr`; `text_value!` gives it serde, a JSON Schema and
//! [`Stored`](crate::Stored) by them.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{self, Visitor};

/// A text is not the form of a value: says what the form is, never what the text was (it may be
/// somebody's data, and this goes to logs).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    form: &'static str,
}

impl Malformed {
    pub(crate) const fn new(form: &'static str) -> Self {
        Self { form }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.form)
    }
}

impl std::error::Error for Malformed {}

/// Reads a value by its `FromStr`.
pub struct TextVisitor<T> {
    /// What a reader who found something else is told was expected.
    pub(crate) expected: &'static str,
    pub(crate) value: PhantomData<T>,
}

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

/// The longest text of a value type of fixed size, in bytes: a `Decimal` has 41, a `Timestamp` 30.
const TEXT_BYTES_MAX: usize = 48;

/// A place on the stack to write a short text into, so that writing a record does not allocate.
pub(crate) struct InlineText {
    bytes: [u8; TEXT_BYTES_MAX],
    length: usize,
}

impl InlineText {
    /// The `Display` text of a value.
    pub(crate) fn of(value: &impl fmt::Display) -> Self {
        let mut text = Self { bytes: [0; TEXT_BYTES_MAX], length: 0 };
        fmt::Write::write_fmt(&mut text, format_args!("{value}"))
            .expect("a value's text has at most TEXT_BYTES_MAX bytes");
        text
    }

    /// What was written.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).expect("whole strings were written")
    }
}

impl fmt::Write for InlineText {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let end = self.length + part.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(part.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// `text_value!(Date, "a date, like \"2026-11-20\"", { JSON Schema })`: serde, schema and the
/// `Stored` marker of a type by its `Display` and `FromStr`.
macro_rules! text_value {
    ($type:ident, $expected:literal, $schema:tt) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str($crate::text_form::InlineText::of(self).as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str($crate::text_form::TextVisitor::<Self> {
                    expected: $expected,
                    value: std::marker::PhantomData,
                })
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }

        impl $crate::Stored for $type {}
    };
}
pub(crate) use text_value;
