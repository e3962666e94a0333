//! The bytes of a key, made to be compared often: maps compare a key with some twenty others each
//! time they look for it.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// How many bytes lie in the value itself: an id with a number, most SKUs, a name and a number.
const HEAD_BYTES: usize = 24;

/// A key's bytes: up to 24 in place, longer ones shared. They compare as `[u8]` does, and almost
/// always by one number: eight bytes at a time, without a call.
#[derive(Clone)]
pub struct KeyBytes {
    /// The first bytes, padded with zeros.
    head: [u8; HEAD_BYTES],
    rest: Rest,
}

#[derive(Clone)]
enum Rest {
    /// The head holds all of them, so many.
    InHead(u8),
    /// All of them, those in the head included.
    Shared(Arc<[u8]>),
}

impl KeyBytes {
    /// No bytes.
    pub const fn new() -> Self {
        Self { head: [0; HEAD_BYTES], rest: Rest::InHead(0) }
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
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        if let Rest::InHead(length) = &mut self.rest {
            let start = usize::from(*length);
            if let Some(room) = self.head.get_mut(start..start + bytes.len()) {
                room.copy_from_slice(bytes);
                // At most HEAD_BYTES.
                *length += bytes.len() as u8;
                return;
            }
        }
        self.grow(bytes);
    }

    #[cold]
    fn grow(&mut self, bytes: &[u8]) {
        let all: Arc<[u8]> = [&**self, bytes].concat().into();
        self.head.copy_from_slice(&all[..HEAD_BYTES]);
        self.rest = Rest::Shared(all);
    }

    /// The head as numbers that compare as its bytes do.
    #[inline]
    fn words(&self) -> [u64; HEAD_BYTES / 8] {
        // Spelled out: every way that takes a closure was at times a call.
        let [a, b, c] = self.head.as_chunks().0 else { unreachable!("the head is three words") };
        [u64::from_be_bytes(*a), u64::from_be_bytes(*b), u64::from_be_bytes(*c)]
    }
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
        match &self.rest {
            Rest::InHead(length) => &self.head[..usize::from(*length)],
            Rest::Shared(all) => all,
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
        let ([a, b, c], [x, y, z]) = (self.words(), other.words());
        let head = a.cmp(&x).then(b.cmp(&y)).then(c.cmp(&z));
        head.then_with(|| match (&self.rest, &other.rest) {
            // Equal up to the padding: the shorter is what the longer begins with.
            (Rest::InHead(mine), Rest::InHead(theirs)) => mine.cmp(theirs),
            _ => (**self).cmp(&**other),
        })
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
