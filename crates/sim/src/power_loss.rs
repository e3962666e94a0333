//! What a crash leaves of what was not synced.
//!
//! The pieces of chance are sectors of 512 bytes and, in a directory, how many of the changes since
//! its last sync went through: a file system may keep them in order, or not. Synced bytes and sectors that
//! nothing touched are never at risk: that is what `docs/format.md` assumes of a disk.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::dice::Dice;
use crate::inode::{Change, Directory};

/// The piece of a file that a disk writes whole.
pub const SECTOR_BYTES: usize = 512;

/// The fate of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PowerLoss {
    /// All of it is lost.
    Lost,
    /// All of it had reached the disk.
    Kept,
    /// Everything but the end of the last write to each file had, cut at a byte.
    CutShort {
        /// Says where.
        seed: u64,
    },
    /// Any sectors had, in any order; places between them that were never written read as zeros.
    Sectors {
        /// Says which.
        seed: u64,
    },
    /// Whole writes had, in any order, and so had changes of directories: a name that was removed or
    /// replaced may be back, and a file may have both its names.
    Reordered {
        /// Says which.
        seed: u64,
    },
    /// As `Sectors`, but lost sectors behind the old end of the file hold old bytes of something
    /// else.
    Garbage {
        /// Says which, and what.
        seed: u64,
    },
}

impl PowerLoss {
    /// One of each kind, for a seed.
    pub fn kinds(seed: u64) -> [Self; 6] {
        let [cut_short, sectors, garbage] =
            [Self::CutShort { seed }, Self::Sectors { seed }, Self::Garbage { seed }];
        [Self::Lost, Self::Kept, cut_short, sectors, garbage, Self::Reordered { seed }]
    }

    /// Chance of its own for each file or directory.
    pub(crate) fn dice(self, number: u64) -> Dice {
        let seed = match self {
            Self::Lost | Self::Kept => 0,
            Self::CutShort { seed }
            | Self::Sectors { seed }
            | Self::Reordered { seed }
            | Self::Garbage { seed } => seed,
        };
        Dice::new(seed ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93))
    }

    /// How many of the changes of a directory went through.
    pub(crate) fn changes_kept(self, count: usize, dice: &mut Dice) -> usize {
        match self {
            Self::Lost => 0,
            Self::Kept => count,
            Self::CutShort { .. }
            | Self::Sectors { .. }
            | Self::Reordered { .. }
            | Self::Garbage { .. } => dice.below(count as u64 + 1) as usize,
        }
    }

    /// What is left of a directory's entries.
    pub(crate) fn entries(self, directory: &Directory, dice: &mut Dice) -> BTreeMap<String, u64> {
        let mut entries = directory.durable.clone();
        let Self::Reordered { .. } = self else {
            let kept = self.changes_kept(directory.changes.len(), dice);
            directory.changes[..kept].iter().for_each(|change| change.apply(&mut entries));
            return entries;
        };
        for change in &directory.changes {
            let (kept, stale) = (dice.coin(), dice.below(4) == 0);
            match change {
                // The new name is there, and the old one too.
                Change::Rename { to, inode, .. } if kept && stale => {
                    entries.insert(to.clone(), *inode);
                }
                change if kept => change.apply(&mut entries),
                _ => {}
            }
        }
        entries
    }

    /// What is left of a file whose synced bytes were `durable`, after these writes.
    pub(crate) fn remains(
        self,
        durable: &[u8],
        writes: &[(u64, Vec<u8>)],
        dice: &mut Dice,
    ) -> Vec<u8> {
        let mut bytes = durable.to_vec();
        match self {
            Self::Lost => {}
            Self::Kept => writes.iter().for_each(|(at, write)| place(&mut bytes, *at, write)),
            Self::CutShort { .. } => {
                for (number, (at, write)) in writes.iter().enumerate() {
                    let last = number + 1 == writes.len();
                    let kept = if last {
                        dice.below(write.len() as u64 + 1) as usize
                    } else {
                        write.len()
                    };
                    place(&mut bytes, *at, &write[..kept]);
                }
            }
            Self::Reordered { .. } => {
                for (at, write) in writes {
                    if dice.coin() {
                        place(&mut bytes, *at, write);
                    }
                }
            }
            Self::Sectors { .. } | Self::Garbage { .. } => {
                for (at, write) in writes {
                    self.scatter(&mut bytes, durable.len(), *at, write, dice);
                }
            }
        }
        bytes
    }

    fn scatter(self, bytes: &mut Vec<u8>, old_end: usize, at: u64, write: &[u8], dice: &mut Dice) {
        let mut done = 0;
        while done < write.len() {
            let offset = at as usize + done;
            let in_sector = SECTOR_BYTES - offset % SECTOR_BYTES;
            let count = in_sector.min(write.len() - done);
            if dice.coin() {
                place(bytes, offset as u64, &write[done..done + count]);
            } else if matches!(self, Self::Garbage { .. }) && offset >= old_end {
                let junk: Vec<u8> = (0..count).map(|_| dice.roll() as u8).collect();
                place(bytes, offset as u64, &junk);
            }
            done += count;
        }
    }
}

/// Writes into a file's bytes, which grow with zeros if need be.
pub(crate) fn place(bytes: &mut Vec<u8>, at: u64, write: &[u8]) {
    let end = at as usize + write.len();
    if write.is_empty() {
        return;
    }
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[at as usize..end].copy_from_slice(write);
}
