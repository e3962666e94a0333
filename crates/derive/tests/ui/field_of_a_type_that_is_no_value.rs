// A type of one's own needs `#[value]`.

extern crate deeds_engine as deeds;

use deeds::prelude::*;

#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    pub text: String,
}

/// Put a label on.
#[command]
pub struct PutLabelOn {
    pub label: Label,
}

fn main() {}
