//! One page as a session: its commands, in order, in one shell and a directory of its own.
//!
//! The session is a shell script, kept beside what it printed in `target/manual/<page>`, so that a
//! person can read it and run it again. In it
//! - addresses with the port 8080 have a free port instead, and `/mnt`, `/var/lib` lie in the directory;
//! - the programs of the target directory are found by their names;
//! - what goes on (a server, a backup that follows) is waited for until it has printed what the note
//!   says, and is killed at the end, with everything else that the session began.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::manual::likeness;
use crate::manual::page::{Block, Note};
use crate::tree;

/// How long a page may take: the slowest takes a tenth of it on two cores.
const PAGE_TIME_MAX: Duration = Duration::from_secs(180);
/// How often a page that runs is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long the script waits for what goes on to print what it is known by, in tenths of a second.
const GOES_ON_WAIT_TENTHS: u32 = 300;
/// What every app's server prints when it can be asked.
const SERVES: &str = " serves http";
/// What a command that never ends is known by. A second server ends the one before.
const SERVE: &str = " serve";
const FOLLOW: &str = "--follow";
/// The moment that pages show, and what stands for it here: just after now.
const MOMENT_SHOWN: [&str; 2] = ["2026-11-20 08:15:00", "$(date -u -d '1 minute' '+%F %T')"];
/// The port that pages show.
const PORT_SHOWN: &str = ":8080";
/// Directories of another machine that pages show, and beside the repository.
const PLACES_SHOWN: [&str; 3] = ["/mnt/", "/var/lib/", " ../"];

/// The commands of a page.
pub(crate) struct Session {
    page: String,
    steps: Vec<Step>,
}

/// One thing that the script does.
struct Step {
    line: usize,
    command: String,
    /// What the page shows of it; nothing: anything.
    shown: String,
    ends_with: u8,
    goes_on: Option<String>,
    in_the_repository: bool,
    /// The content of the file to write, if it is no command.
    saved: Option<String>,
}

/// What came of a page.
pub(crate) struct Run {
    pub(crate) commands: usize,
    pub(crate) taken: Duration,
    /// Each block that is not as shown, with what was printed.
    pub(crate) wrong: Vec<String>,
}

impl Session {
    pub(crate) fn of(page: &str, blocks: &[Block]) -> Session {
        let steps = blocks.iter().filter(|block| block.not_run().is_none()).flat_map(steps);
        Session { page: page.to_owned(), steps: steps.collect() }
    }

