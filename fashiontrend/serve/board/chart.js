/** A chart of a value's share on one platform: the measured share with its interval, then the forecast fan. */

import { h, s } from "./dom.js";
import { count, date, percent } from "./format.js";
import { band, line, linear, ticks } from "./scale.js";
import { language, t } from "./language.js";

/** Width in pixels until the chart's own width is known. */
const WIDE = 560;
const HIGH = 230;
const EDGE = { left: 46, right: 10, top: 12, bottom: 26 };

/**
 * @typedef {Object} Curve
 * @property {string} name of the platform, as shown
 * @property {any} series days, share, low, high, support, withheld
 * @property {any | null} forecast days, share, q025, q10, q90, q975
 */

/**
 * The range of values that a chart of these curves must show.
 * @param {Curve[]} curves
 * @returns {number[]}
 */
export function heights(curves) {
  return curves.flatMap(({ series, forecast }) => [
    ...series.low,
    ...series.high,
    ...series.share,
    ...(forecast ? [...forecast.q025, ...forecast.q975] : []),
  ]);
}

/**
 * The chart is redrawn in CSS pixels when its width changes, because scaling it down would make its text too
 * small to read.
 * @param {Curve} curve
 * @param {string} direction colours the forecast
 * @param {[number, number]} domain of shares, the same for all platforms
 */
export function shareChart(curve, direction, domain) {
  const readout = h("span", { class: "readout", "aria-hidden": "true" });
  const cursor = s("path", { class: "cursor", d: "" });
  const drawing = s("svg", { class: `chart d-${direction}`, role: "img", "aria-label": tell(curve) });
  const found = rows(curve);
  let frame = draw(drawing, curve, domain, WIDE, cursor);
  const clear = () => {
    cursor.setAttribute("d", "");
    readout.textContent = "";
  };
  drawing.addEventListener("pointermove", (event) => point(event, drawing, found, frame, cursor, readout));
  drawing.addEventListener("pointerleave", clear);
  new ResizeObserver(([{ contentRect }]) => {
    const width = Math.round(contentRect.width);
    if (!width || width === frame.width) return;
    clear();
    frame = draw(drawing, curve, domain, width, cursor);
  }).observe(drawing);
  return h(
    "figure",
    { class: "curve" },
    h("figcaption", {}, h("span", {}, curve.name), readout),
    drawing,
    table(curve),
  );
}

/** Draw the chart at a width in pixels; returns the positions of its days. */
function draw(drawing, { series, forecast }, domain, width, cursor) {
  const days = [...series.days, ...(forecast?.days ?? [])].map((d) => Date.parse(d));
  const x = linear([Math.min(...days), Math.max(...days)], [EDGE.left, width - EDGE.right]);
  const y = linear(domain, [HIGH - EDGE.bottom, EDGE.top]);
  const at = (day) => x(Date.parse(day));
  drawing.setAttribute("viewBox", `0 0 ${width} ${HIGH}`);
  const parts = [axes(x, y, domain, days, width), measured(series, at, y)];
  drawing.replaceChildren(s("g", {}, ...parts, forecast && ahead(series, forecast, at, y), cursor));
  return { at, width };
}

/** The legend of the lines. @param {string} direction @param {boolean} yearAgo @param {boolean} withheld */
export function legend(direction, yearAgo, withheld) {
  const item = (name, word) =>
    h(
      "li",
      {},
      s(
        "svg",
        { class: `chart d-${direction}`, viewBox: "0 0 26 12", "aria-hidden": "true" },
        name.startsWith("band")
          ? s("rect", { class: name, x: 0, y: 1, width: 26, height: 10 })
          : name === "withheld"
            ? s("path", { class: name, d: "M13 0V12" })
            : s("path", { class: name, d: "M0 6H26" }),
      ),
      t(word),
    );
  return h(
    "ul",
    { class: "legend" },
    item("measured", "measured"),
    item("forecast", "forecast"),
    item("band80", "band80"),
    item("band95", "band95"),
    item("persistence", "persistence"),
    yearAgo && item("last-year", "last_year"),
    withheld && item("withheld", "withheld_days"),
  );
}

/** The shares of the same days a year before the forecast, null where unknown. @param {any} series @param {any} forecast @returns {(number | null)[]} */
export function yearBefore(series, forecast) {
  const shares = new Map(series.days.map((day, i) => [day, series.share[i]]));
  const before = (day) => new Date(Date.parse(day) - 364 * 86_400_000).toISOString().slice(0, 10);
  return (forecast?.days ?? []).map((day) => shares.get(before(day)) ?? null);
}

function axes(x, y, domain, days, width) {
  const left = EDGE.left;
  const across = ticks(domain, 4).map((share) => [
    s("path", { class: "grid", d: `M${left} ${y(share)}H${width - EDGE.right}` }),
    s(
      "text",
      { x: left - 8, y: y(share) + 4, "text-anchor": "end" },
      percent(share, domain[1] - domain[0] < 0.04 ? 1 : 0),
    ),
  ]);
  const first = Math.min(...days);
  const last = Math.max(...days);
  const parts = width < 400 ? [0.02, 0.5, 0.98] : [0.02, 0.35, 0.68, 0.98];
  const marks = parts.map((part) => new Date(first + part * (last - first)).toISOString());
  const anchor = (i) => (i === 0 ? "start" : i === marks.length - 1 ? "end" : "middle");
  const along = marks.map((day, i) =>
    s(
      "text",
      { x: x(Date.parse(day.slice(0, 10))), y: HIGH - 6, "text-anchor": anchor(i) },
      date(day, language(), true),
    ),
  );
  return [across, along].flat(2);
}

