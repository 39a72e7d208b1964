"""The page of a recogniser's evaluation: complete in itself, readable, honest about what is missing."""

import io
import re

import html5lib
import numpy as np
import pytest
from PIL import Image

from fashiontrend.attrnet.evaluation import labelled_set
from fashiontrend.attrnet.evaluation.hard_examples import BoxMistake, Mistake
from fashiontrend.report import EvaluationInput, Exhibit, build_evaluation
from fashiontrend.report.confusion import heat, most_confused, per_value
from fashiontrend.report.exhibits import show_mistakes, show_places
from fashiontrend.taxonomy import Attribute, Taxonomy, Value

HOSTILE = '<script>alert("x")</script>'


def attribute(name, values):
    return Attribute(
        id=name, en=name.capitalize(), zh="类别" + name,
        values=tuple(Value(id=f"v{n}", en=f"{name} {n}", zh=f"值{n}") for n in range(values)),
    )  # fmt: skip


TAXONOMY = Taxonomy(version="t", attributes=(attribute("colour", 3), attribute("kind", 12)))


def answer(rng, labels, right):
    probs = {}
    for n, (name, values) in enumerate(TAXONOMY.num_values.items()):
        told = rng.dirichlet(np.full(values + 1, 0.3), len(labels)) * (1 - right)
        told[np.arange(len(labels)), labels[:, n]] += right * rng.random(len(labels))
        probs[name] = told / told.sum(1, keepdims=True)
    return probs


@pytest.fixture(scope="module")
def report():
    rng = np.random.default_rng(0)
    labels = np.stack([rng.integers(0, 3, 120), rng.integers(0, 12, 120)], 1)
    good, bad = answer(rng, labels, 0.8), answer(rng, labels, 0.1)
    right = labelled_set.find_right(good, labels, TAXONOMY)
    true = np.array([[0.1, 0.1, 0.6, 0.7]] * 100 + [[0.2, 0.2, 0.4, 0.4]] * 15 + [[0.0] * 4] * 5)
    found = np.clip(true + rng.normal(0, 0.05, true.shape), 0, 1)
    boxes = labelled_set.score_boxes(found, rng.random(120), true, 0.1)
    score = labelled_set.score(good, labels, TAXONOMY)
    return {
        "val": score,
        "core_seconds": 12.5,
        "seed": 0,
        "fitted_on": 1000,
        "scenes": boxes
        | {"threshold": 0.1, "mean_accuracy": score["mean_accuracy"], "recognised": score},
        "baselines": {
            "majority": {
                "score": labelled_set.score(bad, labels, TAXONOMY),
                "against": labelled_set.compare(
                    right, labelled_set.find_right(bad, labels, TAXONOMY)
                ),
            }
        },
    }


def picture(colour=(200, 30, 30)):
    sink = io.BytesIO()
    Image.new("RGB", (60, 80), colour).save(sink, "JPEG")
    return sink.getvalue()


def exhibit(mistake, image=None, name="p1"):
    return Exhibit(name, image or picture(), (0.1, 0.1, 0.9, 0.9), mistake, (0.2, 0.2, 0.8, 0.8))


WRONG = Mistake(0, "colour", 0, 0.97, 1, 0.01)
MISSED = BoxMistake(0, 0.2, 0.0, False)


@pytest.fixture(scope="module")
def page(report):
    return build_evaluation(
        EvaluationInput(
            "model " + HOSTILE, TAXONOMY, report,
            {"colour": [exhibit(WRONG, name=HOSTILE)]}, [exhibit(MISSED)],
            [exhibit(BoxMistake(0, 0.9, 0.0, True))],
        )
    )  # fmt: skip


@pytest.fixture(scope="module")
def tree(page):
    return parse(page)


def parse(page):
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)


