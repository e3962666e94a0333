//! A shop: products, customers who order them, and a command for every way to misbehave.

use deeds_engine::prelude::*;
use deeds_values::Uid;

#[value(key, check = is_sku)]
pub(crate) struct Sku(String);

fn is_sku(text: &str) -> Result<(), &'static str> {
    if text.is_empty() { Err("a SKU is not empty") } else { Ok(()) }
}

pub(crate) fn sku(text: &str) -> Sku {
    Sku::new(text).unwrap()
}

#[id]
pub(crate) struct ParcelId;

#[role]
pub(crate) enum Role {
    Clerk,
    Customer,
}

/// Something to sell.
#[row(key = sku, index(shelf, left), unique(barcode))]
pub(crate) struct Product {
    pub(crate) sku: Sku,
    pub(crate) shelf: u8,
    pub(crate) left: u32,
    pub(crate) barcode: Option<u64>,
}

impl Audience for Product {
    fn audience(&self) -> Keys {
        Keys::everyone()
    }
}

/// Something sold.
#[row(key = (customer, number), index(product), references(product = Product))]
pub(crate) struct Order {
    pub(crate) customer: ActorId,
    pub(crate) number: u32,
    pub(crate) product: Option<Sku>,
    pub(crate) parcel: ParcelId,
    pub(crate) placed: Timestamp,
}

impl Audience for Order {
    fn audience(&self) -> Keys {
        keys![AudienceKey::of("customer", &self.customer), AudienceKey::group("clerks")]
    }
}

#[state]
pub(crate) struct Shop {
    pub(crate) products: Table<Product>,
    pub(crate) orders: Table<Order>,
}

impl Members for Shop {
    /// Whoever has ordered is a customer.
    fn roles(&self, actor: &ActorId) -> Roles {
        if self.orders.by_customer(actor).next().is_some() {
            Roles::none().and(&Role::Customer)
        } else {
            Roles::none()
        }
    }

    fn keys(&self, actor: &Actor) -> Keys {
        let own = Keys::none().and(AudienceKey::of("customer", actor.id()));
        if actor.has(Role::Clerk) { own.and(AudienceKey::group("clerks")) } else { own }
    }
}

/// Put products on a shelf.
#[command]
pub(crate) struct Stock {
    pub(crate) sku: Sku,
    pub(crate) shelf: u8,
    pub(crate) count: u32,
}

#[event]
pub(crate) struct Stocked {
    pub(crate) sku: Sku,
    pub(crate) shelf: u8,
    pub(crate) count: u32,
}

impl Evolve<Shop> for Stocked {
    fn evolve(self, shop: &mut Shop, _: &Meta<'_>) {
        let before = shop.products.get(&self.sku).map_or(0, |product| product.left);
        let (left, barcode) = (before + self.count, None);
        shop.products.put(Product { sku: self.sku, shelf: self.shelf, left, barcode });
    }
}

impl Decide<Shop> for Stock {
    type Answer = u32;
    type Refusal = Never;

    fn authorize(&self, actor: &Actor, _: &Shop) -> Access {
        actor.requires(Role::Clerk)
    }

    fn decide(self, shop: &mut Deciding<'_, Shop>) -> Result<u32, Never> {
        let Self { sku, shelf, count } = self;
        shop.emit(Stocked { sku: sku.clone(), shelf, count });
        Ok(shop.products.get(&sku).expect("just stocked").left)
    }
}

/// Order one each of some products.
#[command]
pub(crate) struct Buy {
    pub(crate) skus: Vec<Sku>,
    #[personal]
    pub(crate) address: String,
}

#[event]
pub(crate) struct Bought {
    pub(crate) sku: Sku,
    pub(crate) parcel: ParcelId,
    #[personal]
    pub(crate) address: String,
}

