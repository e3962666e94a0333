// Made by `food-bank codegen typescript`; do not edit.

import { command, rowQuery, valueQuery } from "deeds";

export const app = { name: "food-bank", schema: "410aaf6f" } as const;

/** An actor's name. */
export type ActorId = string;

/** Take a new product into the range. There is none of it until a lot is received. */
export interface AddProduct {
  /** What the scanner reads. */
  barcode: Barcode;
  /** The aisle. */
  category: Category;
  /** For whom it is fit. */
  labels?: Label[];
  /** How much of it one household may have in a week. */
  limit?: number | null;
  /** What everybody calls it. */
  name: string;
  /** What one of it is: `1 kg`, `6 eggs`. */
  size: string;
  /** Our name for it, like `RICE-1KG`; it never changes. */
  sku: Sku;
}

/** Put food aside for me until I check out. */
export interface AddToCart {
  quantity: Quantity;
  sku: Sku;
}

/** Orders of everybody, the newest first: looked at through a window, for there are thousands. */
export interface AllOrders {
  /** Only those that are this far. */
  status?: Status | null;
}

/** Say on which shelf a product lies. */
export interface AssignShelf {
  /** The mark on the shelf, like `C-04`; none: on no shelf of its own. */
  shelf?: ShelfMark | null;
  sku: Sku;
}

/** A barcode as printed on the pack: EAN-13, the last digit checks the others. */
export type Barcode = string;

/**
 * Cancel an order, and put everything back. A neighbor can until somebody begins to pick it, the
 * staff until it is handed over.
 */
export interface CancelOrder {
  order: OrderNumber;
}

/** So many of one product in one neighbor's cart. */
export interface CartLine {
  neighbor: ActorId;
  quantity: number;
  /** When something was last put in. */
  since: Timestamp;
  sku: Sku;
}

/** What can be ordered, by name. */
export interface Catalogue {
  /** Only what there is. */
  available?: boolean;
  /** Only this aisle. */
  category?: Category | null;
  /** Only what is fit for all of these. */
  labels?: Label[];
  /** Only names with these letters in them, large or small. */
  search?: string | null;
}

/** The aisles of the warehouse. */
export type Category =
  | "produce"
  | "bakery"
  | "dairy"
  | "meat"
  | "frozen"
  | "grains"
  | "canned"
  | "baking"
  | "breakfast"
  | "snacks"
  | "drinks"
  | "baby"
  | "household"
  | "hygiene";

/** Order what is in my cart. */
export type Checkout = Record<string, never>;

/** This order is mine to pick. */
export interface ClaimOrder {
  order: OrderNumber;
}

/** How the clock goes, and which day it is. */
export type Clock = Record<string, never>;

/** The shift is over: everybody who signed in to it is out. */
export type CloseShift = Record<string, never>;

/** Put the books right: there are so many in this lot. */
export interface CountLot {
  /** What was counted; 0 when nothing was there. */
  counted: number;
  lot: LotId;
  /**
   * What the books said when the counting began: if it is not what they say now, somebody took some
   * out meanwhile, and the count is refused.
   */
  seen?: number | null;
}

/** The shift that is on, and who is here. Nothing when none is. */
export type CurrentShift = Record<string, never>;

/** How it goes. */
export type Dashboard = Record<string, never>;

/** A day without a time zone, like 2026-11-20. */
export type Date = string;

/** How it went, day by day, the oldest first. */
export interface Days {
  /** How many days, with today. */
  days: number;
}

/** What is said of a product, and may change. */
export interface Details {
  /** The aisle. */
  category: Category;
  /** For whom it is fit. */
  labels: Label[];
  /** How much of it one household may have in a week; none: as much as there is. */
  limit?: number | null;
  /** What everybody calls it. */
  name: string;
  /** What one of it is: `1 kg`, `6 eggs`. */
  size: string;
}

/** What somebody brought at one time. */
export interface Donation {
  /** Who took it in. */
  by: ActorId;
  /** Who gave it. */
  from: string;
  /** Single items in them. */
  items: number;
  /** How many different lots it was. */
  lots: number;
  number: DonationNumber;
  received: Timestamp;
}

/** A donation's number: 1, 2, 3, without gaps. */
export type DonationNumber = number;

/** What was donated lately, the newest first. */
export type Donations = Record<string, never>;

