from dataclasses import replace
from datetime import date, timedelta

import pytest

from fashiontrend.errors import Conflict, DataError, GateError
from fashiontrend.outcomes import Verdict
from fashiontrend.storage import releases

OPEN = Verdict(passed=True)
FIRST = releases.Release("r1", "2026-11-23", "run", "a1", "f1", "d1", "1.0.0", "tax", OPEN, OPEN)
SECOND = replace(FIRST, release_id="r2", attrnet="a2")


def test_a_release_is_current_once_published_and_twice_changes_nothing(store):
    assert releases.current(store) is None
    releases.publish(store, FIRST)
    releases.publish(store, FIRST)
    assert releases.current(store) == FIRST


def test_another_run_of_the_day_that_comes_to_the_same_models_publishes_the_same_release(store):
    """Seen on a cluster: a retraining on the day of a training ended with a conflict."""
    releases.publish(store, FIRST)
    releases.publish(store, replace(FIRST, run_id="another", accuracy=Verdict("accuracy", True)))
    assert releases.current(store) == FIRST


def test_other_models_under_the_same_name_are_a_conflict(store):
    releases.publish(store, FIRST)
    with pytest.raises(Conflict):
        releases.publish(store, replace(FIRST, attrnet="other"))


@pytest.mark.parametrize("gate", ["accuracy", "perplexity"])
@pytest.mark.parametrize("verdict", [Verdict(gate="g"), Verdict()], ids=["closed", "never judged"])
def test_nothing_is_published_without_two_open_gates(store, gate, verdict):
    with pytest.raises(GateError, match=gate):
        releases.publish(store, replace(FIRST, **{gate: verdict}))
    assert releases.current(store) is None
    assert releases.releases(store) == []


def test_going_back_is_naming_an_earlier_release(store):
    releases.publish(store, FIRST)
    releases.publish(store, SECOND)
    releases.rollback(store, "r1")
    assert releases.current(store) == FIRST
    assert releases.releases(store) == ["r1", "r2"]


def test_a_day_that_is_caught_up_with_does_not_take_serving_back(store):
    """Seen: a run of a missed day left the older models current."""
    releases.publish(store, FIRST)
    releases.publish(store, replace(SECOND, release_id="r0", day="2026-11-20"))
    assert releases.current(store) == FIRST
    assert "r0" in releases.releases(store)


@pytest.mark.parametrize(
    ("day", "found"),
    [(19, None), (20, None), (21, "2026-11-20-a"), (23, "2026-11-20-a"), (27, "2026-11-26-b"), (26, None), (33, None)],
    ids=["before any", "its own day", "after it", "of two the earlier", "newest", "training day", "old"],
)  # fmt: skip
def test_a_day_is_worked_on_with_the_release_that_was_there_before_it(store, day, found):
    for name, when in (("2026-11-20-a", "2026-11-20"), ("2026-11-26-b", "2026-11-26")):
        releases.publish(store, replace(FIRST, release_id=name, day=when))
    release = releases.of_day(store, date(2026, 11, 1) + timedelta(days=day - 1), most_days=7)
    assert (release and release.release_id) == found


def test_an_unknown_release_is_answered_with_those_there_are(store):
    releases.publish(store, FIRST)
    with pytest.raises(DataError, match="r1"):
        releases.rollback(store, "r9")


def test_a_model_that_is_not_in_the_store_is_named(store):
    with pytest.raises(DataError, match="forecaster v1 is not in the store"):
        releases.read_model(store, "forecaster", "v1")
