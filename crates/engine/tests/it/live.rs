//! Live reading: what change lists make of a row query is what reading it anew gives, and whatever
//! changes an answer touches what the answer had read. Over histories at random.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deeds::app::question;
use deeds::atom::Atom;
use deeds::changed::Changed;
use deeds::changes::FrameChanges;
use deeds::live::{Question, View};
use deeds::prelude::*;
use deeds::query::Asker;
use deeds::reads::{ReadSet, recording};
use deeds::routes::Routes;
use deeds::select::{Item, ItemChange, difference};
use deeds::state::State as _;
use deeds_values::KeyBytes;
use deeds_values::key::ordered_text;
use proptest::prelude::*;

use crate::histories::{Deed, History, deed, quietly};
use crate::shop::{Role, Shop};

/// The states of a history at its commits, and what changed from each to the next.
pub(crate) struct Steps {
    pub(crate) views: Vec<View>,
    pub(crate) changes: Vec<Arc<FrameChanges>>,
}

pub(crate) fn steps(deeds: &[Deed]) -> Steps {
    let mut history = History::new();
    let view = |history: &History| {
        let Atom { lineage, position, time, .. } = history.atom;
        View::of(Arc::new(Atom::new(lineage, position, time, history.atom.state().freeze())))
    };
    let mut steps = Steps { views: vec![view(&history)], changes: Vec::new() };
    for deed in deeds.iter().chain([&Deed::Commit]) {
        if let Deed::Commit = deed {
            steps.changes.push(history.commit());
            steps.views.push(view(&history));
        } else {
            history.run(deed);
        }
    }
    steps
}

pub(crate) fn asked(name: &str, arguments: &str) -> Arc<dyn Question> {
    question::<Shop>(name, arguments.as_bytes()).unwrap().unwrap()
}

const SHELVES: [&str; 3] = [
    r#"{"shelf": 1, "least": 0, "fullest_first": false}"#,
    r#"{"shelf": 1, "least": 3, "fullest_first": true}"#,
    r#"{"shelf": 2, "least": 1, "fullest_first": false}"#,
];

/// Row questions without a limit.
fn row_questions() -> Vec<Arc<dyn Question>> {
    let shelves = SHELVES.map(|arguments| asked("OnShelf", arguments));
    shelves.into_iter().chain([asked("MyOrders", ""), asked("AllOrders", "")]).collect()
}

/// For whom the clerk asks it, who is a customer like any other, too.
pub(crate) fn asker(question: &dyn Question, view: &View) -> Asker {
    let (id, token) = (ActorId::new("customer-1").unwrap(), Roles::none().and(&Role::Clerk));
    let who = view.identity::<Shop>(&id, &token);
    Asker::new(&question.scope(), &who.actor, &who.keys).unwrap()
}

/// The items as a client keeps them.
fn patched(items: &[Item], changes: &[ItemChange]) -> Vec<Item> {
    let mut by_key: BTreeMap<KeyBytes, Item> =
        items.iter().map(|item| (item.key.clone(), item.clone())).collect();
    for change in changes {
        match change {
            ItemChange::Put(item) => drop(by_key.insert(item.key.clone(), item.clone())),
            ItemChange::Del(key) => assert!(by_key.remove(key).is_some(), "it was there"),
        }
    }
    let mut items: Vec<Item> = by_key.into_values().collect();
    items.sort_by_key(sorted_by);
    items
}