/** Who last changed what is said of a product, and when. Beside the product, like its place. */
export interface Edit {
  at: Timestamp;
  by: ActorId;
  sku: Sku;
}

/** Change what we know of a household: it moved, or somebody misheard. */
export interface EditNeighbor {
  address: string;
  name: string;
  neighbor: ActorId;
  phone: string;
  /**
   * How often it had been changed when you began. What it said is not sent along, as in
   * [`EditProduct`]: what is personal is better said once.
   */
  seen: number;
}

/** Change what is said of a product. */
export interface EditProduct {
  /** As it shall be. */
  details: Details;
  /** As it was when you began. */
  seen: Details;
  sku: Sku;
}

/** Who last changed what. */
export type Edits = Record<string, never>;

/** Give back what lies in forgotten carts. Now and then; more often does no harm. */
export type EmptyAbandonedCarts = Record<string, never>;

/** Lots that are not good for much longer, the first to expire first. */
export interface ExpiringLots {
  /** Up to and with this day. */
  until: Date;
}

/** What happened in a day, or in an hour of one, as the clock on the wall shows them. */
export interface Flow {
  cancelled: number;
  day: Date;
  handed_over: number;
  hour: number | null;
  /** Single items in what was handed over. */
  items: number;
  /** Orders placed. */
  orders: number;
}

/**
 * I cannot go on with this order: everything back on the shelves, and somebody else may have it.
 */
export interface GiveBackOrder {
  order: OrderNumber;
}

/** Let somebody work here. */
export interface GrantRole {
  member: ActorId;
  role: Role;
}

/** The neighbor has it. */
export interface HandOver {
  order: OrderNumber;
}

/** How it went over time. */
export interface History {
  days: Flow[];
  /** The last 24 hours. */
  hours: Flow[];
}

/** So many of a product. */
export interface Item {
  quantity: number;
  sku: Sku;
}

/** I am here to help. */
export interface JoinShift {
  /** What stands on the board. */
  code: ShiftCode;
}

/** What somebody who must or will not eat everything looks for. */
export type Label =
  | "vegetarian"
  | "vegan"
  | "gluten_free"
  | "lactose_free"
  | "halal"
  | "kosher"
  | "no_added_sugar"
  | "low_salt";

/** I am going home. */
export type LeaveShift = Record<string, never>;

/** A line of an order. */
export interface LineView {
  name: string;
  /** How many were picked; none until then. */
  picked: number | null;
  /** How many were ordered. */
  quantity: number;
  /** Where it lies, for those who work here. */
  shelf: ShelfMark | null;
  /** Why it was less than was ordered. */
  short: Shortage | null;
  size: string;
  sku: Sku;
}

/** Food of one product that came in together and expires together. A lot used up is gone. */
export interface Lot {
  /** The last day on which it is handed out. */
  best_before: Date;
  id: LotId;
  /** How many are left. */
  quantity: number;
  sku: Sku;
}

/** An id: a UUID as text. */
export type LotId = string;

/** Who I am here. */
export type Me = Record<string, never>;

/** My cart. */
export type MyCart = Record<string, never>;

/** My orders, the newest first. */
export interface MyOrders {
  /** Only those that are this far. */
  status?: Status | null;
}

/** Who somebody is here. */
export interface Myself {
  id: ActorId;
  /** None before registering. */
  registered: Neighbor | null;
  /** From the token and from the bank. */
  roles: string[];
}

/** A household that gets food. */
export interface Neighbor {
  address: string;
  /** How often this was changed. */
  edits: number;
  id: ActorId;
  name: string;
  phone: string;
}

/** The households, by the name in their tokens. */
export interface Neighbors {
  /** Only those with this in their name, their address, or the name in their tokens. */
  search?: string | null;
}

/** The numbers. */
export interface Numbers {
  /** In lots that expire within a week, or have. */
  items_expiring: number;
  items_in_carts: number;
  items_on_hand: number;
  items_promised: number;
  last_seven_days: Week;
  neighbors: number;
  orders_ever: number;
  orders_in_picking: number;
  orders_packed: number;
  orders_placed: number;
  products: number;
  /** Products of which nothing can be ordered. */
  products_out: number;
}

/** A product as a neighbor sees it. */
export interface Offer {
  /** How much can be ordered now. */
  available: number;
  category: Category;
  labels: Label[];
  /** How much one household may have in a week. */
  limit: number | null;
  name: string;
  size: string;
  sku: Sku;
}

