import numpy as np
import pytest

from fashiontrend.attrnet.inference import prediction
from fashiontrend.taxonomy import Taxonomy


@pytest.fixture
def taxonomy():
    def named(name, **more):
        return {"id": name, "en": name.title(), "zh": name, **more}

    return Taxonomy.model_validate(
        {
            "version": "t",
            "garment_groups": {"tops": ["shirt"]},
            "attributes": [
                named("garment_type", values=[named("shirt"), named("shoe")]),
                named("sleeve", values=[named("long"), named("short")], applies_to=["tops"]),
            ],
        }
    )


def probs(garment, sleeve):
    return {"garment_type": np.array(garment), "sleeve": np.array(sleeve)}


def test_the_likeliest_value_is_told_with_its_name(taxonomy):
    told = prediction.decide(probs([0.7, 0.2, 0.1], [0.3, 0.6, 0.1]), taxonomy, top_k=2)["sleeve"]
    assert (told.status, told.value, told.name) == ("present", "short", "Short")
    assert told.confidence == pytest.approx(0.6)
    assert [c.value for c in told.top_k] == ["short", "long"]


def test_not_visible_has_no_value(taxonomy):
    told = prediction.decide(probs([0.7, 0.2, 0.1], [0.3, 0.1, 0.6]), taxonomy)["sleeve"]
    assert (told.status, told.value) == ("not_visible", None)


def test_what_a_garment_cannot_have_does_not_apply(taxonomy):
    told = prediction.decide(probs([0.2, 0.7, 0.1], [0.3, 0.6, 0.1]), taxonomy)["sleeve"]
    assert (told.status, told.value) == ("not_applicable", None)


def test_below_the_minimum_a_value_is_told_as_uncertain(taxonomy):
    told = prediction.decide(probs([0.7, 0.2, 0.1], [0.3, 0.6, 0.1]), taxonomy, 0, 0.65)["sleeve"]
    assert (told.status, told.value) == ("uncertain", "short")
