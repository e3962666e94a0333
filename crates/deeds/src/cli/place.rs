//! Where things lie: the data directory, the key for tokens, the guard file.

use std::env;
#[cfg(target_os = "linux")]
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deeds_chronicle::{Disk, ReadError, Reader, RealDisk};

use deeds_pipeline::keys::CheckpointKeys;
use deeds_server::{TokenIssuer, checkpoint_key};
use deeds_values::Duration;

use crate::cli::exit::{Failure, chain};

/// The name of the key file in the data directory.
const KEY_FILE: &str = "token.key";
/// The name of the file whose lock a chronicle's writer holds.
#[cfg(target_os = "linux")]
const LOCK_FILE: &str = "lock";

/// The name of the file with the key for checkpoints.
const CHECKPOINT_KEY_FILE: &str = "checkpoint.key";

const DAY: Duration = Duration(24 * 3600 * 1_000_000);

/// Where the chronicle lies.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DataArguments {
    /// The directory of the chronicle [default: data/<app>].
    #[arg(long, env = "DEEDS_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
}

impl DataArguments {
    /// The data directory.
    pub(crate) fn directory(&self, app: &str) -> PathBuf {
        self.data.clone().unwrap_or_else(|| Path::new("data").join(app))
    }

    /// The disk of the data directory.
    pub(crate) fn disk(&self, app: &str) -> Arc<dyn Disk> {
        Arc::new(RealDisk::new(self.directory(app)))
    }

    /// Opens the chronicle for reading, beside a live server or without one.
    pub(crate) fn reader(&self, app: &str) -> Result<Reader, Failure> {
        Reader::open(self.disk(app)).map_err(|error| self.located(app, error))
    }

    /// A failure to read, with the directory it was looked for in.
    pub(crate) fn located(&self, app: &str, error: ReadError) -> Failure {
        Failure::from(error).while_doing(&self.directory(app).display().to_string())
    }
}

/// The key that tokens are signed with.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct KeyArguments {
    #[command(flatten)]
    pub data: DataArguments,
    /// The key file for tokens, made if absent [default: token.key in the data directory].
    #[arg(long, env = "DEEDS_TOKEN_KEY", value_name = "FILE")]
    pub key: Option<PathBuf>,
}

impl KeyArguments {
    /// The key file.
    pub(crate) fn file(&self, app: &str) -> PathBuf {
        self.key.clone().unwrap_or_else(|| self.data.directory(app).join(KEY_FILE))
    }

    /// Opens the key file, or makes it.
    pub(crate) fn open(&self, app: &str) -> Result<TokenIssuer, Failure> {
        TokenIssuer::open(&self.file(app), app).map_err(|error| {
            Failure::failed(chain(&error))
                .advise("Name the data directory with --data, or a key file with --key.")
        })
    }
}

/// The key that checkpoints are signed with.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct CheckpointKeyArguments {
    /// The key file for checkpoints, made when the chronicle is opened to write if it is absent
    /// [default: checkpoint.key in the data directory].
    #[arg(long, env = "DEEDS_CHECKPOINT_KEY", value_name = "FILE")]
    pub checkpoint_key: Option<PathBuf>,
    /// How many days a key that has been replaced goes on signing beside the new one.
    #[arg(long, value_name = "N", default_value_t = KEY_OVERLAP_DAYS)]
    pub key_overlap_days: u16,
}

/// A quarter: who looks once in a while has seen both keys side by side.
const KEY_OVERLAP_DAYS: u16 = 90;

impl CheckpointKeyArguments {
    /// The key file.
    pub(crate) fn file(&self, app: &str, data: &DataArguments) -> PathBuf {
        let default = || data.directory(app).join(CHECKPOINT_KEY_FILE);
        self.checkpoint_key.clone().unwrap_or_else(default)
    }

    /// Opens the key file, or makes it.
    pub(crate) fn open(&self, app: &str, data: &DataArguments) -> Result<CheckpointKeys, Failure> {
        let overlap = Duration(DAY.0 * i64::from(self.key_overlap_days));
        checkpoint_key::open(&self.file(app, data), overlap).map_err(|error| {
            Failure::failed(chain(&error)).advise("Name a key file with --checkpoint-key.")
        })
    }
}

/// The directory for what a program must remember about this user's files; none when the system
/// names no home. Guard files lie here: not beside the data, so that both are not put back from the
/// same old copy.
pub(crate) fn state_directory() -> Option<PathBuf> {
    let named = |name: &str| env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let state = named("XDG_STATE_HOME").or_else(|| Some(named("HOME")?.join(".local/state")))?;
    Some(state.join("deeds"))
}

/// The process that holds the lock of a chronicle, where the system says: Linux lists locks by the
/// inode of their file.
#[cfg(target_os = "linux")]
pub(crate) fn lock_holder(directory: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    let inode = fs::metadata(directory.join(LOCK_FILE)).ok()?.ino();
    // `1: FLOCK  ADVISORY  WRITE 4711 08:01:1234567 0 EOF`
    let locks = fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let same_file = words.get(5)?.rsplit(':').next()? == inode.to_string();
        if same_file { words.get(4)?.parse().ok() } else { None }
    })
}

/// The process that holds the lock of a chronicle; not known on this system.
#[cfg(not(target_os = "linux"))]
pub(crate) fn lock_holder(_: &Path) -> Option<u32> {
    None
}