def test_the_page_is_well_formed_and_its_references_have_targets(page, tree):
    ids = [e.get("id") for e in tree.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:url\(#|href="#)([^")]+)', page)) <= set(ids)


def test_nothing_is_asked_of_any_server(page, tree):
    assert not [e for e in tree.iter() if e.tag in ("script", "link", "iframe", "object", "embed")]
    assert [v for e in tree.iter() for v in dict(e.items()).values() if "://" in v] == []
    assert not re.search(r"@import|url\((?!#)", page)


def test_names_from_outside_are_text(page):
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


def test_the_same_report_gives_the_same_page(page, report):
    data = EvaluationInput("m", TAXONOMY, report)
    assert build_evaluation(data) == build_evaluation(data)


def test_every_picture_and_chart_is_also_said(tree):
    assert all(e.get("alt") for e in tree.iter("img"))
    assert all(e.get("aria-label") for e in tree.iter("svg"))
    assert all(e.find("caption") is not None for e in tree.iter("table"))


def test_baselines_stand_beside_the_model_with_the_paired_difference(page, report):
    told = report["baselines"]["majority"]["against"]
    assert "The commonest value" in page
    assert f"{100 * told['difference']:+.1f}" in page


def test_without_scenes_and_baselines_the_page_says_what_it_has(report):
    alone = {k: v for k, v in report.items() if k not in ("scenes", "baselines")}
    page = build_evaluation(EvaluationInput("m", TAXONOMY, alone))
    parse(page)
    assert 'id="location"' not in page
    assert "against" not in page.split("<main>")[0].split("lead")[-1]


def test_an_attribute_without_a_labelled_picture_is_shown_without_numbers():
    rng = np.random.default_rng(0)
    labels = np.stack([np.arange(30) % 3, np.full(30, -1)], 1)
    with np.errstate(invalid="ignore"):
        score = labelled_set.score(answer(rng, np.abs(labels), 0.8), labels, TAXONOMY)
    alone = {"val": score, "core_seconds": None, "seed": 0, "fitted_on": 30}
    parse(build_evaluation(EvaluationInput("m", TAXONOMY, alone)))


def test_few_values_make_a_heat_map_and_many_a_list_of_mix_ups(tree):
    classes = [e.get("class") for e in tree.iter("table")]
    assert classes.count("heat") == 1
    assert any("most frequent mix-ups" in "".join(e.itertext()) for e in tree.iter("caption"))


NAMES = [("a", ""), ("b", ""), ("c", "丙"), ("not visible", "看不出")]
COUNTS = np.array([[8, 2, 0, 0], [5, 5, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]])


def test_a_heat_map_shows_the_part_of_each_label_and_leaves_out_what_never_occurs():
    shown = heat(COUNTS, NAMES)
    assert list(shown.columns) == NAMES[:3]
    assert [c.share for c in shown.rows[0].cells] == [0.8, 0.2, 0.0]
    assert heat(np.eye(9, dtype=int), [(str(n), "") for n in range(9)]) is None
    assert heat(np.zeros((4, 4), int), NAMES) is None


def test_mix_ups_are_listed_by_how_often_they_happen():
    found = most_confused(COUNTS, NAMES)
    assert [(p.labelled[0], p.predicted[0], p.count, p.of) for p in found] == [
        ("b", "a", 5, 10),
        ("a", "b", 2, 10),
        ("c", "b", 1, 1),
    ]


def test_a_value_that_was_never_predicted_has_no_precision():
    rows = {r.name[0]: r for r in per_value(COUNTS, NAMES)}
    assert rows["c"].right is None
    assert rows["a"].found == 0.8
    assert rows["a"].right == pytest.approx(8 / 13)
    assert "not visible" not in rows


def test_a_picture_that_cannot_be_shown_is_left_out():
    assert show_mistakes([exhibit(WRONG, b"no picture")], TAXONOMY) == []
    assert show_places([exhibit(MISSED, b"no picture")]) == []


def test_a_mistake_shows_both_names_and_its_confidence():
    [shown] = show_mistakes([exhibit(WRONG)], TAXONOMY)
    assert shown.predicted == ("colour 0", "值0")
    assert shown.labelled == ("colour 1", "值1")
    assert shown.confidence == 0.97
    assert shown.src.startswith("data:image/jpeg;base64,")
