/** Asks the reader for a bearer token and keeps it in sessionStorage, that is in this tab only. */

import { onTokenNeeded, Problem, token } from "./api.js";
import { byId } from "./dom.js";
import { t } from "./language.js";

export function listenForSignIn(reload) {
  const dialog = byId("sign-in");
  const form = byId("sign-in-form");
  /** @type {{promise: Promise<void>, done: () => void, fail: (reason: Problem) => void} | null} */
  let waiting = null;

  onTokenNeeded(() => {
    byId("sign-in-problem").textContent = token.get() ? t("token_refused") : "";
    waiting ??= begin();
    if (!dialog.open) dialog.showModal();
    return waiting.promise;
  });
  form.addEventListener("submit", () => {
    token.set(form.elements.token.value.trim());
    form.reset();
    byId("sign-in-open").hidden = false;
    if (waiting) waiting.done();
    else reload();
    waiting = null;
  });
  dialog.addEventListener("close", () => {
    waiting?.fail(new Problem(401, { title: t("token_title") }));
    waiting = null;
  });
  byId("sign-in-cancel").addEventListener("click", () => dialog.close());
  byId("sign-in-open").addEventListener("click", () => dialog.showModal());
  byId("sign-in-open").hidden = !token.get();
}

function begin() {
  let done = () => {};
  let fail = (_reason) => {};
  const promise = new Promise((resolve, reject) => {
    done = () => resolve(undefined);
    fail = reject;
  });
  return { promise, done, fail };
}
