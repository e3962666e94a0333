// A type of one's own needs `#[value]`; serde alone does not do.

extern crate deeds_engine as deeds;

use deeds::prelude::*;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Label {
    pub text: String,
}

/// Put a label on.
#[command]
pub struct PutLabelOn {
    pub label: Label,
}

fn main() {}
