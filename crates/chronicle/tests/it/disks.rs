//! The contract of `Disk`, for the real disk and the model alike; and what only the model can show:
//! the fate of what was not synced.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::Arc;

use deeds_chronicle::disk::{Disk, LockError, read_full_at};
use deeds_chronicle::{DiskFile, RealDisk};
use deeds_sim::{Faults, ModelDisk, PowerLoss};

/// Runs a test on the real disk, in a directory that is removed afterwards, and on the model.
pub(crate) fn on_both_disks(test: impl Fn(Arc<dyn Disk>)) {
    let directory = tempfile::tempdir().unwrap();
    test(Arc::new(RealDisk::new(directory.path().join("data"))));
    test(ModelDisk::new().as_disk());
}

fn contents(file: &dyn DiskFile) -> Vec<u8> {
    let mut bytes = vec![0; 100];
    let count = read_full_at(file, &mut bytes, 0).unwrap();
    bytes.truncate(count);
    bytes
}

fn kind_of<T>(result: std::io::Result<T>) -> ErrorKind {
    result.err().map(|error| error.kind()).expect("an error")
}

#[test]
fn both_disks_do_the_same() {
    on_both_disks(|disk| {
        assert_eq!(kind_of(disk.list("")), ErrorKind::NotFound);
        for _ in 0..2 {
            disk.create_dir("").unwrap();
            disk.create_dir("a").unwrap();
        }
        assert_eq!(kind_of(disk.list("b")), ErrorKind::NotFound);
        assert_eq!(kind_of(disk.create_new("b/x")), ErrorKind::NotFound);
        assert_eq!(kind_of(disk.open_read("a/x")), ErrorKind::NotFound);
        assert_eq!(kind_of(disk.open_write("a/x")), ErrorKind::NotFound);
        assert_eq!(kind_of(disk.remove("a/x")), ErrorKind::NotFound);
        assert_eq!(kind_of(disk.rename("a/x", "a/y")), ErrorKind::NotFound);

        let file = disk.create_new("a/x").unwrap();
        assert_eq!(kind_of(disk.create_new("a/x")), ErrorKind::AlreadyExists);
        assert!(file.is_empty().unwrap());
        file.write_at(b"hello", 2).unwrap();
        file.sync().unwrap();
        assert_eq!((file.len().unwrap(), contents(file.as_ref())), (7, b"\0\0hello".to_vec()));
        assert_eq!(file.read_at(&mut [0; 9], 7).unwrap(), 0);
        assert_eq!(file.read_at(&mut [0; 9], 900).unwrap(), 0);
        disk.open_write("a/x").unwrap().write_at(b"J", 2).unwrap();
        assert_eq!(contents(disk.open_read("a/x").unwrap().as_ref()), b"\0\0Jello");

        disk.create_new("a/z").unwrap().write_at(b"z", 0).unwrap();
        disk.create_new("top").unwrap();
        assert_eq!(disk.list("a").unwrap(), ["x", "z"]);
        assert_eq!(disk.list("").unwrap(), ["top"], "files, not directories");
        disk.rename("a/z", "a/x").unwrap();
        assert_eq!(disk.list("a").unwrap(), ["x"]);
        assert_eq!(contents(disk.open_read("a/x").unwrap().as_ref()), b"z");
        assert_eq!(contents(file.as_ref()), b"\0\0Jello", "an open file outlives its name");
        disk.remove("a/x").unwrap();
        disk.sync_dir("a").unwrap();
        disk.sync_dir("").unwrap();
        assert!(disk.list("a").unwrap().is_empty());

        let held = disk.lock().unwrap();
        assert!(matches!(disk.lock(), Err(LockError::Held)));
        drop(held);
        disk.lock().unwrap();
    });
}

/// A model disk with one file, synced, and its name too.
fn with_file(bytes: &[u8]) -> (ModelDisk, Box<dyn DiskFile>) {
    let disk = ModelDisk::new();
    disk.create_dir("").unwrap();
    disk.create_dir("a").unwrap();
    let file = disk.create_new("a/x").unwrap();
    file.write_at(bytes, 0).unwrap();
    file.sync().unwrap();
    disk.sync_dir("a").unwrap();
    disk.sync_dir("").unwrap();
    (disk, file)
}

