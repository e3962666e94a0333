//! Faults planted on purpose: an oracle that has never seen a fault proves nothing.
//!
//! Some lie in the model disk, two in what the simulation does; the others in the code under test,
//! compiled only with the feature `plant`.

use std::fmt;

use crate::faults::Faults;

/// A fault that every history has from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// The disk says that it synced files, and did not.
    NoFsync,
    /// The same of directories.
    NoDirSync,
    /// Checksums are not looked at.
    NoChecksum,
    /// Answers leave before their frame is durable.
    EarlyAnswer,
    /// Recovery takes whatever has a bad checksum for torn.
    CutAtBadChecksum,
    /// A restart forgets which commands were seen.
    ForgetDuplicates,
    /// A snapshot holds an older state than it says.
    StaleSnapshot,
    /// A restore takes a record more than it was asked for.
    RestoreTooFar,
}

impl Plant {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::NoFsync,
        Self::NoDirSync,
        Self::NoChecksum,
        Self::EarlyAnswer,
        Self::CutAtBadChecksum,
        Self::ForgetDuplicates,
        Self::StaleSnapshot,
        Self::RestoreTooFar,
    ];

    /// The plant of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|plant| plant.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoFsync => "no-fsync",
            Self::NoDirSync => "no-dir-sync",
            Self::NoChecksum => "no-checksum",
            Self::EarlyAnswer => "early-answer",
            Self::CutAtBadChecksum => "cut-at-bad-checksum",
            Self::ForgetDuplicates => "forget-duplicates",
            Self::StaleSnapshot => "stale-snapshot",
            Self::RestoreTooFar => "restore-too-far",
        }
    }

    /// What it is, in a line.
    pub fn about(self) -> &'static str {
        match self {
            Self::NoFsync => "syncs of files do nothing and say they did",
            Self::NoDirSync => "syncs of directories do nothing and say they did",
            Self::NoChecksum => "every checksum holds",
            Self::EarlyAnswer => "answers leave before their frame is durable",
            Self::CutAtBadChecksum => "recovery takes every bad frame for a torn one",
            Self::ForgetDuplicates => "a restart forgets which commands were seen before",
            Self::StaleSnapshot => "a snapshot holds an older state than it says",
            Self::RestoreTooFar => "a restore takes a record more than it was asked for",
        }
    }

    /// Plants it in the code of this process; false if that was compiled without plants.
    pub fn plant(self) -> bool {
        match self {
            Self::NoFsync | Self::NoDirSync | Self::StaleSnapshot | Self::RestoreTooFar => {
                return true;
            }
            #[cfg(feature = "plant")]
            Self::NoChecksum => deeds_chronicle::plant::ignore_checksums_everywhere(),
            #[cfg(feature = "plant")]
            Self::EarlyAnswer => deeds_pipeline::plant::let_answers_leave_early(),
            #[cfg(feature = "plant")]
            Self::CutAtBadChecksum => deeds_chronicle::plant::cut_at_bad_checksums(),
            #[cfg(feature = "plant")]
            Self::ForgetDuplicates => deeds_engine::plant::forget_duplicates(),
            #[cfg(not(feature = "plant"))]
            Self::NoChecksum
            | Self::EarlyAnswer
            | Self::CutAtBadChecksum
            | Self::ForgetDuplicates => {}
        }
        cfg!(feature = "plant")
    }

    /// What it does to every disk.
    pub(crate) fn faults(plant: Option<Self>) -> Faults {
        Faults {
            syncs_lie: plant == Some(Self::NoFsync),
            dir_syncs_lie: plant == Some(Self::NoDirSync),
            ..Faults::default()
        }
    }
}

impl fmt::Display for Plant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
