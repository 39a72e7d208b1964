"""What one step writes another reads: reports, verdicts and facts as JSON of the store."""

import json
import math
from dataclasses import fields, replace
from datetime import date

import pytest

from fashiontrend import gates, outcomes
from fashiontrend.catalogue import health
from fashiontrend.config import AccuracyGateConfig, HealthConfig, PerplexityGateConfig
from fashiontrend.errors import DataError
from fashiontrend.loop import Done, Move, Step
from fashiontrend.outcomes import (
    AccuracyFinding,
    EvalReport,
    TrainForecasterFacts,
    TrendFinding,
    TrendReport,
    Verdict,
)
from fashiontrend.storage import ledger, schemas
from tests.forecaster.conftest import make_shares
from tests.producers import backtested, evaluated

DAY = date(2026, 11, 23)
EVALUATION = evaluated(colour=0.93, sleeve=0.4)


@pytest.fixture(scope="module")
def backtest():
    return backtested(make_shares(days=80))


@pytest.fixture(scope="module")
def verdicts(backtest):
    cfg = PerplexityGateConfig(threshold=1.0)
    crawled = health.measure_health(schemas.LISTING.empty_table(), {}, 0, 0)
    return {
        "accuracy": gates.decide_accuracy(EVALUATION, AccuracyGateConfig()),
        "perplexity": gates.decide_perplexity(backtest, EVALUATION, cfg),
        "data_health": gates.decide_health(crawled, [100], HealthConfig()),
    }


def through_json(record):
    """The record after it was written to the store and read back."""
    return type(record).from_json(json.loads(json.dumps(record.to_json(), allow_nan=False)))


def test_an_evaluation_survives_json():
    assert through_json(EVALUATION) == EVALUATION


def test_a_backtest_survives_json(backtest):
    assert through_json(backtest).to_json() == backtest.to_json()
    assert through_json(backtest).pairs[0].platform == backtest.pairs[0].platform


@pytest.mark.parametrize("gate", ["accuracy", "perplexity", "data_health"])
def test_a_verdict_survives_json(verdicts, gate):
    assert through_json(verdicts[gate]) == verdicts[gate]


@pytest.mark.parametrize(
    ("gate", "kind"), [("accuracy", AccuracyFinding), ("perplexity", TrendFinding)]
)
def test_the_findings_of_a_verdict_are_those_of_its_gate(verdicts, gate, kind):
    found = through_json(verdicts[gate]).per_attribute
    assert found
    assert all(isinstance(f, kind) for f in found.values())


def test_a_number_that_is_unknown_is_null_in_json_and_nan_in_memory():
    report = replace(EVALUATION, mean_accuracy=math.nan, worst_wilson_low=math.inf)
    assert report.to_json()["mean_accuracy"] is None
    again = through_json(report)
    assert math.isnan(again.mean_accuracy)
    assert math.isnan(again.worst_wilson_low)


#: Stores, the API and the metrics rest on these names.
NAMES = {
    outcomes.EvalReport: "mean_accuracy worst_attribute worst_wilson_low majority_accuracy "
    "attributes box pictures undecided",
    outcomes.AttributeReport: "accuracy wilson_low macro_f1 visibility_f1 support not_visible ece "
    "majority_accuracy confusion",
    outcomes.BoxReport: "mean_iou ap50 support",
    outcomes.TrendReport: "perplexity perplexity_floor perplexity_uniform normalised_perplexity "
    "noise_floor skill best_naive difference difference_se differences origins_effective "
    "coverage80 mase wape days_used days_withheld origins_used stride baselines interval_width pairs",
    outcomes.PairReport: "platform attribute perplexity perplexity_floor perplexity_uniform "
    "normalised_perplexity noise_floor skill divergence coverage80 mase wape support "
    "interval_width days_used days_judged naive_before baselines",
    outcomes.Verdict: "gate passed checks reasons remedy warnings per_attribute numbers futile",
    outcomes.Check: "name seen limit passed detail",
    outcomes.AccuracyFinding: "accuracy wilson_low support reason",
    outcomes.TrendFinding: "perplexity perplexity_floor perplexity_uniform normalised_perplexity "
    "noise_floor skill coverage80 support interval_width accuracy contribution fits reason remedy",
    outcomes.HealthFacts: "products listings pictures pictures_bad image_success field_coverage "
    "blocked duplicates no_garments",
    outcomes.CrawlFacts: "days requests pictures failed",
    outcomes.CrawlFailure: "day platform reason",
    outcomes.IngestFacts: "partitions listings pictures withheld no_garments",
    outcomes.WithheldDay: "platform day reason",
    outcomes.LabelFacts: "version pictures support priors thin_values balance held_out "
    "annotated_without_picture ignored_attributes named dropped_rules changed texts",
    outcomes.ReadTexts: "platform language products labelled no_garments unlabelled",
    outcomes.TrainAttrnetFacts: "version dataset changed bought report",
    outcomes.RecogniseFacts: "attrnet days pictures",
    outcomes.SharesFacts: "attrnet rows withheld",
    outcomes.TrainForecasterFacts: "version report labelling_request",
    outcomes.PublishFacts: "release keywords segments scorecard",
}


