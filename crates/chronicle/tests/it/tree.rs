//! The tree against RFC 6962, written down a second time as the RFC says it, and its test vectors;
//! and the tile files against both.

use std::sync::Arc;

use deeds_chronicle::merkle::{Frontier, Hash};
use deeds_chronicle::record::leaf_hash;
use deeds_chronicle::{Disk, Writer, verify};
use deeds_sim::{Faults, ModelDisk, PowerLoss};
use deeds_values::Position;
use sha2::{Digest, Sha256};

use crate::histories::{append, create, options, small_segments};

/// MTH of RFC 6962 §2.1.
fn tree_hash(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash(Sha256::digest([]).into()),
        [leaf] => *leaf,
        _ => {
            let split = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(split);
            let (left, right) = (tree_hash(left), tree_hash(right));
            let node = Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0);
            Hash(node.finalize().into())
        }
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

#[test]
fn the_roots_are_those_of_the_rfc_6962_test_vectors() {
    let leaves = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut frontier = Frontier::default();
    assert_eq!(frontier.root().to_string(), roots[0]);
    for (leaf, root) in leaves.iter().zip(&roots[1..]) {
        frontier.push(leaf_hash(&hex(leaf)), |_, _| {});
        assert_eq!(frontier.root().to_string(), *root);
    }
}

#[test]
fn the_root_of_every_size_is_the_recursion_of_the_rfc() {
    let leaves: Vec<Hash> = (0..600_u32).map(|n| leaf_hash(&n.to_le_bytes())).collect();
    let mut frontier = Frontier::default();
    for (size, leaf) in leaves.iter().enumerate() {
        assert_eq!(frontier.root(), tree_hash(&leaves[..size]), "size {size}");
        frontier.push(*leaf, |height, hash| {
            let start = size + 1 - (1 << height);
            assert_eq!(hash, tree_hash(&leaves[start..=size]), "height {height}");
        });
    }
}

/// The leaves as the chronicle's headers give them.
fn leaves(disk: &Arc<dyn Disk>) -> Vec<Hash> {
    let reader = deeds_chronicle::Reader::open(disk.clone()).unwrap();
    let leaf = |record: Result<deeds_chronicle::Record, _>| {
        let mut bytes = Vec::new();
        record.unwrap().header.encode(&mut bytes);
        leaf_hash(&bytes)
    };
    reader.stream(Position(0)).map(leaf).collect()
}

fn assert_tiles(disk: &ModelDisk, leaves: &[Hash]) {
    let level = |subtree: usize| -> Vec<u8> {
        leaves.chunks_exact(subtree).flat_map(|leaves| tree_hash(leaves).0).collect()
    };
    assert!(disk.bytes("tiles/0") == level(1), "the leaves");
    assert!(disk.bytes("tiles/1") == level(256), "the roots of full tiles");
    assert_eq!(disk.files().iter().filter(|(path, _)| path.starts_with("tiles/")).count(), 2);
}

#[test]
fn the_tiles_are_the_hashes_of_the_tree() {
    let disk = ModelDisk::new();
    let mut writer = create(&disk.as_disk(), small_segments(60_000));
    for count in [100, 155, 1, 300, 7, 256, 500] {
        append(&mut writer, count);
    }
    let root = writer.root();
    writer.close().unwrap();
    let leaves = leaves(&disk.as_disk());
    assert_eq!((leaves.len(), tree_hash(&leaves)), (1320, root));
    assert_tiles(&disk, &leaves);
    verify(disk.as_disk(), &mut |_| {}).unwrap();
}

#[test]
fn tiles_that_are_missing_short_long_or_wrong_at_the_edge_are_written_anew() {
    let disk = ModelDisk::new();
    let mut writer = create(&disk.as_disk(), small_segments(60_000));
    for _ in 0..7 {
        append(&mut writer, 150);
    }
    writer.close().unwrap();
    let leaves = leaves(&disk.as_disk());
    let edge = |bytes: &mut Vec<u8>| bytes[700 * 32] ^= 1;
    let harms: [(&str, fn(&mut Vec<u8>)); 4] = [
        ("tiles/0", |bytes| bytes.truncate(40)),
        ("tiles/0", |bytes| bytes.extend([0; 32])),
        ("tiles/1", |bytes| bytes.clear()),
        ("tiles/1", |bytes| bytes[3] ^= 1),
    ];
    for (path, harm) in harms {
        let harmed = disk.copy();
        harmed.tamper(path, harm);
        let (writer, recovered) = Writer::open(harmed.as_disk(), options()).unwrap();
        assert!(recovered.tiles_rebuilt, "{path}");
        writer.close().unwrap();
        assert_tiles(&harmed, &leaves);
    }
    let harmed = disk.copy();
    harmed.tamper("tiles/0", edge);
    verify(harmed.as_disk(), &mut |_| {}).unwrap_err();
}

/// Tiles are not synced with the frames: whatever a crash leaves of them is made good.
#[test]
fn after_any_crash_the_tiles_are_whole_again() {
    for crash_at in 0.. {
        let disk = ModelDisk::with_faults(Faults { crash_at: Some(crash_at), ..Faults::default() });
        let shared = disk.as_disk();
        let options = || small_segments(50_000);
        let first = crate::histories::drafts(0..1);
        let writer = Writer::create(shared.clone(), options(), crate::histories::LINEAGE, &first);
        if let Ok(mut writer) = writer {
            for _ in 0..4 {
                let end = writer.end().0;
                let drafts = crate::histories::drafts(end..end + 200);
                if writer.append(&drafts).is_err() {
                    break;
                }
            }
        }
        if !disk.has_crashed() {
            assert!(crash_at > 40);
            return;
        }
        for loss in PowerLoss::kinds(crash_at) {
            let after = disk.reboot(loss);
            let Ok((mut writer, _)) = Writer::open(after.as_disk(), options()) else { continue };
            let missing = 600_u64.saturating_sub(writer.end().0).max(1);
            append(&mut writer, missing);
            writer.close().unwrap();
            verify(after.as_disk(), &mut |_| {}).unwrap();
            assert_tiles(&after, &leaves(&after.as_disk()));
        }
    }
}
