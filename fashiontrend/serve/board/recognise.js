/** Recognition of a picture that the reader dropped, pasted or chose, with the trends of its attributes. */

import { recognise } from "./api.js";
import { byId, h } from "./dom.js";
import { probability, plain } from "./format.js";
import { mark } from "./marks.js";
import { failure, notice } from "./notice.js";
import { ownPicture } from "./pictures.js";
import { named, t } from "./language.js";

/**
 * @typedef {Object} Names
 * @property {(attribute: string) => string} attribute
 * @property {(attribute: string, value: string) => string} value
 * @property {(attribute: string, value: string) => any | null} trend the keyword of a value
 * @property {(record: any) => void} open
 */

/** @param {Names} names */
export function listenForPictures(names) {
  const input = byId("file");
  const show = (files) => files.length && look(files[0], files.length, names);
  input.addEventListener("change", () => {
    show([...input.files]);
    input.value = "";
  });
  document.addEventListener("paste", (event) => show(images(event.clipboardData)));
  listenForDrops(show);
  byId("answer-close").addEventListener("click", () => {
    byId("answer").hidden = true;
    input.focus();
  });
}

function listenForDrops(show) {
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  const mark = (on) => document.body.classList.toggle("dropping", on);
  document.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    mark(true);
  });
  document.addEventListener("dragleave", (event) => !event.relatedTarget && mark(false));
  document.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    mark(false);
    show([...(event.dataTransfer?.files ?? [])]);
  });
}

const images = (data) => [...(data?.files ?? [])].filter((file) => file.type.startsWith("image/"));

async function look(file, given, names) {
  const section = byId("answer");
  const body = byId("answer-body");
  section.hidden = false;
  body.replaceChildren(h("p", { class: "note" }, t("working")));
  byId("answer-title").focus({ preventScroll: true });
  section.scrollIntoView({ block: "start" });
  try {
    const answer = await recognise(file);
    const more = given > 1 && h("p", { class: "note" }, t("more_files", { n: given }));
    body.replaceChildren(...[more, seen(file, answer.images[0], names)].filter(Boolean));
  } catch (problem) {
    body.replaceChildren(failure(problem, () => look(file, given, names)));
  }
}

function seen(file, image, names) {
  const boxes = image.garments.map((g) => g.box.rel);
  const told = image.garments.length
    ? image.garments.map((g, i) => garment(g, i, image.garments.length, names))
    : [nothing(image)];
  return h(
    "div",
    { class: "seen" },
    h("figure", {}, ownPicture(file, boxes, t("picked"))),
    h("div", { class: "garments" }, told),
  );
}

const nothing = (image) =>
  image.status === "ok" || image.status === "no_garment"
    ? notice(t("no_garment"), t("no_garment_do"))
    : failure({ status: 415, ...image.problem }, null);

function garment(found, i, of, names) {
  const all = Object.entries(found.attributes);
  const present = all
    .filter(([, a]) => a.status === "present")
    .sort(([, a], [, b]) => b.confidence - a.confidence);
  const unsure = all.filter(([, a]) => a.status === "uncertain");
  const absent = (status) =>
    all
      .filter(([, a]) => a.status === status)
      .map(([id]) => names.attribute(id))
      .join(", ");
  const rest = ["not_visible", "not_applicable"]
    .map((status) => [t(status), absent(status)])
    .filter(([, text]) => text);
  const sure =
    typeof found.score === "number"
      ? h("span", { class: "small" }, t("garment_sure", { p: probability(found.score) }))
      : null;
  return h(
    "section",
    { class: "garment" },
    (of > 1 || sure) && h("h3", {}, t("garment", { n: i + 1 }), " ", sure),
    h(
      "dl",
      { class: "attributes" },
      present.map(([id, a]) => attribute(id, a, names)),
      unsure.map(([id, a]) => attribute(id, a, names)),
    ),
    rest.map(([word, text]) => h("p", { class: "small" }, `${word}: ${text}`)),
  );
}

function attribute(id, answer, names) {
  const known = answer.status === "present";
  const [top, ...others] = answer.top_k ?? [];
  const label = (value) => names.value(id, value);
  const title = known ? (answer.label && named(answer.label)) || label(answer.value) : t("uncertain");
  const listed = known ? others : [top, ...others].filter(Boolean);
  const trend = known ? names.trend(id, answer.value) : null;
  return h(
    "div",
    { class: `attribute ${answer.status}` },
    h("dt", {}, names.attribute(id)),
    h(
      "dd",
      {},
      h(
        "div",
        { class: "first" },
        h("strong", {}, title),
        known && h("span", {}, probability(answer.confidence)),
        trend &&
          h(
            "button",
            {
              type: "button",
              class: "trend",
              onclick: () => names.open(trend),
              "aria-label": `${title}: ${t("trend_here", { direction: t(trend.direction) })}`,
            },
            mark(trend.direction),
          ),
      ),
      known && bar(answer.confidence),
      listed.length > 0 &&
        h(
          "p",
          { class: "small" },
          known && `${t("also")} `,
          listed.map(([value, p]) => `${label(value)} ${probability(p)}`).join(", "),
        ),
    ),
  );
}

/** A bar whose length is a confidence. @param {number} p */
function bar(p) {
  const inner = h("span", {});
  inner.style.width = `${Math.round(100 * p)}%`;
  return h("span", { class: "bar", "aria-hidden": "true" }, inner);
}

/** Names of attributes and values from the taxonomy; an unknown id is shown as text. @param {any} taxonomy */
export function namesOf(taxonomy) {
  const attributes = new Map((taxonomy?.attributes ?? []).map((a) => [a.id, a]));
  return {
    attribute: (id) => (attributes.has(id) ? named(attributes.get(id)) : plain(id)),
    value: (id, value) => {
      const found = attributes.get(id)?.values.find((v) => v.id === value);
      return found ? named(found) : plain(value);
    },
  };
}
