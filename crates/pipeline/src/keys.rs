//! The keys that checkpoints are signed with: how the chronicle knows them, and the signer.
//!
//! A chronicle opened with a key that it does not know yet records it ([`KeyActivation`]), so that
//! who reads an old checkpoint in ten years finds its key in the history itself. When a key takes
//! over from another, the record names both, both sign the record's note, and until the overlap ends
//! both sign every checkpoint: whoever trusts the old one has that long to learn of the new one.
//!
//! A checkpoint is signed when it is asked for, of what is durable then, once per frame at most. A
//! log must never sign two histories. So when the guard file knows of records that are not here, or
//! of others, nothing is signed until a person has looked.

use std::sync::{Arc, Mutex};

use deeds_chronicle::note::{self, NoteSigner, SecretKey};
use deeds_chronicle::{
    BodyClass, Checkpoint, DiskError, GuardFinding, LastSigned, Origin, ReadError, Reader,
    RecordKind, TreeHead,
};
use deeds_values::{Duration, Lineage, Position, Timestamp};
use serde::{Deserialize, Serialize};

use crate::opening::OpenError;
use crate::system;

/// The secret keys that a node signs with.
#[derive(Clone, Debug)]
pub struct CheckpointKeys {
    /// The key.
    pub current: SecretKey,
    /// The one before, while it is still at hand.
    pub previous: Option<SecretKey>,
    /// How long the one before goes on signing once it is replaced.
    pub overlap: Duration,
}

/// A key that signs checkpoints from here on: the body of a record of kind key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyActivation {
    /// The verifier key.
    pub key: String,
    /// The verifier key that it takes over from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// Until when that one goes on signing, if it agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap_until: Option<Timestamp>,
    /// A signed note that says the same, by the key and by the one before if it agreed.
    pub note: String,
}

impl KeyActivation {
    /// What is to be recorded now, if the key at hand is not the one that was recorded last.
    pub(crate) fn due(
        recorded: Option<&Self>,
        keys: &CheckpointKeys,
        origin: &Origin,
        now: Timestamp,
    ) -> Option<Self> {
        let current = NoteSigner::new(origin.as_str(), &keys.current);
        let key = current.verifier().to_string();
        let replaces = recorded.map(|recorded| recorded.key.clone());
        if replaces.as_ref() == Some(&key) {
            return None;
        }
        let previous = keys.previous.as_ref().map(|key| NoteSigner::new(origin.as_str(), key));
        let agrees = |signer: &NoteSigner| Some(signer.verifier().to_string()) == replaces;
        let previous = previous.filter(agrees);
        let overlap_until = previous.as_ref().map(|_| now + keys.overlap);

        let mut text = format!("{origin}\nsigns checkpoints: {key}\n");
        if let Some(replaces) = &replaces {
            text.push_str(&format!("replaces: {replaces}\n"));
        }
        if let Some(until) = overlap_until {
            text.push_str(&format!("which goes on until: {until}\n"));
        }
        let signers: Vec<&NoteSigner> = [&current].into_iter().chain(&previous).collect();
        let note = note::sign(&text, &signers);
        Some(Self { key, replaces, overlap_until, note })
    }
}

/// A checkpoint as it is handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// The size and the root.
    pub head: TreeHead,
    /// The signed note.
    pub note: Arc<str>,
}

/// Why there is no checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum NotSigned {
    /// The node was started without a key.
    #[error("this server has no key to sign checkpoints with")]
    NoKey,
    /// Another history was durable or signed before.
    #[error("{0}")]
    Withheld(Withheld),
    /// What is signed could not be kept in mind, so the next start would not know of it.
    #[error("no checkpoint is signed: it could not be kept beside the guard file")]
    NotKept(#[source] DiskError),
    /// The chronicle could not be read.
    #[error("the chronicle could not be read")]
    Read(#[from] ReadError),
}

/// What the guard file, or the last checkpoint beside it, knows that forbids signing. Compare with a
/// backup or a mirror; whoever is sure that the history here is to be the one removes both files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Withheld {
    /// An old copy was put back.
    #[error(
        "no checkpoint is signed: there were {size} records once, and fewer when this was opened: an \
         old copy was put back"
    )]
    Behind {
        /// The size that is known.
        size: Position,
    },
    /// Another history.
    #[error("no checkpoint is signed: before position {size} there were other records once")]
    Differs {
        /// The size at which the roots differ.
        size: Position,
    },
    /// A guard file of something else.
    #[error("no checkpoint is signed: the guard file belongs to lineage {0}")]
    OtherLineage(Lineage),
}

