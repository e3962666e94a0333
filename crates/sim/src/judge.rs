//! The chronicle held against what the clients know, record by record from the first.
//!
//! One pass: positions are dense and time does not go back; each command was sent, is recorded once,
//! and is what was told; each outcome is what the larder's arithmetic makes of it; the tree over the
//! headers has the root that was handed out at each size; atoms that somebody still holds are what
//! the records up to them make. At the end nothing that was told is missing, and the published state
//! is what all the records make.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deeds_chronicle::consistency::{TreeReader, check_consistency};
use deeds_chronicle::merkle::Frontier;
use deeds_chronicle::record::leaf_hash;
use deeds_chronicle::{
    BodyClass, Outcome, ReadError, Reader, Record, RecordKind, StoredCommandId, TreeHead,
};
use deeds_engine::atom::Atom;
use deeds_engine::testing::same_state;
use deeds_pipeline::entry::reply_of;
use deeds_pipeline::refold::refold;
use deeds_pipeline::system::{self, Definitions};
use deeds_values::{CommandId, Position, Timestamp};

use crate::larder::Larder;
use crate::model::{Expected, Model};
use crate::oracle::{Broken, Oracle, actor, broken};

/// Why a chronicle did not pass.
pub(crate) enum Verdict {
    /// A promise is broken.
    Broken(Broken),
    /// It says itself that it cannot be read: fair if somebody damaged it.
    Unreadable(ReadError),
}

impl From<Broken> for Verdict {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<ReadError> for Verdict {
    fn from(error: ReadError) -> Self {
        Self::Unreadable(error)
    }
}

impl Verdict {
    /// A sound disk has no excuse.
    pub(crate) fn on_a_sound_disk(self) -> Broken {
        match self {
            Self::Broken(broken) => broken,
            Self::Unreadable(error) => {
                Broken(format!("a sound chronicle cannot be read: {error:?}"))
            }
        }
    }
}

/// A pass over the records.
struct Pass<'a> {
    oracle: &'a Oracle,
    next: Position,
    time: Timestamp,
    /// Actors and sources by number.
    names: BTreeMap<(String, u32), String>,
    model: Model,
    frontier: Frontier,
    roots: BTreeMap<u64, TreeHead>,
    found: BTreeMap<usize, Position>,
}

/// Holds the records against what the clients know.
pub(crate) fn judge(
    reader: &Reader,
    oracle: &Oracle,
    atoms: &[Arc<Atom<Larder>>],
) -> Result<(), Verdict> {
    let heads = oracle.heads.iter().map(|head| (head.size.0, *head));
    let mut pass = Pass {
        oracle,
        next: Position(0),
        time: Timestamp(i64::MIN),
        names: BTreeMap::new(),
        model: Model::default(),
        frontier: Frontier::default(),
        roots: heads.collect(),
        found: BTreeMap::new(),
    };
    let end = reader.end()?;
    let mut held: BTreeMap<Position, Vec<&Atom<Larder>>> = BTreeMap::new();
    for atom in atoms {
        held.entry(atom.position).or_default().push(atom);
    }
    for record in reader.stream(Position(0)) {
        let record = record?;
        pass.record(&record)?;
        for atom in held.remove(&record.position()).unwrap_or_default() {
            let wrong = |what| Broken(format!("the state at {}: {what}", record.position()));
            pass.model.agrees(atom.state()).map_err(wrong)?;
        }
    }
    if pass.next != end {
        let (found, end) = (pass.next, end);
        return Ok(broken(format!("{end} records are durable, {found} can be read"))?);
    }
    if let Some(position) = held.keys().next() {
        return Ok(broken(format!("an atom is at position {position}, which is not there"))?);
    }
    for (number, position) in oracle.must_be_recorded() {
        if pass.found.get(&number) != Some(&position) {
            return Ok(broken(format!(
                "command {number} was acknowledged at {position} and is lost"
            ))?);
        }
    }
    if let Some((size, _)) = pass.roots.last_key_value().filter(|(size, _)| **size > end.0) {
        return Ok(broken(format!("a checkpoint of {size} records was handed out"))?);
    }
    Ok(())
}

