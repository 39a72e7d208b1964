/** The board: it loads data from the server and shows what the reader chose. */

import * as api from "./api.js";
import { card, stage } from "./cards.js";
import { listenToForm, showForm } from "./controls.js";
import { all, byId, h, inSteps } from "./dom.js";
import { renameAttribute, showEvidence } from "./evidence.js";
import { choose, countDirections, DIRECTIONS, EVERYTHING } from "./filter.js";
import { count, date, daysBetween } from "./format.js";
import { gapTable, pairs } from "./gaps.js";
import { gateSummary, gateTiles } from "./gates.js";
import { failure, notice } from "./notice.js";
import { loadAll } from "./pictures.js";
import { listenForPictures, namesOf } from "./recognise.js";
import { badge, recordOf } from "./record.js";
import { shareOut } from "./samples.js";
import { reach } from "./scale.js";
import { listenForSignIn } from "./sign-in.js";
import { createStore, fromQuery, toQuery } from "./state.js";
import { setLanguage, language, t } from "./language.js";

const store = createStore(fromQuery(location.search, navigator.language));
/** Data from the server; null is still being loaded. */
/** @type {{keywords: any, gates: any, taxonomy: any, withheld: any, scorecard: any, problem: any}} */
const held = { keywords: null, gates: null, taxonomy: null, withheld: null, scorecard: null, problem: null };
/** Cards by record, so that a filter only moves them; emptied when the language or the scale changes. */
const cards = new Map();
let drawing = new AbortController();

const names = () => namesOf(held.taxonomy);
const chosen = () => records().find((r) => r.id === store.get().open);
const records = () => held.keywords?.keywords ?? [];

function start() {
  setLanguage(store.get().lang);
  listenToForm(store);
  listenForSignIn(load);
  listenForPictures({
    attribute: (id) => names().attribute(id),
    value: (id, value) => names().value(id, value),
    trend: (id, value) =>
      records().find((r) => r.keyword.attribute === id && r.keyword.value === value) ?? null,
    open: (record) => store.set({ open: record.id }),
  });
  all("[data-lang]").forEach((b) => b.addEventListener("click", () => store.set({ lang: b.dataset.lang })));
  byId("evidence").addEventListener("close", () => store.set({ open: "" }));
  byId("evidence").addEventListener(
    "click",
    (event) => event.target === event.currentTarget && event.currentTarget.close(),
  );
  addEventListener("beforeprint", loadAll);
  addEventListener("hashchange", unfoldGates);
  unfoldGates();
  all(".take-away a").forEach((link) => link.addEventListener("click", takeAway));
  store.onChange(follow);
  showChoice();
  showKey();
  load();
}

/** A link to the gates shows them, not only their line. */
function unfoldGates() {
  if (location.hash === "#gates") byId("gates").open = true;
}

/** With a token the table is fetched here, because a link cannot send one. @param {MouseEvent} event */
async function takeAway(event) {
  if (!api.token.get()) return;
  event.preventDefault();
  const { kind } = /** @type {HTMLElement} */ (event.currentTarget).dataset;
  const address = await api.fileAddress(api.tableAddress(store.get(), kind));
  h("a", { href: address, download: `keywords.${kind}` }).click();
}

function load() {
  loadKeywords();
  loadGates();
  api.taxonomy().then(
    (found) => {
      held.taxonomy = found;
      redraw();
      const record = chosen();
      if (record) renameAttribute(names().attribute(record.keyword.attribute));
    },
    () => {},
  );
}

async function loadKeywords() {
  const { platform } = store.get();
  held.problem = null;
  byId("cards").setAttribute("aria-busy", "true");
  try {
    // The page works without the record; its cards then do not mention it.
    const scored = held.scorecard ?? api.scorecard().catch(() => null);
    const [found, scorecard] = await Promise.all([api.keywords(platform), scored]);
    if (platform !== store.get().platform) return;
    Object.assign(held, { keywords: found, scorecard });
  } catch (problem) {
    held.keywords = null;
    held.problem = problem;
  }
  redraw();
  openChosen();
  if (!held.withheld && records().length) loadWithheld(records()[0].keyword);
}

/** The page works without withheld days; it then does not mention them. */
async function loadWithheld(keyword) {
  held.withheld = await api.withheldDays(keyword).catch(() => null);
  showGates();
  showSummary();
}

async function loadGates() {
  try {
    held.gates = await api.gates();
    showGates();
  } catch (problem) {
    byId("gates-body").replaceChildren(failure(problem, loadGates));
  }
}

/** @param {import("./state.js").State} now @param {import("./state.js").State} before */
function follow(now, before) {
  history.replaceState(null, "", toQuery(now, navigator.language) || location.pathname);
  if (now.lang !== before.lang) {
    setLanguage(now.lang);
    showKey();
    showGates();
    redraw();
  }
  if (now.platform !== before.platform) loadKeywords();
  if (now.open !== before.open) openChosen();
  if (Object.keys(EVERYTHING).some((name) => now[name] !== before[name])) showTrends();
  showChoice();
}

