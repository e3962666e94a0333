//! Ticks and what they carry, written as JSON or as MessagePack. What is shared between sockets is
//! encoded once in each form, by whoever needs it first.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use deeds_engine::select::{Item, ItemChange};
use deeds_engine::window::Pane;
use deeds_values::key::ordered_text;
use deeds_values::{KeyBytes, Position, Timestamp};

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Text.
    Json,
    /// Maps with the same names.
    MessagePack,
}

/// Changes of one row query, by key: at most one of each.
#[derive(Debug)]
pub(crate) struct Diff {
    changes: Vec<ItemChange>,
    /// About how long it is when written.
    pub(crate) bytes: usize,
    json: OnceLock<Vec<u8>>,
    packed: OnceLock<Vec<u8>>,
}

/// The answer of a value query.
#[derive(Debug)]
pub(crate) struct Value {
    /// The position it was read at.
    pub(crate) at: Position,
    /// As JSON.
    pub(crate) json: Arc<[u8]>,
    packed: OnceLock<Vec<u8>>,
}

/// What a tick says to one subscription.
#[derive(Clone, Debug)]
pub(crate) struct SubTick {
    pub(crate) sub: u32,
    pub(crate) body: Body,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// Rows; `reset` when they are all there is. `counts` of what is seen through a window.
    Rows { reset: bool, diff: Arc<Diff>, counts: Option<Counts> },
    /// The whole answer.
    Value(Arc<Value>),
}

/// How many rows a query has that is seen through a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) total: usize,
    /// Those before the window.
    pub(crate) before: usize,
}

impl Counts {
    pub(crate) fn of(pane: &Pane) -> Self {
        Self { total: pane.total, before: pane.before }
    }
}

/// The message that moves a client.
#[derive(Debug)]
pub(crate) struct Tick {
    pub(crate) from: Position,
    pub(crate) to: Position,
    pub(crate) time: Timestamp,
    pub(crate) subs: Vec<SubTick>,
}

impl Diff {
    pub(crate) fn new(changes: Vec<ItemChange>) -> Self {
        // A key and an order as text, and the punctuation.
        const AROUND: usize = 16;
        let length = |change: &ItemChange| match change {
            ItemChange::Put(item) => {
                AROUND + (item.key.len() + item.order.len()) * 4 / 3 + item.json.len()
            }
            ItemChange::Del(key) => AROUND + key.len() * 4 / 3,
        };
        let bytes = changes.iter().map(length).sum();
        Self { changes, bytes, json: OnceLock::new(), packed: OnceLock::new() }
    }

    /// All rows there are.
    pub(crate) fn whole(items: Vec<Item>) -> Self {
        Self::new(items.into_iter().map(ItemChange::Put).collect())
    }

