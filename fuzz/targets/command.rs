//! Arbitrary bytes as a line of a batch, and as the JSON of every command of the food bank.
#![no_main]

#[path = "../../crates/server/tests/it/arbitrary.rs"]
mod arbitrary;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| arbitrary::command::<food_bank::FoodBank>(bytes));
