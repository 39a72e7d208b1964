"""Runs from the ledger: the newest are listed, and every stored one is found by its id."""

import pytest

from fashiontrend.serve.release import history
from fashiontrend.serve.schemas.problems import Problem
from fashiontrend.storage import ledger
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
