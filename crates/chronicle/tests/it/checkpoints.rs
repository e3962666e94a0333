//! Checkpoints: the form of signed notes, consistency against RFC 6962 written down a second time,
//! and that a rewritten history is found, however valid it is by itself.

use std::sync::Arc;

use deeds_chronicle::consistency::{ProofError, TreeReader, check_consistency};
use deeds_chronicle::merkle::{Frontier, Hash, node_hash};
use deeds_chronicle::note::{self, KeyError, Note, NoteError, NoteSigner, SecretKey, VerifierKey};
use deeds_chronicle::record::leaf_hash;
use deeds_chronicle::{
    Checkpoint, CheckpointError, Comparison, Disk, Origin, Reader, TreeHead, Writer, verify,
    verify_against,
};
use deeds_sim::{Faults, ModelDisk, PowerLoss};
use deeds_values::Position;
use proptest::prelude::*;

use crate::histories::{LINEAGE, append, create, drafts, options, small_segments};

// The note of the documentation of Go's `sumdb/note`, where the format comes from.
const NEUMANN: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const NEUMANN_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\
    \n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb\
    6KE6RyyBwJnAM=\n";
// The key of Go's checksum database.
const GOLANG: &str = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";

fn signer(name: &str, number: u8) -> NoteSigner {
    NoteSigner::new(name, &SecretKey([number; 32]))
}

fn signed_by(note: &str, keys: &[&str]) -> Result<usize, NoteError> {
    let keys: Vec<VerifierKey> = keys.iter().map(|key| key.parse().unwrap()).collect();
    Note::parse(note.as_bytes())?.verify(&keys).map(|(_, signed)| signed.len())
}

#[test]
fn notes_and_keys_of_others_are_read() {
    assert_eq!(NEUMANN.parse::<VerifierKey>().unwrap().to_string(), NEUMANN);
    assert_eq!(GOLANG.parse::<VerifierKey>().unwrap().to_string(), GOLANG);
    assert_eq!(signed_by(NEUMANN_NOTE, &[GOLANG, NEUMANN]), Ok(1));
    let note = Note::parse(NEUMANN_NOTE.as_bytes()).unwrap();
    let keys = [NEUMANN.parse().unwrap()];
    let (text, _) = note.verify(&keys).unwrap();
    assert!(text.ends_with("what your problem is.\n"), "{text:?}");
}

#[test]
fn a_note_that_is_changed_or_signed_by_others_does_not_count() {
    let changed = NEUMANN_NOTE.replace("don't", "do");
    let name = "PeterNeumann".to_owned();
    let id = note::KeyId([0xc7, 0x4f, 0x20, 0xa3]);
    assert_eq!(signed_by(&changed, &[NEUMANN]), Err(NoteError::Invalid { name, id }));
    let signed_by_neumann = vec!["PeterNeumann+c74f20a3".to_owned()];
    assert_eq!(
        signed_by(NEUMANN_NOTE, &[GOLANG]),
        Err(NoteError::UnknownKeys { signed_by: signed_by_neumann })
    );
}

#[test]
fn keys_whose_parts_do_not_fit_are_refused() {
    let refused = |text: &str| text.parse::<VerifierKey>().unwrap_err();
    assert_eq!(refused("PeterNeumann+c74f20a3"), KeyError::Form);
    assert_eq!(refused(&NEUMANN.replace("PeterNeumann", "Peter Neumann")), KeyError::Form);
    assert_eq!(refused(&NEUMANN.replace("+c74f20a3", "+c74f20")), KeyError::Form);
    assert_eq!(refused(&NEUMANN.replace("+c74f20a3", "++74f20a3")), KeyError::Form);
    assert_eq!(refused(&NEUMANN.replace("+ARpc", "+BBpc")), KeyError::Algorithm);
    assert_eq!(refused(&NEUMANN.replace("+ARpc", "+ARp")), KeyError::Form);
    assert!(matches!(refused(&NEUMANN.replace("Peter", "Petra")), KeyError::Id { .. }));
    // The neutral point: whoever takes it takes every signature.
    let weak = format!("x+00000000+AQEA{}", "A".repeat(40));
    assert_eq!(refused(&weak), KeyError::Key);
}

