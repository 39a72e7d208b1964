/** The evidence behind a keyword: pictures, curves with the forecast fan, numbers, caveats, source. */

import { evidence } from "./api.js";
import { grade, products, samplePicture, stage, trajectory } from "./cards.js";
import { heights, legend, shareChart, yearBefore } from "./chart.js";
import { all, byId, h } from "./dom.js";
import { probability, count, date, number, percent, points, price } from "./format.js";
import { mark, shape } from "./marks.js";
import { failure } from "./notice.js";
import { extent } from "./scale.js";
import { named, otherLang, otherName, translate, language, t } from "./language.js";

/**
 * Fill the sheet and open it.
 * @param {any} record
 * @param {string} attribute its name
 */
export function showEvidence(record, attribute) {
  const sheet = byId("evidence");
  const curves = h("div", { "aria-live": "polite" }, h("p", { class: "note" }, t("loading")));
  const close = h("button", { type: "button", class: "quiet", onclick: () => sheet.close() }, t("close"));
  sheet.replaceChildren(
    h("div", { class: "sheet-top" }, close),
    head(record, attribute),
    h(
      "div",
      { class: "sheet-body" },
      h("section", {}, h("h3", {}, t("pictures")), samples(record)),
      h("section", {}, h("h3", {}, t("curves")), curves),
      h(
        "div",
        { class: "columns" },
        h("section", {}, h("h3", {}, t("numbers")), figures(record)),
        h("section", {}, caveats(record), h("h3", {}, t("source")), source(record)),
      ),
    ),
  );
  if (!sheet.open) sheet.showModal();
  sheet.scrollTop = 0;
  loadCurves(record, curves);
}

/** Show the attribute's name if it arrives after the sheet was opened. @param {string} attribute */
export function renameAttribute(attribute) {
  all("#evidence .of > span").forEach((place) => place.replaceChildren(attribute));
}

async function loadCurves(record, place) {
  try {
    const found = await evidence(record.id);
    if (place.isConnected) place.replaceChildren(...charts(record, found));
  } catch (problem) {
    place.replaceChildren(failure(problem, () => loadCurves(record, place)));
  }
}

function charts(record, { series, forecasts }) {
  const curves = series
    .map((row) => ({
      name: row.platform === "*" ? t("pooled") : row.platform,
      platform: row.platform,
      series: row,
      forecast: forecasts.find((f) => f.platform === row.platform) ?? null,
    }))
    .sort(
      (a, b) =>
        Number(b.platform === record.platform) - Number(a.platform === record.platform) ||
        a.platform.localeCompare(b.platform),
    );
  if (!curves.length) return [h("p", { class: "note" }, t("no_curve"))];
  const domain = extent(heights(curves), 0);
  const ofPlatform = (name) => Object.entries(record.platforms).find(([, names]) => names.includes(name))?.[0];
  const yearAgo = curves.some((c) => yearBefore(c.series, c.forecast).some((v) => v !== null));
  const withheld = curves.some((c) => c.series.withheld.some(Boolean));
  return [
    h(
      "div",
      { class: "curves" },
      curves.map((c) =>
        shareChart(
          c,
          c.platform === record.platform ? record.direction : (ofPlatform(c.platform) ?? "stable"),
          domain,
        ),
      ),
    ),
    legend(record.direction, yearAgo, withheld),
  ];
}

function head(record, attribute) {
  const { keyword, share } = record;
  const other = otherName(keyword);
  const said = t(`said_${record.direction}`, {
    value: named(keyword),
    now: percent(share.now),
    then: percent(share.forecast),
    day: date(record.target_date, language()),
  });
  return h(
    "header",
    { class: "sheet-head" },
    h(
      "div",
      {},
      h(
        "p",
        { class: "over" },
        mark(record.direction),
        h("span", {}, t("stage_label", { stage: stage(record) })),
        grade(record.confidence.grade),
      ),
      h(
        "h2",
        { id: "evidence-title", tabindex: -1, autofocus: true },
        named(keyword),
        other && other !== named(keyword) && h("span", { class: "other", lang: otherLang() }, other),
      ),
      h("p", { class: "of" }, h("span", {}, attribute), record.platform !== "*" && ` · ${record.platform}`),
      h(
        "p",
        { class: "lead" },
        said,
        " ",
        h(
          "span",
          { class: "soft" },
          t("range", { low: percent(share.interval80[0]), high: percent(share.interval80[1]) }),
        ),
      ),
      h("p", { class: "foot" }, products(record.confidence.support_n), platforms(record)),
    ),
  );
}

