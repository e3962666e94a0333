//! A host that replies what a test wants, when it wants it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use deeds_chronicle::consistency::TreeReader;
use deeds_chronicle::{
    FrameIndex, Info, Outcome, ReadError, Reader, RecordDraft, RecordKind, StoredCommandId, Writer,
    WriterOptions,
};
use deeds_engine::actor::{Access, Actor, Keys, Operator, Roles};
use deeds_engine::app::QueryError;
use deeds_engine::changed::Changed;
use deeds_engine::live::{Identity, Publication, Question, View};
use deeds_engine::query::{Asker, Scope};
use deeds_engine::schema::AppSchema;
use deeds_engine::select::{ItemChange, Picked, Plan};
use deeds_engine::window::{Pane, Window};
use deeds_pipeline::counters::Counters;
use deeds_pipeline::entry::Entry;
use deeds_pipeline::held::HeldAtoms;
use deeds_pipeline::host::{Arguments, Health, Host, Offer, OnPublish, OnStop, QueryFailure};
use deeds_pipeline::keys::{NotSigned, SignedCheckpoint};
use deeds_pipeline::reply::{Caller, Reply, ReplyTo, SubmitError};
use deeds_pipeline::room::DiskRoom;
use deeds_pipeline::snapshot::SnapshotFigures;
use deeds_server::{Authentication, Person, Server, ServerOptions, TokenIssuer};
use deeds_sim::ModelDisk;
use deeds_values::{ActorId, CommandId, Lineage, Position, Timestamp};
use serde_json::{Value, json};

use crate::client::Client;

pub(crate) const LINEAGE: Lineage = Lineage([0x11; 8]);
pub(crate) const TIME: Timestamp = Timestamp(1_800_000_000_000_000);

/// A command as the host was given it.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) caller: Caller,
    pub(crate) id: CommandId,
    pub(crate) name: String,
    pub(crate) arguments: Value,
}

type OnSubmit = Box<dyn FnMut(Given, ReplyTo) -> Result<(), SubmitError> + Send>;

/// See the module.
pub(crate) struct StagedHost {
    pub(crate) on_submit: Mutex<OnSubmit>,
    pub(crate) submitted: AtomicU64,
    pub(crate) recorded: Mutex<BTreeMap<u64, Reply>>,
    pub(crate) health: Mutex<Health>,
    stop_calls: Mutex<Vec<OnStop>>,
    pub(crate) clock_confirmed: AtomicBool,
    published: Arc<AtomicU64>,
    followers: Mutex<Vec<OnPublish>>,
    chronicle: Reader,
}

impl StagedHost {
    /// Replies the same to everything.
    pub(crate) fn replying(reply: Reply) -> Arc<Self> {
        Self::new(move |_, reply_to| {
            reply_to(reply.clone());
            Ok(())
        })
    }

    pub(crate) fn new(
        on_submit: impl FnMut(Given, ReplyTo) -> Result<(), SubmitError> + Send + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            on_submit: Mutex::new(Box::new(on_submit)),
            submitted: AtomicU64::new(0),
            recorded: Mutex::default(),
            health: Mutex::new(Health::Serving),
            stop_calls: Mutex::default(),
            clock_confirmed: AtomicBool::new(false),
            published: Arc::new(AtomicU64::new(4)),
            followers: Mutex::default(),
            chronicle: chronicle(),
        })
    }

    /// Moves the published position on, and tells those who follow it.
    pub(crate) fn publish(&self, position: u64) {
        self.published.store(position, SeqCst);
        let publication = Publication { view: self.view(), changes: Arc::default() };
        for follower in self.followers.lock().unwrap().iter() {
            follower(&publication);
        }
    }
}

impl Host for StagedHost {
    fn schema(&self) -> Arc<AppSchema> {
        let command = json!({
            "doc": "", "aliases": [], "personal": [], "arguments": {}, "answer": {}, "refusals": {}
        });
        let arguments = json!({"type": "object", "properties": {
            "category": {"type": "string"}, "limit": {"type": ["integer", "null"]},
        }});
        let query = json!({"doc": "", "kind": "value", "scope": "me", "arguments": arguments, "answer": {}});
        let schema = json!({
            "app": "bank",
            "commands": {"bank/AddToCart": command, "bank/Checkout": command},
            "events": {},
            "queries": {"bank/Catalogue": query, "bank/Secrets": query, "bank/Broken": query},
            "tables": {"products": "Product"},
            "$defs": {},
        });
        Arc::new(serde_json::from_value(schema).unwrap())
    }

    fn lineage(&self) -> Lineage {
        LINEAGE
    }

    fn published(&self) -> Position {
        Position(self.published.load(SeqCst))
    }

    fn submit(
        &self,
        caller: Caller,
        id: CommandId,
        name: &str,
        arguments: &[u8],
        reply: ReplyTo,
    ) -> Result<(), SubmitError> {
        let arguments = serde_json::from_slice(arguments).unwrap_or(Value::Null);
        self.submitted.fetch_add(1, SeqCst);
        // A test may let it panic: the next one goes on.
        let mut on_submit = self.on_submit.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        on_submit(Given { caller, id, name: name.to_owned(), arguments }, reply)
    }

