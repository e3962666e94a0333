//! What an empty food bank starts with: real groceries, two neighbors, and people to be.
//!
//! The groceries are spreadsheets, as an admin would upload them: `seed/products.csv` has the columns
//! of [`AddProduct`], so `food-bank import AddProduct seed/products.csv` does the same by hand. They
//! go in as ordinary commands, decided and recorded like everybody's.

use std::time::SystemTime;

use deeds::prelude::*;
use deeds::{Hint, Page, Person, Seed, SeedCommand};
use serde::de::value::Error as LabelError;
use serde::de::{Deserialize, IntoDeserializer};

use crate::*;

const PRODUCTS: &str = include_str!("../seed/products.csv");
const LOTS: &str = include_str!("../seed/lots.csv");
const SHELVES: &str = include_str!("../seed/shelves.csv");

/// A line of `products.csv`; several labels stand in one cell, with semicolons between them.
#[value]
struct ProductLine {
    sku: Sku,
    name: String,
    category: Category,
    size: String,
    barcode: Barcode,
    labels: String,
    limit: Option<u32>,
}

/// A line of `lots.csv`. Food keeps so many days from today, so that a demonstration next year does
/// not begin with throwing everything away.
#[value]
struct LotLine {
    sku: Sku,
    quantity: Quantity,
    keeps_days: i32,
}

impl Seed for FoodBank {
    fn seed() -> Vec<SeedCommand> {
        let mut commands = Vec::new();
        for role in staff_roles() {
            commands.push(SeedCommand::by("ada", Role::Admin, role));
        }
        for neighbor in neighbors() {
            commands.push(SeedCommand::by("ada", Role::Admin, neighbor));
        }
        for product in products() {
            commands.push(SeedCommand::by("ada", Role::Admin, product));
        }
        for lot in lots(today()) {
            commands.push(SeedCommand::by("ada", Role::Admin, lot));
        }
        // Newer parts come last: what was sent to an older food bank keeps its number.
        for shelf in lines::<AssignShelf>(SHELVES) {
            commands.push(SeedCommand::by("ada", Role::Admin, shelf));
        }
        let second = GrantRole { member: actor("arne"), role: Role::Admin };
        commands.push(SeedCommand::by("ada", Role::Admin, second));
        commands
    }

    fn people() -> Vec<Person> {
        vec![
            Person::new("ada", Role::Admin, "looks after everything"),
            Person::new("arne", Role::Admin, "looks after everything, too"),
            Person::new("vera", Role::Volunteer, "picks orders"),
            Person::new("viktor", Role::Volunteer, "picks orders, too"),
            Person::new("nora", Role::Neighbor, "cooks for five"),
            Person::new("nils", Role::Neighbor, "cooks for himself"),
        ]
    }

    fn pages() -> &'static [Page] {
        deeds::pages!()
    }

    fn hints() -> Vec<Hint> {
        vec![
            Hint {
                does: "See whether there is spaghetti",
                line: "{program} query Catalogue search=spaghetti --as nora --url {url}",
            },
            Hint {
                does: "Put some aside, as a neighbor",
                line: "{program} command AddToCart sku=PASTA-SPAGHETTI-500G quantity=2 --as nora \
                       --url {url}",
            },
            Hint {
                does: "Ask for more than a household may have, and be refused",
                line: "{program} command AddToCart sku=PASTA-SPAGHETTI-500G quantity=20 --as nora \
                       --url {url}",
            },
            Hint {
                does: "Order what is in the cart",
                line: "{program} command Checkout --as nora --url {url}",
            },
            Hint {
                does: "Claim it for picking, as a volunteer; then let viktor try",
                line: "{program} command ClaimOrder order=1 --as vera --url {url}",
            },
            Hint {
                does: "Look at the numbers",
                line: "{program} query Dashboard --as ada --url {url}",
            },
        ]
    }
}

fn staff_roles() -> Vec<GrantRole> {
    let is = |name, role| GrantRole { member: actor(name), role };
    vec![is("ada", Role::Admin), is("vera", Role::Volunteer), is("viktor", Role::Volunteer)]
}

fn actor(name: &str) -> ActorId {
    ActorId::new(name).expect("a name in plain letters")
}

fn neighbors() -> Vec<RegisterNeighbor> {
    let neighbor = |id: &str, name: &str, phone: &str, address: &str| RegisterNeighbor {
        neighbor: actor(id),
        name: name.to_owned(),
        phone: phone.to_owned(),
        address: address.to_owned(),
    };
    vec![
        neighbor("nora", "Nora Lind", "555 0101", "12 Mill Lane"),
        neighbor("nils", "Nils Berg", "555 0102", "3 Station Road"),
    ]
}

fn products() -> Vec<AddProduct> {
    let product = |line: ProductLine| AddProduct {
        sku: line.sku,
        name: line.name,
        category: line.category,
        size: line.size,
        barcode: line.barcode,
        labels: line.labels.split_terminator(';').map(label).collect(),
        limit: line.limit,
    };
    lines(PRODUCTS).map(product).collect()
}

fn label(name: &str) -> Label {
    let label: Result<Label, LabelError> = Label::deserialize(name.into_deserializer());
    label.expect("products.csv names labels that there are")
}

fn lots(today: Date) -> Vec<ReceiveLot> {
    let lot = |line: LotLine| ReceiveLot {
        sku: line.sku,
        quantity: line.quantity,
        best_before: today.checked_add_days(line.keeps_days).expect("a day in some years"),
    };
    lines(LOTS).map(lot).collect()
}

fn lines<Line: serde::de::DeserializeOwned>(text: &'static str) -> impl Iterator<Item = Line> {
    let lines = csv::Reader::from_reader(text.as_bytes()).into_deserialize();
    lines.map(|line| line.expect("our own spreadsheets have the right columns"))
}

fn today() -> Date {
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().expect("we live after 1970");
    Timestamp(i64::try_from(since_1970.as_micros()).expect("and not that long after")).date()
}

#[cfg(test)]
mod tests {
    use deeds::testing::Scenario;

    use super::*;

    #[test]
    fn an_empty_food_bank_accepts_every_command_of_the_seed() {
        let mut bank: Scenario<FoodBank> = Scenario::new();
        bank.as_actor("ada", Role::Admin);
        for role in staff_roles() {
            bank.when(role).then_accepted();
        }
        for neighbor in neighbors() {
            bank.when(neighbor).then_accepted();
        }
        for product in products() {
            bank.when(product).then_accepted();
        }
        for lot in lots(today()) {
            bank.when(lot).then_accepted();
        }
        for shelf in lines::<AssignShelf>(SHELVES) {
            bank.when(shelf).then_accepted();
        }
        assert_eq!(bank.state().places.iter().count(), bank.state().products.iter().count());
        let empty = |product: &&Product| product.available() == 0;
        assert_eq!(bank.state().products.iter().filter(empty).count(), 0);
    }
}