#[test]
fn several_keys_sign_one_note_and_a_reader_needs_to_know_one_of_them() {
    let signers = [signer("bank", 1), signer("bank", 2), signer("witness", 3)];
    let note = note::sign("text\n\nmore\n", &signers.iter().collect::<Vec<_>>());
    let key = |place: usize| signers[place].verifier().to_string();
    for known in 0..3 {
        assert_eq!(signed_by(&note, &[&key(known)]), Ok(1));
    }
    assert_eq!(signed_by(&note, &[&key(2), &key(0)]), Ok(2));
    let other = signer("bank", 9).verifier().to_string();
    assert!(matches!(signed_by(&note, &[&other]), Err(NoteError::UnknownKeys { .. })));
    // One bad signature of a known key spoils the note, whoever else signed it.
    let other_text = note::sign("other\n", &[&signers[1]]);
    let bad_line = other_text.lines().last().unwrap();
    let spoilt = note::sign("text\n", &[&signers[0]]) + bad_line + "\n";
    assert!(matches!(signed_by(&spoilt, &[&key(0), &key(1)]), Err(NoteError::Invalid { .. })));
    assert_eq!(signed_by(&spoilt, &[&key(0)]), Ok(1));
}

#[test]
fn sixteen_signatures_are_read_and_no_more() {
    let signers: Vec<NoteSigner> = (1..=16).map(|number| signer("bank", number)).collect();
    let note = note::sign("text\n", &signers.iter().collect::<Vec<_>>());
    assert_eq!(signed_by(&note, &[&signers[15].verifier().to_string()]), Ok(1));
    let line = note.lines().last().unwrap().to_owned() + "\n";
    assert!(matches!(Note::parse((note + &line).as_bytes()), Err(NoteError::Malformed(_))));
}

#[test]
fn what_is_not_exactly_a_note_is_refused() {
    let note = note::sign("text\n", &[&signer("bank", 1)]);
    Note::parse(note.as_bytes()).unwrap();
    let cut = note.trim_end();
    let cases = [
        String::new(),
        "\n".to_owned(),
        "\n\n".to_owned(),
        "text\n".to_owned(),
        "text\n\n".to_owned(),
        cut.to_owned(),
        note.replace("text\n", ""),
        note.replace("text\n\n", "text\n"),
        note.replace("text", "te\txt"),
        note.replace('\n', "\r\n"),
        note.replace('—', "-"),
        note.replace("— bank", "—  bank"),
        note.replace("— bank", "— ba+nk"),
        note.replace("— bank", "— ba\u{a0}nk"),
        note.clone() + "\n",
        note.clone() + "more\n",
        note.clone() + "— bank AAAAAA==\n",
        format!("{cut} \n"),
        cut.trim_end_matches('=').to_owned() + "\n",
    ];
    for case in cases {
        assert!(matches!(Note::parse(case.as_bytes()), Err(NoteError::Malformed(_))), "{case:?}");
    }
    let mut bytes = note.into_bytes();
    bytes[0] = 0xff;
    Note::parse(&bytes).unwrap_err();
}

#[test]
fn a_checkpoint_is_three_lines_and_the_key_bears_the_name_of_its_origin() {
    let origin = Origin::new("food-bank", LINEAGE);
    let root = Frontier::default().root();
    let checkpoint = Checkpoint { origin, head: TreeHead { size: Position(70_000), root } };
    let signer = signer(checkpoint.origin.as_str(), 1);
    let signed = checkpoint.sign(&[&signer]);
    let lines: Vec<&str> = signed.lines().collect();
    assert_eq!(
        lines[..4],
        [
            "deeds/food-bank/746573746c696e65",
            "70000",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            ""
        ]
    );
    assert!(lines[4].starts_with("— deeds/food-bank/746573746c696e65 "), "{signed}");
    let keys = [signer.verifier()];
    let (read, by) = Checkpoint::verify(signed.as_bytes(), &keys).unwrap();
    assert_eq!((read, by), (checkpoint, vec![&keys[0]]));
}

