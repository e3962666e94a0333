//! What makes a command the same command when it is sent again (DESIGN §4.2).

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// The identity of a command, unique per actor.
///
/// Text forms: a UUIDv7, or `source/n`.
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

impl FromStr for CommandId {
    type Err = CommandIdParseError;

    fn from_str(text: &str) -> Result<Self, CommandIdParseError> {
        if let Some((source, number)) = text.rsplit_once('/') {
            let named = (1..=SOURCE_BYTES_MAX).contains(&source.len())
                && source.bytes().all(|b| b.is_ascii_graphic() && b != b'/');
            let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            let number = number.parse::<u64>().map_err(|_| CommandIdParseError)?;
            if !named || !digits || number >= 1 << 53 {
                return Err(CommandIdParseError);
            }
            return Ok(Self::Numbered { source: source.to_owned(), number });
        }
        match Uuid::try_parse(text) {
            Ok(id) if id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122 => {
                Ok(Self::Unique(id))
            }
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
