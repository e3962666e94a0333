//! The page is compiled against what the code says.

use std::process::Command;

#[test]
fn the_types_of_the_page_are_what_the_code_says() {
    let mut check = Command::new(env!("CARGO_BIN_EXE_todo"));
    check.args(["codegen", "typescript", "--check", "--out", "web/src/deeds-api.ts"]);
    let output = check.output().expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