#[test]
fn a_signed_note_that_is_no_checkpoint_is_refused() {
    let signer = signer("bank", 1);
    let keys = [signer.verifier()];
    let root = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let read = |text: &str| Checkpoint::verify(note::sign(text, &[&signer]).as_bytes(), &keys);
    read(&format!("bank\n0\n{root}\n")).unwrap();
    read(&format!("bank\n18446744073709551615\n{root}\nan extension\n")).unwrap();
    let texts = [
        "bank\n7\n".to_owned(),
        format!("\n7\n{root}\n"),
        format!("bank\n07\n{root}\n"),
        format!("bank\n+7\n{root}\n"),
        format!("bank\n-7\n{root}\n"),
        format!("bank\n\n{root}\n"),
        format!("bank\n18446744073709551616\n{root}\n"),
        format!("bank\n7\n{}\n", &root[..40]),
        format!("bank\n7\n{root}\n\nan extension\n"),
    ];
    for text in texts {
        assert!(matches!(read(&text), Err(CheckpointError::Form(_))), "{text:?}");
    }
}

#[test]
fn a_flipped_bit_in_any_byte_of_a_checkpoint_is_noticed() {
    let origin = Origin::new("food-bank", LINEAGE);
    let (current, before) = (signer(origin.as_str(), 1), signer(origin.as_str(), 2));
    let head = TreeHead { size: Position(70_000), root: Hash([9; 32]) };
    let checkpoint = Checkpoint { origin, head };
    let whole = checkpoint.sign(&[&current, &before]);
    let keys = [current.verifier(), before.verifier()];
    let (read, by) = Checkpoint::verify(whole.as_bytes(), &keys).unwrap();
    assert_eq!((&read, by.len()), (&checkpoint, 2));
    for place in 0..whole.len() {
        let mut bytes = whole.clone().into_bytes();
        bytes[place] ^= 1 << (place % 8);
        // A line that no longer names a key that is known is passed over; the other one holds.
        if let Ok((read, by)) = Checkpoint::verify(&bytes, &keys) {
            assert_eq!((&read, by.len()), (&checkpoint, 1), "byte {place}");
        }
    }
}

proptest! {
    /// What comes from elsewhere is refused or read, whatever it is.
    #[test]
    fn arbitrary_notes_and_keys_do_no_harm(
        text in "(\\PC|\n|— |\\+){0,60}",
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let keys = [signer("bank", 1).verifier()];
        prop_assert!(Checkpoint::verify(text.as_bytes(), &keys).is_err());
        prop_assert!(Checkpoint::verify(&bytes, &keys).is_err());
        let signed = format!("{text}\n\n— bank AAAA{text}\n");
        prop_assert!(Checkpoint::verify(signed.as_bytes(), &keys).is_err());
        prop_assert!(text.parse::<VerifierKey>().is_err());
    }
}

/// MTH of RFC 6962 §2.1.
fn tree_hash(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Frontier::default().root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(&tree_hash(left), &tree_hash(right))
        }
    }
}

/// SUBPROOF of RFC 6962 §2.1.2.
fn subproof(m: usize, leaves: &[Hash], complete: bool) -> Vec<Hash> {
    if m == leaves.len() {
        return if complete { Vec::new() } else { vec![tree_hash(leaves)] };
    }
    let k = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(k);
    let (mut proof, beside) = if m <= k {
        (subproof(m, left, complete), tree_hash(right))
    } else {
        (subproof(m - k, right, false), tree_hash(left))
    };
    proof.push(beside);
    proof
}

fn head(leaves: &[Hash]) -> TreeHead {
    TreeHead { size: Position(leaves.len() as u64), root: tree_hash(leaves) }
}

