//! The seed: every command of it is accepted by an empty food bank.

use deeds::Seed;
use food_bank::FoodBank;

#[test]
fn the_seed_is_real_groceries_enough_for_a_warehouse() {
    let commands = FoodBank::seed();
    let products = commands.iter().filter(|command| command.name == "AddProduct").count();
    assert!(products >= 150, "{products} products");
    let senders: Vec<_> = FoodBank::people().into_iter().map(|person| person.actor).collect();
    assert!(commands.iter().all(|command| senders.contains(&command.actor)));
}