/** Render the whole page again, in another language. */
function redraw() {
  cards.clear();
  showChoice();
  showFreshness();
  showTrends();
  showRecord();
  showGaps();
}

function showRecord() {
  byId("record-body").replaceChildren(...recordOf(held.scorecard, names().attribute));
}

function openChosen() {
  const record = chosen();
  if (record) showEvidence(record, names().attribute(record.keyword.attribute));
  else if (byId("evidence").open) byId("evidence").close();
}

/** All texts by which a search finds a keyword, in both languages. */
function words(record) {
  const { attribute, value, en, zh } = record.keyword;
  return [
    en,
    zh,
    value,
    attribute,
    names().attribute(attribute),
    record.stage,
    stage(record),
    record.trajectory,
  ].join(" ");
}

function showChoice() {
  const state = store.get();
  all("[data-lang]").forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.lang === state.lang)));
  const ids = [...new Set(records().map((r) => r.keyword.attribute))];
  const platforms = new Set(records().flatMap((r) => Object.values(r.platforms).flat()));
  for (const link of all(".take-away a")) link.setAttribute("href", api.tableAddress(state, link.dataset.kind));
  showForm(state, {
    counts: countDirections(records(), state, words),
    attributes: ids.map((id) => [id, names().attribute(id)]),
    platforms: [...platforms].sort(),
  });
}

function showFreshness() {
  const place = byId("freshness");
  const { keywords } = held;
  if (!keywords) {
    place.textContent = held.problem ? "" : t("loading");
    return;
  }
  const [first] = keywords.keywords;
  const told = t("fresh", {
    release: keywords.release,
    day: date(keywords.as_of, language()),
    n: keywords.horizon_days,
    target: date(first?.target_date ?? keywords.as_of, language()),
  });
  const age = daysBetween(keywords.as_of, new Date().toISOString());
  place.replaceChildren(told, age > 2 ? h("strong", { class: "old" }, ` ${t("old", { n: count(age) })}`) : "");
  showSummary();
}

function showSummary() {
  const items = DIRECTIONS.map((d) => {
    const n = records().filter((r) => r.direction === d).length;
    return h("li", { class: `d-${d}` }, h("strong", {}, n), t(`${d}_n`, { n: "" }).trim());
  });
  const n = held.withheld?.reduce((sum, { days }) => sum + days.length, 0);
  const days = held.withheld ? [h("li", {}, n ? t("withheld_n", { n }) : t("no_withheld"))] : [];
  byId("summary").replaceChildren(
    ...(held.keywords ? [...items, ...days] : []),
  );
}

function showGates() {
  if (!held.gates) return;
  byId("gates-body").replaceChildren(...gateTiles(held.gates, held.withheld ?? []));
  byId("gates-line").replaceChildren(...gateSummary(held.gates));
}

function showTrends() {
  const list = byId("cards");
  drawing.abort();
  drawing = new AbortController();
  list.replaceChildren();
  byId("cards-notice").replaceChildren(...[explain()].filter(Boolean));
  if (!held.keywords) {
    byId("count").textContent = "";
    list.setAttribute("aria-busy", String(!held.problem));
    return;
  }
  const shown = choose(records(), store.get(), words);
  byId("count").textContent = t("shown", { n: shown.length, of: records().length });
  const far = reach(records());
  const pictures = shareOut(records());
  const draw = (some) => list.append(...some.map((record) => cardOf(record, far, pictures)));
  const { signal } = drawing;
  list.setAttribute("aria-busy", "true");
  inSteps(shown, 12, 24, draw, signal).then(() => signal.aborted || list.setAttribute("aria-busy", "false"));
}

function cardOf(record, far, pictures) {
  if (!cards.has(record.id)) {
    const attribute = names().attribute(record.keyword.attribute);
    cards.set(record.id, card(record, {
        far,
        attribute,
        samples: pictures.get(record.id) ?? [],
        record: badge(record, held.scorecard),
        open: () => store.set({ open: record.id }),
      }));
  }
  return cards.get(record.id);
}

/** Explain why there are no cards, if there are none. */
function explain() {
  const { problem, keywords } = held;
  if (problem?.status === 404) return notice(t("no_release"), t("no_release_do"));
  if (problem) return failure(problem, loadKeywords);
  if (keywords && !choose(records(), store.get(), words).length) return notice(t("none_fit"), t("none_fit_do"));
  return null;
}

function showGaps() {
  if (!held.keywords) return;
  const { not_enough_evidence: aside, combinations } = held.keywords;
  const pooled = store.get().platform === "*"; // combinations are counted over all platforms
  byId("gaps-count").textContent = aside.length ? t("gaps_n", { n: aside.length }) : "";
  byId("gaps-body").replaceChildren(
    ...[gapTable(aside, names().attribute), pairs(pooled ? (combinations ?? []) : [])].filter(Boolean),
  );
}

function showKey() {
  const terms = ["direction", "interval", "share", "stage", "grade"];
  byId("key-body").replaceChildren(
    ...terms.map((k) => h("div", {}, h("dt", {}, t(`key_${k}`)), h("dd", {}, t(`key_${k}_text`)))),
  );
}

start();