/** Begin a shift. */
export interface OpenShift {
  /** What it is called: `Saturday morning`. */
  name: string;
}

/** One order: mine, or as staff anybody's. Nothing when there is none that I may see. */
export interface OrderByNumber {
  number: OrderNumber;
}

/** An order's number, as people say it: 1, 2, 3, without gaps. */
export type OrderNumber = number;

/** An order with its lines. */
export interface OrderView {
  lines: LineView[];
  /** What to write on the bags; none if the household is not registered. */
  name: string | null;
  /** Who gets it. */
  neighbor: ActorId;
  number: OrderNumber;
  /** Who picks it. */
  picker: ActorId | null;
  placed: Timestamp;
  status: Status;
}

/** All of it is in the bags, and they are at the counter. */
export interface PackOrder {
  order: OrderNumber;
}

/** I put so many of this product into the bags. */
export interface PickLine {
  order: OrderNumber;
  /** Less than was ordered, or 0, when there is no more that is good. */
  quantity: number;
  /** Why it is less. */
  short?: Shortage | null;
  sku: Sku;
}

/**
 * What there is to pick: what somebody has begun, then what nobody has, the oldest first; and what
 * waits at the counter. The same for all who work here, so it is read once for all their tablets.
 */
export type PickList = Record<string, never>;

/** Where a product lies. */
export interface Place {
  shelf: ShelfMark;
  sku: Sku;
}

/** Order all of this, or nothing if a part cannot be had. */
export interface PlaceOrder {
  lines: ShoppingList;
}

/** Where everything lies. */
export type Places = Record<string, never>;

/** Part of a lot: what a picker takes from where. */
export interface Portion {
  /** The date of the lot, to find it on the shelf. */
  best_before: Date;
  lot: LotId;
  quantity: number;
}

/** Somebody who works in the shift that is on. */
export interface Present {
  /** How many orders they have packed in it. */
  packed: number;
  since: Timestamp;
  volunteer: ActorId;
}

/** One kind of food, and how much of it there is. */
export interface Product {
  /** What the scanner reads. */
  barcode: Barcode;
  /** The aisle. */
  category: Category;
  /** For whom it is fit. */
  labels: Label[];
  /** How much of it one household may have in a week; none: as much as there is. */
  limit: number | null;
  /** What everybody calls it. */
  name: string;
  /** How much lies on the shelves: the sum of its lots. */
  on_hand: number;
  /** How much of that is ordered and not yet picked. */
  promised: number;
  /** How much of that is in neighbors' carts. */
  reserved: number;
  /** What one of it is: `1 kg`, `6 eggs`. */
  size: string;
  /** Our name for it. */
  sku: Sku;
}

/** The product that a scanner has in front of it, if it is one of ours. */
export interface ProductByBarcode {
  barcode: Barcode;
}

/**
 * All products, for those who look after them. With [`Places`], [`Edits`] and [`ExpiringLots`] it is
 * what [`Stock`] tells, row by row: whoever has it open hears of the one row that an order has moved.
 */
export type Products = Record<string, never>;

/** How many of something: at least one, and no more than fits through the door. */
export type Quantity = number;

/** What the neighbor is told. */
export interface Receipt {
  /** The number to say at the counter. */
  order: OrderNumber;
}

/** Take in what somebody brought. */
export interface ReceiveDonation {
  food: Received[];
  /** Who gave it: a shop, a farm, a person. */
  from: string;
}

/** Take food in: a donation or a delivery. */
export interface ReceiveLot {
  /** The date on the pack. Received on that day is still in time. */
  best_before: Date;
  quantity: Quantity;
  sku: Sku;
}

/** So many of one product with one date. */
export interface Received {
  /** The date on the pack. */
  best_before: Date;
  quantity: Quantity;
  sku: Sku;
}

/** I would like to get food here. */
export interface Register {
  address: string;
  name: string;
  phone: string;
}

/** Register somebody who stands at the counter. */
export interface RegisterNeighbor {
  address: string;
  name: string;
  /** The name in their tokens. */
  neighbor: ActorId;
  phone: string;
}

/** Take a product out of my cart. */
export interface RemoveFromCart {
  /** How many of it; none: all there are. */
  quantity?: Quantity | null;
  sku: Sku;
}