    /// Whether there is nothing to run; files alone are nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.steps.iter().all(|step| step.saved.is_some())
    }

    /// Runs the page, and compares.
    pub(crate) fn run(&self) -> anyhow::Result<Run> {
        let place = tree::target().join("manual").join(self.page.replace('/', "-"));
        if place.exists() {
            fs::remove_dir_all(&place)?;
        }
        for directory in ["home", "out", "work/mnt", "work/var/lib"] {
            fs::create_dir_all(place.join(directory))?;
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        fs::write(place.join("session.sh"), self.script(&place, port))?;
        let started = Instant::now();
        let mut shell = start(&place, port)?;
        let group = shell.id();
        let ended = wait(&mut shell)?;
        // Whatever the session began and did not end.
        let mut kill = Command::new("kill");
        kill.args(["-KILL", "--", &format!("-{group}")]).stderr(Stdio::null()).status()?;
        let mut wrong = self.differences(&place);
        if !ended && wrong.is_empty() {
            let least = place.join("out/script");
            let told = fs::read_to_string(least).unwrap_or_default();
            wrong.push(format!("{}: the session did not come to its end\n{told}", self.page));
        }
        let commands = self.steps.iter().filter(|step| step.saved.is_none()).count();
        Ok(Run { commands, taken: started.elapsed(), wrong })
    }

    /// The session as a script.
    fn script(&self, place: &Path, port: u16) -> String {
        let mut script = String::from(
            "# Run as bash session.sh; what each command prints is in out/NUMBER.\n\
             curl() { command curl --silent --show-error \"$@\"; }\n",
        );
        let place = place.display();
        for (number, step) in self.steps.iter().enumerate() {
            let _ = writeln!(script, "\n# line {}", step.line);
            if let Some(text) = &step.saved {
                let text = local(text, &place.to_string(), port);
                let _ =
                    writeln!(script, "cat >{} <<'END-OF-FILE'\n{text}END-OF-FILE", step.command);
                continue;
            }
            let command = local(&step.command, &place.to_string(), port);
            let go = match step.in_the_repository {
                true => format!("cd {}\n", tree::root().display()),
                false => format!("cd {place}/work\n"),
            };
            let out = format!("{place}/out/{number}");
            let (end, began) = match step.goes_on.as_deref() {
                Some(SERVES) => {
                    ("[ -z \"$server\" ] || { kill $server; wait $server; }\n", "server=$!\n")
                }
                _ => ("", ""),
            };
            script.push_str(&go);
            let _ = match &step.goes_on {
                None => writeln!(
                    script,
                    "{{ {command}\n}} >{out} 2>&1\ncode=$?; echo $code >{out}.code\n\
                     [ $code = {} ] || exit 1",
                    step.ends_with
                ),
                Some(text) => writeln!(
                    script,
                    "{end}( exec {command}\n) >{out} 2>&1 &\n{began}\
                     for _ in $(seq {GOES_ON_WAIT_TENTHS}); do grep -qF '{text}' {out} && break; kill -0 $! 2>/dev/null || break; sleep 0.1; done\n\
                     grep -qF '{text}' {out} || {{ echo never >{out}.code; exit 1; }}\n\
                     echo {} >{out}.code",
                    step.ends_with
                ),
            };
        }
        script
    }

    /// What is not as the page says, up to the first command that did not end as it should.
    fn differences(&self, place: &Path) -> Vec<String> {
        let mut wrong = Vec::new();
        for (number, step) in self.steps.iter().enumerate() {
            if step.saved.is_some() {
                continue;
            }
            let read = |end: &str| fs::read_to_string(place.join(format!("out/{number}{end}")));
            let printed = read("").unwrap_or_default();
            let code = read(".code").unwrap_or_else(|_| "no code".to_owned());
            let at = format!("{}:{}: `{}`", self.page, step.line, step.command);
            if code.trim() != step.ends_with.to_string() {
                let code = code.trim();
                wrong.push(format!(
                    "{at}\n   ended with {code}, not {}:\n{printed}",
                    step.ends_with
                ));
                break;
            }
            if step.shown.trim().is_empty() {
                continue;
            }
            if let Some(line) = likeness::missing(&step.shown, &printed) {
                wrong.push(format!("{at}\n   did not print `{line}`, but:\n{printed}"));
            }
        }
        wrong
    }
}

/// What a block has to be done for it.
fn steps(block: &Block) -> Vec<Step> {
    let step = |command: &str| Step {
        line: block.line,
        command: command.to_owned(),
        shown: String::new(),
        ends_with: 0,
        goes_on: None,
        in_the_repository: block.notes.contains(&Note::InTheRepository),
        saved: None,
    };
    let mut steps = Vec::new();
    for note in &block.notes {
        match note {
            Note::Before(command) => steps.push(step(command)),
            Note::Beside(command) => {
                steps.push(Step { goes_on: Some(SERVES.to_owned()), ..step(command) });
            }
            _ => {}
        }
    }
    if let Some(name) = block.saved_as() {
        steps.push(Step { saved: Some(block.text.clone()), ..step(name) });
    }
    let mut lines = block.text.lines().peekable();
    while let Some(line) = lines.next() {
        let command = match block.kind.as_str() {
            "console" => line.strip_prefix("$ "),
            "sh" if !line.trim().is_empty() => Some(line),
            _ => None,
        };
        match (command, steps.last_mut()) {
            (Some(command), _) => {
                let mut command = command.to_owned();
                while command.ends_with('\\')
                    && let Some(more) = lines.next()
                {
                    command.extend(["\n", more]);
                }
                let goes_on = endless(&command).map(str::to_owned);
                steps.push(Step { goes_on, ..step(&command) });
            }
            (None, Some(last)) if block.kind == "console" => last.shown.extend([line, "\n"]),
            (None, _) => {}
        }
    }
    for note in &block.notes {
        match (note, steps.last_mut()) {
            (Note::GoesOn(text), Some(last)) => last.goes_on = Some(text.clone()),
            (Note::EndsWith(code), Some(last)) => last.ends_with = *code,
            _ => {}
        }
    }
    steps
}

