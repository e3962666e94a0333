//! The life of a command, top to bottom (DESIGN §4).
//!
//! ```text
//! submit ─▶ FairQueue ─▶ Decider::decide ─▶ Frame ─▶ Publisher::commit
//!                        duplicate? authorize,       append: hash, write, fsync   ← commit point
//!                        decide, evolve, encode      publish the atom
//!                                                    answer
//!                                                    notify
//! ```
//!
//! Synchronous and free of threads and clocks: [`crate::node`] runs the [`Decider`] on one thread and
//! the [`Publisher`] on another, so that the next frame is decided while the last is being synced;
//! the simulation runs both on one. A frame carries everything that waits for it: its records, the
//! changes they made, and the replies, also those of commands that left no record. So nothing that is
//! not durable is ever visible, and no reply overtakes the state it was decided on.

use std::sync::{Arc, Mutex, RwLock};

use arc_swap::ArcSwap;
use deeds_chronicle::frame::FRAME_CONTENT_BYTES_MAX;
use deeds_chronicle::{
    AppendError, BodyClass, BodyDraft, CommitmentKind, Outcome, Reader, RecordDraft, RecordKind,
    StoredCommandId, Writer,
};
use deeds_engine::actor::Roles;
use deeds_engine::app::App;
use deeds_engine::atom::{Atom, BEHIND_MAX};
use deeds_engine::changes::FrameChanges;
use deeds_engine::clock::Now;
use deeds_engine::command::Parsed;
use deeds_engine::engine::{self, Engine, Intent, Recording, Verdict};
use deeds_engine::live::{Publication, View};
use deeds_values::{CommandId, Position, Timestamp};

use crate::chores::Chore;
use crate::counters::Counters;
use crate::keys::KeyActivation;
use crate::names::{Names, Namespace};
use crate::reply::{Caller, Reply, ReplyTo, Submission};
use crate::report::{Report, ReportTo, chain};
use crate::room::Room;
use crate::system::{self, Definitions};

/// The longest arguments of a command, as JSON and as recorded: 1 MiB (DESIGN §6).
pub const ARGUMENT_BYTES_MAX: usize = 1 << 20;

/// A frame takes no more commands once it holds this much, so that the largest command still fits.
const FRAME_FILL_BYTES: usize = 512 << 10;

/// A frame takes no more commands than this: what one fsync may keep waiting.
pub const FRAME_COMMANDS_MAX: usize = 4_096;

/// So many times [`BEHIND_MAX`] may wait to be folded before the next frame waits for it.
const PORTIONS_MAX: usize = 4;

/// Headers, salts and definitions of names of one command, generously.
const RECORD_OVERHEAD_BYTES: usize = 16 << 10;

const _: () = assert!(
    FRAME_FILL_BYTES + ARGUMENT_BYTES_MAX + engine::OUTCOME_BYTES_MAX + RECORD_OVERHEAD_BYTES
        <= FRAME_CONTENT_BYTES_MAX
);

/// One group commit on its way: decided, not yet durable.
#[derive(Default)]
pub struct Frame {
    records: Vec<RecordDraft>,
    record_bytes: usize,
    changes: FrameChanges,
    replies: Vec<(ReplyTo, Reply)>,
    counters: Counters,
}

impl Frame {
    /// Whether nothing waits for it.
    pub fn is_empty(&self) -> bool {
        self.replies.is_empty() && self.records.is_empty()
    }

    /// Whether it takes no more commands.
    pub fn is_full(&self) -> bool {
        self.record_bytes >= FRAME_FILL_BYTES || self.replies.len() >= FRAME_COMMANDS_MAX
    }

    pub(crate) fn add(&mut self, record: RecordDraft) {
        self.record_bytes += record.frame_bytes();
        self.records.push(record);
    }

    /// Tells all who wait that the outcome is unknown: the chronicle failed, and a record may be on
    /// disk or not. Sending again with the same id finds out.
    pub fn abandon(self) {
        for (reply_to, _) in self.replies {
            reply_to(Reply::Unknown);
        }
    }
}

