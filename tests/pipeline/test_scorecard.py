"""The scorecard's days in a store: each keyword once, whatever is run again. Needs no Ray."""

import json
from datetime import date, timedelta

import pandas as pd
import pyarrow as pa
import pytest

from fashiontrend.config import KeywordsConfig, StoreConfig
from fashiontrend.keywords import ALL
from fashiontrend.pipeline import scorecard
from fashiontrend.storage import layout, schemas
from fashiontrend.storage.object_store import open_store

CFG = KeywordsConfig()
FIRST = date(2026, 3, 1)


@pytest.fixture
def store(tmp_path):
    return open_store(StoreConfig(url=str(tmp_path)))


def day(number):
    return FIRST + timedelta(days=number)


def publish(store, number, platforms=("*", "shop"), horizon=14, release="r1"):
    records = [
        {
            "id": f"{day(number)}|all|collar.v_neck|{horizon}d|{p}", "as_of": str(day(number)),
            "target_date": str(day(number + horizon)), "horizon_days": horizon, "platform": p,
            "direction": "rising", "keyword": {"attribute": "collar", "value": "v_neck"},
            "segment": {"gender": None, "garment_type": None, "region": None},
            "share": {"now": 0.2, "forecast": 0.24, "interval80": [0.22, 0.26], "interval95": [0.2, 0.3]},
            "confidence": {"grade": "A", "p_direction": 0.9, "least_change": 0.01},
        }
        for p in platforms
    ]  # fmt: skip
    partition = layout.keywords(release, day(number))
    store.write(f"{partition}/keywords.json", json.dumps({"keywords": records}).encode())
    store.commit(partition, [f"{partition}/keywords.json"], {"horizon_days": horizon})


def shares(until, withheld=()):
    rows = [
        {
            "platform": p, "attribute": "collar", "value": "v_neck", "day": day(n), "window_days": 7,
            "basis": "live", "support": 500, "share_raw": 0.2, "share": 0.2 + 0.003 * n, "low": 0.1,
            "high": 0.3, "withheld": (p, n) in withheld,
        }
        for p in ("*", "shop")
        for n in range(until + 1)
    ]  # fmt: skip
    return {ALL: pa.Table.from_pylist(rows, schema=schemas.SHARE)}


def update(store, number, measured=None, truth=None):
    return scorecard.update(store, day(number), measured or shares(number), truth, CFG)


def test_a_day_on_which_nothing_came_due_commits_an_empty_scorecard(store):
    publish(store, 0)
    assert update(store, 13).new == 0
    assert store.manifest(layout.scorecard(day(13))) is not None


def test_keywords_are_scored_once_on_the_day_they_come_due_and_rates_run_on(store):
    publish(store, 0)
    publish(store, 1)
    assert update(store, 14).new == 2
    second = update(store, 15)
    assert (second.new, second.scored, second.overall.hit_rate) == (2, 4, 1.0)
    assert second.by["platform"]["shop"].n == 2
    assert update(store, 16).new == 0
    assert update(store, 16).scored == 4


def test_running_a_day_again_changes_nothing(store):
    publish(store, 0)
    first = update(store, 14)
    before = store.keys("scorecard/")
    publish(store, 0, release="r2")
    assert update(store, 14) == first
    assert store.keys("scorecard/") == before


def test_days_without_a_run_are_caught_up(store):
    for n in range(3):
        publish(store, n)
    assert update(store, 40).new == 6


def test_a_withheld_target_day_waits_then_stands_as_unscored_and_in_no_rate(store):
    publish(store, 0)
    gone = {("shop", 14)}
    assert update(store, 14, shares(14, gone)).new == 1
    assert update(store, 15, shares(15, gone)).new == 0
    late = update(store, 17, shares(17, gone))
    assert (late.new, late.scored, late.unscored) == (1, 1, 1)
    assert update(store, 18, shares(18, gone)).new == 0
    rows = scorecard.newest_scores(store, day(18)).to_pylist()
    assert [r["reason"] for r in rows] == ["the target day was withheld by data health"]


def test_the_truth_is_kept_apart(store):
    publish(store, 0)
    truth = pd.DataFrame(
        [("*", "collar", "v_neck", day(n), 0.2) for n in (0, 14)],
        columns=["platform", "attribute", "value", "day", "share"],
    )
    found = update(store, 14, truth=truth)
    assert found.overall.hit_rate == 1.0
    assert (found.truth.scored, found.truth.overall.hit_rate) == (1, 0.0)
    assert update(store, 17, truth=truth).truth.unscored == 1


def test_a_day_that_is_filled_in_later_counts_what_was_known_then(store):
    publish(store, 0)
    publish(store, 5)
    update(store, 19)
    assert update(store, 16).scored == 0
    assert scorecard.latest(store, day(18)).as_of == str(day(16))
    assert scorecard.latest(store, day(30)).scored == 4


def test_before_the_first_scorecard_there_is_none(store):
    assert scorecard.latest(store, FIRST) is None
    assert scorecard.newest_scores(store, FIRST).num_rows == 0