#[test]
fn every_proof_of_the_rfc_holds_and_no_other() {
    let leaves: Vec<Hash> = (0..40_u32).map(|n| leaf_hash(&n.to_le_bytes())).collect();
    for n in 1..=leaves.len() {
        for m in 1..=n {
            let (old, new) = (head(&leaves[..m]), head(&leaves[..n]));
            let proof = subproof(m, &leaves[..n], true);
            assert_eq!(check_consistency(old, new, &proof), Ok(()), "{m} to {n}");
            let fails = |old, new, proof: &[Hash]| {
                assert!(check_consistency(old, new, proof).is_err(), "{m} to {n}");
            };
            for place in 0..proof.len() {
                let mut wrong = proof.clone();
                wrong[place].0[place % 32] ^= 1;
                fails(old, new, &wrong);
            }
            fails(old, new, &[&proof[..], &[Hash::default()]].concat());
            if let Some((_, shorter)) = proof.split_last() {
                fails(old, new, shorter);
            }
            let other = Hash([7; 32]);
            fails(TreeHead { root: other, ..old }, new, &proof);
            fails(old, TreeHead { root: other, ..new }, &proof);
            if m < n {
                assert!(matches!(
                    check_consistency(new, old, &proof),
                    Err(ProofError::Sizes { .. })
                ));
            }
        }
    }
    let empty = head(&[]);
    assert_eq!(check_consistency(empty, head(&leaves), &[]), Ok(()));
}

/// The leaves that the drafts of the tests make.
fn leaves_of(disk: &Arc<dyn Disk>) -> Vec<Hash> {
    let reader = Reader::open(disk.clone()).unwrap();
    let leaf = |record: Result<deeds_chronicle::Record, _>| {
        let mut bytes = Vec::new();
        record.unwrap().header.encode(&mut bytes);
        leaf_hash(&bytes)
    };
    reader.stream(Position(0)).map(leaf).collect()
}

/// Compares what the disk gives with the RFC's recursion, for sizes around every edge.
fn assert_proofs(reader: &Reader, leaves: &[Hash]) {
    let mut tree = TreeReader::open(reader).unwrap();
    assert_eq!(tree.size().0, leaves.len() as u64);
    let sizes = [1, 2, 3, 255, 256, 257, 511, 512, 600, 768, 1023, 1024, 1025, leaves.len()];
    let sizes: Vec<usize> = sizes.into_iter().filter(|size| *size <= leaves.len()).collect();
    for &n in &sizes {
        let new = Position(n as u64);
        assert_eq!(tree.root(new).unwrap(), tree_hash(&leaves[..n]), "root of {n}");
        for &m in sizes.iter().filter(|m| **m <= n) {
            let proof = tree.consistency(Position(m as u64), new).unwrap();
            assert_eq!(proof, subproof(m, &leaves[..n], true), "{m} to {n}");
        }
    }
    let (level_0, level_1) = (tree.subtrees(0, 0, leaves.len()), leaves.len() / 256);
    assert_eq!(level_0.unwrap(), leaves);
    let level_1 = tree.subtrees(8, 0, level_1).unwrap();
    let expected: Vec<Hash> = leaves.chunks_exact(256).map(tree_hash).collect();
    assert_eq!(level_1, expected);
}

#[test]
fn proofs_come_from_the_tiles_and_from_what_they_do_not_hold_yet() {
    let disk = ModelDisk::new();
    let mut writer = create(&disk.as_disk(), small_segments(60_000));
    for count in [100, 155, 1, 300, 7, 256, 500, 33] {
        append(&mut writer, count);
        let leaves = leaves_of(&disk.as_disk());
        // Of this process's writer, and of another process.
        assert_proofs(&writer.reader(), &leaves);
        let other = Reader::open(disk.as_disk()).unwrap();
        assert_proofs(&other, &leaves);
        assert_eq!(other.tree_head().unwrap(), head(&leaves));
        assert_eq!(writer.reader().tree_head().unwrap(), head(&leaves));
    }
    writer.close().unwrap();
    let leaves = leaves_of(&disk.as_disk());
    assert_proofs(&Reader::open(disk.as_disk()).unwrap(), &leaves);
    // Tiles are derived: without them it only takes longer.
    for level in ["tiles/0", "tiles/1"] {
        disk.as_disk().remove(level).unwrap();
        assert_proofs(&Reader::open(disk.as_disk()).unwrap(), &leaves);
    }
}

