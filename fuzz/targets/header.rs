//! Arbitrary bytes as record headers.
#![no_main]

#[path = "../../crates/chronicle/tests/it/arbitrary.rs"]
mod arbitrary;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| arbitrary::header(bytes));
