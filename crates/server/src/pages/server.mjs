// Requests to the server, and the ids that make sending a command again safe.
//
// Every request ends as one outcome, which says what the caller can do next:
//   answer       it was done or read: `answer`, at `position` of `lineage`
//   refusal      the app's own no, recorded: `message`, `code`, `data`
//   problem      not taken, or not known: `title`, `detail`, perhaps `field`; `again` if sending the
//                same once more may help
//   unreachable  nobody answered: for a command, nobody knows what became of it

/** How long an answer is waited for: longer than the server itself waits for one (30 s). */
const PATIENCE_MS = 40_000;

/** Statuses after which the same id should be sent again: busy, stopping, unknown. */
const AGAIN = [408, 429, 503, 504];

/** A clock further from the server's than this is corrected: ids carry a time, and it is checked. */
const CLOCK_TOLERANCE_MS = 60_000;

/** What requests need: set by who signs in, and by what the server's answers say. */
export const connection = { token: null, clockOffsetMs: 0 };

/** The named people of development. */
export function people() {
  return request("/v1/dev/people");
}

/** A token for somebody, in development. */
export function tokenFor(actor, roles) {
  return request("/v1/dev/token", { method: "POST", json: roles ? { actor, roles } : { actor } });
}

/** What the app can be asked and told. */
export function schema() {
  return request("/v1/schema");
}

/** Where the chronicle is; to those who are nobody yet, only whether all is well. */
export function place() {
  return request(connection.token ? "/v1/position" : "/healthz");
}

/** Asks a query. */
export function ask(name, args) {
  return request(`/v1/queries/${name}?args=${encodeURIComponent(JSON.stringify(args))}`);
}

/** Sends a command. With the same id it is never run twice, however often it is sent. */
export function send(name, args, id) {
  return request(`/v1/commands/${name}`, { method: "POST", json: args, headers: { "Idempotency-Key": id } });
}

/** A new command id: a UUIDv7 by the server's clock, as near as we know it. */
export function newId(now = Date.now() + connection.clockOffsetMs) {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  for (let index = 0; index < 6; index += 1) {
    bytes[index] = Math.floor(now / 2 ** (8 * (5 - index))) % 256;
  }
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

async function request(path, { method = "GET", json, headers = {} } = {}) {
  const all = { Accept: "application/json", ...headers };
  if (connection.token) all.Authorization = `Bearer ${connection.token}`;
  if (json !== undefined) all["Content-Type"] = "application/json";
  const body = json === undefined ? undefined : JSON.stringify(json);
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const response = await fetch(path, { method, headers: all, body, signal, cache: "no-store" });
    followClock(response);
    return outcome(response.status, await response.json());
  } catch {
    return { kind: "unreachable" };
  }
}

function followClock(response) {
  const offset = Date.parse(response.headers.get("Date") ?? "") - Date.now();
  if (Number.isFinite(offset)) {
    connection.clockOffsetMs = Math.abs(offset) > CLOCK_TOLERANCE_MS ? offset : 0;
  }
}

/** What a status and a body mean. */
export function outcome(status, body) {
  const { lineage, position, time } = body ?? {};
  if (status < 300) {
    const answer = lineage !== undefined && "answer" in body ? body.answer : body;
    return { kind: "answer", lineage, position, time, answer };
  }
  if (status === 422 && body.refusal) {
    const { code, message, data } = body.refusal;
    return { kind: "refusal", lineage, position, code, message, data };
  }
  const { title, detail, field, suggestion } = body ?? {};
  const again = AGAIN.includes(status);
  return { kind: "problem", status, title, detail, field, suggestion, again, lineage, position };
}
