import pytest

from fashiontrend.config import LabelsConfig
from fashiontrend.labels import audit, title_rules, titles


@pytest.fixture
def material(small, make_listings, make_annotations):
    """Ten titles say crew and two are right; nine of ten are right on red, none of three on blue."""
    said = [f"crew neck {c}" for c in ["red"] * 10] + ["blue top"] * 3
    rows = make_listings(*({"title": t} for t in said))
    true = [("crew" if n < 2 else "v_neck", "red" if n < 9 else "not_visible") for n in range(10)]
    annotated = [
        (f"p{n}", f"a/{n}", "train", {"neckline": k, "colour": c}) for n, (k, c) in enumerate(true)
    ]
    annotated += [(f"p{n}", f"a/{n}", "train", {"colour": "red"}) for n in range(10, 13)]
    rules = title_rules.compile_rules(small)
    return rules, titles.read_titles(rows, small, rules), make_annotations(*annotated)


def test_each_rule_is_compared_with_the_annotated_pictures_that_it_labelled(material):
    precision = audit.measure_precision(*material[1:]).set_index("rule")
    assert precision.loc["crew neck", ["support", "agreements", "precision"]].tolist() == [
        10,
        2,
        0.2,
    ]
    assert precision.loc["red", ["support", "agreements", "precision"]].tolist() == [10, 9, 0.9]
    assert precision.loc["blue", "precision"] == 0.0


def test_validation_pictures_do_not_count(small, material, make_annotations):
    val = make_annotations(("p0", "a/0", "val", {"neckline": "v_neck"}))
    assert audit.measure_precision(material[1], val).empty


@pytest.mark.parametrize(
    ("attributes", "settings", "dropped"),
    [
        (("neckline", "colour"), {}, ["crew neck"]),
        (("colour",), {}, []),
        (("neckline",), {"audit": False}, []),
        (("neckline",), {"min_rule_precision": 0.2}, []),
    ],
    ids=[
        "contradicted",
        "another attribute",
        "switched off",
        "precise enough",
    ],
)
def test_rules_that_people_contradict_are_dropped_for_the_named_attributes(
    material, attributes, settings, dropped
):
    rules, labels, annotations = material
    kept, table = audit.drop_rules(
        rules, audit.measure_precision(labels, annotations), attributes, LabelsConfig(**settings)
    )
    assert sorted(table["rule"].to_pylist()) == dropped
    assert {r.term for r in rules.rules} - {r.term for r in kept.rules} == set(dropped)


def test_a_rule_with_too_few_annotated_pictures_stays(material, monkeypatch):
    rules, labels, annotations = material
    precision = audit.measure_precision(labels, annotations)
    few = precision["support"].min()
    monkeypatch.setattr(audit, "MIN_RULE_SUPPORT", few)
    _, dropped = audit.drop_rules(rules, precision, ("neckline", "colour"), LabelsConfig())
    assert sorted(dropped["rule"].to_pylist()) == ["blue", "crew neck"]
    monkeypatch.setattr(audit, "MIN_RULE_SUPPORT", few + 1)
    _, dropped = audit.drop_rules(rules, precision, ("neckline", "colour"), LabelsConfig())
    assert dropped["rule"].to_pylist() == ["crew neck"]


def test_a_dropped_rule_has_its_reason(material):
    rules, labels, annotations = material
    _, table = audit.drop_rules(
        rules, audit.measure_precision(labels, annotations), ("neckline",), LabelsConfig()
    )
    assert table.to_pylist() == [
        {
            "attribute": "neckline",
            "value": "crew",
            "rule": "crew neck",
            "support": 10,
            "precision": 0.2,
            "reason": "agrees with 2 of 10 annotated pictures, 60% are needed",
        }
    ]