/** Let somebody not do this any more. */
export interface RevokeRole {
  member: ActorId;
  role: Role;
}

/** What people are here. */
export type Role = "neighbor" | "volunteer" | "admin";

/** Set the clock on the wall. */
export interface SetClock {
  offset: UtcOffset;
}

/** Say how much of a product one household may have in a week. */
export interface SetLimit {
  /** The most for one household; none: as much as there is. */
  limit?: number | null;
  /** The product. */
  sku: Sku;
}

/** A product and its lots, the first to expire first. */
export interface Shelf {
  available: number;
  /** Who last changed what is said of it. */
  edit: Edit | null;
  lots: Lot[];
  product: Product;
  /** Where it lies. */
  shelf: ShelfMark | null;
}

/**
 * The mark on a shelf: the letter of the row, then the number of the bay, like `C-04`. In their order
 * one walks through the warehouse.
 */
export type ShelfMark = string;

/** People working together for some hours. */
export interface Shift {
  /** When it was over. */
  closed: Timestamp | null;
  /** What one types to join it. */
  code: ShiftCode;
  /** What it is called: `Saturday morning`. */
  name: string;
  number: ShiftNumber;
  opened: Timestamp;
}

/** What one types to join a shift: six digits. */
export type ShiftCode = string;

/** A shift's number: 1, 2, 3, without gaps. */
export type ShiftNumber = number;

/** A shift and its people. */
export interface ShiftView {
  present: Present[];
  shift: Shift;
}

/** What an order asks for: some products, each once, and at least one of each. */
export type ShoppingList = Item[];

/** A line of which less was found than was ordered. */
export interface ShortLine {
  line: LineView;
  order: OrderNumber;
  picker: ActorId | null;
  placed: Timestamp;
}

/** Lines of the last orders that were picked short, the newest first: shelves to look at. */
export type ShortLines = Record<string, never>;

/** Why less was picked than was ordered. */
export type Shortage = "damaged" | "expired" | "not_found";

/**
 * The food bank's own short name of a product, like `RICE-1KG`.
 *
 * A text that is none never gets as far as `decide`: it is turned away where it is parsed, and the
 * sender is told which field it was.
 */
export type Sku = string;

/** Somebody who works here. */
export interface StaffMember {
  id: ActorId;
  roles: Role[];
}

/** How far an order is. */
export type Status = "placed" | "picking" | "packed" | "handed_over" | "cancelled";

/** What lies where, by product and date. */
export interface Stock {
  /** Only products of which no more than this is available. */
  at_most?: number | null;
}

/** Those who work here for good, and as what. */
export type Team = Record<string, never>;

/** A moment in UTC with microseconds, like 2026-11-20T08:15:00.000000Z. */
export type Timestamp = string;

/** What there is to do in the warehouse. */
export interface ToDo {
  at_the_counter: OrderView[];
  open: OrderView[];
  /** Each says who picks it. */
  picking: OrderView[];
}

/** A product that many took home. */
export interface TopProduct {
  items: number;
  name: string;
  sku: Sku;
}

/** How many minutes the clock is ahead of UTC; below 0, how many it is behind. */
export type UtcOffset = number;

/** What the clock shows. */
export interface WallClock {
  offset: UtcOffset;
  today: Date;
}

/** What happened today and in the six days before. */
export interface Week {
  cancelled: number;
  handed_over: number;
  /** Who got it. */
  households: number;
  /** Single items in it. */
  items: number;
  orders: number;
  /** What most of it was. */
  top: TopProduct[];
}

/** Take everything that has expired off the shelves. Once a day; more often does no harm. */
export type WriteOffExpired = Record<string, never>;

/** What was written off. */
export interface WrittenOff {
  /** Single items in them. */
  items: number;
  lots: number;
}

/** Why AddProduct may be refused. */
export type AddProductRefusal =
  | { code: "duplicate_barcode"; message: string; data: { sku: Sku } }
  | { code: "duplicate_sku"; message: string; data: { sku: Sku } };

/** Why AddToCart may be refused. */
export type AddToCartRefusal =
  | { code: "household_limit"; message: string; data: { had: number; limit: number; sku: Sku } }
  | { code: "not_enough"; message: string; data: { left: number; sku: Sku } }
  | { code: "unknown_product"; message: string; data: { sku: Sku } };

