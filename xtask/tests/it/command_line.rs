//! Help and mistakes: exit code 0 with help, 2 with a suggestion.

use std::process::{Command, Output};

fn xtask(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).args(arguments).output().expect("xtask was built")
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_verb_has_help_and_help_names_every_verb() {
    let overview = words(&xtask(&["--help"]).stdout);
    for verb in ["demo", "test", "tidy", "ci", "bench", "saturday"] {
        assert!(overview.contains(&format!("  {verb} ")), "{overview}");
        let help = xtask(&[verb, "--help"]);
        assert_eq!(help.status.code(), Some(0));
        assert!(words(&help.stdout).contains(&format!("cargo xtask {verb}")));
        assert_eq!(xtask(&["help", verb]).stdout, help.stdout);
    }
}

#[test]
fn a_mistake_ends_with_code_2_and_says_what_was_probably_meant() {
    for (arguments, says) in [
        (&["tset"][..], "unknown verb `tset`; did you mean `test`?"),
        (&["tidy", "--shrnk"][..], "did you mean `--shrink`?"),
        (&["test", "--only", "clipy"][..], "unknown step `clipy`; did you mean `clippy`?"),
        (&["test", "--only"][..], "--only needs a step"),
        (&["ci", "now"][..], "unknown argument `now`"),
        (&["demo", "--port", "many"][..], "`many` is no port"),
        (&["saturday", "--factor", "0"][..], "`0` is no number from 1 to 1000"),
    ] {
        let output = xtask(arguments);
        let error = words(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(says), "{arguments:?}: {error}");
    }
}
