//! Queries: who may ask, which rows they see, what the answer must not hold.

use std::sync::Arc;

use deeds::app::{QueryError, question};
use deeds::atom::Atom;
use deeds::live::View;
use deeds::prelude::*;
use deeds::state::State as _;
use deeds::testing::Scenario;
use deeds_values::Lineage;
use serde_json::{Value, json};

use crate::shop::{Buy, Role, Shop, Stocked, sku};

fn shop() -> Scenario<Shop> {
    let mut shop = Scenario::new();
    shop.given(Stocked { sku: sku("mild"), shelf: 1, count: 9 });
    for name in ["ada", "bob", "bob"] {
        let buy = Buy { skus: vec![sku("mild")], address: "Elm".to_owned() };
        shop.as_actor(name, Role::Customer).when(buy).then_accepted();
    }
    shop
}

fn ask(query: &str, who: &str, roles: Roles, arguments: &str) -> Result<Value, QueryError> {
    let shop = shop();
    let (lineage, position, time) = (Lineage([1; 8]), Position(7), Timestamp(0));
    let view = View::of(Arc::new(Atom::new(lineage, position, time, shop.state().freeze())));
    let question = question::<Shop>(query, arguments.as_bytes()).expect("the shop has it");
    let question = question.map_err(QueryError::Arguments)?;
    let who = view.identity::<Shop>(&ActorId::new(who).unwrap(), &roles);
    let answer = view.ask(&who, &*question)?;
    Ok(serde_json::from_slice(&answer).unwrap())
}

fn customers(answer: &Value) -> Vec<&str> {
    answer.as_array().unwrap().iter().map(|order| order["customer"].as_str().unwrap()).collect()
}

#[test]
fn an_actor_sees_the_rows_whose_keys_it_holds() {
    let orders = |who, roles| ask("Orders", who, roles, "").unwrap();
    assert_eq!(customers(&orders("ada", Roles::none())), ["ada"]);
    assert_eq!(customers(&orders("bob", Roles::none())), ["bob", "bob"]);
    assert_eq!(customers(&orders("eve", Roles::none())), [""; 0]);
    let clerk = Roles::none().and(&Role::Clerk);
    assert_eq!(customers(&orders("kim", clerk)), ["ada", "bob", "bob"]);
}

#[test]
fn who_may_not_ask_is_told_why() {
    let error = ask("CountOrders", "eve", Roles::none(), r#"{"times":1}"#).unwrap_err();
    assert_eq!(error, QueryError::Denied("this needs the role `customer`".to_owned()));
    let clerk = Roles::none().and(&Role::Clerk);
    assert_eq!(ask("CountOrders", "kim", clerk, r#"{"times":1}"#), Ok(json!(3)));
}

#[test]
fn wrong_arguments_name_the_field() {
    let clerk = || Roles::none().and(&Role::Clerk);
    for (arguments, field, reason) in [
        ("{}", "", "missing field `times`"),
        (r#"{"times":-1}"#, "times", "invalid value: integer `-1`, expected u64"),
        (r#"{"times":1,"why":2}"#, "why", "unknown field `why`"),
        (r#"{"times":9007199254740992}"#, "times", "an integer beyond ±9007199254740991"),
        (r#"{"times":1} 2"#, "", "trailing characters"),
    ] {
        match ask("CountOrders", "kim", clerk(), arguments) {
            Err(QueryError::Arguments(error)) => {
                assert_eq!(error.field, field, "{arguments}");
                assert!(error.reason.starts_with(reason), "{arguments}: {error}");
            }
            other => panic!("{arguments}: {other:?}"),
        }
    }
}

#[test]
fn an_answer_that_json_does_not_carry_exactly_is_an_error() {
    let clerk = Roles::none().and(&Role::Clerk);
    let error = ask("CountOrders", "kim", clerk, r#"{"times":9007199254740991}"#).unwrap_err();
    assert!(matches!(error, QueryError::Inexact { .. }), "{error:?}");
}