/** Why AssignShelf may be refused. */
export type AssignShelfRefusal = { code: "unknown_product"; message: string; data: { sku: Sku } };

/** Why CancelOrder may be refused. */
export type CancelOrderRefusal =
  | { code: "already_cancelled"; message: string; data: { order: OrderNumber } }
  | { code: "already_picked"; message: string; data: { order: OrderNumber } }
  | { code: "handed_over"; message: string; data: { order: OrderNumber } }
  | { code: "unknown_order"; message: string; data: { order: OrderNumber } };

/** Why Checkout may be refused. */
export type CheckoutRefusal =
  | { code: "empty_cart"; message: string; data: null }
  | { code: "no_longer_there"; message: string; data: { left: number; sku: Sku } };

/** Why ClaimOrder may be refused. */
export type ClaimOrderRefusal =
  | { code: "already_claimed"; message: string; data: { order: OrderNumber; picker: ActorId } }
  | { code: "already_picked"; message: string; data: { sku: Sku } }
  | { code: "no_reason"; message: string; data: { sku: Sku } }
  | { code: "not_done"; message: string; data: { left: number; order: OrderNumber } }
  | { code: "not_enough_fresh"; message: string; data: { fresh: number; sku: Sku } }
  | { code: "not_ordered"; message: string; data: { order: OrderNumber; sku: Sku } }
  | { code: "out_of_turn"; message: string; data: { order: OrderNumber; status: Status } }
  | { code: "too_many"; message: string; data: { ordered: number; sku: Sku } }
  | { code: "unknown_order"; message: string; data: { order: OrderNumber } };

/** Why CloseShift may be refused. */
export type CloseShiftRefusal =
  | { code: "already_in"; message: string; data: null }
  | { code: "already_on"; message: string; data: { name: string } }
  | { code: "no_shift"; message: string; data: null }
  | { code: "not_in"; message: string; data: null }
  | { code: "still_picking"; message: string; data: { order: OrderNumber; picker: ActorId } }
  | { code: "wrong_code"; message: string; data: null };

/** Why CountLot may be refused. */
export type CountLotRefusal =
  | { code: "moved_meanwhile"; message: string; data: { now: number; seen: number } }
  | { code: "too_many"; message: string; data: { counted: number; max: number } }
  | { code: "unknown_lot"; message: string; data: null };

/** Why EditNeighbor may be refused. */
export type EditNeighborRefusal =
  | { code: "edited_meanwhile"; message: string; data: { neighbor: ActorId } }
  | { code: "not_registered"; message: string; data: { neighbor: ActorId } };

/** Why EditProduct may be refused. */
export type EditProductRefusal =
  | {
      code: "edited_meanwhile";
      message: string;
      data: { by?: ActorId | null; now: Details; sku: Sku };
    }
  | { code: "unknown_product"; message: string; data: { sku: Sku } };

/** Why EmptyAbandonedCarts may be refused. */
export type EmptyAbandonedCartsRefusal = never;

/** Why GiveBackOrder may be refused. */
export type GiveBackOrderRefusal =
  | { code: "already_claimed"; message: string; data: { order: OrderNumber; picker: ActorId } }
  | { code: "already_picked"; message: string; data: { sku: Sku } }
  | { code: "no_reason"; message: string; data: { sku: Sku } }
  | { code: "not_done"; message: string; data: { left: number; order: OrderNumber } }
  | { code: "not_enough_fresh"; message: string; data: { fresh: number; sku: Sku } }
  | { code: "not_ordered"; message: string; data: { order: OrderNumber; sku: Sku } }
  | { code: "out_of_turn"; message: string; data: { order: OrderNumber; status: Status } }
  | { code: "too_many"; message: string; data: { ordered: number; sku: Sku } }
  | { code: "unknown_order"; message: string; data: { order: OrderNumber } };

/** Why GrantRole may be refused. */
export type GrantRoleRefusal =
  | { code: "has_it"; message: string; data: { member: ActorId; role: Role } }
  | { code: "lacks_it"; message: string; data: { member: ActorId; role: Role } }
  | { code: "own_role"; message: string; data: null };

