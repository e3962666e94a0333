//! Arbitrary bytes as frames behind the end of a chronicle, all of whose checksums hold.
#![no_main]

#[path = "../../crates/chronicle/tests/it/arbitrary.rs"]
mod arbitrary;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| arbitrary::opening(bytes));
