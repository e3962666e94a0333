//! The model disk where nothing protects from it.

use deeds_chronicle::Disk;
use deeds_sim::{Faults, ModelDisk, Operation, PowerLoss};

fn written(disk: &ModelDisk, path: &str, writes: &[(u64, &[u8])]) {
    disk.create_dir("").unwrap();
    let file = disk.create_new(path).unwrap();
    for (at, bytes) in writes {
        file.write_at(bytes, *at).unwrap();
    }
    file.sync().unwrap();
    disk.sync_dir("").unwrap();
}

#[test]
fn a_misdirected_write_leaves_its_own_place_as_it_was() {
    let disk = ModelDisk::new();
    written(&disk, "a", &[(0, b"one"), (3, b"two")]);
    written(&disk, "b", &[(0, b"other bytes")]);
    assert_eq!(disk.misdirect(1, Some(("b", 6))), Some(("a".to_owned(), 3)));
    assert_eq!(disk.bytes("a"), b"one\0\0\0");
    assert_eq!(disk.bytes("b"), b"other twoes");
}

#[test]
fn a_write_that_was_overwritten_cannot_be_lost_any_more() {
    let disk = ModelDisk::new();
    written(&disk, "a", &[(0, b"first"), (2, b"x")]);
    assert_eq!(disk.misdirect(1, None), None);
    assert_eq!(disk.misdirect(0, None), Some(("a".to_owned(), 2)));
    assert_eq!(disk.bytes("a"), b"first");
}

#[test]
fn a_dying_disk_fails_every_sync_from_then_on() {
    let disk = ModelDisk::new();
    written(&disk, "a", &[(0, b"kept")]);
    disk.change_faults(|faults, next| faults.syncs_fail_from = Some(next + 1));
    let file = disk.open_write("a").unwrap();
    file.write_at(b"lost", 0).unwrap();
    assert!(file.sync().is_err() && file.sync().is_err() && disk.sync_dir("").is_err());
    assert_eq!(disk.reboot(PowerLoss::Lost).bytes("a"), b"kept");
}

#[test]
fn the_power_goes_at_the_boundary_that_was_chosen() {
    let disk = ModelDisk::new();
    written(&disk, "a", &[]);
    disk.set_faults(Faults { crash_on: Some((Operation::Rename, 1)), ..Faults::default() });
    disk.rename("a", "b").unwrap();
    assert!(disk.rename("b", "c").is_err() && disk.has_crashed());
    let cut = disk.cut().unwrap();
    assert_eq!((cut.operation, cut.path.as_str()), (Operation::Rename, "b"));
    assert_eq!(disk.reboot(PowerLoss::Kept).bytes("b"), b"");
}

#[test]
fn names_that_were_not_synced_may_be_stale_in_any_way_but_never_half() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let disk = ModelDisk::new();
        written(&disk, "a", &[(0, b"bytes")]);
        disk.rename("a", "b").unwrap();
        let after = disk.reboot(PowerLoss::Reordered { seed });
        let names: Vec<String> = after.files().into_iter().map(|(path, _)| path).collect();
        names.iter().for_each(|name| assert_eq!(after.bytes(name), b"bytes"));
        seen.insert(names.join(" "));
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["a", "a b", "b"]);
}