    /// One after the other, as one: of each key the last change. After a reset nothing is left to
    /// delete.
    pub(crate) fn merged(diffs: &[Arc<Diff>], reset: bool) -> Self {
        let mut last: BTreeMap<&KeyBytes, &ItemChange> = BTreeMap::new();
        for change in diffs.iter().flat_map(|diff| &diff.changes) {
            let (ItemChange::Put(Item { key, .. }) | ItemChange::Del(key)) = change;
            last.insert(key, change);
        }
        let stays = |change: &&ItemChange| !(reset && matches!(change, ItemChange::Del(_)));
        Self::new(last.into_values().filter(stays).cloned().collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// What it says, for tests that apply it.
    #[cfg(test)]
    pub(crate) fn changes(&self) -> &[ItemChange] {
        &self.changes
    }

    fn puts(&self) -> impl Iterator<Item = &Item> + Clone {
        self.changes.iter().filter_map(|change| match change {
            ItemChange::Put(item) => Some(item),
            ItemChange::Del(_) => None,
        })
    }

    fn dels(&self) -> impl Iterator<Item = &KeyBytes> + Clone {
        self.changes.iter().filter_map(|change| match change {
            ItemChange::Put(_) => None,
            ItemChange::Del(key) => Some(key),
        })
    }

    /// `"put":[…],"del":[…]`
    fn json(&self) -> &[u8] {
        self.json.get_or_init(|| {
            let mut out = Vec::with_capacity(self.bytes + 32);
            out.extend_from_slice(b"\"put\":[");
            for (place, item) in self.puts().enumerate() {
                let comma = if place > 0 { "," } else { "" };
                let (key, order) = (ordered_text(&item.key), ordered_text(&item.order));
                out.extend_from_slice(format!("{comma}[\"{key}\",\"{order}\",").as_bytes());
                out.extend_from_slice(&item.json);
                out.push(b']');
            }
            out.extend_from_slice(b"],\"del\":[");
            for (place, key) in self.dels().enumerate() {
                let comma = if place > 0 { "," } else { "" };
                out.extend_from_slice(format!("{comma}\"{}\"", ordered_text(key)).as_bytes());
            }
            out.push(b']');
            out
        })
    }

    /// The same two pairs.
    fn packed(&self) -> &[u8] {
        self.packed.get_or_init(|| {
            let mut out = Vec::with_capacity(self.bytes + 32);
            pack::text(&mut out, "put");
            pack::list(&mut out, self.puts().count());
            for item in self.puts() {
                pack::list(&mut out, 3);
                pack::text(&mut out, &ordered_text(&item.key));
                pack::text(&mut out, &ordered_text(&item.order));
                pack::json(&mut out, &item.json);
            }
            pack::text(&mut out, "del");
            pack::list(&mut out, self.dels().count());
            self.dels().for_each(|key| pack::text(&mut out, &ordered_text(key)));
            out
        })
    }
}

impl Value {
    pub(crate) fn new(at: Position, json: Arc<[u8]>) -> Self {
        Self { at, json, packed: OnceLock::new() }
    }

    fn packed(&self) -> &[u8] {
        self.packed.get_or_init(|| {
            let mut out = Vec::with_capacity(self.json.len());
            pack::json(&mut out, &self.json);
            out
        })
    }
}

impl SubTick {
    /// About how long it is when written.
    pub(crate) fn bytes(&self) -> usize {
        match &self.body {
            Body::Rows { diff, .. } => diff.bytes,
            Body::Value(value) => value.json.len(),
        }
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{{\"sub\":{},", self.sub).as_bytes());
        match &self.body {
            Body::Rows { reset, diff, counts } => {
                if *reset {
                    out.extend_from_slice(b"\"reset\":true,");
                }
                if let Some(Counts { total, before }) = counts {
                    out.extend_from_slice(
                        format!("\"total\":{total},\"before\":{before},").as_bytes(),
                    );
                }
                out.extend_from_slice(diff.json());
            }
            Body::Value(value) => {
                out.extend_from_slice(format!("\"at\":{},\"value\":", value.at).as_bytes());
                out.extend_from_slice(&value.json);
            }
        }
        out.push(b'}');
    }

    fn pack(&self, out: &mut Vec<u8>) {
        let members = match &self.body {
            Body::Rows { reset, counts, .. } => {
                3 + usize::from(*reset) + if counts.is_some() { 2 } else { 0 }
            }
            Body::Value(_) => 3,
        };
        pack::map(out, members);
        pack::text(out, "sub");
        pack::number(out, self.sub.into());
        match &self.body {
            Body::Rows { reset, diff, counts } => {
                if *reset {
                    pack::text(out, "reset");
                    pack::yes(out);
                }
                if let Some(Counts { total, before }) = counts {
                    pack::text(out, "total");
                    pack::number(out, *total as u64);
                    pack::text(out, "before");
                    pack::number(out, *before as u64);
                }
                out.extend_from_slice(diff.packed());
            }
            Body::Value(value) => {
                pack::text(out, "at");
                pack::number(out, value.at.0);
                pack::text(out, "value");
                out.extend_from_slice(value.packed());
            }
        }
    }
}

impl Tick {
    /// Appends the message.
    pub(crate) fn write(&self, form: Form, out: &mut Vec<u8>) {
        let (from, to) = (self.from, self.to);
        match form {
            Form::Json => {
                let time = serde_json::to_string(&self.time).expect("a time is a text");
                let head = format!(
                    "{{\"type\":\"tick\",\"from\":{from},\"to\":{to},\"time\":{time},\"subs\":["
                );
                out.extend_from_slice(head.as_bytes());
                for (place, sub) in self.subs.iter().enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    sub.write_json(out);
                }
                out.extend_from_slice(b"]}");
            }
            Form::MessagePack => {
                pack::map(out, 5);
                pack::text(out, "type");
                pack::text(out, "tick");
                pack::text(out, "from");
                pack::number(out, from.0);
                pack::text(out, "to");
                pack::number(out, to.0);
                pack::text(out, "time");
                pack::text(out, &self.time.to_string());
                pack::text(out, "subs");
                pack::list(out, self.subs.len());
                self.subs.iter().for_each(|sub| sub.pack(out));
            }
        }
    }
}

/// MessagePack, a value at a time. A vector takes every byte.
pub(crate) mod pack {
    use rmp_serde::encode::write_named;