function measured(series, at, y) {
  const place = series.days.map((day, i) => (series.share[i] === null ? null : { x: at(day), i }));
  const withheld = series.days.filter((_, i) => series.withheld[i]);
  return [
    s("path", {
      class: "measured-band",
      d: band(place.map((p) => p && [p.x, y(series.low[p.i]), y(series.high[p.i])])),
    }),
    ...withheld.map((day) => s("path", { class: "withheld", d: `M${at(day)} ${HIGH - EDGE.bottom}v-8` })),
    s("path", { class: "measured", d: line(place.map((p) => p && [p.x, y(series.share[p.i])])) }),
  ];
}

function ahead(series, forecast, at, y) {
  const now = lastKnown(series);
  const from = now ? [at(now.day), y(now.share)] : null;
  const fan = (low, high) =>
    band([
      from && [from[0], from[1], from[1]],
      ...forecast.days.map((day, i) => [at(day), y(forecast[low][i]), y(forecast[high][i])]),
    ]);
  const end = at(forecast.days.at(-1));
  const before = yearBefore(series, forecast);
  return [
    s("path", { class: "band95", d: fan("q025", "q975") }),
    s("path", { class: "band80", d: fan("q10", "q90") }),
    from && s("path", { class: "persistence", d: `M${from[0]} ${from[1]}H${end}` }),
    s("path", {
      class: "last-year",
      d: line(forecast.days.map((day, i) => (before[i] === null ? null : [at(day), y(before[i])]))),
    }),
    from && s("path", { class: "today", d: `M${from[0]} ${EDGE.top}V${HIGH - EDGE.bottom}` }),
    s("path", {
      class: "forecast",
      d: line([from, ...forecast.days.map((day, i) => [at(day), y(forecast.share[i])])]),
    }),
    s("circle", { class: "end", cx: end, cy: y(forecast.share.at(-1)), r: 4 }),
  ];
}

function lastKnown({ days, share }) {
  const i = share.findLastIndex((v) => v !== null);
  return i < 0 ? null : { day: days[i], share: share[i] };
}

/** @param {Curve} curve */
function tell({ name, series, forecast }) {
  const first = series.share.findIndex((v) => v !== null);
  const now = lastKnown(series);
  if (!now) return `${name}: ${t("not_measured")}`;
  const end = forecast?.days.length - 1;
  return t(forecast ? "chart_text" : "chart_text_no", {
    platform: name,
    first: percent(series.share[first]),
    from: date(series.days[first], language()),
    now: percent(now.share),
    day: date(now.day, language()),
    then: percent(forecast?.share[end]),
    target: date(forecast?.days[end], language()),
    low: percent(forecast?.q10[end]),
    high: percent(forecast?.q90[end]),
  });
}

/** The rows of the table: first measured days, then forecast days. @param {Curve} curve */
function rows({ series, forecast }) {
  const past = series.days.map((day, i) => ({
    day,
    share: series.share[i],
    low: series.low[i],
    high: series.high[i],
    note: series.withheld[i] ? t("withheld") : products(series.support[i]),
  }));
  const coming = (forecast?.days ?? []).map((day, i) => ({
    day,
    share: forecast.share[i],
    low: forecast.q10[i],
    high: forecast.q90[i],
    note: t("forecast"),
  }));
  return [...past, ...coming];
}

const products = (n) => t("products", { n }).replace(String(n), count(n));

function point(event, drawing, found, { at, width }, cursor, readout) {
  const frame = drawing.getBoundingClientRect();
  const x = ((event.clientX - frame.left) / frame.width) * width;
  const near = found.reduce((best, row) =>
    Math.abs(at(row.day) - x) < Math.abs(at(best.day) - x) ? row : best,
  );
  cursor.setAttribute("d", `M${at(near.day)} ${EDGE.top}V${HIGH - EDGE.bottom}`);
  const range =
    near.share === null
      ? t("not_measured")
      : `${percent(near.share)} (${percent(near.low)} – ${percent(near.high)})`;
  readout.textContent = `${date(near.day, language())}: ${range}, ${near.note}`;
}

/** The table is filled only when it is opened, because a year of four platforms has many cells. @param {Curve} curve */
function table(curve) {
  const place = h("div", {
    class: "scroll",
    tabindex: 0,
    role: "region",
    "aria-label": `${t("as_table")}: ${curve.name}`,
  });
  const details = h("details", { class: "as-table" }, h("summary", {}, t("as_table")), place);
  details.addEventListener("toggle", () => {
    if (place.childElementCount) return;
    const head = ["day", "share", "low", "high"].map((word) => h("th", { scope: "col" }, t(word)));
    const body = rows(curve)
      .reverse()
      .map((row) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, date(row.day, language())),
          [row.share, row.low, row.high].map((v) => h("td", {}, percent(v))),
          h("td", {}, row.note),
        ),
      );
    place.append(h("table", {}, h("thead", {}, h("tr", {}, head, h("td", {}))), h("tbody", {}, body)));
  });
  return details;
}
