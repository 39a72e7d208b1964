"""What becomes of keywords when their day has come."""

from datetime import date, timedelta

import pyarrow as pa
import pytest

from fashiontrend import keywords
from fashiontrend.config import KeywordsConfig
from fashiontrend.keywords import ALL, Segment
from fashiontrend.outcomes import Rates
from fashiontrend.storage import schemas

CFG = KeywordsConfig()
AS_OF, TARGET = date(2026, 3, 1), date(2026, 3, 15)


def make_record(direction="rising", platform="*", segment="all", **more):
    gender = None if segment == "all" else segment
    return {
        "id": f"{AS_OF}|{segment}|collar.v_neck|14d|pooled", "release": "r1", "as_of": str(AS_OF),
        "target_date": str(TARGET), "horizon_days": 14, "platform": platform, "direction": direction,
        "keyword": {"attribute": "collar", "value": "v_neck"},
        "segment": {"gender": gender, "garment_type": None, "region": None},
        "share": {"now": 0.20, "forecast": 0.24, "interval80": [0.22, 0.26], "interval95": [0.21, 0.27]},
        "confidence": {"grade": "A", "p_direction": 0.9, "least_change": 0.01}, **more,
    }  # fmt: skip


def make_share(day, share, withheld=False, platform="*"):
    return {
        "platform": platform, "attribute": "collar", "value": "v_neck", "day": day, "window_days": 7,
        "basis": "live", "support": 500, "share_raw": share, "share": share, "low": share, "high": share,
        "withheld": withheld,
    }  # fmt: skip


def score(record, *shares, today=TARGET, segment=ALL):
    table = pa.Table.from_pylist(list(shares), schema=schemas.SHARE)
    return keywords.score_keywords(
        [record], keywords.read_outcomes({segment: table}), today, CFG
    ).to_pylist()


@pytest.mark.parametrize(
    ("direction", "observed", "outcome", "covered"),
    [
        ("rising", 0.235, "hit", (True, True)),
        ("rising", 0.215, "hit", (False, True)),
        ("rising", 0.205, "miss", (False, False)),
        ("rising", 0.10, "miss", (False, False)),
        ("falling", 0.185, "hit", (False, False)),
        ("falling", 0.195, "miss", (False, False)),
        ("stable", 0.218, "hit", (False, True)),
        ("stable", 0.225, "miss", (True, True)),
    ],
)
def test_a_keyword_whose_day_has_come_is_a_hit_or_a_miss(direction, observed, outcome, covered):
    (row,) = score(make_record(direction), make_share(AS_OF, 0.20), make_share(TARGET, observed))
    assert (row["outcome"], (row["covered80"], row["covered95"])) == (outcome, covered)
    assert row["observed"] == observed


def test_the_change_is_that_of_one_series():
    (row,) = score(make_record(), make_share(AS_OF, 0.23), make_share(TARGET, 0.235))
    assert (row["start"], row["outcome"]) == (0.23, "miss")
    (row,) = score(make_record(), make_share(TARGET, 0.235))
    assert (row["start"], row["outcome"]) == (0.20, "hit")


@pytest.mark.parametrize(
    ("shares", "reason"),
    [([make_share(TARGET, 0.3, withheld=True)], "withheld by data health"), ([], "not measured")],
    ids=["withheld", "no such day"],
)
def test_a_target_day_without_a_measurement_waits_and_is_then_unscored_with_the_reason(
    shares, reason
):
    assert score(make_record(), *shares, today=TARGET + timedelta(days=2)) == []
    (row,) = score(make_record(), *shares, today=TARGET + timedelta(days=3))
    assert (row["outcome"], row["observed"], row["covered80"]) == ("unscored", None, None)
    assert reason in row["reason"]


def test_a_keyword_whose_day_has_not_come_waits():
    assert score(make_record(), make_share(AS_OF, 0.2), today=TARGET - timedelta(days=1)) == []


def test_a_segment_is_scored_by_its_own_series_only():
    women = make_record(segment="women")
    assert score(women, make_share(TARGET, 0.24)) == []
    (row,) = score(women, make_share(TARGET, 0.24), segment=Segment(gender="women"))
    assert (row["gender"], row["outcome"]) == ("women", "hit")


def test_a_series_that_happens_to_be_one_genders_is_scored_by_that_of_all_products():
    record = make_record()
    record["segment"]["gender"] = "women"
    (row,) = score(record, make_share(TARGET, 0.24))
    assert (row["gender"], row["outcome"]) == (None, "hit")


def make_scores(*outcomes, **more):
    found = []
    for n, outcome in enumerate(outcomes):
        (row,) = score(make_record(), make_share(TARGET, 0.24))
        known = outcome != "unscored"
        found.append({**row, "id": str(n), "outcome": outcome, "covered80": known or None, **more})
    return pa.Table.from_pylist(found, schema=schemas.SCORE)


def test_rates_are_kept_by_horizon_platform_grade_and_direction_and_leave_the_unscored_out():
    scores = pa.concat_tables(
        [make_scores("hit", "hit", "miss", "unscored"), make_scores("miss", grade="C")]
    )
    found = keywords.summarise(scores, TARGET, CFG)
    assert (found.scored, found.unscored) == (4, 1)
    assert found.overall.hit_rate == 0.5
    assert set(found.by) == {"horizon_days", "platform", "grade", "direction", "attribute", "call"}
    assert (found.by["call"]["rising A"].n, found.by["attribute"]["collar"].n) == (3, 4)
    assert found.by["horizon_days"]["14"].n == 4
    assert found.by["grade"]["A"].hit_rate == pytest.approx(0.6667, abs=1e-4)
    low, high = found.by["grade"]["A"].hit_rate_interval
    assert 0.2 < low < 0.6667 < high < 0.95
    assert found.by["platform"]["*"].coverage80 == 1.0
    assert found.overall.claimed == 0.9
    assert found.overall.error == 0.0
    assert found.overall.error_persistence == pytest.approx(0.04)


def test_claims_are_set_beside_what_came_true_of_them():
    scores = pa.concat_tables(
        [
            make_scores("hit", "hit", "hit", "miss", p_direction=0.75),
            make_scores("hit", "unscored", p_direction=1.0),
            make_scores("miss", p_direction=0.9),
        ]
    )
    found = keywords.summarise(scores, TARGET, CFG)
    told = [(b.low, b.high, b.n, b.claimed, b.hit_rate) for b in found.reliability]
    assert told == [(0.7, 0.8, 4, 0.75, 0.75), (0.9, 1.0, 2, 0.95, 0.5)]
    assert found.brier == pytest.approx((3 * 0.25**2 + 0.75**2 + 0 + 0.9**2) / 6, abs=1e-4)


def test_a_scorecard_of_the_version_before_is_read():
    found = keywords.summarise(make_scores("hit"), TARGET, CFG)
    old = {k: v for k, v in found.to_json().items() if k not in ("reliability", "brier")}
    assert type(found).from_json(old, "old").overall == found.overall


def test_released_intervals_are_watched_over_the_last_days_only():
    old = make_scores("hit", target_date=TARGET - timedelta(days=90))
    found = keywords.summarise(pa.concat_tables([old, make_scores("miss")]), TARGET, CFG)
    assert found.monitor.n == 1
    assert found.monitor.hit_rate == 0.0


def test_nothing_scored_yet_is_said_so():
    found = keywords.summarise(schemas.SCORE.empty_table(), TARGET, CFG)
    assert (found.scored, found.overall, found.monitor.n) == (0, Rates(), 0)
