/** What the reader chose; it is kept in the page's address, so that a view can be shared. */

import { DIRECTIONS, EVERYTHING, SORTS } from "./filter.js";

/**
 * @typedef {import("./filter.js").Choice & {lang: string, open: string}} State
 */

/**
 * Read the state from an address; invalid parts keep their defaults.
 * @param {string} query such as `?q=neck&direction=rising`
 * @param {string} lang the browser's language
 * @returns {State}
 */
export function fromQuery(query, lang) {
  const given = new URLSearchParams(query);
  const oneOf = (name, allowed, otherwise) => {
    const value = given.get(name) ?? "";
    return allowed.includes(value) ? value : otherwise;
  };
  const confidence = Number(given.get("confidence"));
  return {
    q: given.get("q") ?? "",
    direction: oneOf("direction", DIRECTIONS, "all"),
    attribute: given.get("attribute") || "all",
    platform: given.get("platform") || "*",
    confidence: confidence >= 0 && confidence <= 95 ? confidence : 0,
    sort: oneOf("sort", SORTS, "rank"),
    lang: oneOf("lang", ["en", "zh"], lang.toLowerCase().startsWith("zh") ? "zh" : "en"),
    open: given.get("open") ?? "",
  };
}

/** The address of a state; it names only what differs from the defaults. @param {State} state @param {string} lang */
export function toQuery(state, lang) {
  const usual = { ...EVERYTHING, lang: lang.toLowerCase().startsWith("zh") ? "zh" : "en", open: "" };
  const told = Object.entries(state).filter(([name, value]) => value !== usual[name]);
  return told.length ? `?${new URLSearchParams(told.map(([k, v]) => [k, String(v)]))}` : "";
}

/**
 * A state with listeners for its changes.
 * @param {State} initial
 */
export function createStore(initial) {
  let state = initial;
  /** @type {((now: State, before: State) => void)[]} */
  const listeners = [];
  return {
    get: () => state,
    /** @param {Partial<State>} change */
    set(change) {
      const before = state;
      state = { ...state, ...change };
      listeners.forEach((tell) => tell(state, before));
    },
    /** @param {(now: State, before: State) => void} listener */
    onChange: (listener) => void listeners.push(listener),
  };
}
