/** Values without enough evidence for a keyword, and combinations of values. */

import { h } from "./dom.js";
import { count, number, percent } from "./format.js";
import { named, translate, t } from "./language.js";

const NUMBERS = ["support", "share"];

/**
 * @param {any[]} aside
 * @param {(attribute: string) => string} nameOf an attribute's name
 */
export function gapTable(aside, nameOf) {
  if (!aside.length) return h("p", { class: "note" }, t("no_gaps"));
  const head = ["value", "attribute", "platform", "support", "share", "reason"];
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": t("gaps") },
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          head.map((word) => h("th", { scope: "col", class: NUMBERS.includes(word) && "n" }, t(word))),
        ),
      ),
      h(
        "tbody",
        {},
        aside.map((row) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, named(row.keyword)),
            h("td", {}, nameOf(row.keyword.attribute)),
            h("td", {}, row.platform === "*" ? t("pooled") : row.platform),
            h("td", { class: "n" }, count(row.support_n)),
            h("td", { class: "n" }, percent(row.share)),
            h("td", { class: "long" }, reasons(row.reasons)),
          ),
        ),
      ),
    ),
  );
}

function reasons(sentences) {
  return sentences.flatMap((sentence, i) => {
    const { text, lang } = translate(sentence);
    return [i ? "; " : "", h("span", { lang }, text)];
  });
}

/** Pairs of values that products combine more often than by chance. @param {any[]} found */
export function pairs(found) {
  if (!found.length) return null;
  return h(
    "div",
    { class: "pairs" },
    h("h3", {}, t("combinations")),
    h(
      "ul",
      {},
      found
        .slice(0, 8)
        .map((pair) =>
          h(
            "li",
            {},
            h("strong", {}, named(pair)),
            h(
              "span",
              { class: "small" },
              `${t("lift", { n: number(pair.lift, 1) })}, ${t("products", { n: pair.support_n })}`,
            ),
          ),
        ),
    ),
  );
}