    const TAKES_ALL: &str = "a vector takes every byte";

    fn length(count: usize) -> u32 {
        u32::try_from(count).expect("messages are far below 4 GiB")
    }

    pub(crate) fn map(out: &mut Vec<u8>, pairs: usize) {
        rmp::encode::write_map_len(out, length(pairs)).expect(TAKES_ALL);
    }

    pub(crate) fn list(out: &mut Vec<u8>, items: usize) {
        rmp::encode::write_array_len(out, length(items)).expect(TAKES_ALL);
    }

    pub(crate) fn text(out: &mut Vec<u8>, text: &str) {
        rmp::encode::write_str(out, text).expect(TAKES_ALL);
    }

    pub(crate) fn number(out: &mut Vec<u8>, number: u64) {
        rmp::encode::write_uint(out, number).expect(TAKES_ALL);
    }

    pub(crate) fn yes(out: &mut Vec<u8>) {
        rmp::encode::write_bool(out, true).expect(TAKES_ALL);
    }

    /// The same value as this JSON.
    pub(crate) fn json(out: &mut Vec<u8>, json: &[u8]) {
        let value: serde_json::Value = serde_json::from_slice(json).expect("we wrote this JSON");
        write_named(out, &value).expect(TAKES_ALL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_document_is_what_is_written() {
        const DOC: &str = include_str!("../../../../docs/protocol.md");
        let example = DOC.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
        let item = Item {
            key: KeyBytes::from_slice(b"RICE"),
            order: KeyBytes::from_slice(b""),
            json: Arc::from(&br#"{"sku":"RICE","available":3}"#[..]),
        };
        let changes = vec![ItemChange::Put(item), ItemChange::Del(KeyBytes::from_slice(b"BEANS"))];
        let diff = Arc::new(Diff::new(changes));
        let rows = Body::Rows { reset: false, diff, counts: None };
        let value = Value::new(Position(4713), br#"{"orders":12}"#[..].into());
        let tick = Tick {
            from: Position(4711),
            to: Position(4713),
            time: Timestamp(1_795_237_200_000_000),
            subs: vec![
                SubTick { sub: 1, body: rows },
                SubTick { sub: 2, body: Body::Value(Arc::new(value)) },
            ],
        };
        let example: serde_json::Value = serde_json::from_str(example).unwrap();
        let mut json = Vec::new();
        tick.write(Form::Json, &mut json);
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json, example);
        let mut packed = Vec::new();
        tick.write(Form::MessagePack, &mut packed);
        let packed: serde_json::Value = rmp_serde::from_slice(&packed).unwrap();
        assert_eq!(packed, example);
    }
}
