//! Raw bytes: a hash, a thumbnail, a signature. Large files are blobs, not values.
//!
//! Text: base64 (RFC 4648 §4, the standard alphabet, padded), one text per value: stray bits in
//! the last character are refused.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::key::{Key, KeyBytes, encode_delimited};
use crate::text_form::{Malformed, TextVisitor};

/// Bytes, written as base64 text.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub Vec<u8>);

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(&self.0))
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Bytes {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        const FORM: Malformed = Malformed::new("bytes are written as padded base64, like 3q2+7w==");
        STANDARD.decode(text).map(Self).map_err(|_| FORM)
    }
}

// Not by `text_value!`: its texts are short and of known size.
impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "bytes as base64 text, like \"3q2+7w==\"";
        deserializer.deserialize_str(TextVisitor::<Self> { expected, value: PhantomData })
    }
}

impl JsonSchema for Bytes {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "contentEncoding": "base64",
            "description": "Bytes, as base64 text.",
        })
    }
}

impl Key for Bytes {
    fn encode(&self, out: &mut KeyBytes) {
        encode_delimited(&self.0, out);
    }
}

impl crate::Stored for Bytes {}