fn sorted_by(item: &Item) -> String {
    ordered_text(if item.order.is_empty() { &item.key } else { &item.order })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn change_lists_make_of_a_row_query_what_reading_it_anew_gives(
        deeds in prop::collection::vec(deed(), 1..40),
    ) {
        let Steps { views, changes } = quietly(|| steps(&deeds));
        for question in row_questions() {
            let read = |at: usize| {
                question.pick(&views[at], &asker(&*question, &views[at])).unwrap().items
            };
            for from in 0..views.len() {
                for to in [from + 1, views.len() - 1] {
                    if to >= views.len() || asker(&*question, &views[from]) != asker(&*question, &views[to]) {
                        continue;
                    }
                    let (before, after) = (read(from), read(to));
                    let changed = Changed::new(changes[from..to].iter().map(AsRef::as_ref));
                    let asker = asker(&*question, &views[from]);
                    let plan = question.plan(&views[from], &asker);
                    prop_assert!(plan.others.is_empty());
                    let moved = question.item_changes(&plan, &changed, &asker).unwrap();
                    prop_assert_eq!(&patched(&before, &moved), &after);
                    prop_assert_eq!(&moved.len(), &difference(&before, &after).len(), "nothing more");
                    prop_assert_eq!(&patched(&before, &difference(&before, &after)), &after);
                }
            }
        }
    }

    #[test]
    fn a_limit_tells_the_first_rows(deeds in prop::collection::vec(deed(), 1..40)) {
        let views = quietly(|| steps(&deeds)).views;
        for (limit, fullest_first) in [(0, false), (2, false), (2, true)] {
            let arguments = |limit: &str| {
                format!(r#"{{"shelf": 1, "least": 1, "fullest_first": {fullest_first}, "limit": {limit}}}"#)
            };
            let (all, few) = (asked("OnShelf", &arguments("null")), asked("OnShelf", &arguments(&limit.to_string())));
            for view in &views {
                let all = all.pick(view, &asker(&*all, view)).unwrap().items;
                let few = few.pick(view, &asker(&*few, view)).unwrap().items;
                prop_assert_eq!(&all[..all.len().min(limit)], &few[..]);
            }
        }
    }

    #[test]
    fn whatever_changes_an_answer_touches_what_it_had_read(
        deeds in prop::collection::vec(deed(), 1..40),
    ) {
        let Steps { views, changes } = quietly(|| steps(&deeds));
        let values = ["Orders", "LeftOfMine"].map(|name| asked(name, ""));
        let counted = asked("CountOrders", r#"{"times": 2}"#);
        let shelf = asked("OnShelf", SHELVES[1]);
        for question in values.into_iter().chain([counted, shelf]) {
            for (at, changes) in changes.iter().enumerate() {
                let read = |view: &View| {
                    // Who asks is read from the state as well.
                    recording(|| question.answer(view, &asker(&*question, view)).unwrap())
                };
                let ((before, reads), (after, _)) = (read(&views[at]), read(&views[at + 1]));
                prop_assert!(before == after || reads.is_touched(changes), "{}", question.name());
            }
        }
    }

    #[test]
    fn routes_lead_to_whoever_read_something_that_changed(
        deeds in prop::collection::vec(deed(), 1..40),
    ) {
        let Steps { views, changes } = quietly(|| steps(&deeds));
        let mut questions = row_questions();
        questions.extend(["Orders", "LeftOfMine"].map(|name| asked(name, "")));
        let reads_of = |question: &dyn Question, view| {
            recording(|| question.answer(view, &asker(question, view))).1
        };
        let mut reads: Vec<ReadSet> =
            questions.iter().map(|question| reads_of(&**question, &views[0])).collect();
        let mut routes = Routes::default();
        for (reader, reads) in reads.iter().enumerate() {
            reads.ranges().for_each(|read| routes.insert(read, reader));
        }
        for (changes, view) in changes.iter().zip(&views[1..]) {
            let touched: BTreeSet<usize> =
                (0..reads.len()).filter(|reader| reads[*reader].is_touched(changes)).collect();
            prop_assert_eq!(routes.touched(changes), touched);
            // They ask again, and mostly read the same.
            for (reader, (reads, question)) in reads.iter_mut().zip(&questions).enumerate() {
                let before = std::mem::replace(reads, reads_of(&**question, view));
                routes.reroute(before.ranges(), reads.ranges(), &reader);
            }
        }
        for (reader, reads) in reads.iter().enumerate() {
            reads.ranges().for_each(|read| routes.remove(read, &reader));
        }
        prop_assert!(routes.is_empty());
    }
}

#[test]
fn one_product_concerns_those_who_read_its_shelf_and_nobody_else() {
    let stock = |product, shelf| Deed::Stock { product, shelf, count: 2 };
    let steps = steps(&[stock(0, 1), Deed::Commit, stock(1, 2)]);
    let (one, two) = (asked("OnShelf", SHELVES[0]), asked("OnShelf", SHELVES[2]));
    let reads = |question: &dyn Question| {
        recording(|| question.answer(&steps.views[0], &asker(question, &steps.views[0])).unwrap()).1
    };
    assert!(
        reads(&*one).is_touched(&steps.changes[0]) && !reads(&*two).is_touched(&steps.changes[0])
    );
    assert!(
        !reads(&*one).is_touched(&steps.changes[1]) && reads(&*two).is_touched(&steps.changes[1])
    );
}

#[test]
fn a_recording_within_another_counts_for_both_and_a_panic_ends_one() {
    let view = steps(&[]).views.remove(0);
    let shelf = asked("OnShelf", SHELVES[0]);
    let ask = || drop(shelf.answer(&view, &asker(&*shelf, &view)));
    let ((_, inner), outer) = recording(|| recording(ask));
    assert!(!inner.is_empty());
    assert_eq!(inner, outer);
    let (caught, outer) = recording(|| {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            recording(|| std::panic::resume_unwind(Box::new("on purpose")))
        }))
    });
    assert!(caught.is_err() && outer.is_empty());
    assert!(recording(ask).1 == inner, "recording goes on as before");
}
