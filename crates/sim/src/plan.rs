//! Plans: everything that happens in one history, written down before any of it does.
//!
//! A seed makes a plan; running a plan asks no chance of its own. So a plan that fails can be made
//! shorter act by act, kept as text, and run again after the way in which seeds make plans changed.
//! Acts name things by how long ago they were, never by what came before them, so that a plan stays
//! one when an act is left out.

use serde::{Deserialize, Serialize};

use crate::dice::Dice;
use crate::faults::Operation;
use crate::power_loss::PowerLoss;

/// Every history sends at least so many commands.
pub const COMMANDS_MIN: usize = 200;

/// What is in the tins.
pub const NAMES: [&str; 3] = ["beans", "peas", "soup"];

/// One history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The seed that made it.
    pub seed: u64,
    /// How things are set up.
    pub setting: Setting,
    /// What happens, in order.
    pub acts: Vec<Act>,
}

/// How a history is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// The size of a segment.
    pub segment_bytes: u64,
    /// How far the frames of a segment are written ahead.
    #[serde(default)]
    pub write_ahead_bytes: u64,
    /// What of the disk is kept free.
    #[serde(default)]
    pub keep_free_bytes: u64,
    /// How large the reserve is.
    #[serde(default)]
    pub reserve_bytes: u64,
    /// Whether full segments are split by others than the writer.
    pub sealing_handed: bool,
    /// Whether there is a guard file.
    pub guard: bool,
    /// How many commands the duplicate window holds.
    pub window_commands: usize,
    /// The size of a chunk of a snapshot.
    pub chunk_bytes: usize,
    /// How many clients there are.
    pub clients: usize,
}

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the line of a variant speaks of its fields")]
pub enum Wish {
    /// Put in so many.
    Stock { name: usize, count: u32 },
    /// Take so many.
    Take { name: usize, count: u32 },
    /// Take what nobody has.
    TakeUnknown,
    /// Put back the tin with this number.
    PutBack { number: u64 },
    /// The app panics.
    Stumble,
}

/// What a client calls its command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the line of a variant speaks of its fields")]
pub enum Stamp {
    /// A UUIDv7 of this moment.
    Now,
    /// One of a moment that is to come: the client's clock is ahead.
    Ahead { ms: u64 },
    /// One of a moment long gone: it is behind.
    Behind { ms: u64 },
    /// The next number of a source, some left out.
    Numbered { skip: u64 },
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the line of a variant speaks of its fields")]
pub enum Act {
    /// A client sends a command.
    Send { client: usize, wish: Wish, stamp: Stamp },
    /// It sends one again that it sent so many commands ago; with other content, if it errs.
    Again { client: usize, back: usize, changed: Option<Wish> },
    /// The engine decides so many that wait.
    Decide { count: usize },
    /// The chronicle's half commits what was handed to it, and is handed what has been decided.
    Commit,
    /// A client looks at the published state, and may go on looking at it.
    Read { client: usize },
    /// Time passes.
    Pass { us: u64 },
    /// The wall clock is set: forward or back.
    Jump { us: i64 },
    /// The wall clock stands while time passes.
    Stand { us: u64 },
    /// A person confirms the wall clock.
    Confirm,
    /// The chronicle is closed and opened again; the power may go meanwhile.
    Close { cut: Option<(Operation, u64, PowerLoss)> },
    /// The process is killed; the system lives.
    Kill,
    /// The power goes now.
    Cut { loss: PowerLoss },
    /// The power will go at an operation of this kind, after so many others of it, and perhaps again
    /// while recovering.
    CutAt { operation: Operation, after: u64, loss: PowerLoss, again: Option<(Operation, u64)> },
    /// An operation fails, so many from now.
    Fail { after: u64 },
    /// Every sync fails, from so many operations on.
    Dying { after: u64 },
    /// The disk has room for so many bytes more.
    Full { bytes: u64 },
    /// There is room again.
    Room,
    /// There is room again, and nothing fails.
    Mend,
    /// Reads return few bytes.
    ShortReads { bytes: usize },
    /// A snapshot is taken of what was published so many reads ago, while so many commands go on.
    Snapshot { back: usize, commands: usize },
    /// Somebody splits a full segment.
    Seal,
    /// A client asks how large the tree is, and its root.
    Checkpoint,
    /// Somebody makes a backup; the power of the archive's disk may go after so many operations.
    BackUp { owner: u8, take_over: bool, cut: Option<(u64, PowerLoss)> },
    /// The archive is restored.
    Restore(RestoreAct),
    /// A bit of a file changes. On a copy of the disk: this one lives on.
    Rot { place: u64 },
    /// A write of a moment ago turns out to have landed elsewhere. On a copy.
    Misdirect { back: usize, place: Option<u64> },
}

/// A restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreAct {
    /// How far into the archive, in thousandths.
    pub permille: u16,
    /// Whether the time of the record there is named, and not its position.
    pub by_time: bool,
    /// A first attempt is cut off after so many operations.
    pub crash_after: Option<u64>,
    /// What a power loss leaves of what was restored.
    pub loss: PowerLoss,
    /// Whether life goes on there.
    pub live_on: bool,
}

