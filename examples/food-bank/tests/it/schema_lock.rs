//! What is written into the chronicle today can be read for ever: `schema.lock` holds its shape, and
//! a change to it is seen in review.

use food_bank::FoodBank;

#[test]
fn stored_types_are_as_the_committed_lock_says() {
    deeds::schema_lock_matches::<FoodBank>("schema.lock").unwrap();
}
