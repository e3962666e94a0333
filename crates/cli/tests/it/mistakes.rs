//! Names and places that no app can be made of: said in words, and nothing is left behind.

use std::fs;
use std::path::Path;
use std::process::Command;

fn fails(folder: &Path, arguments: &[&str], code: i32) -> String {
    let mut deeds = Command::new(env!("CARGO_BIN_EXE_deeds"));
    let output = deeds.args(arguments).current_dir(folder).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn what_is_there_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("my-app")).unwrap();
    fs::write(folder.path().join("my-app/letter"), "dear").unwrap();
    let said = fails(folder.path(), &["new", "my-app"], 1);
    assert!(said.contains("my-app is there already"), "{said}");
    assert_eq!(names_in(folder.path()), ["my-app"]);
    assert_eq!(names_in(&folder.path().join("my-app")), ["letter"]);
}

#[test]
fn a_name_or_a_place_that_cannot_be_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    for (path, code, says) in [
        ("My App", 2, "no name for an app"),
        ("fn", 2, "Rust or Deeds has use for it"),
        ("nowhere/my-app", 1, "No such file or directory"),
        ("file/my-app", 1, "Not a directory"),
    ] {
        let said = fails(folder.path(), &["new", path], code);
        assert!(said.contains(says), "{path}: {said}");
    }
    assert_eq!(names_in(folder.path()), ["file"]);
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_written_to_its_end_is_not_there_at_all() {
    let folder = tempfile::tempdir().unwrap();
    // No file may grow beyond a few kB, and the package's lock is larger: as on a full disk.
    let limited = format!("ulimit -f 8; exec {} new my-app", env!("CARGO_BIN_EXE_deeds"));
    let mut shell = Command::new("sh");
    let output = shell.args(["-c", &format!("trap '' XFSZ; {limited}")]);
    let output = output.current_dir(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("cannot write"), "{said}");
    assert!(names_in(folder.path()).is_empty(), "{:?}", names_in(folder.path()));
}

#[test]
fn a_folder_without_an_app_cannot_be_run() {
    let folder = tempfile::tempdir().unwrap();
    let said = fails(folder.path(), &["dev"], 1);
    assert!(said.contains("there is no app in"), "{said}");
    assert!(fails(folder.path(), &["dev", "--prot", "1"], 2).contains("`--prot`"));
    assert!(fails(folder.path(), &["nwe"], 2).contains("only `new` and `dev`"));
}
