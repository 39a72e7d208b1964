/** The record: how often earlier calls came true, and what was claimed of them. */

import { h, s } from "./dom.js";
import { count, date, number, percent } from "./format.js";
import { linear } from "./scale.js";
import { language, t } from "./language.js";

const SIZE = 220;
const EDGE = 28;

/** @param {any} rates @returns {number} how many of the scored keywords came true */
export const hits = (rates) => Math.round((rates.hit_rate ?? 0) * rates.n);

/**
 * How calls of this direction and grade turned out, in one sentence.
 * @param {any} record a keyword
 * @param {any} scorecard null if it is not known
 */
export function badge(record, scorecard) {
  if (!scorecard) return "";
  const like = scorecard.by?.call?.[`${record.direction} ${record.confidence.grade}`];
  return like?.n ? t("badge", { hit: count(hits(like)), of: count(like.n) }) : t("badge_none");
}

/**
 * @param {any} scorecard
 * @param {(attribute: string) => string} nameOf an attribute's name
 * @returns {Node[]}
 */
export function recordOf(scorecard, nameOf) {
  if (!scorecard?.scored) return [h("p", { class: "note" }, t("record_none"))];
  const { overall } = scorecard;
  const told = t("record_told", {
    hit: count(hits(overall)),
    of: count(overall.n),
    rate: percent(overall.hit_rate, 0),
    claimed: percent(overall.claimed, 0),
    day: date(scorecard.as_of, language()),
  });
  return [
    h("p", { class: "note" }, told),
    h("div", { class: "record" }, diagram(scorecard), table(scorecard, nameOf)),
  ];
}

const RANGE = (interval) => (interval ? `${percent(interval[0], 0)} – ${percent(interval[1], 0)}` : "");

function table(scorecard, nameOf) {
  const head = ["record_group", "record_hits", "record_rate", "record_range", "record_claimed"];
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": t("record") },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, head.map((word, i) => h("th", { scope: "col", class: i ? "n" : null }, t(word))))),
      h("tbody", {}, groups(scorecard, nameOf).map(([name, rates]) => row(name, rates))),
    ),
  );
}

function row(name, rates) {
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, name),
    h("td", { class: "n" }, t("hits_of", { hit: count(hits(rates)), of: count(rates.n) })),
    h("td", { class: "n" }, percent(rates.hit_rate, 0)),
    h("td", { class: "n" }, RANGE(rates.hit_rate_interval)),
    h("td", { class: "n" }, percent(rates.claimed, 0)),
  );
}

/** Every group with its name, in the order of the questions that people ask. */
function groups({ by }, nameOf) {
  const call = (key) => {
    const [direction, grade] = key.split(" ");
    return `${t(direction)}, ${t("grade", { grade })}`;
  };
  const names = {
    call,
    horizon_days: (days) => t("in_days", { n: Number(days) }),
    platform: (id) => (id === "*" ? t("pooled") : id),
    attribute: nameOf,
  };
  return Object.entries(names).flatMap(([kind, name]) =>
    Object.entries(by?.[kind] ?? {}).map(([key, rates]) => [name(key), rates]),
  );
}

/** Claimed probability across, what came true of it upwards; on the diagonal both are equal. */
function diagram({ reliability, brier }) {
  const x = linear([0, 1], [EDGE, SIZE - 8]);
  const y = linear([0, 1], [SIZE - EDGE, 8]);
  const text = reliability
    .map((b) => t("reliability_text", { claimed: percent(b.claimed, 0), rate: percent(b.hit_rate, 0), n: b.n }))
    .join("; ");
  return h(
    "figure",
    {},
    s(
      "svg",
      { class: "reliability", viewBox: `0 0 ${SIZE} ${SIZE}`, role: "img", "aria-label": text },
      s("path", { class: "axis", d: `M${x(0)} ${y(1)}V${y(0)}H${x(1)}` }),
      s("path", { class: "limit", d: `M${x(0)} ${y(0)}L${x(1)} ${y(1)}` }),
      reliability.map(({ claimed, hit_rate: rate, hit_rate_interval: [low, high] }) => [
        s("path", { class: "range", d: `M${x(claimed)} ${y(low)}V${y(high)}` }),
        s("circle", { class: "open", cx: x(claimed), cy: y(rate), r: 4 }),
      ]).flat(),
      s("text", { x: x(1), y: SIZE - 8, "text-anchor": "end" }, t("record_claimed")),
      s("text", { x: x(0) + 6, y: y(1) + 6 }, t("record_rate")),
    ),
    h("figcaption", { class: "small" }, t("reliability"), brier === null ? "" : ` ${t("brier", { n: number(brier) })}`),
  );
}
