//! Windows: what is seen through one is a part of all rows, and change lists move it to where looking
//! anew would find it. Over histories at random.

use std::sync::Arc;

use deeds::app::QueryError;
use deeds::changed::Changed;
use deeds::live::{Question, View};
use deeds::reads::recording;
use deeds::window::{Pane, WINDOW_ROWS_MAX, Window};
use deeds_values::KeyBytes;
use proptest::prelude::*;

use crate::histories::{Deed, deed, quietly};
use crate::live::{Steps, asked, asker, steps};

fn questions() -> Vec<Arc<dyn Question>> {
    let shelf = r#"{"shelf": 1, "least": 2, "fullest_first": true}"#;
    let named = [("OnShelf", shelf), ("MyOrders", ""), ("MyParcels", ""), ("Products", "")];
    named.map(|(name, arguments)| asked(name, arguments)).into()
}

fn look(question: &Arc<dyn Question>, window: &Window, view: &View) -> Pane {
    let question = Arc::clone(question).through(window.clone());
    question.pane(view, &asker(&*question, view)).unwrap()
}

/// Windows of several sizes, orders and beginnings: after every row that there ever is.
fn windows(question: &Arc<dyn Question>, views: &[View]) -> Vec<Window> {
    let mut windows = Vec::new();
    let sorts = [None, Some("shelf_left")];
    let sorts = if question.name() == "Products" { &sorts[..] } else { &sorts[..1] };
    for sort in sorts {
        for reverse in [false, true] {
            let sort = sort.map(str::to_owned);
            let all = Window { size: WINDOW_ROWS_MAX, after: None, sort, reverse };
            let mut places: Vec<Option<KeyBytes>> = vec![None];
            for view in views {
                let items = look(question, &all, view).items;
                places.extend(items.iter().map(|item| Some(item.place().clone())));
            }
            places.sort();
            places.dedup();
            for (turn, after) in places.into_iter().enumerate() {
                windows.push(Window { size: 1 + turn % 3, after, ..all.clone() });
            }
        }
    }
    windows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn a_window_shows_a_part_of_all_rows_and_change_lists_move_it(
        deeds in prop::collection::vec(deed(), 1..30),
    ) {
        let Steps { views, changes } = quietly(|| steps(&deeds));
        for question in questions() {
            for window in windows(&question, &views) {
                let windowed = Arc::clone(&question).through(window.clone());
                for (at, view) in views.iter().enumerate() {
                    let pane = look(&question, &window, view);
                    let whole = Window { size: WINDOW_ROWS_MAX, after: None, ..window.clone() };
                    let all = look(&question, &whole, view).items;
                    let is_past = |place: &KeyBytes| window.after.as_ref().is_none_or(|it| place > it);
                    let (past, before): (Vec<_>, Vec<_>) =
                        all.iter().cloned().partition(|item| is_past(item.place()));
                    prop_assert_eq!((pane.total, pane.before), (all.len(), before.len()));
                    prop_assert_eq!(&pane.items[..], &past[..past.len().min(window.size)]);

                    for to in [at + 1, views.len() - 1] {
                        let Some(later) = views.get(to).filter(|_| to > at) else { continue };
                        let who = asker(&*windowed, view);
                        let changed = Changed::new(changes[at..to].iter().map(AsRef::as_ref));
                        prop_assert!(pane.plan.others.is_empty());
                        if who != asker(&*windowed, later) {
                            continue;
                        }
                        let moved = windowed.pane_after(later, &who, &pane, &changed).unwrap();
                        let anew = look(&question, &window, later);
                        prop_assert_eq!(
                            (&moved.items, moved.total, moved.before),
                            (&anew.items, anew.total, anew.before)
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_place_outside_of_what_a_query_picks_shows_nothing_more_of_the_table() {
    let stock = |product, shelf| Deed::Stock { product, shelf, count: 2 };
    let steps = steps(&[stock(0, 0), stock(1, 1), stock(2, 2)]);
    let view = steps.views.last().unwrap();
    let shelf = asked("OnShelf", r#"{"shelf": 1, "least": 0, "fullest_first": false}"#);
    let after = |byte: u8| Some(KeyBytes::from_slice(&[byte]));
    for reverse in [false, true] {
        let seen = |after| look(&shelf, &Window { size: 9, after, sort: None, reverse }, view);
        let (first, last) = (seen(after(0)), seen(after(0xff)));
        assert_eq!((first.items.len(), first.before, first.total), (1, 0, 1));
        assert_eq!((last.items.len(), last.before, last.total), (0, 1, 1));
    }
}

#[test]
fn an_order_is_chosen_only_where_rows_are_told_whole() {
    let view = steps(&[]).views.remove(0);
    let sorted = |query: &str, by: &str| {
        let window = Window { size: 1, sort: Some(by.to_owned()), ..Window::default() };
        let question = asked(query, "").through(window);
        let asker = asker(&*question, &view);
        question.pane(&view, &asker).map(drop)
    };
    assert_eq!(sorted("Products", "shelf_left"), Ok(()));
    for (query, by) in [("Products", "colour"), ("MyOrders", "product")] {
        let Err(QueryError::Arguments(error)) = sorted(query, by) else {
            panic!("{query} by {by}")
        };
        assert_eq!(error.field, "window.sort");
    }
}

#[test]
fn what_a_window_does_not_show_is_not_read_again() {
    let stock = |product, shelf, count| Deed::Stock { product, shelf, count };
    let steps = steps(&[stock(0, 1, 1), stock(1, 1, 2), Deed::Commit, stock(1, 1, 5)]);
    let question = asked("Products", "").through(Window { size: 1, ..Window::default() });
    let view = &steps.views[1];
    let pane = question.pane(view, &asker(&*question, view)).unwrap();
    let moved = |at: usize, to: usize| {
        let view = &steps.views[to];
        let changed = Changed::new(steps.changes[at..to].iter().map(AsRef::as_ref));
        let asker = asker(&*question, view);
        recording(|| question.pane_after(view, &asker, &pane, &changed).unwrap()).1
    };
    assert!(moved(1, 2).is_empty(), "the second product is none of it");
}
