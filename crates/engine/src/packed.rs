//! MessagePack that came from a client, or from a record's body, read in one pass.
//!
//! [`Packed`] walks over values without making anything of them. [`read`] makes a typed value, and
//! takes only what means the same as its JSON: whatever it does not take is turned into JSON
//! ([`crate::transcode`]) and read as that, which is slower, and either takes it or says what is wrong.
//! So there is one rule of what arguments are, whichever form they came in, and one set of words for
//! what is wrong with them.

use std::fmt;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use crate::exact::EXACT_MAX;

/// How deep lists and maps may lie in each other: as deep as `serde_json` goes.
const DEPTH_MAX: usize = 128;

/// This reading does not take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotTaken;

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not what is read here")
    }
}

impl std::error::Error for NotTaken {}

impl serde::de::Error for NotTaken {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// One value's beginning.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Head<'de> {
    Nil,
    Bool(bool),
    Unsigned(u64),
    /// Below zero.
    Negative(i64),
    Float(f64),
    Text(&'de [u8]),
    List(usize),
    /// So many pairs.
    Map(usize),
}

/// What is left of some MessagePack.
#[derive(Clone, Copy, Debug)]
pub struct Packed<'de> {
    rest: &'de [u8],
}

impl<'de> Packed<'de> {
    /// All of it.
    pub fn new(bytes: &'de [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, count: usize) -> Result<&'de [u8], NotTaken> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(NotTaken)?;
        self.rest = rest;
        Ok(taken)
    }

    /// An unsigned number of so many bytes.
    fn digits(&mut self, count: usize) -> Result<u64, NotTaken> {
        Ok(self.take(count)?.iter().fold(0, |number, &digit| number << 8 | u64::from(digit)))
    }

    fn size(&mut self, count: usize) -> Result<usize, NotTaken> {
        usize::try_from(self.digits(count)?).map_err(|_| NotTaken)
    }

    /// A signed number of so many bytes.
    fn signed(&mut self, count: usize) -> Result<Head<'de>, NotTaken> {
        let unused_bits = 64 - 8 * count;
        let number = (self.digits(count)? << unused_bits).cast_signed() >> unused_bits;
        Ok(u64::try_from(number).map_or(Head::Negative(number), Head::Unsigned))
    }

    /// Raw bytes and extensions are no JSON.
    fn head(&mut self) -> Result<Head<'de>, NotTaken> {
        let marker = self.take(1)?[0];
        Ok(match marker {
            0x00..=0x7f => Head::Unsigned(marker.into()),
            0x80..=0x8f => Head::Map(usize::from(marker & 0x0f)),
            0x90..=0x9f => Head::List(usize::from(marker & 0x0f)),
            0xa0..=0xbf => Head::Text(self.take(usize::from(marker & 0x1f))?),
            0xc0 => Head::Nil,
            0xc2 | 0xc3 => Head::Bool(marker == 0xc3),
            0xca => {
                let bits = u32::try_from(self.digits(4)?).expect("four bytes");
                Head::Float(f32::from_bits(bits).into())
            }
            0xcb => Head::Float(f64::from_bits(self.digits(8)?)),
            0xcc => Head::Unsigned(self.digits(1)?),
            0xcd => Head::Unsigned(self.digits(2)?),
            0xce => Head::Unsigned(self.digits(4)?),
            0xcf => Head::Unsigned(self.digits(8)?),
            0xd0 => self.signed(1)?,
            0xd1 => self.signed(2)?,
            0xd2 => self.signed(4)?,
            0xd3 => self.signed(8)?,
            0xd9 => self.text_of(1)?,
            0xda => self.text_of(2)?,
            0xdb => self.text_of(4)?,
            0xdc => Head::List(self.size(2)?),
            0xdd => Head::List(self.size(4)?),
            0xde => Head::Map(self.size(2)?),
            0xdf => Head::Map(self.size(4)?),
            0xe0..=0xff => Head::Negative(i64::from(marker.cast_signed())),
            0xc1 | 0xc4..=0xc9 | 0xd4..=0xd8 => return Err(NotTaken),
        })
    }

    fn text_of(&mut self, count: usize) -> Result<Head<'de>, NotTaken> {
        let size = self.size(count)?;
        Ok(Head::Text(self.take(size)?))
    }

    /// A text.
    pub fn text(&mut self) -> Result<&'de str, NotTaken> {
        match self.head()? {
            Head::Text(bytes) => utf8(bytes),
            _ => Err(NotTaken),
        }
    }

    /// The beginning of a map: how many pairs there are.
    pub fn map(&mut self) -> Result<usize, NotTaken> {
        match self.head()? {
            Head::Map(pairs) => Ok(pairs),
            _ => Err(NotTaken),
        }
    }

    /// The items of a list, if it is one; nothing is taken if not.
    pub fn list(&mut self) -> Option<usize> {
        let mut ahead = *self;
        let Ok(Head::List(items)) = ahead.head() else { return None };
        *self = ahead;
        Some(items)
    }

    /// One whole value, that JSON carries as it is: its bytes.
    pub fn value(&mut self) -> Result<&'de [u8], NotTaken> {
        let start = self.rest;
        // What is open: how many values each list or map still has.
        let mut open = [0_usize; DEPTH_MAX];
        let mut depth = 0;
        loop {
            let items = match self.head()? {
                Head::List(items) => items,
                Head::Map(pairs) => pairs.checked_mul(2).ok_or(NotTaken)?,
                leaf => {
                    carried(leaf)?;
                    0
                }
            };
            if items > 0 {
                *open.get_mut(depth).ok_or(NotTaken)? = items;
                depth += 1;
                continue;
            }
            while depth > 0 {
                open[depth - 1] -= 1;
                if open[depth - 1] > 0 {
                    break;
                }
                depth -= 1;
            }
            if depth == 0 {
                return Ok(&start[..start.len() - self.rest.len()]);
            }
        }
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, NotTaken> {
    std::str::from_utf8(bytes).map_err(|_| NotTaken)
}

