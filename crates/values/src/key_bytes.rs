//! The bytes of a key, made to be compared often: maps compare a key with some twenty others each
//! time they look for it.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// How many bytes lie in the value itself: an id with a number, most SKUs, a name and a number. With
/// their length they fill three words, and eleven keys of a map's node five cache lines.
const IN_PLACE_BYTES: usize = 22;

/// A key's bytes: up to 22 in place, longer ones shared. They compare as `[u8]` does, and almost
/// always by one number: eight bytes at a time, without a call.
#[derive(Clone)]
pub struct KeyBytes(Held);

#[derive(Clone)]
enum Held {
    /// So many of these, which are padded with zeros.
    InPlace {
        length: u8,
        bytes: [u8; IN_PLACE_BYTES],
    },
    Shared(Arc<[u8]>),
}

impl KeyBytes {
    /// No bytes.
    pub const fn new() -> Self {
        Self(Held::InPlace { length: 0, bytes: [0; IN_PLACE_BYTES] })
    }

    /// These bytes.
    #[inline]
    pub fn from_slice(bytes: &[u8]) -> Self {
        let mut key = Self::new();
        key.extend_from_slice(bytes);
        key
    }

    /// The bytes.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        self
    }

    /// Appends a byte.
    #[inline]
    pub fn push(&mut self, byte: u8) {
        self.extend_from_slice(&[byte]);
    }

    /// Appends bytes.
    #[inline]
    pub fn extend_from_slice(&mut self, more: &[u8]) {
        if let Held::InPlace { length, bytes } = &mut self.0 {
            let start = usize::from(*length);
            if let Some(room) = bytes.get_mut(start..start + more.len()) {
                room.copy_from_slice(more);
                // At most IN_PLACE_BYTES.
                *length += more.len() as u8;
                return;
            }
        }
        self.grow(more);
    }

    #[cold]
    fn grow(&mut self, more: &[u8]) {
        self.0 = Held::Shared([&**self, more].concat().into());
    }
}

/// Padded bytes as numbers that compare as they do. The last two numbers overlap, which matters to
/// nobody: where they are compared, what comes first is equal.
#[inline]
fn words(bytes: &[u8; IN_PLACE_BYTES]) -> [u64; 3] {
    // Spelled out: every way that takes a closure was at times a call.
    let ([a, b], _) = bytes.as_chunks() else { unreachable!("two words and six bytes") };
    let (_, [.., c]) = bytes.as_rchunks() else { unreachable!("two words and six bytes") };
    [u64::from_be_bytes(*a), u64::from_be_bytes(*b), u64::from_be_bytes(*c)]
}

impl Default for KeyBytes {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for KeyBytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Held::InPlace { length, bytes } => &bytes[..usize::from(*length)],
            Held::Shared(bytes) => bytes,
        }
    }
}

impl Borrow<[u8]> for KeyBytes {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl From<Vec<u8>> for KeyBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from_slice(&bytes)
    }
}

impl FromIterator<u8> for KeyBytes {
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> Self {
        Self::from(bytes.into_iter().collect::<Vec<u8>>())
    }
}

impl Ord for KeyBytes {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        let (
            Held::InPlace { length: mine, bytes },
            Held::InPlace { length: theirs, bytes: others },
        ) = (&self.0, &other.0)
        else {
            return (**self).cmp(&**other);
        };
        let ([a, b, c], [x, y, z]) = (words(bytes), words(others));
        // Equal up to the padding: the shorter is what the longer begins with.
        a.cmp(&x).then(b.cmp(&y)).then(c.cmp(&z)).then(mine.cmp(theirs))
    }
}

impl PartialOrd for KeyBytes {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for KeyBytes {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for KeyBytes {}

impl Hash for KeyBytes {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        // As `[u8]` does, so that a map can be asked for bytes.
        (**self).hash(hasher);
    }
}

impl fmt::Debug for KeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
