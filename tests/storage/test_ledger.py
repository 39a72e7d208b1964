from datetime import date

import pytest

from fashiontrend.errors import Conflict
from fashiontrend.loop import Done, Move, Step
from fashiontrend.outcomes import LabelFacts, TrainForecasterFacts, TrendFinding, Verdict
from fashiontrend.storage import ledger


def make_run(run_id: str = "2026-11-23-abc") -> ledger.Run:
    return ledger.Run(
        run_id, date(2026, 11, 23), "2026-11-23T06:00:00+00:00", {}, "0.1.0", "1", "d", None
    )


def make_entry(step: Step, verdict=None) -> ledger.Entry:
    return ledger.Entry(
        step, 1, 1, "2026-11-23T06:00:00+00:00", 1.5, "somewhere", ledger.FACTS[step](), verdict
    )


def test_a_run_resumes_after_its_last_written_step(store):
    run = ledger.start(store, make_run())
    ledger.record(store, run, make_entry(Step.CRAWL))
    again = ledger.start(store, make_run())
    assert [e.step for e in again.entries] == [Step.CRAWL]


def test_of_two_processes_that_drive_one_run_the_second_gets_a_conflict(store):
    first = ledger.start(store, make_run())
    second = ledger.start(store, make_run())
    ledger.record(store, first, make_entry(Step.CRAWL))
    with pytest.raises(Conflict, match="another process"):
        ledger.record(store, second, make_entry(Step.CRAWL))


def test_an_entry_gives_the_state_machine_the_decision_of_the_gate():
    closed = make_entry(Step.TRAIN_ATTRNET, Verdict(reasons=("too few",)))
    assert closed.done == Done(Move(Step.TRAIN_ATTRNET), False, "too few")


def test_an_entry_says_if_another_round_is_futile():
    verdict = Verdict(remedy="Annotate.", futile=True)
    assert make_entry(Step.TRAIN_ATTRNET, verdict).done.futile
    assert not make_entry(Step.TRAIN_ATTRNET, Verdict()).done.futile


@pytest.mark.parametrize(("reason", "asked"), [("model", "labelling/r/round-1.csv"), ("", "")])
def test_an_entry_names_a_labelling_request_only_if_it_has_rows(reason, asked):
    findings = {"colour": TrendFinding(reason=reason)}
    verdict = Verdict(remedy="Wait.", per_attribute=findings)
    facts = TrainForecasterFacts(labelling_request="labelling/r/round-1.csv")
    entry = ledger.Entry(Step.TRAIN_FORECASTER, 1, 1, "", 1.0, "x", facts, verdict)
    assert (entry.done.remedy, entry.done.request) == ("Wait.", asked)


def test_the_latest_entry_of_a_step_counts(store):
    run = ledger.start(store, make_run())
    for seconds in (1.0, 2.0):
        entry = ledger.Entry(Step.LABEL, 1, 1, "", seconds, "x", LabelFacts())
        run = ledger.record(store, run, entry)
    assert run.latest(Step.LABEL).seconds == 2.0
    with pytest.raises(LookupError):
        run.latest(Step.PUBLISH)


def test_all_runs_are_listed(store):
    for run_id in ("2026-11-24-b", "2026-11-23-a"):
        ledger.start(store, make_run(run_id))
    assert ledger.runs(store) == ["2026-11-23-a", "2026-11-24-b"]
