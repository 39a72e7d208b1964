/** Shows the page in the language that the reader chose. */

import { all } from "./dom.js";
import { SERVER_SENTENCES, STRINGS } from "./strings.js";

let lang = "en";

/** @param {string} chosen `en` or `zh` */
export function setLanguage(chosen) {
  lang = chosen === "zh" ? "zh" : "en";
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
  for (const element of all("[data-word]")) element.textContent = t(String(element.dataset.word));
  for (const element of all("[data-word-label]")) {
    element.setAttribute("aria-label", t(String(element.dataset.wordLabel)));
  }
}

/** The current language, `en` or `zh`. */
export const language = () => lang;

/**
 * A text of the page in the current language; `{name}` is replaced by a value.
 * @param {string} key
 * @param {Record<string, any>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const text = STRINGS[lang][key] ?? STRINGS.en[key] ?? key;
  const [one, many = one] = text.split("|");
  const chosen = Number(values.n) === 1 ? one : many;
  return chosen.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** Whether the page has a text for a key. @param {string} key */
export const has = (key) => key in STRINGS.en;

/** The name of a value or attribute in the current language. @param {{en?: string, zh?: string}} it */
export const named = (it) => (lang === "zh" ? it.zh || it.en : it.en || it.zh) ?? "";

/** The name of a value or attribute in the other language. @param {{en?: string, zh?: string}} it */
export const otherName = (it) => (lang === "zh" ? it.en : it.zh) ?? "";

/** The language of `otherName`. */
export const otherLang = () => (lang === "zh" ? "en" : "zh");

/**
 * Translate a sentence that the server wrote in English, if it is a known one.
 * @param {string} sentence
 * @returns {{text: string, lang: string}}
 */
export function translate(sentence) {
  if (lang === "zh") {
    for (const [pattern, chinese] of SERVER_SENTENCES) {
      if (pattern.test(sentence)) return { text: sentence.replace(pattern, chinese), lang: "zh" };
    }
  }
  return { text: sentence, lang: "en" };
}