#[test]
fn after_a_crash_proofs_do_not_trust_tiles_that_were_not_synced() {
    let disk = ModelDisk::with_faults(Faults::default());
    let mut writer = create(&disk.as_disk(), small_segments(60_000));
    for _ in 0..4 {
        append(&mut writer, 300);
    }
    for loss in PowerLoss::kinds(3) {
        let after = disk.reboot(loss);
        let leaves = leaves_of(&after.as_disk());
        assert!(leaves.len() >= 901, "what is known to have been durable is there");
        assert_proofs(&Reader::open(after.as_disk()).unwrap(), &leaves);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever is appended, with restarts between: what was ever handed out is continued by what is
    /// handed out later.
    #[test]
    fn every_earlier_checkpoint_is_the_beginning_of_every_later_one(
        frames in prop::collection::vec((1_u64..90, prop::bool::weighted(0.2)), 1..14),
        segment_bytes in 4_000_u64..80_000,
    ) {
        let disk = ModelDisk::new();
        let options = || small_segments(segment_bytes);
        let signer = signer(Origin::new("bank", LINEAGE).as_str(), 5);
        let keys = [signer.verifier()];
        let mut writer = create(&disk.as_disk(), options());
        let mut handed_out = Vec::new();
        for (count, restart) in frames {
            append(&mut writer, count);
            let head = writer.reader().tree_head().unwrap();
            let origin = Origin::new("bank", writer.lineage());
            handed_out.push(Checkpoint { origin, head }.sign(&[&signer]));
            if restart {
                writer.close().unwrap();
                writer = Writer::open(disk.as_disk(), options()).unwrap().0;
            }
        }
        let read = |signed: &String| Checkpoint::verify(signed.as_bytes(), &keys).unwrap().0.head;
        let heads: Vec<TreeHead> = handed_out.iter().map(read).collect();
        let mut tree = TreeReader::open(&writer.reader()).unwrap();
        for (place, new) in heads.iter().enumerate() {
            for old in &heads[..=place] {
                let proof = tree.consistency(old.size, new.size).unwrap();
                prop_assert_eq!(check_consistency(*old, *new, &proof), Ok(()));
            }
            let (_, comparison) = verify_against(disk.as_disk(), *new, &mut |_| {}).unwrap();
            prop_assert_eq!(comparison, Comparison::Continues);
        }
    }
}

/// A chronicle of 60 records whose record at 30 says what it is told to.
fn history(word: &str) -> ModelDisk {
    let disk = ModelDisk::new();
    let mut writer = create(&disk.as_disk(), options());
    for start in [1, 21, 41] {
        let mut drafts = drafts(start..start + 20);
        if let Some(draft) = drafts.iter_mut().find(|draft| draft.position.0 == 30) {
            draft.bodies[0].bytes = word.as_bytes().to_vec();
        }
        writer.append(&drafts).unwrap();
    }
    writer.close().unwrap();
    disk
}

/// Somebody with the files, the code and time rewrites a record in the middle: the same lineage and
/// length, every checksum, commitment, chain hash and root made anew. By itself it is flawless.
#[test]
fn a_rewritten_history_of_the_same_length_is_found_by_an_earlier_checkpoint() {
    let (kept, rewritten) = (history("five bags of rice"), history("nine bags of rice"));
    let proved = |disk: &ModelDisk| verify(disk.as_disk(), &mut |_| {}).unwrap();
    let (before, after) = (proved(&kept), proved(&rewritten));
    assert_eq!((before.lineage, before.end), (after.lineage, after.end));
    assert_eq!(before.bytes, after.bytes);

    let against = |disk: &ModelDisk, head: TreeHead| {
        verify_against(disk.as_disk(), head, &mut |_| {}).unwrap().1
    };
    let mut tree = TreeReader::open(&Reader::open(kept.as_disk()).unwrap()).unwrap();
    for size in 0..=61 {
        let head = TreeHead { size: Position(size), root: tree.root(Position(size)).unwrap() };
        assert_eq!(against(&kept, head), Comparison::Continues, "size {size}");
        match against(&rewritten, head) {
            Comparison::Continues => assert!(size <= 30, "size {size}"),
            Comparison::Diverged { found } => assert!(size > 30 && found != head.root, "{size}"),
            Comparison::Incomplete => panic!("the length is the same"),
        }
    }
    let longer = TreeHead { size: Position(62), root: Hash::default() };
    assert_eq!(against(&kept, longer), Comparison::Incomplete);
}