    fn submit_several(&self, caller: &Caller, offers: Vec<Offer<'_>>) -> Vec<(usize, SubmitError)> {
        let submitted = offers.into_iter().map(|Offer { id, name, arguments, reply }| {
            let json = match arguments {
                Arguments::Json(text) => text.to_vec(),
                Arguments::Packed(bytes) => {
                    let value: Value = rmp_serde::from_slice(bytes).unwrap_or_default();
                    value.to_string().into_bytes()
                }
            };
            self.submit(caller.clone(), id, name, &json, reply)
        });
        let left_out = submitted.enumerate().filter_map(|(place, it)| Some((place, it.err()?)));
        left_out.collect()
    }

    fn question(&self, name: &str, arguments: &[u8]) -> Result<Arc<dyn Question>, QueryFailure> {
        let name = match name.rsplit('/').next().unwrap() {
            "Catalogue" => "Catalogue",
            "Secrets" => "Secrets",
            "Broken" => "Broken",
            _ => return Err(QueryFailure::Unknown(name.to_owned())),
        };
        Ok(Arc::new(StagedQuestion { name, arguments: arguments.to_vec() }))
    }

    fn view(&self) -> View {
        View::staged(LINEAGE, self.published(), TIME)
    }

    fn identity(&self, _: &View, caller: &Caller) -> Identity {
        let actor = Actor::new(caller.actor.clone(), caller.roles.clone());
        Identity { actor, keys: Keys::none() }
    }

    fn recall(&self, position: Position) -> Result<Reply, ReadError> {
        self.recorded.lock().unwrap().get(&position.0).cloned().ok_or(ReadError::Absent)
    }

    fn records(&self, from: Position) -> Box<dyn Iterator<Item = Result<Entry, ReadError>> + Send> {
        let published = Arc::clone(&self.published);
        let mut next = from.0;
        // At the end it says `None`; asked again it goes on.
        Box::new(std::iter::from_fn(move || {
            if next > published.load(SeqCst) {
                return None;
            }
            next += 1;
            Some(Ok(entry(next - 1)))
        }))
    }

    fn has_role(&self, caller: &Caller, role: &str) -> bool {
        // Grace is an operator by the state.
        caller.roles.names().any(|name| name == role) || caller.actor.as_str() == "grace"
    }

    fn chronicle_info(&self) -> Result<Info, ReadError> {
        Ok(Info {
            lineage: LINEAGE,
            end: self.published().next(),
            frame: FrameIndex(1),
            segments: 3,
            head_bytes: 4_096,
            log_bytes: 10,
            bodies_bytes: 20,
            tiles_bytes: 30,
        })
    }

    fn checkpoint(&self) -> Result<SignedCheckpoint, NotSigned> {
        Err(NotSigned::NoKey)
    }

    fn tree(&self) -> Result<TreeReader, ReadError> {
        TreeReader::open(&self.chronicle)
    }

    fn chronicle(&self) -> &Reader {
        &self.chronicle
    }

    fn tables(&self) -> Vec<(&'static str, usize)> {
        vec![("products", 150)]
    }

    fn health(&self) -> Health {
        self.health.lock().unwrap().clone()
    }

    fn counters(&self) -> Counters {
        Counters { accepted: 7, frames: 3, append_us: 1_500_000, ..Counters::default() }
    }

    fn room(&self) -> DiskRoom {
        DiskRoom { free_bytes: Some(5 << 30), keep_free_bytes: 256 << 20 }
    }

    fn snapshots(&self) -> SnapshotFigures {
        SnapshotFigures::default()
    }

    fn held_atoms(&self) -> HeldAtoms {
        HeldAtoms::default()
    }

    fn confirm_clock(&self) {
        self.clock_confirmed.store(true, SeqCst);
    }

    fn on_stop(&self, call: OnStop) {
        if matches!(*self.health.lock().unwrap(), Health::Stopped { .. }) {
            call();
        } else {
            self.stop_calls.lock().unwrap().push(call);
        }
    }

    fn on_publish(&self, call: OnPublish) {
        self.followers.lock().unwrap().push(call);
    }
}

/// A chronicle of one record: what the host tells otherwise does not stand in it.
fn chronicle() -> Reader {
    let genesis = RecordDraft {
        position: Position(0),
        time: TIME,
        kind: RecordKind::Genesis,
        outcome: Outcome::None,
        actor: 0,
        credential: 0,
        command_id: StoredCommandId::None,
        cause: None,
        type_number: 0,
        code: 0,
        schema: 0,
        bodies: Vec::new(),
    };
    let options = WriterOptions::new(|| [0; 16]);
    Writer::create(ModelDisk::new().as_disk(), options, LINEAGE, &[genesis]).unwrap().reader()
}

fn entry(position: u64) -> Entry {
    Entry {
        lineage: LINEAGE,
        position: Position(position),
        time: TIME,
        kind: "command",
        actor: Some("ada".to_owned()),
        credential: None,
        command: Some("bank/AddToCart".to_owned()),
        id: None,
        cause: None,
        arguments: Some(json!({"sku": position})),
        outcome: Some("accepted"),
        events: Vec::new(),
        answer: None,
        refusal: None,
        system: None,
    }
}

