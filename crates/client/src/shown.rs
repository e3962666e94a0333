//! What a subscription shows: rows that are kept in their order, or a value.

use std::collections::BTreeMap;

use deeds_values::Position;
use serde_json::Value;

use crate::error::Error;
use crate::message::SubTick;

/// What a subscription shows at the position of its client.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Shown {
    /// Its first result has not come.
    #[default]
    Nothing,
    /// The rows of a row query.
    Rows(Rows),
    /// The answer of a value query.
    Value {
        /// Where it was read: at the client's position, or before.
        at: Position,
        /// The answer.
        value: Value,
    },
    /// It has ended.
    Failed(Error),
}

/// Rows in the order of their query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// Each row by its place.
    places: BTreeMap<Place, Value>,
    /// The order of each key.
    orders: BTreeMap<String, String>,
}

/// Where a row stands: by its order, or by its key where it has none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    by: String,
    key: String,
}

impl Place {
    fn of(key: &str, order: &str) -> Self {
        let by = if order.is_empty() { key } else { order };
        Self { by: by.to_owned(), key: key.to_owned() }
    }
}

impl Rows {
    /// The keys and rows in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.places.iter().map(|(place, row)| (place.key.as_str(), row))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The row of a key.
    pub fn by_key(&self, key: &str) -> Option<&Value> {
        self.places.get(&Place::of(key, self.orders.get(key)?))
    }

    fn put(&mut self, key: String, order: String, row: Value) {
        self.remove(&key);
        self.places.insert(Place::of(&key, &order), row);
        self.orders.insert(key, order);
        assert_eq!(self.places.len(), self.orders.len(), "every key has one place");
    }

    fn remove(&mut self, key: &str) {
        if let Some(order) = self.orders.remove(key) {
            let gone = self.places.remove(&Place::of(key, &order));
            assert!(gone.is_some(), "every key has its place");
        }
    }
}

impl Shown {
    /// Shows what a tick brings; false if that does not go with what is shown.
    #[must_use]
    pub(crate) fn apply(&mut self, tick: SubTick) -> bool {
        let SubTick { sub: _, reset, put, del, at, value } = tick;
        if let Some(at) = at {
            *self = Self::Value { at, value };
            return true;
        }
        if reset {
            *self = Self::Rows(Rows::default());
        }
        let Self::Rows(rows) = self else { return false };
        for (key, order, row) in put {
            rows.put(key, order, row);
        }
        for key in del {
            rows.remove(&key);
        }
        true
    }
}
