/** Maps values to positions in a drawing. Pure functions. */

/**
 * A linear map from a domain to a range; a domain without width maps to the middle.
 * @param {[number, number]} domain
 * @param {[number, number]} range
 * @returns {(value: number) => number}
 */
export function linear([d0, d1], [r0, r1]) {
  const width = d1 - d0;
  return (value) => (width === 0 ? (r0 + r1) / 2 : r0 + ((value - d0) / width) * (r1 - r0));
}

/**
 * About `count` round numbers inside a domain.
 * @param {[number, number]} domain
 * @param {number} count
 * @returns {number[]}
 */
export function ticks([low, high], count) {
  if (!(high > low)) return [low];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((m) => m * power >= rough) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/**
 * The smallest domain with all finite values and some air, never below `floor`.
 * @param {(number | null | undefined)[]} values
 * @param {number} [floor]
 * @returns {[number, number]}
 */
export function extent(values, floor = -Infinity) {
  const found = values.filter((v) => v !== null && v !== undefined && Number.isFinite(v)).map(Number);
  if (!found.length) return [0, 1];
  const low = Math.min(...found);
  const high = Math.max(...found);
  const air = (high - low || Math.abs(high) || 1) * 0.08;
  return [Math.max(floor, low - air), high + air];
}

/**
 * An SVG path through points; a null point breaks the line.
 * @param {([number, number] | null)[]} points
 */
export function line(points) {
  let broken = true;
  const parts = points.map((point) => {
    if (!point) {
      broken = true;
      return "";
    }
    const letter = broken ? "M" : "L";
    broken = false;
    return `${letter}${round(point[0])} ${round(point[1])}`;
  });
  return parts.join("");
}

/**
 * An SVG path around the area between two lines; `[x, low, high]` each, null breaks it.
 * @param {([number, number, number] | null)[]} rows
 */
export function band(rows) {
  /** @type {[number, number, number][][]} */
  const runs = [[]];
  for (const row of rows) {
    if (row) runs[runs.length - 1].push(row);
    else runs.push([]);
  }
  return runs
    .filter((run) => run.length > 1)
    .map((run) => {
      const up = run.map(([x, low]) => /** @type {[number, number]} */ ([x, low]));
      const back = run.map(([x, , high]) => /** @type {[number, number]} */ ([x, high])).reverse();
      return `${line(up)}${line(back).replace("M", "L")}Z`;
    })
    .join("");
}

/**
 * How far changes reach, in share points either way, so that cards can be compared by eye. A few very wide ones
 * do not flatten the rest: the scale ends at 2.5 times what nine in ten need.
 * @param {{share: {now: number, interval80: number[]}}[]} records
 */
export function reach(records) {
  const far = records
    .map(({ share }) => Math.max(...share.interval80.map((q) => Math.abs(q - share.now))))
    .sort((a, b) => a - b);
  if (!far.length) return 0.05;
  const most = far[Math.floor((far.length - 1) * 0.9)];
  return Math.max(Math.min(far[far.length - 1], 2.5 * most), 0.005);
}

const round = (value) => Math.round(value * 10) / 10;