/// The engine's half: decides submissions into the frame being built.
pub struct Decider<A: App> {
    pub(crate) engine: Engine<A>,
    /// Written here alone; read where records are shown.
    pub(crate) names: Arc<RwLock<Names>>,
    /// The number of each of the app's commands, once they are named.
    pub(crate) command_numbers: Vec<u32>,
    /// The credential of the command before: most come with the same.
    pub(crate) last_credential: Option<NumberedCredential>,
    /// The position of the next record.
    pub(crate) next: Position,
    pub(crate) code: u32,
    pub(crate) schema: u32,
    /// The code and the schema that the chronicle knows; compared once, when it is opened.
    pub(crate) activated: (String, String),
    /// The key that the chronicle knows to sign checkpoints.
    pub(crate) key: Option<KeyActivation>,
    /// What is left on the disk.
    pub(crate) room: Room,
    /// Told of each bug, and of a disk that fills up.
    pub(crate) report: ReportTo,
    pub(crate) frame: Frame,
}

impl<A: App> Decider<A> {
    /// The frame being built.
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// The live state and its gates.
    pub fn engine(&mut self) -> &mut Engine<A> {
        &mut self.engine
    }

    /// Decides one submission: its record, if it leaves one, and its reply wait in the frame.
    pub fn decide(&mut self, submission: Submission<A>, now: Now) {
        assert!(!self.frame.is_full(), "a full frame is taken before the next decision");
        let Submission { caller, id, command, reply } = submission;
        let Parsed { index, act, arguments, personal } = command;

        // A new actor or source gets its number with its first record; until the engine has said
        // that there will be one, the numbers are only planned.
        let plan = self.plan(&caller, &id);
        let position = Position(self.next.0 + plan.new_names.len() as u64);
        let intent = Intent {
            actor: caller.actor,
            actor_number: plan.actor,
            roles: caller.roles,
            id: id.clone(),
            index,
            act,
            has_room: !self.room.is_short(now, &self.report),
            arguments: &arguments,
            personal: &personal,
        };
        let reply_now = match self.engine.decide(intent, now, position) {
            Verdict::Recorded(recording) => {
                self.define(&plan, recording.time);
                assert_eq!(self.next, position, "the plan foresaw the position");
                self.record(&plan, &id, index, (arguments, personal), recording)
            }
            Verdict::Denied(reason) => {
                self.frame.counters.denied += 1;
                Reply::Denied(reason)
            }
            Verdict::Duplicate(at) => {
                self.frame.counters.duplicates += 1;
                Reply::Recorded(at)
            }
            Verdict::Conflict(at) => self.unsound_id(Reply::Conflict(at)),
            Verdict::Gone => self.unsound_id(Reply::Gone),
            Verdict::Clock(time) => self.unsound_id(Reply::Clock(time)),
            Verdict::NoRoom => {
                self.frame.counters.no_room += 1;
                Reply::NoRoom
            }
        };
        self.frame.replies.push((reply, reply_now));
    }

    /// Takes the frame to be committed; the next decision starts another.
    pub fn take_frame(&mut self) -> Frame {
        let mut frame = std::mem::take(&mut self.frame);
        frame.changes = self.engine.take_changes();
        assert!(frame.changes.is_empty() || !frame.records.is_empty(), "changes come from records");
        frame
    }

    fn unsound_id(&mut self, reply: Reply) -> Reply {
        self.frame.counters.unsound_ids += 1;
        reply
    }

    /// Appends the definitions of the names that the next record is the first to use.
    fn define(&mut self, plan: &Plan, time: Timestamp) {
        let mut names = self.names.write().expect("nobody panics holding names");
        for (namespace, text) in &plan.new_names {
            let first = names.next(*namespace);
            names.define(*namespace, first, text).expect("planned on the same names");
            let body = Definitions {
                namespace: namespace.text().to_owned(),
                first,
                names: vec![text.clone()],
            };
            let kind = match namespace {
                Namespace::Actor => RecordKind::Actor,
                Namespace::Credential => RecordKind::Credential,
                _ => RecordKind::Name,
            };
            let draft = system::draft(kind, self.next, time, &body);
            self.next = self.next.next();
            self.frame.add(draft);
        }
    }

