//! Ids of things an application makes: orders, lots, deliveries.
//!
//! A `Uid` is a UUID whose form is text in JSON and in MessagePack alike (serde's own form of a
//! `Uuid` differs between the two). The engine makes them from actor, command id and a count, so
//! a client can predict them; an application wraps them by type: `#[id] struct LotId;`.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::key::{Key, KeyBytes, newtype_keys};
use crate::text_form::{Malformed, text_value};

/// A UUID of any version, written as 36 characters in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(pub Uuid);

impl Uid {
    /// An id from 16 bytes of a hash, as a UUID of version 8 (the version for one's own schemes).
    pub fn from_hash(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl From<Uuid> for Uid {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Uid {
    type Err = Malformed;

    /// Reads the hyphenated form, in either case; not braces, URNs or bare digits.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        const FORM: Malformed =
            Malformed::new("an id is a UUID, written like 67e55044-10b1-426f-9247-bb680e5fe0c8");
        if text.len() != uuid::fmt::Hyphenated::LENGTH {
            return Err(FORM);
        }
        Uuid::try_parse(text).map(Self).map_err(|_| FORM)
    }
}

newtype_keys!(Uid);
text_value!(Uid, "an id as text, like \"67e55044-10b1-426f-9247-bb680e5fe0c8\"", {
    "type": "string",
    "format": "uuid",
    "description": "An id: a UUID as text.",
});
impl crate::MapKey for Uid {}
