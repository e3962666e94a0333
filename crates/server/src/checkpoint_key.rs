//! The key files that checkpoints are signed with: one key, and beside it the one before.
//!
//! The files say what is to be; the chronicle learns of a new key when it is next opened, and only
//! then is it used. A crash between the steps of a rotation leaves no key in place: the next start
//! makes one, and the one before is still at hand.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use deeds_chronicle::note::SecretKey;
use deeds_pipeline::keys::CheckpointKeys;
use deeds_values::Duration;

use crate::key_file::{self, KeyFileError};

/// Opens the key file, or makes it; and the one before, if there is one.
pub fn open(path: &Path, overlap: Duration) -> Result<CheckpointKeys, KeyFileError> {
    let current = secret(path)?;
    let before = previous(path);
    let previous = match before.try_exists() {
        Ok(true) => Some(secret(&before)?),
        Ok(false) => None,
        Err(source) => return Err(KeyFileError::Io { what: "look for", path: before, source }),
    };
    Ok(CheckpointKeys { current, previous, overlap })
}

/// Puts a new key in the place of the one in the file, which becomes the one before; the one before
/// that is gone.
pub fn rotate(path: &Path) -> Result<(), KeyFileError> {
    // Only a sound key is worth keeping: a file that cannot be read is told of before it is moved.
    secret(path)?;
    let io = |source: io::Error| KeyFileError::Io { what: "move", path: path.to_owned(), source };
    fs::rename(path, previous(path)).map_err(io)?;
    secret(path).map(drop)
}

/// Where the key before lies.
pub fn previous(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".old");
    name.into()
}

fn secret(path: &Path) -> Result<SecretKey, KeyFileError> {
    Ok(SecretKey(key_file::open_or_make(path)?.to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_keeps_the_key_before_and_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("checkpoint.key");
        let opened = || {
            let keys = open(&path, Duration(0)).unwrap();
            (keys.current.0, keys.previous.map(|key| key.0))
        };
        let (first, none) = opened();
        assert_eq!(none, None);
        rotate(&path).unwrap();
        let (second, before) = opened();
        assert_eq!(before, Some(first));
        assert_ne!(second, first);
        assert_eq!(opened(), (second, Some(first)), "keys are made once");
        rotate(&path).unwrap();
        assert_eq!(opened().1, Some(second));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_crash_in_the_middle_of_a_rotation_leaves_the_key_before_at_hand() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("checkpoint.key");
        let first = open(&path, Duration(0)).unwrap().current.0;
        fs::rename(&path, previous(&path)).unwrap();
        let keys = open(&path, Duration(0)).unwrap();
        assert_ne!(keys.current.0, first);
        assert_eq!(keys.previous.map(|key| key.0), Some(first));
    }
}
