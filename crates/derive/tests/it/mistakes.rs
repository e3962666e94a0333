//! The commonest mistakes of an author, and what the compiler says: one file each in `tests/ui`,
//! the words beside it. After a change of words: `TRYBUILD=overwrite cargo test -p deeds-derive`,
//! then read them as someone who has never seen the macro would.

use std::process::Command;

/// The compiler whose words are committed. Another's differ in what is not ours: how it shows a
/// place, which other types it lists.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn the_compiler_says_what_is_wrong_and_what_to_do() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("a compiler compiled this");
    let version = String::from_utf8_lossy(&version.stdout);
    if version.starts_with(COMPILER) {
        trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
    } else {
        println!("not compared: the committed words are those of {COMPILER}*, this is {version}");
    }
}