impl Evolve<Shop> for Bought {
    fn evolve(self, shop: &mut Shop, meta: &Meta<'_>) {
        shop.products.update(&self.sku, |product| product.left -= 1);
        let number = shop.orders.by_customer(meta.actor).next_back().map_or(1, |o| o.number + 1);
        shop.orders.insert(Order {
            customer: meta.actor.clone(),
            number,
            product: Some(self.sku),
            parcel: self.parcel,
            placed: meta.time,
        });
    }
}

#[refusal]
pub(crate) enum BuyRefusal {
    /// There is no {sku}.
    Unknown { sku: Sku },
    /// {sku} is sold out.
    SoldOut { sku: Sku },
}

impl Decide<Shop> for Buy {
    type Answer = Vec<ParcelId>;
    type Refusal = BuyRefusal;

    fn authorize(&self, _: &Actor, _: &Shop) -> Access {
        Access::Allowed
    }

    fn decide(self, shop: &mut Deciding<'_, Shop>) -> Result<Vec<ParcelId>, BuyRefusal> {
        let mut parcels = Vec::new();
        for sku in self.skus {
            let product = shop.products.get(&sku);
            let Some(product) = product else { return Err(BuyRefusal::Unknown { sku }) };
            ensure!(product.left > 0, BuyRefusal::SoldOut { sku });
            let parcel = shop.new_id();
            shop.emit(Bought { sku, parcel, address: self.address.clone() });
            parcels.push(parcel);
        }
        Ok(parcels)
    }
}

/// Ways to misbehave.
#[value]
pub(crate) enum Misdeed {
    InsertTwice,
    UpdateNothing,
    UpdateTheKey,
    RemoveNothing,
    TakeABarcode,
    RemoveWhatIsReferredTo,
    ReferToNothing,
    BreakTheInvariant,
    Panic,
    AnswerTooMuch,
    ReferToNothingInTheEnd,
    /// No misdeed: what counts is the end of the command.
    ReferToNothingForAMoment,
}

/// Do what an app must not do, after something harmless.
#[command]
pub(crate) struct Misbehave {
    pub(crate) how: Misdeed,
}

#[event]
pub(crate) struct Misbehaved {
    pub(crate) how: Misdeed,
}

fn product(sku: Sku, barcode: Option<u64>) -> Product {
    Product { sku, shelf: 0, left: 1, barcode }
}

impl Evolve<Shop> for Misbehaved {
    fn evolve(self, shop: &mut Shop, meta: &Meta<'_>) {
        let order = |product: &str| Order {
            customer: meta.actor.clone(),
            number: 1_000,
            product: Some(sku(product)),
            parcel: ParcelId::from(Uid::from_hash([0; 16])),
            placed: meta.time,
        };
        match self.how {
            Misdeed::InsertTwice => shop.products.insert(product(sku("mild"), None)),
            Misdeed::UpdateNothing => {
                shop.products.update(&sku("absent"), |_| {});
            }
            Misdeed::UpdateTheKey => {
                shop.products.update(&sku("mild"), |it| it.sku = sku("wild"));
            }
            Misdeed::RemoveNothing => shop.products.remove(&sku("absent")),
            Misdeed::TakeABarcode => {
                shop.products.insert(product(sku("one"), Some(7)));
                shop.products.insert(product(sku("other"), Some(7)));
            }
            Misdeed::RemoveWhatIsReferredTo => {
                shop.orders.insert(order("mild"));
                shop.products.remove(&sku("mild"));
            }
            Misdeed::ReferToNothing => shop.orders.insert(order("absent")),
            Misdeed::BreakTheInvariant => {
                shop.products.update(&sku("mild"), |it| it.left = 2_000_000);
            }
            Misdeed::Panic => panic!("out of beans"),
            Misdeed::AnswerTooMuch => {}
            Misdeed::ReferToNothingInTheEnd => {
                shop.orders.put(order("mild"));
                shop.orders.put(order("absent"));
            }
            Misdeed::ReferToNothingForAMoment => {
                shop.orders.put(order("absent"));
                shop.orders.put(order("mild"));
            }
        }
    }
}

