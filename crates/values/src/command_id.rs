//! What makes a command the same command when it is sent again (DESIGN §4.2).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// The identity of a command, unique per actor.
///
/// Text forms: a UUIDv7 with its hyphens, or `source/n`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CommandId {
    /// A UUIDv7 drawn by the client; its first 48 bits are milliseconds since 1970.
    Unique(Uuid),
    /// The `number`-th command of a named source; numbers of one source strictly rise.
    Numbered {
        /// The source's name: 1 to [`SOURCE_BYTES_MAX`] bytes of visible ASCII without `/`.
        source: String,
        /// The command's number within its source.
        number: u64,
    },
}

/// The longest name of a source, in bytes: room for a SHA-256 in hexadecimal and a prefix.
pub const SOURCE_BYTES_MAX: usize = 100;

/// The largest number within a source: JSON readers keep it exact.
pub const NUMBER_MAX: u64 = (1 << 53) - 1;

/// The text is neither form of a command id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandIdParseError;

impl fmt::Display for CommandIdParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a command id is a UUIDv7, or source/number where source is at most \
             {SOURCE_BYTES_MAX} visible ASCII characters without '/' and number is 0 to 2^53-1"
        )
    }
}

impl std::error::Error for CommandIdParseError {}

impl CommandId {
    /// The id of these 16 bytes, as a record holds them; none unless they are a UUIDv7.
    pub fn unique(bytes: [u8; 16]) -> Option<Self> {
        let id = Uuid::from_bytes(bytes);
        is_v7(&id).then_some(Self::Unique(id))
    }

    /// The `n`-th id made in a millisecond: for tests and simulations, which draw no randomness.
    pub fn unique_at(ms: u64, n: u8) -> Self {
        let mut bytes = [n; 16];
        bytes[..6].copy_from_slice(&ms.to_be_bytes()[2..]);
        bytes[6] = 0x70;
        bytes[8] = 0x80;
        Self::unique(bytes).expect("version and variant are set")
    }

    /// The moment a [`CommandId::Unique`] carries, in milliseconds since 1970.
    ///
    /// # Panics
    /// When the UUID is not of version 7: parsing lets no other in.
    pub fn unique_ms(id: &Uuid) -> u64 {
        assert_eq!(id.get_version_num(), 7, "only UUIDv7 becomes a command id");
        let b = id.as_bytes();
        u64::from_be_bytes([0, 0, b[0], b[1], b[2], b[3], b[4], b[5]])
    }
}

fn is_v7(id: &Uuid) -> bool {
    id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122
}

impl FromStr for CommandId {
    type Err = CommandIdParseError;

    fn from_str(text: &str) -> Result<Self, CommandIdParseError> {
        if let Some((source, number)) = text.rsplit_once('/') {
            let named = (1..=SOURCE_BYTES_MAX).contains(&source.len())
                && source.bytes().all(|b| b.is_ascii_graphic() && b != b'/');
            let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            let number = number.parse::<u64>().map_err(|_| CommandIdParseError)?;
            if !named || !digits || number > NUMBER_MAX {
                return Err(CommandIdParseError);
            }
            return Ok(Self::Numbered { source: source.to_owned(), number });
        }
        if text.len() != uuid::fmt::Hyphenated::LENGTH {
            return Err(CommandIdParseError);
        }
        match Uuid::try_parse(text) {
            Ok(id) if is_v7(&id) => Ok(Self::Unique(id)),
            _ => Err(CommandIdParseError),
        }
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unique(id) => id.fmt(f),
            Self::Numbered { source, number } => write!(f, "{source}/{number}"),
        }
    }
}

impl Serialize for CommandId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CommandId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
