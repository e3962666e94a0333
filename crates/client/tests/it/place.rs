//! A server before the board: it can be stopped and started again on its disk, and replaced by one
//! with another chronicle.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use deeds_chronicle::WriterOptions;
use deeds_engine::actor::Roles;
use deeds_engine::engine::EngineOptions;
use deeds_pipeline::host::Host;
use deeds_pipeline::node::{Node, NodeOptions};
use deeds_pipeline::queue::QueueLimits;
use deeds_pipeline::reply::Caller;
use deeds_pipeline::snapshot::SnapshotPolicy;
use deeds_server::{Authentication, Server, ServerOptions, TokenIssuer};
use deeds_sim::ModelDisk;
use deeds_values::{ActorId, CommandId, Lineage};
use serde_json::Value;

use crate::board::Board;
use crate::history::History;

/// See the module.
pub(crate) struct Place {
    issuer: TokenIssuer,
    disk: ModelDisk,
    running: Option<(Arc<Node<Board>>, Server)>,
    stopping: Option<(Arc<Node<Board>>, JoinHandle<()>)>,
    /// Every chronicle there was.
    pub(crate) histories: BTreeMap<Lineage, History>,
    founded: u8,
    commands: u64,
    /// What the servers that were stopped counted.
    pub(crate) counted: Counted,
}

/// What servers count of their live clients.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) resumed: u64,
    pub(crate) not_resumed: u64,
    pub(crate) fell_behind: u64,
    /// The most that waited for one socket, in any of them.
    pub(crate) waiting_bytes_most: u64,
}

impl Place {
    pub(crate) fn open() -> Self {
        let mut place = Self {
            issuer: TokenIssuer::ephemeral("board"),
            disk: ModelDisk::new(),
            running: None,
            stopping: None,
            histories: BTreeMap::new(),
            founded: 1,
            commands: 0,
            counted: Counted::default(),
        };
        place.start();
        place
    }

    fn start(&mut self) {
        let founded = self.founded;
        let options = NodeOptions {
            disk: self.disk.as_disk(),
            writer: Box::new(|| WriterOptions::new(|| [7; 16])),
            engine: EngineOptions {
                check_invariants: true,
                decode_again: true,
                window_commands: 10_000,
            },
            queue: QueueLimits::default(),
            code: "test".to_owned(),
            seed: [founded; 40],
            checkpoint_keys: None,
            keep_free_bytes: 0,
            snapshots: SnapshotPolicy::OFF,
            report: Arc::new(|_| {}),
        };
        let node = Arc::new(Node::<Board>::start(options, &mut |_, _| {}).unwrap());
        let options = ServerOptions {
            listen: "127.0.0.1:0".parse().unwrap(),
            authentication: Authentication::Tokens(self.issuer.verifier()),
            public_hosts: Vec::new(),
            data_directory: None,
            open_metrics: true,
            pages: &[],
        };
        let server = Server::start(Arc::clone(&node) as Arc<dyn Host>, options).unwrap();
        let lineage = node.lineage();
        self.histories.entry(lineage).or_insert_with(|| History::new(lineage));
        self.running = Some((node, server));
    }

    /// Adds what the running server has counted.
    fn count(&mut self) {
        let Some(address) = self.address() else { return };
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        let number = |name: &str| -> u64 {
            let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.unwrap_or_else(|| panic!("no {name} in {page}")).parse().unwrap()
        };
        let waiting = number("deeds_live_waiting_bytes_most");
        let counted = &mut self.counted;
        counted.resumed += number("deeds_live_resumed_total");
        counted.not_resumed += number("deeds_live_not_resumed_total");
        counted.fell_behind += number("deeds_live_fell_behind_total");
        counted.waiting_bytes_most = counted.waiting_bytes_most.max(waiting);
    }

    /// Begins to stop it, if it runs. Until it [`Self::has_stopped`] it says goodbye to its clients.
    pub(crate) fn stop(&mut self) {
        self.count();
        if let Some((node, server)) = self.running.take() {
            let stopped = Arc::clone(&node);
            let stopping = std::thread::spawn(move || {
                server.stop();
                assert!(node.shutdown(Duration::from_secs(10)));
            });
            self.stopping = Some((stopped, stopping));
        }
    }

    /// Whether it has; nothing answered is lost.
    pub(crate) fn has_stopped(&mut self) -> bool {
        self.follow();
        let Some((_, stopping)) = self.stopping.take_if(|(_, thread)| thread.is_finished()) else {
            return self.stopping.is_none();
        };
        stopping.join().unwrap();
        true
    }

    /// Starts it on its disk, if it has stopped.
    pub(crate) fn start_again(&mut self) {
        assert!(self.stopping.is_none());
        if self.running.is_none() {
            self.start();
        }
    }

    /// Another chronicle takes its place, as after a restore.
    pub(crate) fn replace(&mut self) {
        self.founded += 1;
        self.disk = ModelDisk::new();
        self.start_again();
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.running.as_ref().map(|(_, server)| server.address())
    }

    pub(crate) fn lineage(&self) -> Lineage {
        self.running.as_ref().unwrap().0.lineage()
    }

    /// A token of this actor.
    pub(crate) fn token(&self, actor: &str) -> String {
        let hour = Duration::from_secs(3_600);
        self.issuer.issue(&ActorId::new(actor).unwrap(), &Roles::none(), hour)
    }

    /// A command of somebody who watches nothing; nobody waits for it.
    pub(crate) fn command(&mut self, actor: &str, name: &str, arguments: &Value) {
        let Some((node, _)) = &self.running else { return };
        self.commands += 1;
        let id = CommandId::Numbered { source: "backstage".to_owned(), number: self.commands };
        let caller = Caller {
            actor: ActorId::new(actor).unwrap(),
            roles: Roles::none(),
            credential: "test".to_owned(),
        };
        let arguments = arguments.to_string();
        node.submit(caller, id, name, arguments.as_bytes(), Box::new(|_| {})).unwrap();
    }

    /// Reads what was recorded since.
    pub(crate) fn follow(&mut self) {
        let running = self.running.as_ref().map(|(node, _)| node);
        if let Some(node) = running.or(self.stopping.as_ref().map(|(node, _)| node)) {
            self.histories.get_mut(&node.lineage()).unwrap().follow(&**node);
        }
    }

    /// Where the running chronicle has got to, with all that was sent to it.
    pub(crate) fn settled(&mut self) -> u64 {
        let mut before = None;
        loop {
            self.follow();
            let last = self.histories[&self.lineage()].last();
            if before == last {
                return last.unwrap();
            }
            before = last;
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
