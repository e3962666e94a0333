//! How commands, events, answers and refusals become the bytes of a record's bodies and come back.
//!
//! Bodies are MessagePack with field names, in serde's human-readable forms, so that a body carries
//! the same values as the JSON of the same thing: a UUID is text in both, and turning one into the
//! other loses nothing.
//!
//! A field marked `#[personal]` is kept out of the plain body and written into a body of its own,
//! as a map of just those fields; a salted commitment lets it be dropped later (DESIGN §5).

use schemars::{Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::packed;

/// A command or an event: something written into the chronicle under a name.
///
/// Implemented by `#[command]` and `#[event]`.
pub trait Recorded: Sized + Send + 'static {
    /// The name without the app: the type's own name.
    const NAME: &'static str;
    /// Earlier names, oldest first: `#[command(alias = "OldName")]`.
    const ALIASES: &'static [&'static str];
    /// The doc comment.
    const DOC: &'static str;
    /// Names of the fields marked `#[personal]`.
    const PERSONAL: &'static [&'static str];

    /// Appends the plain body, and the personal one if there are personal fields.
    fn encode(&self, plain: &mut Vec<u8>, personal: &mut Vec<u8>);

    /// Reads one value from the front of `plain` and moves past it; the personal fields from
    /// `personal`.
    fn decode(plain: &mut &[u8], personal: Option<&[u8]>) -> Result<Self, DecodeError>;

    /// The JSON Schema of the whole value.
    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

/// A body does not hold what this code expects there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{reason}{}", at_field(.field))]
pub struct DecodeError {
    /// The path of the field, like `lines[2].sku`; empty for the value itself.
    pub field: String,
    /// What was expected and found.
    pub reason: String,
}

fn at_field(field: &str) -> String {
    if field.is_empty() { String::new() } else { format!(" (at field `{field}`)") }
}

/// Appends a value as MessagePack with field names.
///
/// # Panics
/// When the value refuses to be serialized: recorded types are checked at compile time to be made
/// of parts that cannot.
pub fn write<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    let mut serializer = rmp_serde::Serializer::new(out).with_struct_map().with_human_readable();
    value.serialize(&mut serializer).expect("stored types always serialize");
}

/// Reads one value from the front of `bytes` and moves past it.
pub fn read<T: DeserializeOwned>(bytes: &mut &[u8]) -> Result<T, DecodeError> {
    // What JSON carries is nearly everything, and is read in half the time.
    if let Ok(value) = packed::read_front(bytes) {
        return Ok(value);
    }
    let start = *bytes;
    let mut deserializer = rmp_serde::Deserializer::new(&mut *bytes).with_human_readable();
    match T::deserialize(&mut deserializer) {
        Ok(value) => Ok(value),
        Err(_) => Err(explain::<T>(start)),
    }
}

/// Reads a value that must fill `bytes`.
pub fn read_whole<T: DeserializeOwned>(mut bytes: &[u8]) -> Result<T, DecodeError> {
    let value = read(&mut bytes)?;
    if bytes.is_empty() {
        Ok(value)
    } else {
        let reason = format!("{} bytes are left over", bytes.len());
        Err(DecodeError { field: String::new(), reason })
    }
}

/// Reads again, slowly, keeping track of the field, to say where it failed.
fn explain<T: DeserializeOwned>(bytes: &[u8]) -> DecodeError {
    let mut deserializer = rmp_serde::Deserializer::new(bytes).with_human_readable();
    let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut deserializer) else {
        unreachable!("the same bytes failed a moment ago");
    };
    let path = error.path().to_string();
    let field = if path == "." { String::new() } else { path };
    DecodeError { field, reason: error.into_inner().to_string() }
}

/// Reads the MessagePack of one value and writes it as JSON, whatever its type.
pub fn to_json(mut bytes: &[u8]) -> Result<serde_json::Value, DecodeError> {
    let value = read(&mut bytes)?;
    if bytes.is_empty() {
        Ok(value)
    } else {
        Err(DecodeError { field: String::new(), reason: "bytes are left over".to_owned() })
    }
}

/// Appends the head of a MessagePack array of `length` items.
pub(crate) fn write_array_head(length: usize, out: &mut Vec<u8>) {
    let length = u32::try_from(length).expect("a body is far below 4 GiB");
    match length {
        0..=15 => out.push(0x90 | length as u8),
        16..=0xffff => {
            out.push(0xdc);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(0xdd);
            out.extend_from_slice(&length.to_be_bytes());
        }
    }
}

/// Reads the head of a MessagePack array and moves past it.
pub(crate) fn read_array_head(bytes: &mut &[u8]) -> Result<usize, DecodeError> {
    let wrong = |reason: &str| DecodeError { field: String::new(), reason: reason.to_owned() };
    let (&marker, rest) = bytes.split_first().ok_or_else(|| wrong("an array was expected"))?;
    let wide = match marker {
        0x90..=0x9f => 0,
        0xdc => 2,
        0xdd => 4,
        _ => return Err(wrong("an array was expected")),
    };
    let (digits, rest) = rest.split_at_checked(wide).ok_or_else(|| wrong("the end came early"))?;
    *bytes = rest;
    Ok(if wide == 0 {
        usize::from(marker & 0x0f)
    } else {
        digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit))
    })
}

/// The events of an accepted outcome's body, as JSON.
pub(crate) fn to_json_values(mut events: &[u8]) -> Vec<serde_json::Value> {
    let well_formed = "an outcome reads back as it was written";
    read_array_head(&mut events).expect(well_formed);
    let count = read_array_head(&mut events).expect(well_formed);
    (0..count)
        .map(|_| {
            read_array_head(&mut events).expect(well_formed);
            let _number: u32 = read(&mut events).expect(well_formed);
            read(&mut events).expect(well_formed)
        })
        .collect()
}
