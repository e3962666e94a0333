//! The real program as a process: started, asked over HTTP, killed.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::Agent;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_food-bank");

/// How long a client goes on trying: a restart with a replay, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A directory for one test, and a port that nobody else listens on.
pub(crate) struct Place {
    directory: tempfile::TempDir,
    port: u16,
}

/// Ports that are never given out for outgoing connections (those begin at 32768), so that nobody
/// takes a server's port while it is down.
const PORTS: std::ops::Range<u16> = 10_240..32_000;

/// Each place has a port of its own, tried from a start that differs between test runs.
fn own_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let count = u32::from(PORTS.end - PORTS.start);
    let start = std::process::id().wrapping_mul(97) % count;
    loop {
        let place = start.wrapping_add(TAKEN.fetch_add(1, Ordering::SeqCst)) % count;
        let port = PORTS.start + u16::try_from(place).expect("below the count of ports");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory"), port: own_port() }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The program with this place's data, address and state; `arguments` begin with the verb.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments);
        self.surround(&mut command);
        command
    }

    /// Gives a command this place's surroundings.
    pub(crate) fn surround(&self, command: &mut Command) {
        command
            .env("DEEDS_DATA", self.data())
            .env("DEEDS_URL", self.url())
            .env("DEEDS_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("XDG_STATE_HOME", self.path("state"))
            .env_remove("DEEDS_TOKEN")
            .env_remove("DEEDS_ACTOR")
            .env_remove("DEEDS_LOG")
            .current_dir(self.directory.path());
    }

    /// Runs a verb to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program starts")
    }

    /// Runs a verb that must succeed; gives what it wrote.
    #[track_caller]
    pub(crate) fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("the program writes UTF-8")
    }

    /// Runs a verb that must fail with this code; gives what it complained of.
    #[track_caller]
    pub(crate) fn fail(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {complaint}");
        complaint
    }

    /// Every record so far, as `log --json` tells it.
    pub(crate) fn records(&self) -> Vec<Value> {
        let log = self.succeed(&["log", "--json"]);
        log.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }

    /// Starts the server and waits until it serves.
    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&["--dev", "--no-seed", "--check-invariants"])
    }

    /// Starts the server with these arguments and waits until it serves.
    pub(crate) fn serve_with(&self, arguments: &[&str]) -> Server {
        let mut all = vec!["serve"];
        all.extend(arguments);
        Server::start(self.command(&all), &self.url())
    }
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
}

impl Server {
    /// Starts a prepared command and waits until it answers at the address.
    pub(crate) fn start(command: Command, url: &str) -> Self {
        Self::try_start(command, url).unwrap_or_else(|(code, complaint)| {
            panic!("the server ended with {code:?}: {complaint}");
        })
    }

    /// The same; if it ends instead, its exit code and what it complained of.
    pub(crate) fn try_start(
        mut command: Command,
        url: &str,
    ) -> Result<Self, (Option<i32>, String)> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let complaints = child.stderr.take().expect("it was piped");
        let complaints = thread::spawn(move || {
            BufReader::new(complaints).lines().map_while(Result::ok).collect::<Vec<_>>().join("\n")
        });
        let agent = agent();
        let started = Instant::now();
        let mut server = Self { child };
        while agent.get(format!("{url}/healthz")).call().is_err() {
            if let Some(status) = server.child.try_wait().expect("it is our child") {
                return Err((status.code(), complaints.join().expect("it ends")));
            }
            assert!(started.elapsed() < PATIENCE, "the server does not answer at {url}");
            thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    /// The process's number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, in the middle of whatever it does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it is our child");
        self.child.wait().expect("it is our child");
    }

    /// Waits until it ends by itself; gives its exit code.
    pub(crate) fn wait(mut self) -> Option<i32> {
        self.child.wait().expect("it is our child").code()
    }

    /// Asks it to stop, and waits; gives its exit code.
    pub(crate) fn stop(self) -> Option<i32> {
        let id = self.child.id().to_string();
        self.stop_process(&id)
    }

    /// The same where the child runs the server as a child of its own: strace.
    pub(crate) fn stop_traced(self) -> Option<i32> {
        let id = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        let children = children.expect("strace runs on Linux");
        self.stop_process(children.trim())
    }

    fn stop_process(mut self, id: &str) -> Option<i32> {
        let asked = Command::new("kill").args(["-TERM", id]).status().expect("kill is there");
        assert!(asked.success());
        self.child.wait().expect("it is our child").code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ended already, or by a test that failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(20)))
        .build()
        .new_agent()
}

/// Somebody with a connection and a token.
#[derive(Clone)]
pub(crate) struct Client {
    agent: Agent,
    url: String,
    token: String,
}

/// An answer: status and body.
pub(crate) type Answer = (u16, Value);

impl Client {
    /// Becomes an actor with a role, as development allows.
    pub(crate) fn of(place: &Place, actor: &str, role: &str) -> Self {
        let client = Self { agent: agent(), url: place.url(), token: String::new() };
        let who = json!({ "actor": actor, "roles": [role] });
        let (status, body) = client.post("/v1/dev/token", None, &who).expect("the server answers");
        assert_eq!(status, 200, "{body}");
        Self { token: body["token"].as_str().expect("a token is text").to_owned(), ..client }
    }

    /// Comes with a token.
    pub(crate) fn with_token(place: &Place, token: &str) -> Self {
        Self { agent: agent(), url: place.url(), token: token.to_owned() }
    }

    /// Sends a command once.
    pub(crate) fn send(
        &self,
        name: &str,
        id: &str,
        arguments: &Value,
    ) -> Result<Answer, ureq::Error> {
        self.post(&format!("/v1/commands/{name}"), Some(id), arguments)
    }

    /// Sends a command until it is answered, whatever happens to the server meanwhile.
    pub(crate) fn send_until_answered(&self, name: &str, id: &str, arguments: &Value) -> Answer {
        let started = Instant::now();
        loop {
            match self.send(name, id, arguments) {
                Ok((status, body)) if !matches!(status, 429 | 503 | 504) => return (status, body),
                unsure => assert!(started.elapsed() < PATIENCE, "no answer: {unsure:?}"),
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends a command with a new id; it must be accepted.
    #[track_caller]
    pub(crate) fn must(&self, name: &str, arguments: &Value) -> Value {
        let (status, body) = self.send_until_answered(name, &new_id(), arguments);
        assert_eq!(status, 200, "{name}: {body}");
        body
    }

    /// Asks for a path; the body as it comes.
    pub(crate) fn get(&self, path: &str) -> (u16, Vec<u8>) {
        let request = self.agent.get(format!("{}{path}", self.url));
        let request = request.header("Authorization", format!("Bearer {}", self.token));
        let mut response = request.call().expect("the server answers");
        let body = response.body_mut().read_to_vec().expect("the body comes whole");
        (response.status().as_u16(), body)
    }

    fn post(&self, path: &str, id: Option<&str>, body: &Value) -> Result<Answer, ureq::Error> {
        let mut request = self
            .agent
            .post(format!("{}{path}", self.url))
            .header("Content-Type", "application/json");
        if !self.token.is_empty() {
            request = request.header("Authorization", format!("Bearer {}", self.token));
        }
        if let Some(id) = id {
            request = request.header("Idempotency-Key", id);
        }
        let mut response = request.send(body.to_string().as_str())?;
        let text = response.body_mut().read_to_string()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok((response.status().as_u16(), body))
    }
}

/// A new UUIDv7.
pub(crate) fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}
