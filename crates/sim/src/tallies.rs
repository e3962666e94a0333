//! What happened in many histories, counted.

use std::collections::BTreeMap;
use std::fmt;

/// What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// The power went at an operation of this kind.
    CutAt,
    /// The power went while this was going on.
    CutDuring,
    /// What a power loss left.
    Loss,
    /// What failed.
    Fault,
    /// What was found out about bytes that changed behind everybody's back.
    Decay,
    /// How the chronicle was opened again.
    Restart,
    /// What was copied, and made of copies.
    Copy,
    /// What clients were told.
    Reply,
    /// What clocks did.
    Clock,
    /// What was held against the oracle.
    Check,
}

impl Group {
    fn title(self) -> &'static str {
        match self {
            Self::CutAt => "power cut at the boundary of",
            Self::CutDuring => "power cut during",
            Self::Loss => "left by a power cut",
            Self::Fault => "faults injected",
            Self::Decay => "decay, on a copy",
            Self::Restart => "restarts",
            Self::Copy => "backups and restores",
            Self::Reply => "clients were told",
            Self::Clock => "clocks",
            Self::Check => "checked",
        }
    }
}

/// How often each thing happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tallies(BTreeMap<(Group, String), u64>);

impl Tallies {
    /// It happened once more.
    pub fn count(&mut self, group: Group, what: impl ToString) {
        self.add(group, what, 1);
    }

    /// It happened so often more.
    pub fn add(&mut self, group: Group, what: impl ToString, times: u64) {
        *self.0.entry((group, what.to_string())).or_default() += times;
    }

    /// How often it happened.
    pub fn of(&self, group: Group, what: &str) -> u64 {
        self.0.get(&(group, what.to_owned())).copied().unwrap_or_default()
    }

    /// Adds those of other histories.
    pub fn join(&mut self, other: Self) {
        for ((group, what), times) in other.0 {
            self.add(group, what, times);
        }
    }
}

impl fmt::Display for Tallies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = None;
        for ((group, what), times) in &self.0 {
            if last != Some(*group) {
                writeln!(f, "{}", group.title())?;
                last = Some(*group);
            }
            writeln!(f, "  {what:<28}{times:>12}")?;
        }
        Ok(())
    }
}
