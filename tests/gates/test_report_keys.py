"""Who reads a report asks for keys that its producer writes: gates, ledger, exporter and pages."""

from dataclasses import replace
from datetime import date

import pytest

from fashiontrend import gates
from fashiontrend.catalogue import health
from fashiontrend.config import AccuracyGateConfig, HealthConfig, PerplexityGateConfig
from fashiontrend.exporter import verdicts
from fashiontrend.exporter.state import PlatformDay, State
from fashiontrend.loop import Step
from fashiontrend.report import judged
from fashiontrend.serve.release import history
from fashiontrend.storage import ledger, schemas
from tests.forecaster.conftest import make_shares
from tests.producers import Watched, backtested, evaluated

DAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def backtest():
    return backtested(make_shares(days=80))


@pytest.fixture(scope="module", params=[0.93, 0.75, 0.4], ids=lambda a: f"accuracy {a}")
def evaluation(request):
    return evaluated(attr0=request.param, attr1=0.9)


@pytest.fixture(scope="module")
def crawled():
    return health.facts(schemas.LISTING.empty_table(), {}, 0, 0)


@pytest.fixture
def missed():
    return set()


def test_the_health_gate_reads_what_a_day_counts(crawled, missed):
    gates.judge_health(Watched(crawled, missed), [100], HealthConfig())
    assert missed == set()


def test_the_accuracy_gate_reads_what_the_evaluation_writes(evaluation, missed):
    gates.judge_accuracy(Watched(evaluation, missed), AccuracyGateConfig())
    assert missed == set()


@pytest.mark.parametrize("metric", ["normalised_perplexity", "perplexity"])
def test_the_perplexity_gate_reads_what_backtest_and_evaluation_write(
    backtest, evaluation, metric, missed
):
    cfg = PerplexityGateConfig(metric=metric, threshold=1.0)
    trend = Watched(backtest, missed, "backtest.")
    gates.judge_perplexity(trend, Watched(evaluation, missed, "evaluation."), cfg)
    assert missed == set()


@pytest.fixture
def run(backtest, evaluation, missed):
    """A run whose verdicts and reports are watched."""
    accuracy = gates.judge_accuracy(evaluation, AccuracyGateConfig())
    trend = gates.judge_perplexity(backtest, evaluation, PerplexityGateConfig(threshold=1.0))
    started = ledger.Run("r", DAY, f"{DAY}T06:00:00+00:00", {}, "0", "1", "t", None)

    def entry(step, report, verdict):
        return ledger.Entry(
            step, 1, 1, f"{DAY}T07:00:00+00:00", 1.0, "o",
            {"report": Watched(report, missed, f"{step} report.")},
            Watched(verdict.to_dict(), missed, f"{step} verdict."),
        )  # fmt: skip

    return replace(
        started,
        entries=(
            entry(Step.TRAIN_ATTRNET, evaluation, accuracy),
            entry(Step.TRAIN_FORECASTER, backtest, trend),
        ),
    )


def test_ledger_and_api_read_what_a_verdict_says(run, missed):
    assert [entry.done.passed for entry in run.entries][1] is False
    for name in ("accuracy", "perplexity"):
        step = history.GATES[name]
        assert history._verdict(name, run, run.latest(step))["reasons"] is not None
    assert missed == set()


def test_the_exporter_reads_what_verdicts_and_backtest_say(run, crawled, missed):
    verdict = gates.judge_health(crawled, [100], HealthConfig()).to_dict()
    facts = Watched({"health": crawled, "verdict": verdict}, missed, "catalogued day.")
    days = {"shop": PlatformDay("shop", DAY, facts)}
    for family in verdicts.families(State(runs=(run,)), days):
        assert family.samples is not None
    # Only the perplexity gate can leave an attribute unjudged.
    assert missed <= {f"train-attrnet verdict.per_attribute.{a}.fits" for a in ("attr0", "attr1")}


def test_the_report_reads_what_verdicts_backtest_and_evaluation_say(run, missed):
    judged.tell_gates(run)
    judged.tell_history([run])
    judged.tell_backtest(run.latest(Step.TRAIN_FORECASTER).facts["report"])
    assert missed <= {"train-attrnet facts.changed"}