impl Pass<'_> {
    fn record(&mut self, record: &Record) -> Result<(), Broken> {
        let position = record.position();
        if position != self.next {
            return broken(format!("position {} is followed by {position}", self.next));
        }
        if record.header.time < self.time {
            return broken(format!("time goes back at {position}"));
        }
        (self.next, self.time) = (position.next(), record.header.time);
        let mut bytes = Vec::new();
        record.header.encode(&mut bytes);
        self.frontier.push(leaf_hash(&bytes), |_, _| {});
        if let Some(head) = self.roots.get(&self.next.0)
            && head.root != self.frontier.root()
        {
            return broken(format!("the checkpoint of {} records has another root", self.next));
        }
        match record.header.kind {
            RecordKind::Command => self.command(record),
            RecordKind::Name | RecordKind::Actor | RecordKind::Credential => {
                let Definitions { namespace, first, names } =
                    system::body(record.body(BodyClass::Text))
                        .map_err(|error| Broken(format!("names at {position}: {error}")))?;
                let numbered = (first..).zip(names);
                let named = numbered.map(|(number, name)| ((namespace.clone(), number), name));
                self.names.extend(named);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn name(&self, namespace: &str, number: u32) -> Result<&str, Broken> {
        match self.names.get(&(namespace.to_owned(), number)) {
            Some(name) => Ok(name),
            None => broken(format!("{namespace} {number} has no name")),
        }
    }

    fn command(&mut self, record: &Record) -> Result<(), Broken> {
        let position = record.position();
        let name = self.name("actor", record.header.actor)?;
        let client = name.strip_prefix("client-").and_then(|client| client.parse().ok());
        let Some(client) = client else { return broken(format!("who is {name}?")) };
        let id = match record.header.command_id {
            StoredCommandId::Unique(bytes) => CommandId::unique(bytes).expect("a UUIDv7"),
            StoredCommandId::Numbered { source, number } => {
                CommandId::Numbered { source: self.name("source", source)?.to_owned(), number }
            }
            StoredCommandId::None => return broken(format!("{position} has no command id")),
        };
        let unreadable = |error| Broken(format!("the outcome at {position}: {error}"));
        let reply = reply_of(record).map_err(unreadable)?;
        let body = |class| record.body(class).unwrap_or_default();
        let contents = (body(BodyClass::Arguments), body(BodyClass::PersonalArguments));
        let (number, wish) = self.oracle.recorded(client, &id, contents, &reply)?;
        if let Some(before) = self.found.insert(number, position) {
            return broken(format!("command {number} is recorded at {before} and at {position}"));
        }
        let expected = self.model.decide(wish, actor(client).as_str());
        let body = body(BodyClass::Outcome);
        let agrees = match (&expected, record.header.outcome) {
            (Expected::Accepted(answer), Outcome::Accepted) => body.ends_with(answer),
            (Expected::Refused(refusal), Outcome::Refused) => body == refusal.as_slice(),
            (Expected::Bug, Outcome::Bug) => true,
            _ => false,
        };
        if !agrees {
            return broken(format!(
                "{position}: {wish:?} must have come to {expected:?}, and is {reply:?}"
            ));
        }
        Ok(())
    }
}

/// The published state is the fold of all records, and the fold of their changes.
pub(crate) fn judge_state(reader: &Reader, published: &Atom<Larder>) -> Result<(), Broken> {
    let folded = refold::<Larder>(reader, &mut |_, _| {})
        .map_err(|error| Broken(format!("the records cannot be folded: {error:?}")))?;
    if folded.atom.position != published.position || folded.atom.time != published.time {
        return broken(format!(
            "the records end at {}, the published state at {}",
            folded.atom.position, published.position
        ));
    }
    same_state(published.state(), folded.atom.state())
        .map_err(|differs| Broken(format!("the published state is not the fold: {differs}")))
}

/// Every checkpoint ever handed out is the beginning of the tree as it is now.
pub(crate) fn judge_checkpoints(reader: &Reader, heads: &[TreeHead]) -> Result<(), Broken> {
    let unreadable = |error: ReadError| Broken(format!("the tree cannot be read: {error:?}"));
    let now = reader.tree_head().map_err(unreadable)?;
    let mut tree = TreeReader::open(reader).map_err(unreadable)?;
    let mut sizes = BTreeSet::new();
    for old in heads.iter().filter(|head| sizes.insert(head.size)) {
        if old.size > now.size {
            return broken(format!("a checkpoint has {} records, the tree {}", old.size, now.size));
        }
        let proof = tree.consistency(old.size, now.size).map_err(unreadable)?;
        check_consistency(*old, now, &proof).map_err(|error| {
            Broken(format!("the checkpoint of {} records is not consistent: {error}", old.size))
        })?;
    }
    Ok(())
}