/** Why HandOver may be refused. */
export type HandOverRefusal =
  | { code: "already_claimed"; message: string; data: { order: OrderNumber; picker: ActorId } }
  | { code: "already_picked"; message: string; data: { sku: Sku } }
  | { code: "no_reason"; message: string; data: { sku: Sku } }
  | { code: "not_done"; message: string; data: { left: number; order: OrderNumber } }
  | { code: "not_enough_fresh"; message: string; data: { fresh: number; sku: Sku } }
  | { code: "not_ordered"; message: string; data: { order: OrderNumber; sku: Sku } }
  | { code: "out_of_turn"; message: string; data: { order: OrderNumber; status: Status } }
  | { code: "too_many"; message: string; data: { ordered: number; sku: Sku } }
  | { code: "unknown_order"; message: string; data: { order: OrderNumber } };

/** Why JoinShift may be refused. */
export type JoinShiftRefusal =
  | { code: "already_in"; message: string; data: null }
  | { code: "already_on"; message: string; data: { name: string } }
  | { code: "no_shift"; message: string; data: null }
  | { code: "not_in"; message: string; data: null }
  | { code: "still_picking"; message: string; data: { order: OrderNumber; picker: ActorId } }
  | { code: "wrong_code"; message: string; data: null };

/** Why LeaveShift may be refused. */
export type LeaveShiftRefusal =
  | { code: "already_in"; message: string; data: null }
  | { code: "already_on"; message: string; data: { name: string } }
  | { code: "no_shift"; message: string; data: null }
  | { code: "not_in"; message: string; data: null }
  | { code: "still_picking"; message: string; data: { order: OrderNumber; picker: ActorId } }
  | { code: "wrong_code"; message: string; data: null };

/** Why OpenShift may be refused. */
export type OpenShiftRefusal =
  | { code: "already_in"; message: string; data: null }
  | { code: "already_on"; message: string; data: { name: string } }
  | { code: "no_shift"; message: string; data: null }
  | { code: "not_in"; message: string; data: null }
  | { code: "still_picking"; message: string; data: { order: OrderNumber; picker: ActorId } }
  | { code: "wrong_code"; message: string; data: null };

/** Why PackOrder may be refused. */
export type PackOrderRefusal =
  | { code: "already_claimed"; message: string; data: { order: OrderNumber; picker: ActorId } }
  | { code: "already_picked"; message: string; data: { sku: Sku } }
  | { code: "no_reason"; message: string; data: { sku: Sku } }
  | { code: "not_done"; message: string; data: { left: number; order: OrderNumber } }
  | { code: "not_enough_fresh"; message: string; data: { fresh: number; sku: Sku } }
  | { code: "not_ordered"; message: string; data: { order: OrderNumber; sku: Sku } }
  | { code: "out_of_turn"; message: string; data: { order: OrderNumber; status: Status } }
  | { code: "too_many"; message: string; data: { ordered: number; sku: Sku } }
  | { code: "unknown_order"; message: string; data: { order: OrderNumber } };

/** Why PickLine may be refused. */
export type PickLineRefusal =
  | { code: "already_claimed"; message: string; data: { order: OrderNumber; picker: ActorId } }
  | { code: "already_picked"; message: string; data: { sku: Sku } }
  | { code: "no_reason"; message: string; data: { sku: Sku } }
  | { code: "not_done"; message: string; data: { left: number; order: OrderNumber } }
  | { code: "not_enough_fresh"; message: string; data: { fresh: number; sku: Sku } }
  | { code: "not_ordered"; message: string; data: { order: OrderNumber; sku: Sku } }
  | { code: "out_of_turn"; message: string; data: { order: OrderNumber; status: Status } }
  | { code: "too_many"; message: string; data: { ordered: number; sku: Sku } }
  | { code: "unknown_order"; message: string; data: { order: OrderNumber } };

/** Why PlaceOrder may be refused. */
export type PlaceOrderRefusal =
  | { code: "household_limit"; message: string; data: { had: number; limit: number; sku: Sku } }
  | { code: "not_enough"; message: string; data: { left: number; sku: Sku } }
  | { code: "unknown_product"; message: string; data: { sku: Sku } };

/** Why ReceiveDonation may be refused. */
export type ReceiveDonationRefusal =
  | { code: "expired"; message: string; data: { best_before: Date; sku: Sku } }
  | { code: "nothing"; message: string; data: null }
  | { code: "too_many"; message: string; data: { max: number } }
  | { code: "unknown_product"; message: string; data: { sku: Sku } };

