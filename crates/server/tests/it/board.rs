//! A small app to watch: a board of notes, some for everyone, some for their owner and for members.

use std::sync::Arc;

use deeds::prelude::*;
use deeds_chronicle::Disk;
use deeds_pipeline::node::Node;

use crate::node;

/// The board.
#[state]
pub(crate) struct Board {
    pub notes: Table<Note>,
    pub members: Table<Member>,
}

/// Something that somebody wrote.
#[row(key = id, index(owner), index(weight))]
pub(crate) struct Note {
    pub id: u32,
    pub owner: ActorId,
    pub text: String,
    pub weight: u32,
    pub for_everyone: bool,
}

const MEMBERS: AudienceKey = AudienceKey::group("members");

impl Audience for Note {
    fn audience(&self) -> Keys {
        if self.for_everyone {
            Keys::everyone()
        } else {
            keys![AudienceKey::of("owner", &self.owner), MEMBERS]
        }
    }
}

/// Somebody who sees all notes.
#[row(key = who)]
pub(crate) struct Member {
    pub who: ActorId,
}

impl Audience for Member {
    fn audience(&self) -> Keys {
        keys![MEMBERS]
    }
}

/// What people are here.
#[role]
pub(crate) enum Role {
    /// Sees all notes.
    Member,
}

impl Members for Board {
    fn roles(&self, id: &ActorId) -> Roles {
        if self.members.contains(id) { Roles::none().and(&Role::Member) } else { Roles::none() }
    }

    fn keys(&self, actor: &Actor) -> Keys {
        let own = keys![AudienceKey::of("owner", actor.id())];
        if actor.has(Role::Member) { own.and(MEMBERS) } else { own }
    }
}

/// Put a note on the board, or another in its place.
#[command]
pub(crate) struct Write {
    pub id: u32,
    pub text: String,
    pub weight: u32,
    pub for_everyone: bool,
}

/// A note was written.
#[event]
pub(crate) struct Written {
    pub id: u32,
    pub text: String,
    pub weight: u32,
    pub for_everyone: bool,
}

/// Why it is not.
#[refusal]
pub(crate) enum WriteRefusal {
    /// Note {id} is somebody else's.
    NotYours { id: u32 },
}

impl Decide<Board> for Write {
    type Answer = u32;
    type Refusal = WriteRefusal;

    fn authorize(&self, _: &Actor, _: &Board) -> Access {
        Access::Allowed
    }

    fn decide(self, board: &mut Deciding<'_, Board>) -> Result<u32, WriteRefusal> {
        let Self { id, text, weight, for_everyone } = self;
        let owner = board.notes.get(id).map(|note| note.owner.clone());
        ensure!(owner.is_none_or(|owner| owner == board.actor_id()), WriteRefusal::NotYours { id });
        board.emit(Written { id, text, weight, for_everyone });
        Ok(board.notes.len() as u32)
    }
}

impl Evolve<Board> for Written {
    fn evolve(self, board: &mut Board, meta: &Meta<'_>) {
        let Self { id, text, weight, for_everyone } = self;
        board.notes.put(Note { id, owner: meta.actor.clone(), text, weight, for_everyone });
    }
}

/// Take a note off the board.
#[command]
pub(crate) struct Erase {
    pub id: u32,
}

/// A note was taken off.
#[event]
pub(crate) struct Erased {
    pub id: u32,
}

impl Decide<Board> for Erase {
    type Answer = ();
    type Refusal = WriteRefusal;

    fn authorize(&self, _: &Actor, _: &Board) -> Access {
        Access::Allowed
    }

    fn decide(self, board: &mut Deciding<'_, Board>) -> Result<(), WriteRefusal> {
        let id = self.id;
        let owner = board.notes.get(id).map(|note| note.owner.clone());
        ensure!(owner == Some(board.actor_id()), WriteRefusal::NotYours { id });
        board.emit(Erased { id });
        Ok(())
    }
}

impl Evolve<Board> for Erased {
    fn evolve(self, board: &mut Board, _: &Meta<'_>) {
        board.notes.remove(&self.id);
    }
}

/// Somebody becomes a member, or is one no longer.
#[command]
pub(crate) struct Admit {
    pub who: ActorId,
    pub is_member: bool,
}

/// Somebody became a member, or is one no longer.
#[event]
pub(crate) struct Admitted {
    pub who: ActorId,
    pub is_member: bool,
}

impl Decide<Board> for Admit {
    type Answer = ();
    type Refusal = Never;

