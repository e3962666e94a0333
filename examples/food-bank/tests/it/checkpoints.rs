//! Checkpoints as people use them: kept somewhere else, and held against the chronicle later.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use deeds_chronicle::merkle::{Frontier, Hash};
use deeds_chronicle::note::VerifierKey;
use deeds_chronicle::record::leaf_hash;
use deeds_chronicle::{
    BodyClass, BodyDraft, Checkpoint, CommitmentKind, Reader, RealDisk, Record, RecordDraft,
    RecordKind, TreeHead, Writer, WriterOptions,
};
use deeds_values::Position;
use serde_json::{Value, json};

use crate::server_process::{Client, Place};

/// A place with the seed in its chronicle, and a checkpoint of it in the file `kept`.
fn seeded() -> Place {
    let place = Place::new();
    place.succeed(&["seed"]);
    keep(&place, "kept");
    place
}

fn keep(place: &Place, name: &str) -> String {
    let checkpoint = place.succeed(&["checkpoint"]);
    fs::write(place.path(name), &checkpoint).expect("it can be written");
    checkpoint
}

/// The verifier keys that the chronicle names.
fn keys(place: &Place) -> Vec<String> {
    let told = place.succeed(&["checkpoint", "keys"]);
    told.lines().map(|line| line.split(' ').next().expect("a key").to_owned()).collect()
}

fn read(checkpoint: &str, keys: &[String]) -> (TreeHead, usize) {
    let keys: Vec<VerifierKey> = keys.iter().map(|key| key.parse().expect("a key")).collect();
    let (checkpoint, by) = Checkpoint::verify(checkpoint.as_bytes(), &keys).expect("it counts");
    (checkpoint.head, by.len())
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("it can be made");
    for entry in fs::read_dir(from).expect("it can be listed") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        match entry.file_type().expect("it has a type").is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).expect("it can be copied")),
        }
    }
}

