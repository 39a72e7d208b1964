/** Requests to the server. This is the only file that knows its paths, tokens and problem+json. */

const TOKEN = "fashiontrend-token";

/** A failed request, with the server's own text if it sent one. */
export class Problem extends Error {
  /** @param {number} status 0 if there was no response @param {Record<string, any>} body problem+json @param {number | null} retryAfter seconds */
  constructor(status, body = {}, retryAfter = null) {
    super(body.detail || body.title || "");
    this.status = status;
    this.title = body.title ?? "";
    this.detail = body.detail ?? "";
    this.errors = body.errors ?? [];
    this.request = body.request_id ?? "";
    this.retryAfter = retryAfter;
  }
}

/** Called when the server needs a token; it resolves once the reader has entered one. @type {() => Promise<void>} */
let askForToken = () => Promise.reject(new Problem(401));
/** @param {() => Promise<void>} ask */
export const onTokenNeeded = (ask) => void (askForToken = ask);

export const token = {
  get: () => sessionStorage.getItem(TOKEN) ?? "",
  /** @param {string} value */
  set: (value) => (value ? sessionStorage.setItem(TOKEN, value) : sessionStorage.removeItem(TOKEN)),
};

/** Get all keywords of a platform, and the values without enough evidence. @param {string} platform @returns {Promise<any>} */
export async function keywords(platform) {
  const query = new URLSearchParams({ platform, limit: "500" });
  const first = await get(`v1/keywords?${query}`);
  const all = { ...first, keywords: [...first.keywords] };
  for (let next = first.next; next;) {
    const page = await get(`v1/keywords?${query}&cursor=${encodeURIComponent(next)}`);
    all.keywords.push(...page.keywords);
    next = page.next;
  }
  return all;
}

/** @param {string} id @returns {Promise<any>} the record, its series and forecasts on every platform */
export const evidence = (id) => get(`v1/keywords/${encodeURIComponent(id)}/evidence`);

/**
 * Get the days that data health withheld on each platform. All series of a platform withhold the same
 * days, so the series of one value suffice.
 * @param {{attribute: string, value: string}} keyword
 * @returns {Promise<{platform: string, days: string[]}[]>}
 */
export async function withheldDays({ attribute, value }) {
  const { series } = await get(`v1/series?${new URLSearchParams({ attribute, value })}`);
  return series
    .map(({ platform, days, withheld }) => ({ platform, days: days.filter((_, i) => withheld[i]) }))
    .filter((row) => row.platform !== "*" && row.days.length);
}

/** @returns {Promise<any>} how published keywords turned out */
export const scorecard = () => get("v1/scorecard");

/** @returns {Promise<any>} */
export const taxonomy = () => get("v1/taxonomy");

/** Get the newest verdict of each gate, with the gate's history. @returns {Promise<any[]>} */
export async function gates() {
  const { gates: found } = await get("v1/gates");
  return Promise.all(
    found.map(async (gate) => {
      const past = await get(`v1/gates/${encodeURIComponent(gate.name)}/history`).catch(() => ({
        history: [],
      }));
      return { ...gate, history: past.history };
    }),
  );
}

/**
 * The address of the keywords as a table, narrowed as the cards are as far as the server can.
 * @param {import("./filter.js").Choice} choice
 * @param {string | undefined} kind csv or xlsx
 */
export function tableAddress({ platform, direction, attribute, confidence }, kind) {
  const chosen = { platform, direction, attribute, min_confidence: String(confidence / 100) };
  const query = Object.entries(chosen).filter(([, value]) => value !== "all" && value !== "0");
  return `v1/keywords.${kind}?${new URLSearchParams(query)}`;
}

/** Recognise the garments in a picture. @param {File} file @returns {Promise<any>} */
export function recognise(file) {
  const form = new FormData();
  form.append("image", file, file.name || "picture");
  return ask("v1/recognise", { method: "POST", body: form }).then((answer) => answer.json());
}

/** Get an address for <img>. With a token the picture is fetched here, because <img> cannot send one. @param {string} path */
export async function pictureAddress(path) {
  const relative = path.replace(/^\//, "");
  return token.get() ? fileAddress(relative) : relative;
}

/** Fetch a file with the token, and get an address for it. @param {string} path */
export async function fileAddress(path) {
  const answer = await ask(path);
  return URL.createObjectURL(await answer.blob());
}

const get = (path) => ask(path).then((answer) => answer.json());

/**
 * @param {string} path relative to the page, so that the server may sit behind a prefix
 * @param {RequestInit} [options]
 * @returns {Promise<Response>}
 */
async function ask(path, options = {}) {
  const held = token.get();
  /** @type {Record<string, string>} */
  const headers = held ? { Authorization: `Bearer ${held}` } : {};
  let answer;
  try {
    answer = await fetch(path, { ...options, headers, credentials: "omit" });
  } catch {
    throw new Problem(0);
  }
  if (answer.ok) return answer;
  if (answer.status === 401) {
    // The reader may have entered a token for another request while this one was running.
    if (token.get() === held) await askForToken();
    return ask(path, options);
  }
  throw await read(answer);
}

async function read(answer) {
  const wait = Number.parseFloat(answer.headers.get("Retry-After") ?? "");
  const body = await answer.json().catch(() => ({ title: answer.statusText }));
  return new Problem(answer.status, body, Number.isFinite(wait) ? Math.ceil(wait) : null);
}
