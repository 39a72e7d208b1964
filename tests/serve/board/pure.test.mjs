// What computes without a page: numbers, scales, filters, addresses. Run by test_board_pure.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as filter from "./board/filter.js";
import * as format from "./board/format.js";
import * as samples from "./board/samples.js";
import * as scale from "./board/scale.js";
import * as state from "./board/state.js";

const record = (over = {}) => ({
  keyword: { attribute: "neckline", value: "v_neck", en: "V-neck", zh: "V领" },
  direction: "rising",
  rank: 1,
  share: { now: 0.1, interval80: [0.09, 0.13] },
  growth: { points: 0.02 },
  confidence: { p_direction: 0.9, support_n: 10 },
  ...over,
});
const text = (r) => `${r.keyword.en} ${r.keyword.zh}`;

test("numbers are written as people read them", () => {
  assert.equal(format.percent(0.118), "11.8\u202f%");
  assert.equal(format.percent(-0.09, 0), "−9\u202f%");
  assert.equal(format.percent(null), "–");
  assert.equal(format.probability(0.9991), "> 99\u202f%");
  assert.equal(format.probability(0.001), "< 1\u202f%");
  assert.equal(format.probability(0.91), "91\u202f%");
  assert.equal(format.points(0.028), "+2.8");
  assert.equal(format.points(-0.0004), "0.0");
  assert.equal(format.points(-0.012), "−1.2");
  assert.equal(format.count(6412), "6\u202f412");
  assert.equal(format.number(1.05), "1.05");
  assert.equal(format.number(Number.NaN), "–");
});

test("days and prices follow the language; what is not one is a dash", () => {
  assert.equal(format.date("2026-11-23", "en"), "23 November 2026");
  assert.equal(format.date("2026-11-23", "zh"), "2026年11月23日");
  assert.equal(format.date("never", "en"), "–");
  assert.equal(format.daysBetween("2026-02-27", "2026-03-01T09:00:00Z"), 2);
  assert.equal(format.price(49.99, "EUR", "en"), "€49.99");
  assert.equal(format.price(49.9, null, "en"), "49.90");
  assert.equal(format.price(null, "EUR", "en"), "");
});

test("a linear scale maps ends to ends, and a point to the middle", () => {
  const x = scale.linear([0, 10], [100, 200]);
  assert.deepEqual([x(0), x(5), x(10)], [100, 150, 200]);
  assert.equal(scale.linear([3, 3], [0, 10])(3), 5);
});

test("ticks are round and inside", () => {
  assert.deepEqual(scale.ticks([0, 0.1], 4), [0, 0.05, 0.1]);
  assert.deepEqual(scale.ticks([0.011, 0.032], 4), [0.02, 0.03]);
  assert.deepEqual(scale.ticks([1, 1], 4), [1]);
});

test("an extent has air, keeps its floor and survives nothing at all", () => {
  const [low, high] = scale.extent([0.01, 0.11, null, undefined], 0);
  assert.ok(low >= 0 && low < 0.01 && high > 0.11);
  assert.deepEqual(scale.extent([null]), [0, 1]);
});

test("a missing day breaks a line and a band", () => {
  assert.equal(scale.line([[0, 0], [1, 1], null, [3, 3]]), "M0 0L1 1M3 3");
  assert.equal(
    scale.band([
      [0, 0, 2],
      [1, 1, 3],
    ]),
    "M0 0L1 1L1 3L0 2Z",
  );
  assert.equal(scale.band([[0, 0, 2], null, [1, 1, 3]]), "");
});

test("the common scale holds every interval but the very wide", () => {
  const near = Array.from({ length: 9 }, () => record({ share: { now: 0.1, interval80: [0.1, 0.12] } }));
  const far = record({ share: { now: 0.1, interval80: [0.1, 0.9] } });
  const wider = record({ share: { now: 0.1, interval80: [0.06, 0.1] } });
  assert.ok(Math.abs(scale.reach([...near, far]) - 0.05) < 1e-9);
  assert.ok(Math.abs(scale.reach([...near, wider]) - 0.04) < 1e-9);
  assert.equal(scale.reach([]), 0.05);
});

test("filters: direction, attribute, confidence and words in any script", () => {
  const records = [
    record(),
    record({
      direction: "falling",
      rank: 2,
      keyword: { attribute: "pattern", value: "check", en: "Check", zh: "格纹" },
    }),
    record({ rank: 3, confidence: { p_direction: 0.5, support_n: 10 } }),
  ];
  const find = (choice) => filter.choose(records, { ...filter.EVERYTHING, ...choice }, text).map((r) => r.rank);
  assert.deepEqual(find({}), [1, 2, 3]);
  assert.deepEqual(find({ direction: "falling" }), [2]);
  assert.deepEqual(find({ attribute: "pattern" }), [2]);
  assert.deepEqual(find({ confidence: 90 }), [1, 2]);
  assert.deepEqual(find({ q: "v neck" }), [1, 3]);
  assert.deepEqual(find({ q: "格纹" }), [2]);
  assert.deepEqual(filter.countDirections(records, { ...filter.EVERYTHING, direction: "falling" }, text), {
    all: 3,
    rising: 2,
    falling: 1,
    stable: 0,
  });
});

test("sorting never changes what it was given", () => {
  const records = [record({ rank: 1, growth: { points: -0.1 } }), record({ rank: 2, growth: { points: 0.3 } })];
  const sorted = filter.choose(records, { ...filter.EVERYTHING, sort: "rise" }, text);
  assert.deepEqual(
    sorted.map((r) => r.rank),
    [2, 1],
  );
  assert.deepEqual(
    records.map((r) => r.rank),
    [1, 2],
  );
});

test("an address holds only what was chosen, and nonsense in it is ignored", () => {
  const read = state.fromQuery("?q=neck&direction=sideways&confidence=900&sort=fall&lang=zh", "en-GB");
  assert.deepEqual(read, { ...filter.EVERYTHING, q: "neck", sort: "fall", lang: "zh", open: "" });
  assert.equal(state.toQuery(read, "en-GB"), "?q=neck&sort=fall&lang=zh");
  assert.equal(state.toQuery(state.fromQuery("", "zh-CN"), "zh-CN"), "");
});

test("no picture is on two cards as long as others are left, and the best keyword chooses first", () => {
  const of = (rank, ...ids) =>
    record({ id: `k${rank}`, rank, evidence: { samples: ids.map((picture_id) => ({ picture_id })) } });
  const shown = samples.shareOut([of(2, "a", "b", "c", "d", "e"), of(1, "a", "b"), of(3, "a", "b")]);
  const ids = (name) => shown.get(name).map((s) => s.picture_id);
  assert.deepEqual(ids("k1"), ["a", "b"]);
  assert.deepEqual(ids("k2"), ["c", "d", "e"]);
  assert.deepEqual(ids("k3"), ["a", "b"]);
  assert.deepEqual(samples.shareOut([record({ id: "none" })]).get("none"), []);
});
