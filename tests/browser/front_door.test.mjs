// The front door, used as a person uses it: by what is to be read and pressed there, nothing else.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browse, picture, place, run, serve } from "./food_bank.mjs";

const WIDTHS = [390, 820, 1280];

/** How Chromium reports a refusal (422): the only complaint that is right. */
const REFUSED = "Failed to load resource: the server responded with a status of 422 (Unprocessable Entity)";

async function pictures(page, name) {
  for (const width of WIDTHS) await picture(page, name, width);
}

function parts(page) {
  return {
    list: page.getByRole("navigation"),
    outcome: page.getByRole("region", { name: "What came of it" }),
    last: page.getByRole("complementary", { name: "Last answers" }),
    press: (name) => page.getByRole("main").getByRole("button", { name, exact: true }).click(),
    choose: (name) => page.getByRole("navigation").getByRole("link", { name, exact: true }).click(),
  };
}

async function come(page, address, name) {
  await page.goto(`${address}/front-door`);
  await page.getByRole("button", { name: new RegExp(`^${name} `) }).click();
  await page.getByRole("heading", { name: `Welcome, ${name}` }).waitFor();
}

test("nora looks for spaghetti, is refused too much of it, and orders some", async (t) => {
  const directory = await place(t);
  const server = await serve(t, directory, "--dev");
  const { page, complaints } = await browse(t, directory);
  const { outcome, last, press, choose } = parts(page);

  await page.goto(`${server.address}/front-door`);
  await page.getByRole("heading", { name: "Who are you today?" }).waitFor();
  await pictures(page, "1-door");
  await come(page, server.address, "nora");
  await pictures(page, "2-welcome");

  await choose("Catalogue");
  await page.getByLabel("Search").fill("spag");
  await press("Ask");
  await outcome.getByRole("heading", { name: "One row." }).waitFor();
  await outcome.getByRole("cell", { name: "PASTA-SPAGHETTI-500G" }).waitFor();
  await page.getByLabel("Search").fill("");
  await press("Ask");
  await outcome.getByRole("heading", { name: /^1\d\d rows\.$/ }).waitFor();
  await pictures(page, "3-catalogue");

  await choose("Add to cart");
  await page.getByLabel("Sku").fill("PASTA-SPAGHETTI-500G");
  const offered = await page.getByLabel("Sku").evaluate((input) => [...input.list.options].map((option) => option.value));
  assert.ok(offered.includes("PASTA-SPAGHETTI-500G"), "what the catalogue showed is offered");
  await page.getByLabel("Quantity").fill("20");
  await press("Add to cart");
  await outcome.getByRole("heading", { name: /^One household may have 4 of PASTA-SPAGHETTI-500G/ }).waitFor();
  assert.match(await outcome.innerText(), /Nothing was changed.*recorded at position \d+/s);
  await pictures(page, "4-refused");

  await page.getByLabel("Quantity").fill("2");
  await press("Add to cart");
  await outcome.getByRole("heading", { name: "Done." }).waitFor();
  assert.match(await outcome.innerText(), /Quantity\s+2/);
  await pictures(page, "5-in-the-cart");

  await choose("Checkout");
  await press("Checkout");
  await outcome.getByText(/^Recorded at position/).waitFor();
  await choose("My orders");
  await press("Ask");
  await outcome.getByRole("heading", { name: "One row." }).waitFor();
  await pictures(page, "6-my-orders");

  assert.deepEqual(
    await last.locator("summary strong").allTextContents(),
    ["My orders", "Checkout", "Add to cart", "Add to cart", "Catalogue", "Catalogue"],
  );
  assert.deepEqual(complaints, [REFUSED]);
});

test("a double press is one command, and a press after a lost answer keeps its id", async (t) => {
  const directory = await place(t);
  const server = await serve(t, directory, "--dev");
  const { page } = await browse(t, directory);
  const { outcome, last, choose, press } = parts(page);
  const answers = (count) => last.locator(`ol > li:nth-child(${count}):last-child`).waitFor();
  await page.clock.install({ time: Date.now() });
  await come(page, server.address, "nora");
  await choose("Add to cart");
  await page.getByLabel("Sku").fill("PASTA-SPAGHETTI-500G");
  await page.getByLabel("Quantity").fill("1");

  // The page's clock stands still: the second press comes after the first answer, and at once.
  await page.clock.pauseAt(Date.now() + 1_000);
  await press("Add to cart");
  await answers(1);
  await press("Add to cart");
  await answers(2);
  await page.clock.fastForward(10_000);
  await page.getByRole("main").getByRole("button", { name: "Add to cart" }).dblclick();
  await outcome.getByRole("heading", { name: "Done." }).waitFor();

  // The server does it, the answer is lost on the way, and somebody presses again much later.
  await page.getByLabel("Quantity").fill("2");
  await page.route("**/v1/commands/**", async (route) => {
    await route.fetch();
    await route.abort();
  }, { times: 1 });
  await press("Add to cart");
  await outcome.getByRole("heading", { name: "The server cannot be reached." }).waitFor();
  await page.clock.fastForward(10_000);
  await press("Send again");
  await outcome.getByRole("heading", { name: "Done." }).waitFor();

  await server.stop();
  const records = (await run(directory, "log", "--json", "--type", "AddToCart")).trim().split("\n");
  const wanted = records.map((line) => JSON.parse(line).arguments.quantity);
  assert.deepEqual(wanted, [1, 1, 2], "three were meant, and three were recorded");
});