#[test]
fn a_checkpoint_is_a_note_that_the_chronicle_goes_on_to_fulfil() {
    let place = seeded();
    let kept = fs::read_to_string(place.path("kept")).expect("it was written");
    let lines: Vec<&str> = kept.lines().collect();
    assert_eq!(lines.len(), 5, "{kept}");
    assert!(lines[0].starts_with("deeds/food-bank/"), "{kept}");
    assert!(lines[4].starts_with(&format!("— {} ", lines[0])), "{kept}");
    assert_eq!(place.succeed(&["checkpoint"]), kept, "nothing has happened since");

    let proof = place.succeed(&["verify", "--quick", "--against", "kept"]);
    let holds = format!("the first {} records are those of the checkpoint", lines[1]);
    assert!(proof.contains(&holds), "{proof}");
    assert!(proof.contains("the chronicle itself names that key"), "{proof}");

    let key = keys(&place).pop().expect("one key");
    let server = place.serve();
    let ada = Client::of(&place, "ada", "admin");
    let product = json!({
        "sku": "SALT", "name": "Salt", "category": "baking", "size": "500 g",
        "barcode": "2000000000008", "labels": [], "limit": null,
    });
    ada.must("AddProduct", &product);
    let verify = ["verify", "--quick", "--against", "kept", "--key", &key];
    let proof = place.succeed(&verify);
    assert!(proof.contains(&holds) && !proof.contains("itself names"), "{proof}");
    let findings = place.succeed(&[&verify[..], &["--json"]].concat());
    let findings: Value = serde_json::from_str(&findings).expect("it is JSON");
    assert_eq!(findings["against"]["size"].to_string(), lines[1]);
    assert_eq!(findings["against"]["key_named_by"], "caller");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_checkpoint_that_does_not_count_has_a_code_of_its_own() {
    let place = seeded();
    let kept = fs::read_to_string(place.path("kept")).expect("it was written");
    let size = kept.lines().nth(1).expect("the size");
    let forged = kept.replacen(&format!("\n{size}\n"), "\n7\n", 1);
    fs::write(place.path("forged"), forged).expect("it can be written");
    let complaint = place.fail(10, &["verify", "--against", "forged"]);
    assert!(complaint.contains("does not hold"), "{complaint}");

    let stranger = seeded();
    let other = keys(&stranger).pop().expect("one key");
    let complaint = place.fail(10, &["verify", "--against", "kept", "--key", &other]);
    assert!(complaint.contains("signed by no known key"), "{complaint}");
    // Of another chronicle: this one does not name its key; and whoever does, sees two histories.
    fs::copy(stranger.path("kept"), place.path("other")).expect("it can be copied");
    place.fail(10, &["verify", "--against", "other"]);
    let complaint = place.fail(11, &["verify", "--against", "other", "--key", &other]);
    assert!(complaint.contains("this chronicle does not continue that"), "{complaint}");

    fs::write(place.path("note"), "no checkpoint\n").expect("it can be written");
    let complaint = place.fail(10, &["verify", "--against", "note"]);
    assert!(complaint.contains("it is no signed note"), "{complaint}");
    place.fail(2, &["verify", "--against", "kept", "--key", "no key"]);
    place.fail(2, &["verify", "--against", "missing"]);
}

/// A record as it was, ready to be written again.
fn again(record: &Record) -> RecordDraft {
    let header = record.header.clone();
    let body = |(body, stored): (&deeds_chronicle::Body, CommitmentKind)| BodyDraft {
        class: body.class,
        commitment: stored,
        bytes: body.bytes.clone(),
    };
    let commitments = header.bodies.iter().map(|body| body.kind);
    RecordDraft {
        position: header.position,
        time: header.time,
        kind: header.kind,
        outcome: header.outcome,
        actor: header.actor,
        credential: header.credential,
        command_id: header.command_id,
        cause: header.cause,
        type_number: header.type_number,
        code: header.code,
        schema: header.schema,
        bodies: record.bodies.iter().zip(commitments).map(body).collect(),
    }
}

/// Somebody who has the files and the code changes what was once answered, and makes everything anew
/// that speaks of it: checksums, commitments, chain, roots, tiles. Same lineage, same length.
#[test]
fn a_rewritten_history_proves_itself_but_not_the_checkpoint() {
    let place = seeded();
    let reader = Reader::open(Arc::new(RealDisk::new(place.data()))).expect("a chronicle");
    let records: Result<Vec<Record>, _> = reader.stream(Position(0)).collect();
    let mut drafts: Vec<RecordDraft> = records.expect("it is whole").iter().map(again).collect();
    let rice = drafts
        .iter_mut()
        .filter(|draft| draft.kind == RecordKind::Command)
        .find_map(|draft| draft.bodies.iter_mut().find(|body| body.class == BodyClass::Arguments));
    let rice = &mut rice.expect("the seed has commands").bytes;
    let text = rice.iter().position(|byte| byte.is_ascii_lowercase()).expect("there is text");
    // The first letter of a field's name: nobody folds the state here.
    rice[text] ^= 1;
    let lineage = reader.lineage();
    drop(reader);
    for directory in ["head", "log", "bodies", "tiles", "snapshots"] {
        let directory = place.data().join(directory);
        if directory.exists() {
            fs::remove_dir_all(directory).expect("it can be removed");
        }
    }
    let disk = Arc::new(RealDisk::new(place.data()));
    let mut writer =
        Writer::create(disk, WriterOptions::new(|| [7; 16]), lineage, &drafts[..1]).expect("anew");
    writer.append(&drafts[1..]).expect("the disk works");
    writer.close().expect("the disk works");

    let proof = place.succeed(&["verify", "--quick"]);
    assert!(proof.contains(&format!("lineage {lineage}, {} records", drafts.len())), "{proof}");
    let complaint = place.fail(11, &["verify", "--quick", "--against", "kept"]);
    assert!(complaint.contains("the history is another"), "{complaint}");
}

#[test]
fn an_old_copy_is_too_short_and_signs_nothing() {
    let place = Place::new();
    place.succeed(&["seed"]);
    copy(&place.data(), &place.path("copy"));
    let server = place.serve();
    let ada = Client::of(&place, "ada", "admin");
    ada.must("SetLimit", &json!({ "sku": "RICE-1KG", "limit": 3 }));
    assert_eq!(server.stop(), Some(0));
    // Development keeps no guard file; whoever opens it now brings the file up to date.
    place.succeed(&["seed"]);
    keep(&place, "kept");
    fs::remove_dir_all(place.data()).expect("it can be removed");
    copy(&place.path("copy"), &place.data());

    let complaint = place.fail(12, &["verify", "--quick", "--against", "kept"]);
    assert!(complaint.contains("records, and here are"), "{complaint}");
    let complaint = place.fail(10, &["checkpoint"]);
    assert!(complaint.contains("an old copy was put back"), "{complaint}");
    let server = place.serve_with(&["--open-metrics"]);
    let token = place.succeed(&["token", "issue", "ada", "--role", "operator"]);
    let (status, problem) = Client::with_token(&place, token.trim()).get("/v1/checkpoint");
    let problem: Value = serde_json::from_slice(&problem).expect("it is JSON");
    assert_eq!((status, &problem["type"]), (503, &json!("urn:deeds:problem:not-signed")));
    assert_eq!(server.stop(), Some(0));
}

/// A restored copy has a lineage, and so an origin, of its own, and the same records: what was kept
/// before tells that it was not changed on the way.
#[test]
fn a_restored_copy_continues_the_checkpoints_of_what_it_was_made_from() {
    let place = seeded();
    place.succeed(&["backup", "archive"]);
    place.succeed(&["restore", "archive", "--data", "restored"]);
    let at = ["--data", "restored"];
    let key = keys(&place).pop().expect("one key");
    let verify = ["verify", "--quick", "--against", "kept", "--key", &key];
    let proof = place.succeed(&[&verify[..], &at].concat());
    assert!(proof.contains("which this chronicle continues"), "{proof}");

    // It signs under its own name once it has been opened; the old key stays in its history.
    place.succeed(&[&["seed"][..], &at].concat());
    let told = place.succeed(&[&["checkpoint", "keys"][..], &at].concat());
    assert_eq!(told.lines().count(), 2, "{told}");
    assert!(told.starts_with(&key), "{told}");
    let origin = |checkpoint: &str| checkpoint.lines().next().map(str::to_owned);
    let own = place.succeed(&[&["checkpoint"][..], &at].concat());
    assert_ne!(origin(&own), origin(&place.succeed(&["checkpoint"])));
    place.succeed(&[&verify[..], &at].concat());
}

#[test]
fn a_new_key_signs_beside_the_old_one_and_both_stay_in_the_chronicle() {
    let place = seeded();
    let old = keys(&place);
    place.succeed(&["checkpoint", "rotate-key"]);
    // The chronicle does not know yet: the old one signs.
    assert_eq!(read(&place.succeed(&["checkpoint"]), &old).1, 1);
    place.succeed(&["seed"]);
    let both = keys(&place);
    assert_eq!((both.len(), &both[..1]), (2, &old[..]));
    let checkpoint = keep(&place, "rotated");
    assert_eq!(read(&checkpoint, &old).1, 1, "who knows the old one only");
    assert_eq!(read(&checkpoint, &both).1, 2);
    for kept in ["kept", "rotated"] {
        place.succeed(&["verify", "--quick", "--against", kept]);
    }
    let told = place.succeed(&["checkpoint", "keys", "--json"]);
    let told: Value = serde_json::from_str(&told).expect("it is JSON");
    assert_eq!(told[1]["replaces"], json!(old[0]));

    // Without an overlap the new one is alone.
    place.succeed(&["checkpoint", "rotate-key"]);
    place.succeed(&["seed", "--key-overlap-days", "0"]);
    let all = keys(&place);
    assert_eq!(read(&place.succeed(&["checkpoint"]), &all).1, 1);
    place.fail(10, &["verify", "--against", "rotated", "--key", &all[2]]);
}

#[test]
fn a_key_file_that_is_not_there_is_not_made_by_looking() {
    let place = seeded();
    let file = place.data().join("checkpoint.key");
    fs::remove_file(&file).expect("it was made");
    let complaint = place.fail(1, &["checkpoint"]);
    assert!(complaint.contains("there is no key file"), "{complaint}");
    place.fail(1, &["checkpoint", "rotate-key"]);
    assert!(!file.exists());
    // Another key than the one that the chronicle names signs nothing before it is recorded.
    let other = Place::new();
    other.succeed(&["seed"]);
    let name = other.data().join("checkpoint.key");
    let name = name.to_str().expect("a path of a test is text");
    let complaint = place.fail(1, &["checkpoint", "--checkpoint-key", name]);
    assert!(complaint.contains("is not the one that the chronicle names"), "{complaint}");
}

/// The whole tree of a size, fetched as an outside verifier does.
fn fetch(client: &Client, kind: &str, size: u64) -> Vec<u8> {
    let mut all = Vec::new();
    for tile in 0..size.div_ceil(256) {
        let width = (size - tile * 256).min(256);
        let part = if width == 256 { String::new() } else { format!(".p/{width}") };
        let (status, bytes) = client.get(&format!("/v1/tile/{kind}/{tile:03}{part}"));
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&bytes));
        all.extend(bytes);
    }
    all
}