/// What is printed when a command that never ends has begun; nothing for one that ends.
fn endless(command: &str) -> Option<&'static str> {
    let of_a_file = command.contains(" --help") || command.contains('|');
    match command {
        _ if of_a_file => None,
        _ if command.split_once(SERVE).is_some_and(|(_, after)| !after.starts_with('r')) => {
            Some(SERVES)
        }
        _ if command.contains(FOLLOW) => Some(""),
        _ => None,
    }
}

/// The text with the session's own port and places.
fn local(text: &str, place: &str, port: u16) -> String {
    let mut text = text.replace(PORT_SHOWN, &format!(":{port}"));
    text = text.replace(MOMENT_SHOWN[0], MOMENT_SHOWN[1]);
    for shown in PLACES_SHOWN {
        let here = shown.trim_start_matches([' ', '.']);
        let space = if shown.starts_with(' ') { " " } else { "" };
        text = text.replace(shown, &format!("{space}{place}/work{here}"));
    }
    text
}

fn start(place: &Path, port: u16) -> anyhow::Result<Child> {
    let programs = tree::target().join("debug");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(
        std::iter::once(programs).chain(std::env::split_paths(&path).collect::<Vec<PathBuf>>()),
    )?;
    let address = format!("127.0.0.1:{port}");
    let out = File::create(place.join("out/script"))?;
    let mut shell = Command::new("bash");
    shell.arg(place.join("session.sh")).current_dir(place.join("work"));
    shell.env("PATH", path).env("XDG_STATE_HOME", place.join("home/state"));
    shell.env("DEEDS_LISTEN", &address).env("DEEDS_URL", format!("http://{address}"));
    for variable in ["DEEDS_DATA", "DEEDS_TOKEN", "DEEDS_TOKEN_KEY", "DEEDS_CHECKPOINT_KEY"] {
        shell.env_remove(variable);
    }
    shell.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).process_group(0);
    shell.spawn().context("starting bash")
}

/// Whether the session came to its end, in its time.
fn wait(shell: &mut Child) -> anyhow::Result<bool> {
    let started = Instant::now();
    loop {
        if let Some(status) = shell.try_wait()? {
            return Ok(status.success() && status.signal().is_none());
        }
        if started.elapsed() > PAGE_TIME_MAX {
            shell.kill()?;
            shell.wait()?;
            return Ok(false);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manual::page;

    fn wrong(name: &str, page: &str) -> Vec<String> {
        Session::of(name, &page::blocks(page).unwrap()).run().unwrap().wrong
    }

    #[test]
    fn a_page_that_shows_what_happens_has_nothing_wrong() {
        let page = "<!-- saved as a.csv -->\n```csv\nx\n```\n\
                    ```console\n$ name=$(cat a.csv)\n$ echo \\\n    $name 123\nx 777\n```\n\
                    <!-- ends with 3 -->\n```console\n$ (exit 3)\n```\n\
                    <!-- not run: it is far away -->\n```sh\nfalse\n```\n";
        assert_eq!(wrong("test-right", page), [] as [String; 0]);
    }

    #[test]
    fn other_output_another_exit_code_and_a_word_that_never_comes_are_told() {
        for (name, page, says) in [
            ("test-other", "```console\n$ echo a\nb\n```\n", "did not print `b`"),
            ("test-code", "```sh\n(exit 3)\n```\n", "ended with 3, not 0"),
            ("test-gone", "<!-- goes on: here -->\n```sh\necho a\n```\n", "ended with never"),
        ] {
            let told = wrong(name, page);
            assert!(told.len() == 1 && told[0].contains(says), "{told:?}");
        }
    }
}
