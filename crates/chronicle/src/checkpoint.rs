//! A checkpoint: a signed pair of size and Merkle root of the chronicle. Whoever keeps one can find
//! out later whether the history up to there was rewritten, however cleverly.
//!
//! It is a C2SP `tlog-checkpoint`, a signed note with three lines of text:
//!
//! ```text
//! deeds/food-bank/0123456789abcdef     the origin: app and lineage
//! 20852163                             the number of records
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//! ```
//!
//! The origin never changes, for a restored copy is another lineage; it is the name of the keys, too.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deeds_values::{Lineage, Position};

use crate::merkle::{Frontier, Hash};
use crate::note::{self, Note, NoteError, NoteSigner, VerifierKey};

/// Which chronicle a checkpoint speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// The origin of an app's chronicle.
    ///
    /// # Panics
    /// When the app's name has spaces, control characters or a plus.
    pub fn new(app: &str, lineage: Lineage) -> Self {
        let fits = |c: char| !c.is_whitespace() && !c.is_control() && c != '+';
        assert!(!app.is_empty() && app.chars().all(fits), "`{app}` can be an app's name");
        Self(format!("deeds/{app}/{lineage}"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How large a tree is, and its root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// The number of records: the position after the last.
    pub size: Position,
    /// The Merkle root over them.
    pub root: Hash,
}

/// That of the empty tree.
impl Default for TreeHead {
    fn default() -> Self {
        Self { size: Position(0), root: Frontier::default().root() }
    }
}

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which chronicle.
    pub origin: Origin,
    /// Its size and root.
    pub head: TreeHead,
}

/// Why a checkpoint does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note does not count.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The note is signed, and is no checkpoint.
    #[error("it is no checkpoint: {0}")]
    Form(&'static str),
}

impl Checkpoint {
    /// Signs it with each of the keys.
    pub fn sign(&self, signers: &[&NoteSigner]) -> String {
        let TreeHead { size, root } = self.head;
        let text = format!("{}\n{}\n{}\n", self.origin, size.0, STANDARD.encode(root.0));
        note::sign(&text, signers)
    }

    /// Reads a checkpoint that at least one of the keys signed; with it the keys that did.
    pub fn verify<'a>(
        bytes: &[u8],
        keys: &'a [VerifierKey],
    ) -> Result<(Self, Vec<&'a VerifierKey>), CheckpointError> {
        let note = Note::parse(bytes)?;
        let (text, signed) = note.verify(keys)?;
        Ok((Self::parse(text)?, signed))
    }

    /// Reads a checkpoint from a place that nobody else writes to, whoever signed it.
    pub(crate) fn own(bytes: &[u8]) -> Option<Self> {
        Self::parse(Note::parse(bytes).ok()?.unverified_text()).ok()
    }

    /// Reads a note's text. Lines behind the third are passed over, as the specification wants it;
    /// none is ever written.
    fn parse(text: &str) -> Result<Self, CheckpointError> {
        use CheckpointError::Form;
        let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(Form("it has fewer than three lines"));
        };
        if origin.is_empty() || lines.any(str::is_empty) {
            return Err(Form("a line is empty"));
        }
        let is_decimal = size.bytes().all(|digit| digit.is_ascii_digit());
        if !is_decimal || (size.starts_with('0') && size != "0") {
            return Err(Form("the size is no decimal number without leading zeros"));
        }
        let size = size.parse().map_err(|_| Form("the size is no 64-bit number"))?;
        let root = STANDARD.decode(root).ok().and_then(|root| <[u8; 32]>::try_from(root).ok());
        let root = Hash(root.ok_or(Form("the root is not 32 bytes of base64"))?);
        let head = TreeHead { size: Position(size), root };
        Ok(Self { origin: Origin(origin.to_owned()), head })
    }
}