/** List the platforms with their own directions. */
function platforms({ platforms: groups }) {
  return Object.entries(groups).flatMap(([direction, names]) =>
    names.map((name) =>
      h(
        "span",
        { class: `platform d-${direction}` },
        shape(direction),
        name,
        h("span", { class: "unseen" }, `: ${t(direction)}`),
      ),
    ),
  );
}

function samples(record) {
  const found = record.evidence?.samples ?? [];
  if (!found.length) return h("p", { class: "note" }, t("no_picture"));
  return h(
    "ul",
    { class: "gallery" },
    found.map((sample) =>
      h(
        "li",
        {},
        samplePicture(record, sample, 480),
        h(
          "p",
          { class: "small" },
          h("strong", {}, sample.platform),
          " ",
          price(sample.price, sample.currency, language()),
          h("br"),
          sample.first_seen && [t("first_seen", { day: date(sample.first_seen, language(), true) }), h("br")],
          t("sure", { p: probability(sample.confidence) }),
          " ",
          shopLink(sample),
        ),
      ),
    ),
  );
}

function shopLink(sample) {
  if (!/^https?:\/\//.test(sample.url ?? "")) return null;
  const name = `${t("shop_page")}: ${sample.platform} ${sample.product_id}`;
  return h(
    "a",
    { href: sample.url, target: "_blank", rel: "noopener noreferrer", "aria-label": name },
    t("shop_page"),
  );
}

function figures(record) {
  const { confidence: sure, growth, lead_lag: lead } = record;
  const pts = (value) => (value === null || value === undefined ? null : `${points(value)} ${t("pts")}`);
  const skill = sure.backtest_skill_vs_persistence;
  return list([
    ["p_direction", probability(sure.p_direction)],
    ["support", count(sure.support_n)],
    ["days_observed", count(sure.days_observed)],
    ["agreement", percent(sure.platform_agreement, 0)],
    ["skill", skill === null || skill === undefined ? null : percent(skill, 0)],
    ["wow", pts(growth.wow)],
    ["mom", pts(growth.mom)],
    ["yoy", pts(growth.yoy)],
    ["deseasonalised", pts(growth.deseasonalised_points)],
    ["stage", stage(record)],
    ["trajectory", trajectory(record)],
    ["seasonal", record.seasonal_index === null ? null : number(record.seasonal_index, 2)],
    ["leads", lead && t("lead_days", { platform: lead.leader, n: lead.lead_days })],
  ]);
}

function caveats(record) {
  if (!record.caveats?.length) return null;
  return h(
    "div",
    { class: "caveats" },
    h("h3", {}, t("caveats")),
    h(
      "ul",
      {},
      record.caveats.map((sentence) => {
        const { text, lang } = translate(sentence);
        return h("li", { lang }, text);
      }),
    ),
  );
}

function source(record) {
  const from = record.evidence ?? {};
  return list([
    ["days_used", count(from.data_days_used)],
    ["days_withheld", count(from.days_withheld)],
    ["run", from.run_id],
    ["model", from.model_digest],
    ["label_set", from.label_set_digest],
    ["taxonomy", from.taxonomy_version],
  ]);
}

const list = (rows) =>
  h(
    "dl",
    { class: "facts" },
    rows
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([word, value]) => h("div", {}, h("dt", {}, t(word)), h("dd", {}, value))),
  );