impl Decide<Shop> for Misbehave {
    type Answer = String;
    type Refusal = Never;

    fn authorize(&self, _: &Actor, _: &Shop) -> Access {
        Access::Allowed
    }

    fn decide(self, shop: &mut Deciding<'_, Shop>) -> Result<String, Never> {
        shop.emit(Stocked { sku: sku("mild"), shelf: 3, count: 5 });
        shop.emit(Misbehaved { how: self.how });
        let length = if self.how == Misdeed::AnswerTooMuch { 3 << 20 } else { 1 };
        Ok("x".repeat(length))
    }
}

/// What a decision is told besides the state.
#[command]
pub(crate) struct Look;

/// What it was told.
#[value]
pub(crate) struct Looked {
    pub(crate) ids: Vec<ParcelId>,
    pub(crate) randoms: Vec<String>,
    pub(crate) now: Timestamp,
    pub(crate) position: Position,
    pub(crate) who: ActorId,
    pub(crate) is_customer: bool,
}

impl Decide<Shop> for Look {
    type Answer = Looked;
    type Refusal = Never;

    fn authorize(&self, _: &Actor, _: &Shop) -> Access {
        Access::Allowed
    }

    fn decide(self, shop: &mut Deciding<'_, Shop>) -> Result<Looked, Never> {
        Ok(Looked {
            ids: vec![shop.new_id(), shop.new_id()],
            randoms: vec![shop.random().to_string(), shop.random().to_string()],
            now: shop.now(),
            position: shop.position(),
            who: shop.actor_id(),
            is_customer: shop.actor().has(Role::Customer),
        })
    }
}

/// The orders I may see.
#[query]
pub(crate) struct Orders;

impl Read<Shop> for Orders {
    type Answer = Vec<Order>;

    fn authorize(&self, _: &Actor, _: &Shop) -> Access {
        Access::Allowed
    }

    fn read(&self, shop: &Visible<'_, Shop>, _: &Asking<'_, Shop>) -> Vec<Order> {
        shop.orders.iter().cloned().collect()
    }
}

/// How many orders there are, whoever asks.
#[query]
pub(crate) struct CountOrders {
    pub(crate) times: u64,
}

impl Read<Shop> for CountOrders {
    type Answer = u64;

    fn authorize(&self, actor: &Actor, _: &Shop) -> Access {
        actor.requires(Role::Clerk).or(actor.requires(Role::Customer))
    }

    fn read(&self, _: &Visible<'_, Shop>, asking: &Asking<'_, Shop>) -> u64 {
        // A number tells nobody who ordered what.
        asking.regardless_of_audience().orders.len() as u64 * self.times
    }
}

/// What is on a shelf, by how many are left; the fullest first if asked so.
#[query(scope = Everyone)]
pub(crate) struct OnShelf {
    pub(crate) shelf: u8,
    pub(crate) least: u32,
    pub(crate) fullest_first: bool,
    pub(crate) limit: Option<u32>,
}

/// What is told of a product.
#[value]
pub(crate) struct Facing {
    pub(crate) sku: Sku,
    pub(crate) left: u32,
}

impl Select<Shop> for OnShelf {
    type Row = Product;
    type Item = Facing;

    fn authorize(&self, _: &Actor, _: &Shop) -> Access {
        Access::Allowed
    }

    fn rows<'a>(&self, shop: &'a Visible<'_, Shop>, _: &Asking<'_, Shop>) -> Rows<'a, Product> {
        let rows = shop.products.by_shelf(self.shelf);
        if self.fullest_first { rows.backwards() } else { rows }
    }

    fn keeps(&self, product: &Product) -> bool {
        product.left >= self.least
    }

    fn item(&self, product: &Product, _: &Visible<'_, Shop>) -> Facing {
        Facing { sku: product.sku.clone(), left: product.left }
    }

    fn limit(&self) -> Option<usize> {
        self.limit.map(|limit| limit as usize)
    }
}

