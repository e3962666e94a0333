//! How a value becomes bytes that sort as the value does, so that one ordered map of bytes serves
//! every key and every index.
//!
//! | value | bytes |
//! |---|---|
//! | unsigned integer, char | big-endian |
//! | signed integer | big-endian with the sign bit flipped |
//! | bool | 0 or 1 |
//! | text, bytes | as they are, with 0x00 written as 0x00 0xFF, closed by 0x00 0x00 |
//! | option | 0x00, or 0x01 and the value |
//! | tuple, array | its parts in order: each part is self-delimiting |
//! | `()` | nothing: the key of a table with one row |
//!
//! Two invariants hold for any two values of one type, and a property test checks both: the bytes
//! compare as the values do, and no value's bytes are a proper prefix of another's. The second is
//! what lets parts be put side by side, and a leading part of a tuple be looked up as a prefix.

use base64::Engine as _;
use base64::alphabet::Alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use uuid::Uuid;

pub use crate::key_bytes::KeyBytes;

/// A value that can be a table's key or indexed: its bytes sort as it does, and no value's bytes
/// are a prefix of another's of the same type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key or be indexed",
    label = "not a key",
    note = "keys are integers, text, booleans, ids, dates, moments, `Decimal`, options and tuples of \
            these, and `#[value]` types marked `#[value(key)]`",
    note = "floats and maps have no order that all machines agree on: use `Decimal`, or a number in \
            a smaller unit (cents, grams)"
)]
pub trait Key: Ord {
    /// Appends this value's bytes.
    fn encode(&self, out: &mut KeyBytes);

    /// This value's bytes alone.
    fn key_bytes(&self) -> KeyBytes {
        let mut out = KeyBytes::new();
        self.encode(&mut out);
        out
    }
}

/// A key that is text: an index that ends in it can be read by prefix.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not text: rows cannot be read by how it starts",
    label = "an index that ends in this is not read by prefix",
    note = "for other values there is `by_..._in(range)`"
)]
pub trait TextKey: Key {}

impl TextKey for str {}
impl TextKey for String {}
impl TextKey for crate::ActorId {}

/// A key's bytes as text that compares as the bytes do: base64 with an alphabet in the order of its
/// letters, without padding.
pub fn ordered_text(bytes: &[u8]) -> String {
    ORDERED.encode(bytes)
}

/// The bytes of such a text, if it is one.
pub fn from_ordered_text(text: &str) -> Option<KeyBytes> {
    ORDERED.decode(text).ok().map(KeyBytes::from)
}

const ORDERED: GeneralPurpose = GeneralPurpose::new(
    &match Alphabet::new("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz") {
        Ok(alphabet) => alphabet,
        Err(_) => panic!("these are 64 letters, each once"),
    },
    NO_PAD,
);

/// The smallest bytes greater than everything that begins with `prefix`: the open end of a prefix
/// read. None when nothing is greater (the prefix is empty, or 0xFF only).
pub fn prefix_end(prefix: &[u8]) -> Option<KeyBytes> {
    let last = prefix.iter().rposition(|byte| *byte != 0xFF)?;
    let mut end = KeyBytes::from_slice(&prefix[..last]);
    end.push(prefix[last] + 1);
    Some(end)
}

/// Appends the bytes with which every text that starts with `text` begins: the text without its
/// closing mark.
pub fn encode_text_prefix(text: &str, out: &mut KeyBytes) {
    encode_escaped(text.as_bytes(), out);
}

/// Zero bytes are escaped so that the closing mark is below every continuation.
fn encode_escaped(bytes: &[u8], out: &mut KeyBytes) {
    // Almost every text is free of zero bytes, and is copied whole.
    if !bytes.contains(&0) {
        return out.extend_from_slice(bytes);
    }
    let mut parts = bytes.split(|byte| *byte == 0);
    out.extend_from_slice(parts.next().expect("split yields at least one part"));
    for part in parts {
        out.extend_from_slice(&[0x00, 0xFF]);
        out.extend_from_slice(part);
    }
}

/// Encodes bytes of any length so that they are self-delimiting; the order is that of `[u8]`.
pub(crate) fn encode_delimited(bytes: &[u8], out: &mut KeyBytes) {
    encode_escaped(bytes, out);
    out.extend_from_slice(&[0x00, 0x00]);
}

macro_rules! unsigned_keys {
    ($($type:ty),*) => {$(
        impl Key for $type {
            #[inline]
            fn encode(&self, out: &mut KeyBytes) {
                out.extend_from_slice(&self.to_be_bytes());
            }
        }
    )*};
}
unsigned_keys!(u8, u16, u32, u64);

macro_rules! signed_keys {
    ($($type:ty),*) => {$(
        impl Key for $type {
            #[inline]
            fn encode(&self, out: &mut KeyBytes) {
                // MIN has only the sign bit: flipping it makes MIN all zeros and MAX all ones.
                out.extend_from_slice(&(*self ^ <$type>::MIN).to_be_bytes());
            }
        }
    )*};
}
// i128 is the inside of `Decimal`; it is a key but cannot be stored by itself.
signed_keys!(i8, i16, i32, i64, i128);

impl Key for bool {
    fn encode(&self, out: &mut KeyBytes) {
        out.push(u8::from(*self));
    }
}

impl Key for char {
    fn encode(&self, out: &mut KeyBytes) {
        u32::from(*self).encode(out);
    }
}

impl Key for str {
    #[inline]
    fn encode(&self, out: &mut KeyBytes) {
        encode_delimited(self.as_bytes(), out);
    }
}

impl Key for String {
    #[inline]
    fn encode(&self, out: &mut KeyBytes) {
        self.as_str().encode(out);
    }
}

impl Key for Uuid {
    #[inline]
    fn encode(&self, out: &mut KeyBytes) {
        out.extend_from_slice(self.as_bytes());
    }
}

/// The byte before an option's value.
pub const SOME_MARK: u8 = 1;

impl<K: Key> Key for Option<K> {
    fn encode(&self, out: &mut KeyBytes) {
        match self {
            None => out.push(0),
            Some(value) => {
                out.push(SOME_MARK);
                value.encode(out);
            }
        }
    }
}

impl<K: Key + ?Sized> Key for &K {
    #[inline]
    fn encode(&self, out: &mut KeyBytes) {
        (**self).encode(out);
    }
}

impl<K: Key, const N: usize> Key for [K; N] {
    fn encode(&self, out: &mut KeyBytes) {
        self.iter().for_each(|part| part.encode(out));
    }
}

impl Key for () {
    fn encode(&self, _: &mut KeyBytes) {}
}

macro_rules! tuple_keys {
    ($($name:ident . $index:tt),+) => {
        impl<$($name: Key),+> Key for ($($name,)+) {
            fn encode(&self, out: &mut KeyBytes) {
                $(self.$index.encode(out);)+
            }
        }
    };
}
tuple_keys!(A.0);
tuple_keys!(A.0, B.1);
tuple_keys!(A.0, B.1, C.2);
tuple_keys!(A.0, B.1, C.2, D.3);

/// Makes newtypes keys by what they hold, whose derived order is the same.
macro_rules! newtype_keys {
    ($($type:ty),* $(,)?) => {$(
        impl Key for $type {
            #[inline]
            fn encode(&self, out: &mut KeyBytes) {
                self.0.encode(out);
            }
        }
    )*};
}
pub(crate) use newtype_keys;

newtype_keys!(crate::Position, crate::Lineage);

impl Key for crate::ActorId {
    #[inline]
    fn encode(&self, out: &mut KeyBytes) {
        self.as_str().encode(out);
    }
}
