"""Lines for a terminal."""

from datetime import date

import pytest

from fashiontrend.loop import Step
from fashiontrend.outcomes import (
    CrawlFacts,
    CrawlFailure,
    MonitorRates,
    Rates,
    ScoreSummary,
    TrainAttrnetFacts,
    Verdict,
)
from fashiontrend.report import failure_lines, score_lines, step_line, summary_lines, wording
from fashiontrend.storage import ledger

RECORD = {
    "id": "2026-11-23|all|neckline.v_neck|28d|pooled",
    "keyword": {"attribute": "neckline", "value": "v_neck", "en": "V-neck", "zh": "V领"},
    "platform": "*",
    "platforms": {"rising": ["a", "b", "d"], "stable": ["c"], "falling": []},
    "direction": "rising",
    "share": {"now": 0.118, "forecast": 0.146, "interval80": [0.134, 0.157]},
    "horizon_days": 28,
    "stage": "rising",
    "trajectory": "sustained_riser",
    "confidence": {"support_n": 6412, "grade": "A"},
    "rank": 3,
    "lead_lag": {"leader": "shop-b", "lead_days": 9},
}


def published(records, thin=()):
    return {"keywords": list(records), "not_enough_evidence": list(thin), "combinations": []}


def test_a_keyword_is_one_line_with_its_size_range_stage_and_support():
    assert summary_lines(published([RECORD]))[0].replace("\u202f", " ") == (
        "↗ neckline: V-neck V领 rising on 3 of 4 platforms – share 11.8 % → 14.6 % in 28 days "
        "(+2.8 pts, 80 % range +1.6…+3.9), stage rising, pattern sustained riser, grade A, "
        "n = 6 412 products, first mover shop-b (≈ 9 days ahead)"
    )


def test_lines_follow_the_rank_and_count_what_they_leave_out():
    many = [{**RECORD, "rank": n, "horizon_days": n} for n in range(14, 0, -1)]
    stable = {**RECORD, "direction": "stable", "rank": 15}
    thin = [{"platform": p, "reasons": ["c"]} for p in ("*", "shop-a")]
    lines = summary_lines(published([*many, stable, {**RECORD, "platform": "shop-a"}], thin))
    assert len(lines) == 13
    assert "in 1 days" in lines[0]
    assert lines[-1] == "2 more rising or falling, 1 stable, 1 without enough evidence."


@pytest.mark.parametrize(
    "records", [[], [{**RECORD, "direction": "stable"}]], ids=["empty", "stable"]
)
def test_nothing_that_moves_is_said_as_well(records):
    lines = summary_lines(published(records))
    assert lines[0] == "No value is rising or falling beyond its noise."


def test_a_keyword_without_a_leader_is_still_a_line():
    assert "first mover" not in summary_lines(published([{**RECORD, "lead_lag": None}]))[0]


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (None, "✔ train-attrnet     round 1.2       74.3 s  models/a"),
        (
            Verdict(passed=True),
            "✔ train-attrnet     round 1.2       74.3 s  gate open  models/a",
        ),
        (
            Verdict(reasons=("too low",)),
            "✘ train-attrnet     round 1.2       74.3 s  gate closed (too low)  models/a",
        ),
    ],
    ids=["no gate", "open", "closed"],
)
def test_a_step_is_one_line(verdict, expected):
    entry = ledger.Entry(
        Step.TRAIN_ATTRNET, 1, 2, "", 74.3, "models/a", TrainAttrnetFacts(), verdict
    )
    assert step_line(entry).replace("\u202f", " ") == expected


def test_crawls_that_failed_are_named_with_their_reasons():
    """Seen: a tick, and nothing of the shop that did not answer."""
    failed = tuple(CrawlFailure(date(2026, 11, 23), f"shop-{n}", "no answer") for n in range(5))
    entry = ledger.Entry(Step.CRAWL, 1, 1, "", 4.0, "raw/listings", CrawlFacts(failed=failed))
    line = step_line(entry)
    assert line.startswith("! crawl")
    assert "failed: shop-0 on 2026-11-23, no answer; shop-1 on" in line
    assert "and 2 more" in line
    assert len(failure_lines(entry)) == 5


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (wording.percent(0.1184), "11.8 %"),
        (wording.percent(None), "–"),
        (wording.percent(float("nan")), "–"),
        (wording.points(-0.0384), "−3.8"),
        (wording.points(0.028), "+2.8"),
        (wording.count(1234567), "1 234 567"),
        (wording.duration(12.34), "12.3 s"),
        (wording.duration(245), "4 min 05 s"),
        (wording.duration(7380), "2 h 03 min"),
        (wording.plain("sustained_riser"), "sustained riser"),
        (wording.number(True), "–"),
    ],
)
def test_numbers_are_written_in_one_way(shown, expected):
    assert shown.replace("\u202f", " ") == expected


RATES = Rates(n=20, hit_rate=0.65, coverage80=0.8)


def test_the_scorecard_is_printed_in_lines():
    rates = ScoreSummary(
        as_of="2026-11-23", scored=20, unscored=2, overall=RATES,
        monitor=MonitorRates(days=90), by={"horizon_days": {"14": RATES}},
    )  # fmt: skip
    assert [line.replace("\u202f", " ") for line in score_lines(rates)] == [
        "scorecard up to 2026-11-23: 65 % of 20 hit, 80 % interval held 80 %; 2 could not be measured",
        "  last 90 days: none",
        "  horizon days 14: 65 % of 20 hit, 80 % interval held 80 %",
    ]
    assert score_lines(None) == ["scorecard: no forecast has come due yet."]


@pytest.mark.parametrize(("value", "shown"), [(0.9996, "over 99 %"), (0.931, "93 %"), (None, "–")])
def test_no_probability_is_certain(value, shown):
    assert wording.sureness(value).replace("\u202f", " ") == shown
