//! An app to measure: a real node on a real disk, stocked through its own commands. Mostly the food
//! bank.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{bail, ensure};
use deeds_chronicle::{Disk, RealDisk, WriterOptions};
use deeds_engine::actor::Roles;
use deeds_engine::engine::EngineOptions;
use deeds_pipeline::host::Host as _;
use deeds_pipeline::node::{Node, NodeOptions};
use deeds_pipeline::queue::QueueLimits;
use deeds_pipeline::reply::{Caller, Reply};
use deeds_pipeline::snapshot::SnapshotPolicy;
use deeds_values::ActorId;
use food_bank::{Category, Role};

use crate::draw::{Draw, Ids};
use crate::work::{Measured, NEIGHBORS, PRODUCTS, neighbor, sku};

/// Commands on their way while the bank is stocked: below what one actor may have waiting.
const STOCKING_IN_FLIGHT: usize = 1_024;

/// What one lot may hold.
const LOT_QUANTITY: u64 = 100_000;

/// The lots of the hot product: more than any measurement orders of it.
const HOT_LOTS: u64 = 20;

/// How long closing may take.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(30);

/// Opens the app in a directory, or founds one there. It remembers as many command ids as usual, or
/// so many.
pub(crate) fn open<A: Measured>(
    directory: &Path,
    window_commands: Option<usize>,
    progress: &mut dyn FnMut(u64, u64),
) -> anyhow::Result<Node<A>> {
    open_with(directory, window_commands, SnapshotPolicy::OFF, progress)
}

/// Opens the app, which takes snapshots as the policy says.
pub(crate) fn open_with<A: Measured>(
    directory: &Path,
    window_commands: Option<usize>,
    snapshots: SnapshotPolicy,
    progress: &mut dyn FnMut(u64, u64),
) -> anyhow::Result<Node<A>> {
    let mut engine = engine_options();
    engine.window_commands = window_commands.unwrap_or(engine.window_commands);
    let options = NodeOptions {
        checkpoint_keys: None,
        keep_free_bytes: 0,
        snapshots,
        disk: disk(directory),
        writer: Box::new(writer_options),
        engine,
        queue: QueueLimits::default(),
        code: "bench".to_owned(),
        seed: [7; 40],
        report: Arc::new(|report| println!("{report}")),
    };
    Ok(Node::start(options, &mut |done, end| progress(done.0, end.0))?)
}

/// As in release, however this was built.
pub(crate) fn engine_options() -> EngineOptions {
    EngineOptions { check_invariants: false, decode_again: false, ..EngineOptions::default() }
}

/// The disk below a directory.
pub(crate) fn disk(directory: &Path) -> Arc<dyn Disk> {
    Arc::new(RealDisk::new(directory))
}

/// As the food bank itself is run, but for the guard file, which `--dev` leaves out too.
pub(crate) fn writer_options() -> WriterOptions {
    let mut salts = Draw(now_ms());
    WriterOptions::new(move || {
        (u128::from(salts.next()) << 64 | u128::from(salts.next())).to_be_bytes()
    })
}

/// Founds an app with what it starts with: a bank with its products, its stock and its neighbors.
pub(crate) fn stocked<A: Measured>(directory: &Path) -> anyhow::Result<Node<A>> {
    let node = open(directory, None, &mut |_, _| {})?;
    let admin = ActorId::new("bench")?;
    let roles = Roles::none().and(&Role::Admin);
    let caller = Caller { actor: admin, roles, credential: "bench".to_owned() };
    let mut ids = Ids::new(now_ms(), now_ms());
    let mut stocking = Stocking::default();
    for (name, arguments) in A::stock() {
        stocking.make_room()?;
        let replies = stocking.sender.clone();
        let reply = Box::new(move |reply| drop(replies.send(reply)));
        node.submit(caller.clone(), ids.next(), name, arguments.as_bytes(), reply)?;
        stocking.in_flight += 1;
    }
    stocking.finish()?;
    Ok(node)
}

/// The commands that stock the bank, with their arguments. The same rows as `stock.sql` makes.
pub(crate) fn stock() -> impl Iterator<Item = (&'static str, String)> {
    let products = (0..=PRODUCTS).map(|n| {
        let (sku, barcode, category) = (sku(n), barcode(n), category(n));
        let arguments = format!(
            r#"{{"sku":"{sku}","name":"Product {n}","category":{category},"size":"1 kg",
                "barcode":"{barcode}","labels":[],"limit":null}}"#
        );
        ("AddProduct", arguments)
    });
    let lots_of = |n: u64| std::iter::repeat_n(n, if n == 1 { HOT_LOTS as usize } else { 1 });
    let lots = (1..=PRODUCTS).flat_map(lots_of).map(|n| {
        let sku = sku(n);
        let arguments =
            format!(r#"{{"sku":"{sku}","quantity":{LOT_QUANTITY},"best_before":"2100-01-01"}}"#);
        ("ReceiveLot", arguments)
    });
    let neighbors = (1..=NEIGHBORS).map(|n| {
        let actor = neighbor(n);
        let arguments = format!(
            r#"{{"neighbor":"{actor}","name":"Neighbor {n}","phone":"000","address":"Some Street {n}"}}"#
        );
        ("RegisterNeighbor", arguments)
    });
    products.chain(lots).chain(neighbors)
}

/// The n-th product's aisle, as JSON.
fn category(number: u64) -> String {
    use Category::{
        Bakery, Baking, Breakfast, Canned, Dairy, Frozen, Grains, Meat, Produce, Snacks,
    };
    let ten = [Bakery, Baking, Breakfast, Canned, Dairy, Frozen, Grains, Meat, Produce, Snacks];
    serde_json::to_string(&ten[(number % 10) as usize]).expect("stored types always serialize")
}

/// An in-store EAN-13 with its check digit.
pub(crate) fn barcode(number: u64) -> String {
    let digits = format!("20{number:010}");
    let weighed = digits.bytes().zip([1, 3].into_iter().cycle());
    let sum: u64 = weighed.map(|(digit, weight)| u64::from(digit - b'0') * weight).sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// What is on its way while a bank is stocked.
struct Stocking {
    sender: Sender<Reply>,
    replies: Receiver<Reply>,
    in_flight: usize,
}

impl Default for Stocking {
    fn default() -> Self {
        let (sender, replies) = channel();
        Self { sender, replies, in_flight: 0 }
    }
}

impl Stocking {
    fn make_room(&mut self) -> anyhow::Result<()> {
        while self.in_flight >= STOCKING_IN_FLIGHT {
            self.take_one()?;
        }
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<()> {
        while self.in_flight > 0 {
            self.take_one()?;
        }
        Ok(())
    }

    fn take_one(&mut self) -> anyhow::Result<()> {
        match self.replies.recv()? {
            Reply::Accepted { .. } => self.in_flight -= 1,
            other => bail!("stocking the app: {other:?}"),
        }
        Ok(())
    }
}

/// Closes the app's chronicle cleanly.
pub(crate) fn close<A: Measured>(node: Node<A>) -> anyhow::Result<()> {
    ensure!(node.shutdown(CLOSE_TIME_MAX), "the app did not close in time");
    Ok(())
}

/// An actor whose roles come from the state, as its token would say.
pub(crate) fn caller(actor: &ActorId) -> Caller {
    Caller { actor: actor.clone(), roles: Roles::none(), credential: "bench".to_owned() }
}

/// The time for new command ids.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    u64::try_from(since.as_millis()).expect("before the year 500,000,000")
}
