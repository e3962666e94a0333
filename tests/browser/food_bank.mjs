// The real food bank as a process of its own, and the browser it is used with.
//
// Whoever runs the tests may say where things are: DEEDS_FOOD_BANK, DEEDS_CHROMIUM, DEEDS_SCREENSHOTS.
// `cargo xtask test --only browser` does; by hand the debug build and the browser in PATH are taken.

import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const top = new URL("../../", import.meta.url).pathname;
const program = process.env.DEEDS_FOOD_BANK ?? join(top, "target/debug/food-bank");
/** Where pictures for people are left. */
export const screenshots = process.env.DEEDS_SCREENSHOTS ?? join(top, "target/screenshots");

/** How long the server has to found its chronicle, send its seed and serve: seconds in a debug build. */
const START_MS = 60_000;

/** No sandbox: as root Chromium has none, and it meets only our own page. Nothing it would do by itself. */
const BROWSER_ARGUMENTS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
];

/** What a test has begun: ended in reverse, so that nobody writes into a directory being removed. */
const begun = new WeakMap();

export function atTheEnd(t, ending) {
  if (!begun.has(t)) {
    begun.set(t, []);
    t.after(async () => {
      for (const end of begun.get(t).reverse()) await end();
    });
  }
  begun.get(t).push(ending);
}

/** A directory for one test, removed at its end. */
export async function place(t) {
  const directory = await mkdtemp(join(tmpdir(), "deeds-browser-"));
  atTheEnd(t, () => rm(directory, { recursive: true, force: true, maxRetries: 3 }));
  return directory;
}

/** Starts `food-bank serve` with these arguments, on a free port unless one is among them. */
export const serve = (t, directory, ...more) => serveApp(t, program, directory, ...more);

/** The same with the program of another app. */
export async function serveApp(t, program, directory, ...more) {
  const { DEEDS_TOKEN, DEEDS_LOG, ...env } = process.env;
  const server = spawn(program, ["serve", "--data", join(directory, "data"), ...more], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...env, DEEDS_LISTEN: "127.0.0.1:0", XDG_STATE_HOME: join(directory, "state") },
  });
  const said = [];
  createInterface({ input: server.stderr }).on("line", (line) => said.push(line));
  const ended = new Promise((resolve) => server.once("exit", resolve));
  const stop = async (signal = "SIGTERM") => {
    server.kill(signal);
    return ended;
  };
  atTheEnd(t, () => stop("SIGKILL"));
  const address = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`it does not serve:\n${said.join("\n")}`)), START_MS);
    createInterface({ input: server.stdout }).on("line", (line) => {
      const [, url] = / serves (http:\S+)/.exec(line) ?? [];
      if (url) resolve(clearTimeout(late) ?? url);
    });
    server.once("error", reject);
    ended.then((code) => reject(new Error(`it ended with ${code}:\n${said.join("\n")}`)));
  });
  return { address, stop, pid: server.pid };
}

/** Runs a verb of the program to its end; gives what it wrote. */
export async function run(directory, ...verb) {
  const data = directory === null ? [] : ["--data", join(directory, "data")];
  const child = spawn(program, [...verb, ...data], { stdio: ["ignore", "pipe", "inherit"] });
  let written = "";
  child.stdout.on("data", (bytes) => (written += bytes));
  const code = await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
  if (code !== 0) throw new Error(`${verb.join(" ")} ended with ${code}`);
  return written;
}

/** A browser with a profile of its own; a page in it, and everything it complained of. */
export async function browse(t, directory, options = {}) {
  const context = await chromium.launchPersistentContext(join(directory, `profile-${Date.now()}`), {
    executablePath: process.env.DEEDS_CHROMIUM ?? inPath(),
    headless: true,
    args: BROWSER_ARGUMENTS,
    locale: "en-GB",
    viewport: { width: 1280, height: 900 },
    ...options,
  });
  atTheEnd(t, () => context.close());
  const page = context.pages()[0] ?? (await context.newPage());
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(`${error}`));
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
  return { context, page, complaints };
}

function inPath() {
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const directories = (process.env.PATH ?? "").split(delimiter);
  return names.flatMap((name) => directories.map((directory) => join(directory, name))).find(existsSync);
}

/** Leaves a picture for people, of the whole page or of its window, and fails if it is wider than that. */
export async function picture(page, name, width, fullPage = true) {
  await mkdir(screenshots, { recursive: true });
  await page.setViewportSize({ width, height: width < 500 ? 844 : 900 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (wide > 0) throw new Error(`${name} is ${wide} px wider than ${width} px`);
  await page.screenshot({ path: join(screenshots, `${name}-${width}.png`), fullPage });
}
