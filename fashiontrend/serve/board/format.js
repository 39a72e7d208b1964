/** Formats numbers and days for people. Pure functions. */

export const NONE = "–";
const MINUS = "−";
const THIN = "\u202f";

/** @param {unknown} value @returns {value is number} */
export function known(value) {
  return typeof value === "number" && Number.isFinite(value);
}

/** A fraction as `11.8 %`. @param {unknown} value @param {number} [digits] */
export function percent(value, digits = 1) {
  return known(value) ? `${(100 * value).toFixed(digits).replace("-", MINUS)}${THIN}%` : NONE;
}

/** A probability in whole percent; it is never shown as 0 % or 100 %. @param {unknown} value */
export function probability(value) {
  if (!known(value)) return NONE;
  if (value > 0.995) return `> 99${THIN}%`;
  return value < 0.005 ? `< 1${THIN}%` : percent(value, 0);
}

/** A difference of fractions in signed percentage points, `+2.8`. @param {unknown} value */
export function points(value) {
  if (!known(value)) return NONE;
  const text = Math.abs(100 * value).toFixed(1);
  if (text === "0.0") return "0.0";
  return (value < 0 ? MINUS : "+") + text;
}

/** A number of things as `6 412`. @param {unknown} value */
export function count(value) {
  return known(value) ? String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, THIN) : NONE;
}

/** A plain number with at most so many decimals. @param {unknown} value @param {number} [digits] */
export function number(value, digits = 3) {
  return known(value) ? String(Number(value.toFixed(digits))).replace("-", MINUS) : NONE;
}

/** `sustained_riser` as `sustained riser`. @param {unknown} id */
export function plain(id) {
  return id ? String(id).replaceAll("_", " ") : NONE;
}

/**
 * A day such as `2026-11-23` in words.
 * @param {unknown} day
 * @param {string} lang
 * @param {boolean} [short] without the year
 */
export function date(day, lang, short = false) {
  const moment = new Date(`${String(day).slice(0, 10)}T00:00:00Z`);
  if (Number.isNaN(moment.getTime())) return NONE;
  const year = short ? undefined : "numeric";
  const month = short ? "short" : "long";
  const locale = lang === "zh" ? "zh-CN" : "en-GB";
  return new Intl.DateTimeFormat(locale, { day: "numeric", month, year, timeZone: "UTC" }).format(moment);
}

/** Whole days from one day to another. @param {string} from @param {string} to */
export function daysBetween(from, to) {
  return Math.round((Date.parse(to.slice(0, 10)) - Date.parse(from.slice(0, 10))) / 86_400_000);
}

/** A price; if the currency is unknown, the shop's own text. @param {unknown} value @param {unknown} currency @param {string} lang */
export function price(value, currency, lang) {
  if (!known(value)) return "";
  try {
    const locale = lang === "zh" ? "zh-CN" : "en-GB";
    return new Intl.NumberFormat(locale, { style: "currency", currency: String(currency) }).format(value);
  } catch {
    return value.toFixed(2);
  }
}
