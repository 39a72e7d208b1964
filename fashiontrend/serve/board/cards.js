/** A keyword as a card: first its pictures, then its expected change and the confidence in it. */

import { h } from "./dom.js";
import { probability, count, percent, plain, points } from "./format.js";
import { interval, mark } from "./marks.js";
import { picture } from "./pictures.js";
import { has, named, otherLang, otherName, t } from "./language.js";

/**
 * @param {any} record a trend-keyword
 * @param {{far: number, attribute: string, samples: any[], record: string, open: () => void}} about the common scale, the attribute's name, the pictures to show, how calls like it turned out, what a click does
 */
export function card(record, { far, attribute, samples, record: told, open }) {
  const { keyword, share, growth, confidence, direction } = record;
  const other = otherName(keyword);
  return h(
    "li",
    { class: `card d-${direction}`, "data-id": record.id },
    h(
      "article",
      {},
      pictures(record, samples),
      h(
        "div",
        { class: "card-words" },
        h(
          "p",
          { class: "over" },
          mark(direction),
          h("span", {}, t("stage_label", { stage: stage(record) })),
          grade(confidence.grade),
        ),
        h(
          "h3",
          {},
          h(
            "button",
            { type: "button", class: "card-open", "aria-haspopup": "dialog", onclick: open },
            named(keyword),
          ),
          other && other !== named(keyword) && h("span", { class: "other", lang: otherLang() }, other),
        ),
        h("p", { class: "of" }, attribute),
        h(
          "p",
          { class: "move" },
          h("span", {}, percent(share.now)),
          h("span", { class: "arrow", "aria-hidden": "true" }, "→"),
          h("strong", {}, percent(share.forecast)),
          h("span", { class: "change" }, `${points(growth.points)} ${t("pts")}`),
        ),
        interval(record, far),
        h(
          "p",
          { class: "small" },
          t("range", { low: percent(share.interval80[0]), high: percent(share.interval80[1]) }),
        ),
        h("p", { class: "small" }, agreement(record), h("br"), support(record)),
        told && h("p", { class: "small badge" }, told),
      ),
    ),
  );
}

/** The name of a keyword's stage. @param {any} record */
export const stage = (record) =>
  has(`stage_${record.stage}`) ? t(`stage_${record.stage}`) : plain(record.stage);

/** The name of a keyword's trajectory. @param {any} record */
export const trajectory = (record) =>
  has(`trajectory_${record.trajectory}`) ? t(`trajectory_${record.trajectory}`) : plain(record.trajectory);

/** @param {string} letter */
export const grade = (letter) => h("span", { class: `grade grade-${letter}` }, t("grade", { grade: letter }));

/** How many products show the value, of those that show the attribute. @param {any} record */
export const support = ({ share, confidence: { support_n: of } }) =>
  t("products_of", { n: count(share.now * of), of: count(of) });

/** @param {number} n */
export const products = (n) => t("products", { n }).replace(String(n), count(n));

/** How many platforms, and which, have the keyword's direction on their own. @param {any} record */
export function agreement(record) {
  const of = Object.values(record.platforms).flat().length;
  const agreeing = record.platforms[record.direction] ?? [];
  if (!of) return record.platform === "*" ? "" : t("one_platform", { platform: record.platform });
  if (!agreeing.length) return t("agree_none");
  if (agreeing.length === of && of > 1) return t("agree_all", { of });
  const names = agreeing.slice(0, 3).join(", ") + (agreeing.length > 3 ? ` +${agreeing.length - 3}` : "");
  return t("agree", { n: agreeing.length, of, names });
}

function pictures(record, samples) {
  if (!samples.length)
    return h("div", { class: "samples one" }, picture({ path: null, boxes: [], alt: named(record.keyword) }));
  return h(
    "div",
    { class: `samples ${["one", "two", "three"][samples.length - 1]}` },
    samples.map((sample, i) => samplePicture(record, sample, i ? 240 : 480)),
  );
}

/** @param {any} record @param {any} sample @param {number} width @param {"cover" | "contain"} [fit] */
export function samplePicture(record, sample, width, fit = "cover") {
  return picture({
    path: sample.picture ? `${sample.picture}?width=${width}` : null,
    boxes: sample.box ? [sample.box] : [],
    alt: t("seen_at", {
      value: named(record.keyword),
      platform: sample.platform,
      sure: probability(sample.confidence),
    }),
    fit,
  });
}
