//! The commonest mistakes of an author, and what the compiler says: one file each in `tests/ui`,
//! the words beside it. After a change of words: `TRYBUILD=overwrite cargo test -p deeds-derive`,
//! then read them as someone who has never seen the macro would.

#[test]
fn the_compiler_says_what_is_wrong_and_what_to_do() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