test("what does not fit is said at its field, and what is not allowed in words", async (t) => {
  const directory = await place(t);
  const server = await serve(t, directory, "--dev");
  const { page } = await browse(t, directory, { colorScheme: "dark" });
  const { outcome, choose, press } = parts(page);
  await come(page, server.address, "nora");

  await choose("Add to cart");
  await page.getByLabel("Sku").fill("no such thing!");
  await page.getByLabel("Quantity").fill("1");
  await press("Add to cart");
  const sku = page.getByLabel("Sku");
  await outcome.waitFor();
  assert.equal(await sku.getAttribute("aria-invalid"), "true");
  assert.ok(await sku.evaluate((input) => input === document.activeElement), "one can mend it at once");
  await pictures(page, "7-does-not-fit-dark");

  await choose("Place order");
  await page.getByLabel("Lines").fill("[{");
  await press("Place order");
  await page.getByText("This is no JSON").waitFor();
  await page.getByLabel("Lines").fill('[{"sku": "PASTA-SPAGHETTI-500G", "quantity": 1}]');
  await press("Place order");
  await outcome.getByRole("heading", { name: "Done." }).waitFor();

  await choose("Dashboard");
  await press("Ask");
  await outcome.getByRole("heading", { name: "Not allowed." }).waitFor();
  await page.getByLabel("You are").selectOption("ada");
  await press("Ask");
  await outcome.getByRole("heading", { name: "The answer" }).waitFor();
  await pictures(page, "8-dashboard-dark");
});

test("the server is killed and comes back, and the page goes on by itself", async (t) => {
  const directory = await place(t);
  const first = await serve(t, directory, "--dev");
  const { page } = await browse(t, directory);
  const { outcome, choose, press } = parts(page);
  await come(page, first.address, "nora");
  await choose("Add to cart");
  await page.getByLabel("Sku").fill("PASTA-SPAGHETTI-500G");
  await page.getByLabel("Quantity").fill("1");
  await first.stop("SIGKILL");
  await press("Add to cart");
  await outcome.getByRole("heading", { name: "The server cannot be reached." }).waitFor();
  await page.getByText("not reachable, trying again").waitFor();

  await serve(t, directory, "--dev", "--listen", new URL(first.address).host);
  await page.getByText("running", { exact: true }).waitFor();
  assert.equal(await page.getByLabel("Quantity").inputValue(), "1", "what was filled in is still there");
  await press("Send again");
  await outcome.getByRole("heading", { name: "Done." }).waitFor();
});

test("everything can be done by keyboard", async (t) => {
  const directory = await place(t);
  const server = await serve(t, directory, "--dev");
  const { page } = await browse(t, directory);
  const { outcome } = parts(page);
  const focused = () => page.evaluate(() => document.activeElement.textContent);
  const tabTo = async (name) => {
    for (let presses = 0; presses < 60; presses += 1) {
      await page.keyboard.press("Tab");
      if ((await focused()).startsWith(name)) return;
    }
    assert.fail(`Tab never comes to ${name}`);
  };
  await page.goto(`${server.address}/front-door`);
  await page.getByRole("heading", { name: "Who are you today?" }).waitFor();
  await tabTo("nora");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Welcome, nora" }).waitFor();
  await tabTo("Checkout");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Checkout" }).waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Checkout");
  await page.keyboard.press("Enter");
  await outcome.getByRole("heading", { name: "Your cart is empty." }).waitFor();
});

test("outside development a token is asked for, and the page follows what others do", async (t) => {
  const directory = await place(t);
  const server = await serve(t, directory, "--seed");
  const { page, complaints } = await browse(t, directory);
  const { outcome, choose, press } = parts(page);
  await page.goto(`${server.address}/front-door`);
  await page.getByRole("heading", { name: "Who are you?" }).waitFor();
  await pictures(page, "9-token");
  await page.getByLabel("Token").fill("nonsense");
  await press("Come in");
  await page.getByRole("alert").waitFor();

  const token = (await run(directory, "token", "issue", "nora", "--role", "neighbor")).trim();
  await page.getByLabel("Token").fill(token);
  await press("Come in");
  await page.getByRole("heading", { name: "Welcome, nora" }).waitFor();
  const position = async () => {
    // Until the page has heard from the server it says so instead.
    const line = page.locator("#position").filter({ hasText: /position [\d,]+/ });
    return Number((await line.innerText()).match(/position ([\d,]+)/)[1].replace(",", ""));
  };
  const before = await position();
  const sent = await fetch(`${server.address}/v1/commands/AddToCart`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
    body: JSON.stringify({ sku: "PASTA-SPAGHETTI-500G", quantity: 1 }),
  });
  assert.equal(sent.status, 200);
  await page.locator("#position strong").filter({ hasText: (await sent.json()).position.toLocaleString("en") }).waitFor();
  assert.ok((await position()) > before, "it moved by itself");

  await choose("My cart");
  await press("Ask");
  await outcome.getByRole("heading", { name: "One row." }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Who are you?" }).waitFor();
  assert.equal(complaints.length, 1, `only the nonsense: ${complaints.join("; ")}`);
});

test("nothing on the page comes from elsewhere, and nothing else may run", async (t) => {
  const directory = await place(t);
  const server = await serve(t, directory, "--dev", "--no-seed");
  const response = await fetch(`${server.address}/front-door`);
  assert.equal(response.status, 200);
  const policy = response.headers.get("content-security-policy");
  for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'none'"]) {
    assert.ok(policy.includes(part), part);
  }
  assert.ok(!policy.includes("unsafe"), policy);
  const { page, complaints } = await browse(t, directory);
  const asked = [];
  page.on("request", (request) => asked.push(new URL(request.url()).origin));
  await come(page, server.address, "ada");
  assert.deepEqual([...new Set(asked)], [server.address]);
  assert.deepEqual(complaints, []);
});