const MINUTE_US: u64 = 60_000_000;
const HOUR_US: u64 = 60 * MINUTE_US;

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("a plan has numbers and names")
}

/// What this history is prone to: faults come in company, and some histories are spared some.
struct Temper {
    dice: Dice,
    clients: usize,
    crashes: bool,
    failures: bool,
    clocks: bool,
    liars: bool,
    snapshots: bool,
    decay: bool,
    copies: bool,
}

impl Plan {
    /// The plan of a seed.
    pub fn of_seed(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let setting = Setting {
            segment_bytes: 3_000 + dice.below(14_000),
            write_ahead_bytes: if dice.coin() { 4_000 + dice.below(30_000) } else { 0 },
            keep_free_bytes: if dice.coin() { 2_000 + dice.below(60_000) } else { 0 },
            reserve_bytes: if dice.coin() { 1_000 + dice.below(20_000) } else { 0 },
            sealing_handed: dice.coin(),
            guard: dice.coin(),
            window_commands: if dice.coin() { 1_000 } else { 30 + dice.below(120) as usize },
            chunk_bytes: 256 + dice.below(1_500) as usize,
            clients: 2 + dice.below(4) as usize,
        };
        let mut most = || dice.below(5) > 0;
        let [crashes, failures, clocks] = [most(), most(), most()];
        let [liars, snapshots, decay] = [most(), most(), most()];
        let copies = most();
        let clients = setting.clients;
        let mut temper =
            Temper { dice, clients, crashes, failures, clocks, liars, snapshots, decay, copies };
        let mut acts = Vec::new();
        if temper.crashes && temper.dice.coin() {
            acts.push(temper.cut_founding());
        }
        let mut commands = 0;
        while commands < COMMANDS_MIN {
            let act = temper.act();
            commands += usize::from(matches!(act, Act::Send { .. }));
            acts.push(act);
        }
        Self { seed, setting, acts }
    }

    /// The plan as text, an act to a line: what is kept of one that failed.
    pub fn to_text(&self) -> String {
        let acts: Vec<String> = self.acts.iter().map(json).collect();
        let (seed, setting) = (self.seed, json(&self.setting));
        let acts = acts.join(",\n");
        format!("{{\"seed\":{seed},\"setting\":{setting},\"acts\":[\n{acts}\n]}}\n")
    }