/** Why ReceiveLot may be refused. */
export type ReceiveLotRefusal =
  | { code: "expired"; message: string; data: { best_before: Date } }
  | { code: "unknown_product"; message: string; data: { sku: Sku } };

/** Why Register may be refused. */
export type RegisterRefusal = {
  code: "already_registered";
  message: string;
  data: { neighbor: ActorId };
};

/** Why RegisterNeighbor may be refused. */
export type RegisterNeighborRefusal = {
  code: "already_registered";
  message: string;
  data: { neighbor: ActorId };
};

/** Why RemoveFromCart may be refused. */
export type RemoveFromCartRefusal = { code: "not_in_cart"; message: string; data: { sku: Sku } };

/** Why RevokeRole may be refused. */
export type RevokeRoleRefusal =
  | { code: "has_it"; message: string; data: { member: ActorId; role: Role } }
  | { code: "lacks_it"; message: string; data: { member: ActorId; role: Role } }
  | { code: "own_role"; message: string; data: null };

/** Why SetClock may be refused. */
export type SetClockRefusal = never;

/** Why SetLimit may be refused. */
export type SetLimitRefusal = { code: "unknown_product"; message: string; data: { sku: Sku } };

/** Why WriteOffExpired may be refused. */
export type WriteOffExpiredRefusal = { code: "nothing_expired"; message: string; data: null };

export const queries = {
  /** Orders of everybody, the newest first: looked at through a window, for there are thousands. */
  AllOrders: rowQuery<AllOrders, OrderView>("AllOrders"),
  /** What can be ordered, by name. */
  Catalogue: rowQuery<Catalogue, Offer>("Catalogue"),
  /** How the clock goes, and which day it is. */
  Clock: valueQuery<Clock, WallClock>("Clock"),
  /** The shift that is on, and who is here. Nothing when none is. */
  CurrentShift: valueQuery<CurrentShift, ShiftView | null>("CurrentShift"),
  /** How it goes. */
  Dashboard: valueQuery<Dashboard, Numbers>("Dashboard"),
  /** How it went, day by day, the oldest first. */
  Days: valueQuery<Days, History>("Days"),
  /** What was donated lately, the newest first. */
  Donations: valueQuery<Donations, Donation[]>("Donations"),
  /** Who last changed what. */
  Edits: rowQuery<Edits, Edit>("Edits"),
  /** Lots that are not good for much longer, the first to expire first. */
  ExpiringLots: rowQuery<ExpiringLots, Lot>("ExpiringLots"),
  /** Who I am here. */
  Me: valueQuery<Me, Myself>("Me"),
  /** My cart. */
  MyCart: rowQuery<MyCart, CartLine>("MyCart"),
  /** My orders, the newest first. */
  MyOrders: valueQuery<MyOrders, OrderView[]>("MyOrders"),
  /** The households, by the name in their tokens. */
  Neighbors: rowQuery<Neighbors, Neighbor>("Neighbors"),
  /** One order: mine, or as staff anybody's. Nothing when there is none that I may see. */
  OrderByNumber: valueQuery<OrderByNumber, OrderView | null>("OrderByNumber"),
  /**
   * What there is to pick: what somebody has begun, then what nobody has, the oldest first; and what
   * waits at the counter. The same for all who work here, so it is read once for all their tablets.
   */
  PickList: valueQuery<PickList, ToDo>("PickList"),
  /** Where everything lies. */
  Places: rowQuery<Places, Place>("Places"),
  /** The product that a scanner has in front of it, if it is one of ours. */
  ProductByBarcode: valueQuery<ProductByBarcode, Product | null>("ProductByBarcode"),
  /**
   * All products, for those who look after them. With [`Places`], [`Edits`] and [`ExpiringLots`] it is
   * what [`Stock`] tells, row by row: whoever has it open hears of the one row that an order has moved.
   */
  Products: rowQuery<Products, Product>("Products"),
  /** Lines of the last orders that were picked short, the newest first: shelves to look at. */
  ShortLines: valueQuery<ShortLines, ShortLine[]>("ShortLines"),
  /** What lies where, by product and date. */
  Stock: valueQuery<Stock, Shelf[]>("Stock"),
  /** Those who work here for good, and as what. */
  Team: rowQuery<Team, StaffMember>("Team"),
} as const;