#[test]
fn an_outside_verifier_makes_the_root_from_tiles_and_entries() {
    let place = seeded();
    let server = place.serve();
    let (nora, olga) =
        (Client::of(&place, "nora", "neighbor"), Client::of(&place, "olga", "operator"));
    let (status, note) = nora.get("/v1/checkpoint");
    assert_eq!(status, 200);
    let note = String::from_utf8(note).expect("a note is text");
    let (head, _) = read(&note, &keys(&place));
    assert_eq!(note, place.succeed(&["checkpoint"]), "the verb signs the same");

    let tiles = fetch(&nora, "0", head.size.0);
    let leaves: Vec<Hash> = tiles.as_chunks::<32>().0.iter().copied().map(Hash).collect();
    assert_eq!(leaves.len() as u64, head.size.0);
    let mut tree = Frontier::default();
    leaves.iter().for_each(|leaf| tree.push(*leaf, |_, _| {}));
    assert_eq!(tree.root(), head.root);

    let bundles = fetch(&olga, "entries", head.size.0);
    let mut rest = bundles.as_slice();
    for leaf in &leaves {
        let (length, behind) = rest.split_first_chunk::<2>().expect("an entry has a length");
        let (entry, behind) = behind.split_at(usize::from(u16::from_be_bytes(*length)));
        assert_eq!(leaf_hash(entry), *leaf);
        rest = behind;
    }
    assert!(rest.is_empty());
    assert_eq!(nora.get("/v1/tile/entries/000").0, 403, "record headers are for operators");
    for path in ["0/999", "1/000", "9/000", "0/0", "0/000.p/0"] {
        assert_eq!(nora.get(&format!("/v1/tile/{path}")).0, 404, "{path}");
    }
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn the_server_proves_that_it_continues_an_earlier_checkpoint() {
    let place = seeded();
    let kept = fs::read_to_string(place.path("kept")).expect("it was written");
    let server = place.serve();
    let keys = keys(&place);
    let ada = Client::of(&place, "ada", "admin");
    ada.must("SetLimit", &json!({ "sku": "RICE-1KG", "limit": 3 }));
    let (_, now) = ada.get("/v1/checkpoint");
    let now = String::from_utf8(now).expect("a note is text");
    let ((old, _), (new, _)) = (read(&kept, &keys), read(&now, &keys));
    assert!(old.size < new.size);
    let (status, proof) = ada.get(&format!("/v1/consistency?from={}&to={}", old.size, new.size));
    assert_eq!(status, 200);
    let proof: Value = serde_json::from_slice(&proof).expect("it is JSON");
    // The roots are the lines of the checkpoints.
    for (said, note) in [(&proof["from"], &kept), (&proof["to"], &now)] {
        let lines: Vec<&str> = note.lines().collect();
        assert_eq!(said["size"].to_string(), lines[1]);
        assert_eq!(said["root"], lines[2]);
    }
    assert!(!proof["proof"].as_array().expect("a list").is_empty());
    for wrong in ["", "?from=9&to=3", "?from=1&to=99999999", "?from=-1", "?from=1&at=2"] {
        assert_eq!(ada.get(&format!("/v1/consistency{wrong}")).0, 400, "{wrong}");
    }
    assert_eq!(server.stop(), Some(0));
}
