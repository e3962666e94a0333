//! The attribute macros of an application.
//!
//! One word above a type brings serde, the JSON Schema, the fixed names, and checks at compile time
//! that every field can be kept for ever (ADR 0002). What they emit names everything by
//! `::deeds::…`, and implements the traits of the engine; what those traits mean is said there.
//!
//! In reading order:
//! - `item`: what all of them ask of an item: its doc comment, derives, fields;
//! - `recorded`: `#[command]` and `#[event]`; `refusal`; `query`; `function`: their short form;
//! - `row` with its typed `reads`; `state`;
//! - `value` and `newtype`, `id`, `role`;
//! - `app`: the one list.

#![forbid(unsafe_code)]

mod app;
mod function;
mod id;
mod item;
mod newtype;
mod query;
mod reads;
mod recorded;
mod refusal;
mod role;
mod row;
mod state;
mod value;

use proc_macro::TokenStream;

/// Turns an error into the compiler's words for it. The compiler stops there: one mistake does not
/// make every other use of the item a mistake as well.
fn expand(expanded: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    expanded.unwrap_or_else(|error| error.into_compile_error()).into()
}

/// An intent that can be sent: a struct with named fields, or none.
///
/// ```
/// # extern crate deeds_engine as deeds;
/// # use deeds::prelude::*;
/// # fn main() {}
/// /// Put food aside for me until I check out.
/// #[command]
/// pub struct AddToCart { pub sku: Sku, pub quantity: u32 }
/// # #[value] pub struct Sku(String);
/// ```
///
/// Brings `Clone`, `Debug`, `PartialEq`, serde (unknown and missing fields are errors), the JSON
/// Schema, and `deeds::command::Command`. The doc comment is shown to those who send it. How it is
/// decided is said by `impl Decide<App> for AddToCart`.
///
/// - `#[command(alias = "OldName")]`: an earlier name, under which records may still be;
/// - `#[personal]` on a field: about a person, kept in a body of its own so that it can be erased.
///
/// The short form is a function: its name in capitals is the command's, its first parameter the state,
/// the others the fields. Who may send it is `anyone` who has shown who they are, or a role; what needs
/// more to be authorized is written as a struct.
///
/// ```
/// # extern crate deeds_engine as deeds;
/// # use deeds::prelude::*;
/// # fn main() {}
/// # #[row(key = name, audience = everyone)] pub struct Product { pub name: String }
/// # #[state] pub struct FoodBank { pub products: Table<Product> }
/// # impl Members for FoodBank {}
/// # app! { FoodBank as "food-bank" {
/// #     commands: [ListProduct], events: [ProductListed], queries: [], invariants: [],
/// # } }
/// # #[event] fn product_listed(bank: &mut FoodBank, name: String) {
/// #     bank.products.put(Product { name });
/// # }
/// /// Take something new into the range.
/// #[command(by = Operator)]
/// fn list_product(bank: &mut Deciding<'_, FoodBank>, name: String) -> Result<(), Never> {
///     bank.emit(ProductListed { name });
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn command(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let (arguments, item) = (arguments.into(), item.into());
    expand(match function::is_one(&item) {
        true => function::command(arguments, item),
        false => recorded::expand(recorded::Kind::Command, arguments, item),
    })
}

/// A fact that followed from a command, named in the past tense: a struct with named fields, or
/// none.
///
/// ```
/// # extern crate deeds_engine as deeds;
/// # use deeds::prelude::*;
/// # fn main() {}
/// #[event]
/// pub struct ItemReserved { pub neighbor: ActorId, pub sku: Sku, pub quantity: u32 }
/// # #[value] pub struct Sku(String);
/// ```
///
/// Brings what `#[command]` brings, and `deeds::event::Event`. How it changes the state is said by
/// `impl Evolve<App> for ItemReserved`. Takes `alias` and `#[personal]` as `#[command]` does.
///
/// The short form is a function of the state, perhaps of `&Meta<'_>`, and of the fields:
/// `#[event] fn item_reserved(bank: &mut FoodBank, sku: Sku, quantity: u32) { … }`.
#[proc_macro_attribute]
pub fn event(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let (arguments, item) = (arguments.into(), item.into());
    expand(match function::is_one(&item) {
        true => function::event(arguments, item),
        false => recorded::expand(recorded::Kind::Event, arguments, item),
    })
}