@pytest.mark.parametrize("kind", NAMES, ids=lambda kind: kind.__name__)
def test_the_names_in_the_store_stay(kind):
    assert [f.name for f in fields(kind)] == NAMES[kind].split()


def test_a_record_of_the_version_before_is_read_with_defaults_and_without_what_is_unknown():
    plain = EVALUATION.to_json()
    del plain["undecided"]
    again = EvalReport.from_json({**plain, "a_field_of_long_ago": 3})
    assert (again.undecided, again.mean_accuracy) == (0, EVALUATION.mean_accuracy)


def test_a_report_that_does_not_say_how_many_days_were_judged_judged_all(backtest):
    plain = backtest.to_json()
    for pair in plain["pairs"]:
        del pair["days_judged"]
    assert all(p.is_tested for p in TrendReport.from_json(plain).pairs)


@pytest.mark.parametrize("value", ["1.01", True, [], {}], ids=str)
@pytest.mark.parametrize("name", ["normalised_perplexity", "perplexity"])
def test_what_is_no_number_is_refused_and_opens_no_gate(backtest, name, value):
    with pytest.raises(DataError, match=rf"forecaster f: {name}.*Another version.*move it away"):
        TrendReport.from_json({**backtest.to_json(), name: value}, "forecaster f")


@pytest.mark.parametrize("data", [None, 3, "x", [], {"pairs": 3}, {"pairs": [{}]}], ids=str)
def test_what_is_no_report_is_refused(data):
    with pytest.raises(DataError, match="Another version of fashiontrend wrote this"):
        TrendReport.from_json(data)


@pytest.fixture
def run(store):
    return ledger.start(
        store, ledger.Run("r", DAY, f"{DAY}T06:00:00+00:00", {}, "0.1.0", "1", "t", None)
    )


@pytest.mark.parametrize("step", Step)
def test_the_facts_of_a_step_come_back_as_their_own_kind(store, run, step):
    kind = ledger.FACTS[step]
    entry = ledger.Entry(step, 1, 1, "", 1.0, "x", kind())
    again = ledger.record(store, run, entry)
    assert isinstance(again.facts(kind), kind)
    assert again.entries[0].to_json() == entry.to_json()


def test_facts_of_a_step_that_was_not_taken_are_missed_with_their_name(run):
    assert run.find_facts(TrainForecasterFacts) is None
    with pytest.raises(LookupError, match="no step has written TrainForecasterFacts"):
        run.facts(TrainForecasterFacts)


#: A step as the version before wrote it, copied from a store.
BEFORE = {
    "step": "train-forecaster", "label_round": 2, "train_round": 1,
    "started_at": "2026-11-23T07:00:00+00:00", "seconds": 12.5, "output": "models/forecaster/f",
    "facts": {
        "version": "f", "labelling_request": "labelling/r/round-2.csv",
        "report": {"normalised_perplexity": None, "days_used": 80, "pairs": [
            {"platform": "shop", "attribute": "colour", "normalised_perplexity": 1.2,
             "support": 120.0, "baselines": {"persistence": 1.1, "ewma": None}}]},
    },
    "verdict": {
        "gate": "perplexity", "passed": False, "reasons": ["skill is 0, expected > 0.05"],
        "checks": [{"name": "skill", "seen": 0.0, "limit": "> 0.05", "passed": False, "detail": ""}],
        "remedy": "colour: Train longer.", "warnings": [],
        "per_attribute": {"colour": {"normalised_perplexity": 1.2, "fits": False, "reason": "model",
                                     "remedy": "Train longer."}},
    },
}  # fmt: skip


def test_a_step_of_the_version_before_is_read():
    entry = ledger.Entry.from_json(BEFORE, "runs/r/steps/0007.json")
    assert entry.done == Done(
        Move(Step.TRAIN_FORECASTER, 2, 1), False, "skill is 0, expected > 0.05",
        "colour: Train longer.", "labelling/r/round-2.csv",
    )  # fmt: skip
    assert isinstance(entry.facts, TrainForecasterFacts)
    assert entry.facts.report.pairs[0].baselines["persistence"] == 1.1
    assert entry.to_json()["facts"]["labelling_request"] == "labelling/r/round-2.csv"


def test_a_step_that_this_version_cannot_read_is_refused_by_its_file_and_field():
    broken = {**BEFORE, "facts": {"version": 7}}
    with pytest.raises(DataError, match=r"runs/r/steps/0007\.json: facts: version \(7\)"):
        ledger.Entry.from_json(broken, "runs/r/steps/0007.json")


def test_a_verdict_that_says_only_whether_it_passed_is_read():
    assert Verdict.from_json({"passed": True}).passed
