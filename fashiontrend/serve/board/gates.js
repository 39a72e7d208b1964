/** The gates: whether each is open, its value and limit, and its history. */

import { h } from "./dom.js";
import { date, number, plain } from "./format.js";
import { sparkline } from "./marks.js";
import { notice } from "./notice.js";
import { has, translate, language, t } from "./language.js";

const ORDER = ["health", "accuracy", "perplexity"];

/**
 * @param {any[]} gates verdicts with their history
 * @param {{platform: string, days: string[]}[]} withheld by data health
 * @returns {Node[]}
 */
export function gateTiles(gates, withheld) {
  if (!gates.length) return [notice(t("no_gates"), t("no_gates_do"))];
  const place = (gate) => (ORDER.indexOf(gate.name) + ORDER.length + 1) % (ORDER.length + 1);
  return [...gates]
    .sort((a, b) => place(a) - place(b))
    .map((gate) => tile(gate, gate.name === "health" ? withheld : []));
}

/** One line for all gates: all are open, or the names of the closed ones. @param {any[]} gates @returns {(Node | string)[]} */
export function gateSummary(gates) {
  if (!gates.length) return [t("no_gates")];
  const closed = gates.filter((g) => !g.passed);
  const text = closed.length
    ? closed.map((g) => t("gate_closed", { gate: gateName(g.name) })).join(", ")
    : t("gates_open");
  return [h("span", { class: closed.length ? "shut" : "fine" }, sign(!closed.length), text)];
}

/** The limit as a number, from `> 0.85` or `0.7 .. 0.9`. @param {unknown} limit @returns {number | null} */
export function limitValue(limit) {
  const found = /^[<>=]=?\s*(-?[\d.]+)$/.exec(String(limit).trim());
  return found ? Number(found[1]) : null;
}

/** `>= 0.9500` as `≥ 0.95`. @param {unknown} limit */
export function tellLimit(limit) {
  return String(limit)
    .replace(">=", "≥")
    .replace("<=", "≤")
    .replace("==", "")
    .replace("..", "–")
    .replace(/(\.\d*?)0+(?!\d)/g, "$1")
    .replace(/\.(?!\d)/g, "")
    .trim();
}

const gateName = (name) => (has(`gate_${name}`) ? t(`gate_${name}`) : plain(name));

function tile(gate, withheld) {
  const state = t(gate.passed ? "open_now" : "closed_now");
  return h(
    "article",
    { class: `gate ${gate.passed ? "fine" : "shut"}` },
    h("h3", {}, gateName(gate.name), h("span", { class: "state" }, sign(gate.passed), state)),
    has(`means_${gate.name}`) && h("p", { class: "small" }, t(`means_${gate.name}`)),
    h(
      "div",
      { class: "gate-line" },
      h(
        "p",
        {},
        h("strong", {}, number(gate.value)),
        h("span", { class: "small" }, t("needs", { limit: tellLimit(gate.limit) })),
      ),
      history(gate),
    ),
    why(gate.verdict ?? {}),
    withheld.map(({ platform, days }) =>
      h("p", { class: "small" }, t("withheld_on", { platform, days: listed(days) })),
    ),
    details(gate),
  );
}

/** The last few days as text. @param {string[]} days */
function listed(days) {
  const last = days.slice(-5).map((day) => date(day, language(), true));
  return (days.length > 5 ? "… " : "") + last.join(", ");
}

function history(gate) {
  const known = gate.history.filter((p) => p.value !== null && p.value !== undefined);
  if (!known.length) return null;
  const text = t("history_text", {
    n: known.length,
    first: number(known[0].value),
    value: number(known.at(-1).value),
  });
  return sparkline(gate.history.slice(-30), limitValue(gate.limit), text);
}

function why(verdict) {
  const told = [...(verdict.reasons ?? []), verdict.remedy].filter(Boolean);
  const warned = verdict.warnings ?? [];
  if (!told.length && !warned.length) return null;
  return h(
    "ul",
    { class: "why" },
    told.map((sentence) => item(sentence, "")),
    warned.map((sentence) => item(sentence, "warned")),
  );
}

function item(sentence, name) {
  const { text, lang } = translate(sentence);
  return h("li", { lang, class: name }, text);
}

function details(gate) {
  const found = gate.verdict?.checks ?? [];
  return h(
    "details",
    {},
    h("summary", {}, t("conditions")),
    h(
      "p",
      { class: "small" },
      t("judged", { day: date(gate.day, language()) }),
      " · ",
      t("history", { n: gate.history.length }),
    ),
    h(
      "ul",
      { class: "checks" },
      found.map((check) =>
        h(
          "li",
          {},
          sign(check.passed),
          h("span", { lang: "en" }, plain(check.name).replace(":", ": ")),
          h("span", { class: "small" }, `${number(check.seen)} (${tellLimit(check.limit)})`),
        ),
      ),
    ),
  );
}

const sign = (passed) =>
  h(
    "span",
    { class: "sign", role: "img", "aria-label": t(passed ? "open_now" : "closed_now") },
    passed ? "✓" : "✕",
  );
