"""Runs from the ledger: the newest are listed, and every stored one is found by its id."""

from dataclasses import replace
from datetime import date

import pytest

from fashiontrend.outcomes import Rates, ReliabilityBin, ScoreSummary
from fashiontrend.serve.release import history
from fashiontrend.serve.schemas.problems import Problem
from fashiontrend.storage import layout, ledger
from tests.serve.conftest import DAY, write_run


@pytest.fixture
def known(store, monkeypatch) -> history.RunHistory:
    """Two runs, of which one is listed."""
    monkeypatch.setattr(history, "MAX_RUNS", 1)
    write_run(store)  # 2026-11-23-x
    ledger.start(store, ledger.Run("2026-11-24-y", DAY, "", {}, "0.1.0", "toy", "t", None))
    return history.RunHistory(store)


def test_a_stored_run_is_found_however_old_it_is(known):
    assert [r.run_id for r in known.list_runs().runs] == ["2026-11-24-y"]
    assert known.run("2026-11-24-y").steps == []
    assert known.run("2026-11-23-x").steps[0].output == "m"
    assert [r.run_id for r in known.list_runs().runs] == ["2026-11-24-y"]


@pytest.mark.parametrize("run_id", ["none", "..", ".", "", "2026-11-23-x/steps"])
def test_what_is_no_run_is_not_found(known, run_id):
    with pytest.raises(Problem) as refused:
        known.run(run_id)
    assert refused.value.status == 404


def test_the_newest_scorecard_is_served(store):
    assert history.RunHistory(store).scorecard().as_of is None
    summary = ScoreSummary(
        scored=40,
        overall=Rates(40, 0.775, (0.62, 0.88)),
        by={"call": {"rising A": Rates(40, 0.775)}},
        reliability=(ReliabilityBin(0.7, 0.8, 40, 0.75, 0.775, (0.62, 0.88)),),
        brier=0.17,
    )
    for day, scored in ((date(2026, 3, 1), 1), (date(2026, 3, 2), 40)):
        facts = {"summary": replace(summary, scored=scored).to_json(), "complete": []}
        store.commit(layout.scorecard(day), [], facts)
    found = history.RunHistory(store).scorecard()
    assert (found.as_of, found.scored, found.brier) == ("2026-03-02", 40, 0.17)
    assert found.by["call"]["rising A"].hit_rate == 0.775
    assert found.reliability[0].claimed == 0.75
