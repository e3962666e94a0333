//! The board as plain maps, following from the entries of a chronicle as JSON: nothing here runs code
//! of the app, of the engine or of the server.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deeds_pipeline::host::Host;
use deeds_values::{Lineage, Position};
use serde_json::{Value, json};

/// The queries of the board.
pub(crate) const QUERIES: [&str; 7] =
    ["Public", "Seen", "Mine", "Heaviest", "All", "Total", "Superstitious"];

/// What somebody should see.
#[derive(Debug, PartialEq)]
pub(crate) enum Expected {
    Rows(Vec<Value>),
    Value(Value),
    Denied,
    Bug,
}

/// The board at one position.
#[derive(Clone, Default)]
struct Board {
    notes: BTreeMap<u64, Arc<Value>>,
    members: BTreeSet<String>,
}

/// A chronicle, position by position.
pub(crate) struct History {
    pub(crate) lineage: Lineage,
    boards: Vec<Board>,
    /// The id of the command at each position.
    ids: Vec<Option<String>>,
}

impl History {
    pub(crate) fn new(lineage: Lineage) -> Self {
        Self { lineage, boards: Vec::new(), ids: Vec::new() }
    }

    /// Reads on, as far as the host has published.
    pub(crate) fn follow(&mut self, host: &dyn Host) {
        let published = host.published();
        if self.last() == Some(published.0) {
            return;
        }
        assert_eq!(host.lineage(), self.lineage);
        for entry in host.records(Position(self.boards.len() as u64)) {
            let entry = entry.unwrap();
            assert_eq!(entry.position.0, self.boards.len() as u64, "positions are dense");
            let mut board = self.boards.last().cloned().unwrap_or_default();
            for event in &entry.events {
                board.apply(&event.event, &event.data, entry.actor.as_deref());
            }
            self.boards.push(board);
            self.ids.push(entry.id);
        }
        assert!(self.last() >= Some(published.0), "what is published can be read");
    }

    pub(crate) fn last(&self) -> Option<u64> {
        (self.boards.len() as u64).checked_sub(1)
    }

    pub(crate) fn id_at(&self, position: u64) -> Option<&str> {
        self.ids[position as usize].as_deref()
    }

    /// How often each command was recorded.
    pub(crate) fn times_recorded(&self) -> BTreeMap<&str, usize> {
        let mut times = BTreeMap::new();
        for id in self.ids.iter().flatten() {
            *times.entry(id.as_str()).or_default() += 1;
        }
        times
    }

    /// What this actor should see of this query at this position.
    pub(crate) fn expected(&self, position: u64, actor: &str, query: &str) -> Expected {
        self.boards[position as usize].expected(actor, query)
    }

    /// Whether a query ends for this actor at one of these positions.
    pub(crate) fn ends_within(&self, from: u64, to: u64, actor: &str, query: &str) -> bool {
        (from..=to)
            .any(|at| matches!(self.expected(at, actor, query), Expected::Denied | Expected::Bug))
    }
}

impl Board {
    fn apply(&mut self, event: &str, data: &Value, actor: Option<&str>) {
        let id = || data["id"].as_u64().unwrap();
        match event {
            "board/Written" => {
                let mut note = data.clone();
                note["owner"] = json!(actor.unwrap());
                self.notes.insert(id(), Arc::new(note));
            }
            "board/Erased" => drop(self.notes.remove(&id())),
            "board/Admitted" => {
                let who = data["who"].as_str().unwrap().to_owned();
                if data["is_member"] == true {
                    self.members.insert(who);
                } else {
                    self.members.remove(&who);
                }
            }
            other => panic!("{other}"),
        }
    }

    fn expected(&self, actor: &str, query: &str) -> Expected {
        let is_member = self.members.contains(actor);
        let owned = |note: &&Arc<Value>| note["owner"] == actor;
        let public = |note: &&Arc<Value>| note["for_everyone"] == true;
        let seen = |note: &&Arc<Value>| is_member || public(note) || owned(note);
        let weight = |note: &Value| note["weight"].as_u64().unwrap();
        let rows = |notes: Vec<&Arc<Value>>| {
            Expected::Rows(notes.into_iter().map(|note| (**note).clone()).collect())
        };
        let notes = self.notes.values();
        match query {
            "Public" => rows(notes.filter(public).collect()),
            "Seen" => rows(notes.filter(seen).collect()),
            "Mine" => rows(notes.filter(owned).collect()),
            "All" if !is_member => Expected::Denied,
            "All" => rows(notes.collect()),
            "Heaviest" => {
                let mut notes: Vec<_> = notes.filter(seen).collect();
                notes.sort_by_key(|note| std::cmp::Reverse((weight(note), note["id"].as_u64())));
                notes.truncate(3);
                rows(notes)
            }
            "Total" => {
                let weights: Vec<u64> = notes.filter(seen).map(|note| weight(note)).collect();
                let sum: u64 = weights.iter().sum();
                Expected::Value(json!({"notes": weights.len(), "weight": sum}))
            }
            "Superstitious" if notes.clone().filter(public).any(|note| weight(note) == 13) => {
                Expected::Bug
            }
            "Superstitious" => Expected::Value(json!(notes.filter(public).count())),
            other => panic!("{other}"),
        }
    }
}