/// A server before a host, and somebody with a token.
pub(crate) struct Served {
    pub(crate) server: Server,
    pub(crate) issuer: TokenIssuer,
    pub(crate) data: tempfile::TempDir,
}

impl Served {
    /// With tokens required.
    pub(crate) fn start(host: Arc<dyn deeds_pipeline::host::Host>) -> Self {
        Self::with(host, |_| {})
    }

    /// For development.
    pub(crate) fn in_development(host: Arc<dyn deeds_pipeline::host::Host>) -> Self {
        Self::with(host, |options| {
            let people = vec![Person {
                actor: ActorId::new("ada").unwrap(),
                roles: vec!["neighbor".to_owned()],
                about: "a neighbor".to_owned(),
            }];
            let issuer = TokenIssuer::ephemeral("bank");
            options.authentication = Authentication::Development { issuer, people };
        })
    }

    pub(crate) fn with(
        host: Arc<dyn deeds_pipeline::host::Host>,
        change: impl FnOnce(&mut ServerOptions),
    ) -> Self {
        let data = tempfile::tempdir().unwrap();
        let issuer = TokenIssuer::ephemeral("bank");
        let mut options = options(&issuer, Some(data.path().to_owned()));
        change(&mut options);
        Self { server: Server::start(host, options).unwrap(), issuer, data }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Asks without a token.
    pub(crate) fn nobody(&self) -> Client {
        Client { address: self.address(), token: None }
    }

    /// Asks as somebody with these roles.
    pub(crate) fn client(&self, actor: &str, roles: &[&str]) -> Client {
        let roles = Roles::named(roles.iter().copied());
        let hour = std::time::Duration::from_secs(3_600);
        let token = self.issuer.issue(&ActorId::new(actor).unwrap(), &roles, hour);
        Client { address: self.address(), token: Some(token) }
    }

    pub(crate) fn ada(&self) -> Client {
        self.client("ada", &["neighbor"])
    }

    pub(crate) fn operator(&self) -> Client {
        let roles = Roles::none().and(&Operator);
        self.client("olga", &roles.names().collect::<Vec<_>>())
    }

    /// The lines of the security journal.
    pub(crate) fn journal(&self) -> Vec<Value> {
        let path = self.data.path().join(deeds_server::SECURITY_JOURNAL_FILE);
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A free port of the loopback address; tokens of this issuer count.
pub(crate) fn options(issuer: &TokenIssuer, data_directory: Option<PathBuf>) -> ServerOptions {
    ServerOptions {
        pages: &[],
        listen: "127.0.0.1:0".parse().unwrap(),
        authentication: Authentication::Tokens(issuer.verifier()),
        public_hosts: vec!["bank.example".to_owned()],
        data_directory,
        open_metrics: false,
    }
}

/// A value as the engine encodes answers.
pub(crate) fn body(value: &Value) -> Vec<u8> {
    let mut body = Vec::new();
    deeds_engine::recorded::write(value, &mut body);
    body
}

/// Tells what it was asked, denies, or panics, by its name.
struct StagedQuestion {
    name: &'static str,
    arguments: Vec<u8>,
}

impl Question for StagedQuestion {
    fn name(&self) -> &'static str {
        self.name
    }

    fn arguments(&self) -> &[u8] {
        &self.arguments
    }

    fn scope(&self) -> Scope {
        Scope::Me
    }

    fn is_rows(&self) -> bool {
        false
    }

    fn limit(&self) -> Option<usize> {
        None
    }

    fn authorize(&self, _: &View, actor: &Actor) -> Access {
        match self.name {
            "Secrets" => Access::denied(format!("not for {}", actor.id())),
            _ => Access::Allowed,
        }
    }

    fn answer(&self, _: &View, _: &Asker) -> Result<Vec<u8>, QueryError> {
        assert_ne!(self.name, "Broken", "a query of the test's");
        Ok(self.arguments.clone())
    }

    fn window(&self) -> Option<&Window> {
        None
    }

    fn through(self: Arc<Self>, _: Window) -> Arc<dyn Question> {
        self
    }

    fn pick(&self, _: &View, _: &Asker) -> Result<Picked, QueryError> {
        unreachable!("it picks no rows")
    }

    fn plan(&self, _: &View, _: &Asker) -> Plan {
        unreachable!("it picks no rows")
    }

    fn item_changes(
        &self,
        _: &Plan,
        _: &Changed<'_>,
        _: &Asker,
    ) -> Result<Vec<ItemChange>, QueryError> {
        unreachable!("it picks no rows")
    }

    fn pane(&self, _: &View, _: &Asker) -> Result<Pane, QueryError> {
        unreachable!("it picks no rows")
    }

    fn pane_after(
        &self,
        _: &View,
        _: &Asker,
        _: &Pane,
        _: &Changed<'_>,
    ) -> Result<Pane, QueryError> {
        unreachable!("it picks no rows")
    }
}
