//! The bytes of format 0: a tiny chronicle, byte for byte as `tests/golden/format-0.txt` has it,
//! which `docs/format.md` explains. A change here is a change of the format.

use deeds_chronicle::{Reader, verify};
use deeds_sim::ModelDisk;
use deeds_values::Position;

use crate::histories::{append, assert_as_drafted, create, small_segments};

const GOLDEN: &str = include_str!("../golden/format-0.txt");

fn written() -> ModelDisk {
    let disk = ModelDisk::new();
    let mut writer = create(&disk.as_disk(), small_segments(700));
    append(&mut writer, 2);
    append(&mut writer, 1);
    writer.close().unwrap();
    disk
}

/// Each file as its path and lines of 32 bytes in hexadecimal.
fn spell(disk: &ModelDisk) -> String {
    let mut text = String::new();
    for (path, _) in disk.files() {
        text += &format!("{path}\n");
        for line in disk.bytes(&path).chunks(32) {
            let hex: String = line.iter().map(|byte| format!("{byte:02x}")).collect();
            text += &format!("  {hex}\n");
        }
    }
    text
}

/// The disk that a text spells.
fn unspell(text: &str) -> ModelDisk {
    let disk = ModelDisk::new();
    let shared = disk.as_disk();
    for directory in ["", "head", "log", "bodies", "tiles", "torn"] {
        shared.create_dir(directory).unwrap();
    }
    let mut path = "";
    for line in text.lines() {
        match line.strip_prefix("  ") {
            None => {
                path = line;
                shared.create_new(path).unwrap();
            }
            Some(hex) => disk.tamper(path, |bytes| {
                let digits = hex.as_bytes().chunks(2);
                let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16);
                bytes.extend(digits.map(|pair| byte(pair).unwrap()));
            }),
        }
    }
    disk
}

#[test]
fn the_bytes_of_format_0_are_what_they_were() {
    let spelt = spell(&written());
    assert!(spelt == GOLDEN, "format 0 is now:\n{spelt}");
}

#[test]
fn a_chronicle_of_format_0_opens() {
    let disk = unspell(GOLDEN);
    let verified = verify(disk.as_disk(), &mut |_| {}).unwrap();
    assert_eq!(verified.end, Position(4));
    let reader = Reader::open(disk.as_disk()).unwrap();
    let records: Vec<_> = reader.stream(Position(0)).collect::<Result<_, _>>().unwrap();
    assert_as_drafted(&records);
}
