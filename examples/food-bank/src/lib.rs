//! The food bank: an application on Deeds, and the tutorial for writing one.
//!
//! Neighbors order food from what was donated, volunteers pick the orders in the warehouse, admins
//! look after products and people. Nobody may order what is not there.
//!
//! Everything in it is here at a glance: the tables, and then the one list of what can be done
//! (commands), what can happen (events), what can be asked (queries), and what must always be true
//! (invariants). What is not in the list is not part of the app.
//!
//! `cargo xtask demo` runs it, and says what to try. `tests/it/story.rs` is one day of it, as a test.
//!
//! Then read on in this order. Each file is one part of the warehouse and shows more of Deeds; after
//! the first of them you can write an app of your own:
//! 1. [`products`]: a row, a command, its refusals, the event that follows. The whole pattern.
//! 2. [`stock`]: ids, dates, references between tables, ranges of an index. [`donations`]: several
//!    things at once.
//! 3. [`sharing`]: a rule of the house, which two commands obey.
//! 4. [`cart`]: time, and what an event knows besides its fields.
//! 5. [`orders`]: several events in one decision; authorizing by the state.
//! 6. [`picking`]: two people after the same thing, and only one gets it. [`shelves`]: where it lies.
//! 7. [`editing`]: two people after the same thing, and neither undoes the other's work.
//! 8. [`members`]: personal data, roles from the state, who may see which rows.
//! 9. [`shifts`]: chance, and a role that ends by itself.
//! 10. [`catalogue`], [`order_book`]: queries. [`tallies`], [`dashboard`]: sums over years, at hand.
//! 11. [`clock`]: when a day begins.
//! 12. [`invariants`]; [`seed`], which fills an empty food bank with real groceries.

#![forbid(unsafe_code)]
#![allow(missing_docs, reason = "doc comments are shown to people; a name that says it needs none")]

pub mod cart;
pub mod catalogue;
pub mod clock;
pub mod dashboard;
pub mod donations;
pub mod editing;
pub mod invariants;
pub mod members;
pub mod order_book;
pub mod orders;
pub mod picking;
pub mod products;
pub mod seed;
pub mod sharing;
pub mod shelves;
pub mod shifts;
pub mod stock;
pub mod tallies;

// Every part begins with `use deeds::prelude::*; use crate::*;`, and sees all the others.
use deeds::prelude::*;

pub use cart::*;
pub use catalogue::*;
pub use clock::*;
pub use dashboard::*;
pub use donations::*;
pub use editing::*;
use invariants::*;
pub use members::*;
pub use order_book::*;
pub use orders::*;
pub use picking::*;
pub use products::*;
pub use sharing::*;
pub use shelves::*;
pub use shifts::*;
pub use stock::*;
pub use tallies::*;

/// Everything the food bank knows, in memory. Commands read it; only events change it.
#[state]
pub struct FoodBank {
    /// What there is to give, and how much of it.
    pub products: Table<Product>,
    /// Where it is: food that came in together and expires together.
    pub lots: Table<Lot>,
    /// On which shelf.
    pub places: Table<Place>,
    /// Who last changed what is said of it.
    pub edits: Table<Edit>,
    /// What was brought, and by whom.
    pub donations: Table<Donation>,
    /// What neighbors have put aside.
    pub cart_lines: Table<CartLine>,
    /// What neighbors have ordered.
    pub orders: Table<Order>,
    /// The products of each order.
    pub order_lines: Table<OrderLine>,
    /// The households that get food.
    pub neighbors: Table<Neighbor>,
    /// The people who work here, and as what.
    pub staff: Table<StaffMember>,
    /// The shifts there were, and the one that is on.
    pub shifts: Table<Shift>,
    /// Who works in it.
    pub present: Table<Present>,
    /// How the clock on the wall goes.
    pub clock: Table<ClockSetting>,
    /// What happened by hours, what went out and who was here by days.
    pub hours: Table<Hour>,
    pub handouts: Table<Handout>,
    pub visits: Table<Visit>,
}

app! {
    FoodBank as "food-bank" {
        commands: [
            // products
            AddProduct, SetLimit, EditProduct,
            // stock
            ReceiveLot, ReceiveDonation, CountLot, WriteOffExpired,
            // shelves
            AssignShelf,
            // cart
            AddToCart, RemoveFromCart, EmptyAbandonedCarts,
            // orders
            PlaceOrder, Checkout, CancelOrder,
            // picking
            ClaimOrder, PickLine, GiveBackOrder, PackOrder, HandOver,
            // members
            Register, RegisterNeighbor, EditNeighbor, GrantRole, RevokeRole,
            // shifts
            OpenShift, JoinShift, LeaveShift, CloseShift,
            // clock
            SetClock,
        ],
        events: [
            ProductAdded, LimitSet, ProductEdited,
            LotReceived, DonationReceived, LotCounted, LotWrittenOff,
            ShelfAssigned,
            ItemReserved, ItemLowered, ItemReleased,
            OrderPlaced, OrderCancelled,
            OrderClaimed, LinePicked, OrderGivenBack, OrderPacked, OrderHandedOver,
            NeighborRegistered, NeighborEdited, RoleGranted, RoleRevoked,
            ShiftOpened, ShiftJoined, ShiftLeft, ShiftClosed,
            ClockSet,
        ],
        queries: [
            Catalogue, ProductByBarcode,
            Products, Places, Edits, Stock, ExpiringLots, Donations,
            MyCart,
            MyOrders, OrderByNumber, AllOrders, ShortLines,
            PickList,
            CurrentShift,
            Dashboard, Days, Clock,
            Me, Neighbors, Team,
        ],
        invariants: [
            what_is_on_hand_is_in_lots,
            what_is_reserved_is_in_carts,
            what_is_promised_is_in_open_orders,
            order_numbers_have_no_gaps,
            every_order_is_in_good_order,
            nothing_is_kept_that_is_empty,
            tallies_are_what_one_would_count,
        ],
    }
}