impl Withheld {
    /// Whether what opening found forbids signing.
    pub fn after(finding: GuardFinding) -> Option<Self> {
        match finding {
            GuardFinding::Off | GuardFinding::Created | GuardFinding::Agrees => None,
            GuardFinding::Behind { size } => Some(Self::Behind { size }),
            GuardFinding::Differs { size } => Some(Self::Differs { size }),
            GuardFinding::OtherLineage(lineage) => Some(Self::OtherLineage(lineage)),
        }
    }
}

/// Signs what is durable.
pub struct CheckpointSigner {
    origin: Origin,
    reader: Reader,
    current: NoteSigner,
    /// The key before, and until when it signs as well.
    previous: Option<(NoteSigner, Timestamp)>,
    withheld: Option<Withheld>,
    /// Where it is kept in mind what was signed; without a guard file it is not.
    kept: Option<LastSigned>,
    /// The last one: asked for again before the next frame, it is the same.
    last: Mutex<Option<SignedCheckpoint>>,
}

impl CheckpointSigner {
    /// With the keys at hand, and what the chronicle last recorded of them.
    pub fn new(
        origin: Origin,
        reader: Reader,
        keys: &CheckpointKeys,
        recorded: Option<&KeyActivation>,
        withheld: Option<Withheld>,
        kept: Option<LastSigned>,
    ) -> Self {
        let signer = |key: &SecretKey| NoteSigner::new(origin.as_str(), key);
        let current = signer(&keys.current);
        let previous = keys.previous.as_ref().map(signer).and_then(|previous| {
            let recorded = recorded.filter(|r| r.key == current.verifier().to_string())?;
            let replaced = recorded.replaces.as_ref()? == &previous.verifier().to_string();
            replaced.then_some((previous, recorded.overlap_until?))
        });
        Self { reader, current, previous, withheld, kept, last: Mutex::new(None), origin }
    }

    /// Signs what is durable now, unless this has been signed already.
    pub fn sign(&self, now: Timestamp) -> Result<SignedCheckpoint, NotSigned> {
        if let Some(withheld) = self.withheld {
            return Err(NotSigned::Withheld(withheld));
        }
        let mut last = self.last.lock().expect("nobody panics holding the last checkpoint");
        let head = self.reader.tree_head()?;
        if let Some(last) = last.as_ref().filter(|last| last.head == head) {
            return Ok(last.clone());
        }
        if let Some(last) = last.as_ref() {
            assert!(last.head.size < head.size, "a chronicle only grows");
        }
        let previous = self.previous.as_ref().filter(|(_, until)| now < *until);
        let signers: Vec<&NoteSigner> =
            [&self.current].into_iter().chain(previous.map(|(signer, _)| signer)).collect();
        let checkpoint = Checkpoint { origin: self.origin.clone(), head };
        let signed = SignedCheckpoint { head, note: checkpoint.sign(&signers).into() };
        if let Some(kept) = &self.kept {
            kept.keep(head, &signed.note).map_err(NotSigned::NotKept)?;
        }
        *last = Some(signed.clone());
        Ok(signed)
    }
}

/// A key as the chronicle has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedKey {
    /// The record that says so.
    pub position: Position,
    /// When it was made.
    pub time: Timestamp,
    /// What it says.
    pub activation: KeyActivation,
}

/// All keys that the chronicle ever named, oldest first. Goes through all records.
pub fn recorded(reader: &Reader) -> Result<Vec<RecordedKey>, OpenError> {
    let mut keys = Vec::new();
    for record in reader.stream(Position(0)) {
        let record = record?;
        if record.header.kind == RecordKind::Key {
            let (position, time) = (record.position(), record.header.time);
            let unreadable =
                |error| OpenError::Unreadable { position, what: format!("key: {error}") };
            let activation = system::body(record.body(BodyClass::Text)).map_err(unreadable)?;
            keys.push(RecordedKey { position, time, activation });
        }
    }
    Ok(keys)
}
