/** Which keywords are shown, and in which order. Pure functions. */

/**
 * @typedef {Object} Choice
 * @property {string} q text to search for
 * @property {string} direction rising, falling, stable or all
 * @property {string} attribute id or all
 * @property {string} platform id, or * for all platforms, pooled
 * @property {number} confidence lowest probability of the direction, in percent
 * @property {string} sort rank, change, share, confidence, support or name
 */

/** @type {Choice} */
export const EVERYTHING = {
  q: "",
  direction: "all",
  attribute: "all",
  platform: "*",
  confidence: 0,
  sort: "rank",
};
export const DIRECTIONS = ["rising", "falling", "stable"];
export const SORTS = ["rank", "rise", "fall", "share", "confidence", "support", "name"];

/**
 * The records that fit a choice, ordered by it. The platform is not looked at: the server chose by it.
 * @param {any[]} records
 * @param {Choice} choice
 * @param {(record: any) => string} text all words by which a record can be found
 */
export function choose(records, choice, text) {
  const rest = { ...choice, direction: "all" };
  return order(
    narrow(records, rest, text).filter((r) => choice.direction === "all" || r.direction === choice.direction),
    choice.sort,
  );
}

/**
 * How many records each direction would show, the other filters as they are.
 * @param {any[]} records
 * @param {Choice} choice
 * @param {(record: any) => string} text
 * @returns {Record<string, number>}
 */
export function countDirections(records, choice, text) {
  const left = narrow(records, { ...choice, direction: "all" }, text);
  const of = (direction) => left.filter((r) => r.direction === direction).length;
  return { all: left.length, ...Object.fromEntries(DIRECTIONS.map((d) => [d, of(d)])) };
}

function narrow(records, choice, text) {
  const words = fold(choice.q).split(/\s+/).filter(Boolean);
  return records.filter((record) => {
    if (choice.attribute !== "all" && record.keyword.attribute !== choice.attribute) return false;
    if (100 * record.confidence.p_direction < choice.confidence - 1e-9) return false;
    if (!words.length) return true;
    const told = fold(text(record));
    return words.every((word) => told.includes(word));
  });
}

function order(records, sort) {
  const by = {
    rank: (r) => r.rank,
    rise: (r) => -r.growth.points,
    fall: (r) => r.growth.points,
    share: (r) => -r.share.now,
    confidence: (r) => -r.confidence.p_direction,
    support: (r) => -r.confidence.support_n,
  }[sort];
  if (!by) return [...records].sort((a, b) => a.keyword.en.localeCompare(b.keyword.en, "en"));
  return [...records].sort((a, b) => by(a) - by(b) || a.rank - b.rank);
}

/** Case, width, accents and hyphens do not matter in a search. @param {string} text */
export function fold(text) {
  return text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[-_/]+/g, " ");
}
