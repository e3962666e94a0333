//! Rows: what a table holds, its key, its indexes and its references.

use std::any::TypeId;

use deeds_values::{Key, KeyBytes};
use schemars::{Schema, SchemaGenerator};

use crate::actor::Audience;
use crate::indexes::Split;

/// A row of a table. Implemented by `#[row(key = …)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a row",
    note = "put `#[row(key = ...)]` above the struct"
)]
pub trait Row:
    Audience + Clone + serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static
{
    /// The type of the key: a field's, or a tuple of fields' types.
    type Key: Key;

    /// The type's own name.
    const NAME: &'static str;
    /// The doc comment.
    const DOC: &'static str;
    /// The indexes, in the order of their declaration; the reads generated for an index know its
    /// place in this list.
    const INDEXES: &'static [IndexSpec<Self>];
    /// The fields that hold the key of another table's row.
    const REFERENCES: &'static [ReferenceSpec<Self>];

    /// Appends the bytes of the row's key.
    fn encode_key(&self, out: &mut KeyBytes);

    /// The JSON Schema of the row.
    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

/// One index of a row type.
pub struct IndexSpec<R> {
    /// The fields joined by `_`: the reads are `by_<name>`.
    pub name: &'static str,
    /// Whether no two rows have the same value.
    pub unique: bool,
    /// Whether the row has a value, or one of the fields is none. A unique index takes any number
    /// of rows without a value.
    pub has_value: fn(&R) -> bool,
    /// Whether two rows have the same value.
    pub same: fn(&R, &R) -> bool,
    /// Appends the bytes of the indexed value.
    pub encode: fn(&R, &mut KeyBytes),
}

impl<R> IndexSpec<R> {
    /// The row's entry, and where its key starts in it.
    pub(crate) fn entry(&self, row: &R, key: &[u8]) -> (KeyBytes, Split) {
        let mut bytes = KeyBytes::new();
        (self.encode)(row, &mut bytes);
        let split = Split::try_from(bytes.len()).expect("an indexed value is far below 4 GiB");
        bytes.extend_from_slice(key);
        (bytes, split)
    }
}

/// One reference of a row type to another.
pub struct ReferenceSpec<R> {
    /// The field.
    pub field: &'static str,
    /// The row type referred to.
    pub target: fn() -> TypeId,
    /// Appends the bytes of the key referred to; false when the field holds none.
    pub encode: fn(&R, &mut KeyBytes) -> bool,
    /// Whether the field is an option: its index entries have the option's mark before the key.
    pub optional: bool,
    /// The place in [`Row::INDEXES`] of an index that starts with this field, used to find who
    /// refers to a row that is removed.
    pub index: usize,
}
