//! `checkpoint`: signs how the chronicle is now, and tells of the keys that it is signed with.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use deeds_chronicle::note::{NoteSigner, SecretKey};
use deeds_chronicle::{GuardFinding, LastSigned, Origin, ReadError, Reader};
use deeds_pipeline::keys::{
    self, CheckpointKeys, CheckpointSigner, NotSigned, RecordedKey, Withheld,
};
use deeds_server::checkpoint_key;
use deeds_values::Timestamp;
use serde_json::json;

use crate::cli::exit::{Exit, Failure, chain};
use crate::cli::opening::guard_to_read;
use crate::cli::place::{CheckpointKeyArguments, DataArguments};
use crate::cli::verify::open_failure;
use crate::program::Program;

/// Sign how the chronicle is now, so that later changes of its history can be found
///
/// Prints a signed note of the number of records and their Merkle root. Keep it where nobody who can
/// change the chronicle can change it, too; `verify --against` compares. Works beside a live server,
/// which signs the same at GET /v1/checkpoint.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show the keys that checkpoints of this chronicle are checked with, oldest first
    ///
    /// Each was recorded when it came into use. Give the last one to those who check: they name it
    /// with `verify --against FILE --key KEY`.
    Keys {
        /// The keys and when they came, as JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Put a new key in the place of the one in the key file
    ///
    /// It comes into use, and into the chronicle, when the server is next started; then both sign,
    /// until the overlap is over.
    RotateKey {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, clap::Args)]
struct Place {
    #[command(flatten)]
    data: DataArguments,
    #[command(flatten)]
    key: CheckpointKeyArguments,
}

/// Runs the verb.
pub(crate) fn run(
    program: &Program,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    match &arguments.what {
        None => write!(out, "{}", sign(program, &arguments.place)?)?,
        Some(What::Keys { json, place }) => {
            let recorded = recorded_keys(&place.data.reader(program.name)?)?;
            match json {
                true => writeln!(out, "{:#}", keys_json(&recorded))?,
                false => recorded.iter().try_for_each(|key| writeln!(out, "{}", key_line(key)))?,
            }
        }
        Some(What::RotateKey { place }) => {
            let file = place.key.file(program.name, &place.data);
            // What is not there is not replaced: it may have been named wrongly.
            if !file.exists() {
                return Err(no_key_file(&file));
            }
            checkpoint_key::rotate(&file).map_err(|error| Failure::failed(chain(&error)))?;
            writeln!(out, "a new key is in {}", file.display())?;
            writeln!(out, "the one before is in {}", checkpoint_key::previous(&file).display())?;
            writeln!(out, "start the server anew: then the new key is recorded, and both sign")?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// The checkpoint of what is durable now.
fn sign(program: &Program, place: &Place) -> Result<String, Failure> {
    let reader = place.data.reader(program.name)?;
    let recorded = recorded_keys(&reader)?;
    let last = &recorded.last().ok_or_else(no_key_recorded)?.activation;
    let origin = Origin::new(program.name, reader.lineage());
    let keys = keys_at_hand(program, place, &origin, &last.key)?;
    let (withheld, kept) =
        known_before(&reader).map_err(|error| place.data.located(program.name, error))?;
    let signer = CheckpointSigner::new(origin, reader, &keys, Some(last), withheld, kept);
    match signer.sign(now()) {
        Ok(signed) => Ok(signed.note.to_string()),
        Err(NotSigned::Read(error)) => Err(place.data.located(program.name, error)),
        Err(error @ NotSigned::NotKept(_)) => Err(Failure::failed(chain(&error))),
        Err(error @ (NotSigned::NoKey | NotSigned::Withheld(_))) => {
            Err(Failure::new(Exit::InvalidCheckpoint, error.to_string()).advise(
                "Compare with a backup or a mirror. Who is sure of this history removes the guard \
                 file and the checkpoint beside it.",
            ))
        }
    }
}

/// What forbids signing, and where it is kept in mind what was signed: only where there is a guard
/// file.
fn known_before(reader: &Reader) -> Result<(Option<Withheld>, Option<LastSigned>), ReadError> {
    let Some(guard) = guard_to_read(reader.lineage()) else { return Ok((None, None)) };
    let found = guard.compare(reader)?;
    if found == GuardFinding::Off {
        return Ok((None, None));
    }
    let kept = LastSigned::beside(&guard);
    let withheld = [found, kept.compare(reader)?].into_iter().find_map(Withheld::after);
    Ok((withheld, Some(kept)))
}

/// The keys of the key file, if the chronicle knows one of them as the one to sign with.
fn keys_at_hand(
    program: &Program,
    place: &Place,
    origin: &Origin,
    recorded: &str,
) -> Result<CheckpointKeys, Failure> {
    let file = place.key.file(program.name, &place.data);
    if !file.exists() {
        return Err(no_key_file(&file));
    }
    let keys = place.key.open(program.name, &place.data)?;
    let is_recorded = |secret: &SecretKey| {
        NoteSigner::new(origin.as_str(), secret).verifier().to_string() == recorded
    };
    if is_recorded(&keys.current) {
        return Ok(keys);
    }
    // A rotation that the chronicle has not heard of yet: the one before is still the one.
    match keys.previous {
        Some(previous) if is_recorded(&previous) => {
            Ok(CheckpointKeys { current: previous, previous: None, overlap: keys.overlap })
        }
        _ => Err(Failure::failed(format!(
            "the key in {} is not the one that the chronicle names",
            file.display()
        ))
        .advise("`serve` records it when it starts; or name the right one with --checkpoint-key.")),
    }
}

/// All keys that the chronicle names.
pub(crate) fn recorded_keys(reader: &Reader) -> Result<Vec<RecordedKey>, Failure> {
    keys::recorded(reader).map_err(open_failure)
}

fn no_key_recorded() -> Failure {
    Failure::failed("the chronicle names no key that checkpoints are signed with")
        .advise("`serve` makes one when it starts, and records it.")
}

fn no_key_file(file: &std::path::Path) -> Failure {
    Failure::failed(format!("there is no key file {}", file.display())).advise(
        "Name it with --checkpoint-key, or ask the server for what it signs: GET /v1/checkpoint.",
    )
}

fn key_line(key: &RecordedKey) -> String {
    let RecordedKey { position, time, activation } = key;
    let overlap = match (&activation.replaces, activation.overlap_until) {
        (None, _) => String::new(),
        (Some(_), Some(until)) => format!(", beside the one before until {until}"),
        (Some(_), None) => ", without the one before".to_owned(),
    };
    format!("{}  since {time}, position {position}{overlap}", activation.key)
}

fn keys_json(recorded: &[RecordedKey]) -> serde_json::Value {
    let keys = recorded.iter().map(|key| {
        let RecordedKey { position, time, activation } = key;
        json!({
            "key": activation.key,
            "position": position,
            "time": time,
            "replaces": activation.replaces,
            "overlap_until": activation.overlap_until,
            "note": activation.note,
        })
    });
    keys.collect()
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).expect("the clock is before the year 294,000"))
}
