/** Small drawings: direction marks, the interval of a keyword, the history of a gate. */

import { h, s } from "./dom.js";
import { percent } from "./format.js";
import { extent, line, linear } from "./scale.js";
import { t } from "./language.js";

const SHAPES = { rising: "M6 1.5 11 10.5H1z", falling: "M6 10.5 1 1.5h10z", stable: "M1 4.25h10v3.5H1z" };

/** The mark of a direction, without text. @param {string} direction */
export function shape(direction) {
  return s(
    "svg",
    { class: `shape d-${direction}`, viewBox: "0 0 12 12", "aria-hidden": "true" },
    s("path", { d: SHAPES[direction] ?? SHAPES.stable }),
  );
}

/** The mark of a direction with its name. @param {string} direction */
export const mark = (direction) => h("span", { class: `mark d-${direction}` }, shape(direction), t(direction));

/**
 * The interval of a keyword: the vertical line in the middle is today's share, the bar the 80 % interval.
 * @param {any} record
 * @param {number} far share points from the middle to either edge
 */
export function interval(record, far) {
  const {
    now,
    forecast,
    interval80: [low, high],
  } = record.share;
  const x = linear([-far, far], [8, 232]);
  const at = (share) => Math.min(236, Math.max(4, x(share - now)));
  const text = t("interval_text", {
    now: percent(now),
    then: percent(forecast),
    days: record.horizon_days,
    low: percent(low),
    high: percent(high),
  });
  const beyond = (edge, d) => edge && s("path", { class: "beyond", d });
  return s(
    "svg",
    { class: `interval d-${record.direction}`, viewBox: "0 0 240 24", role: "img", "aria-label": text },
    s("path", { class: "axis", d: "M4 12H236" }),
    s("rect", { class: "band80", x: at(low), y: 7, width: Math.max(2, at(high) - at(low)), height: 10, rx: 5 }),
    beyond(x(low - now) < 4, "M7 8 3 12l4 4"),
    beyond(x(high - now) > 236, "M233 8l4 4-4 4"),
    s("path", { class: "move", d: `M120 12H${at(forecast)}` }),
    s("path", { class: "today", d: "M120 3V21" }),
    s("circle", { class: "then", cx: at(forecast), cy: 12, r: 4.5 }),
  );
}

/**
 * The values of a gate over time with its limit; a filled dot means open, a cross means closed.
 * @param {{value: number | null, passed: boolean}[]} history oldest first
 * @param {number | null} limit
 * @param {string} text what the drawing shows, in words
 */
export function sparkline(history, limit, text) {
  const domain = extent([...history.map((p) => p.value), limit]);
  const x = linear([0, Math.max(1, history.length - 1)], [6, 154]);
  const y = linear(domain, [34, 6]);
  const places = history.map(({ value }, i) => {
    const across = history.length === 1 ? 154 : x(i);
    return value === null ? null : /** @type {[number, number]} */ ([across, y(value)]);
  });
  return s(
    "svg",
    { class: "spark", viewBox: "0 0 160 40", role: "img", "aria-label": text },
    limit !== null && s("path", { class: "limit", d: `M0 ${y(limit)}H160` }),
    s("path", { class: "path", d: line(places) }),
    places.map((place, i) => place && judged(place, history[i].passed)),
  );
}

function judged([x, y], passed) {
  if (passed) return s("circle", { class: "open", cx: x, cy: y, r: 3 });
  return s("path", { class: "closed", d: `M${x - 3} ${y - 3}l6 6m0-6l-6 6` });
}