export const commands = {
  /** Take a new product into the range. There is none of it until a lot is received. */
  AddProduct: command<AddProduct, null, AddProductRefusal>("AddProduct"),
  /** Put food aside for me until I check out. */
  AddToCart: command<AddToCart, CartLine, AddToCartRefusal>("AddToCart"),
  /** Say on which shelf a product lies. */
  AssignShelf: command<AssignShelf, null, AssignShelfRefusal>("AssignShelf"),
  /**
   * Cancel an order, and put everything back. A neighbor can until somebody begins to pick it, the
   * staff until it is handed over.
   */
  CancelOrder: command<CancelOrder, null, CancelOrderRefusal>("CancelOrder"),
  /** Order what is in my cart. */
  Checkout: command<Checkout, Receipt, CheckoutRefusal>("Checkout"),
  /** This order is mine to pick. */
  ClaimOrder: command<ClaimOrder, null, ClaimOrderRefusal>("ClaimOrder"),
  /** The shift is over: everybody who signed in to it is out. */
  CloseShift: command<CloseShift, null, CloseShiftRefusal>("CloseShift"),
  /** Put the books right: there are so many in this lot. */
  CountLot: command<CountLot, null, CountLotRefusal>("CountLot"),
  /** Change what we know of a household: it moved, or somebody misheard. */
  EditNeighbor: command<EditNeighbor, null, EditNeighborRefusal>("EditNeighbor"),
  /** Change what is said of a product. */
  EditProduct: command<EditProduct, null, EditProductRefusal>("EditProduct"),
  /** Give back what lies in forgotten carts. Now and then; more often does no harm. */
  EmptyAbandonedCarts: command<EmptyAbandonedCarts, number, EmptyAbandonedCartsRefusal>(
    "EmptyAbandonedCarts",
  ),
  /**
   * I cannot go on with this order: everything back on the shelves, and somebody else may have it.
   */
  GiveBackOrder: command<GiveBackOrder, null, GiveBackOrderRefusal>("GiveBackOrder"),
  /** Let somebody work here. */
  GrantRole: command<GrantRole, null, GrantRoleRefusal>("GrantRole"),
  /** The neighbor has it. */
  HandOver: command<HandOver, null, HandOverRefusal>("HandOver"),
  /** I am here to help. */
  JoinShift: command<JoinShift, null, JoinShiftRefusal>("JoinShift"),
  /** I am going home. */
  LeaveShift: command<LeaveShift, null, LeaveShiftRefusal>("LeaveShift"),
  /** Begin a shift. */
  OpenShift: command<OpenShift, ShiftCode, OpenShiftRefusal>("OpenShift"),
  /** All of it is in the bags, and they are at the counter. */
  PackOrder: command<PackOrder, null, PackOrderRefusal>("PackOrder"),
  /** I put so many of this product into the bags. */
  PickLine: command<PickLine, Portion[], PickLineRefusal>("PickLine"),
  /** Order all of this, or nothing if a part cannot be had. */
  PlaceOrder: command<PlaceOrder, Receipt, PlaceOrderRefusal>("PlaceOrder"),
  /** Take in what somebody brought. */
  ReceiveDonation: command<ReceiveDonation, DonationNumber, ReceiveDonationRefusal>(
    "ReceiveDonation",
  ),
  /** Take food in: a donation or a delivery. */
  ReceiveLot: command<ReceiveLot, LotId, ReceiveLotRefusal>("ReceiveLot"),
  /** I would like to get food here. */
  Register: command<Register, null, RegisterRefusal>("Register"),
  /** Register somebody who stands at the counter. */
  RegisterNeighbor: command<RegisterNeighbor, null, RegisterNeighborRefusal>("RegisterNeighbor"),
  /** Take a product out of my cart. */
  RemoveFromCart: command<RemoveFromCart, null, RemoveFromCartRefusal>("RemoveFromCart"),
  /** Let somebody not do this any more. */
  RevokeRole: command<RevokeRole, null, RevokeRoleRefusal>("RevokeRole"),
  /** Set the clock on the wall. */
  SetClock: command<SetClock, null, SetClockRefusal>("SetClock"),
  /** Say how much of a product one household may have in a week. */
  SetLimit: command<SetLimit, null, SetLimitRefusal>("SetLimit"),
  /** Take everything that has expired off the shelves. Once a day; more often does no harm. */
  WriteOffExpired: command<WriteOffExpired, WrittenOff, WriteOffExpiredRefusal>("WriteOffExpired"),
} as const;
