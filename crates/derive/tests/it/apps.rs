//! The state and the one list.

use deeds::app::App;
use deeds::event::Listed;
use deeds::prelude::*;
use deeds::refusal::Refusal;
use deeds::state::{Holds, State};
use deeds::table::Tables;
use deeds::testing::Scenario;

use crate::pantry::{Open, Opened, Pantry, PutUpShelf, Role, Shelf, ShelfPutUp, ShelfRefusal, Tin};

#[test]
fn the_list_is_in_the_order_it_was_written() {
    assert_eq!(Pantry::NAME, "pantry");
    assert_eq!(
        Pantry::COMMANDS.iter().map(|it| it.name).collect::<Vec<_>>(),
        ["PutUpShelf", "Open"]
    );
    let events: Vec<_> = Pantry::EVENTS.iter().map(|it| it.name).collect();
    assert_eq!(events, ["ShelfPutUp", "Opened", "Registered", "Named"]);
    assert_eq!(<Opened as Listed<Pantry>>::INDEX, 1);
    assert_eq!(
        Pantry::QUERIES.iter().map(|it| it.name).collect::<Vec<_>>(),
        ["Shelves", "CountTins"]
    );
    assert_eq!(Pantry::INVARIANTS[0].name, "tins_have_labels");
    assert_eq!(Pantry::COMMANDS[0].refusals, ShelfRefusal::CODES);
}

#[test]
fn the_tables_are_named_by_their_fields_and_found_by_their_rows() {
    let pantry = Pantry::live();
    let mut names = Vec::new();
    pantry.each(&mut |table| names.push((table.name(), table.row_name())));
    assert_eq!(
        names,
        [("shelves", "Shelf"), ("tins", "Tin"), ("visits", "Visit"), ("notes", "Note")]
    );
    let found = pantry.find(std::any::TypeId::of::<Tin>()).unwrap();
    assert_eq!(found.name(), "tins");
    assert!(pantry.find(std::any::TypeId::of::<u8>()).is_none());
    assert_eq!(Holds::<Shelf>::table(&pantry).name(), "shelves");
}

#[test]
fn commands_are_decided_by_the_list() {
    let mut scenario = Scenario::<Pantry>::new();
    scenario.as_actor("kim", Role::Keeper);
    scenario.when(Open).then_emits(Opened);
    scenario.given(ShelfPutUp { name: "A1".into() });
    assert_eq!(scenario.when(PutUpShelf { name: "A2".into() }).then_answers(), 2);
    assert_eq!(scenario.state().visits.len(), 1);
}

#[test]
fn an_actor_sees_the_tables_through_its_keys() {
    let mut scenario = Scenario::<Pantry>::new();
    scenario.as_actor("kim", Role::Keeper).when(Open).then_accepted();
    let state = scenario.state();
    let kim = keys![AudienceKey::of("visitor", "kim")];
    assert_eq!(state.visible(&kim).visits.len(), 1);
    assert_eq!(state.visible(&Keys::none()).visits.len(), 0);
}
