//! How a value becomes bytes that sort as the value does, so that one ordered map of bytes serves
//! every key and every index.
//!
//! | value | bytes |
//! |---|---|
//! | unsigned integer | big-endian |
//! | signed integer | big-endian with the sign bit flipped |
//! | bool | 0 or 1 |
//! | text | UTF-8 with 0x00 written as 0x00 0xFF, closed by 0x00 0x00 |
//! | option | 0x00, or 0x01 and the value |
//! | tuple | its parts in order: each part is self-delimiting |

use smallvec::SmallVec;

/// A key's bytes; up to 24 stay inline (a UUID, a number pair, most SKUs).
pub type KeyBytes = SmallVec<[u8; 24]>;

/// A value that can be a table's key or indexed: its bytes sort as it does, and no value's bytes
/// are a prefix of another's of the same type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key or be indexed",
    note = "keys are integers, text, booleans, ids, dates, moments, and `#[value]` types marked `key`; \
            floats and maps have no order that all machines agree on"
)]
pub trait Key: Ord {
    /// Appends this value's bytes.
    fn encode(&self, out: &mut KeyBytes);
}
