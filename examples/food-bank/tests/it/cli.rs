//! The command line, as people and scripts use it: what it prints, and how it ends.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use serde_json::{Value, json};

use crate::server_process::{Client, PROGRAM, Place, Server, new_id};

const PRODUCTS: &str = "\
sku,name,category,size,barcode,labels,limit
RICE-1KG,Rice,grains,1 kg,2000000000008,vegan;halal,2
BEANS,Beans,canned,400 g,2000000000015,,
";

/// By how much the files of a limited server may grow: what is written ahead once, and not twice, which
/// takes some hundred commands.
const GROWTH_KIB: u64 = 300;

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).expect("it is JSON")
}

#[test]
fn help_names_every_verb_and_every_exit_code() {
    let place = Place::new();
    let help = place.succeed(&["--help"]);
    for word in ["serve", "query", "command", "import", "log", "info", "verify", "schema", "token"]
    {
        assert!(help.contains(&format!("  {word}")), "{word} is not in:\n{help}");
    }
    assert!(help.contains("3  another process has the chronicle open for writing"), "{help}");
}

#[test]
fn what_is_mistyped_is_set_right() {
    let place = Place::new();
    assert!(place.fail(2, &["verfy"]).contains("'verify'"));
    let complaint = place.fail(2, &["query", "Catalog"]);
    assert!(complaint.contains("did you mean `Catalogue`?"), "{complaint}");
    let complaint = place.fail(2, &["query", "Catalogue", "--offline", "categry=dairy"]);
    assert!(complaint.contains("did you mean `category`?"), "{complaint}");
    let complaint = place.fail(2, &["query", "Catalogue", "--offline", "category=diary"]);
    assert!(complaint.contains("did you mean `dairy`?"), "{complaint}");
}

#[test]
fn without_a_chronicle_or_a_server_the_reader_is_told_what_to_do() {
    let place = Place::new();
    let complaint = place.fail(1, &["log"]);
    assert!(complaint.contains("there is no chronicle here"), "{complaint}");
    assert!(complaint.contains("--data"), "{complaint}");
    let complaint = place.fail(9, &["query", "Catalogue"]);
    assert!(complaint.contains("no server answers at"), "{complaint}");
}

#[test]
fn a_seeded_chronicle_is_read_without_a_server() {
    let place = Place::new();
    let first = place.succeed(&["seed"]);
    assert!(first.contains(" 0 already there"), "{first}");
    let again = place.succeed(&["seed"]);
    assert!(again.contains("seed: 0 commands sent"), "{again}");

    let log = place.succeed(&["log"]);
    assert!(log.lines().next().is_some_and(|line| line.contains("(genesis)")), "{log}");
    let added = place.succeed(&["log", "--type", "AddProduct", "--actor", "ada", "--json"]);
    let first = json_of(added.lines().next().expect("products were added"));
    assert_eq!(first["command"], "food-bank/AddProduct");
    assert_eq!(first["outcome"], "accepted");

    let info = json_of(&place.succeed(&["info", "--json"]));
    let products = &info["tables"][0];
    assert_eq!(products["table"], "products");
    assert_eq!(products["rows"].as_u64(), Some(added.lines().count() as u64));

    let offered = place.succeed(&["query", "Catalogue", "category=dairy", "--offline"]);
    assert!(!json_of(&offered).as_array().expect("a list").is_empty());
    let complaint = place.fail(8, &["query", "Stock", "--offline"]);
    assert!(complaint.contains("role"), "{complaint}");

    let proof = place.succeed(&["verify"]);
    assert!(proof.contains("live and published state agree"), "{proof}");
    assert!(place.succeed(&["verify", "--quick"]).contains("not folded (--quick)"));
}

#[test]
fn readers_who_leave_early_are_no_failure() {
    let place = Place::new();
    place.succeed(&["seed"]);
    let mut log = place.command(&["log", "--json"]);
    let mut log = log.stdout(std::process::Stdio::piped()).spawn().expect("the program starts");
    drop(log.stdout.take());
    assert_eq!(log.wait().expect("it ends").code(), Some(0));
}

