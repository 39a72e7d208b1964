/** The page in the language that the reader chose. */

import { all } from "./dom.js";
import { TOLD, WORDS } from "./strings.js";

let lang = "en";

/** @param {string} chosen `en` or `zh` */
export function speak(chosen) {
  lang = chosen === "zh" ? "zh" : "en";
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
  for (const element of all("[data-word]")) element.textContent = t(String(element.dataset.word));
  for (const element of all("[data-word-label]")) {
    element.setAttribute("aria-label", t(String(element.dataset.wordLabel)));
  }
}

/** The language spoken now. */
export const spoken = () => lang;

/**
 * Words in the language spoken now; `{name}` is filled in.
 * @param {string} key
 * @param {Record<string, any>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const text = WORDS[lang][key] ?? WORDS.en[key] ?? key;
  const [one, many = one] = text.split("|");
  const chosen = Number(values.n) === 1 ? one : many;
  return chosen.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** Whether there are words for a key. @param {string} key */
export const has = (key) => key in WORDS.en;

/** A value or attribute in the language spoken now. @param {{en?: string, zh?: string}} it */
export const named = (it) => (lang === "zh" ? it.zh || it.en : it.en || it.zh) ?? "";

/** Its name in the other language. @param {{en?: string, zh?: string}} it */
export const otherName = (it) => (lang === "zh" ? it.en : it.zh) ?? "";

/** The language of `otherName`. */
export const otherLang = () => (lang === "zh" ? "en" : "zh");

/**
 * A sentence of the server, with the language it is in.
 * @param {string} sentence
 * @returns {{text: string, lang: string}}
 */
export function retell(sentence) {
  if (lang === "zh") {
    for (const [pattern, chinese] of TOLD) {
      if (pattern.test(sentence)) return { text: sentence.replace(pattern, chinese), lang: "zh" };
    }
  }
  return { text: sentence, lang: "en" };
}
