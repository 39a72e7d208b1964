/** The filter form: it shows the state and changes it. */

import { byId, h } from "./dom.js";
import { DIRECTIONS, EVERYTHING, SORTS } from "./filter.js";
import { shape } from "./marks.js";
import { t } from "./language.js";

/** @param {ReturnType<typeof import("./state.js").createStore>} store */
export function listenToForm(store) {
  const form = byId("filters");
  form.addEventListener("input", (event) => {
    const { name, value } = event.target;
    store.set({ [name]: name === "confidence" ? Number(value) : value });
  });
  const more = byId("more");
  more.addEventListener("click", () => {
    const open = form.classList.toggle("whole");
    more.setAttribute("aria-expanded", String(open));
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    store.set(EVERYTHING);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || /** @type {Element} */ (event.target).closest("input, select, dialog")) return;
    event.preventDefault();
    form.elements.q.focus();
  });
}

/**
 * Show the state in the form.
 * @param {import("./state.js").State} state
 * @param {{counts: Record<string, number>, attributes: [string, string][], platforms: string[]}} offer what can be chosen
 */
export function showForm(state, { counts, attributes, platforms }) {
  const form = byId("filters");
  if (form.elements.q.value !== state.q) form.elements.q.value = state.q;
  form.elements.confidence.value = String(state.confidence);
  byId("confidence-text").textContent = `${state.confidence} %`;
  offerDirections(state, counts);
  choices(form.elements.attribute, state.attribute, [["all", t("all_attributes")], ...attributes]);
  choices(form.elements.platform, state.platform, [["*", t("all_platforms")], ...platforms.map((p) => [p, p])]);
  choices(
    form.elements.sort,
    state.sort,
    SORTS.map((s) => [s, t(`sort_${s}`)]),
  );
}

/** Radio buttons are created once; afterwards only their texts and numbers change. */
function offerDirections(state, counts) {
  const place = byId("directions");
  if (!place.childElementCount) {
    place.append(
      ...["all", ...DIRECTIONS].map((d) =>
        h(
          "label",
          { class: "chip" },
          h("input", { type: "radio", name: "direction", value: d }),
          d !== "all" && shape(d),
          h("span", {}),
          h("span", { class: "n" }),
        ),
      ),
    );
  }
  for (const label of place.children) {
    const input = label.querySelector("input");
    const [word, n] = label.querySelectorAll("span");
    input.checked = input.value === state.direction;
    word.textContent = t(input.value);
    n.textContent = String(counts[input.value] ?? 0);
  }
}

function choices(select, chosen, offered) {
  const known = offered.some(([value]) => value === chosen) ? offered : [...offered, [chosen, chosen]];
  const now = JSON.stringify(known);
  if (select.dataset.offered !== now) {
    select.dataset.offered = now;
    select.replaceChildren(...known.map(([value, text]) => h("option", { value }, text)));
  }
  select.value = chosen;
}
