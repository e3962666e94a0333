// The chronicle, as operators may read it over HTTP (docs/http.md): a record per line.

/** A record of a command that was refused. */
export interface Refused {
  position: number;
  time: string;
  actor: string;
  /** `food-bank/AddToCart`. */
  command: string;
  refusal: { code: string; message: string };
}

type Told = { position: number; time: string; outcome?: string };

/** Records looked through at most: a page is no archive. */
const RECORDS_MAX = 20_000;

/** The first position of a day: found by halving, a record at a time. */
async function firstSince(day: Date, ask: (path: string) => Promise<Response>): Promise<number> {
  const { position: last } = (await (await ask("/v1/position")).json()) as { position: number };
  const isBefore = async (position: number) => {
    const line = await (await ask(`/v1/records?from=${position}&limit=1`)).text();
    return Date.parse((JSON.parse(line) as Told).time) < day.getTime();
  };
  let [from, until] = [Math.max(0, last - RECORDS_MAX), last + 1];
  while (from < until) {
    const middle = Math.floor((from + until) / 2);
    if (await isBefore(middle)) from = middle + 1;
    else until = middle;
  }
  return from;
}

/** Tells of what was refused since then, and goes on with what is refused now, until it is aborted. */
export async function followRefused(
  since: Date,
  token: () => Promise<string>,
  signal: AbortSignal,
  tell: (refused: Refused[]) => void,
): Promise<void> {
  const ask = async (path: string) => {
    const headers = { authorization: `Bearer ${await token()}` };
    const response = await fetch(path, { headers, signal });
    if (!response.ok) {
      const { detail } = (await response.json()) as { detail?: string };
      throw new Error(detail ?? `the server answers ${response.status}`);
    }
    return response;
  };
  const from = await firstSince(since, ask);
  const response = await ask(`/v1/records?from=${from}&follow=true`);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  tell([]);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop()!;
    const records = lines.filter(Boolean).map((line) => JSON.parse(line) as Told);
    const refused = records.filter((record) => record.outcome === "refused");
    if (refused.length > 0) tell(refused as unknown as Refused[]);
  }
}
