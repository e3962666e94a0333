// A Saturday morning, half done: every page has something to show, and nothing of it is made up but the
// people. Sent as commands, as everybody's.

import { sender } from "./people.mjs";

/** Households, by the name in their tokens. */
const HOUSEHOLDS = {
  amina: "Amina Yusuf", bruno: "Bruno Keller", carla: "Carla Mendes", dimitri: "Dimitri Popov", elena: "Elena Rossi",
  farid: "Farid Haddad", grace: "Grace Okafor", henrik: "Henrik Dahl", ines: "Inês Carvalho", jonas: "Jonas Weber",
  kateryna: "Kateryna Bondar", linh: "Linh Tran", mateo: "Mateo Silva", noor: "Noor Rahman", oskar: "Oskar Nowak",
  priya: "Priya Nair", rosa: "Rosa Jiménez", samuel: "Samuel Adeyemi",
};

/** What they take home: from shelves all over the warehouse. */
const BAGS = [
  { "APPLES-1KG": 2, "BANANAS-1KG": 1, "RICE-1KG": 1, "MILK-1L": 2 },
  { "POTATOES-2KG": 1, "CARROTS-1KG": 1, "ONIONS-1KG": 1, "PASTA-SPAGHETTI-500G": 2, "EGGS-10": 1, "BREAD-RYE": 1 },
  { "PASTA-SPAGHETTI-500G": 1, "APPLES-1KG": 1, "BREAD-WHOLEMEAL": 1 },
  { "PEARS-1KG": 1, "RICE-1KG": 1, "CHICKPEAS-CAN-400G": 2, "TOMATOES-CAN-400G": 2, "TEA-BLACK-50": 1 },
];

const bag = (number) => Object.entries(BAGS[number % BAGS.length]).map(([sku, quantity]) => ({ sku, quantity }));

/** Fills the food bank at this address; gives how to send more. */
export async function aMorning(address) {
  const send = sender(address);
  await send("ada", "OpenShift", { name: "Saturday morning" });
  const orders = [];
  const place = async (who) => {
    const lines = bag(orders.length);
    orders.push({ ...(await send(who, "PlaceOrder", { lines })), lines, who });
  };
  for (const [number, [neighbor, name]] of Object.entries(HOUSEHOLDS).entries()) {
    const [phone, address] = [`555 01${10 + number}`, `${number + 3} Mill Lane`];
    await send("vera", "RegisterNeighbor", { neighbor, name, phone, address });
    await place(neighbor);
    if (number === 9) await place("nora");
  }
  const pick = async (who, { order, lines }) => {
    await send(who, "ClaimOrder", { order });
    for (const [place, { sku, quantity }] of lines.entries()) {
      const isShort = order % 3 === 2 && place === 0;
      const short = ["damaged", "not_found"][order % 2];
      await send(who, "PickLine", { order, sku, ...(isShort ? { quantity: quantity - 1, short } : { quantity }) });
    }
  };
  for (const [number, one] of orders.slice(0, 8).entries()) {
    const who = number % 2 ? "vera" : "viktor";
    await pick(who, one);
    await send(who, "PackOrder", { order: one.order });
    if (number < 5) await send(who, "HandOver", { order: one.order });
  }
  await pick("viktor", { ...orders[8], lines: orders[8].lines.slice(0, 1) });
  await pick("vera", { ...orders[9], lines: orders[9].lines.slice(0, 3) });
  const { who: changed, order: cancelled } = orders.at(-1);
  await send(changed, "CancelOrder", { order: cancelled });
  await send("nora", "AddToCart", { sku: "COFFEE-GROUND-500G", quantity: 1 });
  await send("nora", "AddToCart", { sku: "OATS-500G", quantity: 2 });
  const best_before = new Date(Date.now() + 9 * 86_400_000).toISOString().slice(0, 10);
  const crate = (skus) => skus.map((sku) => ({ sku, quantity: 24, best_before }));
  await send("ada", "ReceiveDonation", { from: "Hill Farm", food: crate(["APPLES-1KG", "PEARS-1KG", "POTATOES-2KG"]) });
  await send("ada", "ReceiveDonation", { from: "Corner Bakery", food: crate(["BREAD-RYE", "ROLLS-6"]) });
  const tooMany = { lines: [{ sku: "PEARS-1KG", quantity: 9 }] };
  for (const who of ["nils", "amina"]) await send(who, "PlaceOrder", tooMany).catch(() => undefined);
  return send;
}
