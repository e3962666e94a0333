//! The short form of commands, events and queries: a function is taken for the struct and what follows.

use deeds::command::Decide;
use deeds::event::Evolve;
use deeds::prelude::*;
use deeds::recorded::Recorded as _;
use deeds::schema;
use deeds::testing::Scenario;

/// A note on the board.
#[row(key = number, audience = everyone)]
pub(crate) struct Note {
    pub(crate) number: u32,
    pub(crate) text: String,
    pub(crate) by: ActorId,
}

#[state]
pub(crate) struct Board {
    pub(crate) notes: Table<Note>,
}

impl Members for Board {}

app! {
    Board as "board" {
        commands: [PinNote, WipeBoard],
        events: [NotePinned, BoardWiped],
        queries: [Notes, HowMany],
    }
}

/// Why not.
#[refusal]
pub(crate) enum PinRefusal {
    /// There is a note {number}.
    Taken { number: u32 },
}

/// Pin a note.
#[command(by = anyone, alias = "AddNote")]
fn pin_note(
    board: &mut Deciding<'_, Board>,
    number: u32,
    #[personal] mut text: String,
) -> Result<u32, PinRefusal> {
    ensure!(!board.notes.contains(number), PinRefusal::Taken { number });
    text.push('.');
    let length = u32::try_from(text.len()).expect("short");
    board.emit(NotePinned { number, text });
    Ok(length)
}

#[event]
fn note_pinned(board: &mut Board, meta: &Meta<'_>, number: u32, #[personal] text: String) {
    board.notes.insert(Note { number, text, by: meta.actor.clone() });
}

#[command(by = Operator)]
fn wipe_board(board: &mut Deciding<'_, Board>) -> Result<(), Never> {
    board.emit(BoardWiped);
    Ok(())
}

#[event]
fn board_wiped(board: &mut Board) {
    let numbers: Vec<u32> = board.notes.iter().map(|note| note.number).collect();
    for number in numbers {
        board.notes.remove(&number);
    }
}

/// The notes from a number on.
#[query(by = anyone, scope = Everyone)]
fn notes(board: &Visible<'_, Board>, from: u32) -> Rows<'_, Note> {
    board.notes.range(from..)
}

#[query(by = Operator)]
fn how_many(board: &Visible<'_, Board>) -> u32 {
    u32::try_from(board.notes.len()).expect("few notes")
}

#[test]
fn a_function_is_a_struct_with_what_is_decided_and_what_follows() {
    fn decides<C: Decide<Board>>() {}
    fn evolves<E: Evolve<Board>>() {}
    decides::<PinNote>();
    evolves::<NotePinned>();
    assert_eq!((PinNote::NAME, PinNote::DOC), ("PinNote", "Pin a note."));
    assert_eq!((PinNote::ALIASES, PinNote::PERSONAL), (&["AddNote"][..], &["text"][..]));
    assert_eq!(NotePinned::PERSONAL, ["text"]);
    let schema = schema::of::<Board>();
    assert_eq!(schema.queries["board/Notes"].kind, schema::QueryKind::Rows);
    assert_eq!(schema.queries["board/HowMany"].kind, schema::QueryKind::Value);
    let pin = &schema.commands["board/PinNote"];
    assert!(pin.refusals.contains_key("taken"), "{pin:?}");
}

#[test]
fn who_may_is_anyone_or_who_has_the_role() {
    let mut board = Scenario::<Board>::new();
    let note = PinNote { number: 1, text: "Hello".to_owned() };
    board.as_guest("ben").when(note.clone()).then_accepted();
    board.when(note).then_refused(PinRefusal::Taken { number: 1 });
    board.when(WipeBoard).then_denied();
    board.ask_denied(HowMany);
    let told = board.ask(Notes { from: 1 });
    assert_eq!((told[0].text.as_str(), told[0].by.as_str()), ("Hello.", "ben"));
    assert!(board.ask(Notes { from: 2 }).is_empty());
    board.as_actor("ada", Operator);
    assert_eq!(board.ask(HowMany), 1);
    board.when(WipeBoard).then_accepted();
    assert_eq!(board.ask(HowMany), 0);
}
