//! Who a command or a query runs as.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

/// An actor's name: what the token's subject says, 1 to [`ACTOR_ID_BYTES_MAX`] bytes of visible
/// ASCII. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ActorId(Arc<str>);

/// The longest actor id, in bytes: an OpenID subject may have 255 characters, an e-mail 254.
pub const ACTOR_ID_BYTES_MAX: usize = 255;

/// The text is empty, too long, or not visible ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActorIdError;

impl fmt::Display for ActorIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an actor id is 1 to {ACTOR_ID_BYTES_MAX} visible ASCII characters")
    }
}

impl std::error::Error for ActorIdError {}

impl ActorId {
    /// Checks the text and makes it an actor id.
    pub fn new(text: impl AsRef<str>) -> Result<Self, ActorIdError> {
        let text = text.as_ref();
        let fits = (1..=ACTOR_ID_BYTES_MAX).contains(&text.len());
        if !fits || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ActorIdError);
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorId({})", self.0)
    }
}

impl FromStr for ActorId {
    type Err = ActorIdError;

    fn from_str(text: &str) -> Result<Self, ActorIdError> {
        Self::new(text)
    }
}

impl<'de> Deserialize<'de> for ActorId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

/// Makes an actor id of text that lies where it was read: no copy but the id's own.
struct TextVisitor;

impl serde::de::Visitor<'_> for TextVisitor {
    type Value = ActorId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ActorId, E> {
        ActorId::new(text).map_err(E::custom)
    }
}

impl JsonSchema for ActorId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ActorId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[!-~]+$",
            "maxLength": ACTOR_ID_BYTES_MAX,
            "description": "An actor's name.",
        })
    }
}