    /// Appends the command's own record.
    fn record(
        &mut self,
        plan: &Plan,
        id: &CommandId,
        index: usize,
        (arguments, personal_arguments): (Vec<u8>, Vec<u8>),
        recording: Recording,
    ) -> Reply {
        let position = self.next;
        let (outcome, body, reply) = match recording.outcome {
            engine::Outcome::Accepted { body, answer_at } => {
                self.frame.counters.accepted += 1;
                let answer = body[answer_at..].to_vec();
                (Outcome::Accepted, body, Reply::Accepted { position, answer })
            }
            engine::Outcome::Refused { body } => {
                self.frame.counters.refused += 1;
                let refusal = body.clone();
                (Outcome::Refused, body, Reply::Refused { position, refusal })
            }
            engine::Outcome::Bug { body, reference, message } => {
                self.frame.counters.bugs += 1;
                (self.report)(Report::Bug { reference: reference.clone(), message });
                (Outcome::Bug, body, Reply::Bug { position, reference })
            }
        };
        let plain = CommitmentKind::Plain;
        let mut bodies = Vec::with_capacity(4);
        bodies.push(BodyDraft { class: BodyClass::Arguments, commitment: plain, bytes: arguments });
        bodies.push(BodyDraft { class: BodyClass::Outcome, commitment: plain, bytes: body });
        let personal = [
            (BodyClass::PersonalArguments, personal_arguments),
            (BodyClass::PersonalOutcome, recording.personal),
        ];
        for (class, bytes) in personal.into_iter().filter(|(_, bytes)| !bytes.is_empty()) {
            bodies.push(BodyDraft { class, commitment: CommitmentKind::Salted, bytes });
        }
        let draft = RecordDraft {
            position,
            time: recording.time,
            kind: RecordKind::Command,
            outcome,
            actor: plan.actor,
            credential: plan.credential,
            command_id: stored_id(id, plan.source),
            cause: None,
            type_number: self.command_numbers[index],
            code: self.code,
            schema: self.schema,
            bodies,
        };
        self.next = self.next.next();
        self.frame.add(draft);
        reply
    }
}

fn stored_id(id: &CommandId, source: u32) -> StoredCommandId {
    match id {
        CommandId::Unique(uuid) => StoredCommandId::Unique(*uuid.as_bytes()),
        CommandId::Numbered { number, .. } => StoredCommandId::Numbered { source, number: *number },
    }
}

/// The numbers a command's record will use, and the names among them that are new.
struct Plan {
    actor: u32,
    credential: u32,
    source: u32,
    new_names: Vec<(Namespace, String)>,
}

/// A credential with the roles of its token, and the number that stands for both.
pub(crate) struct NumberedCredential {
    credential: String,
    roles: Roles,
    number: u32,
}

impl<A: App> Decider<A> {
    /// The numbers for this caller and this id.
    fn plan(&mut self, caller: &Caller, id: &CommandId) -> Plan {
        let names = self.names.read().expect("nobody panics holding names");
        let mut new_names = Vec::new();
        let mut number = |namespace, text: &str| {
            names.number(namespace, text).unwrap_or_else(|| {
                new_names.push((namespace, text.to_owned()));
                names.next(namespace)
            })
        };
        let actor = number(Namespace::Actor, caller.actor.as_str());
        let same = |last: &&NumberedCredential| {
            last.credential == caller.credential && last.roles == caller.roles
        };
        let credential = match self.last_credential.as_ref().filter(same) {
            Some(last) => last.number,
            None => {
                let text = caller.credential_text();
                if let Some(number) = names.number(Namespace::Credential, &text) {
                    let Caller { credential, roles, .. } = caller.clone();
                    self.last_credential = Some(NumberedCredential { credential, roles, number });
                }
                number(Namespace::Credential, &text)
            }
        };
        let source = match id {
            CommandId::Unique(_) => 0,
            CommandId::Numbered { source, .. } => number(Namespace::Source, source),
        };
        Plan { actor, credential, source, new_names }
    }
}

/// The chronicle's half: makes frames durable, publishes them and answers.
pub struct Publisher<A: App> {
    pub(crate) writer: Writer,
    pub(crate) published: Arc<ArcSwap<Atom<A>>>,
    /// Takes work that need not keep a frame waiting.
    pub(crate) defer: Box<dyn FnMut(Chore<A>) + Send>,
    /// Told when the guard file cannot be written, and when the reserve was given back.
    pub(crate) report: ReportTo,
    /// What has happened, counted before it is answered.
    pub(crate) counters: Arc<Mutex<Counters>>,
    /// Told of each publication.
    pub(crate) notify: Box<dyn FnMut(&Publication) + Send>,
}