/// An enum of what a command can be refused with. The code is the variant's name in snake case, the
/// message its doc comment with `{field}` filled in, the data its fields.
///
/// ```
/// # extern crate deeds_engine as deeds;
/// # use deeds::prelude::*;
/// # fn main() {}
/// #[refusal]
/// pub enum CartRefusal {
///     /// There is no such product.
///     UnknownProduct,
///     /// Only {left} are left.
///     NotEnough { left: u32 },
/// }
/// ```
#[proc_macro_attribute]
pub fn refusal(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand(refusal::expand(arguments.into(), item.into()))
}

/// A row of a table.
///
/// ```
/// # extern crate deeds_engine as deeds;
/// # use deeds::prelude::*;
/// # fn main() {}
/// #[row(key = sku, index(category), unique(barcode), references(shelf = Shelf), index(shelf))]
/// pub struct Product { pub sku: Sku, pub category: String, pub barcode: u64, pub shelf: String }
/// # #[value(key)] pub struct Sku(String);
/// # #[row(key = name)] pub struct Shelf { pub name: String }
/// # impl Audience for Shelf { fn audience(&self) -> Keys { Keys::everyone() } }
/// # impl Audience for Product { fn audience(&self) -> Keys { Keys::everyone() } }
/// ```
///
/// - `key = field` or `key = (field, field)`: what names a row in its table;
/// - `index(field, …)`: reads in the order of these fields; `unique(…)`: and no two rows the same,
///   but for rows where a field is `None`;
/// - `references(field = Row)`: the field holds the key of another table's row (or `None`); an
///   index must start with it;
/// - `audience = everyone`: short for an `impl Audience` that shows every row to everyone.
///
/// Brings a trait `ProductReads` with typed reads for tables of this row: `by_category("fruit")`,
/// `by_category_in("a".."d")`, `by_category_prefix("can")` where the field is text, and the same
/// for the leading fields of an index of several, or of a key: with `key = (order, sku)`,
/// `by_order(order)`.
#[proc_macro_attribute]
pub fn row(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand(row::expand(arguments.into(), item.into()))
}

/// A named read with typed arguments: a struct with named fields, or none. How it reads is said by
/// `impl Read<App> for MyOrders`.
///
/// ```
/// # extern crate deeds_engine as deeds;
/// # use deeds::prelude::*;
/// # fn main() {}
/// /// My orders, the newest first.
/// #[query]
/// pub struct MyOrders { pub status: Option<Status> }
/// # #[value] pub enum Status { Placed }
/// ```
///
/// The short form is a function of what is visible, and of the arguments. If it answers `Rows` it picks
/// rows (`Select`), otherwise it computes:
/// `#[query(by = anyone)] fn products(bank: &Visible<'_, FoodBank>) -> Rows<'_, Product> { … }`.
#[proc_macro_attribute]
pub fn query(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let (arguments, item) = (arguments.into(), item.into());
    expand(match function::is_one(&item) {
        true => function::query(arguments, item),
        false => query::expand(arguments, item),
    })
}

/// A type that can be part of commands, events, rows and answers.
///
/// - a struct with named fields is a JSON object;
/// - a struct around one value, `struct Sku(String);`, is written as that value, and converts from
///   and to it;
/// - an enum's variants are written in snake case: `"placed"`, `{"picked": {"by": "ada"}}`. An enum
///   without fields is `Copy`, ordered as declared, and can always be a key.
///
/// `#[value(key)]` also makes it a key: ordered field by field. `#[value(check = function)]` on a
/// struct around one value lets in only what passes `fn(&Inner) -> Result<(), impl Display>`; the
/// error is told to whoever sent it, with the name of the field.
#[proc_macro_attribute]
pub fn value(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand(value::expand(arguments.into(), item.into()))
}

