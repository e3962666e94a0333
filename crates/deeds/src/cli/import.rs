//! `import COMMAND FILE.csv`: each row one command, to a running server.
//!
//! Rows go in batches of NDJSON, one after the other, because numbered ids rise. A batch that is
//! cut off by a restart of the server is sent again: what was recorded is recognised by its id.

use std::fs;
use std::io::{IsTerminal, Write, stderr};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::arguments::{self, Kind};
use crate::cli::exit::{Exit, Failure, chain};
use crate::cli::progress::Bar;
use crate::cli::remote::{Remote, RemoteArguments, said_no};
use crate::cli::sheet::{Line, Sheet};
use crate::program::Program;

/// Send each row of a CSV file as a command
///
/// The first line names the arguments. A cell is read as the command's schema says: numbers, true
/// or false, text; lists are split at `;`; an empty cell is an absent argument.
///
/// Repeating an import is safe: a row's id is the file's hash and its line, so what was recorded
/// before is recognised and not run again. Rows are not one transaction: each is accepted or
/// refused by itself.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The command, like RegisterProduct.
    command: String,
    /// The file.
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,
    /// Check every row against the command's schema and send nothing; needs no server.
    #[arg(long)]
    dry_run: bool,
    /// Print what became of each row as a line of JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArguments,
}

/// How many rows travel together: enough to keep the pipeline full while one batch's answers come
/// back, few enough that a batch cut off is soon sent again.
const BATCH_LINES: usize = 2_000;
/// The most bytes that travel together.
const BATCH_BYTES: usize = 4 << 20;
/// How long a server that stopped answering is waited for: a restart with a replay.
const RETRY_FOR: Duration = Duration::from_secs(60);
/// How long between two attempts.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// How many rows are complained of on a terminal before it is left at a count.
const COMPLAINTS_MAX: u64 = 50;

/// Runs the verb.
pub(crate) fn run(
    program: &Program,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let schema = (program.schema)();
    let (command, shape) = arguments::find(&schema, Kind::Command, &arguments.command)?;
    let text = fs::read(&arguments.file).map_err(|error| {
        Failure::failed(format!("cannot read {}: {error}", arguments.file.display()))
    })?;
    let sheet = Sheet::open(&text, shape)
        .map_err(|failure| failure.while_doing(&arguments.file.display().to_string()))?;
    let remote = match arguments.dry_run {
        true => None,
        false => Some(Remote::connect(program.name, &arguments.remote, true)?),
    };
    let published_before = match &remote {
        None => 0,
        Some(remote) => published(remote)?,
    };
    let mut import = Import {
        command,
        source: sheet.source().to_owned(),
        bar: Bar::new("rows", text.len() as u64, !arguments.json && stderr().is_terminal()),
        json: arguments.json,
        tally: Tally::default(),
        published_before,
        out,
    };
    import.all(sheet, remote.as_ref())?;
    import.summary(arguments.dry_run)
}

/// The last record that the server has published.
fn published(remote: &Remote) -> Result<u64, Failure> {
    let answered = remote.get("/v1/position", &[])?;
    match answered.body["position"].as_u64() {
        Some(position) if answered.is_success() => Ok(position),
        _ => Err(said_no(&answered)),
    }
}

struct Import<'a> {
    command: &'a str,
    source: String,
    bar: Bar,
    json: bool,
    tally: Tally,
    /// The last record before this import.
    published_before: u64,
    out: &'a mut dyn Write,
}

/// What became of the rows.
#[derive(Default, Serialize)]
struct Tally {
    rows: u64,
    accepted: u64,
    refused: u64,
    failed: u64,
    already_there: u64,
}

/// Rows on their way.
#[derive(Default)]
struct Batch {
    body: Vec<u8>,
    lines: Vec<u64>,
}

