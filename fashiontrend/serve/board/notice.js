/** Notices in place of missing content: what happened, and what to do. */

import { h } from "./dom.js";
import { t } from "./language.js";

/**
 * A notice that there is nothing to show.
 * @param {string} title
 * @param {string} advice
 */
export function notice(title, advice) {
  return h("div", { class: "notice" }, h("p", { class: "notice-title" }, title), h("p", {}, advice));
}

/**
 * A notice of a failed request: the server's text, what to do, and a button to try again.
 * @param {any} problem
 * @param {(() => void) | null} again
 */
export function failure(problem, again) {
  const title = problem.status === 0 ? t("offline") : problem.title || t("failed");
  const detail = problem.detail && problem.detail !== title ? h("p", { lang: "en" }, problem.detail) : null;
  const told = (problem.errors ?? []).map((e) => h("li", { lang: "en" }, `${e.path}: ${e.message}`));
  return h(
    "div",
    { class: "notice problem" },
    h("p", { class: "notice-title" }, title),
    detail,
    told.length > 0 && h("ul", {}, told),
    h("p", {}, advise(problem)),
    again && h("button", { type: "button", class: "button", onclick: again }, t("again")),
  );
}

/** @param {any} problem */
function advise(problem) {
  const { status, retryAfter, request } = problem;
  if (status === 0) return t("offline_do");
  if (status === 429 || status === 503) return t("do_busy", { n: retryAfter ?? 5 });
  if ([401, 403, 404, 413, 415].includes(status)) return t(`do_${status}`);
  return status >= 500 ? t("do_500", { request }) : t("do_other");
}