/// The id of a thing that the app makes: `#[id] pub struct LotId;` is a UUID of its own type,
/// written as text. New ones come from `new_id()` while a command is decided.
#[proc_macro_attribute]
pub fn id(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand(id::expand(arguments.into(), item.into()))
}

/// An enum of the app's roles; their names in tokens are the variants in snake case.
///
/// ```
/// # extern crate deeds_engine as deeds;
/// # use deeds::prelude::*;
/// # fn main() {}
/// #[role]
/// pub enum Role { Neighbor, Volunteer, Admin }
/// ```
#[proc_macro_attribute]
pub fn role(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand(role::expand(arguments.into(), item.into()))
}

/// The state: a struct whose fields are all `Table<…>`, one for each type of row.
///
/// ```
/// # extern crate deeds_engine as deeds;
/// # use deeds::prelude::*;
/// # fn main() {}
/// #[state]
/// pub struct FoodBank { pub products: Table<Product>, pub orders: Table<Order> }
/// # #[row(key = name)] pub struct Product { pub name: String }
/// # #[row(key = number)] pub struct Order { pub number: u32 }
/// # impl Audience for Product { fn audience(&self) -> Keys { Keys::everyone() } }
/// # impl Audience for Order { fn audience(&self) -> Keys { Keys::everyone() } }
/// ```
///
/// Brings `FoodBankVisible`, the same tables as an actor sees them.
#[proc_macro_attribute]
pub fn state(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand(state::expand(arguments.into(), item.into()))
}

/// The one list of what an app is made of; what is not in it is not part of the app.
///
/// ```
/// # extern crate deeds_engine as deeds;
/// # use deeds::prelude::*;
/// # fn main() {}
/// # #[row(key = name)] pub struct Product { pub name: String }
/// # impl Audience for Product { fn audience(&self) -> Keys { Keys::everyone() } }
/// # #[state] pub struct FoodBank { pub products: Table<Product> }
/// # impl Members for FoodBank {
/// #     fn roles(&self, _: &ActorId) -> Roles { Roles::none() }
/// #     fn keys(&self, _: &Actor) -> Keys { Keys::none() }
/// # }
/// # #[event] pub struct ProductListed { pub name: String }
/// # impl Evolve<FoodBank> for ProductListed {
/// #     fn evolve(self, bank: &mut FoodBank, _: &Meta<'_>) {
/// #         bank.products.put(Product { name: self.name });
/// #     }
/// # }
/// # #[command] pub struct ListProduct { pub name: String }
/// # impl Decide<FoodBank> for ListProduct {
/// #     type Answer = ();
/// #     type Refusal = Never;
/// #     fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access { actor.requires(Operator) }
/// #     fn decide(self, bank: &mut Deciding<'_, FoodBank>) -> Result<(), Never> {
/// #         bank.emit(ProductListed { name: self.name });
/// #         Ok(())
/// #     }
/// # }
/// # #[query] pub struct Catalogue;
/// # impl Read<FoodBank> for Catalogue {
/// #     type Answer = Vec<Product>;
/// #     fn authorize(&self, _: &Actor, _: &FoodBank) -> Access { Access::Allowed }
/// #     fn read(&self, bank: &Visible<'_, FoodBank>, _: &Asking<'_, FoodBank>) -> Vec<Product> {
/// #         bank.products.iter().cloned().collect()
/// #     }
/// # }
/// # fn products_have_names(_: &FoodBank) -> Result<(), String> { Ok(()) }
/// app! {
///     FoodBank as "food-bank" {
///         commands: [ListProduct],
///         events: [ProductListed],
///         queries: [Catalogue],
///         invariants: [products_have_names],
///     }
/// }
/// ```
///
/// The name is the first part of the names of all stored types (`food-bank/ProductListed`), and fixed
/// for ever. An invariant is a `fn(&FoodBank) -> Result<(), String>` that is checked after every
/// command in tests; being in the list is all that makes it one.
#[proc_macro]
pub fn app(list: TokenStream) -> TokenStream {
    expand(app::expand(list.into()))
}