#[test]
fn a_second_writer_is_turned_away_with_a_code_of_its_own() {
    let place = Place::new();
    let server = place.serve();
    let complaint = place.fail(3, &["seed"]);
    assert!(complaint.contains("another process has this chronicle open"), "{complaint}");
    if cfg!(target_os = "linux") {
        assert!(complaint.contains(&format!("(process {})", server.id())), "{complaint}");
    }
    place.succeed(&["log"]);
    place.succeed(&["info"]);
    place.succeed(&["verify"]);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn an_address_in_use_has_a_code_of_its_own() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let complaint = place.fail(7, &["serve", "--dev", "--listen", &address]);
    assert!(complaint.contains(&address), "{complaint}");
}

#[test]
fn a_damaged_chronicle_has_a_code_of_its_own_and_says_where() {
    let place = Place::new();
    place.succeed(&["seed"]);
    let head = fs::read_dir(place.data().join("head")).expect("segments lie here");
    let segment = head.map(|entry| entry.expect("an entry").path()).min().expect("a segment");
    let mut bytes = fs::read(&segment).expect("it can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segment, bytes).expect("it can be written");
    for verb in [vec!["verify"], vec!["serve", "--dev"]] {
        let complaint = place.fail(4, &verb);
        assert!(complaint.contains("frame") && complaint.contains("position"), "{complaint}");
    }
}

#[test]
fn a_chronicle_is_kept_by_its_guard_file() {
    let place = Place::new();
    place.succeed(&["seed"]);
    let lineage = json_of(&place.succeed(&["info", "--json", "--quick"]))["lineage"].clone();
    let lineage = lineage.as_str().expect("a lineage is text");
    assert!(place.path("state").join(format!("deeds/{lineage}.guard")).is_file());
}

#[test]
fn an_old_copy_of_the_data_is_noticed() {
    let place = Place::new();
    let founded = place.serve_with(&[]);
    assert_eq!(founded.stop(), Some(0));
    let copied = Command::new("cp").arg("-r").arg(place.data()).arg(place.path("copy")).status();
    assert!(copied.expect("cp is there").success());
    place.succeed(&["seed"]);
    fs::remove_dir_all(place.data()).expect("it can be removed");
    fs::rename(place.path("copy"), place.data()).expect("it can be put back");
    let again = place.run(&["seed"]);
    let warnings = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(again.status.success(), "it serves all the same: {warnings}");
    assert!(warnings.contains("an old copy was put back"), "{warnings}");
}

#[test]
fn what_would_be_open_to_everybody_is_not_served() {
    let place = Place::new();
    let complaint = place.fail(2, &["serve", "--dev", "--listen", "0.0.0.0:0"]);
    assert!(complaint.contains("loopback"), "{complaint}");
    let complaint = place.fail(2, &["serve", "--listen", "0.0.0.0:0"]);
    assert!(complaint.contains("--public-host"), "{complaint}");
    assert!(!place.data().exists(), "nothing was founded");
}

#[test]
fn a_chronicle_that_fails_ends_the_server_with_a_code_of_its_own() {
    let place = Place::new();
    place.succeed(&["seed", "--no-guard"]);
    // Files of this process may not grow beyond this: a frame that has to fails.
    let head = fs::read_dir(place.data().join("head")).expect("a chronicle is there");
    let bytes = |entry: std::io::Result<fs::DirEntry>| entry.and_then(|entry| entry.metadata());
    let longest = head.map(|entry| bytes(entry).expect("it is there").len()).max();
    let file_kib_max = longest.expect("a segment") / 1024 + GROWTH_KIB;
    let mut limited = Command::new("bash");
    limited.args(["-c", "trap '' XFSZ; ulimit -f $1; shift; exec \"$@\"", "bash"]);
    limited.arg(file_kib_max.to_string()).args([PROGRAM, "serve", "--dev", "--no-seed"]);
    place.surround(&mut limited);
    let server = Server::start(limited, &place.url());
    let ada = Client::of(&place, "ada", "admin");
    let mut answered = Vec::new();
    loop {
        let id = new_id();
        let lot = json!({ "sku": "RICE-BASMATI-1KG", "quantity": 1, "best_before": "2099-12-31" });
        match ada.send("ReceiveLot", &id, &lot) {
            Ok((200 | 422, body)) => answered.push(body),
            Ok((503 | 504, _)) | Err(_) => break,
            Ok((status, body)) => panic!("{status}: {body}"),
        }
    }
    assert_eq!(server.wait(), Some(6));
    assert!(place.succeed(&["verify"]).contains("live and published state agree"));
    let records = place.records().len() as u64;
    let last = answered.last().expect("some were answered")["position"].as_u64();
    assert!(last.is_some_and(|last| last < records), "{last:?} of {records}");
}

#[test]
fn a_command_is_done_once_however_often_it_is_sent() {
    let place = Place::new();
    let server = place.serve();
    let sku = ["sku=SALT", "name=Salt", "category=baking", "size=500 g", "labels="];
    let mut add = vec!["command", "AddProduct", "--as", "ada", "--role", "admin", "--json"];
    add.extend(["--id", "shelf/1", "barcode=2000000000008"]);
    add.extend(sku);
    let first = place.succeed(&add);
    assert_eq!(place.succeed(&add), first);

    let as_nora = ["--as", "nora", "--role", "neighbor"];
    let mut order = vec!["command", "PlaceOrder", "--args"];
    order.push(r#"{"lines":[{"sku":"SALT","quantity":1}]}"#);
    order.extend(as_nora);
    let complaint = place.fail(8, &order);
    assert!(complaint.contains("Only 0 of SALT are left"), "{complaint}");
    let complaint = place.fail(8, &["command", "SetLimit", "sku=SALT", "--as", "nora"]);
    assert!(complaint.contains("this needs the role `admin`"), "{complaint}");
    let complaint =
        place.fail(2, &["command", "SetLimit", "sku=salt", "--as", "ada", "--role", "admin"]);
    assert!(complaint.contains("`sku`"), "{complaint}");

    let offered = json_of(&place.succeed(&["query", "Catalogue"]));
    assert_eq!(offered[0]["sku"], "SALT");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn an_import_tells_of_each_row_and_may_be_repeated() {
    let place = Place::new();
    let server = place.serve();
    fs::write(place.path("products.csv"), PRODUCTS).expect("it can be written");
    let dry = place.succeed(&["import", "AddProduct", "products.csv", "--dry-run"]);
    assert!(dry.contains("2 rows: 2 fit, 0 do not; nothing was sent"), "{dry}");

    let import = ["import", "AddProduct", "products.csv", "--as", "ada", "--role", "admin"];
    let first = place.succeed(&import);
    assert!(first.contains("2 accepted, 0 refused, 0 failed, 0 already there"), "{first}");
    let records = place.records().len();
    let again = place.succeed(&import);
    assert!(again.contains("0 accepted, 0 refused, 0 failed, 2 already there"), "{again}");
    assert_eq!(place.records().len(), records, "nothing was recorded again");

    fs::write(place.path("one.csv"), "sku,limit\nBEANS,3\n").expect("it can be written");
    let one = ["import", "SetLimit", "one.csv", "--as", "ada", "--role", "admin"];
    assert!(place.succeed(&one).contains("1 accepted"));
    assert!(place.succeed(&one).contains("0 accepted, 0 refused, 0 failed, 1 already there"));

    let faulty = "sku,quantity,best_before\nRICE-1KG,5,2099-01-01\nRICE-1KG,some,2099-01-01\n\
                  RICE-1KG,5,2001-01-01\nRICE-1KG,,2099-01-01\nBEANS,7,2099-01-01\n";
    fs::write(place.path("lots.csv"), faulty).expect("it can be written");
    let lots = place.run(&["import", "ReceiveLot", "lots.csv", "--as", "ada", "--role", "admin"]);
    assert_eq!(lots.status.code(), Some(8));
    let (told, complaints) =
        (String::from_utf8_lossy(&lots.stdout), String::from_utf8_lossy(&lots.stderr));
    assert!(told.contains("5 rows: 2 accepted, 1 refused, 2 failed"), "{told}");
    assert!(complaints.contains("line 3, column quantity: failed: `some` is no"), "{complaints}");
    assert!(complaints.contains("line 4: refused: It expired on 2001-01-01"), "{complaints}");
    assert!(complaints.contains("line 5, column quantity: failed: it is empty"), "{complaints}");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn an_import_goes_on_when_the_server_is_killed_and_comes_back() {
    let place = Place::new();
    let server = place.serve_with(&["--dev", "--no-seed"]);
    let ada = Client::of(&place, "ada", "admin");
    for (sku, barcode) in [("RICE", "2000000000008"), ("OATS", "2000000000015")] {
        let product = json!({
            "sku": sku, "name": sku, "category": "grains", "size": "1 kg", "barcode": barcode,
            "labels": [], "limit": null,
        });
        ada.must("AddProduct", &product);
    }
    const ROWS: usize = 20_000;
    let mut lots = "sku,quantity,best_before\n".to_owned();
    for row in 0..ROWS {
        lots.push_str(if row % 2 == 0 { "RICE" } else { "OATS" });
        lots.push_str(",1,2099-01-01\n");
    }
    fs::write(place.path("lots.csv"), lots).expect("it can be written");
    let mut import = place.command(&["import", "ReceiveLot", "lots.csv", "--json"]);
    import.args(["--as", "ada", "--role", "admin"]).stdout(std::process::Stdio::piped());
    let import = import.spawn().expect("the program starts");
    let some = ROWS as u64 / 10;
    while end(&place) < some {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    server.kill();
    let server = place.serve_with(&["--dev", "--no-seed"]);
    let output = import.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", output.status);

    let received = place.succeed(&["log", "--type", "ReceiveLot"]).lines().count();
    assert_eq!(received, ROWS, "every row once");
    assert_eq!(server.stop(), Some(0));
    place.succeed(&["verify"]);
}

fn end(place: &Place) -> u64 {
    json_of(&place.succeed(&["info", "--json", "--quick"]))["end"].as_u64().expect("a position")
}

#[test]
fn a_token_lets_its_holder_in_and_nobody_else() {
    let place = Place::new();
    place.succeed(&["seed", "--no-guard"]);
    let token = place.succeed(&["token", "issue", "nightly", "--role", "admin", "--days", "1"]);
    let server = place.serve_with(&["--no-guard"]);
    let asked = place.command(&["query", "Stock"]).env("DEEDS_TOKEN", token.trim()).output();
    assert!(asked.expect("the program starts").status.success());
    let asked = place.command(&["query", "Stock"]).env("DEEDS_TOKEN", "made-up").output();
    assert_eq!(asked.expect("the program starts").status.code(), Some(1));
    // Who can read the key file can be anybody.
    place.succeed(&["query", "Stock", "--as", "me", "--role", "volunteer"]);
    fs::remove_file(place.data().join("token.key")).expect("it was made");
    let complaint = place.fail(2, &["query", "Stock", "--as", "me", "--role", "volunteer"]);
    assert!(complaint.contains("who you are"), "{complaint}");
    assert!(place.succeed(&["token", "keys"]).contains("BEGIN PUBLIC KEY"));
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_changed_stored_type_is_seen_by_the_lock() {
    let place = Place::new();
    place.succeed(&["schema", "lock"]);
    assert!(place.succeed(&["schema", "lock", "--check"]).contains("as the code"));
    let file = place.path("schema.lock");
    let mut lock = json_of(&fs::read_to_string(&file).expect("it was written"));
    lock["events"]["food-bank/LotReceived"]["properties"]["quantity"]["type"] = json!("string");
    fs::write(&file, lock.to_string()).expect("it can be written");
    let complaint = place.fail(1, &["schema", "lock", "--check"]);
    assert!(complaint.contains("event food-bank/LotReceived has changed"), "{complaint}");
}

#[test]
fn the_committed_types_of_the_pages_are_those_of_the_code() {
    let place = Place::new();
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/web/src/deeds-api.ts");
    let check = ["codegen", "typescript", "--check", "--out"];
    assert!(place.succeed(&[&check[..], &[committed]].concat()).contains("as the code"));
    let old = place.path("old.ts");
    fs::write(&old, "export const app = {};").expect("it can be written");
    let old = old.display().to_string();
    let complaint = place.fail(1, &[&check[..], &[&old]].concat());
    assert!(complaint.contains("is not what the code says"), "{complaint}");
    place.succeed(&["codegen", "typescript", "--out", &old]);
    place.succeed(&[&check[..], &[&old]].concat());
    assert!(place.succeed(&["codegen", "typescript"]).contains("Catalogue: rowQuery<"));
}