    fn authorize(&self, _: &Actor, _: &Board) -> Access {
        Access::Allowed
    }

    fn decide(self, board: &mut Deciding<'_, Board>) -> Result<(), Never> {
        let Self { who, is_member } = self;
        if board.members.contains(&who) != is_member {
            board.emit(Admitted { who, is_member });
        }
        Ok(())
    }
}

impl Evolve<Board> for Admitted {
    fn evolve(self, board: &mut Board, _: &Meta<'_>) {
        if self.is_member {
            board.members.insert(Member { who: self.who });
        } else {
            board.members.remove(&self.who);
        }
    }
}

/// Do what an app must not do.
#[command]
pub(crate) struct Fail;

impl Decide<Board> for Fail {
    type Answer = ();
    type Refusal = Never;

    fn authorize(&self, actor: &Actor, _: &Board) -> Access {
        actor.requires(Role::Member)
    }

    fn decide(self, _: &mut Deciding<'_, Board>) -> Result<(), Never> {
        panic!("a bug of this test's app")
    }
}

macro_rules! picks_notes {
    ($query:ident, $self:ident, $board:ident, $asking:ident, $rows:expr, $limit:expr) => {
        impl Select<Board> for $query {
            type Row = Note;
            type Item = Note;

            fn authorize(&self, _: &Actor, _: &Board) -> Access {
                Access::Allowed
            }

            fn rows<'a>(
                &$self,
                $board: &'a Visible<'_, Board>,
                $asking: &Asking<'_, Board>,
            ) -> Rows<'a, Note> {
                $rows
            }

            fn item(&self, note: &Note, _: &Visible<'_, Board>) -> Note {
                note.clone()
            }

            fn limit(&self) -> Option<usize> {
                $limit
            }
        }
    };
}

/// What everyone sees.
#[query(scope = Everyone)]
pub(crate) struct Public;
picks_notes!(Public, self, board, _asking, board.notes.iter(), None);

/// What everyone sees, in any order.
#[query(by = anyone, scope = Everyone)]
pub(crate) fn whole(board: &Visible<'_, Board>) -> Rows<'_, Note> {
    board.notes.iter()
}

/// All that I see.
#[query]
pub(crate) struct Seen;
picks_notes!(Seen, self, board, _asking, board.notes.iter(), None);

/// What I wrote.
#[query]
pub(crate) struct Mine;
picks_notes!(Mine, self, board, asking, board.notes.by_owner(asking.actor().id()), None);

/// The three heaviest that I see.
#[query]
pub(crate) struct Heaviest;
picks_notes!(Heaviest, self, board, _asking, board.notes.by_weight_in(..).backwards(), Some(3));

/// All notes, for members.
#[query(scope = Key(MEMBERS))]
pub(crate) struct All;
picks_notes!(All, self, board, _asking, board.notes.iter(), None);

/// How many notes I see, and what they weigh together.
#[query]
pub(crate) struct Total;

/// Count and weight.
#[value]
pub(crate) struct Sum {
    pub notes: u32,
    pub weight: u32,
}

impl Read<Board> for Total {
    type Answer = Sum;

    fn authorize(&self, _: &Actor, _: &Board) -> Access {
        Access::Allowed
    }

    fn read(&self, board: &Visible<'_, Board>, _: &Asking<'_, Board>) -> Sum {
        let notes = board.notes.iter().count() as u32;
        Sum { notes, weight: board.notes.iter().map(|note| note.weight).sum() }
    }
}

/// A query that fails when a note of weight 13 is on the board.
#[query(scope = Everyone)]
pub(crate) struct Superstitious;

impl Read<Board> for Superstitious {
    type Answer = u32;

    fn authorize(&self, _: &Actor, _: &Board) -> Access {
        Access::Allowed
    }

    fn read(&self, board: &Visible<'_, Board>, _: &Asking<'_, Board>) -> u32 {
        assert!(board.notes.by_weight(13).next().is_none(), "a bug of this test's app");
        board.notes.len() as u32
    }
}

app! {
    Board as "board" {
        commands: [Write, Erase, Admit, Fail],
        events: [Written, Erased, Admitted],
        queries: [Public, Whole, Seen, Mine, Heaviest, All, Total, Superstitious],
    }
}

/// The board on a disk.
pub(crate) fn start(disk: Arc<dyn Disk>) -> Arc<Node<Board>> {
    Arc::new(node::start(disk))
}
