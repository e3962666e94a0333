//! A newcomer's afternoon: an app is made and tested, runs, and is changed while it runs.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long is waited for a build: minutes on a machine that builds other things as well.
const BUILD_TIME_MAX: Duration = Duration::from_secs(420);

/// An app that `deeds dev` runs, or nothing does.
struct Afternoon {
    folder: tempfile::TempDir,
    port: u16,
    dev: Option<Child>,
}

impl Afternoon {
    fn app(&self) -> PathBuf {
        self.folder.path().join("my-app")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    fn start(&mut self) {
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        let mut dev = Command::new(env!("CARGO_BIN_EXE_deeds"));
        dev.args(["dev", "--no-page", "--port", &self.port.to_string()]).current_dir(self.app());
        dev.env("CARGO_TARGET_DIR", target()).env("CARGO_NET_OFFLINE", "true").stdin(Stdio::null());
        self.dev = Some(dev.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
    }

    /// Waits until this has been said so often.
    fn says(&mut self, words: &str, times: usize) {
        let began = Instant::now();
        while self.log().matches(words).count() < times {
            let ended = self.dev.as_mut().unwrap().try_wait().unwrap();
            assert_eq!(ended, None, "it ended:\n{}", self.log());
            assert!(began.elapsed() < BUILD_TIME_MAX, "not `{words}`, but:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn edit(&self, old: &str, new: &str) {
        let file = self.app().join("src/main.rs");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(old), "{old}");
        fs::write(&file, text.replace(old, new)).unwrap();
    }

    fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Value {
        let mut request = ureq::post(format!("http://127.0.0.1:{}{path}", self.port));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut response = request.content_type("application/json").send(body.to_string()).unwrap();
        serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap()
    }

    /// The titles on the list.
    fn titles(&self) -> Vec<String> {
        let token = self.post("/v1/dev/token", None, &json!({ "actor": "ada" }));
        let request = ureq::get(format!("http://127.0.0.1:{}/v1/queries/Tasks", self.port));
        let token = format!("Bearer {}", token["token"].as_str().unwrap());
        let mut response = request.header("authorization", token).call().unwrap();
        let told: Value =
            serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap();
        let rows = told["data"].as_array().or_else(|| told["answer"].as_array());
        let rows = rows.unwrap_or_else(|| panic!("{told}"));
        rows.iter().map(|row| row["title"].as_str().unwrap().to_owned()).collect()
    }

    fn add(&self, title: &str) {
        let token = self.post("/v1/dev/token", None, &json!({ "actor": "ada" }));
        let token = token["token"].as_str().unwrap();
        self.post("/v1/commands/AddTask", Some(token), &json!({ "title": title }));
    }

    fn stop(&mut self) {
        let mut dev = self.dev.take().unwrap();
        let mut kill = Command::new("kill");
        assert!(kill.args(["-TERM", &dev.id().to_string()]).status().unwrap().success());
        assert!(dev.wait().unwrap().success(), "{}", self.log());
    }
}

impl Drop for Afternoon {
    fn drop(&mut self) {
        if self.dev.is_some() && !std::thread::panicking() {
            self.stop();
        } else if let Some(dev) = &mut self.dev {
            let _ = Command::new("kill").args(["-TERM", &dev.id().to_string()]).status();
            let _ = dev.wait();
        }
    }
}

/// Where the workspace is built: what others than the app's own crates are needed is there.
fn target() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_deeds")).ancestors().nth(2).unwrap()
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

#[test]
fn an_app_is_made_tested_run_changed_broken_and_mended_and_keeps_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let mut deeds = Command::new(env!("CARGO_BIN_EXE_deeds"));
    let made = deeds.args(["new", "my-app"]).current_dir(folder.path()).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    assert!(String::from_utf8_lossy(&made.stdout).contains("published nowhere yet"), "{made:?}");
    let mut day = Afternoon { folder, port: free_port(), dev: None };

    let mut tests = Command::new(env!("CARGO"));
    tests.args(["test", "--offline", "--quiet"]).current_dir(day.app());
    let tested = tests.env("CARGO_TARGET_DIR", target()).output().unwrap();
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stderr));
    assert!(String::from_utf8_lossy(&tested.stdout).contains("2 passed"), "{tested:?}");

    day.start();
    day.says("my-app runs at", 1);
    day.add("Buy milk");
    assert_eq!(day.titles(), ["Buy milk"]);

    // Other words in the code: a new program, and the state is the same.
    day.edit("Somebody has deleted it.", "Somebody was quicker.");
    day.says("my-app runs at", 2);
    day.says("makes the same state as before (1 rows)", 1);
    assert_eq!(day.titles(), ["Buy milk"]);

    // What an event means has changed: the same records make another state, and one is shown which.
    day.edit("Task { id, title, added_at", "Task { id, title: title.to_uppercase(), added_at");
    day.says("my-app runs at", 3);
    day.says("+ {\"added_at\"", 1);
    assert!(day.log().contains("tasks: 1 rows as they were, 1 as they are now"), "{}", day.log());
    assert_eq!(day.titles(), ["BUY MILK"]);

    // What does not compile changes nothing.
    day.edit("fn main()", "fn mian()");
    day.says("this does not compile; what runs goes on", 1);
    assert_eq!(day.titles(), ["BUY MILK"]);
    day.edit("fn mian()", "fn main()");
    day.says("the program is the same", 1);

    // Nor does what cannot read the records that there are.
    day.edit(
        "meta: &Meta<'_>, id: TaskId, title: String",
        "meta: &Meta<'_>, id: TaskId, name: String",
    );
    day.edit("TaskAdded { id, title }", "TaskAdded { id, name: title }");
    day.edit("title: title.to_uppercase()", "title: name");
    day.says("cannot read what is recorded, and does not take over", 1);
    day.add("Water the plants");
    assert_eq!(day.titles(), ["BUY MILK", "WATER THE PLANTS"]);

    let port = day.port;
    day.stop();
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err(), "the server has ended, too");
}