impl<A: App> Publisher<A> {
    /// Commits a frame. After an error the writer is poisoned: all who wait for this frame have been
    /// told that the outcome is unknown, and no later frame may be committed.
    pub fn commit(&mut self, frame: Frame) -> Result<(), AppendError> {
        self.publish(frame)?;
        self.leave_to_others();
        Ok(())
    }

    /// Makes a frame durable and visible, and answers who waits for it.
    pub(crate) fn publish(&mut self, mut frame: Frame) -> Result<(), AppendError> {
        #[cfg(feature = "plant")]
        crate::plant::answer_early(&mut frame.replies);
        let mut publication = None;
        if let (Some(first), Some(last)) = (frame.records.first(), frame.records.last()) {
            let (first, last, time) = (first.position, last.position, last.time);

            // Append: hash, write, fsync. When this returns the frame is durable; this is the commit
            // point, and nothing of the frame was visible before it.
            let appended = match self.writer.append(&frame.records) {
                Ok(appended) => appended,
                Err(error) => {
                    frame.abandon();
                    return Err(error);
                }
            };
            assert_eq!(appended.first, first, "positions are dense");
            assert_eq!(first.0 + u64::from(appended.count), last.0 + 1, "all records are durable");
            frame.counters.frames = 1;

            // Publish: from here on every read anywhere sees it.
            let before = self.published.load_full();
            let changes = Arc::new(std::mem::take(&mut frame.changes));
            let atom = Arc::new(before.after(Arc::clone(&changes), last, time));
            self.published.store(Arc::clone(&atom));
            self.fold_later(&before, &atom);
            (self.defer)(Chore::Drop(before));
            publication = Some(Publication { view: View::of(atom), changes });
        }

        // Answer.
        self.counters.lock().expect("nobody panics holding counters").add(&frame.counters);
        for (reply_to, reply) in frame.replies {
            reply_to(reply);
        }

        // Notify live readers.
        if let Some(publication) = publication {
            (self.notify)(&publication);
        }
        Ok(())
    }

    /// Has the atom folded now and then if nobody reads it, so that what waits to be folded stays
    /// little; here and now if those who should do it do not keep up.
    fn fold_later(&mut self, before: &Atom<A>, atom: &Arc<Atom<A>>) {
        let portions = |atom: &Atom<A>| atom.behind() / BEHIND_MAX;
        match portions(atom) {
            0..PORTIONS_MAX => {
                if portions(before) < portions(atom) {
                    (self.defer)(Chore::Fold(Arc::clone(atom)));
                }
            }
            _ => _ = atom.state(),
        }
    }

    /// Hands on what need not keep a frame waiting, and tells what operators should know.
    pub(crate) fn leave_to_others(&mut self) {
        while let Some(job) = self.writer.take_sealing() {
            (self.defer)(Chore::Seal(Box::new(job)));
        }
        if let Some(error) = self.writer.take_no_room() {
            (self.report)(Report::ReserveGivenBack { reason: chain(&error) });
        }
        if let Some(error) = self.writer.take_guard_failure() {
            (self.report)(Report::NotGuarded { reason: chain(&error) });
        }
    }

    /// Who is handed work that need not keep a frame waiting; until then it is done at once.
    pub fn defer_to(&mut self, defer: impl FnMut(Chore<A>) + Send + 'static) {
        self.defer = Box::new(defer);
    }

    /// Who is told what operators should know; until then nobody.
    pub fn report_to(&mut self, report: ReportTo) {
        self.report = report;
    }

    /// A reader that sees what has been committed.
    pub fn reader(&self) -> Reader {
        self.writer.reader()
    }

    /// The published state.
    pub fn published(&self) -> Arc<Atom<A>> {
        self.published.load_full()
    }

    /// Marks the chronicle as cleanly closed.
    pub fn close(self) -> Result<(), AppendError> {
        self.writer.close()
    }
}
