"""What rounds of the accuracy gate train with."""

from datetime import date
from types import SimpleNamespace

import pyarrow as pa
import pytest

from fashiontrend.config import Config
from fashiontrend.loop import Move, Step
from fashiontrend.outcomes import AttributeReport, EvalReport, LabelFacts, TrainAttrnetFacts
from fashiontrend.outcomes.facts import PictureCounts
from fashiontrend.pipeline import rounds
from fashiontrend.storage import ledger
from fashiontrend.taxonomy import Taxonomy


def named(name):
    return {"id": name, "en": name, "zh": name}


TAXONOMY = Taxonomy.model_validate(
    {
        "version": "t",
        "attributes": [
            {**named("colour"), "values": [named("red"), named("blue")]},
            {**named("kind"), "values": [named("shirt"), named("shoe")]},
        ],
    }
)
TRAIN = pa.table(
    {
        "labels": [[0, 0]] * 9 + [[1, 1]],
        "confidences": [[1.0, 1.0]] * 10,
        "annotated": [True] * 10,
        "repeat": [1] * 10,
    }
)
REPORT = EvalReport(
    mean_accuracy=0.6,
    worst_attribute="kind",
    attributes={
        "colour": AttributeReport(accuracy=0.7, wilson_low=0.65, support=300),
        "kind": AttributeReport(accuracy=0.5, wilson_low=0.45, support=300),
    },
)


def run_of(report):
    """A run that labelled ten pictures and evaluated one recogniser."""
    priors = {"colour": [0.9, 0.1, 0]}
    labelled = LabelFacts(pictures=PictureCounts(drawn=10), priors=priors)
    return ledger.Run(
        "r", date(2026, 11, 23), "", {}, "", "", "", None,
        (
            ledger.Entry(Step.LABEL, 1, 1, "", 0.0, "datasets/x", labelled),
            ledger.Entry(Step.TRAIN_ATTRNET, 1, 1, "", 0.0, "m", TrainAttrnetFacts(report=report)),
        ),
    )  # fmt: skip


@pytest.fixture
def plan():
    def make(round_, report=REPORT):
        store = SimpleNamespace(read_partition=lambda *_, **__: TRAIN)
        config = Config(attrnet={"epochs": 10, "input_px": 64})
        return rounds.plan(
            SimpleNamespace(
                config=config, store=store, taxonomy=TAXONOMY, run=run_of(report),
                move=Move(Step.TRAIN_ATTRNET, 1, round_),
            )
        )  # fmt: skip

    return make


def test_the_first_round_trains_as_configured(plan):
    first = plan(1)
    assert (first.epochs, first.seed, first.pictures, first.more) == (10, 0, 10, None)
    assert first.priors == {"colour": [0.9, 0.1, 0]}
    assert "longer" not in first.changed


def test_the_second_is_longer_from_another_seed_and_repeats_the_weakest_attributes_rare_values(
    plan,
):
    second = plan(2)
    assert (second.epochs, second.seed) == (15, 1000)
    column, factors = second.more
    assert column == 1
    assert factors == pytest.approx([1.0, 5**0.5, 1.0])
    assert second.pictures == 11
    assert second.priors["kind"] == pytest.approx([9 / 11, 2 / 11, 0])
    assert "rare values of kind" in second.changed
    assert second.attrnet.input_px == 64


@pytest.mark.parametrize(
    ("colour", "sharpened"),
    [
        pytest.param(
            AttributeReport(wilson_low=0.6, support=300), "colour", id="the weakest that is judged"
        ),
        pytest.param(AttributeReport(wilson_low=0.6, support=99), None, id="none is judged"),
    ],
)
def test_an_attribute_that_only_lacks_pictures_is_not_resampled_for_it(plan, colour, sharpened):
    thin = AttributeReport(wilson_low=0.3, support=20)
    report = EvalReport(worst_attribute="kind", attributes={"colour": colour, "kind": thin})
    second = plan(2, report)
    assert (second.more and TAXONOMY.ids[second.more[0]]) == sharpened
    assert "kind" not in second.changed


def test_the_third_sees_more_pixels(plan):
    third = plan(3)
    assert third.attrnet.input_px == 80
    assert "input of 80 px" in third.changed


def test_what_a_round_bought_is_reported_per_attribute():
    context = SimpleNamespace(run=run_of(REPORT), move=Move(Step.TRAIN_ATTRNET, 1, 2))
    parts = {"colour": AttributeReport(accuracy=0.7), "kind": AttributeReport()}
    better = EvalReport(mean_accuracy=0.7, attributes=parts)
    assert rounds.bought(context, better) == {
        "mean_accuracy": pytest.approx(0.1), "colour": 0.0, "kind": None,
    }  # fmt: skip
