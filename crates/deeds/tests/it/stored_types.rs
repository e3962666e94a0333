//! Which changes of a stored type still read what was written before: the table of
//! `docs/how-to/change-a-stored-type.md`, whose code this is.

use deeds::prelude::*;
use deeds_engine::recorded::Recorded;

/// As the first records have it.
mod first {
    use super::*;

    /// Tins arrived.
    #[event]
    pub(crate) struct Stocked {
        pub(crate) name: String,
        pub(crate) count: u32,
        pub(crate) kind: Kind,
    }

    #[value]
    pub(crate) enum Kind {
        Soup,
        Fruit,
    }
}

mod one_field_more {
    use super::first::Kind;
    use super::*;

    #[event]
    pub(crate) struct Stocked {
        pub(crate) name: String,
        pub(crate) count: u32,
        pub(crate) kind: Kind,
        /// None in records from before we had shelves.
        pub(crate) shelf: Option<String>,
        /// Empty in those from before labels.
        #[serde(default)]
        pub(crate) labels: Vec<String>,
    }
}

mod field_renamed {
    use super::first::Kind;
    use super::*;

    #[event]
    pub(crate) struct Stocked {
        #[serde(alias = "name")]
        pub(crate) product: String,
        pub(crate) count: u32,
        pub(crate) kind: Kind,
    }
}

mod renamed {
    use super::first::Kind;
    use super::*;

    #[event(alias = "Stocked")]
    pub(crate) struct TinsArrived {
        pub(crate) name: String,
        pub(crate) count: u32,
        pub(crate) kind: Kind,
    }
}

mod types_of_their_own {
    use super::*;

    #[event]
    pub(crate) struct Stocked {
        pub(crate) name: ProductName,
        pub(crate) count: Count,
        pub(crate) kind: Kind,
    }

    #[value]
    pub(crate) struct ProductName(String);

    #[value]
    pub(crate) struct Count(u64);

    #[value]
    pub(crate) enum Kind {
        Soup,
        Fruit,
        Fish,
    }
}

mod one_field_less {
    use super::*;

    #[event]
    pub(crate) struct Stocked {
        pub(crate) name: String,
        pub(crate) count: u32,
    }
}

mod one_field_must_be_there {
    use super::first::Kind;
    use super::*;

    #[event]
    pub(crate) struct Stocked {
        pub(crate) name: String,
        pub(crate) count: u32,
        pub(crate) kind: Kind,
        pub(crate) shelf: String,
    }
}

/// Three tins of soup as they were written first, read by the type of today.
fn reads<E: Recorded>() -> Result<E, String> {
    let stocked = first::Stocked { name: "soup".to_owned(), count: 3, kind: first::Kind::Soup };
    let (mut plain, mut personal) = (Vec::new(), Vec::new());
    stocked.encode(&mut plain, &mut personal);
    E::decode(&mut plain.as_slice(), None).map_err(|error| error.to_string())
}

#[test]
fn a_field_that_may_be_absent_is_no_change_to_the_past() {
    let read: one_field_more::Stocked = reads().unwrap();
    assert_eq!((read.shelf, read.labels.len(), read.count), (None, 0, 3));
    assert_eq!((read.name.as_str(), read.kind), ("soup", first::Kind::Soup));
}

#[test]
fn a_field_with_another_name_is_found_by_its_alias() {
    let read: field_renamed::Stocked = reads().unwrap();
    assert_eq!((read.product.as_str(), read.count, read.kind), ("soup", 3, first::Kind::Soup));
}

#[test]
fn an_event_with_another_name_knows_its_old_one() {
    assert_eq!(renamed::TinsArrived::ALIASES, ["Stocked"]);
    let read: renamed::TinsArrived = reads().unwrap();
    assert_eq!((read.name.as_str(), read.count, read.kind), ("soup", 3, first::Kind::Soup));
}

#[test]
fn wrapped_values_wider_numbers_and_more_variants_read_the_old_ones() {
    use types_of_their_own::{Count, ProductName};
    let read: types_of_their_own::Stocked = reads().unwrap();
    assert_eq!(read.name, ProductName::from("soup".to_owned()));
    assert_eq!(read.count, Count::from(3));
    assert_eq!(read.kind, types_of_their_own::Kind::Soup);
    assert_ne!(types_of_their_own::Kind::Fruit, types_of_their_own::Kind::Fish);
}

#[test]
fn a_field_that_is_gone_or_must_be_there_cannot_be_read() {
    let gone = reads::<one_field_less::Stocked>().unwrap_err();
    assert!(gone.contains("unknown field `kind`"), "{gone}");
    let missing = reads::<one_field_must_be_there::Stocked>().unwrap_err();
    assert!(missing.contains("missing field `shelf`"), "{missing}");
}