/// What I ordered, the newest first; a clerk's own orders, too.
#[query]
pub(crate) struct MyOrders;

impl Select<Shop> for MyOrders {
    type Row = Order;
    type Item = Order;

    fn authorize(&self, _: &Actor, _: &Shop) -> Access {
        Access::Allowed
    }

    fn rows<'a>(&self, shop: &'a Visible<'_, Shop>, asking: &Asking<'_, Shop>) -> Rows<'a, Order> {
        shop.orders.by_customer(asking.actor().id()).backwards()
    }

    fn item(&self, order: &Order, _: &Visible<'_, Shop>) -> Order {
        order.clone()
    }
}

/// All orders that a clerk sees.
#[query(scope = Key(AudienceKey::group("clerks")))]
pub(crate) struct AllOrders;

impl Select<Shop> for AllOrders {
    type Row = Order;
    type Item = Order;

    fn authorize(&self, _: &Actor, _: &Shop) -> Access {
        Access::Allowed
    }

    fn rows<'a>(&self, shop: &'a Visible<'_, Shop>, _: &Asking<'_, Shop>) -> Rows<'a, Order> {
        shop.orders.iter()
    }

    fn item(&self, order: &Order, _: &Visible<'_, Shop>) -> Order {
        order.clone()
    }
}

/// Every product, told whole.
#[query(by = anyone, scope = Everyone)]
pub(crate) fn products(shop: &Visible<'_, Shop>) -> Rows<'_, Product> {
    shop.products.iter()
}

/// What I ordered, the newest first, with how many are left of it: a join.
#[query]
pub(crate) struct MyParcels;

/// An order, and how many are left of what was ordered.
#[value]
pub(crate) struct Ordered {
    pub(crate) number: u32,
    pub(crate) left: Option<u32>,
}

impl Select<Shop> for MyParcels {
    type Row = Order;
    type Item = Ordered;

    fn authorize(&self, _: &Actor, _: &Shop) -> Access {
        Access::Allowed
    }

    fn rows<'a>(&self, shop: &'a Visible<'_, Shop>, asking: &Asking<'_, Shop>) -> Rows<'a, Order> {
        shop.orders.by_customer(asking.actor().id()).backwards()
    }

    fn item(&self, order: &Order, shop: &Visible<'_, Shop>) -> Ordered {
        let product = order.product.as_ref().and_then(|sku| shop.products.get(sku));
        Ordered { number: order.number, left: product.map(|product| product.left) }
    }
}

/// How many of what I ordered are left: a join.
#[query]
pub(crate) struct LeftOfMine;

impl Read<Shop> for LeftOfMine {
    type Answer = Vec<u32>;

    fn authorize(&self, _: &Actor, _: &Shop) -> Access {
        Access::Allowed
    }

    fn read(&self, shop: &Visible<'_, Shop>, asking: &Asking<'_, Shop>) -> Vec<u32> {
        let products =
            shop.orders.by_customer(asking.actor().id()).filter_map(|o| o.product.as_ref());
        products.filter_map(|sku| shop.products.get(sku)).map(|product| product.left).collect()
    }
}

fn stock_is_believable(shop: &Shop) -> Result<(), String> {
    match shop.products.iter().find(|product| product.left > 1_000_000) {
        Some(product) => Err(format!("{} of {}", product.left, product.sku)),
        None => Ok(()),
    }
}

app! {
    Shop as "shop" {
        commands: [Stock, Buy, Misbehave, Look],
        events: [Stocked, Bought, Misbehaved],
        queries: [Orders, CountOrders, OnShelf, MyOrders, AllOrders, LeftOfMine, Products, MyParcels],
        invariants: [stock_is_believable],
    }
}