    /// The plan of a text.
    pub fn of_text(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

impl Temper {
    fn act(&mut self) -> Act {
        let client = self.dice.below(self.clients as u64) as usize;
        match self.dice.below(1_000) {
            0..380 => Act::Send { client, wish: self.wish(), stamp: self.stamp() },
            380..450 => {
                let back = self.dice.below(12) as usize;
                let changed = (self.liars && self.dice.below(6) == 0).then(|| self.wish());
                Act::Again { client, back, changed }
            }
            450..650 => Act::Decide { count: 1 + self.dice.below(6) as usize },
            650..812 => Act::Commit,
            812..826 if self.copies => self.backup(),
            826..830 if self.copies => self.restore(),
            812..830 => Act::Commit,
            830..880 => Act::Read { client },
            880..910 => Act::Pass { us: self.dice.below(20 * 1_000_000) },
            910..925 if self.clocks => self.clock(),
            925..950 if self.crashes => self.restart(),
            950..962 if self.failures => self.failure(),
            962..975 if self.snapshots => Act::Snapshot {
                back: self.dice.below(3) as usize,
                commands: self.dice.below(4) as usize,
            },
            975..982 => Act::Seal,
            982..988 => Act::Checkpoint,
            988..994 if self.decay => Act::Rot { place: self.dice.roll() },
            994..1_000 if self.decay => Act::Misdirect {
                back: self.dice.below(12) as usize,
                place: self.dice.coin().then(|| self.dice.roll()),
            },
            _ => Act::Commit,
        }
    }

    fn wish(&mut self) -> Wish {
        let name = self.dice.below(NAMES.len() as u64) as usize;
        let count = 1 + self.dice.below(4) as u32;
        match self.dice.below(20) {
            0..6 => Wish::Stock { name, count },
            6..16 => Wish::Take { name, count },
            16 => Wish::TakeUnknown,
            17..19 => Wish::PutBack { number: 1 + self.dice.below(60) },
            _ => Wish::Stumble,
        }
    }

    fn stamp(&mut self) -> Stamp {
        match self.dice.below(20) {
            0 if self.liars => Stamp::Ahead { ms: self.dice.below(20 * 60_000) },
            1 if self.liars => Stamp::Behind { ms: self.dice.below(30 * 3_600_000) },
            2..6 => Stamp::Numbered { skip: self.dice.below(3) },
            _ => Stamp::Now,
        }
    }

    fn clock(&mut self) -> Act {
        match self.dice.below(8) {
            0 => Act::Jump { us: self.dice.below(3 * HOUR_US) as i64 },
            1 => Act::Jump { us: -(self.dice.below(3 * HOUR_US) as i64) },
            2 => Act::Jump { us: self.dice.below(50) as i64 * 1_000_000 },
            3 => Act::Stand { us: self.dice.below(10 * MINUTE_US) },
            4 => Act::Pass { us: self.dice.below(30 * HOUR_US) },
            _ => Act::Confirm,
        }
    }

    fn restart(&mut self) -> Act {
        match self.dice.below(12) {
            0 => Act::Close { cut: None },
            1 => {
                let closing = [Operation::Write, Operation::Sync, Operation::Rename];
                let operation = closing[self.dice.below(3) as usize];
                Act::Close { cut: Some((operation, self.dice.below(3), self.loss())) }
            }
            2 => Act::Kill,
            3 => Act::Cut { loss: self.loss() },
            _ => self.cut_at(),
        }
    }

    fn cut_at(&mut self) -> Act {
        let (operation, after) = self.boundary();
        let loss = self.loss();
        let again = (self.dice.below(3) == 0).then(|| self.boundary());
        Act::CutAt { operation, after, loss, again }
    }

    /// Directories are made once, so now or never.
    fn cut_founding(&mut self) -> Act {
        let of_a_directory = |dice: &mut Dice| (Operation::CreateDir, dice.below(6));
        let (operation, after) =
            if self.dice.coin() { of_a_directory(&mut self.dice) } else { self.boundary() };
        let again = (self.dice.below(3) == 0).then(|| of_a_directory(&mut self.dice));
        Act::CutAt { operation, after, loss: self.loss(), again }
    }

    /// Rare operations as often as common ones.
    fn boundary(&mut self) -> (Operation, u64) {
        let operation = Operation::ALL[self.dice.below(7) as usize];
        let after = match operation {
            Operation::Write | Operation::Sync => self.dice.below(20),
            Operation::CreateDir => self.dice.below(6),
            _ => self.dice.below(4),
        };
        (operation, after)
    }

    fn loss(&mut self) -> PowerLoss {
        let kinds = PowerLoss::kinds(self.dice.roll());
        kinds[self.dice.below(kinds.len() as u64) as usize]
    }

    fn backup(&mut self) -> Act {
        let owner = u8::from(self.dice.below(6) == 0);
        let take_over = self.dice.below(4) == 0;
        let cut = (self.dice.below(3) == 0).then(|| (self.dice.below(25), self.loss()));
        Act::BackUp { owner, take_over, cut }
    }

    fn restore(&mut self) -> Act {
        Act::Restore(RestoreAct {
            permille: if self.dice.coin() { 1_000 } else { self.dice.below(1_001) as u16 },
            by_time: self.dice.coin(),
            crash_after: self.dice.coin().then(|| self.dice.below(40)),
            loss: self.loss(),
            live_on: self.dice.below(3) == 0,
        })
    }

    fn failure(&mut self) -> Act {
        match self.dice.below(9) {
            0..3 => Act::Fail { after: self.dice.below(30) },
            3 => Act::Dying { after: self.dice.below(20) },
            4 => Act::Full { bytes: self.dice.below(8_000) },
            5 => Act::Full { bytes: self.dice.below(90_000) },
            6 => Act::ShortReads { bytes: 1 + self.dice.below(700) as usize },
            7 => Act::Room,
            _ => Act::Mend,
        }
    }
}