/// Whether JSON carries it, and whoever reads that sees the same.
fn carried(leaf: Head<'_>) -> Result<(), NotTaken> {
    let is_carried = match leaf {
        Head::Unsigned(number) => number <= EXACT_MAX,
        Head::Negative(number) => number.unsigned_abs() <= EXACT_MAX,
        Head::Float(number) => {
            number.is_finite() && (number.fract() != 0.0 || number.abs() <= EXACT_MAX as f64)
        }
        Head::Text(bytes) => return utf8(bytes).map(|_| ()),
        Head::Nil | Head::Bool(_) | Head::List(_) | Head::Map(_) => true,
    };
    if is_carried { Ok(()) } else { Err(NotTaken) }
}

/// Reads one value from the front of `bytes` and moves past it; if it is not taken, not a byte is.
pub fn read_front<T: DeserializeOwned>(bytes: &mut &[u8]) -> Result<T, NotTaken> {
    let mut packed = Packed::new(bytes);
    let value = T::deserialize(Reading { packed: &mut packed, depth: DEPTH_MAX })?;
    *bytes = packed.rest;
    Ok(value)
}

/// Reads arguments: one map, with the fields by their names.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, NotTaken> {
    let mut packed = Packed::new(bytes);
    if !matches!(packed.clone().head()?, Head::Map(_)) {
        return Err(NotTaken);
    }
    let value = read_front(&mut packed.rest)?;
    if packed.is_empty() { Ok(value) } else { Err(NotTaken) }
}

/// The next value.
struct Reading<'a, 'de> {
    packed: &'a mut Packed<'de>,
    /// How much deeper it may go.
    depth: usize,
}

impl<'a, 'de> Reading<'a, 'de> {
    fn inside(self, left: usize) -> Result<Inside<'a, 'de>, NotTaken> {
        let depth = self.depth.checked_sub(1).ok_or(NotTaken)?;
        Ok(Inside { packed: self.packed, depth, left })
    }
}

impl<'de> Deserializer<'de> for Reading<'_, 'de> {
    type Error = NotTaken;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotTaken> {
        let head = self.packed.head()?;
        carried(head)?;
        match head {
            Head::Nil => visitor.visit_unit(),
            Head::Bool(value) => visitor.visit_bool(value),
            Head::Unsigned(number) => visitor.visit_u64(number),
            Head::Negative(number) => visitor.visit_i64(number),
            Head::Float(number) => visitor.visit_f64(number),
            Head::Text(bytes) => visitor.visit_borrowed_str(utf8(bytes)?),
            Head::List(items) => {
                let mut inside = self.inside(items)?;
                let value = visitor.visit_seq(&mut inside)?;
                inside.ended(value)
            }
            Head::Map(pairs) => {
                let mut inside = self.inside(pairs)?;
                let value = visitor.visit_map(&mut inside)?;
                inside.ended(value)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotTaken> {
        if self.packed.rest.first() == Some(&0xc0) {
            self.packed.head()?;
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, NotTaken> {
        visitor.visit_newtype_struct(self)
    }

    /// A text, or a map of one pair: a number would be a place in a list that nobody has seen.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotTaken> {
        match self.packed.head()? {
            Head::Text(bytes) => visitor.visit_enum(Variant { name: utf8(bytes)?, content: None }),
            Head::Map(1) => {
                let name = self.packed.text()?;
                let depth = self.depth.checked_sub(1).ok_or(NotTaken)?;
                let content = Some(Reading { packed: self.packed, depth });
                visitor.visit_enum(Variant { name, content })
            }
            _ => Err(NotTaken),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, _: V) -> Result<V::Value, NotTaken> {
        Err(NotTaken)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, _: V) -> Result<V::Value, NotTaken> {
        Err(NotTaken)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string unit unit_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}

/// What is left of a list or of a map.
struct Inside<'a, 'de> {
    packed: &'a mut Packed<'de>,
    depth: usize,
    left: usize,
}

impl Inside<'_, '_> {
    /// Everything in it was asked for.
    fn ended<T>(&self, value: T) -> Result<T, NotTaken> {
        if self.left == 0 { Ok(value) } else { Err(NotTaken) }
    }
}

impl<'de> SeqAccess<'de> for Inside<'_, 'de> {
    type Error = NotTaken;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, NotTaken> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(Reading { packed: self.packed, depth: self.depth }).map(Some)
    }
}

impl<'de> MapAccess<'de> for Inside<'_, 'de> {
    type Error = NotTaken;

    /// Names are text: what else JSON puts between quotes is left to JSON.
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, NotTaken> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(BorrowedStrDeserializer::new(self.packed.text()?)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, NotTaken> {
        seed.deserialize(Reading { packed: self.packed, depth: self.depth })
    }
}

/// One of an enum, with what it holds.
struct Variant<'a, 'de> {
    name: &'de str,
    content: Option<Reading<'a, 'de>>,
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = NotTaken;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), NotTaken> {
        let name = seed.deserialize(BorrowedStrDeserializer::<NotTaken>::new(self.name))?;
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = NotTaken;

    fn unit_variant(self) -> Result<(), NotTaken> {
        if self.content.is_none() { Ok(()) } else { Err(NotTaken) }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, NotTaken> {
        seed.deserialize(self.content.ok_or(NotTaken)?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, NotTaken> {
        self.content.ok_or(NotTaken)?.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotTaken> {
        self.content.ok_or(NotTaken)?.deserialize_any(visitor)
    }
}

#[cfg(test)]
mod tests;
