//! What is written into the chronicle today can be read for ever: `schema.lock` holds its shape, and
//! a change to it is seen in review.

use deeds::schema::SchemaLock;
use food_bank::FoodBank;

#[test]
fn stored_types_are_as_the_committed_lock_says() {
    let committed = include_str!("../../schema.lock");
    let committed: SchemaLock = serde_json::from_str(committed).expect("the lock is JSON");
    let differences = committed.differences(&SchemaLock::of::<FoodBank>());
    assert!(
        differences.is_empty(),
        "{differences:#?}\nIf this is meant, write the lock anew: food-bank schema --lock"
    );
}
