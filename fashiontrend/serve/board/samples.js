/** Which pictures a card shows: no picture on two cards, as long as others are left. Pure functions. */

/** Pictures of a card. */
const SHOWN = 3;

/**
 * Share the sample pictures out to the keywords, the best keyword first.
 * @param {any[]} records
 * @returns {Map<string, any[]>} at most three samples of each record, by its id
 */
export function shareOut(records) {
  const taken = new Set();
  const ranked = [...records].sort((a, b) => a.rank - b.rank);
  return new Map(
    ranked.map((record) => {
      const samples = record.evidence?.samples ?? [];
      const isNew = (sample) => !taken.has(sample.picture_id);
      const chosen = [...samples.filter(isNew), ...samples.filter((s) => !isNew(s))].slice(0, SHOWN);
      chosen.forEach((sample) => taken.add(sample.picture_id));
      return [record.id, chosen];
    }),
  );
}