#[test]
fn a_power_loss_takes_only_what_was_not_synced() {
    let (disk, file) = with_file(&[1; 2_000]);
    file.write_at(&[2; 1_500], 1_000).unwrap();
    for seed in 0..50 {
        for loss in PowerLoss::kinds(seed) {
            let bytes = disk.reboot(loss).bytes("a/x");
            assert!(bytes[..1_000] == [1; 1_000], "nothing wrote there: {loss:?}");
            assert!(bytes.len() >= 2_000, "what was synced is not cut: {loss:?}");
            assert!(bytes[..2_000].iter().all(|byte| [1, 2].contains(byte)), "{loss:?}");
        }
    }
    assert_eq!(disk.reboot(PowerLoss::Lost).bytes("a/x"), [1; 2_000]);
    assert_eq!(disk.reboot(PowerLoss::Kept).bytes("a/x").len(), 2_500);
    let outcomes: BTreeSet<_> =
        (0..50).map(|seed| disk.reboot(PowerLoss::Sectors { seed }).bytes("a/x")).collect();
    assert!(outcomes.len() > 5, "sectors fall differently");
    file.sync().unwrap();
    assert_eq!(disk.reboot(PowerLoss::Lost).bytes("a/x").len(), 2_500);
}

#[test]
fn names_last_once_their_directory_was_synced() {
    let (disk, _file) = with_file(b"x");
    let listed = |loss| disk.reboot(loss).list("a").unwrap();
    disk.create_new("a/y").unwrap();
    assert_eq!((listed(PowerLoss::Lost).len(), listed(PowerLoss::Kept).len()), (1, 2));
    disk.rename("a/y", "a/z").unwrap();
    disk.remove("a/x").unwrap();
    let names: BTreeSet<_> = (0..60).map(|seed| listed(PowerLoss::Sectors { seed })).collect();
    let names: Vec<_> = names.iter().map(|names| names.join(" ")).collect();
    assert_eq!(names, ["x", "x y", "x z", "z"], "in order, and a rename is whole");
    disk.sync_dir("a").unwrap();
    assert_eq!(listed(PowerLoss::Lost), ["z"]);
    disk.create_dir("b").unwrap();
    assert!(disk.reboot(PowerLoss::Lost).list("b").is_err());
    disk.sync_dir("").unwrap();
    assert!(disk.reboot(PowerLoss::Lost).list("b").is_ok());
}

#[test]
fn after_a_failed_sync_a_good_one_saves_only_what_is_written_again() {
    let (disk, file) = with_file(b"....");
    disk.set_faults(Faults { fail: BTreeSet::from([1]), ..Faults::default() });
    file.write_at(b"abcd", 0).unwrap();
    file.sync().unwrap_err();
    file.sync().unwrap();
    assert_eq!(contents(file.as_ref()), b"abcd", "the process sees what it wrote");
    assert_eq!(disk.reboot(PowerLoss::Lost).bytes("a/x"), b"....");
    file.write_at(b"BC", 1).unwrap();
    file.sync().unwrap();
    assert_eq!(disk.reboot(PowerLoss::Lost).bytes("a/x"), b".BC.");
    assert_eq!(disk.reboot(PowerLoss::Kept).bytes("a/x"), b"aBCd");
}

#[test]
fn faults_come_when_they_are_asked_for() {
    let (disk, file) = with_file(b"");
    disk.set_faults(Faults { space_bytes: Some(10), ..Faults::default() });
    file.write_at(&[7; 8], 0).unwrap();
    assert_eq!(kind_of(file.write_at(&[8; 8], 8)), ErrorKind::StorageFull);
    assert_eq!(file.len().unwrap(), 10, "as much as there was room for");
    disk.set_faults(Faults { read_bytes_max: Some(3), ..Faults::default() });
    assert_eq!(file.read_at(&mut [0; 8], 0).unwrap(), 3);
    disk.set_faults(Faults { crash_at: Some(1), ..Faults::default() });
    file.write_at(b"last", 0).unwrap();
    file.sync().unwrap_err();
    assert!(disk.has_crashed());
    assert!(file.read_at(&mut [0; 1], 0).is_err() && disk.list("a").is_err());
}