/// What became of one row.
#[derive(Serialize)]
struct RowOutcome<'a> {
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<&'a str>,
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl Import<'_> {
    fn all(&mut self, mut sheet: Sheet<'_>, remote: Option<&Remote>) -> Result<(), Failure> {
        let mut batch = Batch::default();
        while let Some(Line { number, arguments }) = sheet.next() {
            self.tally.rows += 1;
            match (arguments, remote) {
                (Err(error), _) => {
                    self.tally.failed += 1;
                    let column = error.column.as_deref();
                    self.tell(&RowOutcome {
                        line: number,
                        column,
                        outcome: "failed",
                        position: None,
                        reason: Some(&error.reason),
                    })?;
                }
                (Ok(_), None) => self.tally.accepted += 1,
                (Ok(arguments), Some(_)) => {
                    let id = format!("{}/{number}", self.source);
                    let line = json!({ "command": self.command, "id": id, "arguments": arguments });
                    serde_json::to_writer(&mut batch.body, &line)
                        .expect("JSON values always serialize");
                    batch.body.push(b'\n');
                    batch.lines.push(number);
                }
            }
            if let Some(remote) = remote
                && (batch.lines.len() >= BATCH_LINES || batch.body.len() >= BATCH_BYTES)
            {
                self.send(remote, std::mem::take(&mut batch))?;
            }
            self.bar.set(sheet.bytes_read().0, self.tally.rows);
        }
        if let Some(remote) = remote
            && !batch.lines.is_empty()
        {
            self.send(remote, batch)?;
        }
        self.bar.finish();
        Ok(())
    }

    /// Sends a batch until every row of it is answered.
    fn send(&mut self, remote: &Remote, mut batch: Batch) -> Result<(), Failure> {
        let mut since = Instant::now();
        let mut told = false;
        loop {
            let (answered, broken) = self.send_once(remote, &batch)?;
            if answered == batch.lines.len() {
                return Ok(());
            }
            if answered > 0 {
                since = Instant::now();
                told = false;
                batch.lines.drain(..answered);
                batch.body = after_lines(&batch.body, answered);
            }
            if since.elapsed() > RETRY_FOR {
                return Err(
                    broken.advise("Import the same file again: it goes on where it stopped.")
                );
            }
            if !std::mem::replace(&mut told, true) {
                self.bar.note(&format!("waiting for the server: {}", broken.what));
            }
            thread::sleep(RETRY_PAUSE);
        }
    }

    /// Sends a batch once; gives how many of its rows are settled and why no more are.
    fn send_once(&mut self, remote: &Remote, batch: &Batch) -> Result<(usize, Failure), Failure> {
        let lines = match remote.post_lines("/v1/commands", &batch.body) {
            Ok(Ok(lines)) => lines,
            Ok(Err(answered)) if matches!(answered.status, 429 | 503) => {
                return Ok((0, said_no(&answered)));
            }
            Ok(Err(answered)) => return Err(said_no(&answered)),
            Err(no_server) => return Ok((0, no_server)),
        };
        let mut settled = 0;
        // Answers since the first row that was not taken in: sent again, unless a later row was
        // recorded, because numbers of one source only rise.
        let mut held_back: Vec<Value> = Vec::new();
        let mut why = Failure::new(Exit::NoServer, "the server ended its answer early");
        for line in lines {
            let line = match line {
                Ok(line) => line,
                Err(error) => {
                    why.what = chain(&error);
                    break;
                }
            };
            let answer: Value = serde_json::from_str(&line)
                .map_err(|error| Failure::failed(format!("the server's answer: {error}")))?;
            if settled + held_back.len() >= batch.lines.len() {
                return Err(Failure::failed("the server answered more rows than were sent"));
            }
            if is_unfinished(&answer) {
                why.what = reason_of(&answer);
                held_back.push(answer);
            } else if held_back.is_empty() || is_recorded(&answer) {
                held_back.push(answer);
                for answer in held_back.drain(..) {
                    self.count(batch.lines[settled], &answer)?;
                    settled += 1;
                }
            } else {
                held_back.push(answer);
            }
        }
        Ok((settled, why))
    }

    fn count(&mut self, line: u64, answer: &Value) -> Result<(), Failure> {
        let reason = reason_of(answer);
        let status = answer["status"].as_u64();
        // Of the rows of an earlier import the last one is answered as at first, those before it are
        // gone.
        let position = answer["position"].as_u64();
        let recorded_before =
            is_recorded(answer) && position.is_some_and(|at| at <= self.published_before);
        let (outcome, reason) = match status {
            Some(410) => ("already there", None),
            _ if recorded_before => ("already there", None),
            Some(200) => ("accepted", None),
            Some(422) => ("refused", Some(reason.as_str())),
            _ => ("failed", Some(reason.as_str())),
        };
        match outcome {
            "accepted" => self.tally.accepted += 1,
            "refused" => self.tally.refused += 1,
            "already there" => self.tally.already_there += 1,
            _ => self.tally.failed += 1,
        }
        let column = answer["field"].as_str();
        self.tell(&RowOutcome { line, column, outcome, position, reason })
    }

    /// Tells of a row: all of them as JSON, else those that did not go through.
    fn tell(&mut self, row: &RowOutcome<'_>) -> Result<(), Failure> {
        if self.json {
            serde_json::to_writer(&mut *self.out, row).map_err(std::io::Error::from)?;
            self.out.write_all(b"\n")?;
            return Ok(());
        }
        let Some(reason) = row.reason else { return Ok(()) };
        let complaints = self.tally.failed + self.tally.refused;
        if complaints <= COMPLAINTS_MAX {
            let column = row.column.map_or_else(String::new, |name| format!(", column {name}"));
            self.bar.note(&format!("line {}{column}: {}: {reason}", row.line, row.outcome));
        } else if complaints == COMPLAINTS_MAX + 1 {
            self.bar.note("further rows are only counted; --json tells of each");
        }
        Ok(())
    }

    fn summary(&mut self, dry_run: bool) -> Result<Exit, Failure> {
        let tally = &self.tally;
        if self.json {
            serde_json::to_writer(&mut *self.out, &json!({ "summary": tally }))
                .map_err(std::io::Error::from)?;
            writeln!(self.out)?;
        } else if dry_run {
            let fit = tally.accepted;
            writeln!(
                self.out,
                "{} rows: {fit} fit, {} do not; nothing was sent",
                tally.rows, tally.failed
            )?;
        } else {
            let Tally { rows, accepted, refused, failed, already_there } = tally;
            writeln!(
                self.out,
                "{rows} rows: {accepted} accepted, {refused} refused, {failed} failed, \
                 {already_there} already there"
            )?;
        }
        self.out.flush()?;
        Ok(if tally.refused + tally.failed > 0 { Exit::SaidNo } else { Exit::Done })
    }
}

/// Whether the row has yet to be sent again: queue full, stopping, clock, unknown outcome.
fn is_unfinished(answer: &Value) -> bool {
    matches!(answer["status"].as_u64(), Some(429 | 503 | 504))
}

/// Whether the row has a record: accepted, refused or a bug.
fn is_recorded(answer: &Value) -> bool {
    matches!(answer["status"].as_u64(), Some(200 | 422 | 500))
}

fn reason_of(answer: &Value) -> String {
    let texts = [&answer["refusal"]["message"], &answer["detail"], &answer["title"]];
    let said = texts.into_iter().find_map(Value::as_str);
    said.map_or_else(|| format!("status {}", answer["status"]), str::to_owned)
}

/// What follows so many lines.
fn after_lines(body: &[u8], lines: usize) -> Vec<u8> {
    body.split_inclusive(|byte| *byte == b'\n').skip(lines).flatten().copied().collect()
}
